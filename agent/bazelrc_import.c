/* SPDX-License-Identifier: Zlib */
/* One try-import line in somebody else's rc file, added once. */
#include "agent/bazelrc_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/file_cure.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define RC_MAX_BYTES (1u << 20)
#define LINE_MAX_BYTES 8192u

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	while (*text) {
		size_t text_length = strcspn(text, "\n");

		if (text_length == length && strncmp(text, line, length) == 0)
			return true;
		text += text_length + (text[text_length] == '\n');
	}
	return false;
}

/* One write; a short one is taken back. Returns 0, or -1 with errno. */
static int append(int fd, off_t size, const struct strbuf *line)
{
	ssize_t written;

	do {
		written = write(fd, line->data, line->length);
	} while (written < 0 && errno == EINTR);
	if (written == (ssize_t)line->length)
		return 0;
	if (written > 0) {
		if (ftruncate(fd, size) < 0)
			return -1;
		errno = ENOSPC;
	}
	return -1;
}

/* setup-bazel leaves the home rc without a final newline, so the line may have to begin with one. */
static int add_line(int fd, const struct root *root, const char *rc, const char *line)
{
	CLEANUP_STRBUF struct strbuf existing = STRBUF_INIT(RC_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf bytes = STRBUF_INIT(LINE_MAX_BYTES);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0 || root_read(root, rc, &existing) < 0)
		return -1;
	if (has_line(existing.data, line))
		return 0;
	if (existing.length && existing.data[existing.length - 1] != '\n')
		strbuf_putc(&bytes, '\n');
	strbuf_printf(&bytes, "%s\n", line);
	return append(fd, status.st_size, &bytes);
}

int bazelrc_import(const struct root *root, const char *rc, const char *file, struct error *error)
{
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(LINE_MAX_BYTES);
	CLEANUP_CLOSE int fd =
		root_open(root, rc, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, 0644);

	strbuf_puts(&line, "try-import ");
	text_shell_quote(&line, file);
	if (add_line(fd, root, rc, line.data) == 0)
		return 0;
	return error_set(error, ERROR_AGENT,
			 "%s cannot be added to: %s; it must be a regular file of this user's: %s",
			 rc, strerror(errno), file_cure(errno));
}
