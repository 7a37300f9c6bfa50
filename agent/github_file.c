/* SPDX-License-Identifier: Zlib */
/* Appending to the runner's command files, and the grammar by which it will read them
 * (actions/runner, FileCommandManager.cs). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define EXISTING_MAX_BYTES (4u << 20)

struct line_reader {
	const char *at;
	const char *end;
	unsigned int number; /* of the line read last, from 1 */
	bool has_newline;    /* the line read last ended with one */
};

/* The next line without its newline; false at the end. Only '\n' ends a line on Linux. */
static bool read_line(struct line_reader *reader, const char **ret, size_t *ret_length)
{
	const char *newline;

	if (reader->at == reader->end)
		return false;
	newline = memchr(reader->at, '\n', (size_t)(reader->end - reader->at));
	*ret = reader->at;
	*ret_length = (size_t)((newline ? newline : reader->end) - reader->at);
	reader->has_newline = newline != NULL;
	reader->at = newline ? newline + 1 : reader->end;
	reader->number++;
	return true;
}

/* Reads on to the line that equals DELIMITER. */
static bool skip_heredoc(struct line_reader *reader, const char *delimiter, size_t length)
{
	const char *line;
	size_t line_length;

	while (read_line(reader, &line, &line_length))
		if (line_length == length && memcmp(line, delimiter, length) == 0)
			return true;
	return false;
}

/* Whether a line that is not empty, with the heredoc that it may open, is a pair with a name. */
static bool read_pair(struct line_reader *reader, const char *line, size_t length)
{
	const char *equals = memchr(line, '=', length);
	const char *heredoc = memmem(line, length, "<<", 2);

	if (equals && (!heredoc || equals < heredoc))
		return equals > line;
	if (!heredoc || heredoc == line || heredoc + 2 == line + length)
		return false;
	return skip_heredoc(reader, heredoc + 2, (size_t)(line + length - heredoc - 2));
}

/* The runner takes UTF-16 and UTF-32 with a byte order mark; UTF-8 added to it would be garbage. */
static bool is_wide(const char *text, size_t length)
{
	return (length >= 2 &&
		(memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0)) ||
	       (length >= 4 && memcmp(text, "\0\0\xfe\xff", 4) == 0);
}

/* The bytes of UTF-8's own mark, which the runner takes off the start. */
static size_t mark_length(const char *text, size_t length)
{
	return length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

bool github_file_is_whole(const char *text, size_t length, unsigned int *ret_line)
{
	struct line_reader reader = {.at = text + mark_length(text, length), .end = text + length};
	const char *line;
	size_t line_length;

	*ret_line = 1;
	if (is_wide(text, length))
		return false;
	while (read_line(&reader, &line, &line_length)) {
		unsigned int number = reader.number;

		if (line_length == 0 || read_pair(&reader, line, line_length))
			continue;
		*ret_line = number;
		return false;
	}
	return true;
}

static int open_regular(const struct root *root, const char *path, struct error *error)
{
	/* O_NONBLOCK: a FIFO in its place must not hold the job up. */
	CLEANUP_CLOSE int fd =
		root_open(root, path, O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0);
	struct stat status;

	if (fd < 0)
		return error_set(
			error, ERROR_AGENT,
			"%s cannot be opened: %s; the runner makes this file anew for each "
			"step and it must stay writable for this user",
			path, strerror(errno));
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return error_set(error, ERROR_AGENT,
				 "%s is no regular file; the runner makes one for each step, so "
				 "something has replaced it",
				 path);
	return TAKE_FD(fd);
}

/* To its end or to the bound, for somebody may be adding to the file faster than it is read. */
static int read_existing(int fd, const char *path, struct strbuf *out, struct error *error)
{
	char bytes[4096];
	ssize_t length;
	off_t at = 0;

	while (!out->is_truncated && (length = pread(fd, bytes, sizeof(bytes), at)) != 0) {
		if (length < 0)
			return error_set(error, ERROR_AGENT, "%s cannot be read: %s", path,
					 strerror(errno));
		strbuf_add(out, bytes, (size_t)length);
		at += length;
	}
	return out->is_truncated
		       ? error_set(error, ERROR_AGENT,
				   "%s is larger than 4 MiB already and was left alone; look which "
				   "command of this step fills it",
				   path)
		       : 0;
}

/* Takes back a short write, unless another writer has added to the file since. */
static int take_back(int fd, const char *path, size_t wanted, size_t written, struct error *error)
{
	struct stat status;
	int reason = errno;

	if (written > 0 && (fstat(fd, &status) < 0 || lseek(fd, 0, SEEK_CUR) != status.st_size ||
			    ftruncate(fd, status.st_size - (off_t)written) < 0))
		return error_set(
			error, ERROR_AGENT,
			"%s holds %zu of %zu bytes and cannot be mended: %s; the step will "
			"be refused by the runner",
			path, written, wanted, strerror(errno));
	return error_set(error, ERROR_AGENT,
			 "%s: %zu bytes cannot be appended (%s), nothing was written; free space "
			 "on its file system, or raise this user's quota or limit of a file's size "
			 "(ulimit -f)",
			 path, wanted, written > 0 ? "no space left" : strerror(reason));
}

static int append_once(int fd, const char *path, const struct strbuf *bytes, struct error *error)
{
	ssize_t written;

	do {
		written = write(fd, bytes->data, bytes->length);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t)bytes->length)
		return 0;
	return take_back(fd, path, bytes->length, written < 0 ? 0 : (size_t)written, error);
}

/* What is to be added, and whether the runner reads the file by the grammar above. */
struct addition {
	const char *bytes;
	size_t length;
	bool has_grammar;
};

static int append(const struct root *root, const char *path, const struct addition *addition,
		  struct error *error)
{
	CLEANUP_STRBUF struct strbuf existing = STRBUF_INIT(EXISTING_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf bytes = STRBUF_INIT(addition->length + 1);
	CLEANUP_CLOSE int fd = open_regular(root, path, error);
	unsigned int line;

	if (fd < 0 || read_existing(fd, path, &existing, error) < 0)
		return -1;
	if (addition->has_grammar && !github_file_is_whole(existing.data, existing.length, &line))
		return error_set(error, ERROR_AGENT,
				 "%s was broken before spinup came to it, at line %u, and was left "
				 "alone: the runner refuses it from there on; mend the command of "
				 "this step that wrote that line",
				 path, line);
	/* Never an empty line: act refuses the whole file for one. */
	if (existing.length > mark_length(existing.data, existing.length) &&
	    existing.data[existing.length - 1] != '\n')
		strbuf_putc(&bytes, '\n');
	strbuf_add(&bytes, addition->bytes, addition->length);
	return append_once(fd, path, &bytes, error);
}

int github_file_append(const struct root *root, const char *path, const char *block, size_t length,
		       struct error *error)
{
	return append(root, path, &(struct addition){block, length, true}, error);
}

int github_lines_append(const struct root *root, const char *path, const char *lines, size_t length,
			struct error *error)
{
	return append(root, path, &(struct addition){lines, length, false}, error);
}
