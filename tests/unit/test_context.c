/* SPDX-License-Identifier: Zlib */
/* The job's surroundings, read from fake machines and made-up environments. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/context.h"
#include "agent/context_identity.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define MAX_VARIABLES 10u
#define NOBODY 65534u

static struct machine machine;

static int make_machine(void **state)
{
	(void)state;
	machine_make(&machine);
	machine_file(&machine, "/etc/hostname", "box\n");
	return 0;
}

static int remove_machine(void **state)
{
	(void)state;
	machine_remove(&machine);
	return 0;
}

/* Reads with VARIABLES (as many as are not NULL) on the test's machine. */
static int read_context(struct context *ret, const char *const variables[MAX_VARIABLES],
			struct error *error)
{
	char *environment[MAX_VARIABLES + 1] = {0};
	struct options options = {.root = machine.directory};
	int status;

	for (size_t i = 0; i < MAX_VARIABLES && variables[i]; i++)
		environment[i] = mem_strdup(variables[i]);
	status = context_read(ret, &options, environment, error);
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(environment[i]);
	return status;
}

static struct context read_well(const char *const variables[MAX_VARIABLES])
{
	struct context context;
	struct error error = {0};

	if (read_context(&context, variables, &error) < 0)
		fail_msg("%s", error.message);
	return context;
}

static void empty_means_unset(void **state)
{
	const char *variables[MAX_VARIABLES] = {"A=1", "B=", "AB=2", "A=3", "C=x=y", "novalue"};
	struct context context = read_well(variables);

	(void)state;
	assert_string_equal(context_env(&context, "A"), "1");
	assert_null(context_env(&context, "B"));
	assert_string_equal(context_env(&context, "AB"), "2");
	assert_string_equal(context_env(&context, "C"), "x=y");
	assert_null(context_env(&context, "novalue"));
	assert_null(context_env(&context, ""));
	context_release(&context);
}

/* ---- surface and audience */

#define STEP "GITHUB_ACTIONS=true", "GITHUB_ENV=/t/env", "GITHUB_ACTION=__run"
#define HOOK "GITHUB_ACTIONS=true", "GITHUB_ENV=/t/env", "GITHUB_OUTPUT=/t/out"

