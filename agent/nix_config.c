/* SPDX-License-Identifier: Zlib */
/* Composes NIX_CONFIG and its companions for the next steps: ours around the job's own. */
#include "agent/nix_config.h"

#include <stdbool.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/environment.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_block.h"
#include "agent/nix_caches.h"
#include "agent/nix_conf.h"
#include "agent/nix_netrc.h"
#include "agent/nix_profile.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"

#define MAX_CONFIG_BYTES 65536u
#define MAX_LINES_BYTES 32768u

static bool is_nix_usable(const struct run *run)
{
	const char *state = facts_string(&run->facts, FACT_NIX_STATE);

	return state && (strcmp(state, "daemon") == 0 || strcmp(state, "single-user") == 0);
}

static bool is_daemon_used(const struct run *run)
{
	const char *state = facts_string(&run->facts, FACT_NIX_STATE);

	return state && strcmp(state, "daemon") == 0;
}

/* ---- NIX_CONFIG */

/* The job's own text, without our lines of an earlier run. Nix takes a carriage return for white
 * space, which may part two words; GITHUB_ENV cannot carry one. */
static void read_own(const struct job *job, struct strbuf *ret)
{
	CLEANUP_STRBUF struct strbuf stripped = STRBUF_INIT(MAX_CONFIG_BYTES);
	const char *text = context_env(&job->context, "NIX_CONFIG");

	nix_block_strip(text ? text : "", &stripped);
	for (const char *c = stripped.data; *c; c++)
		if (*c != '\r')
			strbuf_putc(ret, *c);
		else if (c[1] != '\n' && c[1] != '\0')
			strbuf_putc(ret, ' ');
}

/* Whether NAME is set: in the job's NIX_CONFIG, the user's files or the system's, where the actions
 * that install Nix put what a job wants of them. */
static bool is_set(const struct nix_conf *own, const struct run *run, const char *name)
{
	const char *names = facts_string(&run->facts, FACT_NIX_FILE_SETTINGS);
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, names ? names : "", "\n");
	return words_contain(&words, name) ||
	       nix_conf_find(own, name, NIX_CONF_SYSTEM, NIX_CONF_ENVIRONMENT);
}

/* Before 2.29 an address that does not answer holds Nix for minutes (NixOS/nix#12876). */
static bool is_without_connect_timeout(const char *version)
{
	return version && version_in_range(version, "<2.29") == 1;
}

/* The daemon fetches, and takes the setting from its client; without one the client itself does. */
static bool needs_connect_timeout(const struct run *run)
{
	const char *flavour = facts_string(&run->facts, FACT_NIX_FLAVOUR);

	return flavour && strcmp(flavour, "lix") != 0 &&
	       (is_without_connect_timeout(facts_string(&run->facts, FACT_NIX_VERSION)) ||
		is_without_connect_timeout(facts_string(&run->facts, FACT_NIX_DAEMON_VERSION)));
}

static void compose_scalars(const struct nix_conf *own, const struct run *run, struct strbuf *lines)
{
	if (!is_set(own, run, "fallback"))
		strbuf_puts(lines, "fallback = true\n");
	if (needs_connect_timeout(run) && !is_set(own, run, "connect-timeout"))
		strbuf_puts(lines, "connect-timeout = 15\n");
}

/* "host=TOKEN" or "host=KIND:TOKEN" (Nix's access-tokens). */
static void add_access_tokens(struct environment *environment, const char *value)
{
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, value, " ");
	for (size_t i = 0; i < words.count; i++) {
		const char *token = strchr(words.items[i], '=');
		const char *bare = token ? strchr(token, ':') : NULL;

		environment_add_secret(environment, "NIX_CONFIG", token ? token + 1 : NULL);
		environment_add_secret(environment, "NIX_CONFIG", bare ? bare + 1 : NULL);
	}
}

/* The password of "scheme://user:password@host", or the lone user name, which is a token then. */
static void add_url_secret(struct environment *environment, const char *after_scheme)
{
	size_t length = strcspn(after_scheme, "/?# \t\n");
	const char *at = memrchr(after_scheme, '@', length);
	const char *colon = at ? memchr(after_scheme, ':', (size_t)(at - after_scheme)) : NULL;
	const char *start = colon ? colon + 1 : after_scheme;
	CLEANUP_FREE char *secret = at ? mem_strndup(start, (size_t)(at - start)) : NULL;

	environment_add_secret(environment, "NIX_CONFIG", secret);
}

/* What the job's own text holds of secrets goes with it to GITHUB_ENV, and must be masked. What is
 * commented out counts too. */
static void add_secrets(struct environment *environment, const char *text)
{
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};
	CLEANUP_FREE char *bare = mem_strdup(text);

	for (char *c = strchr(bare, '#'); c; c = strchr(c, '#'))
		*c = ' ';
	nix_conf_parse(&conf, NULL, bare, "NIX_CONFIG", NIX_CONF_ENVIRONMENT);
	for (size_t i = 0; i < conf.setting_count; i++)
		if (text_ends_with(conf.settings[i].name, "access-tokens"))
			add_access_tokens(environment, conf.settings[i].value);
	for (const char *url = strstr(text, "://"); url; url = strstr(url, "://")) {
		url += strlen("://");
		add_url_secret(environment, url);
	}
}

