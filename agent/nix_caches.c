/* SPDX-License-Identifier: Zlib */
/* Substituters and keys for the next steps. */
#include "agent/nix_caches.h"

#include <string.h>

#include "agent/attic_config.h"
#include "agent/cleanup.h"
#include "agent/environment.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/narinfo.h"
#include "agent/nix_keys.h"
#include "agent/nix_profile.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/url.h"
#include "agent/words.h"

#define REMEDY_MAX_BYTES 900u
#define HIDDEN "***" /* what text_redact_urls puts in the place of a secret */

/* Everything that the lines depend on. */
struct caches {
	const struct run *run;
	struct words substituters, keys;                        /* effective */
	struct words daemon_substituters, allowed, daemon_keys; /* the daemon's own */
	struct words dead;
	char *url; /* of the proven cache, with its name; NULL: there is none */
	const char *key;
};

static void read_list(const struct run *run, const char *fact, struct words *ret)
{
	const char *text = facts_string(&run->facts, fact);

	words_split(ret, text ? text : "", "\n");
}

bool nix_caches_is_heeded(const struct run *run)
{
	const char *trust = facts_string(&run->facts, FACT_NIX_TRUST);

	return trust && strcmp(trust, "trusted") == 0;
}

static int parse_substituter(const char *text, struct url *ret)
{
	CLEANUP_FREE char *plain = mem_strndup(text, strcspn(text, "?"));

	return url_parse(plain, ret, NULL);
}

bool nix_caches_is_same(const char *left, const char *right)
{
	CLEANUP(url_release) struct url a = {0};
	CLEANUP(url_release) struct url b = {0};

	if (parse_substituter(left, &a) < 0 || parse_substituter(right, &b) < 0)
		return strcmp(left, right) == 0;
	return url_is_same(&a, &b);
}

/* The entry of LIST that is the same place as URL, or NULL. */
static const char *find_same(const struct words *list, const char *url)
{
	for (size_t i = 0; i < list->count; i++)
		if (nix_caches_is_same(list->items[i], url))
			return list->items[i];
	return NULL;
}

static char *cache_url(const char *server, const char *cache)
{
	size_t length = strlen(server);

	while (length > 0 && server[length - 1] == '/')
		length--;
	return mem_format("%.*s/%s", (int)length, server, cache);
}

/* ---- what is known */

/* Facts came through a pipe: nothing of them enters a value without passing its grammar again. */
static void read_proven(struct caches *caches, const struct run *run)
{
	const char *server = facts_string(&run->facts, FACT_ATTIC_URL);
	const char *cache = facts_string(&run->facts, FACT_ATTIC_CACHE);
	const char *key = facts_string(&run->facts, FACT_ATTIC_KEY);
	CLEANUP(url_release) struct url url = {0};
	struct nix_key parsed;

	if (facts_boolean(&run->facts, FACT_ATTIC_USABLE) != 1 || !server || !cache || !key)
		return;
	if (url_parse(server, &url, NULL) < 0 || url.user || strchr(server, '#') ||
	    !attic_cache_name_is_valid(cache) || !nix_key_parse(key, &parsed))
		return;
	caches->url = cache_url(server, cache);
	caches->key = key;
}

static void read_dead(struct caches *caches, const struct job *job, const struct run *run)
{
	const struct endpoint *attic = &job->endpoints.attic;
	CLEANUP_FREE char *own = NULL;

	read_list(run, FACT_DEAD_SUBSTITUTERS, &caches->dead);
	if (environment_cache_fate(job, run, LANE_ATTIC) != CACHE_DEAD || !attic->url ||
	    !attic->cache)
		return;
	own = cache_url(attic->url, attic->cache);
	words_add(&caches->dead, own);
}

static void caches_read(struct caches *ret, const struct job *job, const struct run *run)
{
	*ret = (struct caches){.run = run};
	read_list(run, FACT_NIX_SUBSTITUTERS, &ret->substituters);
	read_list(run, FACT_NIX_KEYS, &ret->keys);
	read_list(run, FACT_NIX_DAEMON_SUBSTITUTERS, &ret->daemon_substituters);
	read_list(run, FACT_NIX_TRUSTED_SUBSTITUTERS, &ret->allowed);
	read_list(run, FACT_NIX_DAEMON_KEYS, &ret->daemon_keys);
	read_dead(ret, job, run);
	read_proven(ret, run);
}

