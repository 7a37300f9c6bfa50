/* SPDX-License-Identifier: Zlib */
/* A client of the Nix daemon's worker protocol, 1.33 to 1.38 (Nix's
 * worker-protocol-connection.cc). Reads are bounded in time and size. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct root;

#define NIX_DAEMON_SOCKET "/nix/var/nix/daemon-socket/socket"
#define NIX_PROTOCOL(major, minor) ((unsigned int)(major) << 8 | (unsigned int)(minor))
#define NIX_PROTOCOL_OLDEST NIX_PROTOCOL(1, 33) /* Nix 2.7: it names its version */
#define NIX_PROTOCOL_OURS NIX_PROTOCOL(1, 38)

enum nix_daemon_outcome {
	NIX_DAEMON_OK,
	NIX_DAEMON_SILENT,       /* connected, and no answer in time */
	NIX_DAEMON_CLOSED_EARLY, /* closed or reset before its first word */
	NIX_DAEMON_CLOSED,       /* closed later, in the middle of the exchange */
	NIX_DAEMON_DENIED,       /* Determinate's word for "not in allowed-users" */
	NIX_DAEMON_OLD,          /* a protocol older than NIX_PROTOCOL_OLDEST */
	NIX_DAEMON_MALFORMED,    /* not this protocol, or a broken form of it */
	NIX_DAEMON_ERROR,        /* the daemon itself reports an error: see message */
};

enum nix_trust { NIX_TRUST_UNKNOWN, NIX_TRUST_TRUSTED, NIX_TRUST_UNTRUSTED };

struct nix_daemon {
	int fd;                          /* connected, non-blocking; the caller's */
	int64_t deadline_us;             /* starvation_end_us() of our patience */
	size_t bytes_left;               /* how much more the daemon may say */
	enum nix_daemon_outcome outcome; /* of the last call */
	unsigned int server_protocol;    /* as the daemon names it, 0 until then */
	unsigned int protocol;           /* negotiated */
	enum nix_trust trust;
	char version[64]; /* the daemon's Nix ("2.26.3"): upstream's number, of Determinate too */
	char features[1024]; /* what the daemon offers, separated by '\n'; cleaned */
	char message[512];   /* of an error frame, or what was wrong; cleaned */
	const char *step;    /* what was being read or written when the outcome was settled */
};

/* Connects to the socket at PATH within ROOT without waiting. Returns a non-blocking descriptor, or
 * -1 with errno: ENOENT no socket, ECONNREFUSED a stale one, EACCES, EAGAIN a full queue. */
int nix_daemon_connect(const struct root *root, const char *path);

/* Whether whoever listens where FD is connected to is root or this user: others' answers prove nothing
 * (unix(7), SO_PEERCRED: as it was when it began to listen). RET_UID gets its user, or (uid_t)-1. */
bool nix_daemon_is_trusted_peer(int fd, uid_t *ret_uid);

/* Shakes hands over FD within TIMEOUT_MS, as a client that speaks PROTOCOL (NIX_PROTOCOL_OURS).
 * Fills RET in any case. */
enum nix_daemon_outcome nix_daemon_handshake(struct nix_daemon *ret, int fd, unsigned int protocol,
					     unsigned int timeout_ms);

/* After a good handshake: whether the daemon's store holds STORE_PATH (never "": the daemon's worker
 * dies of it). Returns 1 or 0; -1 with daemon->outcome when it cannot be had. */
int nix_daemon_is_valid_path(struct nix_daemon *daemon, const char *store_path);

/* Whether the features are those of Determinate Nix (3.14 and later). */
bool nix_daemon_is_determinate(const struct nix_daemon *daemon);

/* "trusted", "untrusted", "unknown". */
const char *nix_trust_name(enum nix_trust trust);
