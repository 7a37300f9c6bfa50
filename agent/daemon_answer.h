/* SPDX-License-Identifier: Zlib */
/* What answers at the daemon's socket: shown by a handshake, never by the file's being there. */
#pragma once

struct root;
struct strbuf;

enum daemon_answer {
	DAEMON_SERVES,  /* a good handshake */
	DAEMON_ABSENT,  /* no socket, or a stale one that nobody listens at */
	DAEMON_SILENT,  /* somebody listens, and did not answer in time */
	DAEMON_CLOSES,  /* answers by closing: its store cannot be opened; its log says why */
	DAEMON_FAULTY,  /* answers something else */
	DAEMON_FOREIGN, /* is another user's, so that its answers prove nothing */
};

/* Asks at most TIMEOUT_MS long. Appends to WHY how it answered, in words that go on after "it", but
 * for DAEMON_SERVES and DAEMON_ABSENT. */
enum daemon_answer daemon_ask(const struct root *root, const char *socket, unsigned int timeout_ms,
			      struct strbuf *why);

/* Appends " (process 12, nix-daemon, stopped)" with who listens at SOCKET; "" where that is unknown. */
void daemon_describe_listener(const struct root *root, const char *socket, struct strbuf *out);
