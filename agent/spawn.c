/* SPDX-License-Identifier: Zlib */
/* Runs a program of the machine's image, bounded in time and output. */
#include "agent/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/child.h"
#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define TICK_MS 20       /* how soon an end is seen while somebody else holds the pipe open */
#define END_TICK_MS 1    /* and after the pipe's end, which mostly is the process's own */
#define MAX_REAP_MS 1000 /* for a process that the kernel does not let go (a stuck driver) */
#define MAX_PLACED (SPAWN_INHERITED_FD + SPAWN_MAX_INHERITED + 2)

/* In the child: input and both outputs, what the program is given, and behind these the program
 * itself, where it is run by descriptor, and the error pipe. */
struct placed {
	int fds[MAX_PLACED];
	int count;
	int program; /* index; -1: none */
};

struct child {
	pid_t pid;
	int output_fd;
	int error_fd; /* gets the errno when exec fails; closed by exec itself */
	int64_t deadline_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* ---- in the child */

/* Puts the descriptors at the numbers of their places. They are moved up first, so that none is
 * overwritten before its turn. Returns false when there are too few. */
static bool arrange_descriptors(struct placed *placed)
{
	for (int i = 0; i < placed->count; i++)
		placed->fds[i] = fcntl(placed->fds[i], F_DUPFD, MAX_PLACED);
	for (int i = 0; i < placed->count; i++)
		if (dup2(placed->fds[i], i) < 0)
			return false;
	return fcntl(placed->count - 1, F_SETFD, FD_CLOEXEC) == 0;
}

static struct placed place(const struct spawn_request *request, const int fds[3])
{
	struct placed placed = {.program = -1};

	placed.fds[placed.count++] =
		request->input ? request->input : open("/dev/null", O_RDWR | O_CLOEXEC);
	placed.fds[placed.count++] = fds[0];
	placed.fds[placed.count++] = fds[0];
	for (size_t i = 0; i < request->inherited_count; i++)
		placed.fds[placed.count++] = request->inherited[i];
	if (fds[1] >= 0)
		placed.fds[placed.count++] = fds[1];
	if (fds[1] >= 0 || !request->path)
		placed.program = placed.count - 1;
	placed.fds[placed.count++] = fds[2];
	return placed;
}

/* A program of the machine runs by its path: wrapper scripts look at their own name. One of a test's
 * fake root has no path here, and runs by descriptor (which a script's interpreter opens again). */
static void execute(const struct spawn_request *request, int program)
{
	if (request->path && program < 0)
		(void)execve(request->path, request->arguments, request->environment);
	else
		(void)syscall(SYS_execveat, program, "", request->arguments, request->environment,
			      AT_EMPTY_PATH);
}

/* FDS: where its output goes, the program or -1, where its error goes. */
static _Noreturn void become(const struct spawn_request *request, const int fds[3], pid_t parent)
{
	struct placed placed = place(request, fds);
	int error = fds[2];
	int number;

	(void)setpgid(0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127); /* it ended before it could be bound to this one */
	child_reset_signals();
	if (arrange_descriptors(&placed)) {
		error = placed.count - 1;
		child_close_from((unsigned int)placed.count);
		if (!request->directory || chdir(request->directory) < 0)
			(void)!chdir("/");
		if (request->enter)
			request->enter(request->context);
		execute(request, placed.program);
	}
	number = errno;
	(void)!write(error, &number, sizeof(number));
	_exit(127);
}

/* ---- in the parent */

static int start(struct child *child, const struct root *root, const struct spawn_request *request)
{
	CLEANUP_CLOSE int program = -1;
	pid_t parent = getpid();
	int output[2], error[2];

	if (root->is_confined && request->path)
		program = root_open(root, request->path, O_RDONLY | O_NONBLOCK, 0);
	if ((root->is_confined && request->path && program < 0) || pipe2(output, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(error, O_CLOEXEC) < 0) {
		close(output[0]);
		close(output[1]);
		return -1;
	}
	child->pid = fork();
	if (child->pid == 0)
		become(request, (const int[]){output[1], program, error[1]}, parent);
	close(output[1]);
	close(error[1]);
	(void)fcntl(output[0], F_SETFL, O_NONBLOCK); /* our end alone: the program's must block */
	(void)fcntl(error[0], F_SETFL, O_NONBLOCK);
	child->output_fd = output[0];
	child->error_fd = error[0];
	return child->pid < 0 ? -1 : 0;
}

/* Looks without reaping: as long as the process is there, its group's number is nobody else's. */
static bool has_ended(const struct child *child)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 ||
	       info.si_pid == child->pid;
}

enum taking { TOOK_SOME, TOOK_NOTHING, TOOK_END };

static enum taking take_output(const struct child *child, struct strbuf *output)
{
	char bytes[4096];
	ssize_t length = read(child->output_fd, bytes, sizeof(bytes));

