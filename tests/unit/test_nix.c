/* SPDX-License-Identifier: Zlib */
/* The nix probe: its judging half by tables, the whole of it over fake machines (fixtures/nix) and
 * with a daemon's socket in them. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/nix.h"
#include "probes/table.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/golden.h"
#include "tests/unit/heard.h"
#include "tests/unit/machine.h"

#define KEY "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA="
#define STORE_PATH "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-determinate-nix-3.22.2"
#define MAX_VARIABLES 16

/* Runs the probe, or judges EVIDENCE when there is one, and hears what it says. */
static void hear(const struct job *job, const struct nix_evidence *evidence, struct heard *ret)
{
	struct channel channel;

	heard_open(ret, &channel);
	if (evidence)
		nix_judge(evidence, &channel);
	else
		probe_find("nix")->run(job, NULL, &channel);
	heard_close(ret, &channel, "nix");
}

/* The IDs of what was found, the errors and warnings alone unless IS_ALL. */
static void print_ids(const struct heard *heard, bool is_all, struct strbuf *out)
{
	for (size_t i = 0; i < heard->findings.count; i++)
		if (is_all || heard->findings.items[i].severity >= SEVERITY_WARNING ||
		    heard->findings.items[i].severity == SEVERITY_OK)
			strbuf_printf(out, "%s ", finding_kind(heard->findings.items[i].id)->id);
}

/* ---- judge: each state of the daemon */

static char program[] = "/nix/var/nix/profiles/default/bin/nix";
static char socket_path[] = NIX_DAEMON_SOCKET;
static char store_path[] = STORE_PATH;

static struct nix_evidence healthy(void)
{
	return (struct nix_evidence){
		.has_nix_directory = true,
		.has_state_directory = true,
		.has_database = true,
		.has_determinate_nixd = true,
		.is_build_group_set = true,
		.program = program,
		.profile = {.flavour = NIX_FLAVOUR_DETERMINATE,
			    .determinate = "3.22.2",
			    .store_path = store_path},
		.will_be_found = true,
		.route = NIX_ROUTE_DAEMON,
		.socket = socket_path,
		.was_asked = true,
		.daemon = {.server_protocol = NIX_PROTOCOL(1, 38),
			   .protocol = NIX_PROTOCOL(1, 38),
			   .trust = NIX_TRUST_TRUSTED,
			   .version = "2.35.2",
			   .features = "provenance",
			   .step = "trust"},
		.path_validity = 1,
		.user = "runner",
		.home = "/home/runner",
		.is_at_home = true,
		.are_groups_known = true,
		.builders = NIX_BUILDERS_READY,
		.builder_count = 32,
		.netrc = (char *)(uintptr_t) "/etc/nix/netrc",
		.netrc_errno = ENOENT,
		.has_ca = true,
		.wanted_key = KEY,
	};
}

static const struct {
	int connect_errno;
	enum nix_daemon_outcome outcome;
	const char *expected;
} daemons[] = {
	{0, NIX_DAEMON_OK, "nix-ready "},
	{ENOENT, NIX_DAEMON_OK, "nix-daemon-no-socket "},
	{ECONNREFUSED, NIX_DAEMON_OK, "nix-daemon-stale-socket "},
	{EACCES, NIX_DAEMON_OK, "nix-daemon-socket-denied "},
	{EAGAIN, NIX_DAEMON_OK, "nix-daemon-frozen "},
	{EPROTOTYPE, NIX_DAEMON_OK, "nix-daemon-unreachable "},
	{0, NIX_DAEMON_SILENT, "nix-daemon-frozen "},
	{0, NIX_DAEMON_CLOSED_EARLY, "nix-daemon-refuses "},
	{0, NIX_DAEMON_CLOSED, "nix-daemon-hung-up "},
	{0, NIX_DAEMON_DENIED, "nix-daemon-denied "},
	{0, NIX_DAEMON_OLD, "nix-daemon-old "},
	{0, NIX_DAEMON_MALFORMED, "nix-daemon-malformed "},
	{0, NIX_DAEMON_ERROR, "nix-daemon-error "},
};