static const struct surface_row {
	const char *variables[MAX_VARIABLES];
	const char *host_name;
	const char *search; /* of resolv.conf */
	enum surface surface;
	enum audience audience;
	bool is_act, is_container_job, is_kube_container_mode, is_in_cluster;
} surfaces[] = {
	{{0}, "laptop", "example.org", .surface = SURFACE_LOCAL, .audience = AUDIENCE_PERSON},
	{{STEP}, "laptop", "lan", .surface = SURFACE_STEP, .audience = AUDIENCE_PERSON},
	{{HOOK}, "laptop", "lan", .surface = SURFACE_HOOK, .audience = AUDIENCE_PERSON},
	{{HOOK, "GITHUB_ACTION="},
	 "laptop",
	 "lan",
	 .surface = SURFACE_HOOK,
	 .audience = AUDIENCE_PERSON},
	{{"GITHUB_ACTIONS=true"},
	 "laptop",
	 "lan",
	 .surface = SURFACE_LOCAL,
	 .audience = AUDIENCE_PERSON},
	{{"GITHUB_ENV=/t/env", "GITHUB_ACTION=x"},
	 "laptop",
	 "lan",
	 .surface = SURFACE_LOCAL,
	 .audience = AUDIENCE_PERSON},
	{{STEP, "SPINUP_SURFACE=entrypoint"},
	 "laptop",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON},
	{{STEP, "ACT=true"},
	 "laptop",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON,
	 .is_act = true},
	{{STEP, "RUNNER_ENVIRONMENT=github-hosted"},
	 "fv-az1",
	 "internal.cloudapp.net",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_HOSTED},
	{{STEP, "RUNNER_ENVIRONMENT=self-hosted"},
	 "box",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON},
	{{STEP, "KUBERNETES_SERVICE_HOST=10.0.0.1"},
	 "tinyland-nix-runner-bcdfg",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_CLUSTER,
	 .is_in_cluster = true},
	{{STEP, "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT=actions-runner-controller/0.13.0"},
	 "x",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_CLUSTER,
	 .is_in_cluster = true},
	{{STEP, "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT=other"},
	 "x",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON},
	{{0},
	 "x",
	 "arc.svc.cluster.local svc.cluster.local cluster.local",
	 .surface = SURFACE_LOCAL,
	 .audience = AUDIENCE_CLUSTER,
	 .is_in_cluster = true},
	{{0}, "x", "notsvc.cluster.local", .surface = SURFACE_LOCAL, .audience = AUDIENCE_PERSON},
	/* a job container under dind: none of the pod's variables, but its search list */
	{{STEP, "GITHUB_WORKSPACE=/__w/repo/repo"},
	 "3f2504e04f89",
	 "arc.svc.cluster.local",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_CLUSTER,
	 .is_container_job = true,
	 .is_in_cluster = true},
	{{STEP, "GITHUB_WORKSPACE=/__work/repo"},
	 "x",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON},
	/* the runner's pod in the kubernetes modes, and the job's */
	{{HOOK, "ACTIONS_RUNNER_CONTAINER_HOOKS=/home/runner/k8s/index.js",
	  "KUBERNETES_SERVICE_HOST=10.0.0.1", "GITHUB_WORKSPACE=/home/runner/_work/a/a"},
	 "tinyland-nix-runner-bcdfg",
	 "lan",
	 .surface = SURFACE_HOOK,
	 .audience = AUDIENCE_CLUSTER,
	 .is_kube_container_mode = true,
	 .is_in_cluster = true},
	{{"ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER=true"},
	 "x",
	 "lan",
	 .surface = SURFACE_LOCAL,
	 .audience = AUDIENCE_PERSON,
	 .is_kube_container_mode = true},
	{{"ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER=false"},
	 "x",
	 "lan",
	 .surface = SURFACE_LOCAL,
	 .audience = AUDIENCE_PERSON},
	{{STEP, "GITHUB_WORKSPACE=/__w/a/a", "KUBERNETES_SERVICE_HOST=10.0.0.1"},
	 "tinyland-nix-runner-bcdfg-workflow",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_CLUSTER,
	 .is_container_job = true,
	 .is_kube_container_mode = true,
	 .is_in_cluster = true},
	{{0}, "my-workflow", "lan", .surface = SURFACE_LOCAL, .audience = AUDIENCE_PERSON},
	{{"GITLAB_CI=true", "CI_PROJECT_DIR=/builds/a/b"},
	 "runner-abc-project-1-concurrent-0",
	 "lan",
	 .surface = SURFACE_GITLAB,
	 .audience = AUDIENCE_PERSON},
	{{"GITLAB_CI="}, "laptop", "lan", .surface = SURFACE_LOCAL, .audience = AUDIENCE_PERSON},
	{{STEP, "GITLAB_CI=true"},
	 "laptop",
	 "lan",
	 .surface = SURFACE_STEP,
	 .audience = AUDIENCE_PERSON},
};

static void check_surface(size_t i)
{
	const struct surface_row *row = &surfaces[i];
	CLEANUP_FREE char *resolv_conf = mem_format("search %s\n", row->search);
	struct context context;

	machine_file(&machine, "/etc/hostname", row->host_name);
	machine_file(&machine, "/etc/resolv.conf", resolv_conf);
	context = read_well(row->variables);
	if (context.surface != row->surface || context.audience != row->audience)
		fail_msg("row %zu: %s, %s", i, surface_name(context.surface),
			 audience_name(context.audience));
	assert_string_equal(context.host_name, row->host_name);
	assert_int_equal(context.is_act, row->is_act);
	assert_int_equal(context.is_in_cluster, row->is_in_cluster);
	assert_int_equal(context.is_container_job, row->is_container_job);
	assert_int_equal(context.is_kube_container_mode, row->is_kube_container_mode);
	context_release(&context);
}

static void surfaces_are_told_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(surfaces); i++)
		check_surface(i);
}

/* So does hook, in an environment that looks like a step's, or like nobody's. */
static void a_hook_by_its_command(void **state)
{
	const struct options options = {.root = machine.directory, .command = COMMAND_HOOK};
	char *environments[][4] = {{STEP, NULL}, {NULL}};
	struct context context;

	(void)state;
	for (size_t i = 0; i < COUNT(environments); i++) {
		assert_int_equal(context_read(&context, &options, environments[i], NULL), 0);
		assert_int_equal(context.surface, SURFACE_HOOK);
		context_release(&context);
	}
}

