/* SPDX-License-Identifier: Zlib */
/* The child's side of a task. */
#include "agent/task_process.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "probes/table.h"

/* A probe's process speaks through its pipe alone: whatever a server makes it print is lost. */
static void detach_stdio(void)
{
	CLEANUP_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = 0; fd <= STDERR_FILENO; fd++) {
#ifdef __SANITIZE_ADDRESS__
		if (fd == STDERR_FILENO)
			continue; /* the developer's build shows what its sanitizers say */
#endif
		if (null >= 0)
			(void)dup2(null, fd);
		else
			close(fd);
	}
	if (null <= STDERR_FILENO)
		null = -1;
}

static void reset_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

_Noreturn void task_process(const struct job *job, const struct task *task,
			    const struct sandbox *sandbox, int fd, pid_t parent)
{
	struct channel channel = {
		.fd = fd,
		.sandbox = sandbox,
		.profile = task->probe->sandbox,
	};

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0); /* it ended before it could be bound to this one */
	detach_stdio();
	reset_signals();
	if (!task->probe->enters_sandbox_itself)
		channel_lock(&channel);
	task->probe->run(job, task, &channel);
	_exit(0);
}