static void check_daemons(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(daemons); i++) {
		struct nix_evidence evidence = healthy();
		CLEANUP(heard_release) struct heard heard;
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		bool is_good = !daemons[i].connect_errno && daemons[i].outcome == NIX_DAEMON_OK;

		evidence.connect_errno = daemons[i].connect_errno;
		evidence.daemon.outcome = daemons[i].outcome;
		if (!is_good) {
			evidence.path_validity = -2;
			evidence.daemon.protocol = 0;
			evidence.daemon.trust = NIX_TRUST_UNKNOWN;
		}
		hear(NULL, &evidence, &heard);
		print_ids(&heard, true, &ids);
		assert_string_equal(ids.data, daemons[i].expected);
		assert_string_equal(facts_string(&heard.facts, "nix.state"),
				    is_good ? "daemon" : "broken");
	}
}

/* ---- judge: everything else, as a change to the healthy machine */

static void set_words(struct words *words, const char *text)
{
	words_split(words, text, " ");
}

static void is_unchanged(struct nix_evidence *evidence)
{
	(void)evidence;
}

static void has_no_program(struct nix_evidence *evidence)
{
	evidence->program = NULL;
}

static void has_nothing(struct nix_evidence *evidence)
{
	evidence->program = NULL;
	evidence->has_nix_directory = evidence->has_state_directory = false;
}

static void has_dangling_profile(struct nix_evidence *evidence)
{
	evidence->program = NULL;
	evidence->dangling = program;
	evidence->dangling_target = store_path;
}

static void would_make_own_store(struct nix_evidence *evidence)
{
	evidence->route = NIX_ROUTE_CHROOT;
	evidence->was_asked = false;
}

static void goes_elsewhere(struct nix_evidence *evidence)
{
	evidence->route = NIX_ROUTE_OTHER;
	evidence->store_setting = (char *)(uintptr_t) "ssh://builder";
	evidence->store_source = "NIX_REMOTE";
	evidence->was_asked = false;
	evidence->daemon.protocol = 0;
}

static void opens_store(struct nix_evidence *evidence)
{
	evidence->route = NIX_ROUTE_LOCAL;
	evidence->was_asked = false;
	evidence->daemon = (struct nix_daemon){0};
	evidence->path_validity = -2;
}

static void opens_store_without_database(struct nix_evidence *evidence)
{
	opens_store(evidence);
	evidence->has_database = false;
}

static void opens_store_past_stale_socket(struct nix_evidence *evidence)
{
	opens_store(evidence);
	evidence->was_asked = true;
	evidence->connect_errno = ECONNREFUSED;
}

static void bypasses_daemon(struct nix_evidence *evidence)
{
	evidence->route = NIX_ROUTE_LOCAL;
}

static void wants_local_store(struct nix_evidence *evidence)
{
	evidence->route = NIX_ROUTE_LOCAL;
	evidence->store_setting = (char *)(uintptr_t) "local";
}

static void is_not_registered(struct nix_evidence *evidence)
{
	evidence->path_validity = 0;
}

static void answers_not_about_path(struct nix_evidence *evidence)
{
	evidence->path_validity = -1;
	evidence->daemon.outcome = NIX_DAEMON_CLOSED;
}

static void has_other_version(struct nix_evidence *evidence)
{
	evidence->profile.flavour = NIX_FLAVOUR_UPSTREAM;
	evidence->daemon.features[0] = '\0';
	(void)snprintf(evidence->profile.version, 64, "2.31.2");
}

static void has_other_maker(struct nix_evidence *evidence)
{
	evidence->daemon.features[0] = '\0';
}

static void is_before_feature_names(struct nix_evidence *evidence)
{
	evidence->daemon.features[0] = '\0';
	(void)snprintf(evidence->profile.determinate, 64, "3.13.9");
}