/* exec says itself what it is; and its files must outlive the emptying of RUNNER_TEMP. */
static void an_entrypoint_by_its_command(void **state)
{
	const struct options options = {.root = machine.directory, .command = COMMAND_EXEC};
	char *environment[] = {STEP, "RUNNER_TEMP=/t", "TMPDIR=/var/tmp", NULL};
	struct context context;

	(void)state;
	assert_int_equal(context_read(&context, &options, environment, NULL), 0);
	assert_int_equal(context.surface, SURFACE_ENTRYPOINT);
	assert_string_equal(context.temp, "/var/tmp");
	context_release(&context);
}

static void a_service_account_is_a_cluster(void **state)
{
	const char *variables[MAX_VARIABLES] = {"GITLAB_CI=true"};
	struct context context;

	(void)state;
	machine_file(&machine, "/etc/resolv.conf", "");
	machine_directory(&machine, "/run/secrets/kubernetes.io/serviceaccount");
	machine_link(&machine, "/var/run", "/run"); /* absolute, and inside the machine */
	context = read_well(variables);
	assert_true(context.is_in_cluster);
	assert_int_equal(context.audience, AUDIENCE_CLUSTER);
	assert_int_equal(context.surface, SURFACE_GITLAB);
	context_release(&context);
}

/* ---- places */

static void places_are_absolute(void **state)
{
	const char *variables[MAX_VARIABLES] = {"GITHUB_WORKSPACE=work/repo", "CI_PROJECT_DIR=/ci",
						"RUNNER_TEMP=", "TMPDIR=/var/tmp", "HOME=/h"};
	const char *nothing[MAX_VARIABLES] = {0};
	const char *checkout[MAX_VARIABLES] = {"GITHUB_WORKSPACE=/work/repo", "CI_PROJECT_DIR=/ci",
					       "RUNNER_TEMP=/t"};
	struct context context = read_well(variables);

	(void)state;
	assert_string_equal(context.workspace, "/ci");
	assert_string_equal(context.temp, "/var/tmp");
	assert_string_equal(context.home, "/h");
	assert_false(context.has_checkout);
	context_release(&context);

	context = read_well(nothing);
	assert_null(context.workspace);
	assert_string_equal(context.temp, "/tmp");
	context_release(&context);

	machine_file(&machine, "/work/repo/.git", "gitdir: ../.git/worktrees/repo\n");
	context = read_well(checkout);
	assert_string_equal(context.workspace, "/work/repo");
	assert_string_equal(context.temp, "/t");
	assert_true(context.has_checkout);
	context_release(&context);
}

/* ---- the downward API */

