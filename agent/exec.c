/* SPDX-License-Identifier: Zlib */
/* Supervision of a child, and what comes after it. */
#include "agent/exec.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/session.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define KILL_GRACE_US 1000000 /* a process that is stuck in the kernel is left behind */
#define KILL_TICK_US 10000

/* Memory that parent and child share: it needs no file, no descriptor and no reader. */
struct handover {
	unsigned int timeout_ms; /* the child, which knows what it has to do, may set it */
	size_t length; /* written last: a child that is killed half-way has handed over nothing */
	char bytes[EXEC_MAX_BLOCK_BYTES];
};

struct watch {
	const struct signals *signals;
	pid_t child;
	int interruption; /* the first signal that should end us; 0: none */
};

/* ---- the child */

static void hand_over(struct handover *handover, const struct strbuf *block)
{
	if (block->is_truncated || !block->length)
		return;
	memcpy(handover->bytes, block->data, block->length);
	__atomic_store_n(&handover->length, block->length, __ATOMIC_RELEASE);
}

/* The held signals stay held: what it starts resets the mask itself, and our way is SIGKILL. */
static _Noreturn void be_child(const struct exec_work *work, struct handover *handover,
			       pid_t parent)
{
	struct strbuf block = STRBUF_INIT(EXEC_MAX_BLOCK_BYTES);
	int status;

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(0);
	/* Those who speak to strangers must not reach what becomes an environment. */
	(void)madvise(handover, sizeof(*handover), MADV_DONTFORK);
	status = work->run(work->data, &handover->timeout_ms, &block);
	hand_over(handover, &block);
	_exit(status);
}

/* ---- the parent */

static bool is_reaped(const struct watch *watch, int *ret_status)
{
	pid_t pid = waitpid(watch->child, ret_status, WNOHANG);

	return pid == watch->child || (pid < 0 && errno == ECHILD);
}

/* Returns false when the time is over or a signal came first. */
static bool await_child(struct watch *watch, int64_t until_us, int *ret_status)
{
	while (!is_reaped(watch, ret_status)) {
		int number = signals_wait(watch->signals, until_us);

		if (number == 0)
			return false;
		if (number != SIGCHLD && !watch->interruption) {
			watch->interruption = number;
			return false;
		}
	}
	return true;
}

static void stop_child(struct watch *watch)
{
	int status;

	(void)kill(-watch->child, SIGKILL);
	(void)kill(watch->child, SIGKILL); /* which may not have come to its setsid */
	(void)await_child(watch, run_clock_us() + KILL_GRACE_US, &status);
}

/* Whether children are left that have not ended. */
static bool reap_orphans(void)
{
	pid_t pid;

	do
		pid = waitpid(-1, NULL, WNOHANG);
	while (pid > 0);
	return pid == 0;
}

/* Orphans come to us, as the nearest reaper above them. A living one that is not of the session was
 * our caller's, or a daemon that is meant to stay. */
static void end_session(struct watch *watch)
{
	int64_t until_us = run_clock_us() + KILL_GRACE_US;
	struct root root = {.fd = -1};

	if (!reap_orphans() || root_open_directory(&root, NULL, NULL) < 0)
		return;
	while (session_kill(&root, watch->child) > 0 && run_clock_us() < until_us) {
		int number = signals_wait(watch->signals, run_clock_us() + KILL_TICK_US);

		if (number > 0 && number != SIGCHLD && !watch->interruption)
			watch->interruption = number;
		if (!reap_orphans())
			break;
	}
	root_close(&root);
}

static struct exec_result judge(bool is_in_time, int status)
{
	if (!is_in_time)
		return (struct exec_result){.end = EXEC_TIMEOUT};
	if (WIFSIGNALED(status))
		return (struct exec_result){EXEC_KILLED, WTERMSIG(status)};
	return (struct exec_result){EXEC_DONE, WEXITSTATUS(status)};
}

/* A child that has lost its mind must not keep the command from starting. */
static int64_t allowed_us(const struct handover *handover, unsigned int given_ms)
{
	unsigned int asked_ms = __atomic_load_n(&handover->timeout_ms, __ATOMIC_RELAXED);
	unsigned int most_ms = given_ms + EXEC_MAX_EXTENSION_MS;

	return (asked_ms < most_ms ? asked_ms : most_ms) * INT64_C(1000);
}

