/* SPDX-License-Identifier: Zlib */
/* The processes of a session: whatever a process that called setsid(2) has started since, and what
 * those have started, unless they left it by a setsid of their own. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct root;

/* Kills the session's processes. Returns how many there were; 0 also where /proc does not tell. */
size_t session_kill(const struct root *root, pid_t session);
