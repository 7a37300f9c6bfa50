/* SPDX-License-Identifier: Zlib */
/* Texts that are compared with a file below fixtures/. */
#include "tests/unit/golden.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/version.h"
#include "tests/unit/check.h"

#define MAX_BYTES (1u << 20)

/* A new release must not need new fixtures. The caller frees. */
static char *without_version(const char *text)
{
	char *copy = calloc(1, strlen(text) + 1);
	size_t length = strlen(SPINUP_VERSION);

	if (!copy)
		abort();
	for (char *end = copy; *text; end++) {
		bool is_version = strncmp(text, SPINUP_VERSION, length) == 0;

		*end = is_version ? 'V' : *text;
		text += is_version ? length : 1;
	}
	return copy;
}

static void update(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	if (!stream)
		fail_msg("%s cannot be written", path);
	(void)fputs(text, stream);
	(void)fclose(stream);
}

static char *read_whole(const char *path)
{
	char *text = calloc(1, MAX_BYTES);
	FILE *stream = fopen(path, "r");

	if (!text || !stream)
		fail_msg("%s cannot be read; run with SPINUP_UPDATE=1 once and look at it", path);
	(void)fread(text, 1, MAX_BYTES - 1, stream);
	(void)fclose(stream);
	return text;
}

void golden_expect(const char *path, const char *shown)
{
	const char *is_update = getenv("SPINUP_UPDATE");
	char *text = without_version(shown);
	unsigned int line = 1;
	size_t same = 0;
	char *wanted;

	if (is_update && *is_update) {
		update(path, text);
		free(text);
		return;
	}
	wanted = read_whole(path);
	while (text[same] && text[same] == wanted[same])
		line += text[same++] == '\n';
	if (text[same] != wanted[same])
		fail_msg("%s:%u: expected …%.60s… and got …%.60s…", path, line, wanted + same,
			 text + same);
	free(wanted);
	free(text);
}
