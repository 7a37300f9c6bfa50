/* SPDX-License-Identifier: Zlib */
/* The gpu probe's judging half: what was proven, for whom, and else which cause explains it. */
#include <inttypes.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"
#include "probes/gpu.h"
#include "probes/webgpu.h"

#define TEXT_MAX_BYTES 1024u
#define MISSING_MAX_BYTES 4096u
#define MAX_SHOWN 6u

const struct vulkan_device *gpu_chosen(const struct vulkan_answer *answer)
{
	size_t described = answer->device_count < VULKAN_MAX_DEVICES ? answer->device_count
								     : VULKAN_MAX_DEVICES;

	if (answer->chosen < 0 || (size_t)answer->chosen >= described)
		return NULL;
	return &answer->devices[answer->chosen];
}

bool gpu_is_proven(const struct gpu_facts *facts, enum gpu_userland userland)
{
	return facts->was_run[userland] && facts->answers[userland].end == VULKAN_COMPUTED &&
	       gpu_chosen(&facts->answers[userland]);
}

void gpu_describe_end(struct strbuf *out, const struct vulkan_answer *answer)
{
	strbuf_puts(out, *answer->phase ? answer->phase : "start");
	if (answer->end == VULKAN_ERROR)
		strbuf_printf(out, ": %s", vulkan_result_name(answer->code));
	if (answer->end == VULKAN_NO_DEVICE)
		strbuf_puts(out, ": no device is listed");
	if (answer->end == VULKAN_EXITED)
		strbuf_printf(out, ": exit status %d", answer->status);
	if (answer->end == VULKAN_KILLED)
		strbuf_printf(out, ": signal %d (%s)", answer->status, strsignal(answer->status));
	if (answer->end == VULKAN_TIMEOUT)
		strbuf_printf(out, ": no end after %u ms", answer->took_ms);
	if (*answer->detail)
		strbuf_printf(out, ": %s", answer->detail);
	if (*answer->log)
		strbuf_printf(out, "; last words: %s", answer->log);
}

/* ---- it works */

/* The lines of LIST as one, the first few: the facts have them all. */
static void join_lines(struct strbuf *out, const char *list)
{
	CLEANUP_WORDS struct words lines = {0};

	words_split(&lines, list, "\n");
	for (size_t i = 0; i < lines.count && i < MAX_SHOWN; i++)
		strbuf_printf(out, "%s%s", i ? ", " : "", lines.items[i]);
	if (lines.count > MAX_SHOWN)
		strbuf_printf(out, " and %zu more", lines.count - MAX_SHOWN);
}

