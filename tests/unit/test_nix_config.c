/* SPDX-License-Identifier: Zlib */
/* NIX_CONFIG and its companions, by what was proven and what the job has set; twice is once. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/environment.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_caches.h"
#include "agent/nix_config.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/probe.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define SERVER "http://attic.nix-cache.svc.cluster.local"
#define URL SERVER "/main"
#define KEY "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA="
#define RETIRED "main:l/gpjG5GLg1Gczmn5K97n5iSIRcsaWerICzdXqiBYT8="
#define NIXOS "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define DEFAULT "https://cache.nixos.org/"
#define BEGIN "# spinup begin\n"
#define END "# spinup end"
#define FALLBACK BEGIN "fallback = true\n" END
#define BOTH                                                                                       \
	BEGIN "fallback = true\nextra-substituters = " URL "\nextra-trusted-public-keys = " KEY    \
	      "\n" END
#define OURS BEGIN "extra-substituters = " URL "\nextra-trusted-public-keys = " KEY "\n" END

/* "nix.state=daemon"; "+nix.conf…=a b" is a list, "?attic…=1" a boolean. */
#define DAEMON "nix.state=daemon", "nix.version=2.34.8", "nix.flavour=upstream"
#define TRUSTED DAEMON, "nix.trust=trusted"
#define UNTRUSTED DAEMON, "nix.trust=untrusted"
#define PROVEN                                                                                     \
	"?attic.is_usable=1", "attic.url=" SERVER, "attic.cache=main", "attic.public_key=" KEY
#define LISTS                                                                                      \
	"+nix.conf.substituters=" DEFAULT, "+nix.conf.daemon_substituters=" DEFAULT,               \
		"+nix.conf.trusted_public_keys=" NIXOS,                                            \
		"+nix.conf.daemon_trusted_public_keys=" NIXOS

#define MAX_FACTS 16
#define MAX_VARIABLES 8

struct config_case {
	const char *name;
	const char *facts[MAX_FACTS];
	const char *variables[MAX_VARIABLES];
	const char *expected; /* NIX_CONFIG; NULL: not set */
	const char *findings; /* their IDs */
};

