/* SPDX-License-Identifier: Zlib */
/* Build users: what is made of which files, byte for byte, that it can be taken back, and that it can be
 * cut off anywhere. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/accounts.h"
#include "agent/accounts_plan.h"
#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define MAX_BYTES (1u << 20)
#define ABSENT NULL
#define SAME "(as before)"

#define USER(n, uid, gid)                                                                          \
	"nixbld" n ":x:" uid ":" gid ":Nix build user " n ":/var/empty:/sbin/nologin"
#define ROOT_USER "root:x:0:0:root:/root:/bin/sh\n"
#define ROOT_GROUP "root:x:0:\n"

static const char *const paths[ACCOUNTS_FILE_COUNT] = {
	[ACCOUNTS_FILE_SHADOW] = "/etc/shadow",
	[ACCOUNTS_FILE_PASSWD] = "/etc/passwd",
	[ACCOUNTS_FILE_GSHADOW] = "/etc/gshadow",
	[ACCOUNTS_FILE_GROUP] = "/etc/group",
};

struct texts {
	const char *passwd, *group, *shadow, *gshadow;
};

static struct machine machine;
static struct root root;

static int make(void **state)
{
	(void)state;
	machine_make(&machine);
	machine_directory(&machine, "/etc");
	return root_open_directory(&root, machine.directory, NULL);
}

static int unmake(void **state)
{
	(void)state;
	root_close(&root);
	machine_remove(&machine);
	return 0;
}

static const char *text_of(const struct texts *texts, size_t file)
{
	const char *const all[] = {
		[ACCOUNTS_FILE_SHADOW] = texts->shadow,
		[ACCOUNTS_FILE_PASSWD] = texts->passwd,
		[ACCOUNTS_FILE_GSHADOW] = texts->gshadow,
		[ACCOUNTS_FILE_GROUP] = texts->group,
	};

	return all[file];
}

static void write_file(size_t file, const char *text)
{
	(void)unlink(machine_path(&machine, paths[file]));
	if (text)
		machine_file(&machine, paths[file], text);
}

static void write_files(const struct texts *texts)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		write_file(i, text_of(texts, i));
}

/* Lines of the builders from FIRST to 32. */
static void add_users(struct strbuf *out, unsigned int first, const char *gid)
{
	for (unsigned int i = first; i <= 32; i++)
		strbuf_printf(out, "nixbld%u:x:%u:%s:Nix build user %u:/var/empty:/sbin/nologin\n",
			      i, 30000 + i, gid, i);
}

static void add_shadows(struct strbuf *out, unsigned int first)
{
	for (unsigned int i = first; i <= 32; i++)
		strbuf_printf(out, "nixbld%u:!:1::::::\n", i);
}

static void add_members(struct strbuf *out)
{
	for (unsigned int i = 1; i <= 32; i++)
		strbuf_printf(out, "%snixbld%u", i > 1 ? "," : "", i);
}

/* {users GID}, {from 2 GID}, {shadows}, {shadows from 2} and {members} stand for those of all 32. */
static void expand(const char *text, struct strbuf *out)
{
	while (*text) {
		size_t plain = strcspn(text, "{");
		const char *word = text + plain + 1;
		char gid[16] = "";

		strbuf_add(out, text, plain);
		if (!text[plain])
			return;
		if (sscanf(word, "users %15[0-9]}", gid) == 1)
			add_users(out, 1, gid);
		else if (sscanf(word, "from 2 %15[0-9]}", gid) == 1)
			add_users(out, 2, gid);
		else if (strncmp(word, "shadows}", 8) == 0)
			add_shadows(out, 1);
		else if (strncmp(word, "shadows from 2}", 15) == 0)
			add_shadows(out, 2);
		else if (strncmp(word, "members}", 8) == 0)
			add_members(out);
		else
			fail_msg("no such word: %s", word);
		text = strchr(word, '}') + 1;
	}
}

static void expect_file(size_t file, const char *expected)
{
	struct strbuf text = STRBUF_INIT(MAX_BYTES), expanded = STRBUF_INIT(MAX_BYTES);

	if (!expected) {
		assert_int_equal(access(machine_path(&machine, paths[file]), F_OK), -1);
		return;
	}
	expand(expected, &expanded);
	assert_int_equal(root_read(&root, paths[file], &text), 0);
	assert_string_equal(text.data, expanded.data);
	strbuf_release(&expanded);
	strbuf_release(&text);
}