static void has_upstream_profile(struct nix_evidence *evidence)
{
	evidence->profile.flavour = NIX_FLAVOUR_UPSTREAM;
}

static void has_no_group(struct nix_evidence *evidence)
{
	evidence->builders = NIX_BUILDERS_NO_GROUP;
}

static void has_empty_group(struct nix_evidence *evidence)
{
	evidence->builders = NIX_BUILDERS_EMPTY_GROUP;
}

static void misses_user(struct nix_evidence *evidence)
{
	evidence->builders = NIX_BUILDERS_MISSING_USER;
}

static void builds_as_root(struct nix_evidence *evidence)
{
	evidence->builders = NIX_BUILDERS_ROOT;
}

static void is_untrusted(struct nix_evidence *evidence)
{
	evidence->daemon.trust = NIX_TRUST_UNTRUSTED;
}

static void is_silent_about_trust(struct nix_evidence *evidence)
{
	evidence->daemon.trust = NIX_TRUST_UNKNOWN;
	evidence->are_groups_known = false;
}

static void has_secret_netrc(struct nix_evidence *evidence)
{
	evidence->netrc_errno = EACCES;
}

static void has_no_ca(struct nix_evidence *evidence)
{
	evidence->has_ca = false;
}

static void is_not_on_path(struct nix_evidence *evidence)
{
	evidence->will_be_found = false;
}

static void is_served_by_another(struct nix_evidence *evidence)
{
	evidence->is_daemon_foreign = true;
	evidence->daemon_uid = 1001;
	evidence->path_validity = -2;
	evidence->daemon = (struct nix_daemon){0};
}

static void is_root_beside_another(struct nix_evidence *evidence)
{
	is_served_by_another(evidence);
	evidence->route = NIX_ROUTE_LOCAL;
}

static void is_anothers(struct nix_evidence *evidence)
{
	evidence->foreign = (char *)(uintptr_t) "/nix/var";
	evidence->foreign_owner = 1001;
	evidence->foreign_mode = 0755;
}

static void is_anothers_without_daemon(struct nix_evidence *evidence)
{
	is_anothers(evidence);
	evidence->connect_errno = ENOENT;
	evidence->path_validity = -2;
}

static void has_anothers_home(struct nix_evidence *evidence)
{
	evidence->is_at_home = false;
}

static void has_anothers_home_and_old_nix(struct nix_evidence *evidence)
{
	has_anothers_home(evidence);
	(void)snprintf(evidence->daemon.version, sizeof(evidence->daemon.version), "2.9.2");
}

static void has_no_home_and_old_nix(struct nix_evidence *evidence)
{
	has_anothers_home_and_old_nix(evidence);
	evidence->home = NULL;
}

