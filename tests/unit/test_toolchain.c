/* SPDX-License-Identifier: Zlib */
/* The toolchain probe: versions in what tools say, pins, and whole fake machines with fake tools. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/job.h"
#include "agent/options.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/probe.h"
#include "probes/toolchain.h"
#include "tests/unit/check.h"

extern const struct probe probe_toolchain;

static void check_text(char *found, const char *expected)
{
	if (expected) {
		assert_non_null(found);
		assert_string_equal(found, expected);
	} else {
		assert_null(found);
	}
	free(found);
}

static void versions(void **state)
{
	static const struct {
		const char *tool;
		const char *output;
		const char *version;
	} cases[] = {
		{"bazel", "bazel 7.4.1\n", "7.4.1"},
		{"bazel", "bazel 8.0.0-pre.20240911.1", "8.0.0-pre.20240911.1"},
		{"bazel", "2025/01/01 Downloading https://example.org/bazel-6.0.0\nbazel 6.5.0\n",
		 "6.5.0"},
		{"bazel", "bazel no_version\n", NULL},
		{"bazel", "bazel", NULL},
		{"bazel", "", NULL},
		{"bazel", "not bazel 7.4.1\n", NULL},
		{"docker", "Docker version 27.3.1, build ce12230\n", "27.3.1"},
		{"docker", "Docker version 20.10.24+dfsg1, build 297e128\n", "20.10.24+dfsg1"},
		{"docker", "Emulate Docker CLI using podman.\npodman version 4.3.1\n", NULL},
		{"nix", "nix (Nix) 2.26.3\n", "2.26.3"},
		{"nix", "nix (Determinate Nix 3.8.5) 2.30.1\n", "2.30.1"},
		{"nix", "nix (Lix, like Nix) 2.91.1\n", "2.91.1"},
		{"nix", "warning: something 1.0\nnix (Nix) 2.31.0pre20250712_b1245123\n",
		 "2.31.0pre20250712_b1245123"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_text(tool_version(tool_find(cases[i].tool), cases[i].output),
			   cases[i].version);
	assert_null(tool_find("make"));
}

static void pins(void **state)
{
	static const struct {
		const char *text;
		const char *version;
	} cases[] = {
		{"7.4.1\n", "7.4.1"},
		{"  8.0.0rc1  \r\n# why\n", "8.0.0rc1"},
		{"6.5.0", "6.5.0"},
		{"7.x\n", NULL},
		{"7.*\n", NULL},
		{"latest\n", NULL},
		{"latest-1\n", NULL},
		{"rolling", NULL},
		{"myfork/7.0.0\n", NULL},
		{"7.0.0/../../x", NULL},
		{"7.0.0;reboot", NULL},
		{"\n7.0.0\n", NULL},
		{"", NULL},
		{"1234567890123456789012345678901234567890123456789012345678901234567890", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_text(tool_pinned_version(cases[i].text), cases[i].version);
}

/* ---- judge */

static struct finding *judge(const struct toolchain_facts *facts, struct findings *findings,
			     struct facts *sent)
{
	struct channel channel = {0};
	struct record_decoder decoder;
	uint8_t bytes[8192];
	ssize_t length;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	channel.fd = ends[1];
	record_decoder_init(&decoder, "toolchain", 0, sent, findings);
	toolchain_judge(facts, &channel);
	close(ends[1]);
	length = read(ends[0], bytes, sizeof(bytes));
	close(ends[0]);
	assert_true(length > 0);
	assert_int_equal(record_feed(&decoder, bytes, (size_t)length), 0);
	assert_int_equal(findings->count, 1);
	return &findings->items[0];
}

