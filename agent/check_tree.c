/* SPDX-License-Identifier: Zlib */
/* Walks a checkout. It comes from whoever wrote the change: names, depths and sizes are hostile, and
 * nothing in it is run. */
#include "agent/check_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/check_outer.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/ignore.h"
#include "agent/mem.h"
#include "agent/named_path.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"

#define CHUNK_BYTES 65536u
#define LINE_MAX_BYTES 65536u
#define BINARY_BYTES 8000u /* as git has it: a NUL among the first ones */
#define PATH_MAX_BYTES 4096u
#define UNREAD_MAX_BYTES 400u
#define READ_FLAGS (O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

void check_tree_release(struct check_tree *tree)
{
	check_filter_release(&tree->filter);
	free(tree->first_unread);
	tree->first_unread = NULL;
}

static void report_unread(struct check_tree *tree, const char *path, const char *why)
{
	if (tree->unread++ == 0) {
		CLEANUP_FREE char *text = mem_format("%s: %s", path, why);

		tree->first_unread = text_cleaned(text, UNREAD_MAX_BYTES);
	}
}

/* ---- one file */

/* Hands a whole piece over. A NUL is white space here. */
static void take_piece(struct check_tree *tree, struct strbuf *line, size_t length)
{
	CLEANUP_FREE char *piece = mem_alloc(length + 1, 1);

	for (size_t i = 0; i < length; i++)
		piece[i] = line->data[i] ? line->data[i] : ' ';
	check_text_line(&tree->text, piece);
}

/* A line that is longer than the buffer is looked at in pieces, cut between words where it has any. */
static void take_long(struct check_tree *tree, struct strbuf *line)
{
	CLEANUP_STRBUF struct strbuf rest = STRBUF_INIT(LINE_MAX_BYTES);
	size_t length = line->length;

	while (length > LINE_MAX_BYTES / 2 && !strchr(" ,;\"'\t", line->data[length - 1]))
		length--;
	if (length <= LINE_MAX_BYTES / 2)
		length = line->length;
	take_piece(tree, line, length);
	strbuf_add(&rest, line->data + length, line->length - length);
	tree->text.column += (unsigned int)length;
	strbuf_clear(line);
	strbuf_add(line, rest.data, rest.length);
}

static void end_line(struct check_tree *tree, struct strbuf *line)
{
	take_piece(tree, line, line->length);
	strbuf_clear(line);
	tree->text.line++;
	tree->text.column = 0;
}

static void take_bytes(struct check_tree *tree, struct strbuf *line, const char *bytes,
		       size_t length)
{
	while (length) {
		const char *end = memchr(bytes, '\n', length);
		size_t part = end ? (size_t)(end - bytes) : length;
		size_t room = LINE_MAX_BYTES - line->length;

		if (part > room) {
			strbuf_add(line, bytes, room);
			take_long(tree, line);
			bytes += room;
			length -= room;
			continue;
		}
		strbuf_add(line, bytes, part);
		if (end)
			end_line(tree, line);
		bytes += part + (end ? 1 : 0);
		length -= part + (end ? 1 : 0);
	}
}

static unsigned int count_lines(const char *bytes, size_t length)
{
	unsigned int count = 0;

	for (size_t i = 0; i < length; i++)
		count += bytes[i] == '\n';
	return count;
}

/* The whole lines in the middle are passed over at once where nothing in them is worth a look. */
static void take_chunk(struct check_tree *tree, struct strbuf *line, const char *bytes,
		       size_t length)
{
	const char *first = memchr(bytes, '\n', length);
	const char *last = first ? (const char *)memrchr(bytes, '\n', length) + 1 : bytes;

	if (first) {
		first++;
		take_bytes(tree, line, bytes, (size_t)(first - bytes));
		if (check_filter_holds(&tree->filter, first, (size_t)(last - first)))
			take_bytes(tree, line, first, (size_t)(last - first));
		else
			tree->text.line += count_lines(first, (size_t)(last - first));
	}
	take_bytes(tree, line, last, (size_t)(bytes + length - last));
}

