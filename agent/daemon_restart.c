/* SPDX-License-Identifier: Zlib */
/* A daemon that is there and does not serve: woken, or ended and started anew. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/daemon_answer.h"
#include "agent/daemon_attempt.h"
#include "agent/daemon_family.h"
#include "agent/daemon_process.h"
#include "agent/daemon_program.h"
#include "agent/daemon_record.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/patience.h"
#include "agent/run.h"
#include "agent/strbuf.h"

#define CLIENTS_US 300000 /* a worker whose client is gone ends within some milliseconds */
#define GRACE_US 1000000  /* between SIGTERM and SIGKILL */
#define KILL_US 1000000

static bool find_listener(const struct daemon_attempt *attempt, struct daemon_process *ret)
{
	return daemon_process_find(attempt->how->root, attempt->places->socket, ret);
}

static int fail_unknown(const struct daemon_attempt *attempt, struct error *error)
{
	return error_set(
		error, ERROR_AGENT,
		"no process of this container is known to listen at %s: it may have ended, or "
		"belong to another container",
		attempt->places->socket);
}

/* ---- waking */

int daemon_wake(const struct daemon_start *how, struct strbuf *said, struct error *error)
{
	CLEANUP_DAEMON_ATTEMPT struct daemon_attempt attempt;
	struct daemon_process process;

	if (daemon_attempt_begin(&attempt, how, error) < 0)
		return -1;
	if (!find_listener(&attempt, &process))
		return fail_unknown(&attempt, error);
	if (process.state != 'T')
		return error_set(error, ERROR_AGENT,
				 "process %d (%s), which listens at %s, is not stopped but %s",
				 (int)process.pid, process.name, attempt.places->socket,
				 daemon_process_state_name(process.state));
	if (daemon_process_signal(how->root, &process, SIGCONT) < 0)
		return error_set(error, ERROR_AGENT, "process %d (%s) cannot be woken: %s",
				 (int)process.pid, process.name, strerror(errno));
	if (daemon_attempt_await(&attempt, NULL, error) < 0)
		return error_prefix(error, "process %d (%s) was woken", (int)process.pid,
				    process.name);
	strbuf_printf(said, "woke process %d (%s), which had been stopped", (int)process.pid,
		      process.name);
	return 0;
}

/* ---- whether it may be ended */

/* What listens may be a child of what we started, as with Determinate; its session is ours then. */
static int check_is_ours(const struct daemon_attempt *attempt,
			 const struct daemon_process *listener, struct daemon_process *ret_first,
			 struct error *error)
{
	CLEANUP_DAEMON_RECORD struct daemon_record record = {0};
	int found = daemon_record_read(attempt->how->root, attempt->how->state, &record, error);

	if (found < 0)
		return error_prefix(error, "process %d (%s) is left alone", (int)listener->pid,
				    listener->name);
	if (found && daemon_process_read(attempt->how->root, listener->session, ret_first) &&
	    daemon_record_is(&record, ret_first))
		return 0;
	return error_set(error, ERROR_AGENT,
			 "process %d (%s) was not started by spinup, and is left alone: whoever "
			 "started it must start it anew",
			 (int)listener->pid, listener->name);
}

static int check_is_unused(const struct daemon_attempt *attempt,
			   const struct daemon_process *listener, struct error *error)
{
	struct patience patience = patience_until(run_clock_us() + CLIENTS_US);
	int count;

	do
		count = daemon_process_clients(attempt->how->root, attempt->places->socket);
	while (count > 0 && patience_pause(&patience));
	if (count == 0)
		return 0;
	if (count < 0)
		return error_set(error, ERROR_AGENT,
				 "process %d (%s) is left alone: /proc/net/unix cannot be read, so "
				 "that nobody knows who is connected to it",
				 (int)listener->pid, listener->name);
	return error_set(
		error, ERROR_AGENT,
		"process %d (%s) serves %d other client%s, and is left alone: try again when "
		"they are done",
		(int)listener->pid, listener->name, count, count == 1 ? "" : "s");
}

