/* SPDX-License-Identifier: Zlib */
/* What daemon_start.h's three ways have in common: one at a time, within one deadline. */
#pragma once

#include <stdint.h>

#include "agent/cleanup.h"
#include "agent/daemon_answer.h"

struct daemon_child;
struct daemon_places;
struct daemon_start;
struct error;
struct strbuf;

struct daemon_attempt {
	const struct daemon_start *how;
	const struct daemon_places *places;
	int64_t deadline_us;
	int lock; /* closed by daemon_attempt_end */
};

/* Takes the lock, waiting for another process's attempt to end. Returns 0, or -1 with ERROR;
 * daemon_attempt_end is owed in both cases. */
int daemon_attempt_begin(struct daemon_attempt *ret, const struct daemon_start *how,
			 struct error *error);
void daemon_attempt_end(struct daemon_attempt *attempt);
#define CLEANUP_DAEMON_ATTEMPT CLEANUP(daemon_attempt_end)

/* How the daemon answers, appended to WHY; asked no longer than a living one takes. */
enum daemon_answer daemon_attempt_ask(const struct daemon_attempt *attempt, struct strbuf *why);

/* Waits until a daemon answers. CHILD is the one that was started here, or NULL: when it ends first,
 * or closes connection after connection, waiting is over. Returns 0, or -1 with ERROR. */
int daemon_attempt_await(const struct daemon_attempt *attempt, struct daemon_child *child,
			 struct error *error);

/* Starts a daemon where none listens; the lock is held. Returns as daemon_start does. */
int daemon_attempt_start(const struct daemon_attempt *attempt, struct strbuf *said,
			 struct error *error);
