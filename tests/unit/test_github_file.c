/* SPDX-License-Identifier: Zlib */
/* The runner's command files: their grammar, and appending that fails. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/github.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

/* The rows of runner-and-arc.md, table 1.5, by their numbers; LINE 0 means that it is accepted. */
static void the_runners_grammar(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
	} rows[] = {
		{"", 0},                                     /* 1 */
		{"MY_ENV=MY VALUE", 0},                      /* 2 */
		{"\nA=my value\n\nB=2\n", 0},                /* 3 */
		{"A=", 0},                                   /* 4 */
		{"A=1\nB=\nC=3\n", 0},                       /* 5 */
		{"A==abc\nB=def=ghi\nC=jkl=\n", 0},          /* 6 */
		{"A<<EOF\nline one\nline two\nEOF", 0},      /* 8 */
		{"A<<EOF\nEOF", 0},                          /* 9 */
		{"\nA<<EOF\nx\nEOF\n\nB<<EOF\ny\nEOF\n", 0}, /* 10 */
		{"A<<=EOF\nhello\none\n=EOF", 0},            /* 11 */
		{"A<<<EOF\nhello\ntwo\n<EOF", 0},            /* 12 */
		{"A<<EOF\nhello\n\nthree\n\nEOF", 0},        /* 13 */
		{"A<<EOF\n EOF\nEOF", 0},                    /* 15 */
		{"A<<EOF line one line two EOF", 1},         /* 16 */
		{"A<<EOF line one\nline three EOF", 1},      /* 17 */
		{"\xef\xbb\xbf"
		 "A=1\n",
		 0}, /* 19 */
		{"\xff\xfe"
		 "A=1\n",
		 1},                             /* 20: not ours to append to */
		{"A=1\nbad\nB=2", 2},            /* 21 */
		{"=v", 1},                       /* 22 */
		{"A\n", 1},                      /* 23 */
		{" \n", 1},                      /* 23 */
		{"A=1\n\r\n", 2},                /* 23 */
		{"<<EOF\nx\nEOF\n", 1},          /* 24 */
		{"A<<\nx\n\n", 1},               /* 24 */
		{"A=b<<EOF\n", 0},               /* 25 */
		{"A << EOF\nx\n EOF\n", 0},      /* 26 */
		{"A<<\"EOF\"\nx\n\"EOF\"\n", 0}, /* 27 */
		{"A<<EOF\r\nx\r\nEOF\r\n", 0},   /* 29 */
		{"A<<EOF\nx\r\ny\nEOF", 0},      /* 30 */
		{"A=1\rB=2\n", 0},               /* 31 */
		{"A<<EOF\n\nEOF", 0},            /* 32 */
		{"A<<EOF\nx\nEOF", 0},           /* 34 */
		{"A<<EOF", 1},                   /* 35 */
		{"B=1\nA<<EOF\nx\n", 2},         /* 35 */
		{"A=\xff\n", 0},                 /* 36 */
		{"A=1\n\xef\xbb\xbf"
		 "B=2\n",
		 0}, /* 38 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned int line = 0;
		bool is_whole = github_file_is_whole(rows[i].text, strlen(rows[i].text), &line);

		if (is_whole != (rows[i].line == 0) || (!is_whole && line != rows[i].line))
			fail_msg("row %zu: %s, line %u", i, is_whole ? "whole" : "broken", line);
	}
}

static bool file_is_whole(const char *directory, const char *name)
{
	char path[512], text[4096];
	unsigned int line = 0;
	size_t length;
	FILE *stream;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	stream = fopen(path, "r");
	assert_non_null(stream);
	length = fread(text, 1, sizeof(text), stream);
	(void)fclose(stream);
	return github_file_is_whole(text, length, &line);
}

/* Checks every file of DIRECTORY; returns how many there are. */
static size_t check_files(const char *directory, bool is_whole)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	size_t files = 0;

	assert_non_null(stream);
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		files++;
		if (file_is_whole(directory, entry->d_name) != is_whole)
			fail_msg("%s/%s", directory, entry->d_name);
	}
	(void)closedir(stream);
	return files;
}

/* The same files are read by the tests' own oracle (tests/e2e/test_runner_files_oracle.py). What is
 * in wide/ the runner reads, but nobody can append UTF-8 to it. */
static void the_fixtures(void **state)
{
	(void)state;
	assert_true(check_files("fixtures/github/whole", true) > 20);
	assert_true(check_files("fixtures/github/broken", false) > 10);
	assert_true(check_files("fixtures/github/wide", false) > 1);
}

/* ---- appending */

struct file {
	char directory[64];
	char path[96];
	struct root root;
};

static void file_make(struct file *file, const char *content)
{
	struct error error = {0};
	FILE *stream;

	*file = (struct file){.directory = "/tmp/spinup-github-XXXXXX"};
	assert_non_null(mkdtemp(file->directory));
	(void)snprintf(file->path, sizeof(file->path), "%s/env", file->directory);
	if (content) {
		stream = fopen(file->path, "w");
		assert_non_null(stream);
		(void)fputs(content, stream);
		assert_int_equal(fclose(stream), 0);
	}
	assert_int_equal(root_open_directory(&file->root, NULL, &error), 0);
}

