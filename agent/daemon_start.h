/* SPDX-License-Identifier: Zlib */
/* Starts the Nix daemon, wakes one that is stopped, and starts one anew that spinup had started. Root's
 * work, one process at a time: a second daemon would take the socket from the first. */
#pragma once

#include "agent/daemon_log.h"

struct daemon_places;
struct error;
struct private_dir;
struct root;
struct strbuf;

struct daemon_start {
	const struct root *root;            /* the machine's own; never confined */
	const struct daemon_places *places; /* NULL: the machine's */
	const struct private_dir *state;    /* root's own directory: lock, record, log */
	const char *tracking_id;            /* RUNNER_TRACKING_ID to hand on, or NULL */
	char *const *proxies;               /* NAME=VALUE of proxy variables to hand on, or NULL */
	unsigned int timeout_ms;            /* for all of it */
};

/* Each of these returns 0 when a daemon has answered a handshake, and appends to SAID what was done
 * for it ("started /…/nix-daemon (process 12)"), or -1 with ERROR. A daemon that was started and did
 * not come to answer is ended, and none of its processes stays; one that did is this process's child,
 * until this process ends or reaps it. The caller's handling of signals is not touched. */

/* Starts it where nobody listens at the socket (by systemd where that is init and knows it); one that
 * serves already is left alone. One that listens and does not answer, or is another user's, is not
 * started over: -1. */
int daemon_start(const struct daemon_start *how, struct strbuf *said, struct error *error);

/* Lets a daemon go on that has been stopped (SIGSTOP). */
int daemon_wake(const struct daemon_start *how, struct strbuf *said, struct error *error);

/* Ends the daemon that listens and starts it anew, if the record says that spinup started it and if
 * nobody is connected to it. Where none listens it is started. */
int daemon_restart(const struct daemon_start *how, struct strbuf *said, struct error *error);

/* Returns 0 when daemon_restart would go on to end the daemon, or to start one where none listens; -1
 * with ERROR. */
int daemon_may_restart(const struct daemon_start *how, struct error *error);

/* Ends the daemon that listens with all its workers, whoever is connected to it. Returns 0 when none listens afterwards, or
 * -1 with ERROR: it is not one that spinup started. */
int daemon_end(const struct daemon_start *how, struct error *error);
