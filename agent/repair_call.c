/* SPDX-License-Identifier: Zlib */
/* The process that mends, called. It speaks in frames on its standard output (record.h), and to people
 * on its standard error. */
#include "agent/repair_call.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/job.h"
#include "agent/proxy_env.h"
#include "agent/record.h"
#include "agent/repair.h"
#include "agent/repair_sudo.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/talk.h"

/* The process ends itself when its time is over; who is not root can do nothing about one that is. */
#define GRACE_MS 10000
#define MAX_LINE_BYTES 2000u
#define REAP_US 1000000

struct call {
	const struct job *job;
	const bool *is_asked;
	const char *no_proxy;
	struct record_decoder decoder;
	struct facts facts; /* nobody's */
	pid_t pid;
	int frames, words;     /* where it speaks; -1 when it has ended */
	struct strbuf line;    /* of its words, the one that has not ended */
	struct strbuf strange; /* words that are not ours: sudo's */
	struct strbuf last;    /* the last of ours: where it complains, this is it */
	int64_t end_us;        /* run_clock_us() when its time is over */
};

/* ---- the child */

static _Noreturn void be_mender(const struct call *call)
{
	struct channel channel = {.fd = STDOUT_FILENO};
	struct context context = call->job->context;
	struct mending mending = {
		.context = &context,
		.contract = &call->job->contract,
		.channel = &channel,
		.end_us = call->end_us,
		.is_store_verified = call->job->options->is_store_verified,
	};

	if (call->no_proxy)
		proxy_env_apply(&context, call->no_proxy);
	repair_rows(&mending, call->is_asked);
	_exit(0);
}

static _Noreturn void be_child(const struct call *call, char *const *sudo, const int fds[2],
			       pid_t parent)
{
	static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)setpgid(0, 0);
	if (!sudo)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent || dup2(null, STDIN_FILENO) < 0 ||
	    dup2(fds[0], STDOUT_FILENO) < 0 || dup2(fds[1], STDERR_FILENO) < 0)
		_exit(3);
	(void)signal(SIGPIPE, SIG_IGN);
	if (sudo)
		(void)execve(sudo[0], sudo, (char *const *)environment);
	else
		be_mender(call);
	_exit(3);
}

static int start(struct call *call, char *const *sudo, struct error *error)
{
	pid_t parent = getpid();
	int frames[2], words[2];

	if (pipe2(frames, O_CLOEXEC) < 0)
		return error_set(error, ERROR_AGENT, "pipe: %s", strerror(errno));
	if (pipe2(words, O_CLOEXEC) < 0) {
		close(frames[0]);
		close(frames[1]);
		return error_set(error, ERROR_AGENT, "pipe: %s", strerror(errno));
	}
	call->pid = fork();
	if (call->pid == 0)
		be_child(call, sudo, (const int[]){frames[1], words[1]}, parent);
	close(frames[1]);
	close(words[1]);
	call->frames = frames[0];
	call->words = words[0];
	return call->pid < 0 ? error_set(error, ERROR_AGENT, "fork: %s", strerror(errno)) : 0;
}

/* ---- the parent */

static void end_line(struct call *call)
{
	static const char own[] = "spinup: ";

	if (strncmp(call->line.data, own, strlen(own)) == 0) {
		talk("%s", call->line.data + strlen(own));
		strbuf_clear(&call->last);
		strbuf_puts(&call->last, call->line.data + strlen(own));
	} else if (call->line.length) {
		strbuf_printf(&call->strange, "%s%s", call->strange.length ? "; " : "",
			      call->line.data);
	}
	strbuf_clear(&call->line);
}

static void hear_words(struct call *call, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			end_line(call);
		else
			strbuf_putc(&call->line, bytes[i]);
	}
}

/* Reads what is there; closes *FD at its end. Returns false when the frames break their rules. */
static bool hear(struct call *call, int *fd)
{
	uint8_t bytes[4096];
	ssize_t length = read(*fd, bytes, sizeof(bytes));
	bool is_frames = fd == &call->frames;

	if (length < 0 && errno == EINTR)
		return true;
	if (length <= 0) {
		close(*fd);
		*fd = -1;
		return true;
	}
	if (!is_frames)
		hear_words(call, (const char *)bytes, (size_t)length);
	return !is_frames || record_feed(&call->decoder, bytes, (size_t)length) == 0;
}

