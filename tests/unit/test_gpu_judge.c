/* SPDX-License-Identifier: Zlib */
/* The gpu probe: the whole of it over fake machines (fixtures/gpu), its judge by tables of how a proof
 * may end, and its plan. */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/gpu.h"
#include "probes/table.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/golden.h"
#include "tests/unit/heard.h"

#define MAX_VARIABLES 16
#ifdef __x86_64__
#define IS_X86_64 true
#else
#define IS_X86_64 false
#endif

/* Runs the probe, or judges FACTS when there are any, and hears what it says. */
static void hear(const struct job *job, const struct gpu_facts *facts, struct heard *ret)
{
	const struct task task = {.deadline_ms = 45000};
	struct channel channel;

	heard_open(ret, &channel);
	if (facts)
		gpu_judge(facts, job, &channel);
	else
		probe_find("gpu")->run(job, &task, &channel);
	heard_close(ret, &channel, "gpu");
}

static void print_ids(const struct heard *heard, struct strbuf *out)
{
	for (size_t i = 0; i < heard->findings.count; i++)
		strbuf_printf(out, "%s%s", i ? " " : "",
			      finding_kind(heard->findings.items[i].id)->id);
}

/* ---- how a proof ends */

static const struct vulkan_device hardware = {
	.name = "NVIDIA H100",
	.type = VULKAN_TYPE_DISCRETE,
	.driver_id = 4,
	.driver_name = "NVIDIA",
	.driver_info = "570.124.06",
	.api_version = 4u << 20 | 1u << 22,
};
static const struct vulkan_device software = {
	.name = "llvmpipe",
	.type = VULKAN_TYPE_CPU,
	.is_software = true,
	.driver_id = 13,
};

static struct vulkan_answer answer_of(enum vulkan_end end)
{
	struct vulkan_answer answer = {.end = end, .chosen = -1, .sandbox = "seccomp"};

	(void)snprintf(answer.phase, sizeof(answer.phase), "wait for the fence");
	if (end == VULKAN_COMPUTED || end == VULKAN_WRONG_RESULT) {
		answer.device_count = 1;
		answer.chosen = 0;
		answer.devices[0] = hardware;
	}
	if (end == VULKAN_ONLY_SOFTWARE) {
		answer.device_count = 1;
		answer.devices[0] = software;
	}
	return answer;
}

/* A machine where everything is in order but the end of the proof. */
static void make_sound(struct gpu_facts *facts)
{
	static char path[] = "/etc/vulkan/icd.d/nvidia_icd.json";
	static char library[] = "/run/opengl-driver/lib/libGLX_nvidia.so.0";
	static struct gpu_manifest manifest = {
		.path = path,
		.library = library,
		.found = {.state = GPU_LIBRARY_FOUND, .path = library},
		.state = GPU_MANIFEST_USABLE,
		.driver = GPU_DRIVER_NVIDIA,
	};

	*facts = (struct gpu_facts){0};
	facts->nodes.count = 2;
	facts->nodes.items[0] = (struct gpu_node){
		.path = "/dev/nvidia0", .kind = GPU_NODE_NVIDIA, .is_device = true};
	facts->nodes.items[1] = (struct gpu_node){
		.path = "/dev/nvidiactl", .kind = GPU_NODE_NVIDIA_CONTROL, .is_device = true};
	facts->nvidia.glx.state = GPU_LIBRARY_FOUND;
	facts->searches[GPU_USERLAND_IMAGE].manifests = &manifest;
	facts->searches[GPU_USERLAND_IMAGE].count = 1;
}

#define NEVER (-1)

static const struct {
	int image, nix; /* enum vulkan_end, or NEVER: it was not run */
	const char *expected;
	int usable; /* 1, 0 or -1: not told */
} ends[] = {
	{VULKAN_COMPUTED, NEVER, "gpu-ready", 1},
	{VULKAN_COMPUTED, VULKAN_COMPUTED, "gpu-ready", 1},
	{VULKAN_COMPUTED, VULKAN_ERROR, "gpu-ready gpu-not-for-nix", 1},
	{VULKAN_COMPUTED, VULKAN_ONLY_SOFTWARE, "gpu-ready gpu-not-for-nix", 1},
	{VULKAN_COMPUTED, VULKAN_NOT_STARTED, "gpu-ready vulkan-not-run", 1},
	{VULKAN_NO_LIBRARY, VULKAN_COMPUTED, "gpu-ready gpu-only-for-nix", 1},
	{VULKAN_WRONG_RESULT, NEVER, "vulkan-wrong-result", 0},
	{VULKAN_ERROR, NEVER, "vulkan-failed", 0},
	{VULKAN_NO_LIBRARY, NEVER, "vulkan-loader-missing", 0},
	{VULKAN_NO_LIBRARY, VULKAN_TIMEOUT, "nvidia-manifest-missing vulkan-hung", 0},
	{VULKAN_NO_DEVICE, NEVER, "vulkan-failed", 0},
	{VULKAN_ONLY_SOFTWARE, NEVER, "gpu-software-only", 0},
	{VULKAN_INCOMPLETE, NEVER, "vulkan-failed", 0},
	{VULKAN_EXITED, NEVER, "vulkan-crashed", 0},
	{VULKAN_KILLED, NEVER, "vulkan-crashed", 0},
	{VULKAN_TIMEOUT, NEVER, "vulkan-hung", 0},
	{VULKAN_NOT_STARTED, NEVER, "vulkan-not-run", -1},
	{VULKAN_BROKE_RULES, NEVER, "vulkan-failed", 0},
};

