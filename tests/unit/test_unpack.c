/* SPDX-License-Identifier: Zlib */
/* Closure archives: what the usual tools packed, in both layouts, and what a hostile one would try. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/tar.h"
#include "agent/unpack.h"
#include "agent/words.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/machine.h"
#include "tests/unit/tarball.h"
#include "tests/unit/zstd_raw.h"

#define HASH "0123456789abcdfghijklmnpqrsvwxyz"
#define PATH_A HASH "-a"
#define STORE "nix/store/"
#define A STORE PATH_A

#define TYPE(letter, path)                                                                         \
	{                                                                                          \
		.type = (letter), .name = (path)                                                   \
	}
#define REGULAR(path) TYPE('0', path)
#define DIRECTORY(path) TYPE('5', path)
#define MODE(letter, path, bits)                                                                   \
	{                                                                                          \
		.type = (letter), .name = (path), .mode = (bits)                                   \
	}
#define SYMLINK(path, to)                                                                          \
	{                                                                                          \
		.type = '2', .name = (path), .mode = 0777, .target = (to)                          \
	}
#define HARD_LINK(path, to)                                                                        \
	{                                                                                          \
		.type = '1', .name = (path), .target = (to)                                        \
	}
#define WHOLE(path, bits, text)                                                                    \
	{                                                                                          \
		.type = '0', .name = (path), .mode = (bits), .content = (text)                     \
	}
#define NOTHING TYPE('\0', NULL)

static struct machine machine; /* staging/ and, beside it, outside/file */
static int staging = -1;

static void set_up(void)
{
	char path[300];

	machine_make(&machine);
	machine_file(&machine, "/outside/file", "untouched");
	machine_directory(&machine, "/staging");
	(void)snprintf(path, sizeof(path), "%s/staging", machine.directory);
	staging = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(staging >= 0);
}

static void give_back_rights(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory)
		return;
	assert_int_equal(fchmod(fd, 0755), 0);
	for (struct dirent *entry; (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			give_back_rights(fd, entry->d_name);
	assert_int_equal(closedir(directory), 0);
}

static unsigned int count_entries(const char *path)
{
	CLEANUP_FREE char *full = mem_format("%s%s", machine.directory, path);
	DIR *directory = opendir(full);
	unsigned int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	assert_int_equal(closedir(directory), 0);
	return count - 2;
}

/* Whatever the archive tried, it was within staging/. */
static void tear_down(void)
{
	CLEANUP_FREE char *path = mem_format("%s/outside/file", machine.directory);
	char text[16] = "";
	FILE *file = fopen(path, "re");
	struct stat status;

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	assert_string_equal(text, "untouched");
	assert_int_equal(fstat(fileno(file), &status), 0);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(count_entries("/"), 2);
	assert_int_equal(count_entries("/outside"), 1);
	give_back_rights(staging, ".");
	close(staging);
	machine_remove(&machine);
}

/* ---- what came out */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(int parent, const char *name, const char *path, struct words *lines)
{
	char target[UNPACK_MAX_TARGET + 1] = "";
	CLEANUP_FREE char *line = NULL;
	struct stat status;
	unsigned int mode;

	assert_int_equal(fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW), 0);
	if (strcmp(path, "store") != 0)
		assert_int_equal(status.st_mtime, 1);
	mode = status.st_mode & 07777;
	if (S_ISLNK(status.st_mode)) {
		assert_true(readlinkat(parent, name, target, sizeof(target) - 1) > 0);
		line = mem_format("%s -> %s", path, target);
	} else if (S_ISDIR(status.st_mode)) {
		line = mem_format("%s/ %o", path, mode);
	} else {
		line = mem_format("%s %o %lu %ld", path, mode, (unsigned long)status.st_nlink,
				  (long)status.st_size);
	}
	words_add(lines, line);
}