static const struct {
	void (*change)(struct nix_evidence *evidence);
	const char *conf;     /* nix.conf */
	const char *expected; /* the findings' IDs */
	const char *state, *trust;
} changes[] = {
	{is_unchanged, "", "nix-ready ", "daemon", "trusted"},
	{has_no_program, "", "nix-program-missing ", "broken", NULL},
	{has_nothing, "", "nix-absent ", "absent", NULL},
	{has_dangling_profile, "", "nix-profile-dangling ", "broken", NULL},
	{would_make_own_store, "", "nix-chroot-store ", "broken", "unknown"},
	{goes_elsewhere, "", "nix-remote-unusual ", "other", "unknown"},
	{opens_store, "", "nix-single-user nix-ready ", "single-user", "trusted"},
	{opens_store_without_database, "", "nix-single-user nix-database-missing nix-ready ",
	 "single-user", "trusted"},
	{opens_store_past_stale_socket, "", "nix-single-user nix-ready ", "single-user", "trusted"},
	{bypasses_daemon, "", "nix-root-bypass nix-ready ", "daemon", "trusted"},
	{wants_local_store, "", "nix-single-user nix-ready ", "single-user", "trusted"},
	{is_served_by_another, "", "nix-daemon-foreign ", "broken", "unknown"},
	{is_root_beside_another, "", "nix-daemon-foreign ", "broken", "trusted"},
	{is_anothers, "", "nix-tree-foreign ", "broken", "trusted"},
	{is_anothers_without_daemon, "", "nix-daemon-no-socket nix-tree-foreign ", "broken",
	 "unknown"},
	{has_anothers_home, "", "nix-home-missing ", "broken", "trusted"},
	{has_anothers_home_and_old_nix, "", "nix-ready ", "daemon", "trusted"},
	{has_no_home_and_old_nix, "", "nix-home-missing ", "broken", "trusted"},
	{is_not_registered, "", "nix-path-not-valid ", "daemon", "trusted"},
	{answers_not_about_path, "", "nix-path-unproven ", "broken", "unknown"},
	{has_other_version, "", "nix-version-differs nix-ready ", "daemon", "trusted"},
	{has_other_maker, "", "nix-daemon-flavour-differs nix-ready ", "daemon", "trusted"},
	{is_before_feature_names, "", "nix-ready ", "daemon", "trusted"},
	{has_upstream_profile, "", "nix-daemon-flavour-differs nix-ready ", "daemon", "trusted"},
	{has_no_group, "", "nix-build-group-missing ", "daemon", "trusted"},
	{has_empty_group, "", "nix-build-group-empty ", "daemon", "trusted"},
	{misses_user, "", "nix-build-user-missing ", "daemon", "trusted"},
	{builds_as_root, "", "nix-builds-as-root nix-ready ", "daemon", "trusted"},
	{is_untrusted, "", "nix-user-untrusted nix-ready ", "daemon", "untrusted"},
	{is_silent_about_trust, "", "nix-trust-unknown nix-ready ", "daemon", "unknown"},
	{is_silent_about_trust, "trusted-users = root runner", "nix-ready ", "daemon", "trusted"},
	{is_silent_about_trust, "trusted-users = *", "nix-ready ", "daemon", "trusted"},
	{is_silent_about_trust, "trusted-users = @docker", "nix-ready ", "daemon", "trusted"},
	{is_silent_about_trust, "trusted-users = @wheel", "nix-trust-unknown nix-ready ", "daemon",
	 "unknown"},
	{has_secret_netrc, "", "nix-netrc-unreadable nix-ready ", "daemon", "trusted"},
	{has_no_ca, "", "nix-ca-missing nix-ready ", "daemon", "trusted"},
	{is_not_on_path, "", "nix-not-on-path nix-ready ", "daemon", "trusted"},
	{is_unchanged, "experimental-features=flakes", "nix-conf-malformed ", "daemon", "trusted"},
	{is_unchanged, "extra-trusted-public-keys = " KEY, "nix-ready ", "daemon", "trusted"},
	{is_unchanged,
	 "extra-trusted-public-keys = main:l/gpjG5GLg1Gczmn5K97n5iSIRcsaWerICzdXqiBYT8=",
	 "nix-key-conflict nix-ready ", "daemon", "trusted"},
	{is_unchanged, "trusted-public-keys = x:y", "nix-key-invalid nix-ready ", "daemon",
	 "trusted"},
};

static void check_changes(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(changes); i++) {
		struct nix_evidence evidence = healthy();
		CLEANUP(heard_release) struct heard heard;
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		const char *trust;

		set_words(&evidence.groups, "runner docker");
		nix_conf_parse(&evidence.conf, NULL, changes[i].conf, "/etc/nix/nix.conf",
			       NIX_CONF_SYSTEM);
		changes[i].change(&evidence);
		hear(NULL, &evidence, &heard);
		print_ids(&heard, true, &ids);
		assert_string_equal(ids.data, changes[i].expected);
		assert_string_equal(facts_string(&heard.facts, "nix.state"), changes[i].state);
		trust = facts_string(&heard.facts, "nix.trust");
		assert_string_equal(trust ? trust : "-", changes[i].trust ? changes[i].trust : "-");
		words_release(&evidence.groups);
		nix_conf_release(&evidence.conf);
	}
}