	if (length > 0) {
		strbuf_add(output, bytes, (size_t)length);
		return TOOK_SOME;
	}
	return length < 0 && (errno == EAGAIN || errno == EINTR) ? TOOK_NOTHING : TOOK_END;
}

/* Returns false when the time is over first. Somebody else may hold the pipe open after the end. */
static bool follow(struct child *child, struct strbuf *output)
{
	bool is_open = true;

	while (!has_ended(child)) {
		struct pollfd ready = {.fd = is_open ? child->output_fd : -1, .events = POLLIN};

		if (now_ms() >= child->deadline_ms)
			return false;
		(void)poll(&ready, 1, is_open ? TICK_MS : END_TICK_MS);
		if (ready.revents && take_output(child, output) == TOOK_END)
			is_open = false;
	}
	while (is_open && take_output(child, output) == TOOK_SOME && now_ms() < child->deadline_ms)
		continue;
	return true;
}

/* Returns false for a process that does not die: it stays, and this one's parent inherits it. */
static bool reap(const struct child *child, int *ret_status)
{
	int64_t end_ms = now_ms() + MAX_REAP_MS;
	pid_t reaped;

	(void)kill(-child->pid, SIGKILL);
	(void)kill(child->pid, SIGKILL); /* which may not have come to its setpgid */
	while ((reaped = waitpid(child->pid, ret_status, WNOHANG)) == 0 && now_ms() < end_ms)
		(void)poll(NULL, 0, END_TICK_MS);
	return reaped == child->pid;
}

static struct spawn_result judge(const struct child *child, bool is_in_time, int wait_status)
{
	int number;

	if (read(child->error_fd, &number, sizeof(number)) == sizeof(number))
		return (struct spawn_result){.end = SPAWN_NOT_STARTED, .status = number};
	if (!is_in_time)
		return (struct spawn_result){.end = SPAWN_TIMEOUT};
	if (WIFSIGNALED(wait_status))
		return (struct spawn_result){SPAWN_KILLED, WTERMSIG(wait_status)};
	return (struct spawn_result){SPAWN_EXITED, WEXITSTATUS(wait_status)};
}

void spawn_read(const struct root *root, const struct spawn_request *request,
		struct spawn_result *ret, struct strbuf *output)
{
	struct child child = {.output_fd = -1, .error_fd = -1};
	int wait_status = 0;
	bool is_in_time;

	child.deadline_ms = now_ms() + request->timeout_ms;
	if (start(&child, root, request) < 0) {
		*ret = (struct spawn_result){.end = SPAWN_NOT_STARTED, .status = errno};
	} else {
		(void)setpgid(child.pid, child.pid);
		is_in_time = follow(&child, output);
		is_in_time &= reap(&child, &wait_status);
		*ret = judge(&child, is_in_time, wait_status);
	}
	if (child.output_fd >= 0)
		close(child.output_fd);
	if (child.error_fd >= 0)
		close(child.error_fd);
}

/* ---- looking programs up */

static bool is_executable(const struct root *root, const char *path)
{
	struct stat status;

	return root_stat(root, path, &status) == 0 && S_ISREG(status.st_mode) &&
	       (status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH));
}

bool spawn_find(const struct root *root, const char *name, const char *path_list,
		struct strbuf *ret)
{
	const char *entry = path_list;

	while (*entry) {
		CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(PATH_MAX);
		size_t length = strcspn(entry, ":");

		strbuf_add(&path, entry, length);
		strbuf_printf(&path, "/%s", name);
		if (entry[0] == '/' && !path.is_truncated && is_executable(root, path.data)) {
			strbuf_puts(ret, path.data);
			return true;
		}
		entry += length;
		entry += *entry == ':';
	}
	return false;
}