static const struct config_case cases[] = {
	{"no nix probe ran", {PROVEN}, {NULL}, NULL, ""},
	{"nix is broken", {"nix.state=broken", PROVEN}, {NULL}, NULL, ""},
	{"no cache at all", {TRUSTED, LISTS}, {NULL}, FALLBACK, ""},
	{"trusted, proven", {TRUSTED, LISTS, PROVEN}, {NULL}, BOTH, ""},
	{"the job's own text between ours",
	 {TRUSTED, LISTS, PROVEN},
	 {"NIX_CONFIG=experimental-features = nix-command flakes"},
	 FALLBACK "\nexperimental-features = nix-command flakes\n" OURS,
	 ""},
	{"with comments, odd spacing and empty lines left as they are",
	 {TRUSTED, LISTS, PROVEN},
	 {"NIX_CONFIG=\n  max-jobs =  4 # mine\n\n\n"},
	 FALLBACK "\n\n  max-jobs =  4 # mine\n\n\n" OURS,
	 ""},
	{"carriage returns cannot go to GITHUB_ENV",
	 {TRUSTED, LISTS},
	 {"NIX_CONFIG=cores = 4\r\nmax-jobs = 2\r\n"},
	 FALLBACK "\ncores = 4\nmax-jobs = 2",
	 ""},
	{"a carriage return parts words",
	 {TRUSTED, LISTS},
	 {"NIX_CONFIG=system-features = kvm\rbenchmark\r"},
	 FALLBACK "\nsystem-features = kvm benchmark",
	 ""},
	{"single-user",
	 {"nix.state=single-user", "nix.trust=trusted", LISTS, PROVEN},
	 {NULL},
	 BOTH,
	 ""},
	{"trust unknown is not untrusted",
	 {DAEMON, "nix.trust=unknown", LISTS, PROVEN},
	 {NULL},
	 BOTH,
	 ""},

	/* what the job has set itself */
	{"fallback by the job", {TRUSTED, LISTS}, {"NIX_CONFIG=fallback = false"}, NULL, ""},
	{"fallback by its old name",
	 {TRUSTED, LISTS},
	 {"NIX_CONFIG=build-fallback = false"},
	 NULL,
	 ""},
	{"fallback by the system's or the user's file",
	 {TRUSTED, LISTS, "+nix.conf.file_settings=fallback max-jobs"},
	 {NULL},
	 NULL,
	 ""},
	{"an old Nix gets a connect-timeout",
	 {"nix.state=daemon", "nix.version=2.26.3", "nix.flavour=distribution", LISTS},
	 {NULL},
	 BEGIN "fallback = true\nconnect-timeout = 15\n" END,
	 ""},
	{"unless the job has one",
	 {"nix.state=daemon", "nix.version=2.26.3", "nix.flavour=upstream", LISTS},
	 {"NIX_CONFIG=connect-timeout = 3"},
	 FALLBACK "\nconnect-timeout = 3",
	 ""},
	{"or the machine",
	 {"nix.state=daemon", "nix.version=2.26.3", "nix.flavour=upstream",
	  "+nix.conf.file_settings=connect-timeout", LISTS},
	 {NULL},
	 FALLBACK,
	 ""},
	{"it is the daemon that fetches",
	 {TRUSTED, "nix.daemon.version=2.18.1", LISTS},
	 {NULL},
	 BEGIN "fallback = true\nconnect-timeout = 15\n" END,
	 ""},
	{"2.29 knows one itself",
	 {"nix.state=daemon", "nix.version=2.29.0", "nix.flavour=upstream", LISTS},
	 {NULL},
	 FALLBACK,
	 ""},
	{"a broken NIX_CONFIG is left alone",
	 {TRUSTED, LISTS, PROVEN},
	 {"NIX_CONFIG=cores=4"},
	 NULL,
	 "nix-config-untouched "},
	{"an include is somebody else's file",
	 {TRUSTED, LISTS},
	 {"NIX_CONFIG=include /x"},
	 FALLBACK "\ninclude /x",
	 ""},

	/* the daemon does not trust this user */
	{"untrusted, and not allowed",
	 {UNTRUSTED, LISTS, PROVEN},
	 {NULL},
	 FALLBACK,
	 "nix-cache-not-allowed "},
	{"untrusted, URL and key in the daemon's configuration",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT " " URL,
	  "+nix.conf.daemon_substituters=" DEFAULT " " URL,
	  "+nix.conf.daemon_trusted_public_keys=" NIXOS " " KEY, PROVEN},
	 {NULL},
	 FALLBACK,
	 ""},
	{"untrusted, allowed by trusted-substituters in the daemon's own words",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT, "+nix.conf.daemon_substituters=" DEFAULT,
	  "+nix.conf.trusted_substituters=" URL "/?priority=30",
	  "+nix.conf.daemon_trusted_public_keys=" KEY, PROVEN},
	 {NULL},
	 BEGIN "fallback = true\n"
	       "extra-substituters = " URL "/?priority=30\n" END,
	 ""},
	{"untrusted, and the job's own list lacks what the daemon's has",
	 {UNTRUSTED, "+nix.conf.substituters=http://other",
	  "+nix.conf.daemon_substituters=" URL " http://other",
	  "+nix.conf.daemon_trusted_public_keys=" KEY, PROVEN},
	 {"NIX_CONFIG=substituters = http://other"},
	 FALLBACK "\nsubstituters = http://other\n" BEGIN "extra-substituters = " URL "\n" END,
	 ""},
	{"untrusted, the job names it in words that the daemon heeds",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT " " URL,
	  "+nix.conf.daemon_substituters=" DEFAULT, "+nix.conf.trusted_substituters=" URL "/",
	  "+nix.conf.daemon_trusted_public_keys=" KEY, PROVEN},
	 {"NIX_CONFIG=extra-substituters = " URL},
	 FALLBACK "\nextra-substituters = " URL,
	 ""},
	{"untrusted, the job names it in words that the daemon does not heed",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT " " URL "/",
	  "+nix.conf.daemon_substituters=" DEFAULT, "+nix.conf.trusted_substituters=" URL,
	  "+nix.conf.daemon_trusted_public_keys=" KEY, PROVEN},
	 {"NIX_CONFIG=extra-substituters = " URL "/"},
	 FALLBACK "\nextra-substituters = " URL "/\n" BEGIN "extra-substituters = " URL "\n" END,
	 ""},
	{"untrusted, the key is missing",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT " " URL,
	  "+nix.conf.daemon_substituters=" DEFAULT " " URL,
	  "+nix.conf.daemon_trusted_public_keys=" NIXOS, PROVEN},
	 {NULL},
	 FALLBACK,
	 "nix-cache-not-allowed "},
	{"untrusted, another key of the name",
	 {UNTRUSTED, "+nix.conf.daemon_substituters=" URL,
	  "+nix.conf.daemon_trusted_public_keys=" RETIRED " " KEY, PROVEN},
	 {NULL},
	 FALLBACK,
	 "nix-cache-not-allowed "},

	/* keys */
	{"listed already",
	 {TRUSTED, "+nix.conf.substituters=" URL "/ " DEFAULT,
	  "+nix.conf.trusted_public_keys=" NIXOS " " KEY, PROVEN},
	 {NULL},
	 FALLBACK,
	 ""},
	{"another key of the same name comes first",
	 {TRUSTED, "+nix.conf.substituters=" DEFAULT,
	  "+nix.conf.trusted_public_keys=" NIXOS " " RETIRED, PROVEN},
	 {NULL},
	 BEGIN "fallback = true\n"
	       "extra-substituters = " URL "\ntrusted-public-keys = " KEY " " NIXOS "\n" END,
	 "nix-key-replaced "},
	{"a list that cannot be written",
	 {TRUSTED, "+nix.conf.substituters=" URL,
	  "+nix.conf.trusted_public_keys=" RETIRED " \xff:x", PROVEN},
	 {NULL},
	 FALLBACK,
	 "nix-list-not-written "},

	/* dead caches */
	{"a dead Attic that is listed is left out",
	 {TRUSTED, "+nix.conf.substituters=" URL "?priority=10 " DEFAULT, "?attic.is_usable=0"},
	 {NULL},
	 BEGIN "fallback = true\n"
	       "substituters = " DEFAULT "\n" END,
	 "nix-substituters-reduced "},
	{"even by an untrusted user",
	 {UNTRUSTED, "+nix.conf.substituters=" URL, "?attic.is_usable=0"},
	 {NULL},
	 BEGIN "fallback = true\n"
	       "substituters =\n" END,
	 "nix-substituters-reduced "},
	{"another cache of the same server has its own proof",
	 {TRUSTED, "+nix.conf.substituters=" SERVER "/other " DEFAULT, "?attic.is_usable=0"},
	 {NULL},
	 FALLBACK,
	 ""},
	{"a dead one beside a proven one",
	 {TRUSTED, "+nix.conf.substituters=http://dead.example " DEFAULT,
	  "+nix.conf.trusted_public_keys=" NIXOS, "+substituters.dead=http://dead.example", PROVEN},
	 {"NIX_CONFIG=substituters = http://dead.example " DEFAULT},
	 FALLBACK "\nsubstituters = http://dead.example " DEFAULT "\n" BEGIN
		  "substituters = " DEFAULT "\nextra-substituters = " URL
		  "\nextra-trusted-public-keys = " KEY "\n" END,
	 "nix-substituters-reduced "},
	{"a list with a password in it stays",
	 {TRUSTED, "+nix.conf.substituters=http://dead.example http://u:***@other.example",
	  "+substituters.dead=http://dead.example"},
	 {NULL},
	 FALLBACK,
	 "nix-list-not-written "},
	{"a dead one that nobody lists",
	 {TRUSTED, LISTS, "+substituters.dead=http://dead.example"},
	 {NULL},
	 FALLBACK,
	 ""},

	/* what is out of contract */
	{"a listed cache that the contract rules out is left out",
	 {TRUSTED, "+nix.conf.substituters=https://old.example/main?priority=10 " DEFAULT},
	 {NULL},
	 BEGIN "fallback = true\n"
	       "substituters = " DEFAULT "\n" END,
	 "out-of-contract-ignored nix-substituters-reduced "},
	{"also for an untrusted user, and from the job's own text",
	 {UNTRUSTED, "+nix.conf.substituters=" DEFAULT " https://old.example"},
	 {"NIX_CONFIG=extra-substituters = https://old.example"},
	 FALLBACK "\nextra-substituters = https://old.example\n" BEGIN "substituters = " DEFAULT
		  "\n" END,
	 "out-of-contract-ignored nix-substituters-reduced "},
	{"but not the one that a flag has named",
	 {TRUSTED, "+nix.conf.substituters=https://old.example/main",
	  "+nix.conf.trusted_public_keys=" KEY, "?attic.is_usable=1",
	  "attic.url=https://old.example", "attic.cache=main", "attic.public_key=" KEY},
	 {NULL},
	 FALLBACK,
	 ""},

	/* hostile facts */
	{"a URL that is two lines",
	 {TRUSTED, LISTS, "?attic.is_usable=1", "attic.url=http://x\ny = z", "attic.cache=main",
	  "attic.public_key=" KEY},
	 {NULL},
	 FALLBACK,
	 ""},
	{"a cache's name with a space",
	 {TRUSTED, LISTS, "?attic.is_usable=1", "attic.url=" SERVER, "attic.cache=a b",
	  "attic.public_key=" KEY},
	 {NULL},
	 FALLBACK,
	 ""},
	{"a key that is none",
	 {TRUSTED, LISTS, "?attic.is_usable=1", "attic.url=" SERVER, "attic.cache=main",
	  "attic.public_key=main:x\nsandbox = false"},
	 {NULL},
	 FALLBACK,
	 ""},

	/* an earlier run */
	{"our lines of an earlier run are replaced",
	 {TRUSTED, LISTS, PROVEN},
	 {"NIX_CONFIG=" BEGIN "fallback = true\nsubstituters = http://old\n" END
	  "\ncores = 4\n" BEGIN "extra-substituters = http://old\n" END},
	 FALLBACK "\ncores = 4\n" OURS,
	 ""},
	{"and taken out where nothing is to be said",
	 {TRUSTED, LISTS, "+nix.conf.file_settings=fallback"},
	 {"NIX_CONFIG=" BEGIN "fallback = true\n" END "\ncores = 4"},
	 "cores = 4",
	 ""},
};

