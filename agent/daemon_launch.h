/* SPDX-License-Identifier: Zlib */
/* A program that outlives this process and its job: in a session of its own, with nothing of the
 * job's. It is held until it has been recorded, so that none runs that nobody knows. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct error;
struct root;

struct daemon_launch {
	const char *path;         /* absolute */
	char *const *arguments;   /* with the name first; NULL-terminated */
	char *const *environment; /* all that it gets; NULL-terminated */
	int log_fd;               /* for both of its outputs */
};

/* This process's own child: who outlives it has it to reap. */
struct daemon_child {
	pid_t pid;   /* 0: none, or reaped already */
	int control; /* the way to let it go */
};

/* Makes the child, which has left the job behind but is not the program yet. It ends when this
 * process ends first. Returns 0, or -1 with ERROR. */
int daemon_launch_hold(const struct daemon_launch *launch, struct daemon_child *ret,
		       struct error *error);

/* Lets it become the program. Returns 0, or -1 with ERROR: it cannot be run, and the child is to be
 * killed. */
int daemon_launch_go(const struct daemon_launch *launch, const struct daemon_child *child,
		     struct error *error);

/* Whether it has ended; then it is reaped, and RET_STATUS what waitpid(2) says (-1: the caller's own
 * handling of SIGCHLD was first). */
bool daemon_child_has_ended(struct daemon_child *child, int *ret_status);

/* Ends it with all its session and descendants and reaps it; one that is reaped already is none. Closes what is held. */
void daemon_child_kill(const struct root *root, struct daemon_child *child);

/* Closes what is held, and leaves the program running. */
void daemon_child_leave(struct daemon_child *child);
