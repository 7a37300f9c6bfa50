/* SPDX-License-Identifier: Zlib */
/* Work in a process of its own, bounded in time, whose end, hang or crash harms nobody; and this
 * process then becomes a command. */
#pragma once

#include "agent/signals.h"

struct error;
struct strbuf;

#define EXEC_MAX_BLOCK_BYTES 262144u
#define EXEC_MAX_EXTENSION_MS 60000u

enum exec_end {
	EXEC_DONE,        /* the work came back; status is what it returned */
	EXEC_KILLED,      /* by a signal, whose number is the status */
	EXEC_TIMEOUT,     /* passed its time, and was killed */
	EXEC_INTERRUPTED, /* this process got the signal status: it should end as well */
	EXEC_NOT_STARTED, /* status is the errno */
};

struct exec_result {
	enum exec_end end;
	int status;
};

struct exec_work {
	/* Returns an exit status, and in BLOCK what it hands over. It may set *TIMEOUT_MS, counted from
	 * its start, to at most EXEC_MAX_EXTENSION_MS more than it was given. */
	int (*run)(const void *data, unsigned int *timeout_ms, struct strbuf *block);
	const void *data;
	unsigned int timeout_ms;
};

/* Runs WORK in a child, in a session of its own, and waits for it; SIGNALS must be held. What it
 * leaves behind in its session is killed, and every child that has ended is reaped. BLOCK gets the
 * bytes that it handed over, whole or none. */
void exec_supervise(const struct exec_work *work, const struct signals *signals,
		    struct exec_result *ret, struct strbuf *block);

/* The environment of a command: ENVIRONMENT, in which each NAME=VALUE of BLOCK (NUL-terminated
 * texts, one behind the other) is put; a name that GITHUB_ENV may not hold is left out. The caller
 * frees the array; its texts are borrowed. */
char **exec_environment(char *const *environment, const struct strbuf *block);

/* Becomes ARGUMENTS[0], looked up in ENVIRONMENT's PATH. Comes back only when it cannot, with the
 * exit status that says so (127: not found; 126) and ERROR. */
int exec_become(char *const *arguments, char **environment, struct error *error);