/* ---- a job made by hand */

struct scene {
	struct options options;
	struct job job;
	struct run run;
	struct task task;
	struct task_result result;
	struct environment environment;
	struct findings findings;
	char *variables[MAX_VARIABLES + 1];
};

static void add_fact(struct facts *facts, const char *text)
{
	bool is_marked = *text == '+' || *text == '?';
	CLEANUP_FREE char *key = mem_strdup(text + is_marked);
	char *value = strchr(key, '=');

	*value++ = '\0';
	if (*text == '?') {
		facts_set_number(facts, key, FACT_BOOLEAN, *value == '1');
		return;
	}
	for (char *c = value; *text == '+' && *c; c++)
		if (*c == ' ')
			*c = '\n';
	facts_set_text(facts, key, *text == '+' ? FACT_LIST : FACT_STRING, value);
}

static void scene_make(struct scene *scene, const char *const *facts, const char *const *variables)
{
	static const struct probe attic = {.name = "attic"};
	static char home[] = "/home/runner", temp[] = "/tmp/runner";
	static char server[] = SERVER, cache[] = "main", source[] = "flag --attic";
	static char match[] = "old.example", reason[] = "gone", replacement[] = "";
	static struct out_of_contract old = {
		.match = match, .reason = reason, .replacement = replacement};

	*scene = (struct scene){0};
	scene->task = (struct task){.probe = &attic};
	scene->result.task = &scene->task;
	scene->run.results = &scene->result;
	scene->run.count = 1;
	for (size_t i = 0; i < MAX_FACTS && facts[i]; i++)
		add_fact(&scene->run.facts, facts[i]);
	for (size_t i = 0; i < MAX_VARIABLES && variables[i]; i++)
		scene->variables[i] = mem_strdup(variables[i]);
	scene->job.options = &scene->options;
	scene->job.context.environment = scene->variables;
	scene->job.context.nix_home = home;
	scene->job.context.temp = temp;
	scene->job.endpoints.attic.url = server;
	scene->job.endpoints.attic.cache = cache;
	scene->job.endpoints.attic.source = source;
	scene->job.contract.out_of_contract = &old;
	scene->job.contract.out_of_contract_count = 1;
}