static void caches_release(struct caches *caches)
{
	words_release(&caches->substituters);
	words_release(&caches->keys);
	words_release(&caches->daemon_substituters);
	words_release(&caches->allowed);
	words_release(&caches->daemon_keys);
	words_release(&caches->dead);
	free(caches->url);
}

const struct out_of_contract *nix_caches_forbidden(const struct contract *contract,
						   const char *substituter)
{
	CLEANUP_FREE char *plain = mem_strndup(substituter, strcspn(substituter, "?"));

	return contract_forbids(contract, plain);
}

static void report_forbidden(const char *url, const struct out_of_contract *row,
			     struct findings *findings)
{
	CLEANUP_FREE char *remedy =
		mem_format("Take it out of nix.conf or NIX_CONFIG, where it is listed.%s%s",
			   *row->replacement ? " Use instead: " : "", row->replacement);

	finding_set_remedy(findings_note(findings, FINDING_OUT_OF_CONTRACT_IGNORED, "substituters",
					 "%s is out of contract: %s", url, row->reason),
			   remedy);
}

/* What is out of contract is left out as a dead cache is; but not the one that a flag has named. */
static void add_forbidden(struct caches *caches, const struct contract *contract,
			  struct findings *findings)
{
	for (size_t i = 0; i < caches->substituters.count; i++) {
		const char *url = caches->substituters.items[i];
		const struct out_of_contract *row = nix_caches_forbidden(contract, url);

		if (!row || (caches->url && nix_caches_is_same(url, caches->url)))
			continue;
		report_forbidden(url, row, findings);
		words_add(&caches->dead, url);
	}
}

/* ---- whole lists */

/* What can stand in a list of Nix's configuration, and be shown. */
static bool is_plain(const char *word)
{
	for (const char *c = word; *c; c++)
		if (*c <= ' ' || *c >= 0x7f || *c == '#')
			return false;
	return !strstr(word, HIDDEN);
}

/* Appends "NAME = WORDS"; where a word cannot be written, says so and appends nothing. */
static bool write_list(const char *name, const struct words *words, struct strbuf *lines,
		       struct findings *findings)
{
	CLEANUP_FREE char *joined = words_join(words, ' ');

	for (size_t i = 0; i < words->count; i++) {
		if (is_plain(words->items[i]))
			continue;
		findings_note(findings, FINDING_NIX_LIST_NOT_WRITTEN, name,
			      "entry %zu of %s cannot be written: %s", i + 1, name,
			      words->items[i]);
		return false;
	}
	strbuf_printf(lines, "%s =%s%s\n", name, *joined ? " " : "", joined);
	return true;
}

/* A dead cache stalls every command: the full list without it. Even an untrusted user may shorten
 * the daemon's own list. */
static void drop_dead(struct caches *caches, struct strbuf *lines, struct findings *findings)
{
	CLEANUP_WORDS struct words kept = {0};
	CLEANUP_WORDS struct words dropped = {0};
	CLEANUP_FREE char *names = NULL;

	for (size_t i = 0; i < caches->substituters.count; i++) {
		const char *url = caches->substituters.items[i];

		words_add(find_same(&caches->dead, url) ? &dropped : &kept, url);
	}
	if (dropped.count == 0 || !write_list("substituters", &kept, lines, findings))
		return;
	names = words_join(&dropped, ' ');
	findings_note(findings, FINDING_NIX_SUBSTITUTERS_REDUCED, "substituters",
		      "left out for the next steps: %s", names);
}

/* ---- the proven cache */

static void add_key(const struct caches *caches, struct strbuf *lines, struct findings *findings)
{
	const char *winner;
	enum nix_key_standing standing = nix_keys_look_up(&caches->keys, caches->key, &winner);
	CLEANUP_WORDS struct words all = {0};

	switch (standing) {
	case NIX_KEY_TRUSTED:
		break;
	case NIX_KEY_ABSENT:
		strbuf_printf(lines, "extra-trusted-public-keys = %s\n", caches->key);
		break;
	case NIX_KEY_SHADOWED:
		nix_keys_put_first(&caches->keys, caches->key, &all);
		if (write_list("trusted-public-keys", &all, lines, findings))
			findings_note(findings, FINDING_NIX_KEY_REPLACED, winner,
				      "%s comes before %s in the effective list; left out for the "
				      "next steps",
				      winner, caches->key);
		break;
	}
}