static void judge_webgpu(const struct vulkan_answer *answer, const char *name,
			 struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf core = STRBUF_INIT(MISSING_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf compatibility = STRBUF_INIT(MISSING_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf wgpu = STRBUF_INIT(MISSING_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(TEXT_MAX_BYTES);
	enum webgpu_level level = webgpu_judge(answer, &core, &compatibility);

	webgpu_wgpu_reasons(answer, &wgpu);
	channel_string(channel, "gpu.webgpu.level", webgpu_level_name(level));
	if (core.length > 0)
		channel_list(channel, "gpu.webgpu.core_missing", core.data);
	if (compatibility.length > 0)
		channel_list(channel, "gpu.webgpu.compatibility_missing", compatibility.data);
	if (level == WEBGPU_NONE || level == WEBGPU_COMPATIBILITY) {
		join_lines(&shown, level == WEBGPU_NONE ? compatibility.data : core.data);
		channel_finding(channel,
				level == WEBGPU_NONE ? FINDING_WEBGPU_MISSING
						     : FINDING_WEBGPU_COMPATIBILITY_ONLY,
				name, NULL, "it lacks %s", shown.data);
	}
	if (level >= WEBGPU_COMPATIBILITY && wgpu.length > 0) {
		strbuf_clear(&shown);
		join_lines(&shown, wgpu.data);
		channel_finding(channel, FINDING_WEBGPU_HIDDEN_BY_WGPU, name, NULL, "%s",
				shown.data);
	}
}

static void describe_device(struct strbuf *out, const struct vulkan_device *device)
{
	strbuf_printf(out, "%s, %s%s%s, Vulkan ", vulkan_type_name(device->type),
		      *device->driver_name ? device->driver_name : "driver not named",
		      *device->driver_info ? " " : "", device->driver_info);
	vulkan_version(out, device->api_version);
}

static void judge_proven(const struct gpu_facts *facts, enum gpu_userland userland,
			 struct channel *channel)
{
	const struct vulkan_answer *answer = &facts->answers[userland];
	const struct vulkan_device *device = gpu_chosen(answer);
	CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(TEXT_MAX_BYTES);
	bool is_for_both =
		gpu_is_proven(facts, GPU_USERLAND_IMAGE) && gpu_is_proven(facts, GPU_USERLAND_NIX);

	describe_device(&shown, device);
	channel_finding(
		channel, device->is_software ? FINDING_GPU_SOFTWARE_ALLOWED : FINDING_GPU_READY,
		device->name, NULL, "%s; a shader computed in %u ms%s", shown.data, answer->took_ms,
		is_for_both ? ", for the image's programs and for Nix's" : "");
	if (answer->is_retry)
		channel_finding(channel, FINDING_VULKAN_UNSANDBOXED, device->name, NULL,
				"inside the sandbox it ended in the step: %s",
				answer->sandboxed_phase);
	judge_webgpu(answer, device->name, channel);
}

/* ---- both userlands */

/* A driver of the image needs libraries of the image, which Nix's dynamic loader does not find: it
 * must lie where Nix's own do, or where LD_LIBRARY_PATH leads. */
static bool has_driver_for_nix(const struct gpu_search *search)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct gpu_manifest *manifest = &search->manifests[i];
		const char *path = manifest->found.path;

		if (manifest->state == GPU_MANIFEST_USABLE &&
		    manifest->driver != GPU_DRIVER_SOFTWARE &&
		    (!strchr(manifest->library, '/') || text_starts_with(path, "/nix/store/") ||
		     text_starts_with(path, "/run/opengl-driver/")))
			return true;
	}
	return false;
}

/* The image's programs work. Without a Vulkan loader in the profile, what nixpkgs' loader would find is
 * told from the manifests alone. */
static void judge_nix(const struct gpu_facts *facts, const struct job *job, struct channel *channel)
{
	const struct gpu_search *search = &facts->searches[GPU_USERLAND_NIX];
	const struct vulkan_answer *answer = &facts->answers[GPU_USERLAND_NIX];
	CLEANUP_STRBUF struct strbuf end = STRBUF_INIT(TEXT_MAX_BYTES);
	CLEANUP_FREE char *count = mem_format("%zu", search->count);

	if (facts->was_run[GPU_USERLAND_NIX]) {
		if (gpu_is_proven(facts, GPU_USERLAND_NIX))
			return;
		gpu_describe_end(&end, answer);
		channel_finding(channel,
				answer->end == VULKAN_NOT_STARTED ? FINDING_VULKAN_NOT_RUN
								  : FINDING_GPU_NOT_FOR_NIX,
				facts->nix.library, NULL, "%s", end.data);
		return;
	}
	if (!facts->nix.has_store || !(job->required & LANE_NIX) || has_driver_for_nix(search))
		return;
	channel_finding(
		channel, FINDING_GPU_NOT_FOR_NIX, "/run/opengl-driver", NULL,
		"%s manifest%s in the places that nixpkgs' loader reads%s%s%s",
		search->count ? count : "no", search->count == 1 ? "" : "s",
		search->count ? ", and none with a GPU's driver that its programs can open" : "",
		search->outside ? "; not in them: " : "", search->outside ? search->outside : "");
}

static void judge_image(const struct gpu_facts *facts, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf end = STRBUF_INIT(TEXT_MAX_BYTES);

	if (gpu_is_proven(facts, GPU_USERLAND_IMAGE))
		return;
	gpu_describe_end(&end, &facts->answers[GPU_USERLAND_IMAGE]);
	channel_finding(channel, FINDING_GPU_ONLY_FOR_NIX, "image", NULL, "%s", end.data);
}

/* ---- it does not work */

static const enum finding_id end_findings[] = {
	[VULKAN_COMPUTED] = FINDING_VULKAN_FAILED, /* by no device that is known */
	[VULKAN_WRONG_RESULT] = FINDING_VULKAN_WRONG_RESULT,
	[VULKAN_ERROR] = FINDING_VULKAN_FAILED,
	[VULKAN_NO_LIBRARY] = FINDING_VULKAN_LOADER_MISSING,
	[VULKAN_NO_DEVICE] = FINDING_VULKAN_FAILED,
	[VULKAN_ONLY_SOFTWARE] = FINDING_GPU_SOFTWARE_ONLY,
	[VULKAN_INCOMPLETE] = FINDING_VULKAN_FAILED,
	[VULKAN_EXITED] = FINDING_VULKAN_CRASHED,
	[VULKAN_KILLED] = FINDING_VULKAN_CRASHED,
	[VULKAN_TIMEOUT] = FINDING_VULKAN_HUNG,
	[VULKAN_NOT_STARTED] = FINDING_VULKAN_NOT_RUN,
	[VULKAN_BROKE_RULES] = FINDING_VULKAN_FAILED,
};

static void judge_end(const struct vulkan_answer *answer, bool is_explained,
		      struct channel *channel)
{
	const struct vulkan_device *device = gpu_chosen(answer);
	CLEANUP_STRBUF struct strbuf end = STRBUF_INIT(TEXT_MAX_BYTES);
	enum finding_id id = end_findings[answer->end];

	/* What the loader says of a cause that has a name already adds nothing. */
	if (is_explained && id == FINDING_VULKAN_FAILED)
		return;
	if (id == FINDING_GPU_SOFTWARE_ONLY) {
		for (size_t i = 0; i < answer->device_count && i < VULKAN_MAX_DEVICES; i++)
			strbuf_printf(&end, "%s%s", i ? "; " : "", answer->devices[i].name);
		channel_finding(channel, id, "", NULL, "all that Vulkan lists: %s", end.data);
		return;
	}
	gpu_describe_end(&end, answer);
	channel_finding(channel, id, device ? device->name : "", NULL, "%s", end.data);
}

/* The userland whose answer tells more: an image without a Vulkan loader tells nothing. */
static enum gpu_userland told_by(const struct gpu_facts *facts)
{
	const struct vulkan_answer *image = &facts->answers[GPU_USERLAND_IMAGE];

	if (facts->was_run[GPU_USERLAND_NIX] &&
	    (image->end == VULKAN_NO_LIBRARY || image->end == VULKAN_NOT_STARTED))
		return GPU_USERLAND_NIX;
	return GPU_USERLAND_IMAGE;
}

static void judge_failure(const struct gpu_facts *facts, const struct job *job,
			  struct channel *channel)
{
	enum gpu_userland userland = told_by(facts);
	const struct gpu_search *search = &facts->searches[userland];
	const struct vulkan_answer *answer = &facts->answers[userland];
	bool is_explained = gpu_judge_nodes(facts, job, channel);

	is_explained |= gpu_judge_nvidia(facts, search, answer, channel);
	if (!is_explained)
		is_explained = gpu_judge_drivers(facts, search, channel);
	if (facts->was_run[userland])
		judge_end(answer, is_explained, channel);
	else
		channel_finding(channel, FINDING_VULKAN_NOT_RUN, "", NULL,
				"a fake machine runs no programs");
}

/* ---- what is told in any case */

static void judge_manifests(const struct gpu_search *search, struct channel *channel)
{
	size_t broken = gpu_search_count(search, GPU_MANIFEST_BROKEN);

	for (size_t i = 0; i < search->count; i++) {
		const struct gpu_manifest *manifest = &search->manifests[i];

		if (manifest->state != GPU_MANIFEST_BROKEN)
			continue;
		if (broken > 1)
			channel_finding(channel, FINDING_VULKAN_MANIFEST_BROKEN, manifest->path,
					NULL, "%s; and %zu more", manifest->problem, broken - 1);
		else
			channel_finding(channel, FINDING_VULKAN_MANIFEST_BROKEN, manifest->path,
					NULL, "%s", manifest->problem);
		return;
	}
}

/* Not told where nothing could be run and no node says no: not known is not false. */
static void tell_usable(const struct gpu_facts *facts, bool is_proven, struct channel *channel)
{
	enum gpu_userland userland = told_by(facts);

	if (is_proven ||
	    (facts->was_run[userland] && facts->answers[userland].end != VULKAN_NOT_STARTED))
		channel_boolean(channel, FACT_GPU_USABLE, is_proven);
}

void gpu_judge(const struct gpu_facts *facts, const struct job *job, struct channel *channel)
{
	bool is_image = gpu_is_proven(facts, GPU_USERLAND_IMAGE);
	bool is_nix = gpu_is_proven(facts, GPU_USERLAND_NIX);

	gpu_tell_facts(facts, channel);
	tell_usable(facts, is_image || is_nix, channel);
	judge_manifests(&facts->searches[GPU_USERLAND_IMAGE], channel);
	if (is_image) {
		judge_proven(facts, GPU_USERLAND_IMAGE, channel);
		judge_nix(facts, job, channel);
	} else if (is_nix) {
		judge_proven(facts, GPU_USERLAND_NIX, channel);
		judge_image(facts, channel);
	} else {
		judge_failure(facts, job, channel);
	}
}