static void scene_release(struct scene *scene)
{
	for (size_t i = 0; i <= MAX_VARIABLES; i++)
		free(scene->variables[i]);
	facts_release(&scene->run.facts);
	environment_release(&scene->environment);
	findings_release(&scene->findings);
}

static void compose(struct scene *scene)
{
	environment_release(&scene->environment);
	findings_release(&scene->findings);
	nix_config_compose(&scene->environment, &scene->job, &scene->run, &scene->findings);
}

static const char *value_of(const struct scene *scene, const char *name)
{
	const struct variable *variable = environment_find(&scene->environment, name);

	return variable ? variable->value : NULL;
}

/* What the runner does with it for the next step. */
static void take_over(struct scene *scene, const char *name)
{
	const char *value = value_of(scene, name);
	size_t length = strlen(name), i = 0;

	if (!value)
		return;
	while (scene->variables[i] && strncmp(scene->variables[i], name, length) != 0)
		i++;
	assert_true(i < MAX_VARIABLES);
	free(scene->variables[i]);
	scene->variables[i] = mem_format("%s=%s", name, value);
}

static void assert_same(const char *name, const char *what, const char *found, const char *expected)
{
	if (strcmp(found ? found : "(not set)", expected ? expected : "(not set)") != 0)
		fail_msg("%s: %s is\n%s\nand not\n%s", name, what, found ? found : "(not set)",
			 expected ? expected : "(not set)");
}