static void add_heeded(const struct caches *caches, struct strbuf *lines, struct findings *findings)
{
	if (!find_same(&caches->substituters, caches->url))
		strbuf_printf(lines, "extra-substituters = %s\n", caches->url);
	add_key(caches, lines, findings);
}

/* What an administrator has to add, exactly. */
static void explain(const struct caches *caches, bool is_url_missing,
		    enum nix_key_standing standing, const char *winner, struct strbuf *out)
{
	const char *flavour = facts_string(&caches->run->facts, FACT_NIX_FLAVOUR);
	bool is_determinate = flavour && strcmp(flavour, NIX_FLAVOUR_DETERMINATE) == 0;

	strbuf_printf(out, "An administrator edits %s:",
		      is_determinate ? "/etc/nix/nix.custom.conf" : "/etc/nix/nix.conf");
	if (is_url_missing)
		strbuf_printf(out, " add \"extra-trusted-substituters = %s\";", caches->url);
	if (standing == NIX_KEY_ABSENT)
		strbuf_printf(out, " add \"extra-trusted-public-keys = %s\";", caches->key);
	if (standing == NIX_KEY_SHADOWED)
		strbuf_printf(out, " replace the key %s by %s;", winner, caches->key);
	strbuf_puts(out, " then restarts the daemon.");
}

/* Whether an untrusting daemon heeds ENTRY of a client's list: only what its own configuration has,
 * word for word, but for a slash at the end that it adds (daemon.cc, setSubstituters). */
static bool is_entry_heeded(const struct caches *caches, const char *entry)
{
	CLEANUP_FREE char *longer = mem_format("%s/", entry);

	return words_contain(&caches->daemon_substituters, entry) ||
	       words_contain(&caches->allowed, entry) ||
	       (!text_ends_with(entry, "/") &&
		(words_contain(&caches->daemon_substituters, longer) ||
		 words_contain(&caches->allowed, longer)));
}

/* Whether the effective list has the cache already, in words that the daemon heeds. A list of the
 * job's own may lack what the daemon's has. */
static bool is_in_effect(const struct caches *caches)
{
	for (size_t i = 0; i < caches->substituters.count; i++)
		if (nix_caches_is_same(caches->substituters.items[i], caches->url) &&
		    is_entry_heeded(caches, caches->substituters.items[i]))
			return true;
	return false;
}

/* Through an untrusting daemon: only what its own configuration allows, in its own words. */
static void add_allowed(const struct caches *caches, struct strbuf *lines,
			struct findings *findings)
{
	const char *winner;
	const char *listed = find_same(&caches->daemon_substituters, caches->url);
	const char *allowed = listed ? listed : find_same(&caches->allowed, caches->url);
	enum nix_key_standing standing =
		nix_keys_look_up(&caches->daemon_keys, caches->key, &winner);
	CLEANUP_STRBUF struct strbuf remedy = STRBUF_INIT(REMEDY_MAX_BYTES);

	if (allowed && standing == NIX_KEY_TRUSTED) {
		if (!is_in_effect(caches) && is_plain(allowed))
			strbuf_printf(lines, "extra-substituters = %s\n", allowed);
		return;
	}
	explain(caches, !allowed, standing, winner, &remedy);
	finding_set_remedy(findings_note(findings, FINDING_NIX_CACHE_NOT_ALLOWED, caches->url,
					 "the daemon does not trust this user, and its own "
					 "configuration %s",
					 allowed ? "does not trust the cache's key"
						 : "does not list the cache"),
			   remedy.data);
}

void nix_caches_compose(const struct job *job, const struct run *run, struct strbuf *lines,
			struct findings *findings)
{
	const char *trust = facts_string(&run->facts, FACT_NIX_TRUST);
	CLEANUP(caches_release) struct caches caches;

	caches_read(&caches, job, run);
	add_forbidden(&caches, &job->contract, findings);
	drop_dead(&caches, lines, findings);
	if (!caches.url)
		return;
	/* Unknown is not untrusted: Nix only warns of what the daemon does not heed. */
	if (trust && strcmp(trust, "untrusted") == 0)
		add_allowed(&caches, lines, findings);
	else
		add_heeded(&caches, lines, findings);
}
