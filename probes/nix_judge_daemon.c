/* SPDX-License-Identifier: Zlib */
/* What each failure of the daemon means, and whether it is the one that
 * belongs to the profile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/nix.h"

#define DETAIL_MAX_BYTES 900u

/* From 3.14 on Determinate's daemon names features of its own. */
#define DETERMINATE_NAMES_FEATURES_MAJOR 3
#define DETERMINATE_NAMES_FEATURES_MINOR 14

static bool is_flavour(const struct nix_evidence *evidence, const char *flavour)
{
	return strcmp(evidence->profile.flavour, flavour) == 0;
}

bool nix_daemon_works(const struct nix_evidence *evidence)
{
	return evidence->was_asked && evidence->connect_errno == 0 &&
	       !evidence->is_daemon_foreign && evidence->daemon.outcome == NIX_DAEMON_OK;
}

static void judge_connect(const struct nix_evidence *evidence, struct channel *channel)
{
	static const struct {
		int reason;
		enum finding_id id;
	} rows[] = {
		{ENOENT, FINDING_NIX_DAEMON_NO_SOCKET},
		{ENOTDIR, FINDING_NIX_DAEMON_NO_SOCKET},
		{ECONNREFUSED, FINDING_NIX_DAEMON_STALE_SOCKET},
		{EACCES, FINDING_NIX_DAEMON_SOCKET_DENIED},
		{EPERM, FINDING_NIX_DAEMON_SOCKET_DENIED},
		{EAGAIN, FINDING_NIX_DAEMON_FROZEN}, /* its queue is full: nobody accepts */
	};
	enum finding_id id = FINDING_NIX_DAEMON_UNREACHABLE;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].reason == evidence->connect_errno)
			id = rows[i].id;
	channel_finding(channel, id, evidence->socket, NULL, "%s: connect: %s", evidence->socket,
			strerror(evidence->connect_errno));
}

/* Why a daemon may close at once, as far as it can be told from here. */
static void explain_refusal(const struct nix_evidence *evidence, struct strbuf *out)
{
	const char *allowed =
		nix_conf_value(&evidence->conf, "allowed-users", NIX_CONF_SYSTEM, "*");
	const char *builders =
		nix_conf_value(&evidence->conf, "build-users-group", NIX_CONF_SYSTEM, "nixbld");

	if (*builders && words_contain(&evidence->groups, builders))
		strbuf_printf(out, "; %s is a member of %s, the build users' group", evidence->user,
			      builders);
	if (strcmp(allowed, "*") != 0)
		strbuf_printf(out, "; allowed-users = %s", allowed);
}

static void judge_greeting(const struct nix_evidence *evidence, struct channel *channel)
{
	static const enum finding_id ids[] = {
		[NIX_DAEMON_SILENT] = FINDING_NIX_DAEMON_FROZEN,
		[NIX_DAEMON_CLOSED_EARLY] = FINDING_NIX_DAEMON_REFUSES,
		[NIX_DAEMON_CLOSED] = FINDING_NIX_DAEMON_HUNG_UP,
		[NIX_DAEMON_DENIED] = FINDING_NIX_DAEMON_DENIED,
		[NIX_DAEMON_OLD] = FINDING_NIX_DAEMON_OLD,
		[NIX_DAEMON_MALFORMED] = FINDING_NIX_DAEMON_MALFORMED,
		[NIX_DAEMON_ERROR] = FINDING_NIX_DAEMON_ERROR,
	};
	static const char *const texts[] = {
		[NIX_DAEMON_SILENT] = "connected, but no answer in time",
		[NIX_DAEMON_CLOSED_EARLY] = "connected, and closed without a word",
		[NIX_DAEMON_CLOSED] = "closed in the middle of its answer",
		[NIX_DAEMON_DENIED] = "the daemon denies access",
		[NIX_DAEMON_OLD] = "the daemon speaks an old protocol",
		[NIX_DAEMON_MALFORMED] = "no answer of a Nix daemon",
		[NIX_DAEMON_ERROR] = "the daemon reports an error",
	};
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(DETAIL_MAX_BYTES);
	const struct nix_daemon *daemon = &evidence->daemon;

	strbuf_printf(&detail, "%s: %s", evidence->socket, texts[daemon->outcome]);
	if (daemon->outcome == NIX_DAEMON_CLOSED_EARLY || daemon->outcome == NIX_DAEMON_DENIED)
		explain_refusal(evidence, &detail);
	else
		strbuf_printf(&detail, " (step: %s)", daemon->step);
	if (daemon->outcome == NIX_DAEMON_OLD)
		strbuf_printf(&detail, ": %u.%u", daemon->server_protocol >> 8,
			      daemon->server_protocol & 0xff);
	if (*daemon->message)
		strbuf_printf(&detail, ": %s", daemon->message);
	/* -1: the greeting was good, what came after it was not. */
	channel_finding(channel,
			evidence->path_validity == -1 ? FINDING_NIX_PATH_UNPROVEN
						      : ids[daemon->outcome],
			evidence->socket, NULL, "%s", detail.data);
}