/* ---- its end */

static bool has_ended(const struct root *root, const struct daemon_process *process)
{
	struct daemon_process now;

	return !daemon_process_read(root, process->pid, &now) ||
	       !daemon_process_is_same(process, &now) || now.state == 'Z';
}

/* A stopped one takes SIGTERM when it goes on. What its first process leaves behind has no other use:
 * neither in its session, nor workers, which may hold a store that is about to go. */
static int end_family(const struct daemon_attempt *attempt, const struct daemon_process *first,
		      struct error *error)
{
	const struct root *root = attempt->how->root;
	struct patience grace = patience_until(run_clock_us() + GRACE_US);
	CLEANUP_DAEMON_FAMILY struct daemon_family family = {0};
	struct patience end;

	daemon_family_look(root, first, &family);
	if ((daemon_process_signal(root, first, SIGTERM) < 0 ||
	     daemon_process_signal(root, first, SIGCONT) < 0) &&
	    errno != ESRCH)
		return error_set(error, ERROR_AGENT, "process %d (%s) cannot be ended: %s",
				 (int)first->pid, first->name, strerror(errno));
	while (!has_ended(root, first) && patience_pause(&grace))
		daemon_family_look(root, first, &family);
	end = patience_until(run_clock_us() + KILL_US);
	while (daemon_family_kill(root, first, &family) > 0)
		if (!patience_pause(&end))
			return error_set(error, ERROR_AGENT,
					 "process %d (%s) does not end: the kernel holds it; the "
					 "machine may need a restart",
					 (int)first->pid, first->name);
	return 0;
}

/* Whether there is nothing to be ended: /proc alone does not tell a daemon of another container's. */
static bool is_absent(const struct daemon_attempt *attempt)
{
	CLEANUP_STRBUF struct strbuf why = STRBUF_INIT(700);

	return daemon_attempt_ask(attempt, &why) == DAEMON_ABSENT;
}

/* Begins ATTEMPT. RET is what may be ended; its pid is 0 where none listens. */
static int find_own(struct daemon_attempt *attempt, const struct daemon_start *how,
		    struct daemon_process *ret, struct error *error)
{
	struct daemon_process listener;

	*ret = (struct daemon_process){0};
	if (daemon_attempt_begin(attempt, how, error) < 0)
		return -1;
	if (!find_listener(attempt, &listener))
		return is_absent(attempt) ? 0 : fail_unknown(attempt, error);
	if (check_is_ours(attempt, &listener, ret, error) < 0)
		return -1;
	return check_is_unused(attempt, &listener, error);
}

int daemon_may_restart(const struct daemon_start *how, struct error *error)
{
	CLEANUP_DAEMON_ATTEMPT struct daemon_attempt attempt;
	struct daemon_process first;

	return find_own(&attempt, how, &first, error);
}

int daemon_end(const struct daemon_start *how, struct error *error)
{
	CLEANUP_DAEMON_ATTEMPT struct daemon_attempt attempt;
	struct daemon_process listener, first = {0};

	if (daemon_attempt_begin(&attempt, how, error) < 0)
		return -1;
	if (!find_listener(&attempt, &listener))
		return is_absent(&attempt) ? 0 : fail_unknown(&attempt, error);
	if (check_is_ours(&attempt, &listener, &first, error) < 0 ||
	    end_family(&attempt, &first, error) < 0)
		return -1;
	daemon_record_remove(how->state);
	return 0;
}

int daemon_restart(const struct daemon_start *how, struct strbuf *said, struct error *error)
{
	CLEANUP_DAEMON_ATTEMPT struct daemon_attempt attempt;
	struct daemon_process first;

	if (find_own(&attempt, how, &first, error) < 0 ||
	    (first.pid && end_family(&attempt, &first, error) < 0))
		return -1;
	if (first.pid)
		strbuf_printf(said, "ended process %d (%s), ", (int)first.pid, first.name);
	return daemon_attempt_start(&attempt, said, error);
}
