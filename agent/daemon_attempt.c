/* SPDX-License-Identifier: Zlib */
/* The lock, and waiting for an answer. */
#include "agent/daemon_attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_launch.h"
#include "agent/daemon_program.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/file_identity.h"
#include "agent/patience.h"
#include "agent/private_dir.h"
#include "agent/run.h"
#include "agent/strbuf.h"

#define LOCK "daemon.lock"
#define ANSWER_MS 1500u /* for one handshake: a busy machine's daemon takes a tenth of it */
#define MAX_CLOSED 3u   /* connections in a row: its store stays as it is */
#define WHY_BYTES 700u

static int take_lock(struct daemon_attempt *attempt, struct error *error)
{
	const struct private_dir *state = attempt->how->state;
	struct patience patience = patience_until(attempt->deadline_us);

	attempt->lock = openat(state->fd, LOCK,
			       O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (attempt->lock < 0)
		return error_set(error, ERROR_AGENT, "%s/" LOCK " cannot be opened: %s; remove it",
				 state->path, strerror(errno));
	while (flock(attempt->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return error_set(error, ERROR_AGENT, "%s/" LOCK ": %s", state->path,
					 strerror(errno));
		if (!patience_pause(&patience))
			return error_set(
				error, ERROR_AGENT,
				"another process has been starting the Nix daemon for %u ms and "
				"still holds %s/" LOCK "; look for a spinup that hangs",
				attempt->how->timeout_ms, state->path);
	}
	if (!file_is_at(attempt->lock, state->fd, LOCK))
		return error_set(error, ERROR_AGENT,
				 "%s was taken away meanwhile by an uninstallation; try again",
				 state->path);
	return 0;
}

int daemon_attempt_begin(struct daemon_attempt *ret, const struct daemon_start *how,
			 struct error *error)
{
	*ret = (struct daemon_attempt){
		.how = how,
		.places = how->places ? how->places : &daemon_places,
		.deadline_us = run_clock_us() + how->timeout_ms * INT64_C(1000),
		.lock = -1,
	};
	return take_lock(ret, error);
}

void daemon_attempt_end(struct daemon_attempt *attempt)
{
	if (attempt->lock >= 0)
		close(attempt->lock);
	attempt->lock = -1;
}

enum daemon_answer daemon_attempt_ask(const struct daemon_attempt *attempt, struct strbuf *why)
{
	return daemon_ask(attempt->how->root, attempt->places->socket,
			  patience_left_ms(attempt->deadline_us, ANSWER_MS), why);
}

/* ---- waiting */

static int fail_ended(int status, struct error *error)
{
	if (status >= 0 && WIFSIGNALED(status))
		return error_set(error, ERROR_AGENT, "it was ended at once by signal %d (%s)",
				 WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (status >= 0)
		return error_set(error, ERROR_AGENT, "it ended at once with status %d",
				 WEXITSTATUS(status));
	return error_set(error, ERROR_AGENT, "it ended at once");
}

static int fail_late(const struct daemon_attempt *attempt, enum daemon_answer answer,
		     const struct strbuf *why, struct error *error)
{
	if (answer == DAEMON_ABSENT)
		return error_set(error, ERROR_AGENT, "nothing listens at %s after %u ms",
				 attempt->places->socket, attempt->how->timeout_ms);
	return error_set(error, ERROR_AGENT, "it still %s, after %u ms", why->data,
			 attempt->how->timeout_ms);
}

int daemon_attempt_await(const struct daemon_attempt *attempt, struct daemon_child *child,
			 struct error *error)
{
	struct patience patience = patience_until(attempt->deadline_us);
	unsigned int closed = 0;
	int status;

	for (;;) {
		CLEANUP_STRBUF struct strbuf why = STRBUF_INIT(WHY_BYTES);
		enum daemon_answer answer = daemon_attempt_ask(attempt, &why);

		if (answer == DAEMON_SERVES)
			return 0;
		if (answer == DAEMON_FOREIGN)
			return error_set(error, ERROR_AGENT, "what listens at %s %s",
					 attempt->places->socket, why.data);
		if (child && daemon_child_has_ended(child, &status))
			return fail_ended(status, error);
		closed = answer == DAEMON_CLOSES ? closed + 1 : 0;
		if (child && closed == MAX_CLOSED)
			return error_set(error, ERROR_AGENT, "it %s", why.data);
		if (!patience_pause(&patience))
			return fail_late(attempt, answer, &why, error);
	}
}