/* Returns false, with ERROR, when it broke off or the time was over. */
static bool follow(struct call *call, struct error *error)
{
	int64_t end_us = call->end_us + GRACE_MS * INT64_C(1000);

	while (call->frames >= 0 || call->words >= 0) {
		struct pollfd ready[] = {{.fd = call->frames, .events = POLLIN},
					 {.fd = call->words, .events = POLLIN}};
		int64_t left_ms = (end_us - run_clock_us()) / 1000;

		if (left_ms <= 0) {
			(void)error_set(error, ERROR_AGENT, "it did not end in time; it was at: %s",
					call->decoder.phase);
			return false;
		}
		(void)poll(ready, 2, (int)left_ms);
		if (ready[1].revents && !hear(call, &call->words))
			return false;
		if (ready[0].revents && !hear(call, &call->frames)) {
			(void)error_set(error, ERROR_AGENT, "it sent frames that break the rules");
			return false;
		}
	}
	end_line(call);
	return true;
}

static int reap(const struct call *call)
{
	int64_t end_us = run_clock_us() + REAP_US;
	int status = -1;

	while (waitpid(call->pid, &status, WNOHANG) == 0 && run_clock_us() < end_us)
		(void)poll(NULL, 0, 1);
	return status;
}

static enum repair_call_end judge(const struct call *call, bool is_sudo, struct error *error)
{
	int status = reap(call);

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && record_is_complete(&call->decoder))
		return REPAIR_CALL_DONE;
	if (is_sudo && call->decoder.frames == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1) {
		(void)error_set(error, ERROR_AGENT, "sudo refuses: %s", call->strange.data);
		return REPAIR_CALL_NO_RIGHTS;
	}
	if (WIFSIGNALED(status))
		(void)error_set(error, ERROR_AGENT, "it was ended by signal %d at: %s",
				WTERMSIG(status), call->decoder.phase);
	else
		(void)error_set(error, ERROR_AGENT, "it ended with status %d: %s",
				WEXITSTATUS(status),
				call->strange.length ? call->strange.data : call->last.data);
	return REPAIR_CALL_FAILED;
}

static enum repair_call_end run_call(struct call *call, char *const *sudo, struct error *error)
{
	enum repair_call_end end = REPAIR_CALL_FAILED;
	bool is_started = start(call, sudo, error) == 0;

	if (is_started)
		(void)setpgid(call->pid, call->pid);
	if (is_started && follow(call, error)) {
		end = judge(call, sudo != NULL, error);
	} else if (is_started) {
		(void)kill(-call->pid, SIGKILL);
		(void)reap(call);
	}
	if (call->frames >= 0)
		close(call->frames);
	if (call->words >= 0)
		close(call->words);
	return end;
}

enum repair_call_end repair_call(const struct job *job, const struct repair_wish *wish,
				 struct findings *findings, struct error *error)
{
	struct call call = {
		.job = job,
		.is_asked = wish->is_asked,
		.no_proxy = wish->no_proxy,
		.end_us = wish->end_us,
		.frames = -1,
		.words = -1,
		.line = STRBUF_INIT(MAX_LINE_BYTES),
		.strange = STRBUF_INIT(MAX_LINE_BYTES),
		.last = STRBUF_INIT(MAX_LINE_BYTES),
	};
	CLEANUP(repair_sudo_release) struct repair_sudo sudo = {0};
	enum repair_call_end end;

	if (job->context.privilege == PRIVILEGE_NONE) {
		(void)error_set(error, ERROR_AGENT,
				job->context.has_no_new_privs
					? "this user is not root, and no_new_privs keeps sudo from "
					  "working"
					: "this user is not root, and there is no sudo");
		return REPAIR_CALL_NO_RIGHTS;
	}
	if (job->context.privilege == PRIVILEGE_SUDO &&
	    repair_sudo_prepare(&sudo, job, wish, error) < 0)
		return REPAIR_CALL_FAILED;
	record_decoder_init(&call.decoder, "spinup", -1, &call.facts, findings);
	end = run_call(&call, sudo.arguments.items, error);
	facts_release(&call.facts);
	strbuf_release(&call.line);
	strbuf_release(&call.strange);
	strbuf_release(&call.last);
	return end;
}
