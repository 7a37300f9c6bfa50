/* SPDX-License-Identifier: Zlib */
/* The NAR of a tree goes into the hash as the tree is walked: it never lies in memory. */
#include "agent/nar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"

#define BLOCK_BYTES (1u << 20)
#define MAX_PATH_BYTES 32768u /* NAR_MAX_DEPTH names of 255 bytes fit */
#define MAX_SHOWN_BYTES 400u

struct walk {
	struct digest_sha256 *digest;
	uint64_t size; /* so far */
	unsigned int depth;
	char *block;        /* BLOCK_BYTES for what files hold */
	struct strbuf path; /* from the name that was given on, for messages */
	struct error *error;
};

static int hash_node(struct walk *walk, int directory, const char *name);

static void walk_release(struct walk *walk)
{
	uint8_t unwanted[DIGEST_SHA256_BYTES];

	if (walk->digest)
		(void)digest_sha256_finish(walk->digest, unwanted);
	free(walk->block);
	strbuf_release(&walk->path);
}

/* The names come out of an archive: they are cleaned before anybody prints them. */
static int __attribute__((format(printf, 2, 3)))
fail(const struct walk *walk, const char *format, ...)
{
	CLEANUP_FREE char *path = text_cleaned(walk->path.data, MAX_SHOWN_BYTES);
	CLEANUP_FREE char *what = NULL;
	va_list args;

	va_start(args, format);
	what = mem_vformat(format, args);
	va_end(args);
	return error_set(walk->error, ERROR_AGENT, "%s %s", path, what);
}

static int fail_errno(const struct walk *walk)
{
	return fail(walk, "cannot be hashed: %s", strerror(errno));
}

/* ---- the format's parts */

static void add(struct walk *walk, const void *bytes, size_t length)
{
	digest_sha256_add(walk->digest, bytes, length);
	walk->size += length;
}

static void add_number(struct walk *walk, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (8 * i));
	add(walk, bytes, sizeof(bytes));
}

/* What LENGTH bytes lack to the next multiple of eight. */
static void add_padding(struct walk *walk, uint64_t length)
{
	static const uint8_t zeros[8];

	add(walk, zeros, (size_t)(-length & 7u));
}

static void add_text(struct walk *walk, const char *text)
{
	size_t length = strlen(text);

	add_number(walk, length);
	add(walk, text, length);
	add_padding(walk, length);
}

/* ---- files */

/* -1 with errno; 0 at the end of the file. */
static ssize_t read_block(int fd, char *block, size_t length)
{
	ssize_t got;

	do {
		got = read(fd, block, length);
	} while (got < 0 && errno == EINTR);
	return got;
}

/* Exactly SIZE bytes, and then the end: the archive says the size before the content. */
static int add_content(struct walk *walk, int fd, uint64_t size)
{
	uint64_t left = size;
	ssize_t got;

	add_number(walk, size);
	while ((got = read_block(fd, walk->block, BLOCK_BYTES)) > 0) {
		if ((uint64_t)got > left)
			return fail(walk, "grew while it was read");
		add(walk, walk->block, (size_t)got);
		left -= (uint64_t)got;
	}
	if (got < 0)
		return fail_errno(walk);
	if (left > 0)
		return fail(walk, "became shorter while it was read");
	add_padding(walk, size);
	return 0;
}

static int hash_file(struct walk *walk, int fd, const struct stat *status)
{
	add_text(walk, "regular");
	if (status->st_mode & S_IXUSR) {
		add_text(walk, "executable");
		add_text(walk, "");
	}
	add_text(walk, "contents");
	return add_content(walk, fd, (uint64_t)status->st_size);
}

/* ---- links */

static int hash_link(struct walk *walk, int directory, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlinkat(directory, name, target, sizeof(target));

	if (length < 0)
		return fail_errno(walk);
	if ((size_t)length == sizeof(target))
		return fail(walk, "is a link to a path that is too long");
	target[length] = '\0';
	add_text(walk, "symlink");
	add_text(walk, "target");
	add_text(walk, target);
	return 0;
}

/* ---- directories */

static int compare_names(const void *a, const void *b)
{
	char *const *left = a, *const *right = b;

	return strcmp(*left, *right); /* by bytes, whatever the locale */
}

static int list_names(struct walk *walk, int fd, struct words *names)
{
	CLEANUP_CLOSE int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	CLEANUP_DIR DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!stream)
		return fail_errno(walk);
	(void)TAKE_FD(copy);
	for (errno = 0; (entry = readdir(stream)); errno = 0) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == NAR_MAX_ENTRIES)
			return fail(walk, "has more than %u entries", NAR_MAX_ENTRIES);
		words_add(names, entry->d_name);
	}
	if (errno)
		return fail_errno(walk);
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(*names->items), compare_names);
	return 0;
}

static int hash_entry(struct walk *walk, int fd, const char *name)
{
	size_t length = walk->path.length;

	strbuf_printf(&walk->path, "/%s", name);
	add_text(walk, "entry");
	add_text(walk, "(");
	add_text(walk, "name");
	add_text(walk, name);
	add_text(walk, "node");
	if (hash_node(walk, fd, name) < 0)
		return -1;
	add_text(walk, ")");
	strbuf_truncate(&walk->path, length);
	return 0;
}

static int hash_directory(struct walk *walk, int fd)
{
	CLEANUP_WORDS struct words names = {0};

	if (walk->depth == NAR_MAX_DEPTH)
		return fail(walk, "lies below more than %u directories", NAR_MAX_DEPTH);
	if (list_names(walk, fd, &names) < 0)
		return -1;
	walk->depth++;
	add_text(walk, "directory");
	for (size_t i = 0; i < names.count; i++)
		if (hash_entry(walk, fd, names.items[i]) < 0)
			return -1;
	walk->depth--;
	return 0;
}

/* ---- any of them */

/* A device or a pipe is never opened: that alone can have effects. */
static int hash_content(struct walk *walk, int directory, const char *name)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat status;

	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return fail_errno(walk);
	if (S_ISLNK(status.st_mode))
		return hash_link(walk, directory, name);
	if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) {
		fd = openat(directory, name,
			    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &status) < 0)
			return fail_errno(walk);
	}
	if (S_ISDIR(status.st_mode))
		return hash_directory(walk, fd);
	if (S_ISREG(status.st_mode))
		return hash_file(walk, fd, &status);
	return fail(walk, "is no file, directory or link: Nix's archives hold nothing else");
}

static int hash_node(struct walk *walk, int directory, const char *name)
{
	add_text(walk, "(");
	add_text(walk, "type");
	if (hash_content(walk, directory, name) < 0)
		return -1;
	add_text(walk, ")");
	return 0;
}

int nar_hash(int directory, const char *name, struct nar_digest *ret, struct error *error)
{
	CLEANUP(walk_release)
	struct walk walk = {
		.digest = digest_sha256_new(),
		.block = mem_alloc(BLOCK_BYTES, 1),
		.path = STRBUF_INIT(MAX_PATH_BYTES),
		.error = error,
	};
	struct nar_digest digest;

	strbuf_puts(&walk.path, name);
	if (!*name || strchr(name, '/'))
		return error_set(error, ERROR_AGENT, "\"%s\" is no name of a directory's entry",
				 name);
	add_text(&walk, "nix-archive-1");
	if (hash_node(&walk, directory, name) < 0)
		return -1;
	digest.size = walk.size;
	if (!digest_sha256_finish(TAKE(walk.digest), digest.sha256))
		return fail(&walk, "cannot be hashed: SHA-256 is out of order");
	*ret = digest;
	return 0;
}