static void list_directory(int parent, const char *name, const char *path, struct words *lines)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fdopendir(fd);

	assert_non_null(directory);
	for (struct dirent *entry; (entry = readdir(directory));) {
		CLEANUP_FREE char *below =
			mem_format("%s%s%s", path, *path ? "/" : "", entry->d_name);

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		list(fd, entry->d_name, below, lines);
		if (entry->d_type == DT_DIR)
			list_directory(fd, entry->d_name, below, lines);
	}
	assert_int_equal(closedir(directory), 0);
}

/* All of staging/, a line each, sorted. */
static char *listing(void)
{
	CLEANUP_WORDS struct words lines = {0};

	list_directory(staging, ".", "", &lines);
	if (lines.count > 0)
		qsort(lines.items, lines.count, sizeof(*lines.items), by_text);
	return words_join(&lines, '\n');
}

static int unpack_stream(const void *stream, size_t length, struct unpack_counts *counts,
			 struct error *error)
{
	CLEANUP_CLOSE int archive = tarball_open_stream(stream, length);

	return unpack(archive, staging, counts, error);
}

static int unpack_tar(const struct strbuf *tar, struct unpack_counts *counts, struct error *error)
{
	CLEANUP_CLOSE int archive = tarball_open(tar);

	return unpack(archive, staging, counts, error);
}

static void check_fixture(const char *name)
{
	CLEANUP_STRBUF struct strbuf archive = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(65536);
	CLEANUP_FREE char *found = NULL;
	struct unpack_counts counts = {0};
	struct error error = {0};
	mode_t mask = umask(077);

	set_up();
	fixture_read("unpack", name, "archive", &archive);
	fixture_read("unpack", name, "expected", &expected);
	strbuf_truncate(&expected, expected.length - 1);
	if (unpack_stream(archive.data, archive.length, &counts, &error) < 0)
		fail_msg("%s: %s", name, error.message);
	found = listing();
	assert_string_equal(found, expected.data);
	assert_int_equal(counts.store_paths, 2);
	assert_int_equal(counts.has_nixd, strcmp(name, "plain-zstd") == 0);
	assert_int_equal(umask(mask), 077); /* as it was, and no file's mode suffered from it */
	tear_down();
}

static void unpacks_what_tools_packed(void **state)
{
	(void)state;
	fixture_each("unpack", 4, check_fixture);
}

/* ---- hostile archives */

static const struct tarball_entry registration = {
	.type = '0', .name = "registration", .content = "r"};
static const struct tarball_entry store_path = {.type = '0', .name = A, .content = "a"};

static void add_all(struct strbuf *tar, const struct tarball_entry *entries)
{
	for (; entries->type; entries++)
		tarball_add(tar, entries);
}

/* The entries between a registration and the end. */
static void check_refusal(const struct tarball_entry *entries, const char *name, const char *reason)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	struct unpack_counts counts = {0};
	struct error error = {0};

	set_up();
	tarball_add(&tar, &registration);
	add_all(&tar, entries);
	tarball_end(&tar);
	if (unpack_tar(&tar, &counts, &error) == 0)
		fail_msg("\"%s\" was not refused: %s", name, reason);
	if (!strstr(error.message, name) || !strstr(error.message, reason))
		fail_msg("\"%s\" and \"%s\" are not in: %s", name, reason, error.message);
	tear_down();
}

#define ENTRY(name) "archive entry \"" name "\": "
#define TEN "1234567890"
#define FIFTY TEN TEN TEN TEN TEN
#define TWO_HUNDRED FIFTY FIFTY FIFTY FIFTY