/* Where AFTER says SAME, what BEFORE says. */
static void expect_files(const struct texts *before, const struct texts *after)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++) {
		const char *expected = text_of(after, i);

		if (expected && strcmp(expected, SAME) == 0)
			expected = text_of(before, i);
		expect_file(i, expected);
	}
}

static struct accounts_change add(void)
{
	struct accounts_change change = {0};
	struct error error = {0};

	if (accounts_add_builders(&root, "nixbld", &change, &error) < 0)
		fail_msg("%s", error.message);
	return change;
}

static void take_back(const struct accounts_change *change)
{
	struct error error = {0};

	if (accounts_remove(&root, change, &error) < 0)
		fail_msg("%s", error.message);
}

static const struct {
	const char *name;
	struct texts before, after; /* passwd, group, shadow, gshadow */
} rows[] = {
	{"nothing of Nix",
	 {ROOT_USER, ROOT_GROUP, "root:*:1::::::\n", "root:*::\n"},
	 {ROOT_USER "{users 30000}", ROOT_GROUP "nixbld:x:30000:{members}\n",
	  "root:*:1::::::\n{shadows}", "root:*::\nnixbld:!::{members}\n"}},
	{"neither shadow nor gshadow",
	 {ROOT_USER, ROOT_GROUP, ABSENT, ABSENT},
	 {ROOT_USER "{users 30000}", ROOT_GROUP "nixbld:x:30000:{members}\n", ABSENT, ABSENT}},
	{"empty files",
	 {"", "", "", ""},
	 {"{users 30000}", "nixbld:x:30000:{members}\n", "{shadows}", "nixbld:!::{members}\n"}},
	{"a group without members keeps its number",
	 {ROOT_USER, "nixbld:x:998:\n" ROOT_GROUP, ABSENT, "nixbld:!::\n"},
	 {ROOT_USER "{users 998}", "nixbld:x:998:{members}\n" ROOT_GROUP, ABSENT,
	  "nixbld:!::{members}\n"}},
	{"a group that gshadow does not know",
	 {ROOT_USER, "nixbld:x:998:\n", ABSENT, "root:*::\n"},
	 {ROOT_USER "{users 998}", "nixbld:x:998:{members}\n", ABSENT, SAME}},
	{"members that are no users",
	 {USER("1", "1234", "5") "\n", "nixbld:x:30000:nixbld1,ghost,nixbld7,ghost\n", "", ABSENT},
	 {USER("1", "1234",
	       "5") "\n"
		    "ghost:x:30002:30000:Nix build user 2:/var/empty:/sbin/nologin\n" USER(
			    "7", "30007", "30000") "\n",
	  SAME, "ghost:!:1::::::\nnixbld7:!:1::::::\n", ABSENT}},
	{"users whatever they look like",
	 {"nixbld1:x:0:0::/:/bin/sh\nnixbld2:x:7:7:::\n", "nixbld:x:3:nixbld1,nixbld2\n", "", ""},
	 {SAME, SAME, SAME, SAME}},
	{"numbers for the group that are taken",
	 {ROOT_USER "alice:x:1000:30001::/:/bin/sh\n", "bob:x:30000:\nbob2:x:30002:\n", ABSENT,
	  ABSENT},
	 {ROOT_USER "alice:x:1000:30001::/:/bin/sh\n{users 30003}",
	  "bob:x:30000:\nbob2:x:30002:\nnixbld:x:30003:{members}\n", ABSENT, ABSENT}},
	{"numbers for users that are taken",
	 {"alice:x:30001:1::/:/bin/sh\nbob:x:30003:1::/:/bin/sh\n",
	  "nixbld:x:30000:nixbld1,nixbld2,nixbld3\n", ABSENT, ABSENT},
	 {"alice:x:30001:1::/:/bin/sh\nbob:x:30003:1::/:/bin/sh\n" USER(
		  "1", "30002", "30000") "\n" USER("2", "30004", "30000") "\n" USER("3", "30005",
										    "30000") "\n",
	  SAME, ABSENT, ABSENT}},
	{"no newline at the end",
	 {"root:x:0:0:root:/root:/bin/sh", "root:x:0:\nnixbld:x:30000:nixbld1,nixbld2",
	  "root:*:1::::::", ABSENT},
	 {"root:x:0:0:root:/root:/bin/sh\n" USER("1", "30001", "30000") "\n" USER("2", "30002",
										  "30000"),
	  SAME, "root:*:1::::::\nnixbld1:!:1::::::\nnixbld2:!:1::::::", ABSENT}},
	{"a new group behind no newline",
	 {ROOT_USER, "root:x:0:", ABSENT, "root:*::"},
	 {ROOT_USER "{users 30000}", "root:x:0:\nnixbld:x:30000:{members}", ABSENT,
	  "root:*::\nnixbld:!::{members}"}},
	{"lines of NIS come last, odd ones stay",
	 {"# users\n\n" ROOT_USER "::\n \t\xff\r\n+@admins::::::\n+::::::\n#end\n",
	  ROOT_GROUP "#\n+:::", "root:*:1::::::\n+::::::::\n", ABSENT},
	 {"# users\n\n" ROOT_USER "::\n \t\xff\r\n{users 30000}+@admins::::::\n+::::::\n#end\n",
	  ROOT_GROUP "#\nnixbld:x:30000:{members}\n+:::", "root:*:1::::::\n{shadows}+::::::::\n",
	  ABSENT}},
	{"lines of NIS that leave somebody out",
	 {ROOT_USER "-mallory::::::\n", "nixbld:x:30000:nixbld1\n", ABSENT, ABSENT},
	 {ROOT_USER USER("1", "30001", "30000") "\n-mallory::::::\n", SAME, ABSENT, ABSENT}},
	{"a first builder with another number",
	 {ROOT_USER "nixbld1:x:1500:100:mine:/home/n:/bin/sh\n", ROOT_GROUP,
	  "nixbld1:secret:2::::::\n", ABSENT},
	 {ROOT_USER "nixbld1:x:1500:100:mine:/home/n:/bin/sh\n{from 2 30000}",
	  ROOT_GROUP "nixbld:x:30000:{members}\n", "nixbld1:secret:2::::::\n{shadows from 2}",
	  ABSENT}},
	{"names that only look so",
	 {ROOT_USER "nixbld:x:5:5:::\n#nixbld1:x:6:1:::\nnixbld11x:x:7:1:::\n",
	  "nixbld2:x:8:x\nxnixbld:x:1:y\n#nixbld:x:2:\n", ABSENT, ABSENT},
	 {ROOT_USER "nixbld:x:5:5:::\n#nixbld1:x:6:1:::\nnixbld11x:x:7:1:::\n{users 30000}",
	  "nixbld2:x:8:x\nxnixbld:x:1:y\n#nixbld:x:2:\nnixbld:x:30000:{members}\n", ABSENT,
	  ABSENT}},
};