static bool features_are_named(const char *determinate)
{
	char *end;
	unsigned long major = strtoul(determinate, &end, 10);
	unsigned long minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;

	return major > DETERMINATE_NAMES_FEATURES_MAJOR ||
	       (major == DETERMINATE_NAMES_FEATURES_MAJOR &&
		minor >= DETERMINATE_NAMES_FEATURES_MINOR);
}

/* The daemon's maker, where both sides tell: -1 unknown, 0 another than the profile's, 1 the same. */
static int is_same_flavour(const struct nix_evidence *evidence)
{
	bool is_determinate = nix_daemon_is_determinate(&evidence->daemon);

	if (is_flavour(evidence, NIX_FLAVOUR_UNKNOWN))
		return -1;
	if (!is_flavour(evidence, NIX_FLAVOUR_DETERMINATE))
		return !is_determinate;
	if (is_determinate)
		return 1;
	return features_are_named(evidence->profile.determinate) ? 0 : -1;
}

static void judge_versions(const struct nix_evidence *evidence, struct channel *channel)
{
	const struct nix_profile *profile = &evidence->profile;
	const struct nix_daemon *daemon = &evidence->daemon;

	if (is_same_flavour(evidence) == 0)
		channel_finding(channel, FINDING_NIX_DAEMON_FLAVOUR_DIFFERS, "nix-daemon", NULL,
				"the profile's nix is of the flavour %s; the daemon (%s) is %s",
				profile->flavour, daemon->version,
				nix_daemon_is_determinate(daemon) ? "Determinate Nix"
								  : "not Determinate Nix");
	else if (*profile->version && strcmp(profile->version, daemon->version) != 0)
		channel_finding(channel, FINDING_NIX_VERSION_DIFFERS, "nix-daemon", NULL,
				"nix %s, daemon %s", profile->version, daemon->version);
}

void nix_judge_daemon(const struct nix_evidence *evidence, struct channel *channel)
{
	if (evidence->path_validity == 0)
		channel_finding(channel, FINDING_NIX_PATH_NOT_VALID, evidence->profile.store_path,
				NULL, "%s is not valid in the daemon's database",
				evidence->profile.store_path);
	judge_versions(evidence, channel);
}

void nix_judge_failure(const struct nix_evidence *evidence, struct channel *channel)
{
	if (evidence->connect_errno)
		judge_connect(evidence, channel);
	else if (evidence->is_daemon_foreign)
		channel_finding(channel, FINDING_NIX_DAEMON_FOREIGN, evidence->socket, NULL,
				"user %u serves at %s: neither root nor this user",
				(unsigned int)evidence->daemon_uid, evidence->socket);
	else
		judge_greeting(evidence, channel);
}
