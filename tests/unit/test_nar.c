/* SPDX-License-Identifier: Zlib */
/* NAR hashes, against those of `nix-store --dump PATH | sha256sum` (Nix 2.26.3); what is refused. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/nar.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

static struct machine machine;
static int directory = -1; /* the machine's */

static int make(void **state)
{
	(void)state;
	machine_make(&machine);
	directory = open(machine.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int unmake(void **state)
{
	(void)state;
	(void)close(directory);
	machine_remove(&machine);
	return 0;
}

static void expect_hash(const char *name, const char *hex, uint64_t size)
{
	struct strbuf found = STRBUF_INIT(64);
	struct nar_digest digest = {0};
	struct error error = {0};

	print_message("%s\n", name);
	if (nar_hash(directory, name, &digest, &error) < 0)
		fail_msg("%s", error.message);
	encoding_base16_encode(digest.sha256, sizeof(digest.sha256), &found);
	assert_string_equal(found.data, hex);
	assert_int_equal(digest.size, size);
	strbuf_release(&found);
}

static void expect_refusal(int where, const char *name, const char *message)
{
	struct nar_digest digest = {.size = 7};
	struct error error = {0};

	assert_int_equal(nar_hash(where, name, &digest, &error), -1);
	assert_string_equal(error.message, message);
	assert_int_equal(digest.size, 7);
}

static void nix_s_own_hashes(void **state)
{
	static const struct {
		const char *name, *hex;
		uint64_t size;
	} rows[] = {
		{"eight", "22d63223426447e64aa20d76d506b3e062a2d242bb797536dbf3ee681be3f53c", 120},
		{"nine", "01e23d2c0a14bfecbb8a82b3f11ca003d7322bcfec14c3a1b57168b445480e41", 128},
		{"empty", "77ac62e2629d8e45f624589c0c8bf99e24b3a722349bf1e79bc186008534e246", 112},
		{"file", "1c37d01af40be2e80691de3cc3df44377a699afbb17c68f080964b2fd071fc13", 120},
		{"script", "6283c1668260f903d1a895c0cd6b822fa4b68762bb0b17cedef2d39d97e26554", 160},
		{"group-exec", "2ca0b8ce996f865db37619bfe91023559305aad8158042fc6ddb0ef1d43c5b67",
		 120},
		{"link", "75b2351cdb3c426c3defe44df0ba16b64757940a556b5104502d43d6194c361b", 128},
		{"link8", "986c70c9a2aae61f3149cbe750e64d97fa4778de37d67271a8bffd56cf083a82", 120},
		{"dir", "a50a5ab6d992f5598edd92105059fae9acfc192981e08bd88534c2167e92526a", 96},
	};

	(void)state;
	machine_file(&machine, "/eight", "12345678");
	machine_file(&machine, "/nine", "123456789");
	machine_file(&machine, "/empty", "");
	machine_file(&machine, "/file", "hello\n");
	machine_file(&machine, "/script", "#!/bin/sh\n");
	machine_mode(&machine, "/script", 0755);
	machine_file(&machine, "/group-exec", "x"); /* the owner may not execute it */
	machine_mode(&machine, "/group-exec", 0615);
	machine_link(&machine, "/link", "../nowhere");
	machine_link(&machine, "/link8", "12345678");
	machine_directory(&machine, "/dir");
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_hash(rows[i].name, rows[i].hex, rows[i].size);
}

static void a_tree_as_nix_hashes_it(void **state)
{
	static const struct {
		const char *path, *content;
	} files[] = {
		{"/tree/file", "hello\n"},
		{"/tree/script", "#!/bin/sh\n"},
		{"/tree/eight", "12345678"},
		{"/tree/nine", "123456789"},
		{"/tree/a/b/deep", "deep"},
		{"/tree/B/x", "upper"},
		/* a locale would put these in another order than their bytes do */
		{"/tree/a.b", "1"},
		{"/tree/a-b", "2"},
		{"/tree/A", "3"},
		{"/tree/ab", "4"},
		{"/tree/\xc3\xa4", "5"},
		{"/tree/_z", "6"},
		{"/tree/a b", "7"},
	};
	static const char hex[] =
		"ad63e345db815acb381804e4d97b3a86a2cc4d6f2a92b140b688f23e4f9d3435";

	(void)state;
	for (size_t i = 0; i < COUNT(files); i++)
		machine_file(&machine, files[i].path, files[i].content);
	machine_mode(&machine, "/tree/script", 0755);
	machine_directory(&machine, "/tree/empty");
	machine_link(&machine, "/tree/link", "a/b");
	machine_link(&machine, "/tree/dangling", "missing");
	expect_hash("tree", hex, 3696);
	machine_mode(&machine, "/tree/ab", 0600); /* no other bit counts */
	expect_hash("tree", hex, 3696);
}

/* More than one block of it is read. */
static void a_large_file(void **state)
{
	static char text[(1u << 20) + 4];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	machine_file(&machine, "/large", text);
	expect_hash("large", "8aac1f9ae0a8415bc5134eafdd50f8e5c714ed45442527b8c20f7efa09f28a11",
		    1048696);
}

static void other_kinds_are_refused(void **state)
{
	char path[512];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/tree/a/pi\npe", machine.directory);
	machine_directory(&machine, "/tree/a");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal(directory, "tree",
		       "tree/a/pi pe is no file, directory or link: Nix's archives hold nothing "
		       "else");
	expect_refusal(directory, "missing", "missing cannot be hashed: No such file or directory");
	expect_refusal(directory, "tree/a", "\"tree/a\" is no name of a directory's entry");
	expect_refusal(directory, "", "\"\" is no name of a directory's entry");
}

/* /proc says that its files are empty; the kernel's objects, that theirs have a page. */
static void a_size_that_changes_is_noticed(void **state)
{
	int proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int sys = open("/sys/kernel/mm/transparent_hugepage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_true(proc >= 0);
	expect_refusal(proc, "stat", "stat grew while it was read");
	(void)close(proc);
	if (sys < 0)
		skip(); /* a kernel with huge pages, and /sys */
	expect_refusal(sys, "enabled", "enabled became shorter while it was read");
	(void)close(sys);
}

/* DEPTH directories in each other below "deep". */
static void make_deep(unsigned int depth)
{
	char path[512] = "/deep";

	for (unsigned int i = 1; i < depth; i++)
		(void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/d");
	machine_directory(&machine, path);
}

static void depth_is_bounded(void **state)
{
	struct nar_digest digest;
	struct error error = {0};

	(void)state;
	make_deep(NAR_MAX_DEPTH);
	assert_int_equal(nar_hash(directory, "deep", &digest, &error), 0);
	make_deep(NAR_MAX_DEPTH + 1);
	assert_int_equal(nar_hash(directory, "deep", &digest, &error), -1);
	assert_non_null(strstr(error.message, "deep/d/d/d"));
	assert_non_null(strstr(error.message, "lies below more than 64 directories"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nix_s_own_hashes), TEST(a_tree_as_nix_hashes_it),
		TEST(a_large_file),     TEST(other_kinds_are_refused),
		TEST(depth_is_bounded), TEST(a_size_that_changes_is_noticed),
	};

	digest_initialise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
