/* SPDX-License-Identifier: Zlib */
/* Nix's configuration, read as Nix reads it: tables of texts, and of whole sets of files. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/nix_block.h"
#include "agent/nix_conf.h"
#include "agent/nix_conf_value.h"
#include "agent/nix_keys.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define MAX_FILES 12
#define UNREADABLE ((const char *)1)

struct file {
	const char *path, *text;
};

static int read_file(const void *data, const char *path, struct strbuf *out)
{
	const struct file *files = data;

	for (size_t i = 0; i < MAX_FILES && files[i].path; i++) {
		if (strcmp(files[i].path, path) != 0)
			continue;
		if (files[i].text == UNREADABLE) {
			errno = EACCES;
			return -1;
		}
		strbuf_puts(out, files[i].text);
		return 0;
	}
	errno = ENOENT;
	return -1;
}

/* "name=value;" for each setting, "!kind@file:line text;" for each problem. */
static void print(const struct nix_conf *conf, struct strbuf *out)
{
	static const char *const kinds[] = {
		[NIX_CONF_SYNTAX] = "syntax",
		[NIX_CONF_BAD_VALUE] = "value",
		[NIX_CONF_INCLUDE_MISSING] = "missing",
		[NIX_CONF_INCLUDE_DEPTH] = "depth",
		[NIX_CONF_UNREADABLE] = "unreadable",
		[NIX_CONF_TOO_LARGE] = "large",
		[NIX_CONF_INCLUDE_RELATIVE] = "relative",
	};

	for (size_t i = 0; i < conf->setting_count; i++)
		strbuf_printf(out, "%s=%s;", conf->settings[i].name, conf->settings[i].value);
	for (size_t i = 0; i < conf->problem_count; i++)
		strbuf_printf(out, "!%s@%s:%u %s;", kinds[conf->problems[i].kind],
			      conf->problems[i].file, conf->problems[i].line,
			      conf->problems[i].text);
}

/* ---- one text */

static const struct {
	const char *text, *expected;
} texts[] = {
	{"", ""},
	{"\n\n \t \n", ""},
	{"a = b", "a=b;"},
	{"a = b\n", "a=b;"},
	{"  a   =\tb   c\t\td  \n", "a=b c d;"},
	{"a = b\r\nc = d\r\n", "a=b;c=d;"},
	{"a =", "a=;"},
	{"a = \nb = c", "a=;b=c;"},
	{"a = b = c", "a=b = c;"},
	{"# a comment\na = b # another\n#", "a=b;"},
	{"a = b#c d", "a=b;"},
	{"#a = b", ""},
	{"a = #b", "a=;"},
	{"a # = b", "!syntax@NIX_CONFIG:1 a ;"},
	{"a=b", "!syntax@NIX_CONFIG:1 a=b;"},
	{"a= b", "!syntax@NIX_CONFIG:1 a= b;"},
	{"a =b", "!syntax@NIX_CONFIG:1 a =b;"},
	{"a", "!syntax@NIX_CONFIG:1 a;"},
	{"a b", "!syntax@NIX_CONFIG:1 a b;"},
	{"= b", "!syntax@NIX_CONFIG:1 = b;"},
	{"a = 1\n\nb\nc = 2\nd", "a=1;c=2;!syntax@NIX_CONFIG:3 b;!syntax@NIX_CONFIG:5 d;"},
	{"a = b\na = c\n", "a=b;a=c;"},
	{"experimental-features = nix-command flakes", "experimental-features=nix-command flakes;"},
	{"fallback = true", "fallback=true;"},
	{"fallback = yes\nfallback = 0", "fallback=yes;fallback=0;"},
	{"fallback = maybe", "fallback=maybe;!value@NIX_CONFIG:1 fallback;"},
	{"fallback =", "fallback=;!value@NIX_CONFIG:1 fallback;"},
	{"build-fallback = ja", "build-fallback=ja;!value@NIX_CONFIG:1 build-fallback;"},
	{"connect-timeout = 5", "connect-timeout=5;"},
	{"connect-timeout = 5s", "connect-timeout=5s;!value@NIX_CONFIG:1 connect-timeout;"},
	{"min-free = 5G", "min-free=5G;"},
	{"max-jobs = auto", "max-jobs=auto;"},
	{"max-jobs = 4", "max-jobs=4;"},
	{"max-jobs = 4K", "max-jobs=4K;!value@NIX_CONFIG:1 max-jobs;"},
	{"max-jobs = many", "max-jobs=many;!value@NIX_CONFIG:1 max-jobs;"},
	{"max-jobs =", "max-jobs=;!value@NIX_CONFIG:1 max-jobs;"},
	{"sandbox = relaxed", "sandbox=relaxed;"},
	{"sandbox = no", "sandbox=no;!value@NIX_CONFIG:1 sandbox;"},
	{"build-use-sandbox = 1", "build-use-sandbox=1;!value@NIX_CONFIG:1 build-use-sandbox;"},
	{"timeout = -1", "timeout=-1;"},
	{"timeout = --1", "timeout=--1;!value@NIX_CONFIG:1 timeout;"},
	{"connect-timeout = -1", "connect-timeout=-1;!value@NIX_CONFIG:1 connect-timeout;"},
	/* not of every version: an old one warns, and goes on */
	{"always-allow-substitutes = whatever", "always-allow-substitutes=whatever;"},
	{"no-such-setting = whatever", "no-such-setting=whatever;"},
	{"include", "!syntax@NIX_CONFIG:1 include;"},
	{"include = x", "!syntax@NIX_CONFIG:1 include = x;"},
	{"include /a /b", "!syntax@NIX_CONFIG:1 include /a /b;"},
	{"!include", "!syntax@NIX_CONFIG:1 !include;"},
	{"include /somewhere", ""}, /* without a reader: passed over */
	{"include x\na = b", "a=b;!relative@NIX_CONFIG:1 x;"},
	{"!include ../x", "!relative@NIX_CONFIG:1 ../x;"},
	{"\x01\x02 = \xff", "\x01\x02=\xff;"},
	{"a = b\v", "a=b\v;"}, /* Nix knows four characters of white space */
};

