/* SPDX-License-Identifier: Zlib */
/* The effective configuration, judged: broken lines, keys, trust, the netrc file; and its facts. */
#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_conf_value.h"
#include "agent/nix_keys.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/nix.h"

#define LIST_MAX_BYTES 32768u
#define DEFAULT_FEATURES "nixos-test benchmark big-parallel uid-range" /* on Linux */

/* ---- trust */

/* As the daemon compares: a name, "@group", or "*" for everybody (daemon.cc, matchUser). */
static bool is_listed(const struct nix_evidence *evidence, const struct words *users)
{
	if (words_contain(users, "*") || words_contain(users, evidence->user))
		return true;
	for (size_t i = 0; i < users->count; i++)
		if (users->items[i][0] == '@' &&
		    words_contain(&evidence->groups, users->items[i] + 1))
			return true;
	return false;
}

static bool is_system_conf_unread(const struct nix_conf *conf)
{
	for (size_t i = 0; i < conf->problem_count; i++)
		if (!nix_conf_problem_is_fatal(&conf->problems[i]))
			return true;
	return false;
}

enum nix_trust nix_trust_of(const struct nix_evidence *evidence)
{
	CLEANUP_WORDS struct words users = {0};
	bool has_daemon = nix_daemon_works(evidence);

	if (evidence->route == NIX_ROUTE_LOCAL && (!has_daemon || evidence->store_setting))
		return NIX_TRUST_TRUSTED; /* nobody stands between this user and the store */
	if (!has_daemon)
		return NIX_TRUST_UNKNOWN;
	if (evidence->daemon.trust != NIX_TRUST_UNKNOWN)
		return evidence->daemon.trust;
	nix_conf_list(&evidence->conf, "trusted-users", NIX_CONF_SYSTEM, "root", &users);
	if (is_listed(evidence, &users))
		return NIX_TRUST_TRUSTED;
	if (is_system_conf_unread(&evidence->conf) || !evidence->are_groups_known)
		return NIX_TRUST_UNKNOWN;
	return NIX_TRUST_UNTRUSTED;
}

static void judge_trust(const struct nix_evidence *evidence, struct channel *channel)
{
	if (!nix_daemon_works(evidence))
		return;
	if (nix_trust_of(evidence) == NIX_TRUST_UNTRUSTED)
		channel_finding(channel, FINDING_NIX_USER_UNTRUSTED, evidence->user, NULL,
				"%s is not among the daemon's trusted-users", evidence->user);
	if (nix_trust_of(evidence) == NIX_TRUST_UNKNOWN)
		channel_finding(channel, FINDING_NIX_TRUST_UNKNOWN, evidence->user, NULL,
				"protocol %u.%u does not tell", evidence->daemon.protocol >> 8,
				evidence->daemon.protocol & 0xff);
}

/* ---- broken lines */

/* The beginning of a line, as far as it can be a setting's name: what follows may be a token. */
static char *harmless_part(const char *line)
{
	line += strspn(line, " \t");
	return mem_format("%.*s…", (int)strspn(line, "abcdefghijklmnopqrstuvwxyz-"), line);
}

static void judge_problem(const struct nix_conf_problem *problem, struct channel *channel)
{
	bool is_line = problem->kind == NIX_CONF_SYNTAX;
	CLEANUP_FREE char *line = is_line ? harmless_part(problem->text) : NULL;
	CLEANUP_FREE char *where = problem->line ? mem_format("%s:%u", problem->file, problem->line)
						 : mem_strdup(problem->file);

	channel_finding(channel,
			nix_conf_problem_is_fatal(problem) ? FINDING_NIX_CONF_MALFORMED
							   : FINDING_NIX_CONF_UNREADABLE,
			where, NULL, "%s: \"%s\": %s", where, line ? line : problem->text,
			nix_conf_problem_text(problem->kind));
}

/* ---- keys */

/* What is no public key may be a secret one, put there by mistake: only its name is shown. */
static char *shown_key(const char *text)
{
	struct nix_key key;

	if (nix_key_parse(text, &key))
		return mem_strdup(text);
	return mem_format("%.*s:***", (int)strcspn(text, ":"), text);
}

static void judge_invalid_keys(const struct words *keys, struct channel *channel)
{
	struct nix_key key;

	for (size_t i = 0; i < keys->count; i++) {
		const char *text = keys->items[i];

		if (nix_key_parse(text, &key))
			continue;
		channel_finding(channel, FINDING_NIX_KEY_INVALID, "trusted-public-keys", NULL,
				"the key \"%.*s\" (number %zu of the list) is not name:base64 of "
				"32 bytes",
				(int)strcspn(text, ":"), text, i + 1);
		return;
	}
}

