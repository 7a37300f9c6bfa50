/* SPDX-License-Identifier: Zlib */
/* The nix probe's second half: what was seen becomes findings and facts. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/expect.h"
#include "agent/fact_names.h"
#include "agent/finding.h"
#include "agent/install_state.h"
#include "agent/mem.h"
#include "agent/nix_receipt.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/nix.h"

#define STATE_DAEMON "daemon"
#define STATE_SINGLE_USER "single-user"
#define STATE_ABSENT "absent"
#define STATE_BROKEN "broken"
#define STATE_OTHER "other"

static bool is_flavour(const struct nix_evidence *evidence, const char *flavour)
{
	return strcmp(evidence->profile.flavour, flavour) == 0;
}

/* The number of Nix itself. Determinate's store path does not tell it, its daemon does. */
static const char *version_of(const struct nix_evidence *evidence)
{
	if (*evidence->profile.version)
		return evidence->profile.version;
	return *evidence->daemon.version ? evidence->daemon.version : NULL;
}

static char *name_of(const struct nix_evidence *evidence)
{
	const char *version = version_of(evidence);

	if (is_flavour(evidence, NIX_FLAVOUR_DETERMINATE))
		return version ? mem_format("Determinate Nix %s (%s)",
					    evidence->profile.determinate, version)
			       : mem_format("Determinate Nix %s", evidence->profile.determinate);
	return mem_format("%s%s%s%s", is_flavour(evidence, NIX_FLAVOUR_LIX) ? "Lix" : "Nix",
			  version ? " " : "", version ? version : "",
			  is_flavour(evidence, NIX_FLAVOUR_DISTRIBUTION)
				  ? " (the distribution's package)"
				  : "");
}

/* ---- no program */

static void judge_absence(const struct nix_evidence *evidence, struct channel *channel)
{
	if (evidence->is_interrupted)
		return; /* which is said of any state */
	if (evidence->dangling)
		channel_finding(channel, FINDING_NIX_PROFILE_DANGLING, evidence->dangling, NULL,
				"%s leads to %s, which is not there", evidence->dangling,
				evidence->dangling_target);
	else if (evidence->has_state_directory)
		channel_finding(channel, FINDING_NIX_PROGRAM_MISSING, "/nix", NULL,
				"/nix/var/nix is there, but no nix program was found in the "
				"profiles, /usr/local/bin, /usr/bin or PATH");
	else
		channel_finding(channel, FINDING_NIX_ABSENT, "nix", NULL, "%s",
				evidence->has_nix_directory
					? "no nix program; /nix is a directory without a store"
					: "no nix program, and no /nix");
}

/* ---- which store */

static void judge_local(const struct nix_evidence *evidence, struct channel *channel)
{
	const char *daemon = !evidence->was_asked ? "no daemon's socket is there"
						  : "no daemon answers at its socket";

	channel_finding(channel, FINDING_NIX_SINGLE_USER, "/nix", NULL, "%s%s",
			evidence->store_setting ? "the store is set to local"
						: "this user may write /nix/var/nix, and ",
			evidence->store_setting ? "" : daemon);
	if (!evidence->has_database)
		channel_finding(channel, FINDING_NIX_DATABASE_MISSING, "/nix/var/nix/db", NULL,
				"/nix/var/nix/db/db.sqlite is no database");
}

static void judge_other(const struct nix_evidence *evidence, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(PATH_MAX);

	text_redact_urls(&shown, evidence->store_setting);
	channel_finding(channel, FINDING_NIX_REMOTE_UNUSUAL, evidence->store_source, NULL,
			"%s = %s", evidence->store_source, shown.data);
}

/* Says what is wrong with the store, and returns its state. */
static const char *judge_store(const struct nix_evidence *evidence, struct channel *channel)
{
	bool is_automatic = !evidence->store_setting;

	if (evidence->route == NIX_ROUTE_CHROOT) {
		channel_finding(channel, FINDING_NIX_CHROOT_STORE, evidence->program, NULL,
				"%s is there, /nix/var/nix is not, and the user is not root",
				evidence->program);
		return STATE_BROKEN;
	}
	if (evidence->route == NIX_ROUTE_OTHER) {
		judge_other(evidence, channel);
		return STATE_OTHER;
	}
	if (evidence->route == NIX_ROUTE_LOCAL && !evidence->is_daemon_foreign &&
	    !(is_automatic && nix_daemon_works(evidence))) {
		judge_local(evidence, channel);
		return STATE_SINGLE_USER;
	}
	if (nix_daemon_works(evidence)) {
		nix_judge_daemon(evidence, channel);
		return STATE_DAEMON;
	}
	nix_judge_failure(evidence, channel);
	return STATE_BROKEN;
}

