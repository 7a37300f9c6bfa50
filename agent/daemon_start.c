/* SPDX-License-Identifier: Zlib */
/* Starting the daemon, by systemd or as a process of our own. */
#include "agent/daemon_start.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/daemon_answer.h"
#include "agent/daemon_attempt.h"
#include "agent/daemon_launch.h"
#include "agent/daemon_process.h"
#include "agent/daemon_program.h"
#include "agent/daemon_record.h"
#include "agent/error.h"
#include "agent/patience.h"
#include "agent/private_dir.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/trusted_path.h"

#define OUTPUT_BYTES 8192u
#define QUOTE_BYTES 400u
#define SYSTEMCTL_MS 90000u /* systemd's own limit for a service's start */

/* ---- by systemd */

static void describe_end(const struct spawn_result *result, struct strbuf *out)
{
	switch (result->end) {
	case SPAWN_EXITED:
		strbuf_printf(out, "ended with status %d", result->status);
		break;
	case SPAWN_KILLED:
		strbuf_printf(out, "was ended by signal %d", result->status);
		break;
	case SPAWN_TIMEOUT:
		strbuf_puts(out, "did not end in time");
		break;
	case SPAWN_NOT_STARTED:
		strbuf_printf(out, "cannot be run: %s", strerror(result->status));
		break;
	}
}

static int fail_systemctl(const char *names, const struct spawn_result *result,
			  const struct strbuf *output, struct error *error)
{
	CLEANUP_STRBUF struct strbuf end = STRBUF_INIT(128), quote = STRBUF_INIT(QUOTE_BYTES);

	describe_end(result, &end);
	text_clean(&quote, output->data, QUOTE_BYTES);
	return error_set(
		error, ERROR_AGENT, "systemctl start %s %s%s%s%s; see: journalctl -u nix-daemon",
		names, end.data, quote.length ? ": \"" : "", quote.data, quote.length ? "\"" : "");
}

static int run_systemctl(const struct daemon_attempt *attempt, const struct words *units,
			 const char *names, struct error *error)
{
	char *environment[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, (char[]){"LC_ALL=C"},
			       NULL};
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(OUTPUT_BYTES);
	CLEANUP_WORDS struct words arguments = {0};
	struct spawn_request request = {
		.path = attempt->places->systemctl,
		.environment = environment,
		.timeout_ms = patience_left_ms(attempt->deadline_us, SYSTEMCTL_MS),
	};
	struct spawn_result result;

	if (trusted_path_check(attempt->how->root, request.path, attempt->places->owner, error) < 0)
		return -1;
	words_add(&arguments, "systemctl");
	words_add(&arguments, "start");
	for (size_t i = 0; i < units->count; i++)
		words_add(&arguments, units->items[i]);
	words_end(&arguments);
	request.arguments = arguments.items;
	spawn_read(attempt->how->root, &request, &result, &output);
	if (result.end == SPAWN_EXITED && result.status == 0)
		return 0;
	return fail_systemctl(names, &result, &output, error);
}

static int start_units(const struct daemon_attempt *attempt, const struct words *units,
		       struct strbuf *said, struct error *error)
{
	CLEANUP_FREE char *names = words_join(units, ' ');

	if (run_systemctl(attempt, units, names, error) < 0)
		return -1;
	if (daemon_attempt_await(attempt, NULL, error) < 0)
		return error_prefix(error, "systemctl start %s", names);
	strbuf_printf(said, "started %s by systemd", names);
	return 0;
}

/* ---- as a process of our own */

static int record(const struct daemon_attempt *attempt, const struct daemon_child *child,
		  const char *program, struct error *error)
{
	struct daemon_process process;

	if (!daemon_process_read(attempt->how->root, child->pid, &process))
		return error_set(error, ERROR_AGENT,
				 "/proc/%d cannot be read, and without it a daemon cannot be told "
				 "from another; /proc must be mounted",
				 (int)child->pid);
	return daemon_record_write(attempt->how->root, attempt->how->state, &process, program,
				   error);
}