static void scale_sets_come_from_the_downward_api(void **state)
{
#define KEY "actions.github.com/runner-scale-set-name="
	static const struct {
		const char *variable;
		const char *annotations;
		const char *name; /* NULL: none */
	} rows[] = {
		{NULL, KEY "\"tinyland-nix\"\n", "tinyland-nix"},
		{NULL, "a=\"b\\n" KEY "\\\"evil\\\"\"\n" KEY "\"tinyland-nix\"", "tinyland-nix"},
		{NULL, "x" KEY "\"tinyland-nix\"\n", NULL},
		{NULL, KEY "\"tiny\\nland\"\n", NULL},
		{NULL, KEY "\"tinyland", NULL},
		{NULL, KEY "\"tinyland\nnix\"", NULL},
		{NULL, KEY "tinyland-nix\n", NULL},
		{NULL, KEY "\"\"\n", NULL},
		{NULL, KEY "\"a b\"\n", NULL},
		{NULL, "", NULL},
		{"SPINUP_SCALE_SET=acme-nix", KEY "\"tinyland-nix\"\n", "acme-nix"},
		{"SPINUP_SCALE_SET=", KEY "\"tinyland-nix\"\n", "tinyland-nix"},
		{"SPINUP_SCALE_SET=a b", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *variables[MAX_VARIABLES] = {rows[i].variable};
		struct context context;

		machine_file(&machine, "/etc/podinfo/annotations", rows[i].annotations);
		context = read_well(variables);
		if (!rows[i].name)
			assert_null(context.scale_set_name);
		else
			assert_string_equal(context.scale_set_name, rows[i].name);
		if (rows[i].name)
			assert_string_equal(context.scale_set_source,
					    strcmp(rows[i].name, "acme-nix") == 0
						    ? "SPINUP_SCALE_SET"
						    : "/etc/podinfo/annotations");
		context_release(&context);
	}
}

/* ---- rights */

static void passwd_is_read_strictly(void **state)
{
	static const char text[] = "short:x:7\n"
				   ":x:7:7::/nameless:/bin/sh\n"
				   "sign:x:+7:7::/home/sign:/bin/sh\n"
				   "blank:x: 7:7::/home/blank:/bin/sh\n"
				   "long:x:7:7::/home/long:/bin/sh:more\n"
				   "seven:x:7:7:Seven:/home/seven:/bin/sh\n"
				   "again:x:7:7::/home/again:/bin/sh\n"
				   "nobody:x:65534:65534::nonexistent:/bin/false\n"
				   "last:x:8:8::/home/last:/bin/sh";
	static const struct {
		uid_t uid;
		const char *name;
		const char *home;
	} rows[] = {
		{7, "seven", "/home/seven"},
		{65534, "nobody", NULL},
		{8, "last", "/home/last"},
		{9, NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *name = NULL;
		CLEANUP_FREE char *home = NULL;

		assert_int_equal(passwd_find(text, rows[i].uid, &name, &home),
				 rows[i].name != NULL);
		assert_true(rows[i].name ? strcmp(name, rows[i].name) == 0 : !name);
		assert_true(rows[i].home ? strcmp(home, rows[i].home) == 0 : !home);
	}
}

/* As Nix takes HOME: not where another user owns it. */
static void nix_is_at_home_where_the_user_is(void **state)
{
	static const struct {
		const char *home; /* HOME; NULL: not set */
		bool is_in_passwd;
		const char *expected; /* NULL: nowhere */
	} rows[] = {
		{"HOME=/own", true, "/own"},
		{"HOME=/gone", true, "/gone"},
		{"HOME=/own/x", false, "/own/x"},
		{"HOME=/other", true, "/home/tester"},
		{"HOME=/other", false, NULL},
		{NULL, true, "/home/tester"},
		{NULL, false, NULL},
		{"HOME=somewhere", false, "somewhere"},
	};
	CLEANUP_FREE char *line = mem_format("tester:x:%u:0::/home/tester:/bin/sh\n", geteuid());

	(void)state;
	if (geteuid() != 0)
		skip(); /* only root can give a folder away */
	machine_directory(&machine, "/own");
	machine_directory(&machine, "/other");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *variables[MAX_VARIABLES] = {rows[i].home};
		CLEANUP_FREE char *other = mem_format("%s/other", machine.directory);
		struct context context;

		assert_int_equal(chown(other, 1001, 1001), 0);
		machine_file(&machine, "/etc/passwd", rows[i].is_in_passwd ? line : "");
		context = read_well(variables);
		if (rows[i].expected)
			assert_string_equal(context.nix_home, rows[i].expected);
		else
			assert_null(context.nix_home);
		context_release(&context);
	}
}

static void an_unknown_user_is_a_number(void **state)
{
	const char *variables[MAX_VARIABLES] = {0};
	CLEANUP_FREE char *uid = mem_format("%u", geteuid());
	CLEANUP_FREE char *line = mem_format("tester:x:%s:0::/home/tester:/bin/sh\n", uid);
	struct context context;

	(void)state;
	machine_file(&machine, "/etc/passwd", "");
	context = read_well(variables);
	assert_string_equal(context.user_name, uid);
	assert_null(context.home);
	context_release(&context);
	machine_file(&machine, "/etc/passwd", line);
	context = read_well(variables);
	assert_string_equal(context.user_name, "tester");
	assert_string_equal(context.home, "/home/tester");
	assert_int_equal(context.uid, geteuid());
	context_release(&context);
}

/* What a user without rights of his own can become on the machine as it is now. */
static enum privilege privilege_of_nobody(bool *ret_has_no_new_privs)
{
	const char *variables[MAX_VARIABLES] = {0};
	uid_t before = geteuid();
	struct context context;
	enum privilege privilege;

	if (before == 0)
		assert_int_equal(seteuid(NOBODY), 0);
	context = read_well(variables);
	privilege = context.privilege;
	*ret_has_no_new_privs = context.has_no_new_privs;
	context_release(&context);
	if (before == 0)
		assert_int_equal(seteuid(0), 0);
	return privilege;
}

static void sudo_must_be_able_to_work(void **state)
{
	static const struct {
		const char *status; /* of /proc/self */
		mode_t mode;        /* of sudo */
		bool has_no_new_privs;
		enum privilege privilege;
	} rows[] = {
		{"Name:\tx\nNoNewPrivs:\t0\n", 04755, false, PRIVILEGE_SUDO},
		{"Name:\tx\nNoNewPrivs:\t1\n", 04755, true, PRIVILEGE_NONE},
		{"Name:\tx\nNoNewPrivs:\t0\n", 0755, false, PRIVILEGE_NONE},
		{"Name:\tx\n", 04755, false, PRIVILEGE_SUDO},
		{"Name:\tNoNewPrivs:\t1\n", 04755, false, PRIVILEGE_SUDO},
	};
	bool has_no_new_privs;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs root: a setuid binary of root cannot be made\n");
		assert_null(getenv("SPINUP_MUST_RUN"));
		skip();
	}
	machine_file(&machine, "/proc/self/status", "");
	assert_int_equal(privilege_of_nobody(&has_no_new_privs), PRIVILEGE_NONE);
	machine_file(&machine, "/usr/bin/sudo", "");
	for (size_t i = 0; i < COUNT(rows); i++) {
		machine_file(&machine, "/proc/self/status", rows[i].status);
		machine_mode(&machine, "/usr/bin/sudo", rows[i].mode);
		assert_int_equal(privilege_of_nobody(&has_no_new_privs), rows[i].privilege);
		assert_int_equal(has_no_new_privs, rows[i].has_no_new_privs);
	}
}

