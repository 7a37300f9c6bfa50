/* SPDX-License-Identifier: Zlib */
/* The toolchain probe: which versions of Bazel, Docker's client and (where the nix probe cannot tell)
 * Nix a job would run. Only what expectations or the lane ask for is looked at. */
#include "probes/toolchain.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"
#include "agent/options.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/trusted_path.h"
#include "probes/probe.h"

#define TOOL_TIMEOUT_MS 2000u
#define MARGIN_MS 200u /* for look-up, judging and telling, beside the tool's own time */
#define MAX_OUTPUT_BYTES 4096u
#define MAX_VERSION_FILE_BYTES 4096u
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

extern const struct probe probe_toolchain;

static const struct tool tools[] = {
	{.name = "bazel",
	 .shown = "Bazel",
	 .programs = {"bazel", "bazelisk"},
	 .prefix = "bazel ",
	 .fact = FACT_BAZEL_VERSION},
	{.name = "docker",
	 .shown = "Docker's client",
	 .programs = {"docker"},
	 .prefix = "Docker version ",
	 .fact = FACT_DOCKER_VERSION},
	{.name = "nix",
	 .shown = "Nix",
	 .programs = {"nix"},
	 .prefix = "nix (",
	 .extra_path = NIX_PROFILE_DEFAULT_BIN,
	 .fact = "toolchain.nix",
	 .is_last_number = true},
};

const struct tool *tool_find(const char *name)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

/* ---- plan */

static void add_task(struct plan *plan, const struct tool *tool, const char *why)
{
	CLEANUP_FREE char *name = mem_format("toolchain:%s", tool->name);
	/* Nix itself is proven by a probe of its own. */
	bool is_nix = strcmp(tool->name, "nix") == 0;

	plan_add(plan, &(struct plan_entry){
			       .probe = &probe_toolchain,
			       .name = name,
			       .subject = tool->shown,
			       .kind = is_nix ? TASK_ADVICE : TASK_PROMISE,
			       .why = why,
			       .deadline_ms = TOOL_TIMEOUT_MS + 2 * MARGIN_MS,
		       });
}

static bool is_expected(const struct expectations *expect, const char *name)
{
	for (size_t i = 0; i < expect->tool_count; i++)
		if (strcmp(expect->tools[i].name, name) == 0)
			return true;
	return false;
}

/* `spinup probe toolchain` where nobody says which. */
static bool is_any_asked_for(const struct job *job)
{
	return job->options->command == COMMAND_PROBE && job->expect.tool_count == 0 &&
	       !(job->required & LANE_DOCKER);
}

static void toolchain_plan(const struct job *job, struct plan *plan)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++) {
		const struct tool *tool = &tools[i];

		if (is_expected(&job->expect, tool->name))
			add_task(plan, tool, "the repository expects a version");
		else if (strcmp(tool->name, "docker") == 0 && job->required & LANE_DOCKER)
			add_task(plan, tool, "the lane promises docker");
		else if (is_any_asked_for(job))
			add_task(plan, tool, "asked for");
	}
}

/* ---- collect: what files tell */

char *tool_pinned_version(const char *text)
{
	size_t length;

	text += strspn(text, " \t");
	length = strcspn(text, " \t\r\n");
	if (length == 0 || length > 64 || strspn(text, "0123456789") == 0)
		return NULL;
	/* "7.x" and "7.*" are the newest of a series, whatever that is today. */
	if (strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz.+-_") < length ||
	    (length > 2 && strncmp(text + length - 2, ".x", 2) == 0))
		return NULL;
	return mem_strndup(text, length);
}

static void take_pin(struct toolchain_facts *facts, const char *text, const char *source)
{
	facts->version = tool_pinned_version(text);
	if (facts->version)
		facts->source = mem_strdup(source);
}

/* Bazelisk's order: the variable, then the workspace's file. Where either names no plain version, the
 * tool itself must be asked. */
static void collect_pin(struct toolchain_facts *facts, const struct context *context)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_VERSION_FILE_BYTES);
	const char *variable = context_env(context, "USE_BAZEL_VERSION");
	CLEANUP_FREE char *path = NULL;

	if (variable) {
		take_pin(facts, variable, "USE_BAZEL_VERSION");
		return;
	}
	if (!context->workspace)
		return;
	path = mem_format("%s/.bazelversion", context->workspace);
	if (root_read(&context->root, path, &text) == 0)
		take_pin(facts, text.data, ".bazelversion");
}

/* A Nix of the store has its version in its path. */
static void collect_from_path(struct toolchain_facts *facts, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf target = STRBUF_INIT(PATH_MAX);
	struct nix_profile profile = {0};

	if (root_resolve(root, facts->program, &target) < 0)
		return;
	nix_profile_of(target.data, &profile);
	if (profile.version[0]) {
		facts->version = mem_strdup(profile.version);
		facts->source = mem_strdup(target.data);
	}
	nix_profile_release(&profile);
}