/* Whoever gets the profile's directory on PATH would run what another user put there. */
static void check_foreign(void **state)
{
	struct nix_evidence evidence = healthy();
	CLEANUP(heard_release) struct heard before, after;
	const struct finding *found;

	(void)state;
	hear(NULL, &evidence, &before);
	assert_string_equal(facts_string(&before.facts, "nix.profile_bin"),
			    "/nix/var/nix/profiles/default/bin");
	is_anothers(&evidence);
	hear(NULL, &evidence, &after);
	assert_null(facts_string(&after.facts, "nix.profile_bin"));
	found = findings_find(&after.findings, FINDING_NIX_TREE_FOREIGN);
	assert_non_null(found);
	assert_string_equal(found->subject, "/nix/var");
	assert_string_equal(found->detail,
			    "/nix/var belongs to user 1001 and has mode 0755: others "
			    "than root and this user can change what nix is");
}

/* A broken line may be a token that slipped: no finding shows more of it than a setting's name. */
static void check_no_leak(void **state)
{
	static const char *const lines[] = {
		"access-tokens=github.com=ghp_TOPSECRET",
		"ghp_TOPSECRET",
		"access-tokens = a=b\n  TOPSECRET",
		"trusted-public-keys = main:TOPSECRET",
		"extra-substituters = http://u:TOPSECRET@h/main",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		struct nix_evidence evidence = healthy();
		CLEANUP(heard_release) struct heard heard;

		nix_conf_parse(&evidence.conf, NULL, lines[i], "NIX_CONFIG", NIX_CONF_ENVIRONMENT);
		hear(NULL, &evidence, &heard);
		for (size_t j = 0; j < heard.findings.count; j++)
			assert_null(strstr(heard.findings.items[j].detail, "SECRET"));
		for (size_t j = 0; j < heard.facts.count; j++)
			assert_null(heard.facts.items[j].text
					    ? strstr(heard.facts.items[j].text, "TOPSECRET")
					    : NULL);
		nix_conf_release(&evidence.conf);
	}
}

static void check_last_word(void **state)
{
	struct nix_evidence evidence = healthy();
	CLEANUP(heard_release) struct heard heard;

	(void)state;
	hear(NULL, &evidence, &heard);
	assert_string_equal(heard.findings.items[0].detail,
			    "Determinate Nix 3.22.2 (2.35.2), daemon answers, protocol 1.38, user "
			    "trusted");
}

/* ---- the whole probe over a fake machine */

struct stage {
	struct job job;
	struct options options;
	char *variables[MAX_VARIABLES + 1];
	gid_t groups[1];
	char *key;
};

static void stage_make(struct stage *stage, const char *root)
{
	static char home[] = "/home/runner", user[] = "runner", key[] = KEY;

	*stage = (struct stage){.groups = {1001}};
	stage->job.options = &stage->options;
	stage->job.context.environment = stage->variables;
	stage->job.context.home = stage->job.context.nix_home = home;
	stage->job.context.user_name = user;
	stage->job.context.uid = stage->job.context.gid = 1001;
	stage->job.context.groups = stage->groups;
	stage->job.context.group_count = 1;
	stage->job.endpoints.attic.public_key = key;
	assert_int_equal(root_open_directory(&stage->job.context.root, root, NULL), 0);
}

static void stage_release(struct stage *stage)
{
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(stage->variables[i]);
	root_close(&stage->job.context.root);
}

/* "NAME=value" a line; "uid=0" makes the user root. */
static void stage_read(struct stage *stage, const char *text)
{
	size_t count = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");

		assert_true(count < MAX_VARIABLES);
		if (strncmp(text, "uid=0", length) == 0)
			stage->job.context.uid = 0;
		else
			stage->variables[count++] = mem_strndup(text, length);
		text += length + (text[length] == '\n');
	}
}