static void judge_keys(const struct nix_evidence *evidence, struct channel *channel)
{
	bool is_heeded = nix_trust_of(evidence) != NIX_TRUST_UNTRUSTED;
	CLEANUP_WORDS struct words keys = {0};
	CLEANUP_FREE char *shown = NULL;
	const char *winner = NULL;

	nix_conf_list(&evidence->conf, "trusted-public-keys",
		      is_heeded ? NIX_CONF_ENVIRONMENT : NIX_CONF_SYSTEM, NIX_DEFAULT_KEYS, &keys);
	judge_invalid_keys(&keys, channel);
	if (!evidence->wanted_key ||
	    nix_keys_look_up(&keys, evidence->wanted_key, &winner) != NIX_KEY_SHADOWED)
		return;
	shown = shown_key(winner);
	channel_finding(channel, FINDING_NIX_KEY_CONFLICT, shown, NULL,
			"trusted-public-keys lists %s first; this cache's key is %s", shown,
			evidence->wanted_key);
}

/* ---- facts */

static const char *default_of(const char *setting)
{
	if (strcmp(setting, "substituters") == 0)
		return NIX_DEFAULT_SUBSTITUTERS;
	return strcmp(setting, "trusted-public-keys") == 0 ? NIX_DEFAULT_KEYS : "";
}

static void tell_list(const struct nix_evidence *evidence, struct channel *channel,
		      const char *fact, const char *setting, enum nix_conf_layer last)
{
	bool are_keys = strcmp(setting, "trusted-public-keys") == 0;
	CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(LIST_MAX_BYTES);
	CLEANUP_WORDS struct words words = {0};

	nix_conf_list(&evidence->conf, setting, last, default_of(setting), &words);
	for (size_t i = 0; i < words.count; i++) {
		CLEANUP_FREE char *key = are_keys ? shown_key(words.items[i]) : NULL;

		if (i > 0)
			strbuf_putc(&shown, '\n');
		text_redact_urls(&shown, key ? key : words.items[i]);
	}
	if (words.count > 0 || *default_of(setting)) /* "substituters =" says something */
		channel_list(channel, fact, shown.data);
}

static void tell_features(const struct nix_evidence *evidence, struct channel *channel)
{
	enum nix_conf_layer last = nix_trust_of(evidence) == NIX_TRUST_TRUSTED
					   ? NIX_CONF_ENVIRONMENT
					   : NIX_CONF_SYSTEM;
	CLEANUP_WORDS struct words features = {0};
	CLEANUP_FREE char *joined = NULL;

	nix_conf_list(&evidence->conf, "system-features", last,
		      evidence->has_kvm ? DEFAULT_FEATURES " kvm" : DEFAULT_FEATURES, &features);
	joined = words_join(&features, '\n');
	channel_list(channel, FACT_NIX_FEATURES, joined);
	channel_boolean(channel, FACT_NIX_FEATURES_SET,
			nix_conf_value(&evidence->conf, "system-features", last, NULL) != NULL);
}

static void tell_file_settings(const struct nix_evidence *evidence, struct channel *channel)
{
	CLEANUP_WORDS struct words names = {0};
	CLEANUP_FREE char *joined = NULL;

	for (size_t i = 0; i < evidence->conf.setting_count; i++) {
		const struct nix_conf_setting *setting = &evidence->conf.settings[i];
		const char *name = nix_conf_canonical_name(setting->name);

		if (setting->layer != NIX_CONF_ENVIRONMENT && !words_contain(&names, name))
			words_add(&names, name);
	}
	joined = words_join(&names, '\n');
	if (names.count > 0)
		channel_list(channel, FACT_NIX_FILE_SETTINGS, joined);
}

static void tell_conf(const struct nix_evidence *evidence, struct channel *channel)
{
	static const struct {
		const char *fact, *setting;
		enum nix_conf_layer last;
	} lists[] = {
		{FACT_NIX_SUBSTITUTERS, "substituters", NIX_CONF_ENVIRONMENT},
		{FACT_NIX_DAEMON_SUBSTITUTERS, "substituters", NIX_CONF_SYSTEM},
		{FACT_NIX_TRUSTED_SUBSTITUTERS, "trusted-substituters", NIX_CONF_SYSTEM},
		{FACT_NIX_KEYS, "trusted-public-keys", NIX_CONF_ENVIRONMENT},
		{FACT_NIX_DAEMON_KEYS, "trusted-public-keys", NIX_CONF_SYSTEM},
	};

	channel_boolean(channel, FACT_NIX_CONF_VALID, nix_conf_is_valid(&evidence->conf));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		tell_list(evidence, channel, lists[i].fact, lists[i].setting, lists[i].last);
	channel_string(channel, FACT_NIX_NETRC, evidence->netrc);
	tell_features(evidence, channel);
	tell_file_settings(evidence, channel);
}

void nix_judge_conf(const struct nix_evidence *evidence, struct channel *channel)
{
	for (size_t i = 0; i < evidence->conf.problem_count; i++)
		judge_problem(&evidence->conf.problems[i], channel);
	judge_keys(evidence, channel);
	judge_trust(evidence, channel);
	if (evidence->netrc_errno != 0 && evidence->netrc_errno != ENOENT)
		channel_finding(channel, FINDING_NIX_NETRC_UNREADABLE, evidence->netrc, NULL,
				"%s: %s", evidence->netrc, strerror(evidence->netrc_errno));
	tell_conf(evidence, channel);
}
