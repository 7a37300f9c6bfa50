/* SPDX-License-Identifier: Zlib */
/* Our lines in a Nix configuration file: put in once, taken out whole, and nobody else's touched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/nix_conf_edit.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define CONF "/etc/nix/nix.conf"
#define BLOCK(lines) "# spinup: begin\n" lines "# spinup: end\n"
#define GONE NULL

static const char *const none[] = {NULL};
static const char *const one[] = {"build-users-group = nixbld", NULL};
static const char *const two[] = {"build-users-group = nixbld", "sandbox =", NULL};

struct place {
	struct machine machine;
	struct root root;
};

static int place_make(void **state)
{
	static struct place place;

	machine_make(&place.machine);
	*state = &place;
	return root_open_directory(&place.root, place.machine.directory, NULL);
}

static int place_remove(void **state)
{
	struct place *place = *state;

	root_close(&place->root);
	machine_remove(&place->machine);
	return 0;
}

static bool edit(const struct place *place, const char *const *lines)
{
	struct error error = {0};
	bool is_changed = false;

	if (nix_conf_edit(&place->root, CONF, lines, &is_changed, &error) < 0)
		fail_msg("%s", error.message);
	return is_changed;
}

static void expect_content(const struct place *place, const char *content)
{
	struct strbuf text = STRBUF_INIT(8192);

	if (content == GONE) {
		assert_int_equal(access(machine_path(&place->machine, CONF), F_OK), -1);
		return;
	}
	assert_int_equal(root_read(&place->root, CONF, &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

static ino_t inode(const struct place *place)
{
	struct stat status;

	assert_int_equal(stat(machine_path(&place->machine, CONF), &status), 0);
	return status.st_ino;
}

/* What a file becomes with LINES; without them again it is AT_LAST. */
static const struct {
	const char *before;
	const char *const *lines;
	const char *after, *at_last;
} edits[] = {
	{GONE, one, "# Made by spinup.\n" BLOCK("build-users-group = nixbld\n"), GONE},
	{GONE, none, GONE, GONE},
	{"", one, BLOCK("build-users-group = nixbld\n"), ""},
	{"a = b\n", one, "a = b\n" BLOCK("build-users-group = nixbld\n"), "a = b\n"},
	{"a = b\n", two, "a = b\n" BLOCK("build-users-group = nixbld\nsandbox =\n"), "a = b\n"},
	/* the newline is the one thing that stays */
	{"a = b", one, "a = b\n" BLOCK("build-users-group = nixbld\n"), "a = b\n"},
	{"a = b", none, "a = b", "a = b"},
	/* an earlier block, in whatever place and number */
	{"a = b\n" BLOCK("sandbox = false\n") "c = d\n", one,
	 "a = b\nc = d\n" BLOCK("build-users-group = nixbld\n"), "a = b\nc = d\n"},
	{BLOCK("x = 1\n") "a = b\n" BLOCK("y = 2\n"), one,
	 "a = b\n" BLOCK("build-users-group = nixbld\n"), "a = b\n"},
	{"# spinup: begin \r\nx = 1\r\n# spinup: end\r\na = b\r\n", one,
	 "a = b\r\n" BLOCK("build-users-group = nixbld\n"), "a = b\r\n"},
	/* what only looks like a block */
	{"# spinup: beginning\n # spinup: end\n# spinup begin\n", one,
	 "# spinup: beginning\n # spinup: end\n# spinup begin\n" BLOCK(
		 "build-users-group = nixbld\n"),
	 "# spinup: beginning\n # spinup: end\n# spinup begin\n"},
	/* nothing of it is understood or mended */
	{"\t=\n\n\xff\xfe # \x1b[31m\n!include x\n\n", one,
	 "\t=\n\n\xff\xfe # \x1b[31m\n!include x\n\n" BLOCK("build-users-group = nixbld\n"),
	 "\t=\n\n\xff\xfe # \x1b[31m\n!include x\n\n"},
	/* our header alone is no reason to keep it; with a line of somebody else's it is */
	{"# Made by spinup.\n", none, GONE, GONE},
	{"# Made by spinup.\na = b\n" BLOCK("x = 1\n"), one,
	 "# Made by spinup.\na = b\n" BLOCK("build-users-group = nixbld\n"),
	 "# Made by spinup.\na = b\n"},
};

static void every_edit_and_its_undoing(void **state)
{
	const struct place *place = *state;

	machine_directory(&place->machine, "/etc");
	for (size_t i = 0; i < COUNT(edits); i++) {
		const char *before = edits[i].before, *after = edits[i].after;
		bool differs = (before == GONE) != (after == GONE) ||
			       (before && strcmp(before, after) != 0);

		print_message("%s\n", before ? before : "(no file)");
		(void)unlink(machine_path(&place->machine, CONF));
		if (before)
			machine_file(&place->machine, CONF, before);
		assert_int_equal(edit(place, edits[i].lines), differs);
		expect_content(place, after);
		assert_false(edit(place, edits[i].lines));
		expect_content(place, after);
		(void)edit(place, none);
		expect_content(place, edits[i].at_last);
		assert_false(edit(place, none));
	}
}