static void groups_are_this_processs(void **state)
{
	const char *variables[MAX_VARIABLES] = {0};
	struct context context = read_well(variables);
	int count = getgroups(0, NULL);

	(void)state;
	assert_int_equal(context.group_count, count);
	assert_int_equal(context.gid, getegid());
	context_release(&context);
}

/* ---- the event */

static void forks_are_told_apart(void **state)
{
#define OURS "GITHUB_REPOSITORY=acme/app"
#define PAYLOAD "GITHUB_EVENT_PATH=/event.json"
#define MERGE_REQUEST "GITLAB_CI=true", "CI_PIPELINE_SOURCE=merge_request_event"
#define TARGET "CI_MERGE_REQUEST_PROJECT_ID=7"
#define HEAD(name) "{\"pull_request\": {\"head\": {\"repo\": {\"full_name\": " name "}}}}"
	static const struct {
		const char *variables[MAX_VARIABLES];
		const char *event;
		bool is_fork;
	} rows[] = {
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, HEAD("\"acme/app\""), false},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, HEAD("\"Acme/App\""), false},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, HEAD("\"evil/app\""), true},
		{{"GITHUB_EVENT_NAME=pull_request_target", PAYLOAD, OURS},
		 HEAD("\"evil/app\""),
		 true},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD}, HEAD("\"acme/app\""), true},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, HEAD("5"), true},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS},
		 "{\"pull_request\": {\"head\": {\"repo\": null}}}",
		 true},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, "{}", true},
		{{"GITHUB_EVENT_NAME=pull_request", PAYLOAD, OURS}, "not JSON", true},
		{{"GITHUB_EVENT_NAME=pull_request", "GITHUB_EVENT_PATH=/none.json", OURS},
		 "",
		 true},
		{{"GITHUB_EVENT_NAME=pull_request", "GITHUB_EVENT_PATH=event.json", OURS},
		 HEAD("\"acme/app\""),
		 true},
		{{"GITHUB_EVENT_NAME=pull_request", OURS}, "", true},
		{{"GITHUB_EVENT_NAME=push", PAYLOAD, OURS}, HEAD("\"evil/app\""), false},
		{{OURS}, "", false},
		{{MERGE_REQUEST, TARGET, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID=7"}, "", false},
		{{MERGE_REQUEST, TARGET, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID=8"}, "", true},
		/* its pipeline runs in the fork */
		{{"GITLAB_CI=true", TARGET, "CI_MERGE_REQUEST_SOURCE_PROJECT_ID=8",
		  "CI_PROJECT_ID=8"},
		 "",
		 true},
		{{MERGE_REQUEST}, "", true},
		{{MERGE_REQUEST, TARGET}, "", true},
		{{"GITLAB_CI=true", "CI_PIPELINE_SOURCE=push"}, "", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct context context;

		machine_file(&machine, "/event.json", rows[i].event);
		context = read_well(rows[i].variables);
		if (context.is_fork_pull_request != rows[i].is_fork)
			fail_msg("row %zu", i);
		context_release(&context);
	}
}

/* ---- the token */

static void tokens_are_one_word(void **state)
{
	static const struct {
		const char *variables[MAX_VARIABLES];
		const char *file;
		const char *token; /* NULL: none */
		const char *error; /* NULL: none */
	} rows[] = {
		{{"ATTIC_TOKEN=ey.a-b_c"}, "", "ey.a-b_c", NULL},
		{{"ATTIC_TOKEN=  ey\n"}, "", "ey", NULL},
		{{"ATTIC_TOKEN=ey", "ATTIC_TOKEN_FILE=/none"}, "", "ey", NULL},
		{{"ATTIC_TOKEN_FILE=/token"}, "ey.file\n", "ey.file", NULL},
		{{"ATTIC_TOKEN_FILE=/token"}, "\n", NULL, NULL},
		{{"ATTIC_TOKEN="}, "", NULL, NULL},
		{{"ATTIC_TOKEN=a\nX-Evil: b"},
		 "",
		 NULL,
		 "ATTIC_TOKEN: the token has white space inside"},
		{{"ATTIC_TOKEN=a\001b"},
		 "",
		 NULL,
		 "ATTIC_TOKEN: the token has characters that no token has"},
		{{"ATTIC_TOKEN_FILE=/token"},
		 "a b",
		 NULL,
		 "ATTIC_TOKEN_FILE: the token has white space inside"},
		{{"ATTIC_TOKEN_FILE=/none"},
		 "",
		 NULL,
		 "ATTIC_TOKEN_FILE: /none cannot be read: No such file or directory"},
		{{"ATTIC_TOKEN_FILE=token"}, "x", NULL, "ATTIC_TOKEN_FILE: not an absolute path"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct context context;
		struct error error = {0};
		int status;

		machine_file(&machine, "/token", rows[i].file);
		status = read_context(&context, rows[i].variables, &error);
		assert_int_equal(status, rows[i].error ? -1 : 0);
		assert_string_equal(error.message, rows[i].error ? rows[i].error : "");
		if (rows[i].token)
			assert_string_equal(context.attic_token, rows[i].token);
		else
			assert_null(context.attic_token);
		context_release(&context);
	}
}

static void a_missing_root_is_an_error(void **state)
{
	struct options options = {.root = "/none/of/this"};
	char *environment[] = {NULL};
	struct context context;
	struct error error = {0};

	(void)state;
	assert_int_equal(context_read(&context, &options, environment, &error), -1);
	assert_int_equal(error.code, ERROR_USAGE);
	context_release(&context);
}

static void the_real_machine_can_be_read(void **state)
{
	struct options options = {0};
	struct context context;

	(void)state;
	assert_int_equal(context_read(&context, &options, environ, NULL), 0);
	assert_non_null(context.user_name);
	assert_non_null(context.host_name);
	context_release(&context);
}

#define ON_MACHINE(test) cmocka_unit_test_setup_teardown(test, make_machine, remove_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_MACHINE(empty_means_unset),
		ON_MACHINE(surfaces_are_told_apart),
		ON_MACHINE(an_entrypoint_by_its_command),
		ON_MACHINE(a_hook_by_its_command),
		ON_MACHINE(a_service_account_is_a_cluster),
		ON_MACHINE(places_are_absolute),
		ON_MACHINE(scale_sets_come_from_the_downward_api),
		cmocka_unit_test(passwd_is_read_strictly),
		ON_MACHINE(nix_is_at_home_where_the_user_is),
		ON_MACHINE(an_unknown_user_is_a_number),
		ON_MACHINE(sudo_must_be_able_to_work),
		ON_MACHINE(groups_are_this_processs),
		ON_MACHINE(forks_are_told_apart),
		ON_MACHINE(tokens_are_one_word),
		cmocka_unit_test(a_missing_root_is_an_error),
		cmocka_unit_test(the_real_machine_can_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
