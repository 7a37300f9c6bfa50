/* SPDX-License-Identifier: Zlib */
/* Runs a program of the machine's image, bounded in time and output. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct root;
struct strbuf;

#define SPAWN_INHERITED_FD 3 /* where a program finds the first descriptor that it is given */
#define SPAWN_MAX_INHERITED 2u

struct spawn_request {
	const char *path;         /* absolute, inside ROOT; NULL: run the last descriptor given */
	char *const *arguments;   /* with the name first; NULL-terminated */
	char *const *environment; /* all that it gets; NULL-terminated */
	const char *directory;    /* to run in (of the real machine); NULL or missing: "/" */
	unsigned int timeout_ms;
	int input;                          /* what it reads as its standard input; 0: nothing */
	int inherited[SPAWN_MAX_INHERITED]; /* descriptors that the program gets: 3 and 4 */
	size_t inherited_count;
	void (*enter)(void *context); /* in the child, before the program: its sandbox; or NULL */
	void *context;
};

enum spawn_end {
	SPAWN_EXITED,      /* status says how */
	SPAWN_KILLED,      /* by a signal that is not ours: status is its number */
	SPAWN_TIMEOUT,     /* passed its time, and was killed with all its children */
	SPAWN_NOT_STARTED, /* status is the errno: no fork, or the program could not be run */
};

struct spawn_result {
	enum spawn_end end;
	int status;
};

/* Runs the program in a process group of its own, with no descriptors but those given, and appends what
 * it writes (both outputs; what does not fit OUTPUT is lost) until it ends or its time is over. What it
 * leaves behind in its group is killed. */
void spawn_read(const struct root *root, const struct spawn_request *request,
		struct spawn_result *ret, struct strbuf *output);

/* Looks NAME up in a PATH list as execvp would, but takes absolute directories alone: an empty or
 * relative entry is whatever the job checked out. Returns whether an executable file was found; RET
 * gets its path, symlinks not followed. */
bool spawn_find(const struct root *root, const char *name, const char *path_list,
		struct strbuf *ret);