static void what_is_missing_is_made_readable_for_all(void **state)
{
	const struct place *place = *state;
	mode_t umask_before = umask(077);
	struct stat status;

	machine_directory(&place->machine, "/etc");
	assert_false(edit(place, none));
	assert_int_equal(access(machine_path(&place->machine, "/etc/nix"), F_OK), -1);
	assert_true(edit(place, one));
	(void)umask(umask_before);
	assert_int_equal(stat(machine_path(&place->machine, "/etc/nix"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0755);
	assert_int_equal(stat(machine_path(&place->machine, CONF), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
}

static void mode_and_owner_stay(void **state)
{
	const struct place *place = *state;
	uid_t owner = geteuid() == 0 ? 12345 : geteuid(); /* only root gives a file away */
	struct stat status;

	machine_file(&place->machine, CONF, "a = b\n");
	assert_int_equal(chown(machine_path(&place->machine, CONF), owner, (gid_t)-1), 0);
	machine_mode(&place->machine, CONF, 0640);
	assert_true(edit(place, one));
	assert_int_equal(stat(machine_path(&place->machine, CONF), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(status.st_uid, owner);
}

/* A daemon that watches the file is not woken for nothing. */
static void the_same_is_not_written_again(void **state)
{
	const struct place *place = *state;
	ino_t before;

	machine_file(&place->machine, CONF, "a = b\n");
	assert_true(edit(place, one));
	before = inode(place);
	assert_false(edit(place, one));
	assert_int_equal(inode(place), before);
}

static void expect_refusal(const struct place *place, const char *const *lines, const char *part)
{
	struct error error = {0};
	bool is_changed = true;

	assert_int_equal(nix_conf_edit(&place->root, CONF, lines, &is_changed, &error), -1);
	if (!strstr(error.message, part))
		fail_msg("\"%s\" is not in: %s", part, error.message);
	assert_true(is_changed); /* as it was */
}

static void damaged_blocks_are_named(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"a = b\n# spinup: begin\nx = 1\n", CONF ": line 2 is a marker of ours"},
		{"# spinup: end\na = b\n", CONF ": line 1 is a marker"},
		{BLOCK("x = 1\n") "a\n# spinup: end\n", CONF ": line 5 is a marker"},
		{"# spinup: begin\nx = 1\n" BLOCK("y = 2\n"), CONF ": line 1 is a marker"},
		{BLOCK("x = 1\n") "\n# spinup: begin", CONF ": line 5 is a marker"},
	};
	const struct place *place = *state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		machine_file(&place->machine, CONF, rows[i].text);
		expect_refusal(place, one, rows[i].part);
		expect_refusal(place, none, rows[i].part);
		expect_content(place, rows[i].text);
	}
}

static void our_own_lines_are_checked(void **state)
{
	static const char *const bad[] = {
		"a = b\nc = d",
		"a = b # c",
		"a = \x1b[31m",
		"a = b\r",
		"a = \x7f",
		"a =\tb",
		"",
		"a",
		"a=b",
		" = b",
		"include /tmp/x",
		"!include x",
		"# a = b",
		"A = b",
		"a b = c",
		"# spinup: end = x",
	};
	const struct place *place = *state;

	machine_file(&place->machine, CONF, "a = b\n");
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *lines[] = {"sandbox = true", bad[i], NULL};

		expect_refusal(place, lines, "is no line for Nix's configuration");
		expect_content(place, "a = b\n");
	}
}

static void a_link_is_refused(void **state)
{
	const struct place *place = *state;
	struct strbuf text = STRBUF_INIT(64);

	machine_file(&place->machine, "/etc/victim", "a = b\n");
	machine_directory(&place->machine, "/etc/nix");
	machine_link(&place->machine, CONF, "../victim");
	expect_refusal(place, one, CONF " is a symbolic link");
	assert_int_equal(root_read(&place->root, "/etc/victim", &text), 0);
	assert_string_equal(text.data, "a = b\n");
	strbuf_release(&text);
}

static void a_directory_of_others_is_refused(void **state)
{
	static const mode_t modes[] = {0777, 01777, 0775, 0757};
	const struct place *place = *state;

	machine_directory(&place->machine, "/etc/nix");
	for (size_t i = 0; i < COUNT(modes); i++) {
		machine_mode(&place->machine, "/etc/nix", modes[i]);
		expect_refusal(place, one, "can be written by others");
	}
	machine_mode(&place->machine, "/etc/nix", 0755);
	if (geteuid() != 0)
		skip(); /* root, to give a directory away */
	assert_int_equal(chown(machine_path(&place->machine, "/etc/nix"), 12345, 12345), 0);
	expect_refusal(place, one, "owner 12345");
}

static void what_is_no_text_is_refused(void **state)
{
	const struct place *place = *state;
	FILE *stream;

	machine_directory(&place->machine, CONF);
	expect_refusal(place, one, CONF " cannot be read: Is a directory");
	assert_int_equal(rmdir(machine_path(&place->machine, CONF)), 0);
	assert_int_equal(mkfifo(machine_path(&place->machine, CONF), 0600), 0);
	expect_refusal(place, one, CONF " cannot be read");
	assert_int_equal(unlink(machine_path(&place->machine, CONF)), 0);
	stream = fopen(machine_path(&place->machine, CONF), "we");
	assert_non_null(stream);
	assert_int_equal(fwrite("a\0b", 1, 3, stream), 3);
	assert_int_equal(fclose(stream), 0);
	expect_refusal(place, one, CONF " holds a NUL byte");
	assert_int_equal(truncate(machine_path(&place->machine, CONF), (4 << 20) + 1), 0);
	expect_refusal(place, one, CONF " is larger than 4 MiB");
}

static void a_missing_etc_is_named(void **state)
{
	const struct place *place = *state;

	expect_refusal(place, one, "/etc/nix cannot be made: No such file or directory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_edit_and_its_undoing), TEST(what_is_missing_is_made_readable_for_all),
		TEST(mode_and_owner_stay),        TEST(the_same_is_not_written_again),
		TEST(damaged_blocks_are_named),   TEST(our_own_lines_are_checked),
		TEST(a_link_is_refused),          TEST(a_directory_of_others_is_refused),
		TEST(what_is_no_text_is_refused), TEST(a_missing_etc_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