static void check_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		CLEANUP(nix_conf_release) struct nix_conf conf = {0};
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(4096);

		nix_conf_parse(&conf, NULL, texts[i].text, "NIX_CONFIG", NIX_CONF_ENVIRONMENT);
		print(&conf, &out);
		assert_string_equal(out.data, texts[i].expected);
	}
}

/* ---- several files */

static const struct {
	const char *name;
	struct file files[MAX_FILES];
	const char *variables[6];
	const char *expected;
} sources[] = {
	{"nothing at all", {{0}}, {NULL}, ""},
	{"nix.conf", {{"/etc/nix/nix.conf", "a = 1"}}, {NULL}, "a=1;"},
	{"NIX_CONF_DIR",
	 {{"/etc/nix/nix.conf", "a = 1"}, {"/conf/nix.conf", "a = 2"}},
	 {"NIX_CONF_DIR=/conf"},
	 "a=2;"},
	{"Determinate: the include comes first, so that nix.conf wins",
	 {{"/etc/nix/nix.conf", "!include nix.custom.conf\nmax-jobs = auto"},
	  {"/etc/nix/nix.custom.conf", "max-jobs = 1\nextra-trusted-substituters = x"}},
	 {NULL},
	 "max-jobs=1;extra-trusted-substituters=x;max-jobs=auto;"},
	{"relative to the including file",
	 {{"/etc/nix/nix.conf", "include d/a.conf"},
	  {"/etc/nix/d/a.conf", "include b.conf"},
	  {"/etc/nix/d/b.conf", "x = 1"}},
	 {NULL},
	 "x=1;"},
	{"missing include",
	 {{"/etc/nix/nix.conf", "x = 1\ninclude no.conf"}},
	 {NULL},
	 "x=1;!missing@/etc/nix/nix.conf:2 /etc/nix/no.conf;"},
	{"missing !include", {{"/etc/nix/nix.conf", "!include no.conf\nx = 1"}}, {NULL}, "x=1;"},
	{"unreadable include",
	 {{"/etc/nix/nix.conf", "include secret.conf"}, {"/etc/nix/secret.conf", UNREADABLE}},
	 {NULL},
	 "!unreadable@/etc/nix/nix.conf:1 /etc/nix/secret.conf;"},
	{"unreadable nix.conf",
	 {{"/etc/nix/nix.conf", UNREADABLE}},
	 {NULL},
	 "!unreadable@/etc/nix/nix.conf:0 /etc/nix/nix.conf;"},
	{"a circle",
	 {{"/etc/nix/nix.conf", "include nix.conf"}},
	 {NULL},
	 "!depth@/etc/nix/nix.conf:1 /etc/nix/nix.conf;"},
	{"a circle of two that would double at each turn",
	 {{"/etc/nix/nix.conf", "include nix.conf\ninclude nix.conf\n"}},
	 {NULL},
	 NULL /* any, but it ends */},
	{"the user's file comes after",
	 {{"/etc/nix/nix.conf", "a = 1"}, {"/home/u/.config/nix/nix.conf", "a = 2"}},
	 {"HOME=/home/u"},
	 "a=1;a=2;"},
	{"XDG_CONFIG_HOME",
	 {{"/x/nix/nix.conf", "a = 1"}, {"/home/u/.config/nix/nix.conf", "a = 2"}},
	 {"HOME=/home/u", "XDG_CONFIG_HOME=/x"},
	 "a=1;"},
	{"XDG_CONFIG_DIRS are read last to first, the user's own after them",
	 {{"/a/nix/nix.conf", "x = a"},
	  {"/b/nix/nix.conf", "x = b"},
	  {"/home/u/.config/nix/nix.conf", "x = u"}},
	 {"HOME=/home/u", "XDG_CONFIG_DIRS=/a:/b"},
	 "x=b;x=a;x=u;"},
	{"/etc/xdg by default", {{"/etc/xdg/nix/nix.conf", "x = 1"}}, {NULL}, "x=1;"},
	{"NIX_USER_CONF_FILES replaces them all, reversed",
	 {{"/1", "x = 1"}, {"/2", "x = 2"}, {"/home/u/.config/nix/nix.conf", "x = u"}},
	 {"HOME=/home/u", "NIX_USER_CONF_FILES=/1:/2"},
	 "x=2;x=1;"},
	{"NIX_CONFIG has the last word",
	 {{"/etc/nix/nix.conf", "x = 1"}, {"/home/u/.config/nix/nix.conf", "x = 2"}},
	 {"HOME=/home/u", "NIX_CONFIG=x = 3\ny = 4"},
	 "x=1;x=2;x=3;y=4;"},
	{"NIX_CONFIG may include", {{"/inc", "x = 1"}}, {"NIX_CONFIG=include /inc"}, "x=1;"},
	{"NIX_CONFIG is in no directory",
	 {{"/inc", "x = 1"}, {"/etc/nix/inc", "x = 2"}},
	 {"NIX_CONFIG=!include inc"},
	 "!relative@NIX_CONFIG:1 inc;"},
	{"our own lines of an earlier run do not count",
	 {{0}},
	 {"NIX_CONFIG=# spinup begin\nfallback = true\n# spinup end\nx = 1\n"
	  "# spinup begin\nextra-substituters = http://a/main\n# spinup end"},
	 "x=1;"},
	{"a broken line in one file does not hide another's",
	 {{"/etc/nix/nix.conf", "broken"}, {"/home/u/.config/nix/nix.conf", "x=2"}},
	 {"HOME=/home/u"},
	 "!syntax@/etc/nix/nix.conf:1 broken;!syntax@/home/u/.config/nix/nix.conf:1 x=2;"},
};

