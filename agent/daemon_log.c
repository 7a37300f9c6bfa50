/* SPDX-License-Identifier: Zlib */
/* The daemon's log: where it goes, and its last words. */
#include "agent/daemon_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/private_dir.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_LOG_BYTES (1 << 20)
#define TAIL_LINES 3u
#define TAIL_READ_BYTES 8192

/* Another name of the file would be a way for others to what root writes into it. */
static bool is_ours(const struct stat *status)
{
	return S_ISREG(status->st_mode) && status->st_uid == geteuid() && status->st_nlink == 1 &&
	       !(status->st_mode & 077);
}

int daemon_log_open(const struct private_dir *state, off_t *ret_end, struct error *error)
{
	CLEANUP_CLOSE int fd = openat(state->fd, DAEMON_LOG,
				      O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK |
					      O_NOCTTY | O_CLOEXEC,
				      0600);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set(error, ERROR_AGENT, "%s/" DAEMON_LOG " cannot be opened: %s%s",
				 state->path, strerror(errno),
				 errno == ELOOP ? " (a symlink is not followed); remove it" : "");
	if (!is_ours(&status))
		return error_set(error, ERROR_AGENT,
				 "%s/" DAEMON_LOG
				 " is no file of this user's alone (mode %04o, user %u, "
				 "%lu names); remove it",
				 state->path, (unsigned int)status.st_mode & 07777u,
				 (unsigned int)status.st_uid, (unsigned long)status.st_nlink);
	if (status.st_size > MAX_LOG_BYTES) {
		if (ftruncate(fd, 0) < 0)
			return error_set(error, ERROR_AGENT, "%s/" DAEMON_LOG ": %s", state->path,
					 strerror(errno));
		status.st_size = 0;
	}
	(void)fcntl(fd, F_SETFL,
		    O_APPEND); /* a daemon's writes are to wait, as they would elsewhere */
	*ret_end = status.st_size;
	return TAKE_FD(fd);
}

/* ---- the last words */

/* The last LENGTH bytes' lines from the last TAIL_LINES that are not empty on. */
static const char *last_lines(const char *text)
{
	const char *at = text + strlen(text);
	unsigned int lines = 0;

	while (at > text) {
		const char *end = at;

		while (at > text && at[-1] != '\n')
			at--;
		lines += at + strspn(at, " \t\r") < end;
		if (lines == TAIL_LINES || at == text)
			return at;
		at--;
	}
	return at;
}

/* Each line cleaned by itself: one must not end in the middle of the next one's escape sequence. */
static void add_lines(struct strbuf *out, const char *text)
{
	CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(2 * TAIL_READ_BYTES);

	while (*text) {
		size_t length = strcspn(text, "\n");
		CLEANUP_FREE char *line = mem_strndup(text, length);
		CLEANUP_STRBUF struct strbuf plain = STRBUF_INIT(2 * TAIL_READ_BYTES);
		CLEANUP_FREE char *cleaned = NULL;

		text_redact_urls(&plain, line);
		cleaned = text_cleaned(plain.data, DAEMON_LOG_TAIL_BYTES);
		if (*cleaned)
			strbuf_printf(&tail, "%s%s", tail.length ? " / " : "", cleaned);
		text += length;
		text += *text == '\n';
	}
	text_clean(out, tail.data, DAEMON_LOG_TAIL_BYTES);
}

void daemon_log_tail_from(const struct private_dir *state, off_t start, struct strbuf *out)
{
	CLEANUP_CLOSE int fd =
		openat(state->fd, DAEMON_LOG, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char bytes[TAIL_READ_BYTES + 1];
	struct stat status;
	ssize_t length;

	if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return;
	if (status.st_size - start > TAIL_READ_BYTES)
		start = status.st_size - TAIL_READ_BYTES;
	length = pread(fd, bytes, TAIL_READ_BYTES, start);
	if (length <= 0)
		return;
	for (ssize_t i = 0; i < length; i++)
		if (bytes[i] == '\0')
			bytes[i] = ' ';
	bytes[length] = '\0';
	add_lines(out, last_lines(bytes));
}

void daemon_log_tail(const struct private_dir *state, struct strbuf *out)
{
	daemon_log_tail_from(state, 0, out);
}