static void set_config(struct environment *environment, const struct job *job, const char *own,
		       const char *first, const char *last)
{
	CLEANUP_STRBUF struct strbuf config = STRBUF_INIT(MAX_CONFIG_BYTES);
	const char *before = context_env(&job->context, "NIX_CONFIG");

	nix_block_join(first, own, last, &config);
	while (text_ends_with(config.data, "\n"))
		strbuf_truncate(&config, config.length - 1);
	if (!*first && !*last && (!before || strcmp(before, own) == 0))
		return; /* nothing of ours, neither now nor from an earlier run */
	if (config.is_truncated)
		return; /* far beyond what any job sets: left as it is */
	environment_set(environment, "NIX_CONFIG", config.data,
			*own ? "job's own NIX_CONFIG and spinup" : "spinup");
	add_secrets(environment, config.data);
}

static void compose_config(struct environment *environment, const struct job *job,
			   const struct run *run, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf own = STRBUF_INIT(MAX_CONFIG_BYTES);
	CLEANUP_STRBUF struct strbuf first = STRBUF_INIT(MAX_LINES_BYTES);
	CLEANUP_STRBUF struct strbuf last = STRBUF_INIT(MAX_LINES_BYTES);
	CLEANUP(nix_conf_release) struct nix_conf conf = {0};

	read_own(job, &own);
	nix_conf_parse(&conf, NULL, own.data, "NIX_CONFIG", NIX_CONF_ENVIRONMENT);
	if (!nix_conf_is_valid(&conf)) {
		findings_note(findings, FINDING_NIX_CONFIG_UNTOUCHED, "NIX_CONFIG", "line %u: %s",
			      conf.problems[0].line, nix_conf_problem_text(conf.problems[0].kind));
		return;
	}
	compose_scalars(&conf, run, &first);
	nix_caches_compose(job, run, &last, findings);
	nix_netrc_compose(environment, job, run, &last, findings);
	set_config(environment, job, own.data, first.data, last.data);
}

/* ---- its companions */

static bool is_plain_path(const char *path)
{
	if (!path || path[0] != '/')
		return false;
	for (const char *c = path; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == ':')
			return false;
	return true;
}

/* Sets NAME unless the job has another value for it. */
static void set_default(struct environment *environment, const struct job *job, const char *name,
			const char *value)
{
	const char *before = context_env(&job->context, name);

	if (!before || strcmp(before, value) == 0)
		environment_set(environment, name, value, "probe nix");
}

static void compose_variables(struct environment *environment, const struct job *job,
			      const struct run *run)
{
	const char *bundle = facts_string(&run->facts, FACT_NIX_CA_BUNDLE);
	const char *remote = context_env(&job->context, "NIX_REMOTE");
	const char *home = job->context.nix_home;
	bool is_ours = remote && strcmp(remote, "daemon") == 0 && job->context.uid == 0;
	CLEANUP_FREE char *profiles = NULL;

	/* What an earlier run set is set again: twice is the same as once. */
	if (facts_boolean(&run->facts, FACT_NIX_BYPASS) == 1 || (is_ours && is_daemon_used(run)))
		environment_set(environment, "NIX_REMOTE", "daemon", "probe nix");
	if (is_plain_path(bundle))
		set_default(environment, job, "NIX_SSL_CERT_FILE", bundle);
	if (!facts_string(&run->facts, FACT_NIX_STORE_PATH) || !is_plain_path(home))
		return;
	profiles = mem_format("%s %s/.nix-profile", NIX_PROFILE_DEFAULT, home);
	set_default(environment, job, "NIX_PROFILES", profiles);
}

static void add_directory(struct environment *environment, const struct job *job,
			  const char *directory)
{
	const char *path = context_env(&job->context, "PATH");
	CLEANUP_WORDS struct words present = {0};

	words_split(&present, path ? path : "", ":");
	if (is_plain_path(directory) && !words_contain(&present, directory))
		environment_add_path(environment, directory);
}

/* Programs of the distribution are on PATH already, or meant not to be. */
static void compose_path(struct environment *environment, const struct job *job,
			 const struct run *run)
{
	const char *profile = facts_string(&run->facts, FACT_NIX_PROFILE_BIN);
	CLEANUP_FREE char *own = NULL;

	if (!facts_string(&run->facts, FACT_NIX_STORE_PATH))
		return;
	add_directory(environment, job, profile);
	if (!job->context.nix_home)
		return;
	own = mem_format("%s/.nix-profile/bin",
			 job->context.nix_home); /* of `nix profile install` */
	add_directory(environment, job, own);
}

void nix_config_compose(struct environment *environment, const struct job *job,
			const struct run *run, struct findings *findings)
{
	if (!is_nix_usable(run))
		return;
	compose_config(environment, job, run, findings);
	compose_variables(environment, job, run);
	compose_path(environment, job, run);
}