static const struct {
	struct toolchain_facts facts;
	const char *id;
	const char *detail;
} judged_cases[] = {
	{{.program = (char[]){"/bin/bazel"},
	  .version = (char[]){"7.4.1"},
	  .source = (char[]){".bazelversion"}},
	 "toolchain-found",
	 "Bazel 7.4.1 by .bazelversion, /bin/bazel"},
	{{.program = (char[]){"/bin/bazel"},
	  .version = (char[]){"7.4.1"},
	  .was_run = true,
	  .source = (char[]){"/bin/bazel"}},
	 "toolchain-found",
	 "Bazel 7.4.1, /bin/bazel"},
	{{.version = (char[]){"7.4.1"}, .source = (char[]){".bazelversion"}},
	 "toolchain-pinned-only",
	 ".bazelversion pins Bazel 7.4.1, and no bazel is on PATH"},
	{{0}, "toolchain-tool-missing", "no bazel on PATH"},
	{{.program = (char[]){"/b"}, .was_run = true, .end = {SPAWN_NOT_STARTED, ENOEXEC}},
	 "toolchain-broken",
	 "/b could not be started: Exec format error"},
	{{.program = (char[]){"/b"},
	  .was_run = true,
	  .end = {SPAWN_EXITED, 127},
	  .output = (char[]){"/b: libfoo.so.1:\ncannot open\x1b[31m"}},
	 "toolchain-broken",
	 "/b --version ended with 127: /b: libfoo.so.1: cannot open"},
	{{.program = (char[]){"/b"},
	  .was_run = true,
	  .end = {SPAWN_KILLED, SIGSEGV},
	  .output = (char[]){""}},
	 "toolchain-broken",
	 "/b --version ended by signal 11 (Segmentation fault):"},
	{{.program = (char[]){"/b"},
	  .was_run = true,
	  .end = {SPAWN_TIMEOUT, 0},
	  .timeout_ms = 2000,
	  .output = (char[]){"Downloading\n"}},
	 "toolchain-timeout",
	 "/b --version did not end within 2000 ms: Downloading"},
	{{.program = (char[]){"/b"},
	  .was_run = true,
	  .end = {SPAWN_EXITED, 0},
	  .output = (char[]){"bazel no_version\n"}},
	 "toolchain-version-unreadable",
	 "/b --version said: bazel no_version"},
	{{.program = (char[]){"/b"},
	  .was_run = true,
	  .end = {SPAWN_EXITED, 0},
	  .output = (char[]){""}},
	 "toolchain-version-unreadable",
	 "/b --version said: nothing"},
};

static void judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judged_cases); i++) {
		struct toolchain_facts facts = judged_cases[i].facts;
		struct findings findings = {0};
		struct facts sent = {0};
		struct finding *finding;

		facts.tool = tool_find("bazel");
		finding = judge(&facts, &findings, &sent);
		assert_string_equal(finding_kind(finding->id)->id, judged_cases[i].id);
		assert_int_equal(strncmp(finding->detail, judged_cases[i].detail,
					 strlen(judged_cases[i].detail)),
				 0);
		if (facts.version)
			assert_string_equal(facts_string(&sent, "toolchain.bazel"), facts.version);
		else
			assert_null(facts_string(&sent, "toolchain.bazel"));
		findings_release(&findings);
		facts_release(&sent);
	}
}

/* ---- plan */