static void assert_findings(const struct scene *scene, const char *name, const char *expected)
{
	CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);

	for (size_t i = 0; i < scene->findings.count; i++)
		strbuf_printf(&ids, "%s ", finding_kind(scene->findings.items[i].id)->id);
	assert_same(name, "the list of findings", ids.data, expected);
}

static void check_config(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP(scene_release) struct scene scene;
		CLEANUP_FREE char *once = NULL;

		scene_make(&scene, cases[i].facts, cases[i].variables);
		compose(&scene);
		assert_same(cases[i].name, "NIX_CONFIG", value_of(&scene, "NIX_CONFIG"),
			    cases[i].expected);
		assert_findings(&scene, cases[i].name, cases[i].findings);
		if (!cases[i].expected)
			continue;
		/* The probe leaves our lines out, so the facts of a second run are the same. */
		once = mem_strdup(value_of(&scene, "NIX_CONFIG"));
		take_over(&scene, "NIX_CONFIG");
		compose(&scene);
		if (value_of(&scene, "NIX_CONFIG"))
			assert_same(cases[i].name, "NIX_CONFIG of a second run",
				    value_of(&scene, "NIX_CONFIG"), once);
		else
			assert_null(strstr(once, "spinup"));
	}
}

/* ---- what an administrator is told */