static struct exec_result follow(struct watch *watch, const struct handover *handover,
				 unsigned int given_ms)
{
	int64_t begun_us = run_clock_us(), waited_us;
	struct exec_result result;
	int status = 0;
	bool is_in_time;

	do {
		waited_us = allowed_us(handover, given_ms);
		is_in_time = await_child(watch, begun_us + waited_us, &status);
	} while (!is_in_time && !watch->interruption && allowed_us(handover, given_ms) > waited_us);
	if (!is_in_time)
		stop_child(watch);
	result = judge(is_in_time, status);
	end_session(watch);
	if (watch->interruption)
		result = (struct exec_result){EXEC_INTERRUPTED, watch->interruption};
	return result;
}

static void take_over(const struct handover *handover, struct strbuf *block)
{
	size_t length = __atomic_load_n(&handover->length, __ATOMIC_ACQUIRE);

	if (length && length <= sizeof(handover->bytes))
		strbuf_add(block, handover->bytes, length);
}

void exec_supervise(const struct exec_work *work, const struct signals *signals,
		    struct exec_result *ret, struct strbuf *block)
{
	struct handover *handover = mmap(NULL, sizeof(*handover), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct watch watch = {.signals = signals};
	pid_t parent = getpid();
	int was_reaper = 0;

	*ret = (struct exec_result){EXEC_NOT_STARTED, errno};
	if (handover == MAP_FAILED)
		return;
	(void)prctl(PR_GET_CHILD_SUBREAPER, &was_reaper, 0, 0, 0);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	handover->timeout_ms = work->timeout_ms;
	watch.child = fork();
	if (watch.child == 0)
		be_child(work, handover, parent);
	if (watch.child > 0) {
		*ret = follow(&watch, handover, work->timeout_ms);
		take_over(handover, block);
	} else {
		ret->status = errno;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, was_reaper, 0, 0, 0);
	(void)munmap(handover, sizeof(*handover));
}

/* ---- the command */

static size_t count_of(char *const *list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

/* Whether TEXT is NAME=VALUE with a name that may be set; RET gets the name's length. */
static bool is_assignment(const char *text, size_t *ret)
{
	const char *equals = strchr(text, '=');
	CLEANUP_FREE char *name = equals ? mem_strndup(text, (size_t)(equals - text)) : NULL;

	if (!name || !github_env_name_is_allowed(name))
		return false;
	*ret = strlen(name);
	return true;
}

/* Puts TEXT in the place of its name's entry, or behind the last. Returns the new count. */
static size_t put(char **list, size_t count, char *text, size_t name_length)
{
	for (size_t i = 0; i < count; i++) {
		if (strncmp(list[i], text, name_length + 1) != 0)
			continue;
		list[i] = text;
		return count;
	}
	list[count] = text;
	return count + 1;
}

char **exec_environment(char *const *environment, const struct strbuf *block)
{
	size_t count = count_of(environment), most = count + 1, name_length;
	char *end = block->data + block->length, *text = block->data;
	char **list;

	for (size_t i = 0; i < block->length; i++)
		most += block->data[i] == '\0';
	list = mem_alloc(most + 1, sizeof(*list));
	memcpy(list, environment, count * sizeof(*list));
	while (text < end) {
		if (is_assignment(text, &name_length))
			count = put(list, count, text, name_length);
		text += strlen(text) + 1;
	}
	return list;
}

int exec_become(char *const *arguments, char **environment, struct error *error)
{
	char **before = environ;
	int number;

	environ = environment; /* where PATH is looked up, too */
	(void)execvp(arguments[0], arguments);
	number = errno;
	environ = before;
	if (number == E2BIG && environment != before)
		return exec_become(arguments, before, error);
	(void)error_set(error, ERROR_AGENT, "%.200s cannot be run: %s", arguments[0],
			number == ENOENT ? "there is no program of this name" : strerror(number));
	return number == ENOENT ? 127 : 126;
}