/* Says where others could have changed what is run. Returns STATE, or that it is broken by that. */
static const char *judge_owners(const struct nix_evidence *evidence, const char *state,
				struct channel *channel)
{
	if (!evidence->foreign)
		return state;
	channel_finding(channel, FINDING_NIX_TREE_FOREIGN, evidence->foreign, NULL,
			"%s belongs to user %u and has mode %04o: others than root and this user "
			"can change what nix is",
			evidence->foreign, (unsigned int)evidence->foreign_owner,
			(unsigned int)evidence->foreign_mode);
	return STATE_BROKEN;
}

/* Every command of a Nix without a home directory fails. Before 2.10 anybody's HOME would do. */
static const char *judge_home(const struct nix_evidence *evidence, const char *state,
			      struct channel *channel)
{
	const char *version = version_of(evidence);

	if (evidence->is_at_home ||
	    (evidence->home && version && version_in_range(version, "<2.10") == 1))
		return state;
	channel_finding(channel, FINDING_NIX_HOME_MISSING, evidence->user, NULL,
			"HOME is %s%s, and /etc/passwd has no home directory of user %s",
			evidence->home ? evidence->home : "not set",
			evidence->home ? ", which is not this user's" : "", evidence->user);
	return STATE_BROKEN;
}

/* What an earlier installation has left. */
static void judge_traces(const struct nix_evidence *evidence, struct channel *channel)
{
	if (evidence->is_interrupted)
		channel_finding(
			channel, FINDING_NIX_INSTALL_INTERRUPTED, INSTALL_JOURNAL, NULL,
			"an installation has begun and not ended; its journal is %lld s old",
			(long long)evidence->journal_age_s);
	if (evidence->has_partial_receipt)
		channel_finding(channel, FINDING_NIX_RECEIPT_PARTIAL, NIX_RECEIPT, NULL,
				NIX_RECEIPT " does not say of every action that it was completed");
	if (evidence->program && is_flavour(evidence, NIX_FLAVOUR_DETERMINATE) &&
	    !evidence->has_determinate_nixd)
		channel_finding(channel, FINDING_NIX_DETERMINATE_NIXD_MISSING, "determinate-nixd",
				NULL,
				"%s is of Determinate Nix, and neither /usr/local/bin nor the "
				"profile has a determinate-nixd",
				evidence->program);
}

static bool is_bypassed(const struct nix_evidence *evidence)
{
	return evidence->route == NIX_ROUTE_LOCAL && !evidence->store_setting &&
	       nix_daemon_works(evidence);
}

/* ---- the users that build */

static void judge_builders(const struct nix_evidence *evidence, struct channel *channel)
{
	const char *name = evidence->builders_name ? evidence->builders_name : "";

	switch (evidence->builders) {
	case NIX_BUILDERS_NO_GROUP:
		channel_finding(channel, FINDING_NIX_BUILD_GROUP_MISSING, name, NULL,
				"there is no group %s", name);
		break;
	case NIX_BUILDERS_EMPTY_GROUP:
		channel_finding(channel, FINDING_NIX_BUILD_GROUP_EMPTY, name, NULL,
				"the group %s lists no members", name);
		break;
	case NIX_BUILDERS_MISSING_USER:
		channel_finding(channel, FINDING_NIX_BUILD_USER_MISSING, name, NULL,
				"the group of build users names %s, and there is no such user",
				name);
		break;
	case NIX_BUILDERS_ROOT:
		channel_finding(channel, FINDING_NIX_BUILDS_AS_ROOT, "build-users-group", NULL,
				"build-users-group is set to nothing");
		break;
	case NIX_BUILDERS_NOT_NEEDED:
	case NIX_BUILDERS_UNKNOWN:
		return;
	case NIX_BUILDERS_READY:
		break;
	}
	if (!evidence->is_build_group_set && nix_conf_is_valid(&evidence->conf))
		channel_finding(channel, FINDING_NIX_BUILD_GROUP_UNSET, "build-users-group", NULL,
				"nothing in /etc/nix says build-users-group");
}

static bool can_build(const struct nix_evidence *evidence)
{
	return evidence->builders != NIX_BUILDERS_NO_GROUP &&
	       evidence->builders != NIX_BUILDERS_EMPTY_GROUP &&
	       evidence->builders != NIX_BUILDERS_MISSING_USER;
}

/* ---- facts, and the last word */

