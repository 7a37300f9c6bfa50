/* SPDX-License-Identifier: Zlib */
/* Descriptors and signals of a child that becomes another program. */
#include "agent/child.h"

#include <limits.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAX_DESCRIPTORS 4096 /* that are closed one by one where close_range is missing */

void child_close_from(unsigned int first)
{
	if (syscall(SYS_close_range, first, UINT_MAX, 0u) == 0)
		return;
	for (unsigned int fd = first; fd < MAX_DESCRIPTORS; fd++)
		close((int)fd);
}

void child_reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	for (int number = 1; number < NSIG; number++)
		(void)signal(number, SIG_DFL);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}
