/* SPDX-License-Identifier: Zlib */
/* The worker protocol's handshake and one question. */
#include "agent/nix_daemon.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/nix_wire.h"
#include "agent/starvation.h"
#include "agent/text.h"

#define CLIENT_MAGIC 0x6e697863u /* "nixc" */
#define SERVER_MAGIC 0x6478696fu /* "dxio" */
#define DENIED_MAGIC 0xab9a9ff0u /* Determinate Nix, src/libstore/worker-protocol.hh */

#define STDERR_LAST 0x616c7473u
#define STDERR_ERROR 0x63787470u
#define STDERR_NEXT 0x6f6c6d67u
#define STDERR_START_ACTIVITY 0x53545254u
#define STDERR_STOP_ACTIVITY 0x53544f50u
#define STDERR_RESULT 0x52534c54u

#define OPERATION_IS_VALID_PATH 1u
#define MAX_TOTAL_BYTES 131072u /* a whole exchange takes some 200 bytes */
#define MAX_ITEMS 256u
#define TEXT_BYTES 1024u

/* Fields of an activity: each is a number (type 0) or a string (type 1). */
static bool skip_fields(struct nix_daemon *daemon)
{
	char text[TEXT_BYTES];
	uint64_t count, type, number;

	if (!nix_wire_read_number(daemon, &count))
		return false;
	if (count > MAX_ITEMS)
		return nix_wire_fail(daemon, "%llu fields of an activity",
				     (unsigned long long)count);
	while (count-- > 0) {
		if (!nix_wire_read_number(daemon, &type))
			return false;
		if (type > 1)
			return nix_wire_fail(daemon, "a field of unknown type");
		if (type == 0 ? !nix_wire_read_number(daemon, &number)
			      : !nix_wire_read_text(daemon, text, sizeof(text)))
			return false;
	}
	return true;
}

static bool skip_numbers(struct nix_daemon *daemon, unsigned int count)
{
	uint64_t number;

	while (count-- > 0)
		if (!nix_wire_read_number(daemon, &number))
			return false;
	return true;
}

static bool skip_activity(struct nix_daemon *daemon)
{
	char text[TEXT_BYTES];

	return skip_numbers(daemon, 3) && nix_wire_read_text(daemon, text, sizeof(text)) &&
	       skip_fields(daemon) && skip_numbers(daemon, 1);
}

/* "Error", level, name, message, position (always none), traces: each a position and a text. */
static bool read_error(struct nix_daemon *daemon)
{
	char text[TEXT_BYTES], message[TEXT_BYTES];
	uint64_t number, traces;

	if (!nix_wire_read_text(daemon, text, sizeof(text)) ||
	    !nix_wire_read_number(daemon, &number) ||
	    !nix_wire_read_text(daemon, text, sizeof(text)) ||
	    !nix_wire_read_text(daemon, message, sizeof(message)) ||
	    !nix_wire_read_number(daemon, &number) || !nix_wire_read_number(daemon, &traces))
		return false;
	if (number != 0 || traces > MAX_ITEMS)
		return nix_wire_fail(daemon, "an error frame that is broken");
	while (traces-- > 0)
		if (!skip_numbers(daemon, 1) || !nix_wire_read_text(daemon, text, sizeof(text)))
			return false;
	nix_wire_fail(daemon, "%s", message);
	daemon->outcome = NIX_DAEMON_ERROR;
	return true;
}

/* What the daemon says before an answer: log lines and activities, until it is done. */
static bool read_to_last(struct nix_daemon *daemon)
{
	char text[TEXT_BYTES];
	uint64_t word;
	bool is_fine = true;

	while (is_fine && nix_wire_read_number(daemon, &word)) {
		if (word == STDERR_LAST)
			return true;
		if (word == STDERR_ERROR)
			return read_error(daemon) && false;
		if (word == STDERR_NEXT)
			is_fine = nix_wire_read_text(daemon, text, sizeof(text));
		else if (word == STDERR_START_ACTIVITY)
			is_fine = skip_activity(daemon);
		else if (word == STDERR_STOP_ACTIVITY)
			is_fine = skip_numbers(daemon, 1);
		else if (word == STDERR_RESULT)
			is_fine = skip_numbers(daemon, 2) && skip_fields(daemon);
		else
			is_fine = nix_wire_fail(daemon, "an unknown message 0x%llx",
						(unsigned long long)word);
	}
	return false;
}

/* ---- who it is */

bool nix_daemon_is_trusted_peer(int fd, uid_t *ret_uid)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof(peer);

	(void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	*ret_uid = peer.uid;
	return peer.uid == 0 || peer.uid == geteuid();
}

/* ---- the handshake, step by step */

