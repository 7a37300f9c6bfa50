/* SPDX-License-Identifier: Zlib */
/* The gpu probe's judge of drivers: nodes are there, so why does no program find the GPU? Pure. */
#include <string.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/gpu.h"

#define GLX "libGLX_nvidia.so.0"

static bool has_open_node(const struct gpu_facts *facts, enum gpu_node_kind kind)
{
	for (size_t i = 0; i < facts->nodes.count; i++) {
		const struct gpu_node *node = &facts->nodes.items[i];

		if (node->kind == kind && gpu_node_is_gpu(node) && node->is_device &&
		    node->error == 0)
			return true;
	}
	return false;
}

/* Where the loader looked, in words. */
static void describe_search(struct strbuf *out, const struct gpu_search *search)
{
	size_t usable;

	strbuf_printf(out, "%zu manifest%s in ", search->count, search->count == 1 ? "" : "s");
	if (search->replaced_by)
		strbuf_printf(out, "%s, which replaces all other places: ", search->replaced_by);
	for (size_t i = 0; i < search->places.count && i < 8; i++)
		strbuf_printf(out, "%s%s", i ? ", " : "", search->places.items[i]);
	if (search->outside)
		strbuf_printf(out, "; %s lies where it does not look", search->outside);
	usable = gpu_search_count(search, GPU_MANIFEST_USABLE);
	if (usable)
		strbuf_printf(out, "; %zu usable%s", usable,
			      gpu_search_usable(search, GPU_DRIVER_MESA) ||
					      gpu_search_usable(search, GPU_DRIVER_NVIDIA)
				      ? ""
				      : ", on the CPU");
	for (unsigned int state = GPU_MANIFEST_USABLE + 1; state < GPU_MANIFEST_STATE_COUNT;
	     state++) {
		size_t count = gpu_search_count(search, (enum gpu_manifest_state)state);

		if (count)
			strbuf_printf(out, "; %zu %s", count,
				      gpu_manifest_state_name((enum gpu_manifest_state)state));
	}
}

/* ---- NVIDIA */

enum graphics_gap { NOT_ASKED_FOR, NOT_ON_THE_MACHINE, NOT_SPECIFIED, NO_TOOLKIT, NOT_KNOWN };

/* The variable is read by one way of injection alone: advice that fits the other would mislead. */
static const struct {
	const char *reason, *remedy; /* remedy NULL: the catalogue's, which has both */
} graphics_gaps[] = {
	[NOT_ASKED_FOR] = {"without graphics in it NVIDIA's hook leaves the Vulkan driver out",
			   "Set NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics in the pod's "
			   "environment."},
	[NOT_ON_THE_MACHINE] = {"graphics was asked for, so the node's driver has none",
				"An administrator installs the full driver, with its graphics "
				"libraries, on the node."},
	[NOT_SPECIFIED] = {"the GPU came by CDI, whose specification leaves it out",
			   "An administrator installs the full driver on the node and runs "
			   "nvidia-ctk cdi generate anew; NVIDIA_DRIVER_CAPABILITIES is not read "
			   "in this mode."},
	[NO_TOOLKIT] = {"the nodes did not come by NVIDIA's container toolkit",
			"Give the pod the runtime class of NVIDIA's container toolkit: it brings "
			"the driver's libraries; device nodes alone are not enough."},
	[NOT_KNOWN] = {"no variable tells how the driver came", NULL},
};

static enum graphics_gap gap_of(const struct gpu_nvidia *nvidia)
{
	switch (nvidia->injection) {
	case GPU_INJECTION_LEGACY:
		return nvidia->has_graphics ? NOT_ON_THE_MACHINE : NOT_ASKED_FOR;
	case GPU_INJECTION_CDI:
		return NOT_SPECIFIED;
	case GPU_INJECTION_NONE:
		break;
	}
	return nvidia->cuda.state == GPU_LIBRARY_FOUND ? NOT_KNOWN : NO_TOOLKIT;
}

static void say_graphics_missing(const struct gpu_nvidia *nvidia, struct channel *channel)
{
	const char *capabilities = nvidia->capabilities ? nvidia->capabilities : "not set";
	bool is_legacy = nvidia->injection == GPU_INJECTION_LEGACY;
	enum graphics_gap gap = gap_of(nvidia);

	channel_finding(channel, FINDING_NVIDIA_GRAPHICS_MISSING, GLX, graphics_gaps[gap].remedy,
			"not found (libcuda.so.1 %s%s%s); %s",
			nvidia->cuda.state == GPU_LIBRARY_FOUND ? "is there" : "neither",
			is_legacy ? "; NVIDIA_DRIVER_CAPABILITIES is " : "",
			is_legacy ? capabilities : "", graphics_gaps[gap].reason);
}