static const struct {
	struct tarball_entry entry;
	const char *name, *reason;
} name_cases[] = {
	{REGULAR("/etc/passwd"), ENTRY("/etc/passwd"), "an absolute name"},
	{REGULAR("/" A), ENTRY("/" A), "an absolute name"},
	{REGULAR("../outside/file"), ENTRY("../outside/file"), "\"..\""},
	{REGULAR(A "/../../x"), ENTRY(A "/../../x"), "\"..\""},
	{DIRECTORY(A "/.."), ENTRY(A "/.."), "\"..\""},
	{REGULAR("./" A), ENTRY("./" A), "tar -C / -c nix/store"},
	{DIRECTORY("."), ENTRY("."), "\".\""},
	{REGULAR(A "//x"), ENTRY(A "//x"), "an empty component"},
	{REGULAR(A "/"), ENTRY(A "/"), "an empty component"},
	{DIRECTORY(A "//"), ENTRY(A "//"), "an empty component"},
	{REGULAR(""), ENTRY(""), "an empty component"},
	{DIRECTORY("/"), ENTRY("/"), "an absolute name"},
	{REGULAR(A "/x\ny"), ENTRY(A "/x y"), "control characters"},
	{REGULAR(A "/\x1b[31mred"), "red\"", "control characters"},
	{REGULAR(A "/x\x7f"), ENTRY(A "/x"), "control characters"},
	{REGULAR(STORE "short-name"), ENTRY(STORE "short-name"), "<hash>-<name>"},
	{REGULAR(STORE HASH), ENTRY(STORE HASH), "<hash>-<name>"},
	{REGULAR(STORE HASH "-a b"), ENTRY(STORE HASH "-a b"), "<hash>-<name>"},
	{REGULAR(STORE "e123456789abcdfghijklmnpqrsvwxyz-a/x"), "-a/x", "<hash>-<name>"},
	{DIRECTORY(STORE ".links"), ENTRY(STORE ".links"), "<hash>-<name>"},
	{REGULAR(STORE ".reginfo"), ENTRY(STORE ".reginfo"), "<hash>-<name>"},
	{REGULAR("nix/store"), ENTRY("nix/store"), "must be a directory"},
	{REGULAR("nix/install"), ENTRY("nix/install"), "neither in the store"},
	{DIRECTORY("nix/var"), ENTRY("nix/var"), "neither in the store"},
	{REGULAR("etc/passwd"), ENTRY("etc/passwd"), "second top"},
	{REGULAR("install"), ENTRY("install"), "neither in the store"},
	{REGULAR("NIX/store/" PATH_A), ENTRY("NIX/store/" PATH_A), "second top"},
	{REGULAR("nix/Store/" PATH_A), ENTRY("nix/Store/" PATH_A), "neither in the store"},
	{REGULAR("nix/storehouse/" PATH_A), "nix/storehouse", "neither in the store"},
	{REGULAR("nix-2.0/store/" HASH "-b"), "nix-2.0/store", "second top"},
	{REGULAR(STORE HASH "-A"), ENTRY(STORE HASH "-A"), "by case alone"},
	{REGULAR("nix/.reginfo"), ENTRY("nix/.reginfo"), "second registration"},
	{REGULAR("x/nix-path-registration"), "x/nix-path", "second registration"},
};

static void refuses_names(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(name_cases); i++) {
		const struct tarball_entry entries[] = {store_path, name_cases[i].entry, NOTHING};

		check_refusal(entries, name_cases[i].name, name_cases[i].reason);
	}
}

static void refuses_a_top_that_differs_by_case(void **state)
{
	const struct tarball_entry entries[] = {REGULAR("Nix/store/" PATH_A), NOTHING};

	(void)state;
	check_refusal(entries, ENTRY("Nix/store/" PATH_A), "spelled like that");
}

