/* SPDX-License-Identifier: Zlib */
/* What a daemon that we started writes: "daemon.log" in root's own directory. */
#pragma once

#include <sys/types.h>

struct error;
struct private_dir;
struct strbuf;

#define DAEMON_LOG "daemon.log"
#define DAEMON_LOG_TAIL_BYTES 600u

/* Opens the log for appending, made with mode 0600 where it is missing, emptied where it has grown
 * over 1 MiB. RET_END gets its length. Returns a descriptor, or -1 with ERROR: a symlink, or a file
 * that is not this user's alone, is not written to. */
int daemon_log_open(const struct private_dir *state, off_t *ret_end, struct error *error);

/* Appends the last words behind START: at most three lines, " / " between them, cleaned, without what
 * is secret in URLs, and at most DAEMON_LOG_TAIL_BYTES; "" where there are none. */
void daemon_log_tail_from(const struct private_dir *state, off_t start, struct strbuf *out);

/* The same of the whole log, for findings. */
void daemon_log_tail(const struct private_dir *state, struct strbuf *out);