static bool exchange_magic(struct nix_daemon *daemon, unsigned int ours)
{
	const uint64_t hello[] = {CLIENT_MAGIC, ours};
	uint64_t magic, server;

	daemon->step = "greeting";
	if (!nix_wire_write_numbers(daemon, hello, 2) || !nix_wire_read_number(daemon, &magic))
		return false;
	if (magic == DENIED_MAGIC) {
		daemon->outcome = NIX_DAEMON_DENIED;
		return false;
	}
	if (magic != SERVER_MAGIC)
		return nix_wire_fail(daemon, "its first word is 0x%llx, not a Nix daemon's",
				     (unsigned long long)magic);
	daemon->step = "protocol version";
	if (!nix_wire_read_number(daemon, &server))
		return false;
	if (server > 0xffff || server >> 8 != ours >> 8)
		return nix_wire_fail(daemon, "protocol version 0x%llx", (unsigned long long)server);
	daemon->server_protocol = (unsigned int)server;
	daemon->protocol = server < ours ? (unsigned int)server : ours;
	if (daemon->protocol >= NIX_PROTOCOL_OLDEST)
		return true;
	daemon->outcome = NIX_DAEMON_OLD;
	return false;
}

static void add_feature(struct nix_daemon *daemon, const char *feature)
{
	size_t used = strlen(daemon->features), length = strlen(feature);
	const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";

	if (length == 0 || strspn(feature, plain) != length ||
	    used + length + 2 > sizeof(daemon->features))
		return;
	(void)snprintf(daemon->features + used, sizeof(daemon->features) - used, "%s%s",
		       used ? "\n" : "", feature);
}

/* We offer none, so none is negotiated: the daemon's list is only looked at. */
static bool exchange_features(struct nix_daemon *daemon)
{
	const uint64_t none = 0;
	char feature[128];
	uint64_t count;

	daemon->step = "features";
	if (daemon->protocol < NIX_PROTOCOL(1, 38))
		return true;
	if (!nix_wire_write_numbers(daemon, &none, 1) || !nix_wire_read_number(daemon, &count))
		return false;
	if (count > MAX_ITEMS)
		return nix_wire_fail(daemon, "%llu features", (unsigned long long)count);
	while (count-- > 0) {
		if (!nix_wire_read_text(daemon, feature, sizeof(feature)))
			return false;
		add_feature(daemon, feature);
	}
	return true;
}

/* What is no version is forgotten: it is a fact later, whatever became of the handshake. */
static bool read_version(struct nix_daemon *daemon)
{
	const uint64_t affinity_and_reserve[] = {0, 0};
	char version[sizeof(daemon->version)];

	daemon->step = "version";
	if (!nix_wire_write_numbers(daemon, affinity_and_reserve, 2) ||
	    !nix_wire_read_text(daemon, version, sizeof(version)))
		return false;
	for (const char *c = version; *c; c++)
		if (*c <= ' ' || *c >= 0x7f)
			return nix_wire_fail(daemon, "a version with strange characters");
	(void)snprintf(daemon->version, sizeof(daemon->version), "%s", version);
	return true;
}

static bool read_trust(struct nix_daemon *daemon)
{
	uint64_t trust;

	daemon->step = "trust";
	if (daemon->protocol < NIX_PROTOCOL(1, 35))
		return true;
	if (!nix_wire_read_number(daemon, &trust))
		return false;
	if (trust > NIX_TRUST_UNTRUSTED)
		return nix_wire_fail(daemon, "trust %llu", (unsigned long long)trust);
	daemon->trust = (enum nix_trust)trust;
	return true;
}

enum nix_daemon_outcome nix_daemon_handshake(struct nix_daemon *ret, int fd, unsigned int protocol,
					     unsigned int timeout_ms)
{
	*ret = (struct nix_daemon){
		.fd = fd,
		.deadline_us = starvation_end_us(timeout_ms * INT64_C(1000)),
		.bytes_left = MAX_TOTAL_BYTES,
	};
	if (exchange_magic(ret, protocol) && exchange_features(ret) && read_version(ret) &&
	    read_trust(ret)) {
		ret->step = "end of the greeting";
		(void)read_to_last(ret);
	}
	return ret->outcome;
}

int nix_daemon_is_valid_path(struct nix_daemon *daemon, const char *store_path)
{
	const uint64_t operation = OPERATION_IS_VALID_PATH;
	uint64_t is_valid;

	daemon->step = "answer about a path";
	daemon->outcome = NIX_DAEMON_OK;
	if (!*store_path || !nix_wire_write_numbers(daemon, &operation, 1) ||
	    !nix_wire_write_text(daemon, store_path) || !read_to_last(daemon) ||
	    !nix_wire_read_number(daemon, &is_valid))
		return -1;
	if (is_valid > 1) {
		(void)nix_wire_fail(daemon, "a truth value %llu", (unsigned long long)is_valid);
		return -1;
	}
	return is_valid == 1;
}

/* ---- */

bool nix_daemon_is_determinate(const struct nix_daemon *daemon)
{
	/* Upstream's own features are in lower case with dashes. */
	static const char *const theirs[] = {
		"queryActiveBuilds", "provenance",     "versionedAddToStoreMultiple",
		"addTempRoots",      "queryPathInfos",
	};

	for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
		if (strstr(daemon->features, theirs[i]))
			return true;
	return false;
}

const char *nix_trust_name(enum nix_trust trust)
{
	static const char *const names[] = {
		[NIX_TRUST_UNKNOWN] = "unknown",
		[NIX_TRUST_TRUSTED] = "trusted",
		[NIX_TRUST_UNTRUSTED] = "untrusted",
	};

	return names[trust];
}