static const struct {
	struct tarball_entry first, second;
	const char *name, *reason;
} entry_cases[] = {
	{TYPE('3', A), NOTHING, ENTRY(A), "a device"},
	{TYPE('4', A), NOTHING, ENTRY(A), "a device"},
	{TYPE('3', "nix-2/install"), NOTHING, ENTRY("nix-2/install"), "a device"},
	{TYPE('6', A), NOTHING, ENTRY(A), "a FIFO"},
	{TYPE('s', A), NOTHING, ENTRY(A), "type 's'"},
	{TYPE('M', A), NOTHING, ENTRY(A), "type 'M'"},
	{TYPE('\x01', A), NOTHING, ENTRY(A), "type '?'"},
	{TYPE('S', A), NOTHING, ENTRY(A), "--sparse"},
	{MODE('0', A, 04755), NOTHING, ENTRY(A), "set-id and sticky"},
	{MODE('0', A, 02755), NOTHING, ENTRY(A), "set-id and sticky"},
	{MODE('5', A, 01777), NOTHING, ENTRY(A), "set-id and sticky"},
	{MODE('5', A, 02755), NOTHING, ENTRY(A), "set-id and sticky"},
	{MODE('0', "nix-2/install", 04755), NOTHING, ENTRY("nix-2/install"), "set-id"},
	{MODE('0', "determinate-nixd", 04755), NOTHING, ENTRY("determinate-nixd"), "set-id"},
	{SYMLINK(A, ""), NOTHING, ENTRY(A), "1 to 4095 bytes"},
	{SYMLINK("nix/.reginfo", "x"), NOTHING, "nix/.reginfo", "a second registration"},
	{SYMLINK("determinate-nixd", "/bin/sh"), {0}, "determinate-nixd", "must be a regular file"},
	{SYMLINK("nix-2/install", "x"), NOTHING, "nix-2/install", "a link outside"},
	{HARD_LINK("nix-2/install", A), NOTHING, "nix-2/install", "a link outside"},

	{REGULAR(A), REGULAR(A), ENTRY(A), "twice"},
	{REGULAR(A), SYMLINK(A, "x"), ENTRY(A), "twice"},
	{DIRECTORY(A), REGULAR(A), ENTRY(A), "twice"},
	{SYMLINK(A, "x"), REGULAR(A), ENTRY(A), "twice"},
	{SYMLINK(A, "../../outside"), DIRECTORY(A), ENTRY(A), "and is none"},
	{REGULAR(A), DIRECTORY(A "/"), ENTRY(A "/"), "and is none"},
	{REGULAR(A), REGULAR(A "/x"), ENTRY(A "/x"), "and is none"},
	{SYMLINK(A, "../../outside"), REGULAR(A "/x"), ENTRY(A "/x"), "and is none"},
	{SYMLINK(A "/l", "../../../outside"), REGULAR(A "/l/file"), ENTRY(A "/l/file"),
	 "and is none"},
	{SYMLINK(A "/l", "/"), DIRECTORY(A "/l/etc"), ENTRY(A "/l/etc"), "and is none"},
	{SYMLINK(A "/l", "."), HARD_LINK(A "/x", A "/l/l"), ENTRY(A "/x"),
	 "no file of the archive"},
	{SYMLINK(A, "../../outside/file"), HARD_LINK(STORE HASH "-b", A), ENTRY(STORE HASH "-b"),
	 "no file of the archive"},
	{DIRECTORY(A), HARD_LINK(STORE HASH "-b", A), "-b", "no file of the archive"},
	{HARD_LINK(A, STORE HASH "-b"), NOTHING, ENTRY(A), "no file of the archive"},
	{HARD_LINK(A, A), NOTHING, ENTRY(A), "no file of the archive"},
	{HARD_LINK(A, "/etc/passwd"), NOTHING, ENTRY(A), "target: an absolute name"},
	{HARD_LINK(A, "../outside/file"), NOTHING, ENTRY(A), "target: a name with \"..\""},
	{HARD_LINK(A, A "/../../../outside/file"), {0}, ENTRY(A), "target: a name with \"..\""},
	{HARD_LINK(A, "registration"), NOTHING, ENTRY(A), "out of the store"},
	{HARD_LINK(A, ""), NOTHING, ENTRY(A), "target: a name with an empty"},
	{HARD_LINK(A, "nix/store"), NOTHING, ENTRY(A), "target: the store must"},
	{REGULAR("determinate-nixd"), REGULAR("usr/bin/determinate-nixd"),
	 ENTRY("usr/bin/determinate-nixd"), "a second determinate-nixd"},

	{{.type = '5', .name = A, .mode = 0755, .size = 1}, NOTHING, ENTRY(A), "no regular file"},
	{{.type = '2', .name = A, .mode = 0777, .target = "x", .content = "content"},
	 NOTHING,
	 ENTRY(A),
	 "no regular file"},
	{{.type = '0', .name = A, .size = UNPACK_MAX_FILE_BYTES + 1},
	 {0},
	 ENTRY(A),
	 "4294967297 bytes"},
};

