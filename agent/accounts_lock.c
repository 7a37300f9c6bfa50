/* SPDX-License-Identifier: Zlib */
/* The lock on the machine's accounts. */
#include "agent/accounts_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/root.h"

#define STEP_MS 20u

/* F_SETLKW would wait for good, and ending it by a signal is everybody's business. */
static bool try_lock(int fd, unsigned int wait_ms)
{
	const struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	for (unsigned int waited_ms = 0; fcntl(fd, F_SETLK, &lock) < 0; waited_ms += STEP_MS) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) || waited_ms >= wait_ms)
			return false;
		(void)poll(NULL, 0, STEP_MS);
	}
	return true;
}

/* The process that holds the lock; 0: the kernel knows none, as for the lock of an open file. */
static pid_t holder_of(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK || lock.l_pid < 0)
		return 0;
	return lock.l_pid;
}

static int fail_to_lock(int fd, unsigned int wait_ms, struct error *error)
{
	char holder[32] = "another process";
	pid_t pid;

	if (errno != EAGAIN && errno != EACCES)
		return error_set(error, ERROR_AGENT, ACCOUNTS_LOCK_PATH " cannot be locked: %s",
				 strerror(errno));
	pid = holder_of(fd);
	if (pid > 0)
		(void)snprintf(holder, sizeof(holder), "process %d", (int)pid);
	return error_set(
		error, ERROR_AGENT,
		"the accounts are being changed by %s, which has not given back " ACCOUNTS_LOCK_PATH
		" within %u ms: end it, and try again",
		holder, wait_ms);
}

int accounts_lock_take(const struct root *root, unsigned int wait_ms, struct error *error)
{
	CLEANUP_CLOSE int fd =
		root_open(root, ACCOUNTS_LOCK_PATH,
			  O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);

	if (fd < 0)
		return error_set(error, ERROR_AGENT,
				 ACCOUNTS_LOCK_PATH
				 " cannot be opened: %s; to make users, /etc must be "
				 "writable for this user: else put them into the image",
				 strerror(errno));
	if (try_lock(fd, wait_ms))
		return TAKE_FD(fd);
	return fail_to_lock(fd, wait_ms, error);
}