static void check_remedies(void **state)
{
	static const struct {
		const char *facts[MAX_FACTS];
		const char *expected;
	} rows[] = {
		{{UNTRUSTED, LISTS, PROVEN},
		 "An administrator edits /etc/nix/nix.conf: add \"extra-trusted-substituters = " URL
		 "\"; add \"extra-trusted-public-keys = " KEY "\"; then restarts the daemon."},
		{{"nix.state=daemon", "nix.trust=untrusted", "nix.flavour=determinate", LISTS,
		  "+nix.conf.trusted_substituters=" URL, PROVEN},
		 "An administrator edits /etc/nix/nix.custom.conf: add "
		 "\"extra-trusted-public-keys = " KEY "\"; then restarts the daemon."},
		{{UNTRUSTED, "+nix.conf.daemon_substituters=" URL,
		  "+nix.conf.daemon_trusted_public_keys=" RETIRED, PROVEN},
		 "An administrator edits /etc/nix/nix.conf: replace the key " RETIRED " by " KEY
		 "; then restarts the daemon."},
	};
	static const char *const none[] = {NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP(scene_release) struct scene scene;

		scene_make(&scene, rows[i].facts, none);
		compose(&scene);
		assert_int_equal(scene.findings.count, 1);
		assert_string_equal(scene.findings.items[0].remedy, rows[i].expected);
	}
}

/* ---- secrets in the job's own text */

static void check_secrets(void **state)
{
	static const struct {
		const char *variable, *secrets;
	} rows[] = {
		{"NIX_CONFIG=cores = 4", ""},
		{"NIX_CONFIG=access-tokens = github.com=ghp_abc gitlab.com=PAT:glpat",
		 "ghp_abc PAT:glpat glpat"},
		{"NIX_CONFIG=extra-access-tokens = github.com=ghp_abc", "ghp_abc"},
		{"NIX_CONFIG=# access-tokens = github.com=ghp_old", "ghp_old"},
		{"NIX_CONFIG=substituters = https://u:pass@h/x https://tok@h", "pass tok"},
		{"NIX_CONFIG=substituters = https://h/x@y", ""},
	};
	static const char *const facts[] = {TRUSTED, LISTS, NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *const variables[] = {rows[i].variable, NULL};
		CLEANUP(scene_release) struct scene scene;
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(4096);
		const struct variable *config;

		scene_make(&scene, facts, variables);
		compose(&scene);
		config = environment_find(&scene.environment, "NIX_CONFIG");
		assert_non_null(config);
		for (size_t j = 0; config->secrets && config->secrets[j]; j++)
			strbuf_printf(&found, "%s%s", j ? " " : "", config->secrets[j]);
		assert_string_equal(found.data, rows[i].secrets);
	}
}

/* ---- the companions */

static const struct {
	const char *name;
	const char *facts[MAX_FACTS];
	const char *variables[MAX_VARIABLES];
	unsigned int uid;
	const char *remote, *bundle, *profiles, *path;
} companions[] = {
	{"nothing known", {DAEMON}, {NULL}, 1001, NULL, NULL, NULL, ""},
	{"root would bypass the daemon",
	 {DAEMON, "?nix.is_bypassed=1"},
	 {NULL},
	 0,
	 "daemon",
	 NULL,
	 NULL,
	 ""},
	{"set by an earlier run",
	 {DAEMON, "?nix.is_bypassed=0"},
	 {"NIX_REMOTE=daemon"},
	 0,
	 "daemon",
	 NULL,
	 NULL,
	 ""},
	{"the job's own choice",
	 {DAEMON, "?nix.is_bypassed=0"},
	 {"NIX_REMOTE=local"},
	 0,
	 NULL,
	 NULL,
	 NULL,
	 ""},
	{"a bundle",
	 {DAEMON, "nix.ca_bundle=/etc/ssl/ca.crt"},
	 {NULL},
	 1001,
	 NULL,
	 "/etc/ssl/ca.crt",
	 NULL,
	 ""},
	{"the job's own bundle",
	 {DAEMON, "nix.ca_bundle=/etc/ssl/ca.crt"},
	 {"NIX_SSL_CERT_FILE=/mine"},
	 1001,
	 NULL,
	 NULL,
	 NULL,
	 ""},
	{"the same bundle again",
	 {DAEMON, "nix.ca_bundle=/etc/ssl/ca.crt"},
	 {"NIX_SSL_CERT_FILE=/etc/ssl/ca.crt"},
	 1001,
	 NULL,
	 "/etc/ssl/ca.crt",
	 NULL,
	 ""},
	{"a bundle with a strange name",
	 {DAEMON, "nix.ca_bundle=/etc/a b"},
	 {NULL},
	 1001,
	 NULL,
	 NULL,
	 NULL,
	 ""},
	{"a profile",
	 {DAEMON, "nix.store_path=/nix/store/x",
	  "nix.profile_bin=/nix/var/nix/profiles/default/bin"},
	 {"PATH=/usr/bin:/bin"},
	 1001,
	 NULL,
	 NULL,
	 "/nix/var/nix/profiles/default /home/runner/.nix-profile",
	 "/nix/var/nix/profiles/default/bin /home/runner/.nix-profile/bin"},
	{"on PATH already",
	 {DAEMON, "nix.store_path=/nix/store/x",
	  "nix.profile_bin=/nix/var/nix/profiles/default/bin"},
	 {"PATH=/nix/var/nix/profiles/default/bin:/bin", "NIX_PROFILES=/mine"},
	 1001,
	 NULL,
	 NULL,
	 NULL,
	 "/home/runner/.nix-profile/bin"},
	{"a distribution's nix",
	 {DAEMON, "nix.profile_bin=/usr/bin"},
	 {NULL},
	 1001,
	 NULL,
	 NULL,
	 NULL,
	 ""},
	{"a directory that would break PATH",
	 {DAEMON, "nix.store_path=/nix/store/x", "nix.profile_bin=/a:/evil"},
	 {NULL},
	 1001,
	 NULL,
	 NULL,
	 "/nix/var/nix/profiles/default /home/runner/.nix-profile",
	 "/home/runner/.nix-profile/bin"},
};