static void tell_daemon(const struct nix_evidence *evidence, struct channel *channel)
{
	const struct nix_daemon *daemon = &evidence->daemon;
	CLEANUP_FREE char *protocol =
		mem_format("%u.%u", daemon->server_protocol >> 8, daemon->server_protocol & 0xff);

	if (!nix_daemon_works(evidence))
		return;
	channel_string(channel, FACT_NIX_DAEMON_VERSION, daemon->version);
	channel_string(channel, "nix.daemon.protocol", protocol);
	if (*daemon->features)
		channel_list(channel, "nix.daemon.features", daemon->features);
}

static void tell_facts(const struct nix_evidence *evidence, const char *state,
		       struct channel *channel)
{
	const struct nix_profile *profile = &evidence->profile;
	CLEANUP_FREE char *directory = NULL;

	channel_string(channel, FACT_NIX_STATE, state);
	if (!evidence->program)
		return;
	directory = mem_strndup(evidence->program,
				(size_t)(strrchr(evidence->program, '/') - evidence->program));
	if (!evidence->foreign)
		channel_string(channel, FACT_NIX_PROFILE_BIN, directory);
	channel_string(channel, FACT_NIX_FLAVOUR, profile->flavour);
	channel_string(channel, FACT_NIX_VERSION, version_of(evidence));
	if (*profile->determinate)
		channel_string(channel, FACT_NIX_DETERMINATE, profile->determinate);
	channel_string(channel, FACT_NIX_STORE_PATH, profile->store_path);
	channel_boolean(channel, FACT_NIX_BYPASS, is_bypassed(evidence));
	channel_string(channel, FACT_NIX_TRUST, nix_trust_name(nix_trust_of(evidence)));
	channel_string(channel, FACT_NIX_CA_BUNDLE, evidence->ca_bundle);
	if (evidence->builders == NIX_BUILDERS_READY)
		channel_integer(channel, FACT_NIX_BUILD_USERS, evidence->builder_count);
	tell_daemon(evidence, channel);
}

static void judge_surroundings(const struct nix_evidence *evidence, struct channel *channel)
{
	if (is_bypassed(evidence))
		channel_finding(channel, FINDING_NIX_ROOT_BYPASS, "/nix/var/nix", NULL,
				"this user may write /nix/var/nix, and NIX_REMOTE is not set");
	if (!evidence->will_be_found)
		channel_finding(channel, FINDING_NIX_NOT_ON_PATH, evidence->program, NULL,
				"%s is there, but its directory is not on PATH", evidence->program);
	if (evidence->ca_missing)
		channel_finding(channel, FINDING_NIX_CA_MISSING, evidence->ca_missing, NULL,
				"NIX_SSL_CERT_FILE names %s, which cannot be read",
				evidence->ca_missing);
	else if (!evidence->has_ca)
		channel_finding(channel, FINDING_NIX_CA_MISSING, "/etc/ssl/certs", NULL,
				"no bundle of certificate authorities was found");
}

static void say_ready(const struct nix_evidence *evidence, const char *state,
		      struct channel *channel)
{
	CLEANUP_FREE char *name = name_of(evidence);
	const struct nix_daemon *daemon = &evidence->daemon;

	if (strcmp(state, STATE_SINGLE_USER) == 0)
		channel_finding(channel, FINDING_NIX_READY, evidence->program, NULL,
				"%s, store opened directly", name);
	else
		channel_finding(channel, FINDING_NIX_READY, evidence->program, NULL,
				"%s, daemon answers, protocol %u.%u, user %s", name,
				daemon->protocol >> 8, daemon->protocol & 0xff,
				nix_trust_of(evidence) == NIX_TRUST_UNKNOWN
					? "trust unknown"
					: nix_trust_name(nix_trust_of(evidence)));
}

void nix_judge(const struct nix_evidence *evidence, struct channel *channel)
{
	const char *state;

	judge_traces(evidence, channel);
	if (!evidence->program) {
		bool is_broken = evidence->dangling || evidence->has_state_directory ||
				 evidence->is_interrupted;

		judge_absence(evidence, channel);
		tell_facts(evidence, is_broken ? STATE_BROKEN : STATE_ABSENT, channel);
		return;
	}
	state = judge_owners(evidence, judge_store(evidence, channel), channel);
	state = judge_home(evidence, state, channel);
	judge_builders(evidence, channel);
	nix_judge_conf(evidence, channel);
	judge_surroundings(evidence, channel);
	tell_facts(evidence, state, channel);
	if ((strcmp(state, STATE_DAEMON) == 0 || strcmp(state, STATE_SINGLE_USER) == 0) &&
	    evidence->path_validity != 0 && !evidence->is_interrupted && can_build(evidence) &&
	    nix_conf_is_valid(&evidence->conf))
		say_ready(evidence, state, channel);
}
