/* SPDX-License-Identifier: Zlib */
/* A handshake with whoever listens, in a few words. */
#include "agent/daemon_answer.h"

#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/daemon_process.h"
#include "agent/nix_daemon.h"
#include "agent/strbuf.h"

static enum daemon_answer judge_connect(int number, struct strbuf *why)
{
	if (number == ENOENT || number == ECONNREFUSED)
		return DAEMON_ABSENT;
	if (number == EAGAIN) {
		strbuf_puts(why, "takes no connection: its queue is full");
		return DAEMON_SILENT;
	}
	strbuf_printf(why, "cannot be connected to: %s", strerror(number));
	return DAEMON_FAULTY;
}

static enum daemon_answer judge_handshake(const struct nix_daemon *daemon, struct strbuf *why)
{
	switch (daemon->outcome) {
	case NIX_DAEMON_OK:
		return DAEMON_SERVES;
	case NIX_DAEMON_SILENT:
		strbuf_puts(why, "accepts connections and does not answer");
		return DAEMON_SILENT;
	case NIX_DAEMON_CLOSED_EARLY:
	case NIX_DAEMON_CLOSED:
		strbuf_puts(why, "closes each connection");
		return DAEMON_CLOSES;
	case NIX_DAEMON_DENIED:
		strbuf_puts(why, "refuses this user, who is not in allowed-users");
		return DAEMON_FAULTY;
	case NIX_DAEMON_OLD:
		strbuf_puts(why, "speaks a protocol older than Nix 2.7's");
		return DAEMON_FAULTY;
	case NIX_DAEMON_MALFORMED:
		strbuf_printf(why, "does not speak as a Nix daemon does: %s", daemon->message);
		return DAEMON_FAULTY;
	case NIX_DAEMON_ERROR:
		strbuf_printf(why, "reports an error: %s", daemon->message);
		return DAEMON_FAULTY;
	}
	return DAEMON_FAULTY;
}

enum daemon_answer daemon_ask(const struct root *root, const char *socket, unsigned int timeout_ms,
			      struct strbuf *why)
{
	CLEANUP_CLOSE int fd = nix_daemon_connect(root, socket);
	struct nix_daemon daemon;
	uid_t uid;

	if (fd < 0)
		return judge_connect(errno, why);
	if (!nix_daemon_is_trusted_peer(fd, &uid)) {
		strbuf_printf(why,
			      "belongs to user %u, not to root: end it, and see to it that root "
			      "alone may write to the socket's directory",
			      (unsigned int)uid);
		return DAEMON_FOREIGN;
	}
	(void)nix_daemon_handshake(&daemon, fd, NIX_PROTOCOL_OURS, timeout_ms);
	return judge_handshake(&daemon, why);
}

void daemon_describe_listener(const struct root *root, const char *socket, struct strbuf *out)
{
	struct daemon_process process;

	if (!daemon_process_find(root, socket, &process))
		return;
	strbuf_printf(out, " (process %d, %s, %s)", (int)process.pid, process.name,
		      daemon_process_state_name(process.state));
}