static void each_row_and_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct accounts_change change, again;

		print_message("%s\n", rows[i].name);
		write_files(&rows[i].before);
		change = add();
		expect_files(&rows[i].before, &rows[i].after);
		again = add();
		assert_true(accounts_change_is_empty(&again));
		expect_files(&rows[i].before, &rows[i].after);
		take_back(&change);
		expect_files(&rows[i].before, &rows[i].before);
		take_back(&change); /* it is gone: that is no error */
		expect_files(&rows[i].before, &rows[i].before);
		accounts_change_release(&again);
		accounts_change_release(&change);
	}
}

/* No image need have them; what is left in the end is nobody's. */
static void files_that_are_missing_are_made(void **state)
{
	static const struct texts nothing = {ABSENT, ABSENT, ABSENT, ABSENT};
	static const struct texts made = {"{users 30000}", "nixbld:x:30000:{members}\n", ABSENT,
					  ABSENT};
	static const struct texts left = {"", "", ABSENT, ABSENT};
	mode_t umask_before = umask(077);
	struct accounts_change change = add();
	struct stat status;

	(void)state;
	(void)umask(umask_before);
	expect_files(&nothing, &made);
	assert_int_equal(stat(machine_path(&machine, "/etc/passwd"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	take_back(&change);
	expect_files(&nothing, &left);
	accounts_change_release(&change);
}

static void modes_stay(void **state)
{
	struct accounts_change change;
	struct stat status;

	(void)state;
	write_files(&rows[0].before);
	machine_mode(&machine, "/etc/shadow", 0640);
	machine_mode(&machine, "/etc/group", 0664);
	change = add();
	assert_int_equal(stat(machine_path(&machine, "/etc/shadow"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(stat(machine_path(&machine, "/etc/group"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0664);
	accounts_change_release(&change);
}

/* What the caller is to keep for the day when it takes everything back. */
static void the_change_says_what_was_made(void **state)
{
	struct accounts_change change;

	(void)state;
	write_files(&rows[5].before);
	change = add();
	assert_string_equal(change.group, "nixbld");
	assert_false(change.is_group_new);
	assert_int_equal(change.gid, 30000);
	assert_int_equal(change.users.count, 2);
	assert_string_equal(change.users.items[1], USER("7", "30007", "30000"));
	assert_int_equal(change.members.count, 0);
	accounts_change_release(&change);
	write_files(&rows[0].before);
	change = add();
	assert_true(change.is_group_new);
	assert_int_equal(change.users.count, 32);
	assert_int_equal(change.members.count, 32);
	assert_string_equal(change.members.items[31], "nixbld32");
	accounts_change_release(&change);
}

/* ---- cut off */

/* Writes FILE as it is in row 0 after or before the addition. */
static void write_row(size_t file, bool is_done)
{
	struct strbuf text = STRBUF_INIT(MAX_BYTES);

	expand(text_of(is_done ? &rows[0].after : &rows[0].before, file), &text);
	write_file(file, text.data);
	strbuf_release(&text);
}

/* A kill after DONE of the four files: users are there that nobody lists, and the next call goes on. */
static void an_addition_that_was_cut_off_goes_on(void **state)
{
	(void)state;
	for (size_t done = 0; done <= ACCOUNTS_FILE_COUNT; done++) {
		struct accounts_change change;

		print_message("%zu files\n", done);
		for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
			write_row(i, i < done);
		change = add();
		expect_files(&rows[0].before, &rows[0].after);
		accounts_change_release(&change);
	}
}

static void a_removal_that_was_cut_off_goes_on(void **state)
{
	struct accounts_change change;

	(void)state;
	write_files(&rows[0].before);
	change = add();
	for (size_t done = 0; done <= ACCOUNTS_FILE_COUNT; done++) {
		print_message("%zu files\n", done);
		for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
			write_row(i, i < ACCOUNTS_FILE_COUNT - done);
		take_back(&change);
		expect_files(&rows[0].before, &rows[0].before);
	}
	accounts_change_release(&change);
}

/* The names that took their place below /etc since the last call. */
static void expect_written(int watch, const char *expected)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t length = read(watch, events, sizeof(events));
	struct strbuf names = STRBUF_INIT(1024);

	assert_true(length > 0);
	for (ssize_t at = 0; at < length;) {
		const struct inotify_event *event = (const void *)(events + at);

		strbuf_printf(&names, "%s ", event->name);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	assert_string_equal(names.data, expected);
	strbuf_release(&names);
}

/* Users before the list that names them, and no list that names who is gone. */
static void the_files_have_their_order(void **state)
{
	struct accounts_change change;
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	(void)state;
	write_files(&rows[0].before);
	assert_true(inotify_add_watch(watch, machine_path(&machine, "/etc"), IN_MOVED_TO) >= 0);
	change = add();
	expect_written(watch, "shadow passwd gshadow group ");
	take_back(&change);
	expect_written(watch, "group gshadow passwd shadow ");
	accounts_change_release(&change);
	(void)close(watch);
}

/* The group's file alone becomes too large for the disk. */
static void an_error_in_the_middle_changes_nothing(void **state)
{
	struct strbuf group = STRBUF_INIT(MAX_BYTES);
	struct accounts_change change = {0};
	struct error error = {0};
	struct rlimit limit, low;
	struct texts texts = rows[0].before;
	int result;

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_printf(&group, "g%d:x:%d:\n", i, 1000 + i);
	texts.group = group.data;
	write_files(&texts);
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	low = limit;
	low.rlim_cur = 8192;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	result = accounts_add_builders(&root, "nixbld", &change, &error);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	assert_non_null(strstr(error.message, "/etc/group cannot be written: File too large"));
	assert_null(change.group);
	expect_files(&texts, &texts);
	strbuf_release(&group);
}

/* ---- taking back what others have changed meanwhile */

static const struct {
	const char *name;
	struct texts meanwhile, left; /* of row 0 */
} later[] = {
	{"a user with a shell now",
	 {"nixbld1:x:30001:30000:Nix build user 1:/var/empty:/bin/sh\n{from 2 30000}",
	  "nixbld:x:30000:{members}\n", "{shadows}", "nixbld:!::{members}\n"},
	 {"nixbld1:x:30001:30000:Nix build user 1:/var/empty:/bin/sh\n", "nixbld:x:30000:\n",
	  "nixbld1:!:1::::::\n", "nixbld:!::\n"}},
	{"a user with a password now",
	 {"{users 30000}", "nixbld:x:30000:{members}\n", "nixbld1:secret:1::::::\n{shadows from 2}",
	  ABSENT},
	 {USER("1", "30001", "30000") "\n", "nixbld:x:30000:\n", "nixbld1:secret:1::::::\n",
	  ABSENT}},
	{"another member",
	 {ROOT_USER "{users 30000}", "nixbld:x:30000:alice,{members},bob\n", "{shadows}",
	  "nixbld:!::{members},bob\n"},
	 {ROOT_USER, "nixbld:x:30000:alice,bob\n", "", "nixbld:!::bob\n"}},
	{"another user of the group",
	 {"{users 30000}bob:x:5:30000:::\n", "nixbld:x:30000:{members}\n", "", ABSENT},
	 {"bob:x:5:30000:::\n", "nixbld:x:30000:\n", "", ABSENT}},
	{"a group with another number",
	 {"{users 30000}", "nixbld:x:31000:{members}\n", "", "nixbld:!::{members}\n"},
	 {"", "nixbld:x:31000:\n", "", "nixbld:!::\n"}},
	{"no shadow any more, and users behind them",
	 {"{users 30000}bob:x:5:5:::\n", "nixbld:x:30000:{members}\nbob:x:5:\n", ABSENT, ABSENT},
	 {"bob:x:5:5:::\n", "bob:x:5:\n", ABSENT, ABSENT}},
	{"nothing of it any more",
	 {ROOT_USER, ROOT_GROUP, "", ""},
	 {ROOT_USER, ROOT_GROUP, "", ""}},
};

static void what_others_changed_stays(void **state)
{
	struct accounts_change change;

	(void)state;
	write_files(&rows[0].before);
	change = add();
	for (size_t i = 0; i < COUNT(later); i++) {
		print_message("%s\n", later[i].name);
		for (size_t k = 0; k < ACCOUNTS_FILE_COUNT; k++) {
			struct strbuf text = STRBUF_INIT(MAX_BYTES);
			const char *meanwhile = text_of(&later[i].meanwhile, k);

			if (meanwhile)
				expand(meanwhile, &text);
			write_file(k, meanwhile ? text.data : ABSENT);
			strbuf_release(&text);
		}
		take_back(&change);
		expect_files(&later[i].meanwhile, &later[i].left);
	}
	accounts_change_release(&change);
}

/* What was made comes back from a file: nobody's user goes because it says so. */
static void only_build_users_are_removed(void **state)
{
	static const char *const lines[] = {
		"root:x:0:0:root:/root:/bin/sh",
		"root:x:0:0:root:/var/empty:/sbin/nologin",
		"nixbld1:x:1000:30000:Nix build user 1:/var/empty:/sbin/nologin",
		"a b:x:30001:30000:Nix build user 1:/var/empty:/sbin/nologin",
		"",
		"nixbld1:x:30001:30000::\n:/var/empty:/sbin/nologin",
	};

	(void)state;
	write_files(&rows[0].before);
	for (size_t i = 0; i < COUNT(lines); i++) {
		char group[] = "nixbld", *line = strdup(lines[i]);
		struct accounts_change change = {.group = group, .users = {&line, 1}};
		struct error error = {0};

		assert_int_equal(accounts_remove(&root, &change, &error), -1);
		assert_non_null(strstr(error.message, "is no line of a build user"));
		expect_files(&rows[0].before, &rows[0].before);
		free(line);
	}
}

/* ---- refusals */

static void what_cannot_be_understood_is_named(void **state)
{
	static const struct {
		const char *group;
		struct texts texts;
		const char *part;
	} bad[] = {
		{"nixbld", {"", "root:x:0:\nnixbld:x\n", "", ""}, "/etc/group: line 2: nixbld has"},
		{"nixbld", {"", "nixbld:x:-1:a\n", "", ""}, "/etc/group: line 1: nixbld has"},
		{"nixbld",
		 {"\nnixbld1:x:\n", "nixbld:x:3:nixbld1\n", "", ""},
		 "/etc/passwd: line 2: nixbld1 has no number"},
		{"nixbld", {"", "nixbld:x:3:a b\n", "", ""}, "nixbld lists \"a b\""},
		{"nixbld", {"", "nixbld:x:3:\r\n", "", ""}, "nixbld lists \"\""},
		{"nixbld", {"", "nixbld:x:3:-r\n", "", ""}, "nixbld lists \"-r\""},
		{"nixbld", {"", "nixbld:x:3:17\n", "", ""}, "nixbld lists \"17\""},
		{"nix:bld", {"", "", "", ""}, "\"nix:bld\" is no name for a group"},
		{"", {"", "", "", ""}, "\"\" is no name for a group"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		struct accounts_change change = {0};
		struct error error = {0};

		write_files(&bad[i].texts);
		assert_int_equal(accounts_add_builders(&root, bad[i].group, &change, &error), -1);
		if (!strstr(error.message, bad[i].part))
			fail_msg("\"%s\" is not in: %s", bad[i].part, error.message);
		expect_files(&bad[i].texts, &bad[i].texts);
	}
}

static void numbers_and_members_are_bounded(void **state)
{
	struct strbuf passwd = STRBUF_INIT(MAX_BYTES * 4), group = STRBUF_INIT(MAX_BYTES);
	struct texts texts = {ROOT_USER, ROOT_GROUP, ABSENT, ABSENT};
	struct accounts_change change = {0};
	struct error error = {0};

	(void)state;
	for (unsigned int i = 30000; i < 65534; i++)
		strbuf_printf(&passwd, "u%u:x:%u:1:::\n", i, i);
	texts.passwd = passwd.data;
	write_files(&texts);
	assert_int_equal(accounts_add_builders(&root, "nixbld", &change, &error), -1);
	assert_string_equal(error.message,
			    "no number from 30000 to 65533 is free for a build user or its group");
	strbuf_puts(&group, "nixbld:x:30000:m0");
	for (unsigned int i = 1; i < 1025; i++)
		strbuf_printf(&group, ",m%u", i);
	texts.passwd = ROOT_USER;
	texts.group = group.data;
	write_files(&texts);
	assert_int_equal(accounts_add_builders(&root, "nixbld", &change, &error), -1);
	assert_string_equal(error.message, "/etc/group: nixbld lists more than 1024 members");
	expect_files(&texts, &texts);
	strbuf_release(&passwd);
	strbuf_release(&group);
}

static void a_link_is_refused(void **state)
{
	struct accounts_change change = {0};
	struct error error = {0};

	(void)state;
	write_files(&rows[0].before);
	assert_int_equal(unlink(machine_path(&machine, "/etc/passwd")), 0);
	machine_link(&machine, "/etc/passwd", "../run/passwd");
	machine_file(&machine, "/run/passwd", ROOT_USER);
	assert_int_equal(accounts_add_builders(&root, "nixbld", &change, &error), -1);
	assert_non_null(strstr(error.message, "/etc/passwd is a symbolic link"));
	expect_file(ACCOUNTS_FILE_GROUP, ROOT_GROUP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_row_and_back),
		TEST(files_that_are_missing_are_made),
		TEST(modes_stay),
		TEST(the_change_says_what_was_made),
		TEST(an_addition_that_was_cut_off_goes_on),
		TEST(a_removal_that_was_cut_off_goes_on),
		TEST(the_files_have_their_order),
		TEST(an_error_in_the_middle_changes_nothing),
		TEST(what_others_changed_stays),
		TEST(only_build_users_are_removed),
		TEST(what_cannot_be_understood_is_named),
		TEST(numbers_and_members_are_bounded),
		TEST(a_link_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
