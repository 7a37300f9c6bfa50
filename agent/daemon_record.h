/* SPDX-License-Identifier: Zlib */
/* Which daemon spinup itself started: the file "daemon" in root's own directory. A daemon that no
 * record names is never ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/cleanup.h"

struct daemon_process;
struct error;
struct private_dir;
struct root;

struct daemon_record {
	pid_t pid;           /* its own session's first process, too */
	uint64_t start_time; /* as in struct daemon_process */
	char *program;
};

#define CLEANUP_DAEMON_RECORD CLEANUP(daemon_record_release)
void daemon_record_release(struct daemon_record *record);

/* Writes that PROCESS is the daemon, and that it runs PROGRAM. Returns 0, or -1 with ERROR and the old
 * record as it was. */
int daemon_record_write(const struct root *root, const struct private_dir *state,
			const struct daemon_process *process, const char *program,
			struct error *error);

/* Returns 1 and the record (the caller releases it); 0 where there is none of this boot: a process of
 * an earlier one has ended, whoever has its number now. -1 with ERROR: it is broken, or not ours. */
int daemon_record_read(const struct root *root, const struct private_dir *state,
		       struct daemon_record *ret, struct error *error);

/* Forgets the record; there need be none. */
void daemon_record_remove(const struct private_dir *state);

/* Whether PROCESS is the one that the record names, and not another one with its number. */
bool daemon_record_is(const struct daemon_record *record, const struct daemon_process *process);