static void check_fixture(const char *name)
{
	CLEANUP_FREE char *root = mem_format("fixtures/nix/%s/root", name);
	CLEANUP_FREE char *expected = mem_format("fixtures/nix/%s/expected", name);
	CLEANUP_STRBUF struct strbuf variables = STRBUF_INIT(4096);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	CLEANUP(heard_release) struct heard heard;
	CLEANUP(stage_release) struct stage stage;

	fixture_read("nix", name, "environment", &variables);
	stage_make(&stage, root);
	stage_read(&stage, variables.data);
	hear(&stage.job, NULL, &heard);
	heard_print(&heard, &out);
	golden_expect(expected, out.data);
}

static void check_fixtures(void **state)
{
	(void)state;
	fixture_each("nix", 10, check_fixture);
}

/* ---- with a daemon */

/* Says what an exchange of fixtures/nix-daemon holds, whatever it is asked. */
static void serve(int listener, const char *exchange)
{
	CLEANUP_STRBUF struct strbuf hex = STRBUF_INIT(65536);
	CLEANUP_STRBUF struct strbuf plain = STRBUF_INIT(65536);
	uint8_t bytes[8192];
	ptrdiff_t length;
	int fd = accept(listener, NULL, NULL);
	char ignored[64];

	fixture_read("nix-daemon", exchange, "daemon.hex", &hex);
	for (const char *c = hex.data; *c; c++)
		if (*c != ' ' && *c != '\n')
			strbuf_putc(&plain, *c);
	length = encoding_base16_decode(plain.data, plain.length, bytes, sizeof(bytes));
	(void)!write(fd, bytes, length > 0 ? (size_t)length : 0);
	while (read(fd, ignored, sizeof(ignored)) > 0)
		continue;
	_exit(0);
}

/* UID serves it: whoever begins to listen is the peer. */
static pid_t start_daemon(const struct machine *machine, const char *exchange, uid_t uid)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s%s", machine->directory,
		       NIX_DAEMON_SOCKET);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(seteuid(uid), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(seteuid(getuid()), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		serve(listener, exchange);
	close(listener);
	return pid;
}

static void make_image(struct machine *machine)
{
	machine_make(machine);
	machine_file(machine, STORE_PATH "/bin/nix", "#!/bin/false\n");
	machine_mode(machine, STORE_PATH "/bin/nix", 0555);
	machine_link(machine, "/nix/var/nix/profiles/default", STORE_PATH);
	machine_file(machine, "/etc/group", "root:x:0:\nrunner:x:1001:\nnixbld:x:30000:nixbld1\n");
	machine_file(machine, "/etc/passwd", "nixbld1:x:30001:30000::/var/empty:/sbin/nologin\n");
	machine_file(machine, "/etc/nix/nix.conf", "build-users-group = nixbld\n");
	machine_file(machine, "/usr/local/bin/determinate-nixd", "#!/bin/false\n");
	machine_mode(machine, "/usr/local/bin/determinate-nixd", 0755);
	machine_file(machine, "/etc/ssl/certs/ca-certificates.crt", "");
	machine_file(machine, "/nix/var/nix/daemon-socket/.keep", "");
}

static const struct {
	const char *exchange;
	const char *variables;
	const char *expected;
} served[] = {
	{"determinate-3.22.2", "NIX_REMOTE=daemon\nPATH=/nix/var/nix/profiles/default/bin",
	 "nix-user-untrusted nix-ready "},
	{"determinate-3.22.2", "PATH=/nix/var/nix/profiles/default/bin",
	 "nix-user-untrusted nix-root-bypass nix-ready "},
	{"2.26.3", "NIX_REMOTE=daemon\nPATH=/nix/var/nix/profiles/default/bin",
	 "nix-daemon-flavour-differs nix-ready "},
	{"2.8.0", "NIX_REMOTE=daemon\nPATH=/nix/var/nix/profiles/default/bin",
	 "nix-path-not-valid nix-daemon-flavour-differs nix-user-untrusted "},
	{"2.26.3",
	 "NIX_REMOTE=unix:///nix/var/nix/daemon-socket/socket\n"
	 "PATH=/nix/var/nix/profiles/default/bin",
	 "nix-daemon-flavour-differs nix-ready "},
	{"2.26.3", "NIX_REMOTE=ssh://x\nPATH=/nix/var/nix/profiles/default/bin",
	 "nix-remote-unusual "},
};

static void check_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(served); i++) {
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
		CLEANUP(heard_release) struct heard heard;
		CLEANUP(stage_release) struct stage stage;
		struct machine machine;
		int status;
		pid_t pid;

		make_image(&machine);
		pid = start_daemon(&machine, served[i].exchange, geteuid());
		stage_make(&stage, machine.directory);
		stage_read(&stage, served[i].variables);
		hear(&stage.job, NULL, &heard);
		print_ids(&heard, true, &ids);
		assert_string_equal(ids.data, served[i].expected);
		(void)kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		machine_remove(&machine);
	}
}