static void read_sources(struct nix_conf *conf, const struct file *files,
			 const char *const *variables)
{
	const struct nix_conf_reader reader = {.read = read_file, .data = files};
	struct context context = {.environment = (char **)(uintptr_t)variables};

	context.nix_home = (char *)(uintptr_t)context_env(&context, "HOME");
	nix_conf_read(conf, &reader, &context);
}

static void check_sources(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(sources); i++) {
		CLEANUP(nix_conf_release) struct nix_conf conf = {0};
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);

		read_sources(&conf, sources[i].files, sources[i].variables);
		print(&conf, &out);
		if (sources[i].expected)
			assert_string_equal(out.data, sources[i].expected);
		else
			assert_false(nix_conf_is_valid(&conf));
	}
}

/* ---- look-ups */

#define SYSTEM(text)                                                                               \
	{                                                                                          \
		{                                                                                  \
			"/etc/nix/nix.conf", text                                                  \
		}                                                                                  \
	}

static const struct {
	struct file files[MAX_FILES];
	const char *variables[6];
	const char *name, *system, *effective; /* the list, with "d" as its default */
} lists[] = {
	{SYSTEM(""), {NULL}, "substituters", "d", "d"},
	{SYSTEM("substituters = a b"), {NULL}, "substituters", "a b", "a b"},
	{SYSTEM("substituters ="), {NULL}, "substituters", "", ""},
	{SYSTEM("extra-substituters = a"), {NULL}, "substituters", "d a", "d a"},
	{SYSTEM("substituters = a\nextra-substituters = b"), {NULL}, "substituters", "a b", "a b"},
	{SYSTEM("extra-substituters = b\nsubstituters = a"), {NULL}, "substituters", "a", "a"},
	{SYSTEM("binary-caches = a\nextra-substituters = b"), {NULL}, "substituters", "a b", "a b"},
	{SYSTEM("substituters = a\nextra-binary-caches = b"), {NULL}, "substituters", "a b", "a b"},
	{SYSTEM("substituters = a"),
	 {"NIX_CONFIG=extra-substituters = b"},
	 "substituters",
	 "a",
	 "a b"},
	{SYSTEM("substituters = a"), {"NIX_CONFIG=substituters = b"}, "substituters", "a", "b"},
	{SYSTEM("extra-trusted-public-keys = k:1"),
	 {"NIX_CONFIG=binary-cache-public-keys = l:2"},
	 "trusted-public-keys",
	 "d k:1",
	 "l:2"},
	{SYSTEM("trusted-users = root @wheel"),
	 {NULL},
	 "trusted-users",
	 "root @wheel",
	 "root @wheel"},
	{SYSTEM("extra-substituters-of-mine = x"), {NULL}, "substituters", "d", "d"},
};