static void check_ends(void **state)
{
	const struct job job = {.required = LANE_GPU};

	(void)state;
	for (size_t i = 0; i < COUNT(ends); i++) {
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(1024);
		CLEANUP(heard_release) struct heard heard;
		struct gpu_facts facts;

		make_sound(&facts);
		facts.nix.library = (char[]){"/nix/store/x-vulkan-loader/lib/libvulkan.so.1"};
		facts.was_run[GPU_USERLAND_IMAGE] = true;
		facts.answers[GPU_USERLAND_IMAGE] = answer_of((enum vulkan_end)ends[i].image);
		facts.was_run[GPU_USERLAND_NIX] = ends[i].nix != NEVER;
		if (ends[i].nix != NEVER)
			facts.answers[GPU_USERLAND_NIX] = answer_of((enum vulkan_end)ends[i].nix);
		hear(&job, &facts, &heard);
		print_ids(&heard, &ids);
		if (strcmp(ids.data, ends[i].expected) != 0)
			print_error("row %zu\n", i);
		assert_string_equal(ids.data, ends[i].expected);
		assert_int_equal(facts_boolean(&heard.facts, FACT_GPU_USABLE), ends[i].usable);
	}
}

/* Nix is promised and the profile has no Vulkan loader: what nixpkgs' would find, and could open. */
static void check_nix_by_manifests(void **state)
{
	static const struct {
		unsigned int required;
		bool has_store;
		const char *library, *path; /* of the manifest; NULL: there is none */
		const char *expected;
	} rows[] = {
		{LANE_GPU | LANE_NIX, true, NULL, NULL, "gpu-ready gpu-not-for-nix"},
		{LANE_GPU | LANE_NIX, true, "/run/opengl-driver/lib/x.so",
		 "/run/opengl-driver/lib/x.so", "gpu-ready"},
		{LANE_GPU | LANE_NIX, true, "/nix/store/y/lib/x.so", "/nix/store/y/lib/x.so",
		 "gpu-ready"},
		{LANE_GPU | LANE_NIX, true, "x.so", "/opt/lib/x.so", "gpu-ready"},
		{LANE_GPU | LANE_NIX, true, "/usr/lib/x.so", "/usr/lib/x.so",
		 "gpu-ready gpu-not-for-nix"},
		{LANE_GPU | LANE_NIX, false, NULL, NULL, "gpu-ready"},
		{LANE_GPU, true, NULL, NULL, "gpu-ready"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct job job = {.required = rows[i].required};
		struct gpu_manifest manifest = {
			.library = (char *)(uintptr_t)rows[i].library,
			.found = {.path = (char *)(uintptr_t)rows[i].path},
			.driver = GPU_DRIVER_MESA,
		};
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(1024);
		CLEANUP(heard_release) struct heard heard;
		struct gpu_facts facts;

		make_sound(&facts);
		facts.was_run[GPU_USERLAND_IMAGE] = true;
		facts.answers[GPU_USERLAND_IMAGE] = answer_of(VULKAN_COMPUTED);
		facts.nix.has_store = rows[i].has_store;
		facts.searches[GPU_USERLAND_NIX].manifests = &manifest;
		facts.searches[GPU_USERLAND_NIX].count = rows[i].library ? 1 : 0;
		manifest.path = facts.searches[GPU_USERLAND_IMAGE].manifests->path;
		hear(&job, &facts, &heard);
		print_ids(&heard, &ids);
		assert_string_equal(ids.data, rows[i].expected);
	}
}

static void check_software(void **state)
{
	const struct job job = {.required = LANE_GPU};
	CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(1024);
	CLEANUP(heard_release) struct heard heard;
	struct gpu_facts facts = {0};

	(void)state;
	facts.was_run[GPU_USERLAND_IMAGE] = true;
	facts.answers[GPU_USERLAND_IMAGE] = answer_of(VULKAN_COMPUTED);
	facts.answers[GPU_USERLAND_IMAGE].devices[0] = software;
	facts.answers[GPU_USERLAND_IMAGE].is_retry = true;
	hear(&job, &facts, &heard);
	print_ids(&heard, &ids);
	assert_string_equal(ids.data, "gpu-software-allowed vulkan-unsandboxed");
	assert_int_equal(facts_boolean(&heard.facts, FACT_GPU_USABLE), 1);
	assert_int_equal(facts_boolean(&heard.facts, "gpu.device.is_software"), 1);
}

static void check_missing_libraries(void **state)
{
	const struct job job = {.required = LANE_GPU};
	CLEANUP(heard_release) struct heard heard;
	struct gpu_facts facts;
	struct vulkan_answer *answer = &facts.answers[GPU_USERLAND_IMAGE];
	const struct finding *finding;

	(void)state;
	make_sound(&facts);
	facts.was_run[GPU_USERLAND_IMAGE] = true;
	*answer = answer_of(VULKAN_ERROR);
	answer->missing_count = 2;
	(void)snprintf(answer->missing[0].name, sizeof(answer->missing[0].name), "libXext.so.6");
	(void)snprintf(answer->missing[1].name, sizeof(answer->missing[1].name), "libEGL.so.1");
	(void)snprintf(answer->missing[0].why, sizeof(answer->missing[0].why), "no such file");
	(void)snprintf(answer->missing[1].why, sizeof(answer->missing[1].why), "too old");
	hear(&job, &facts, &heard);
	finding = findings_find(&heard.findings, FINDING_NVIDIA_LIBRARY_MISSING);
	assert_non_null(finding);
	assert_string_equal(finding->subject, "libXext.so.6, libEGL.so.1");
	assert_string_equal(finding->detail, "no such file; too old");
	assert_null(findings_find(&heard.findings, FINDING_VULKAN_FAILED));
}

/* ---- nodes */

static const struct {
	int error;
	bool is_device;
	const char *expected;
} node_cases[] = {
	{EACCES, true, "gpu-node-denied"}, {EPERM, true, "gpu-node-refused"},
	{ENODEV, true, "gpu-node-dead"},   {ENXIO, true, "gpu-node-dead"},
	{EIO, true, "gpu-node-dead"},      {0, false, "gpu-node-wrong"},
	{ELOOP, false, "gpu-node-dead"},
};

static void check_nodes(void **state)
{
	gid_t groups[] = {1001, 44};
	const struct job job = {
		.required = LANE_GPU,
		.context = {.uid = 1001, .gid = 1001, .groups = groups, .group_count = 2},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(node_cases); i++) {
		CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(1024);
		CLEANUP(heard_release) struct heard heard;
		struct gpu_facts facts = {0};

		facts.nodes.count = 1;
		facts.nodes.items[0] = (struct gpu_node){.path = "/dev/dri/renderD128",
							 .mode = 0660,
							 .group = 105,
							 .is_device = node_cases[i].is_device,
							 .error = node_cases[i].error};
		facts.was_run[GPU_USERLAND_IMAGE] = true;
		facts.answers[GPU_USERLAND_IMAGE] = answer_of(VULKAN_ERROR);
		hear(&job, &facts, &heard);
		print_ids(&heard, &ids);
		/* What the loader says only follows from it. */
		assert_string_equal(ids.data, node_cases[i].expected);
		assert_string_equal(heard.findings.items[0].subject, "/dev/dri/renderD128");
		if (node_cases[i].error == EACCES)
			assert_string_equal(heard.findings.items[0].detail,
					    "opening it: Permission denied; mode 0660, owner "
					    "0:105; this user is 1001:1001, groups 1001,44");
	}
}

/* Eight GPUs fail in the same way: one finding. One of eight that works is enough for no finding. */
static void check_many_nodes(void **state)
{
	const struct job job = {.required = LANE_GPU};
	CLEANUP_STRBUF struct strbuf ids = STRBUF_INIT(1024);
	CLEANUP(heard_release) struct heard heard;
	struct gpu_facts facts = {.nodes.count = 8};

	(void)state;
	for (size_t i = 0; i < 8; i++)
		facts.nodes.items[i] =
			(struct gpu_node){.is_device = true, .error = i % 2 ? EPERM : EACCES};
	hear(&job, &facts, &heard);
	print_ids(&heard, &ids);
	assert_string_equal(ids.data, "gpu-node-denied gpu-node-refused vulkan-not-run");
	assert_non_null(strstr(heard.findings.items[0].detail, "; and 3 more"));
}

/* ---- the driver's version */

static void check_version(void **state)
{
	static const struct {
		const char *text, *expected;
	} rows[] = {
		{"NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Tue Feb 25\n",
		 "570.124.06"},
		{"NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  565.57.01  Release\n",
		 "565.57.01"},
		{"NVRM version: NVIDIA UNIX aarch64 Kernel Module  470.82\n", "470.82"},
		{"Kernel Module\nGCC version:  gcc version 12.2.0\n", NULL},
		{"NVRM version: none\n", NULL},
		{"", NULL},
		{"Kernel Module 1111111111111111111111111.11111111111111111111", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char version[32] = "";

		assert_int_equal(gpu_nvidia_version(rows[i].text, version), !!rows[i].expected);
		assert_string_equal(version, rows[i].expected ? rows[i].expected : "");
	}
}

/* ---- the whole probe over a fake machine */

struct stage {
	struct job job;
	struct options options;
	char *variables[MAX_VARIABLES + 1];
};

static void stage_make(struct stage *stage, const char *root, const char *variables)
{
	static char home[] = "/home/runner";
	size_t count = 0;

	*stage = (struct stage){0};
	stage->options.deadline_ms = 10000;
	stage->job.options = &stage->options;
	stage->job.required = LANE_GPU | LANE_NIX;
	stage->job.context.environment = stage->variables;
	stage->job.context.nix_home = home;
	stage->job.context.uid = stage->job.context.gid = 1001;
	assert_int_equal(root_open_directory(&stage->job.context.root, root, NULL), 0);
	while (*variables) {
		size_t length = strcspn(variables, "\n");

		assert_true(count < MAX_VARIABLES);
		stage->variables[count++] = mem_strndup(variables, length);
		variables += length + (variables[length] == '\n');
	}
}

static void stage_release(struct stage *stage)
{
	for (size_t i = 0; i < MAX_VARIABLES; i++)
		free(stage->variables[i]);
	root_close(&stage->job.context.root);
}

static void check_fixture(const char *name)
{
	CLEANUP_FREE char *root = mem_format("fixtures/gpu/%s/root", name);
	CLEANUP_FREE char *expected = mem_format("fixtures/gpu/%s/expected", name);
	CLEANUP_STRBUF struct strbuf variables = STRBUF_INIT(4096);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	CLEANUP(heard_release) struct heard heard;
	CLEANUP(stage_release) struct stage stage;

	fixture_read("gpu", name, "environment", &variables);
	stage_make(&stage, root, variables.data);
	hear(&stage.job, NULL, &heard);
	heard_print(&heard, &out);
	golden_expect(expected, out.data);
}

static void check_fixtures(void **state)
{
	(void)state;
	if (!IS_X86_64) {
		print_message("the fixtures hold libraries of x86-64 machines\n");
		skip();
	}
	fixture_each("gpu", 20, check_fixture);
}

/* ---- plan */

static void check_plan(void **state)
{
	static const struct {
		unsigned int required;
		bool is_all;
		enum command_bit command;
		const char *kind;
		bool has_own_deadline;
	} rows[] = {
		{0, false, COMMAND_RUN, "-", false},
		{LANE_NIX | LANE_KVM, false, COMMAND_DOCTOR, "-", false},
		{LANE_GPU, false, COMMAND_RUN, "promise", true},
		{LANE_GPU, true, COMMAND_DOCTOR, "promise", true},
		{0, true, COMMAND_DOCTOR, "advice", false},
		{0, true, COMMAND_PLAN, "advice", false},
		{0, true, COMMAND_PROBE, "advice", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct options options = {
			.command = rows[i].command,
			.is_all = rows[i].is_all,
		};
		const struct job job = {.required = rows[i].required, .options = &options};
		struct plan plan = {0};

		probe_find("gpu")->plan(&job, &plan);
		assert_string_equal(plan.count ? task_kind_name(plan.tasks[0].kind) : "-",
				    rows[i].kind);
		assert_int_equal(plan.count && plan.tasks[0].has_own_deadline,
				 rows[i].has_own_deadline);
		plan_release(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_ends),     cmocka_unit_test(check_nix_by_manifests),
		cmocka_unit_test(check_software), cmocka_unit_test(check_missing_libraries),
		cmocka_unit_test(check_nodes),    cmocka_unit_test(check_many_nodes),
		cmocka_unit_test(check_version),  cmocka_unit_test(check_fixtures),
		cmocka_unit_test(check_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