static void file_expect(const struct file *file, const char *content)
{
	struct strbuf text = STRBUF_INIT(1u << 20);

	assert_int_equal(root_read(&file->root, file->path, &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

static void file_remove(struct file *file)
{
	(void)unlink(file->path);
	assert_int_equal(rmdir(file->directory), 0);
	root_close(&file->root);
}

static void appends_after_what_is_there(void **state)
{
	static const struct {
		const char *before, *after;
	} rows[] = {
		{"", "B=2\n"},
		{"A=1\n", "A=1\nB=2\n"},
		{"A=1", "A=1\nB=2\n"},
		{"A<<EOF\nx\nEOF", "A<<EOF\nx\nEOF\nB=2\n"},
		{"\xef\xbb\xbf", "\xef\xbb\xbf"
				 "B=2\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error error = {0};
		struct file file;

		file_make(&file, rows[i].before);
		assert_int_equal(github_file_append(&file.root, file.path, "B=2\n", 4, &error), 0);
		file_expect(&file, rows[i].after);
		file_remove(&file);
	}
}

static void a_file_is_read_to_a_bound(void **state)
{
	static const struct {
		off_t size;
		int status;
	} rows[] = {{4 << 20, 0}, {(4 << 20) + 1, -1}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error error = {0};
		struct stat status;
		struct file file;

		file_make(&file, "");
		assert_int_equal(truncate(file.path, rows[i].size), 0);
		assert_int_equal(github_lines_append(&file.root, file.path, "x\n", 2, &error),
				 rows[i].status);
		assert_int_equal(stat(file.path, &status), 0);
		/* A newline for the line that has none, and ours. */
		assert_int_equal(status.st_size, rows[i].size + (rows[i].status ? 0 : 3));
		file_remove(&file);
	}
}

static void names_a_file_that_is_broken_already(void **state)
{
	static const char content[] = "A=1\nB<<EOF\nno end\n";
	struct error error = {0};
	struct file file;

	(void)state;
	file_make(&file, content);
	assert_int_equal(github_file_append(&file.root, file.path, "B=2\n", 4, &error), -1);
	assert_non_null(strstr(error.message, "line 2"));
	assert_non_null(strstr(error.message, file.path));
	file_expect(&file, content);
	/* A summary has no such grammar. */
	assert_int_equal(github_lines_append(&file.root, file.path, "B\n", 2, &error), 0);
	file_expect(&file, "A=1\nB<<EOF\nno end\nB\n");
	file_remove(&file);
}

static void only_regular_files_are_followed(void **state)
{
	struct error error = {0};
	char target[128];
	struct file file;

	(void)state;
	file_make(&file, NULL);
	assert_int_equal(github_file_append(&file.root, file.path, "B=2\n", 4, &error), -1);
	(void)snprintf(target, sizeof(target), "%s/target", file.directory);
	assert_int_equal(close(open(target, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(symlink(target, file.path), 0);
	assert_int_equal(github_file_append(&file.root, file.path, "B=2\n", 4, &error), -1);
	(void)unlink(file.path);
	(void)unlink(target);
	assert_int_equal(mkfifo(file.path, 0600), 0);
	assert_int_equal(github_file_append(&file.root, file.path, "B=2\n", 4, &error), -1);
	assert_non_null(strstr(error.message, "regular"));
	file_remove(&file);
}

/* RLIMIT_FSIZE makes the kernel write a part, and then nothing: a full disk without one. */
static void limit_file_size(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_short_write_is_taken_back(void **state)
{
	struct error error = {0};
	struct file file;
	int result;

	(void)state;
	file_make(&file, "A=1\n");
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_file_size(6);
	result = github_file_append(&file.root, file.path, "B=2\nC=3\n", 8, &error);
	limit_file_size(RLIM_INFINITY);
	assert_int_equal(result, -1);
	assert_non_null(strstr(error.message, "no space left"));
	assert_non_null(strstr(error.message, file.path));
	file_expect(&file, "A=1\n");
	limit_file_size(4);
	result = github_file_append(&file.root, file.path, "B=2\nC=3\n", 8, &error);
	limit_file_size(RLIM_INFINITY);
	(void)signal(SIGXFSZ, SIG_DFL);
	assert_int_equal(result, -1);
	file_expect(&file, "A=1\n");
	file_remove(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_runners_grammar),
		cmocka_unit_test(the_fixtures),
		cmocka_unit_test(appends_after_what_is_there),
		cmocka_unit_test(a_file_is_read_to_a_bound),
		cmocka_unit_test(names_a_file_that_is_broken_already),
		cmocka_unit_test(only_regular_files_are_followed),
		cmocka_unit_test(a_short_write_is_taken_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