static void refuses_entries(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(entry_cases); i++) {
		const struct tarball_entry entries[] = {entry_cases[i].first, entry_cases[i].second,
							NOTHING};

		check_refusal(entries, entry_cases[i].name, entry_cases[i].reason);
	}
}

/* ---- names that need more than a ustar header */

static void check_long(char type, const char *key, const char *text, size_t length,
		       const char *reason)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	struct unpack_counts counts = {0};
	struct error error = {0};

	set_up();
	tarball_add(&tar, &registration);
	if (key)
		tarball_record(&tar, type, key, text, length);
	else
		tarball_special(&tar, type, text, length);
	tarball_add(&tar, &(struct tarball_entry)SYMLINK(A, "x"));
	tarball_end(&tar);
	if (unpack_tar(&tar, &counts, &error) == 0)
		fail_msg("%s was not refused", reason);
	if (!strstr(error.message, reason))
		fail_msg("\"%s\" is not in: %s", reason, error.message);
	tear_down();
}

static void refuses_long_names(void **state)
{
	static char deep[2 * 65 + 1], path[5001], many[TAR_MAX_HEADER_BYTES + 1];
	static const char with_nul[] = A "/x\0y";

	(void)state;
	for (size_t i = 0; i < 65; i++)
		memcpy(deep + 2 * i, "d/", 2);
	deep[2 * 65 - 1] = '\0';
	memset(path, 'p', sizeof(path) - 1);
	for (size_t i = 0; i < sizeof(path) - 1; i += 100)
		path[i] = '/';
	memcpy(path, A "/", strlen(A "/"));
	memset(many, 'm', sizeof(many));

	check_long('x', "path", deep, strlen(deep), "more than 64 components");
	check_long('L', NULL, deep, strlen(deep) + 1, "more than 64 components");
	check_long('x', "path", path, strlen(path), "over 4095 bytes");
	check_long('L', NULL, path, strlen(path) + 1, "over 4095 bytes");
	check_long('x', "path", A "/" TWO_HUNDRED FIFTY TEN, strlen(A) + 261, "over 255 bytes");
	check_long('x', "path", with_nul, sizeof(with_nul) - 1, "a name with a NUL");
	check_long('L', NULL, with_nul, sizeof(with_nul) - 1, "has a NUL in it");
	check_long('K', NULL, with_nul, sizeof(with_nul) - 1, "has a NUL in it");
	check_long('x', "linkpath", path + 900, 4096, "1 to 4095 bytes");
	check_long('x', "linkpath", "", 0, "1 to 4095 bytes");
	check_long('x', "path", "../x", 4, "\"..\"");
	check_long('x', "comment", many, sizeof(many) - 1, "at most 131072 are allowed");
	check_long('L', NULL, many, sizeof(many), "at most 131072 are allowed");
	check_long('x', "size", "-1", 2, "a size that is no number");
	check_long('x', "size", "99999999999999999999", 20, "a size that is no number");
	check_long('x', "size", "1", 1, "no regular file");
	check_long('x', "GNU.sparse.major", "1", 1, "--sparse");
	check_long('x', "GNU.sparse.map", "0,1", 3, "--sparse");
	check_long('g', "path", A, strlen(A), "a global pax header");
	check_long('g', "GNU.sparse.realsize", "9", 1, "a global pax header");
	check_long('x', NULL, "garbage", 7, "no proper records");
	check_long('x', NULL, "12 path=abc", 11, "no proper records");
	check_long('x', NULL, "99 path=abc\n", 12, "no proper records");
	check_long('x', NULL, "5 =a\n", 5, "without a key");
	check_long('x', NULL, "4 a\n", 4, "without a key");
}