static bool is_late(const struct check_tree *tree)
{
	return run_clock_us() > tree->end_us;
}

static int fail_late(const struct check_tree *tree, const char *path, struct error *error)
{
	return error_set(error, ERROR_AGENT,
			 "contract check: not done in time, and stopped at %.300s after %zu files: "
			 "name fewer",
			 path, tree->files);
}

/* 0 when it was read to its end, or left out as binary; -1 with errno. */
static int read_text(struct check_tree *tree, int fd)
{
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(LINE_MAX_BYTES);
	CLEANUP_FREE char *bytes = mem_alloc(CHUNK_BYTES, 1);
	bool is_first = true;
	ssize_t length;

	while ((length = read(fd, bytes, CHUNK_BYTES)) != 0 && !is_late(tree)) {
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -1;
		if (is_first &&
		    memchr(bytes, '\0',
			   (size_t)length < BINARY_BYTES ? (size_t)length : BINARY_BYTES))
			return 0;
		is_first = false;
		take_chunk(tree, &line, bytes, (size_t)length);
	}
	if (line.length)
		end_line(tree, &line);
	tree->files++;
	return 0;
}

static void check_file(struct check_tree *tree, int fd, const char *path)
{
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		report_unread(tree, path, strerror(errno));
		return;
	}
	if (!S_ISREG(status.st_mode)) {
		report_unread(tree, path, "no regular file");
		return;
	}
	check_text_begin(&tree->text, path);
	if (read_text(tree, fd) < 0)
		report_unread(tree, path, strerror(errno));
	check_text_end(&tree->text);
}

/* ---- trees */

/* Where a walk is. */
struct place {
	struct ignore rules; /* the directory's own, and from above */
	int fd;
	unsigned int depth;
	struct strbuf shown;  /* "./src/", as it stands before a file's name */
	struct strbuf inside; /* the same, as the rules of .gitignore count it */
};

static void place_release(struct place *place)
{
	ignore_release(&place->rules);
	strbuf_release(&place->shown);
	strbuf_release(&place->inside);
}

static int check_directory(struct check_tree *tree, struct place *place, struct error *error);

static int by_name(const void *left, const void *right)
{
	return strcmp(*(char *const *)left, *(char *const *)right);
}

/* The names in a directory, sorted, so that two runs say the same. */
static int read_names(const struct place *place, struct words *ret)
{
	int fd = fcntl(place->fd, F_DUPFD_CLOEXEC, 0);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (ret->count < CHECK_MAX_FILES && (entry = readdir(directory)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    strcmp(entry->d_name, ".git") != 0)
			words_add(ret, entry->d_name);
	(void)closedir(directory);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), by_name);
	return 0;
}

static int enter(struct check_tree *tree, const struct place *above, const char *name,
		 struct error *error)
{
	CLEANUP(place_release)
	struct place place = {
		.rules = {.outer = &above->rules},
		.depth = above->depth + 1,
		.shown = STRBUF_INIT(PATH_MAX_BYTES),
		.inside = STRBUF_INIT(PATH_MAX_BYTES),
	};
	int status = 0;

	strbuf_printf(&place.shown, "%s%s/", above->shown.data, name);
	strbuf_printf(&place.inside, "%s%s/", above->inside.data, name);
	place.fd = openat(above->fd, name, READ_FLAGS | O_DIRECTORY | O_NOFOLLOW);
	if (place.shown.is_truncated || place.inside.is_truncated || place.depth > CHECK_MAX_DEPTH)
		report_unread(tree, place.shown.data, "too deep");
	else if (place.fd < 0)
		report_unread(tree, place.shown.data, strerror(errno));
	else
		status = check_directory(tree, &place, error);
	if (place.fd >= 0)
		close(place.fd);
	return status;
}

static int check_entry(struct check_tree *tree, const struct place *place, const char *name,
		       struct error *error)
{
	CLEANUP_FREE char *inside = mem_format("%s%s", place->inside.data, name);
	CLEANUP_FREE char *shown = mem_format("%s%s", place->shown.data, name);
	CLEANUP_CLOSE int fd = -1;
	struct stat status;

