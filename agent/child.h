/* SPDX-License-Identifier: Zlib */
/* What a child does between fork(2) and execve(2), so that the program begins with nothing of ours. */
#pragma once

/* Closes every descriptor from FIRST on. */
void child_close_from(unsigned int first);

/* No signal is caught, ignored or blocked. */
void child_reset_signals(void);