static void refuses_endless_headers(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	struct unpack_counts counts = {0};
	struct error error = {0};

	(void)state;
	set_up();
	for (unsigned int i = 0; i < 9; i++)
		tarball_record(&tar, 'x', "comment", "c", 1);
	assert_int_equal(unpack_tar(&tar, &counts, &error), -1);
	assert_non_null(strstr(error.message, "more than 8 long names or pax headers"));
	tear_down();
}

/* ---- what is allowed although it looks odd */

static void allows(void **state)
{
	static const struct tarball_entry entries[] = {
		MODE('5', "nix-1/", 02755),
		MODE('5', "nix-1/store/", 01775), /* as /nix/store is; nothing is made of it */
		WHOLE("nix-1/install", 0755, "passed over"),
		WHOLE("nix-1/store/" HASH "-f", 0777, "a file for a store path"),
		SYMLINK("nix-1/store/" HASH "-l", "/nix/store/anywhere/\x1b[31m"),
		MODE('5', "nix-1/store/" PATH_A, 0700),
		WHOLE("nix-1/store/" PATH_A "/b/file", 0644, "b"),
		WHOLE("nix-1/store/" PATH_A "/a/File", 0111, ""),
		WHOLE("nix-1/store/" PATH_A "/b/FILE", 0677, "B"), /* b/ again */
		MODE('5', "nix-1/store/" PATH_A "/b", 0777),
		HARD_LINK("nix-1/store/" HASH "-h", "nix-1/store/" PATH_A "/b/file"),
		WHOLE("usr/local/bin/determinate-nixd", 0600, "nixd"),
		NOTHING,
	};
	static const char expected[] = "determinate-nixd 755 1 4\n"
				       "registration 444 1 1\n"
				       "store/ 755\n"
				       "store/" PATH_A "/ 555\n"
				       "store/" PATH_A "/a/ 555\n"
				       "store/" PATH_A "/a/File 555 1 0\n"
				       "store/" PATH_A "/b/ 555\n"
				       "store/" PATH_A "/b/FILE 444 1 1\n"
				       "store/" PATH_A "/b/file 444 2 1\n"
				       "store/" HASH "-f 555 1 23\n"
				       "store/" HASH "-h 444 2 1\n"
				       "store/" HASH "-l -> /nix/store/anywhere/\x1b[31m";
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	CLEANUP_FREE char *found = NULL;
	struct unpack_counts counts = {0};
	struct error error = {0};

	(void)state;
	set_up();
	tarball_record(&tar, 'g', "comment", "of a commit", 11);
	tarball_add(&tar, &registration);
	tarball_record(&tar, 'x', "SCHILY.xattr.user.x", "y", 1);
	add_all(&tar, entries);
	tarball_end(&tar);
	if (unpack_tar(&tar, &counts, &error) < 0)
		fail_msg("%s", error.message);
	found = listing();
	assert_string_equal(found, expected);
	assert_int_equal(counts.entries, 13);
	assert_int_equal(counts.store_paths, 4);
	assert_int_equal(counts.bytes, 1 + 11 + 23 + 2 + 4);
	assert_true(counts.has_nixd);
	tear_down();
}

/* ---- what a whole archive must have, and must not */

