/* SPDX-License-Identifier: Zlib */
/* One line in somebody else's rc file: added once, after what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/bazelrc_import.h"
#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

struct place {
	char directory[64];
	char rc[96];
	struct root root;
};

static void place_make(struct place *place, const char *content)
{
	struct error error = {0};
	FILE *stream;

	*place = (struct place){.directory = "/tmp/spinup-rc-XXXXXX"};
	assert_non_null(mkdtemp(place->directory));
	(void)snprintf(place->rc, sizeof(place->rc), "%s/.bazelrc", place->directory);
	assert_int_equal(root_open_directory(&place->root, NULL, &error), 0);
	if (!content)
		return;
	stream = fopen(place->rc, "w");
	assert_non_null(stream);
	(void)fputs(content, stream);
	assert_int_equal(fclose(stream), 0);
}

static void place_remove(struct place *place)
{
	(void)unlink(place->rc);
	assert_int_equal(rmdir(place->directory), 0);
	root_close(&place->root);
}

static void added_once(void **state)
{
	static const struct {
		const char *before, *file, *after;
	} rows[] = {
		{NULL, "/t/bazelrc", "try-import /t/bazelrc\n"},
		{"", "/t/bazelrc", "try-import /t/bazelrc\n"},
		{"build --x\n", "/t/bazelrc", "build --x\ntry-import /t/bazelrc\n"},
		/* setup-bazel leaves the last newline out */
		{"build --x", "/t/bazelrc", "build --x\ntry-import /t/bazelrc\n"},
		{"try-import /t/bazelrc", "/t/bazelrc", "try-import /t/bazelrc"},
		{"# try-import /t/bazelrc\n", "/t/bazelrc",
		 "# try-import /t/bazelrc\ntry-import /t/bazelrc\n"},
		{"try-import /t/bazelrc2\n", "/t/bazelrc",
		 "try-import /t/bazelrc2\ntry-import /t/bazelrc\n"},
		{NULL, "/a b/bazelrc", "try-import '/a b/bazelrc'\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf text = STRBUF_INIT(4096);
		struct error error = {0};
		struct place place;

		place_make(&place, rows[i].before);
		assert_int_equal(bazelrc_import(&place.root, place.rc, rows[i].file, &error), 0);
		assert_int_equal(bazelrc_import(&place.root, place.rc, rows[i].file, &error), 0);
		assert_int_equal(root_read(&place.root, place.rc, &text), 0);
		assert_string_equal(text.data, rows[i].after);
		strbuf_release(&text);
		place_remove(&place);
	}
}

static void what_is_no_file_is_named(void **state)
{
	struct error error = {0};
	struct place place;

	(void)state;
	place_make(&place, NULL);
	assert_int_equal(mkfifo(place.rc, 0600), 0);
	assert_int_equal(bazelrc_import(&place.root, place.rc, "/t", &error), -1);
	assert_non_null(strstr(error.message, place.rc));
	assert_int_equal(bazelrc_import(&place.root, "/does/not/exist", "/t", &error), -1);
	assert_non_null(strstr(error.message, "/does/not/exist"));
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(added_once),
		cmocka_unit_test(what_is_no_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