static char *list_of(const struct nix_conf *conf, const char *name, enum nix_conf_layer last)
{
	CLEANUP_WORDS struct words words = {0};

	nix_conf_list(conf, name, last, "d", &words);
	return words_join(&words, ' ');
}

static void check_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		CLEANUP(nix_conf_release) struct nix_conf conf = {0};
		CLEANUP_FREE char *system = NULL;
		CLEANUP_FREE char *effective = NULL;

		read_sources(&conf, lists[i].files, lists[i].variables);
		system = list_of(&conf, lists[i].name, NIX_CONF_SYSTEM);
		effective = list_of(&conf, lists[i].name, NIX_CONF_ENVIRONMENT);
		assert_string_equal(system, lists[i].system);
		assert_string_equal(effective, lists[i].effective);
	}
}

static void check_values(void **state)
{
	static const struct file files[MAX_FILES] = SYSTEM("fallback = true\ncores = 2\ncores = 4");
	static const char *const variables[] = {"NIX_CONFIG=fallback = false", NULL};
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};

	(void)state;
	read_sources(&conf, files, variables);
	assert_string_equal(nix_conf_value(&conf, "fallback", NIX_CONF_SYSTEM, "?"), "true");
	assert_string_equal(nix_conf_value(&conf, "fallback", NIX_CONF_ENVIRONMENT, "?"), "false");
	assert_string_equal(nix_conf_value(&conf, "cores", NIX_CONF_SYSTEM, "?"), "4");
	assert_string_equal(nix_conf_value(&conf, "timeout", NIX_CONF_SYSTEM, "?"), "?");
	assert_int_equal(
		nix_conf_find(&conf, "fallback", NIX_CONF_USER, NIX_CONF_ENVIRONMENT)->line, 1);
	assert_null(nix_conf_find(&conf, "fallback", NIX_CONF_USER, NIX_CONF_USER));
}

static void check_bounds(void **state)
{
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(1u << 20);

	(void)state;
	for (unsigned int i = 0; i < 70000; i++)
		strbuf_putc(&text, 'x');
	strbuf_puts(&text, "\n");
	for (unsigned int i = 0; i < 5000; i++)
		strbuf_puts(&text, "a = b\n");
	nix_conf_parse(&conf, NULL, text.data, "f", NIX_CONF_USER);
	assert_int_equal(conf.problems[0].kind, NIX_CONF_TOO_LARGE);
	assert_int_equal(conf.setting_count, 4096);
	assert_true(conf.problem_count <= 16);
	assert_true(nix_conf_is_valid(&conf));
}

/* ---- fixtures: whole /etc trees of real installations */

static int read_fixture(const void *data, const char *path, struct strbuf *out)
{
	CLEANUP_FREE char *full =
		mem_format("fixtures/nix-conf/%s/root%s", (const char *)data, path);
	CLEANUP_FREE char *text = mem_alloc(65536, 1);
	FILE *file = fopen(full, "re");

	if (!file)
		return -1;
	(void)!fread(text, 1, 65535, file);
	(void)fclose(file);
	strbuf_puts(out, text);
	return 0;
}

