/* SPDX-License-Identifier: Zlib */
/* Runs the Vulkan helper from memory, under whichever dynamic loader works here: in the sandbox first,
 * then without where the driver did not get through inside. */
#include "probes/vulkan_run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/record.h"
#include "agent/root.h"
#include "agent/sandbox.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/vulkan_answer.h"
#include "probes/vulkan_program.h"

#define MAX_OUTPUT_BYTES 65536u
/* How a dynamic loader opens the helper: the frames are its first descriptor, this is its second. */
#define HELPER_PATH "/proc/self/fd/4"

/* Programs that an image has, one of which names a dynamic loader that works there. */
static const char *const programs[] = {"/bin/sh", "/usr/bin/env", "/bin/bash",
				       "/run/current-system/sw/bin/sh"};

/* One start of the helper. */
struct attempt {
	const struct vulkan_ask *ask;
	const struct sandbox *sandbox; /* NULL: without */
	const char *interpreter;       /* NULL: the kernel takes the one that the helper names */
	int program;                   /* the helper in memory */
	int64_t end_ms;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* In the child: the first frame is the sandbox's. */
static void enter_sandbox(void *context)
{
	const struct sandbox *const *sandbox = context;
	struct channel channel = {
		.fd = SPAWN_INHERITED_FD,
		.sandbox = *sandbox,
		.profile = SANDBOX_DRIVER,
	};

	channel_lock(&channel);
}

static void list_arguments(const struct attempt *attempt, struct words *ret)
{
	words_add(ret, attempt->interpreter ? attempt->interpreter : "spinup-vulkan");
	if (attempt->interpreter)
		words_add(ret, HELPER_PATH);
	words_add(ret, attempt->ask->library ? attempt->ask->library : "libvulkan.so.1");
	if (attempt->ask->is_software_allowed)
		words_add(ret, "software");
	if (attempt->ask->are_nvidia_libraries_wanted)
		words_add(ret, "nvidia");
	words_end(ret);
}

static void run_helper(struct attempt *attempt, int channel, struct spawn_result *ret,
		       struct strbuf *output)
{
	const struct vulkan_ask *ask = attempt->ask;
	CLEANUP_WORDS struct words arguments = {0};
	CLEANUP_WORDS struct words environment = {0};
	int64_t left_ms = attempt->end_ms - now_ms();
	struct spawn_request request = {
		.path = attempt->interpreter,
		.timeout_ms = left_ms > 0 ? (unsigned int)left_ms : 0,
		.inherited = {channel, attempt->program},
		.inherited_count = 2,
		.enter = enter_sandbox,
		.context = &attempt->sandbox,
	};

	list_arguments(attempt, &arguments);
	vulkan_environment(ask->environment, ask->library_path, &environment);
	request.arguments = arguments.items;
	request.environment = environment.items;
	spawn_read(ask->root, &request, ret, output);
}

static void start_once(struct attempt *attempt, struct vulkan_answer *ret)
{
	CLEANUP_STRBUF struct strbuf output = STRBUF_INIT(MAX_OUTPUT_BYTES);
	CLEANUP_CLOSE int channel = vulkan_channel_open();
	struct spawn_result result = {.end = SPAWN_NOT_STARTED, .status = errno};
	uint8_t frames[RECORD_MAX_BYTES];
	struct vulkan_said said = {.result = &result, .frames = frames};
	off_t written = 0;

	if (channel >= 0) {
		run_helper(attempt, channel, &result, &output);
		written = lseek(channel, 0, SEEK_CUR);
	}
	if (written > 0 && written <= (off_t)sizeof(frames) &&
	    pread(channel, frames, (size_t)written, 0) == written)
		said.length = (size_t)written;
	said.output = output.data;
	vulkan_answer_read(ret, &said);
	(void)snprintf(ret->interpreter, sizeof(ret->interpreter), "%s",
		       attempt->interpreter ? attempt->interpreter : "");
}

/* Returns whether the helper ran under the dynamic loader that PROGRAM names. */
static bool start_as(struct attempt *attempt, const char *program, struct vulkan_answer *ret)
{
	CLEANUP_STRBUF struct strbuf interpreter = STRBUF_INIT(PATH_MAX);
	struct vulkan_answer answer;

	if (!vulkan_interpreter_of(attempt->ask->root, program, &interpreter))
		return false;
	attempt->interpreter = interpreter.data;
	start_once(attempt, &answer);
	attempt->interpreter = NULL;
	if (answer.end == VULKAN_NOT_STARTED)
		return false;
	*ret = answer;
	return true;
}

/* The dynamic loader that the kernel would take may be missing (musl), or be a stub that only
 * complains (NixOS): then programs that run here name one that works. */
static void start(struct attempt *attempt, struct vulkan_answer *ret)
{
	attempt->interpreter = attempt->ask->interpreter;
	start_once(attempt, ret);
	if (attempt->ask->interpreter || ret->end != VULKAN_NOT_STARTED)
		return;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		if (now_ms() >= attempt->end_ms || start_as(attempt, programs[i], ret))
			return;
}

/* A driver that the sandbox stops fails, ends, crashes, or lets only software be found; one that
 * hangs has used the time up. */
static bool is_retry_due(const struct vulkan_answer *answer)
{
	switch (answer->end) {
	case VULKAN_COMPUTED:
	case VULKAN_NO_LIBRARY:
	case VULKAN_TIMEOUT:
		return false;
	case VULKAN_WRONG_RESULT:
	case VULKAN_ERROR:
	case VULKAN_NO_DEVICE:
	case VULKAN_ONLY_SOFTWARE:
	case VULKAN_INCOMPLETE:
	case VULKAN_EXITED:
	case VULKAN_KILLED:
	case VULKAN_NOT_STARTED:
	case VULKAN_BROKE_RULES:
		break;
	}
	return strcmp(answer->sandbox, sandbox_level_name(SANDBOX_LEVEL_NONE)) != 0;
}

static void retry(struct attempt *attempt, struct vulkan_answer *answer)
{
	struct vulkan_answer before = *answer;

	attempt->sandbox = NULL;
	start(attempt, answer);
	answer->is_retry = true;
	answer->sandboxed_end = before.end;
	memcpy(answer->sandboxed_phase, before.phase, sizeof(answer->sandboxed_phase));
}

void vulkan_run(const struct vulkan_ask *ask, struct vulkan_answer *ret)
{
	int64_t start_ms = now_ms();
	CLEANUP_CLOSE int program = ask->root->is_confined ? -1 : vulkan_program_open();
	struct attempt attempt = {
		.ask = ask,
		.sandbox = ask->sandbox,
		.program = program,
		.end_ms = start_ms + ask->timeout_ms,
	};

	if (program < 0) {
		vulkan_answer_explain(ret, ask->root->is_confined
						   ? "a test's fake machine runs no program"
						   : strerror(errno));
		return;
	}
	start(&attempt, ret);
	if (is_retry_due(ret) && now_ms() < attempt.end_ms)
		retry(&attempt, ret);
	ret->took_ms = (unsigned int)(now_ms() - start_ms);
}
