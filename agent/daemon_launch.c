/* SPDX-License-Identifier: Zlib */
/* From a fork to a daemon: session, descriptors, limits, and the moment when it may go. */
#include "agent/daemon_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/cleanup.h"
#include "agent/daemon_family.h"
#include "agent/error.h"
#include "agent/patience.h"
#include "agent/run.h"

#define CONTROL_FD 3
#define EXEC_S 10       /* for the exec of a program that lies on a file system that hangs */
#define KILL_US 1000000 /* for processes that the kernel does not let go (a stuck disk) */

/* What the units of Nix and Determinate set: a store has many files, and Nix's evaluator a deep stack. */
#define OPEN_FILES 1048576u
#define STACK_BYTES (64u << 20)

/* ---- in the child */

/* As far as the hard limit, or our rights, allow. */
static void set_limit(int resource, rlim_t wanted)
{
	struct rlimit limit, raised;

	if (getrlimit(resource, &limit) < 0)
		return;
	raised.rlim_cur = wanted;
	raised.rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max;
	if (setrlimit(resource, &raised) == 0)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	(void)setrlimit(resource, &limit);
}

/* What bounds a job bounds nobody whom the daemon serves. What a limit merely allows, as priorities and
 * locked memory, goes no further than the caller's own hard limit: builders would have it, too. */
static void lift_limits(void)
{
	static const int bounds[] = {RLIMIT_AS,    RLIMIT_CPU, RLIMIT_DATA,  RLIMIT_FSIZE,
				     RLIMIT_LOCKS, RLIMIT_RSS, RLIMIT_NPROC, RLIMIT_RTTIME};
	static const int allowances[] = {RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE, RLIMIT_NICE,
					 RLIMIT_RTPRIO, RLIMIT_SIGPENDING};
	struct rlimit limit;

	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
		set_limit(bounds[i], RLIM_INFINITY);
	for (size_t i = 0; i < sizeof(allowances) / sizeof(allowances[0]); i++)
		if (getrlimit(allowances[i], &limit) == 0)
			set_limit(allowances[i], limit.rlim_max);
	set_limit(RLIMIT_NOFILE, OPEN_FILES);
	set_limit(RLIMIT_STACK, STACK_BYTES);
}

/* Jobs run with a score that makes them the first victims; the daemon serves others, too. */
static void set_neutral_score(void)
{
	CLEANUP_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "0", 1);
}

/* Input, both outputs, and the control: moved up first, so that none is overwritten before its turn. */
static bool arrange_descriptors(int log_fd, int control)
{
	int from[CONTROL_FD + 1] = {open("/dev/null", O_RDONLY | O_CLOEXEC), log_fd, log_fd,
				    control};

	for (int i = 0; i <= CONTROL_FD; i++)
		from[i] = fcntl(from[i], F_DUPFD, CONTROL_FD + 1);
	for (int i = 0; i <= CONTROL_FD; i++)
		if (dup2(from[i], i) < 0)
			return false;
	child_close_from(CONTROL_FD + 1);
	return fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC) == 0;
}

/* Nothing comes, but the end, when the parent has ended: then there is no record of us. */
static bool may_go(void)
{
	ssize_t length;
	char word;

	do
		length = read(CONTROL_FD, &word, 1);
	while (length < 0 && errno == EINTR);
	return length == 1;
}

static _Noreturn void become(const struct daemon_launch *launch, int control)
{
	int number;

	(void)setsid();
	child_reset_signals();
	if (!arrange_descriptors(launch->log_fd, control))
		_exit(127);
	(void)!chdir("/");
	(void)umask(022);
	set_neutral_score();
	lift_limits();
	if (!may_go())
		_exit(127);
	(void)execve(launch->path, launch->arguments, launch->environment);
	number = errno;
	(void)!write(CONTROL_FD, &number, sizeof(number));
	_exit(127);
}

/* ---- in the parent */

int daemon_launch_hold(const struct daemon_launch *launch, struct daemon_child *ret,
		       struct error *error)
{
	const struct timeval patience = {.tv_sec = EXEC_S};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		return error_set(error, ERROR_AGENT, "no socket pair: %s", strerror(errno));
	(void)setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	*ret = (struct daemon_child){.pid = fork(), .control = ends[0]};
	if (ret->pid == 0)
		become(launch, ends[1]);
	close(ends[1]);
	if (ret->pid > 0)
		return 0;
	ret->pid = 0;
	daemon_child_leave(ret);
	return error_set(error, ERROR_AGENT, "no process for %s: %s", launch->path,
			 strerror(errno));
}

/* The control's end is the program's beginning: its exec has closed it. */
int daemon_launch_go(const struct daemon_launch *launch, const struct daemon_child *child,
		     struct error *error)
{
	int number = 0;
	ssize_t length = -1;

	if (send(child->control, "g", 1, MSG_NOSIGNAL) == 1)
		do
			length = recv(child->control, &number, sizeof(number), 0);
		while (length < 0 && errno == EINTR);
	if (length == 0)
		return 0;
	if (length != sizeof(number))
		number = errno == EAGAIN ? ETIMEDOUT : errno;
	return error_set(error, ERROR_AGENT, "%s cannot be run: %s", launch->path,
			 strerror(number));
}

bool daemon_child_has_ended(struct daemon_child *child, int *ret_status)
{
	int status = -1;
	pid_t pid = waitpid(child->pid, &status, WNOHANG);

	if (pid == 0 || (pid < 0 && errno != ECHILD))
		return false;
	*ret_status = pid < 0 ? -1 : status;
	child->pid = 0;
	return true;
}

void daemon_child_kill(const struct root *root, struct daemon_child *child)
{
	struct patience patience = patience_until(run_clock_us() + KILL_US);
	CLEANUP_DAEMON_FAMILY struct daemon_family family = {0};
	const struct daemon_process first = {.pid = child->pid};
	int status;

	daemon_child_leave(child);
	if (first.pid == 0)
		return;
	daemon_family_look(root, &first, &family);
	/* It is reaped last: until then its number, which is the session's, is nobody else's. */
	(void)kill(first.pid, SIGKILL);
	while (daemon_family_kill(root, &first, &family) > 0 && patience_pause(&patience))
		continue;
	while (!daemon_child_has_ended(child, &status) && patience_pause(&patience))
		continue;
}

void daemon_child_leave(struct daemon_child *child)
{
	if (child->control >= 0)
		close(child->control);
	child->control = -1;
}
