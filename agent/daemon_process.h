/* SPDX-License-Identifier: Zlib */
/* The process behind a Unix socket's path, as /proc tells (proc(5), proc_pid_stat(5)). What others
 * can write there, such as a process's name or the name of a socket of their own, is not trusted:
 * see each function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct root;

struct daemon_process {
	pid_t pid;
	pid_t parent;
	pid_t session;       /* the process that called setsid(2) for it */
	uint64_t start_time; /* clock ticks since boot: a pid that is used again has another */
	char state;          /* 'R', 'S' and 'D' live, 'T' is stopped, 'Z' has ended */
	uid_t uid;           /* effective */
	char name[32];       /* of its command, cleaned; chosen by itself */
};

/* What is known of process PID. Returns false where there is none, or it cannot be read. */
bool daemon_process_read(const struct root *root, pid_t pid, struct daemon_process *ret);

/* The process that listens at SOCKET_PATH. Of several that hold the socket it is the oldest, but
 * process 1 only where nobody else does (an init listens for the services that it will start). Of
 * several sockets of that path (the last one took it from the others) it is the newest process's, and
 * root's before others': anyone can make a socket whose name reads like another entry of the table.
 * Returns false where nobody listens, and where that cannot be told within a second. */
bool daemon_process_find(const struct root *root, const char *socket_path,
			 struct daemon_process *ret);

/* How many clients SOCKET_PATH has: connections that are accepted and open, or processes of the listener's
 * that serve one, whichever are more (the table has no connections of clients in another network
 * namespace, such as a container that shares /nix). -1 where that cannot be told. */
int daemon_process_clients(const struct root *root, const char *socket_path);

/* Whether both are the same process, not only the same number. */
bool daemon_process_is_same(const struct daemon_process *one, const struct daemon_process *other);

/* Sends signal NUMBER to PROCESS if it is still the same. Returns 0, or -1 with errno (ESRCH). */
int daemon_process_signal(const struct root *root, const struct daemon_process *process,
			  int number);

/* "running", "stopped", …: STATE in words. */
const char *daemon_process_state_name(char state);
