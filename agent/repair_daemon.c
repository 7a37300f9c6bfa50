/* SPDX-License-Identifier: Zlib */
/* Mends the Nix daemon, as root: one that is not there is started, one that is stopped goes on, and one
 * that spinup itself started may be started anew. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/install_state.h"
#include "agent/mem.h"
#include "agent/nix_tree.h"
#include "agent/repair.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/words.h"

#define SOCKET_DIRECTORY NIX_TREE_STATE "/daemon-socket"
#define DAEMON_MS 10000u /* a start takes tens of milliseconds */

/* What a daemon is given of the environment that root itself has; by sudo there is none. */
struct hand_over {
	struct install_state state;
	struct words proxies;
	struct daemon_start how;
};

static void hand_over_close(struct hand_over *hand_over)
{
	words_release(&hand_over->proxies);
	install_state_close(&hand_over->state);
}

static void add_proxies(const struct context *context, struct words *ret)
{
	static const char *const names[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
					    "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = context_env(context, names[i]);
		CLEANUP_FREE char *assignment = value ? mem_format("%s=%s", names[i], value) : NULL;

		if (assignment)
			words_add(ret, assignment);
	}
	words_end(ret);
}

static unsigned int time_for_daemon(const struct mending *mending)
{
	int64_t left_ms = (mending->end_us - run_clock_us()) / 1000;

	return left_ms < 1 ? 1 : left_ms < DAEMON_MS ? (unsigned int)left_ms : DAEMON_MS;
}

/* A job's daemon ends with the job, by the runner's own mark; one of an entrypoint stays. */
static int hand_over_open(struct hand_over *ret, const struct mending *mending, struct error *error)
{
	const struct context *context = mending->context;
	bool is_job = context->surface == SURFACE_STEP || context->surface == SURFACE_HOOK;

	*ret = (struct hand_over){.state = INSTALL_STATE_INIT};
	if (install_state_open(&ret->state, &context->root, error) < 0)
		return -1;
	add_proxies(context, &ret->proxies);
	ret->how = (struct daemon_start){
		.root = &context->root,
		.state = &ret->state.directory,
		.tracking_id = is_job ? context_env(context, "RUNNER_TRACKING_ID") : NULL,
		.proxies = ret->proxies.items,
		.timeout_ms = time_for_daemon(mending),
	};
	return 0;
}

/* Puts the log's last words behind what went wrong: the daemon's own reason stands nowhere else. */
static enum repair_end in_vain(const struct hand_over *hand_over, struct error *error)
{
	CLEANUP_STRBUF struct strbuf tail = STRBUF_INIT(DAEMON_LOG_TAIL_BYTES);
	CLEANUP_FREE char *message = mem_strdup(error->message);

	daemon_log_tail(&hand_over->state.directory, &tail);
	if (tail.length && !strstr(message, DAEMON_LOG))
		(void)error_set(error, error->code, "%s; its log ends: %s", message, tail.data);
	return REPAIR_IN_VAIN;
}

static enum repair_end act(struct mending *mending,
			   int (*action)(const struct daemon_start *, struct strbuf *,
					 struct error *),
			   struct error *error)
{
	CLEANUP(hand_over_close) struct hand_over hand_over;

	if (hand_over_open(&hand_over, mending, error) < 0)
		return REPAIR_IN_VAIN;
	if (mending->said.length)
		strbuf_puts(&mending->said, "; ");
	return action(&hand_over.how, &mending->said, error) < 0 ? in_vain(&hand_over, error)
								 : REPAIR_DONE;
}

/* One that listens and does not answer is stopped, mostly: nothing is started over it. */
enum repair_end repair_daemon_absent(struct mending *mending, struct error *error)
{
	struct error waking = {0};

	if (act(mending, daemon_start, error) == REPAIR_DONE)
		return REPAIR_DONE;
	return act(mending, daemon_wake, &waking);
}

enum repair_end repair_daemon_anew(struct mending *mending, struct error *error)
{
	return act(mending, daemon_restart, error);
}

/* A stopped one goes on, whoever started it; one that hangs is ended only if it is spinup's. */
enum repair_end repair_daemon_frozen(struct mending *mending, struct error *error)
{
	enum repair_end end = act(mending, daemon_wake, error);

	if (end == REPAIR_DONE)
		return end;
	strbuf_clear(&mending->said);
	return repair_daemon_anew(mending, error);
}

bool repair_daemon_may_restart(const struct mending *mending)
{
	CLEANUP(hand_over_close) struct hand_over hand_over;
	struct error error = {0};

	return hand_over_open(&hand_over, mending, &error) == 0 &&
	       daemon_may_restart(&hand_over.how, &error) == 0;
}

/* ---- the way to the socket */

static int open_directory(int nix, const char *path, struct error *error)
{
	CLEANUP_CLOSE int fd = nix_tree_open(nix, path, error);
	struct stat status;

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) == 0 && (status.st_mode & 0555) == 0555)
		return 0;
	if (fchmod(fd, 0755) < 0)
		return error_set(error, ERROR_AGENT, "/nix/%s: %s", path, strerror(errno));
	return 0;
}

enum repair_end repair_daemon_socket(struct mending *mending, struct error *error)
{
	static const char *const directories[] = {"var", NIX_TREE_STATE, SOCKET_DIRECTORY};
	CLEANUP_CLOSE int nix = nix_tree_mend(&mending->context->root, error);
	CLEANUP_CLOSE int last = -1;
	struct stat status;

	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		if (nix < 0 || open_directory(nix, directories[i], error) < 0)
			return REPAIR_IN_VAIN;
	last = nix_tree_open(nix, SOCKET_DIRECTORY, error);
	if (last < 0)
		return REPAIR_IN_VAIN;
	/* The socket itself may be missing: then another finding says so. */
	if (fstatat(last, "socket", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISSOCK(status.st_mode) && status.st_uid == 0)
		(void)fchmodat(last, "socket", 0666, 0);
	return REPAIR_DONE;
}