static void check_served_by_another(void **state)
{
	CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(4096);
	CLEANUP(heard_release) struct heard heard;
	CLEANUP(stage_release) struct stage stage;
	struct machine machine;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can be another user */
	make_image(&machine);
	pid = start_daemon(&machine, served[0].exchange, 1001);
	stage_make(&stage, machine.directory);
	stage_read(&stage, served[0].variables);
	hear(&stage.job, NULL, &heard);
	print_ids(&heard, true, &ids);
	assert_string_equal(ids.data, "nix-daemon-foreign ");
	assert_string_equal(heard.findings.items[0].detail, "user 1001 serves at " NIX_DAEMON_SOCKET
							    ": neither root nor this user");
	assert_null(facts_string(&heard.facts, "nix.daemon.version"));
	(void)kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	machine_remove(&machine);
}

/* ---- whose it is */

static const struct {
	const char *path;
	unsigned int owner, group, mode; /* mode 0: as it is, or a link */
	const char *foreign;             /* what is named; NULL: nothing */
} owners[] = {
	{"/nix", 0, 0, 0755, NULL},
	{"/nix", 1001, 0, 0755, "/nix"},
	{"/nix", 0, 0, 0777, NULL}, /* the system probe says it */
	{"/nix/store", 1001, 1001, 0755, "/nix/store"},
	{"/nix/store", 0, 30000, 01775, NULL},
	{"/nix/store", 0, 30000, 0775, "/nix/store"},
	{"/nix/store", 0, 0, 0777, "/nix/store"},
	{"/nix/var", 1001, 1001, 0755, "/nix/var"},
	{"/nix/var", 0, 0, 0757, "/nix/var"},
	{"/nix/var", 0, 0, 0775, NULL}, /* OpenShift's images: any user, of root's group */
	{"/nix/var/nix", 1001, 1001, 0755, "/nix/var/nix"},
	{"/nix/var/nix/profiles", 1001, 1001, 0755, "/nix/var/nix/profiles"},
	{"/nix/var/nix/profiles", 0, 1001, 0775, "/nix/var/nix/profiles"},
	{"/nix/var/nix/daemon-socket", 1001, 1001, 0755, "/nix/var/nix/daemon-socket"},
	{"/nix/var/nix/daemon-socket", 0, 0, 0777, "/nix/var/nix/daemon-socket"},
	{"/nix/var/nix/profiles/default", 1001, 1001, 0, "/nix/var/nix/profiles/default"},
	{STORE_PATH, 1001, 1001, 0555, STORE_PATH},
	{STORE_PATH "/bin", 0, 0, 0757, STORE_PATH "/bin"},
	{STORE_PATH "/bin/nix", 1001, 1001, 0555, STORE_PATH "/bin/nix"},
	{STORE_PATH "/bin/nix", 0, 0, 0557, STORE_PATH "/bin/nix"},
};