static void check_stream(const void *stream, size_t length, const char *reason)
{
	struct unpack_counts counts = {0};
	struct error error = {0};

	set_up();
	if (unpack_stream(stream, length, &counts, &error) == 0)
		fail_msg("%s was not refused", reason);
	if (!strstr(error.message, reason))
		fail_msg("\"%s\" is not in: %s", reason, error.message);
	assert_int_equal(counts.entries, 0); /* untouched */
	tear_down();
}

static void check_tar(const struct strbuf *tar, const char *reason)
{
	CLEANUP_STRBUF struct strbuf stream = STRBUF_INIT(2 * TARBALL_MAX_BYTES);

	zstd_raw_frame(&stream, tar->data, tar->length);
	check_stream(stream.data, stream.length, reason);
}

static void must_be_complete(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf stream = STRBUF_INIT(TARBALL_MAX_BYTES);
	size_t length;

	(void)state;
	check_tar(&tar, "cut or damaged"); /* nothing at all */
	tarball_end(&tar);
	check_tar(&tar, "no store path");
	strbuf_clear(&tar);
	tarball_add(&tar, &registration);
	length = tar.length;
	tarball_end(&tar);
	check_tar(&tar, "no store path");
	strbuf_clear(&tar);
	tarball_add(&tar, &store_path);
	tarball_end(&tar);
	check_tar(&tar, "no registration");

	strbuf_truncate(&tar, length);
	tarball_add(&tar, &registration);
	length = tar.length;
	check_tar(&tar, "before its end mark");
	tarball_end(&tar);
	strbuf_truncate(&tar, length + 512);
	check_tar(&tar, "before its end mark");
	tarball_add(&tar, &(struct tarball_entry)REGULAR(STORE HASH "-b"));
	check_tar(&tar, "only half of the archive's end mark");
	strbuf_truncate(&tar, length);
	tarball_end(&tar);
	strbuf_puts(&tar, "x");
	check_tar(&tar, "something follows the end of the archive");
	strbuf_truncate(&tar, length);
	strbuf_puts(&tar, "This is no header, but it is of the length of one.");
	strbuf_add(&tar, tar.data, 512);
	check_tar(&tar, "wrong checksum");

	strbuf_truncate(&tar, length);
	tarball_end(&tar);
	zstd_raw_frame(&stream, tar.data, tar.length);
	zstd_raw_repeat(&stream, '\0', 9); /* more than a MiB of zeros */
	check_stream(stream.data, stream.length, "something follows the end of the archive");
	check_stream("plain text", 10, "not a zstd, xz or gzip stream");
	check_stream("", 0, "not a zstd, xz or gzip stream");
}

/* The same at every second length that is shorter. */
static void check_cut(const char *name)
{
	CLEANUP_STRBUF struct strbuf archive = STRBUF_INIT(65536);

	fixture_read("unpack", name, "archive", &archive);
	for (size_t length = 0; length < archive.length; length += 7)
		check_stream(archive.data, length, "");
	check_stream(archive.data, archive.length - 1, "");
	strbuf_putc(&archive, 'x');
	check_stream(archive.data, archive.length, "");
}

static void refuses_cut_archives(void **state)
{
	(void)state;
	fixture_each("unpack", 4, check_cut);
}

/* Where a block ends is the packer's choice. */
static void blocks_end_anywhere(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf stream = STRBUF_INIT(TARBALL_MAX_BYTES);
	struct unpack_counts counts = {0};
	struct error error = {0};

	(void)state;
	set_up();
	tarball_add(&tar, &store_path);
	tarball_record(&tar, 'x', "path", "nix/.reginfo", 12);
	tarball_add(&tar, &registration);
	tarball_end(&tar);
	for (size_t at = 0; at < tar.length; at += 100)
		zstd_raw_frame(&stream, tar.data + at,
			       tar.length - at < 100 ? tar.length - at : 100);
	if (unpack_stream(stream.data, stream.length, &counts, &error) < 0)
		fail_msg("%s", error.message);
	assert_int_equal(counts.bytes, 2);
	tear_down();
}