static void check_companions(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(companions); i++) {
		CLEANUP(scene_release) struct scene scene;
		CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(4096);
		const char *name = companions[i].name;

		scene_make(&scene, companions[i].facts, companions[i].variables);
		scene.job.context.uid = companions[i].uid;
		compose(&scene);
		assert_same(name, "NIX_REMOTE", value_of(&scene, "NIX_REMOTE"),
			    companions[i].remote);
		assert_same(name, "NIX_SSL_CERT_FILE", value_of(&scene, "NIX_SSL_CERT_FILE"),
			    companions[i].bundle);
		assert_same(name, "NIX_PROFILES", value_of(&scene, "NIX_PROFILES"),
			    companions[i].profiles);
		for (char **entry = scene.environment.path_entries; entry && *entry; entry++)
			strbuf_printf(&path, "%s%s", path.length ? " " : "", *entry);
		assert_same(name, "PATH", path.data, companions[i].path);
	}
}

/* ---- the netrc file */

#define NETRC_LINE "netrc-file = /tmp/runner/spinup/netrc\n"
#define OURS_FIRST "machine attic.nix-cache.svc.cluster.local login attic password TOKEN\n"

static const struct {
	const char *name;
	const char *trust;
	int needs_token; /* -1: not known */
	const char *token;
	const char *existing; /* of /etc/nix/netrc, or NULL */
	const char *expected; /* content, or NULL: not written */
	const char *findings;
} netrcs[] = {
	{"a trusted user with a token", "trusted", 1, "TOKEN", NULL, OURS_FIRST, ""},
	{"not known whether it is needed", "trusted", -1, "TOKEN", NULL, OURS_FIRST, ""},
	{"not needed", "trusted", 0, "TOKEN", NULL, NULL, ""},
	{"no token", "trusted", 1, NULL, NULL, NULL, ""},
	{"an unknown trust is not enough for a secret", "unknown", 1, "TOKEN", NULL, NULL,
	 "nix-netrc-ignored "},
	{"an untrusted user", "untrusted", 1, "TOKEN", NULL, NULL,
	 "nix-cache-not-allowed nix-netrc-ignored "},
	{"an untrusted user of a public cache", "untrusted", 0, "TOKEN", NULL, NULL,
	 "nix-cache-not-allowed "},
	{"merged", "trusted", 1, "TOKEN", "machine other login a password b\n",
	 OURS_FIRST "machine other login a password b\n", ""},
	{"a file that is none", "trusted", 1, "TOKEN", "what is this\n", NULL,
	 "nix-netrc-not-set "},
	{"a token that no file can hold", "trusted", 1, "TO\nKEN", NULL, NULL,
	 "nix-netrc-not-set "},
};