static void check_owners(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	for (size_t i = 0; i < COUNT(owners); i++) {
		struct nix_evidence evidence = {.program = program};
		CLEANUP(stage_release) struct stage stage;
		CLEANUP_FREE char *path = NULL;
		struct machine machine;

		print_message("%s %u %04o\n", owners[i].path, owners[i].owner, owners[i].mode);
		make_image(&machine);
		path = mem_format("%s%s", machine.directory, owners[i].path);
		assert_int_equal(lchown(path, owners[i].owner, owners[i].group), 0);
		if (owners[i].mode)
			machine_mode(&machine, owners[i].path, owners[i].mode);
		stage_make(&stage, machine.directory);
		nix_collect_owners(&evidence, &stage.job.context.root);
		assert_string_equal(evidence.foreign ? evidence.foreign : "-",
				    owners[i].foreign ? owners[i].foreign : "-");
		if (owners[i].foreign)
			assert_int_equal(evidence.foreign_owner, owners[i].owner);
		free(evidence.foreign);
		machine_remove(&machine);
	}
}

/* A store of this user's own, however he leaves it, and a home directory, whose user it is. */
static void check_own(void **state)
{
	static char own[] = "/home/runner/.nix-profile/bin/nix";
	struct nix_evidence evidence = {.program = own};
	CLEANUP(stage_release) struct stage stage;
	struct machine machine;

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give files away */
	make_image(&machine);
	machine_link(&machine, "/home/runner/.nix-profile", STORE_PATH);
	stage_make(&stage, machine.directory);
	assert_int_equal(fchownat(stage.job.context.root.fd, "home/runner", 1001, 1001, 0), 0);
	assert_int_equal(fchownat(stage.job.context.root.fd, "home/runner/.nix-profile", 1001, 1001,
				  AT_SYMLINK_NOFOLLOW),
			 0);
	nix_collect_owners(&evidence, &stage.job.context.root);
	assert_null(evidence.foreign);
	/* The machine is its maker's: all of it is now user 1001's, and open. */
	assert_int_equal(fchownat(stage.job.context.root.fd, ".", 1001, 1001, 0), 0);
	assert_int_equal(fchownat(stage.job.context.root.fd, "nix/var", 1001, 1001, 0), 0);
	machine_mode(&machine, "/nix/var", 0777);
	nix_collect_owners(&evidence, &stage.job.context.root);
	assert_null(evidence.foreign);
	machine_remove(&machine);
}

/* ---- plan */

static void check_plan(void **state)
{
	static const struct {
		unsigned int required, promises;
		enum lane_status status;
		enum surface surface;
		const char *expected;
	} rows[] = {
		{LANE_NIX, LANE_NIX | LANE_ATTIC, LANE_STATUS_BASELINE, SURFACE_STEP, "promise"},
		{LANE_NIX, 0, LANE_STATUS_UNKNOWN, SURFACE_STEP, "promise"},
		{0, LANE_ATTIC, LANE_STATUS_BASELINE, SURFACE_STEP, "advice"},
		{0, LANE_BAZEL, LANE_STATUS_BASELINE, SURFACE_STEP, "-"},
		{0, LANE_BAZEL, LANE_STATUS_BASELINE, SURFACE_LOCAL, "-"},
		{0, 0, LANE_STATUS_UNKNOWN, SURFACE_STEP, "advice"},
	};
	const struct probe *probe = probe_find("nix");

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct job job = {.required = rows[i].required};
		struct plan plan = {0};

		job.lane.promises = rows[i].promises;
		job.lane.status = rows[i].status;
		job.context.surface = rows[i].surface;
		probe->plan(&job, &plan);
		assert_string_equal(plan.count ? task_kind_name(plan.tasks[0].kind) : "-",
				    rows[i].expected);
		plan_release(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_daemons),
		cmocka_unit_test(check_changes),
		cmocka_unit_test(check_no_leak),
		cmocka_unit_test(check_last_word),
		cmocka_unit_test(check_fixtures),
		cmocka_unit_test(check_served),
		cmocka_unit_test(check_plan),
		cmocka_unit_test(check_foreign),
		cmocka_unit_test(check_owners),
		cmocka_unit_test(check_own),
		cmocka_unit_test(check_served_by_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