/* Two files that are passed over, of 4 GiB of zeros each, and one byte more. */
static void refuses_too_much_content(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf stream = STRBUF_INIT(TARBALL_MAX_BYTES);
	struct tarball_entry entry = {
		.type = '0', .name = "nix-1/big", .size = UNPACK_MAX_FILE_BYTES};

	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		strbuf_clear(&tar);
		tarball_add(&tar, &entry);
		zstd_raw_frame(&stream, tar.data, tar.length);
		zstd_raw_repeat(&stream, '\0', UNPACK_MAX_FILE_BYTES / ZSTD_BLOCK_MAX);
	}
	strbuf_clear(&tar);
	entry.size = 1;
	tarball_add(&tar, &entry);
	zstd_raw_frame(&stream, tar.data, tar.length);
	check_stream(stream.data, stream.length, "more than 8 GiB of content");
}

/* As many of the layout's own directory, of which nothing is made. */
static void write_directories(int fd, unsigned int count)
{
	const struct tarball_entry entry = DIRECTORY("nix/store");
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(2 * ZSTD_BLOCK_MAX);
	CLEANUP_STRBUF struct strbuf begin = STRBUF_INIT(64), block = STRBUF_INIT(64);
	const unsigned int each = ZSTD_BLOCK_MAX / TAR_BLOCK_BYTES;

	while (tar.length < ZSTD_BLOCK_MAX)
		tarball_add(&tar, &entry);
	zstd_raw_begin(&begin, 0x38);
	zstd_raw_block(&block, 0, ZSTD_BLOCK_MAX, 0);
	if (write(fd, begin.data, begin.length) < 0)
		return;
	for (unsigned int i = 0; i < count; i += each)
		if (write(fd, block.data, block.length) < 0 ||
		    write(fd, tar.data, tar.length) < (ssize_t)tar.length)
			return; /* the reader has seen enough */
}

static void refuses_too_many_entries(void **state)
{
	struct unpack_counts counts = {0};
	struct error error = {0};
	int ends[2], status = 0;
	pid_t child;

	(void)state;
	set_up();
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (child == 0) {
		close(ends[0]);
		write_directories(ends[1], 2 * UNPACK_MAX_ENTRIES);
		_exit(0);
	}
	close(ends[1]);
	assert_int_equal(unpack(ends[0], staging, &counts, &error), -1);
	assert_string_equal(error.message, "the archive has more than 1000000 entries");
	close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	tear_down();
}

/* As many as are allowed, and one more. */
static void refuses_too_many_store_paths(void **state)
{
	CLEANUP_STRBUF struct strbuf tar = STRBUF_INIT(TARBALL_MAX_BYTES);

	(void)state;
	for (unsigned int i = 0; i <= UNPACK_MAX_STORE_PATHS; i++) {
		CLEANUP_FREE char *name = mem_format(STORE HASH "-%u", i);
		const struct tarball_entry entry = SYMLINK(name, "x");

		tarball_add(&tar, &entry);
	}
	tarball_end(&tar);
	check_tar(&tar, "-10000\": more than 10000 store paths");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpacks_what_tools_packed),
		cmocka_unit_test(refuses_names),
		cmocka_unit_test(refuses_a_top_that_differs_by_case),
		cmocka_unit_test(refuses_entries),
		cmocka_unit_test(refuses_long_names),
		cmocka_unit_test(refuses_endless_headers),
		cmocka_unit_test(allows),
		cmocka_unit_test(must_be_complete),
		cmocka_unit_test(refuses_cut_archives),
		cmocka_unit_test(blocks_end_anywhere),
		cmocka_unit_test(refuses_too_much_content),
		cmocka_unit_test(refuses_too_many_entries),
		cmocka_unit_test(refuses_too_many_store_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
