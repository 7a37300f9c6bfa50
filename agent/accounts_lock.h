/* SPDX-License-Identifier: Zlib */
/* The lock on the machine's accounts (lckpwdf(3)), which useradd, passwd and their kind take. musl's
 * function of that name locks nothing. */
#pragma once

struct error;
struct root;

#define ACCOUNTS_LOCK_PATH "/etc/.pwd.lock"
#define ACCOUNTS_LOCK_WAIT_MS 15000u /* as long as glibc waits */

/* Takes the lock, waiting about WAIT_MS at most. Returns a descriptor whose close gives it back, or -1
 * with ERROR. It is this process's: it does not keep out a second call in the same one. */
int accounts_lock_take(const struct root *root, unsigned int wait_ms, struct error *error);