/* ---- collect: what the tool itself tells */

static void find_program(struct toolchain_facts *facts, const struct context *context)
{
	const char *path = context_env(context, "PATH");
	CLEANUP_FREE char *all = mem_format("%s:%s", path ? path : DEFAULT_PATH,
					    facts->tool->extra_path ? facts->tool->extra_path : "");
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(PATH_MAX);

	for (size_t i = 0; facts->tool->programs[i]; i++) {
		if (spawn_find(&context->root, facts->tool->programs[i], all, &found)) {
			facts->program = mem_strdup(found.data);
			return;
		}
	}
}

/* The deadline of the whole run may be shorter than a tool's own. */
static unsigned int timeout_ms(const struct job *job)
{
	unsigned int all_ms = job->options->deadline_ms;

	if (all_ms == 0 || all_ms > TOOL_TIMEOUT_MS + MARGIN_MS)
		return TOOL_TIMEOUT_MS;
	return all_ms > 2 * MARGIN_MS ? all_ms - MARGIN_MS : all_ms / 2;
}

/* What a tool needs to find itself and its caches. No tokens, and nothing that points elsewhere. */
static char **make_environment(const struct context *context)
{
	static const char *const names[] = {
		"PATH",
		"HOME",
		"TMPDIR",
		"USER",
		"XDG_CACHE_HOME",
		"BAZELISK_HOME",
		"USE_BAZEL_VERSION",
	};
	char **environment = mem_alloc(sizeof(names) / sizeof(names[0]) + 2, sizeof(*environment));
	size_t count = 0;

	environment[count++] = mem_strdup("LC_ALL=C");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = context_env(context, names[i]);

		if (value)
			environment[count++] = mem_format("%s=%s", names[i], value);
	}
	return environment;
}

static void release_environment(char **environment)
{
	for (char **entry = environment; *entry; entry++)
		free(*entry);
	free(environment);
}

static void ask(struct toolchain_facts *facts, const struct job *job)
{
	const struct context *context = &job->context;
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(MAX_OUTPUT_BYTES);
	char *name = mem_strdup(facts->tool->programs[0]), *argument = mem_strdup("--version");
	char **environment = make_environment(context);
	const struct spawn_request request = {
		.path = facts->program,
		.arguments = (char *[]){name, argument, NULL},
		.environment = environment,
		/* Bazelisk looks for its files from here on upwards. */
		.directory = context->root.is_confined ? NULL : context->workspace,
		.timeout_ms = timeout_ms(job),
	};

	spawn_read(&context->root, &request, &facts->end, &output);
	facts->was_run = true;
	facts->timeout_ms = request.timeout_ms;
	facts->output = strbuf_take(&output);
	if (facts->end.end == SPAWN_EXITED && facts->end.status == 0)
		facts->version = tool_version(facts->tool, facts->output);
	if (facts->version)
		facts->source = mem_strdup(facts->program);
	release_environment(environment);
	free(name);
	free(argument);
}

/* A program outside PATH is spinup's choice, not the job's: root runs none that others can change. */
static bool may_run(struct toolchain_facts *facts, const struct context *context)
{
	struct error error;

	if (!facts->tool->extra_path || context->uid != 0 ||
	    trusted_path_check(&context->root, facts->program, 0, &error) == 0)
		return true;
	facts->distrust = mem_strdup(error.message);
	return false;
}

void toolchain_collect(struct toolchain_facts *ret, const struct tool *tool, const struct job *job)
{
	*ret = (struct toolchain_facts){.tool = tool};
	find_program(ret, &job->context);
	if (strcmp(tool->name, "bazel") == 0)
		collect_pin(ret, &job->context);
	if (ret->program && strcmp(tool->name, "nix") == 0)
		collect_from_path(ret, &job->context.root);
	if (ret->program && !ret->version && may_run(ret, &job->context))
		ask(ret, job);
}

void toolchain_facts_release(struct toolchain_facts *facts)
{
	free(facts->program);
	free(facts->version);
	free(facts->source);
	free(facts->output);
	free(facts->distrust);
	*facts = (struct toolchain_facts){0};
}

/* ---- run */

static void toolchain_run(const struct job *job, const struct task *task, struct channel *channel)
{
	const struct tool *tool = tool_find(task->name + strlen("toolchain:"));
	struct toolchain_facts facts;

	channel_phase(channel, "look up and ask for the version");
	toolchain_collect(&facts, tool, job);
	toolchain_judge(&facts, channel);
	toolchain_facts_release(&facts);
}

const struct probe probe_toolchain = {
	.name = "toolchain",
	.summary = "the versions of bazel, docker and nix that expectations or the lane ask for",
	.sandbox = SANDBOX_TOOL,
	.plan = toolchain_plan,
	.run = toolchain_run,
};