static int let_it_serve(const struct daemon_attempt *attempt, const struct daemon_launch *launch,
			struct daemon_child *child, struct error *error)
{
	if (record(attempt, child, launch->path, error) < 0 ||
	    daemon_launch_go(launch, child, error) < 0)
		return -1;
	if (daemon_attempt_await(attempt, child, error) < 0)
		return error_prefix(error, "%s was started", launch->path);
	return 0;
}

/* What it wrote before it failed says more than we can. */
static int give_up(const struct daemon_attempt *attempt, struct daemon_child *child, off_t log_end,
		   struct error *error)
{
	const struct private_dir *state = attempt->how->state;
	CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(DAEMON_LOG_TAIL_BYTES);
	struct error before = *error;

	daemon_child_kill(attempt->how->root, child);
	daemon_record_remove(state);
	daemon_log_tail_from(state, log_end, &tail);
	if (!tail.length)
		return error_set(error, before.code, "%s; it wrote nothing to %s/" DAEMON_LOG,
				 before.message, state->path);
	return error_set(error, before.code, "%.380s; the end of %.60s/" DAEMON_LOG ": \"%s\"",
			 before.message, state->path, tail.data);
}

static int launch_program(const struct daemon_attempt *attempt, const struct daemon_launch *launch,
			  off_t log_end, struct strbuf *said, struct error *error)
{
	struct daemon_child child;

	if (daemon_launch_hold(launch, &child, error) < 0)
		return -1;
	if (let_it_serve(attempt, launch, &child, error) < 0)
		return give_up(attempt, &child, log_end, error);
	daemon_child_leave(&child);
	strbuf_printf(said, "started %s (process %d)", launch->path, (int)child.pid);
	return 0;
}

static int start_program(const struct daemon_attempt *attempt, struct strbuf *said,
			 struct error *error)
{
	const struct daemon_start *how = attempt->how;
	const struct daemon_legacy legacy = {how->proxies, how->tracking_id};
	CLEANUP_DAEMON_PROGRAM struct daemon_program program = {0};
	CLEANUP_WORDS struct words environment = {0};
	CLEANUP_CLOSE int log_fd = -1;
	off_t log_end;

	if (daemon_program_find(how->root, attempt->places, &program, error) < 0 ||
	    daemon_program_environment(how->root, attempt->places, &legacy, &environment, error) <
		    0 ||
	    daemon_program_make_directory(how->root, attempt->places, error) < 0)
		return -1;
	log_fd = daemon_log_open(how->state, &log_end, error);
	if (log_fd < 0)
		return -1;
	return launch_program(attempt,
			      &(struct daemon_launch){
				      .path = program.path,
				      .arguments = program.arguments.items,
				      .environment = environment.items,
				      .log_fd = log_fd,
			      },
			      log_end, said, error);
}

/* ---- */

int daemon_attempt_start(const struct daemon_attempt *attempt, struct strbuf *said,
			 struct error *error)
{
	CLEANUP_WORDS struct words units = {0};

	daemon_program_units(attempt->how->root, attempt->places, &units);
	if (units.count)
		return start_units(attempt, &units, said, error);
	return start_program(attempt, said, error);
}

int daemon_start(const struct daemon_start *how, struct strbuf *said, struct error *error)
{
	CLEANUP_STRBUF struct strbuf why = STRBUF_INIT(700), who = STRBUF_INIT(128);
	CLEANUP_DAEMON_ATTEMPT struct daemon_attempt attempt;
	enum daemon_answer answer;

	if (daemon_attempt_begin(&attempt, how, error) < 0)
		return -1;
	answer = daemon_attempt_ask(&attempt, &why);
	if (answer == DAEMON_ABSENT)
		return daemon_attempt_start(&attempt, said, error);
	daemon_describe_listener(how->root, attempt.places->socket, &who);
	if (answer == DAEMON_SERVES) {
		strbuf_printf(said, "a daemon serves already%s", who.data);
		return 0;
	}
	return error_set(error, ERROR_AGENT,
			 "what listens at %s%s %s; no second daemon is started over it",
			 attempt.places->socket, who.data, why.data);
}