static void check_netrc(void **state)
{
	static const char *const none[] = {NULL};

	(void)state;
	for (size_t i = 0; i < COUNT(netrcs); i++) {
		static const char *const facts[] = {DAEMON, LISTS, PROVEN,
						    "nix.conf.netrc_file=/etc/nix/netrc", NULL};
		CLEANUP(scene_release) struct scene scene;
		struct machine machine;
		const struct environment_file *file;

		scene_make(&scene, facts, none);
		machine_make(&machine);
		if (netrcs[i].existing)
			machine_file(&machine, "/etc/nix/netrc", netrcs[i].existing);
		assert_int_equal(
			root_open_directory(&scene.job.context.root, machine.directory, NULL), 0);
		facts_set_text(&scene.run.facts, FACT_NIX_TRUST, FACT_STRING, netrcs[i].trust);
		if (netrcs[i].needs_token >= 0)
			facts_set_number(&scene.run.facts, FACT_ATTIC_NEEDS_TOKEN, FACT_BOOLEAN,
					 netrcs[i].needs_token);
		scene.job.context.attic_token = (char *)(uintptr_t)netrcs[i].token;
		compose(&scene);
		file = scene.environment.file_count ? scene.environment.files : NULL;
		assert_same(netrcs[i].name, "netrc", file ? file->content : NULL,
			    netrcs[i].expected);
		assert_findings(&scene, netrcs[i].name, netrcs[i].findings);
		assert_int_equal(strstr(value_of(&scene, "NIX_CONFIG"), NETRC_LINE) != NULL,
				 file != NULL);
		if (file)
			assert_true(file->is_secret);
		root_close(&scene.job.context.root);
		machine_remove(&machine);
	}
}

/* A netrc-file that nobody writes would only take the user's own away. */
static void check_netrc_of_env(void **state)
{
	static const char *const facts[] = {TRUSTED, LISTS, PROVEN, NULL};
	static const char *const none[] = {NULL};
	static const struct {
		const char *directory, *line; /* line NULL: no netrc */
	} rows[] = {
		{NULL, NULL},
		{"/here", "netrc-file = /here/netrc\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP(scene_release) struct scene scene;
		const char *config;

		scene_make(&scene, facts, none);
		scene.options.command = COMMAND_ENV;
		scene.options.write_files = rows[i].directory;
		facts_set_number(&scene.run.facts, FACT_ATTIC_NEEDS_TOKEN, FACT_BOOLEAN, 1);
		scene.job.context.attic_token = (char *)(uintptr_t) "TOKEN";
		compose(&scene);
		config = value_of(&scene, "NIX_CONFIG");
		assert_int_equal(scene.environment.file_count, rows[i].line ? 1 : 0);
		assert_non_null(strstr(config, rows[i].line ? rows[i].line : "fallback"));
		assert_int_equal(strstr(config, "netrc-file") != NULL, rows[i].line != NULL);
	}
}

static void check_same(void **state)
{
	static const struct {
		const char *left, *right;
		bool expected;
	} rows[] = {
		{URL, URL, true},
		{URL, URL "/", true},
		{URL, URL "?priority=30", true},
		{URL, "HTTP://ATTIC.nix-cache.svc.cluster.local:80/main", true},
		{URL, "http://u:p@attic.nix-cache.svc.cluster.local/main", true},
		{URL, SERVER, false},
		{URL, URL "x", false},
		{URL, "https://attic.nix-cache.svc.cluster.local/main", false},
		{URL, "http://attic.nix-cache.svc.cluster.local:8080/main", false},
		{"daemon", "daemon", true},
		{"daemon", "local", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(nix_caches_is_same(rows[i].left, rows[i].right), rows[i].expected);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_config),  cmocka_unit_test(check_remedies),
		cmocka_unit_test(check_secrets), cmocka_unit_test(check_companions),
		cmocka_unit_test(check_netrc),   cmocka_unit_test(check_netrc_of_env),
		cmocka_unit_test(check_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