static void planned(void **state)
{
	static const struct {
		const char *tools[4];
		unsigned int required;
		const char *tasks; /* "toolchain:bazel promise, …" */
		unsigned int command;
	} cases[] = {
		{{NULL}, LANE_NIX | LANE_BAZEL, "", COMMAND_RUN},
		{{"bazel"}, 0, "toolchain:bazel promise, ", COMMAND_RUN},
		{{"nix", "determinate"}, LANE_NIX, "toolchain:nix advice, ", COMMAND_RUN},
		{{"docker", "bazel"},
		 LANE_DOCKER,
		 "toolchain:bazel promise, toolchain:docker promise, ",
		 COMMAND_RUN},
		{{NULL}, LANE_DOCKER, "toolchain:docker promise, ", COMMAND_RUN},
		{{NULL},
		 LANE_NIX,
		 "toolchain:bazel promise, toolchain:docker promise, toolchain:nix advice, ",
		 COMMAND_PROBE},
		{{"bazel"}, 0, "toolchain:bazel promise, ", COMMAND_PROBE},
		{{NULL}, LANE_DOCKER, "toolchain:docker promise, ", COMMAND_PROBE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(1000);
		struct expect_tool tools[4] = {0};
		struct options options = {.command = cases[i].command};
		struct job job = {
			.options = &options,
			.required = cases[i].required,
			.expect = {.tools = tools},
		};
		struct plan plan = {0};

		while (cases[i].tools[job.expect.tool_count]) {
			tools[job.expect.tool_count].name =
				(char *)(uintptr_t)cases[i].tools[job.expect.tool_count];
			job.expect.tool_count++;
		}
		probe_toolchain.plan(&job, &plan);
		for (size_t t = 0; t < plan.count; t++)
			strbuf_printf(&found, "%s %s, ", plan.tasks[t].name,
				      task_kind_name(plan.tasks[t].kind));
		assert_string_equal(found.data, cases[i].tasks);
		plan_release(&plan);
	}
}

/* ---- collect over fixtures/toolchain/machine: scripts stand in for the tools */

struct machine_case {
	const char *tool;
	const char *path;      /* PATH */
	const char *variable;  /* USE_BAZEL_VERSION=… or NULL */
	const char *workspace; /* or NULL */
	const char *program;   /* expected, or NULL */
	const char *version;   /* expected, or NULL */
	bool was_run;
};

static void check_machine(const struct machine_case *c)
{
	struct options options = {.deadline_ms = 10000};
	char *path = strdup(c->path), *variable = c->variable ? strdup(c->variable) : NULL;
	char *workspace = c->workspace ? strdup(c->workspace) : NULL;
	char *environment[] = {path, variable, NULL};
	struct job job = {
		.options = &options,
		.context = {.environment = environment, .workspace = workspace},
	};
	struct toolchain_facts facts;

	assert_int_equal(
		root_open_directory(&job.context.root, "fixtures/toolchain/machine/root", NULL), 0);
	toolchain_collect(&facts, tool_find(c->tool), &job);
	root_close(&job.context.root);
	assert_int_equal(facts.was_run, c->was_run);
	check_text(facts.program, c->program);
	check_text(facts.version, c->version);
	facts.program = NULL;
	facts.version = NULL;
	toolchain_facts_release(&facts);
	free(path);
	free(variable);
	free(workspace);
}

static void collected(void **state)
{
	static const struct machine_case cases[] = {
		{"bazel", "PATH=/bin", NULL, NULL, "/bin/bazel", "7.1.0", true},
		{"bazel", "PATH=/none:/bin", NULL, "/pinned", "/bin/bazel", "6.5.0", false},
		{"bazel", "PATH=/none", NULL, "/pinned", NULL, "6.5.0", false},
		{"bazel", "PATH=/none", NULL, "/empty", NULL, NULL, false},
		{"bazel", "PATH=/bin", NULL, "/series", "/bin/bazel", "7.1.0", true},
		{"bazel", "PATH=/bin", "USE_BAZEL_VERSION=8.1.0", "/pinned", "/bin/bazel", "8.1.0",
		 false},
		{"bazel", "PATH=/bin", "USE_BAZEL_VERSION=latest", "/pinned", "/bin/bazel", "7.1.0",
		 true},
		{"bazel", "PATH=/opt/isk", NULL, NULL, "/opt/isk/bazelisk", "7.9.9", true},
		{"bazel", "PATH=/opt/odd", NULL, NULL, "/opt/odd/bazel", NULL, true},
		{"docker", "PATH=/bin", NULL, NULL, "/bin/docker", "27.3.1", true},
		{"docker", "PATH=bin:.:/none", NULL, NULL, NULL, NULL, false},
		{"nix", "PATH=/none", NULL, NULL, "/nix/var/nix/profiles/default/bin/nix", "2.31.2",
		 false},
		{"nix", "PATH=/bin", NULL, NULL, "/bin/nix", "2.8.0", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		check_machine(&cases[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions), cmocka_unit_test(pins),      cmocka_unit_test(judged),
		cmocka_unit_test(planned),  cmocka_unit_test(collected),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