/* It is on the machine, in a folder that the image's dynamic loader was not told of. */
static void say_graphics_outside(const char *path, struct channel *channel)
{
	CLEANUP_FREE char *remedy = mem_format(
		"Set LD_LIBRARY_PATH=%.*s in the pod or the image, or name the folder in "
		"/etc/ld.so.conf.d and run ldconfig.",
		(int)(strrchr(path, '/') - path), path);

	channel_finding(channel, FINDING_NVIDIA_GRAPHICS_MISSING, GLX, remedy,
			"it lies at %s, which the dynamic loader does not search", path);
}

static void say_slice(const struct gpu_nvidia *nvidia, struct channel *channel)
{
	bool is_named = nvidia->visible && strstr(nvidia->visible, "MIG-");

	channel_finding(channel, FINDING_NVIDIA_SLICE, *nvidia->model ? nvidia->model : "NVIDIA",
			NULL, "this container was given a MIG slice: %s%s",
			is_named ? "NVIDIA_VISIBLE_DEVICES=" : "/dev/nvidia-caps has its nodes",
			is_named ? nvidia->visible : "");
}

static bool is_mismatched(const struct gpu_nvidia *nvidia)
{
	return *nvidia->kernel_version && *nvidia->glx.version &&
	       strcmp(nvidia->kernel_version, nvidia->glx.version) != 0;
}

/* What the dynamic loader said of each: of a library that is there, what that one lacks. */
static bool say_missing_libraries(const struct vulkan_answer *answer, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf names = STRBUF_INIT(256);
	CLEANUP_STRBUF struct strbuf reasons = STRBUF_INIT(1024);

	for (size_t i = 0; i < answer->missing_count && i < VULKAN_MAX_MISSING; i++) {
		strbuf_printf(&names, "%s%s", i ? ", " : "", answer->missing[i].name);
		strbuf_printf(&reasons, "%s%s", i ? "; " : "", answer->missing[i].why);
	}
	if (names.length == 0)
		return false;
	channel_finding(channel, FINDING_NVIDIA_LIBRARY_MISSING, names.data, NULL, "%s",
			reasons.data);
	return true;
}

/* The first link of the chain that is broken; the later ones would only follow from it. */
bool gpu_judge_nvidia(const struct gpu_facts *facts, const struct gpu_search *search,
		      const struct vulkan_answer *answer, struct channel *channel)
{
	const struct gpu_nvidia *nvidia = &facts->nvidia;

	if (!has_open_node(facts, GPU_NODE_NVIDIA))
		return false;
	if (nvidia->is_mig) {
		say_slice(nvidia, channel);
		return true;
	}
	if (nvidia->glx.state != GPU_LIBRARY_FOUND) {
		if (nvidia->outside)
			say_graphics_outside(nvidia->outside, channel);
		else
			say_graphics_missing(nvidia, channel);
		return true;
	}
	if (is_mismatched(nvidia)) {
		channel_finding(channel, FINDING_NVIDIA_VERSION_MISMATCH, nvidia->glx.path, NULL,
				"the kernel's driver is %s, the library is %s",
				nvidia->kernel_version, nvidia->glx.version);
		return true;
	}
	if (!gpu_search_usable(search, GPU_DRIVER_NVIDIA)) {
		CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(1024);
		CLEANUP_FREE char *remedy = NULL;

		describe_search(&text, search);
		if (search->outside)
			remedy = mem_format("Set VK_DRIVER_FILES=%s in the pod or the image.",
					    search->outside);
		channel_finding(channel, FINDING_NVIDIA_MANIFEST_MISSING, nvidia->glx.path, remedy,
				"no manifest names it: %s", text.data);
		(void)say_missing_libraries(answer, channel);
		return true;
	}
	return say_missing_libraries(answer, channel);
}

/* ---- all others */

static const struct gpu_manifest *find_broken_library(const struct gpu_search *search)
{
	for (size_t i = 0; i < search->count; i++) {
		const struct gpu_manifest *manifest = &search->manifests[i];

		if (manifest->driver != GPU_DRIVER_SOFTWARE &&
		    (manifest->state == GPU_MANIFEST_LIBRARY_MISSING ||
		     manifest->state == GPU_MANIFEST_LIBRARY_UNREADABLE ||
		     manifest->state == GPU_MANIFEST_LIBRARY_FOREIGN))
			return manifest;
	}
	return NULL;
}

bool gpu_judge_drivers(const struct gpu_facts *facts, const struct gpu_search *search,
		       struct channel *channel)
{
	const struct gpu_manifest *broken = find_broken_library(search);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(1024);

	if (!has_open_node(facts, GPU_NODE_RENDER) || gpu_search_usable(search, GPU_DRIVER_MESA) ||
	    gpu_search_usable(search, GPU_DRIVER_NVIDIA))
		return false;
	if (broken) {
		channel_finding(channel, FINDING_VULKAN_DRIVER_BROKEN, broken->path, NULL, "%s",
				broken->problem);
		return true;
	}
	describe_search(&text, search);
	channel_finding(channel, FINDING_VULKAN_DRIVER_MISSING, "", NULL, "%s", text.data);
	return true;
}