static void check_fixture(const char *name)
{
	static const char *const names[] = {"substituters", "trusted-substituters",
					    "trusted-public-keys", "trusted-users"};
	const struct nix_conf_reader reader = {.read = read_fixture, .data = name};
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	char home[] = "HOME=/home/runner";
	char *variables[] = {home, NULL};
	struct context context = {.environment = variables, .nix_home = home + 5};

	fixture_read("nix-conf", name, "expected", &expected);
	nix_conf_read(&conf, &reader, &context);
	for (size_t i = 0; i < COUNT(names); i++) {
		CLEANUP_FREE char *list = list_of(&conf, names[i], NIX_CONF_ENVIRONMENT);

		strbuf_printf(&out, "%s: %s\n", names[i], list);
	}
	for (size_t i = 0; i < conf.problem_count; i++)
		strbuf_printf(&out, "problem %s:%u: %s\n", conf.problems[i].file,
			      conf.problems[i].line, nix_conf_problem_text(conf.problems[i].kind));
	assert_string_equal(out.data, expected.data);
}

static void check_fixtures(void **state)
{
	(void)state;
	fixture_each("nix-conf", 4, check_fixture);
}

/* ---- our own block */

static const struct {
	const char *text, *expected;
} blocks[] = {
	{"", ""},
	{"a = b", "a = b"},
	{"# spinup begin\nx = 1\n# spinup end\na = b\n", "a = b\n"},
	{"a = b\n# spinup begin\nx = 1\n# spinup end", "a = b\n"},
	{"# spinup begin\nx = 1\n# spinup end\na = b\n# spinup begin\ny = 1\n# spinup end\n",
	 "a = b\n"},
	{"a = b\n# spinup begin\nc = d\n",
	 "a = b\nc = d\n"}, /* never ends: keeps the job's lines */
	{"a = b\n# spinup end\nc = d\n", "a = b\nc = d\n"},
	{"# spinup begin\nc = d\n# spinup begin\ne = f\n# spinup end\n", "c = d\n"},
	{"# spinup begin \r\nx = 1\r\n# spinup end\r\na = b", "a = b"},
	{"# spinup beginning\na = b", "# spinup beginning\na = b"},
	{" # spinup begin\na = b", " # spinup begin\na = b"},
};

static void check_blocks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(blocks); i++) {
		CLEANUP_STRBUF struct strbuf once = STRBUF_INIT(4096);
		CLEANUP_STRBUF struct strbuf joined = STRBUF_INIT(4096);
		CLEANUP_STRBUF struct strbuf own = STRBUF_INIT(4096);
		CLEANUP_STRBUF struct strbuf again = STRBUF_INIT(4096);

		nix_block_strip(blocks[i].text, &once);
		assert_string_equal(once.data, blocks[i].expected);
		nix_block_join("f = 1\n", once.data, "l = 2\n", &joined);
		nix_block_strip(joined.data, &own);
		nix_block_join("f = 1\n", own.data, "l = 2\n", &again);
		assert_string_equal(again.data, joined.data);
	}
}

/* ---- keys */

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define ONES "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="

static const struct {
	const char *keys;
	enum nix_key_standing standing;
	const char *put_first;
} keys[] = {
	{"", NIX_KEY_ABSENT, "main:" ZEROS},
	{"other:" ZEROS, NIX_KEY_ABSENT, "main:" ZEROS " other:" ZEROS},
	{"main:" ZEROS, NIX_KEY_TRUSTED, "main:" ZEROS},
	{"main:" ZEROS " main:" ONES, NIX_KEY_TRUSTED, "main:" ZEROS},
	{"main:" ONES " main:" ZEROS, NIX_KEY_SHADOWED, "main:" ZEROS},
	{"a:" ONES " main:" ONES " b:" ONES, NIX_KEY_SHADOWED, "main:" ZEROS " a:" ONES " b:" ONES},
	{"main:garbage", NIX_KEY_SHADOWED, "main:" ZEROS},
	{"main", NIX_KEY_ABSENT, "main:" ZEROS " main"},
	{"maine:" ONES, NIX_KEY_ABSENT, "main:" ZEROS " maine:" ONES},
};

static void check_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(keys); i++) {
		CLEANUP_WORDS struct words list = {0};
		CLEANUP_WORDS struct words first = {0};
		CLEANUP_FREE char *joined = NULL;
		const char *winner;

		words_split(&list, keys[i].keys, " ");
		assert_int_equal(nix_keys_look_up(&list, "main:" ZEROS, &winner), keys[i].standing);
		nix_keys_put_first(&list, "main:" ZEROS, &first);
		joined = words_join(&first, ' ');
		assert_string_equal(joined, keys[i].put_first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_texts),  cmocka_unit_test(check_sources),
		cmocka_unit_test(check_lists),  cmocka_unit_test(check_values),
		cmocka_unit_test(check_bounds), cmocka_unit_test(check_fixtures),
		cmocka_unit_test(check_blocks), cmocka_unit_test(check_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
