/* SPDX-License-Identifier: Zlib */
/* Fixtures, read from the folder that the tests run in. */
#include "tests/unit/fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/mem.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

void fixture_read(const char *format, const char *name, const char *file, struct strbuf *out)
{
	char *path = mem_format("fixtures/%s/%s/%s", format, name, file);
	FILE *stream = fopen(path, "re");
	char bytes[4096];
	size_t count;

	if (!stream)
		print_error("%s cannot be read\n", path);
	assert_non_null(stream);
	while (stream && (count = fread(bytes, 1, sizeof(bytes), stream)) > 0)
		strbuf_add(out, bytes, count);
	if (stream)
		(void)fclose(stream);
	free(path);
}

void fixture_expected(const char *format, const char *name, struct strbuf *out)
{
	fixture_read(format, name, "expected", out);
	strbuf_truncate(out, strcspn(out->data, "\n"));
}

void fixture_each(const char *format, unsigned int least, void (*check)(const char *name))
{
	char *path = mem_format("fixtures/%s", format);
	DIR *directory = opendir(path);
	unsigned int count = 0;

	if (!directory)
		print_error("%s cannot be read\n", path);
	assert_non_null(directory);
	for (struct dirent *entry; directory && (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		print_message("%s/%s\n", path, entry->d_name);
		check(entry->d_name);
		count++;
	}
	if (directory)
		(void)closedir(directory);
	free(path);
	assert_true(count >= least);
}