	if (is_late(tree))
		return fail_late(tree, shown, error);
	if (tree->files + tree->unread > CHECK_MAX_FILES)
		return error_set(error, ERROR_USAGE, "contract check: more than %u files",
				 CHECK_MAX_FILES);
	if (fstatat(place->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		report_unread(tree, shown, strerror(errno));
		return 0;
	}
	if (ignore_matches(&place->rules, inside, S_ISDIR(status.st_mode)))
		return 0;
	if (S_ISDIR(status.st_mode))
		return enter(tree, place, name, error);
	if (!S_ISREG(status.st_mode))
		return 0;
	fd = openat(place->fd, name, READ_FLAGS | O_NOFOLLOW);
	check_file(tree, fd, shown);
	return 0;
}

/* The directory's own .gitignore; git follows no link there either. */
static void read_rules(struct place *place)
{
	CLEANUP_CLOSE int fd = openat(place->fd, ".gitignore", READ_FLAGS | O_NOFOLLOW);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(IGNORE_MAX_FILE_BYTES);

	place->rules.skipped = place->inside.length;
	if (fd >= 0 && root_read_open(fd, &text) == 0)
		ignore_parse(&place->rules, text.data);
}

static int check_directory(struct check_tree *tree, struct place *place, struct error *error)
{
	CLEANUP_WORDS struct words names = {0};
	int status = 0;

	if (read_names(place, &names) < 0) {
		report_unread(tree, place->shown.data, strerror(errno));
		return 0;
	}
	read_rules(place);
	for (size_t i = 0; i < names.count && status == 0; i++)
		status = check_entry(tree, place, names.items[i], error);
	return status;
}

/* ---- what a person names */

static int check_root(struct check_tree *tree, int fd, const char *shown, const char *absolute,
		      struct error *error)
{
	CLEANUP(check_outer_release) struct check_outer outer = {0};
	CLEANUP(place_release)
	struct place place = {
		.fd = fd,
		.shown = STRBUF_INIT(PATH_MAX_BYTES),
		.inside = STRBUF_INIT(PATH_MAX_BYTES),
	};

	check_outer_read(&outer, tree->root, absolute);
	strbuf_printf(&place.shown, "%s%s", shown, text_ends_with(shown, "/") ? "" : "/");
	strbuf_puts(&place.inside, outer.inside.data);
	place.rules.outer = outer.innermost;
	return check_directory(tree, &place, error);
}

/* What is printed begins with no name that somebody else chose. */
static char *shown_path(const char *path)
{
	CLEANUP_FREE char *plain = mem_strdup(path);
	size_t length = strlen(plain);

	while (length > 1 && plain[length - 1] == '/')
		plain[--length] = '\0';
	if (*plain == '/' || strcmp(plain, ".") == 0 || strcmp(plain, "..") == 0 ||
	    text_starts_with(plain, "./") || text_starts_with(plain, "../"))
		return TAKE(plain);
	return mem_format("./%s", plain);
}

int check_tree_path(struct check_tree *tree, const char *path, struct error *error)
{
	CLEANUP_FREE char *absolute = named_path(path);
	CLEANUP_FREE char *shown = shown_path(path);
	CLEANUP_CLOSE int fd = -1;
	struct stat status;

	if (!absolute)
		return error_set(error, ERROR_USAGE,
				 "contract check %.200s: the working directory is gone; change to "
				 "another one, or name the path from /",
				 path);
	if (!tree->filter.needles.count)
		check_filter_make(&tree->filter, tree->text.contract);
	fd = root_open(tree->root, absolute, READ_FLAGS, 0);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(error, ERROR_USAGE, "contract check %.200s: %s", path,
				 strerror(errno));
	if (S_ISDIR(status.st_mode) && check_root(tree, fd, shown, absolute, error) < 0)
		return -1;
	if (!S_ISDIR(status.st_mode))
		check_file(tree, fd, shown);
	return is_late(tree) ? fail_late(tree, shown, error) : 0;
}
