/* SPDX-License-Identifier: Zlib */
/* Dispositions and umask, as they must stand for the proofs. */
#include "agent/inherited.h"

#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>

void inherited_mend(void)
{
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	sigset_t alarm;

	(void)umask(mask & (S_IRWXG | S_IRWXO));
	/* Where SIGCHLD is ignored, the kernel keeps no status for whoever waits. */
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGALRM, SIG_DFL);
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarm, NULL);
}
