/* SPDX-License-Identifier: Zlib */
/* The gpu probe's facts for the report: what was seen, bounded, in lines that a person reads. */
#include <stdlib.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/gpu.h"

#define LIST_MAX_BYTES 8192u
#define MAX_MANIFESTS_SHOWN 16u

static const char *non_empty(const char *text)
{
	return text && *text ? text : NULL;
}

/* An empty list tells nothing that its absence does not. */
static void tell_lines(struct channel *channel, const char *key, const char *lines)
{
	if (*lines)
		channel_list(channel, key, lines);
}

static void tell_nodes(const struct gpu_nodes *nodes, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(LIST_MAX_BYTES);

	for (size_t i = 0; i < nodes->count; i++) {
		const struct gpu_node *node = &nodes->items[i];

		strbuf_printf(&list, "%s%s", i ? "\n" : "", node->path);
		if (*node->driver)
			strbuf_printf(&list, " %s", node->driver);
		if (*node->version)
			strbuf_printf(&list, " %s", node->version);
		if (node->mode)
			strbuf_printf(&list, ", mode %04o, owner %u:%u", node->mode, node->owner,
				      node->group);
		if (node->error)
			strbuf_printf(&list, ": errno %d", node->error);
		else if (!node->is_device)
			strbuf_puts(&list, ": no such device node");
	}
	tell_lines(channel, "gpu.nodes", list.data);
}

static void tell_machine(const struct gpu_machine *machine, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(LIST_MAX_BYTES);

	for (size_t i = 0; i < machine->controller_count; i++) {
		const struct gpu_controller *controller = &machine->controllers[i];
		const char *vendor = gpu_vendor_name(controller->vendor);

		strbuf_printf(&list, "%s%s %s %04x:%04x %s", i ? "\n" : "", controller->address,
			      vendor ? vendor : "unknown", controller->vendor, controller->device,
			      *controller->driver ? controller->driver : "no driver");
	}
	tell_lines(channel, "gpu.machine.controllers", list.data);
	channel_boolean(channel, "gpu.machine.has_drm", machine->has_drm);
	channel_boolean(channel, "gpu.machine.has_nvidia", machine->has_nvidia);
	channel_boolean(channel, "gpu.machine.has_amdgpu", machine->has_amdgpu);
}

static void tell_nvidia(const struct gpu_nvidia *nvidia, struct channel *channel)
{
	channel_string(channel, "gpu.nvidia.kernel_version", non_empty(nvidia->kernel_version));
	channel_string(channel, "gpu.nvidia.visible_devices", nvidia->visible);
	channel_string(channel, "gpu.nvidia.capabilities", nvidia->capabilities);
	if (!*nvidia->kernel_version && nvidia->injection == GPU_INJECTION_NONE &&
	    nvidia->glx.state == GPU_LIBRARY_MISSING && nvidia->cuda.state == GPU_LIBRARY_MISSING)
		return;
	channel_string(channel, "gpu.nvidia.model", non_empty(nvidia->model));
	channel_integer(channel, "gpu.nvidia.count", nvidia->gpu_count);
	channel_string(channel, "gpu.nvidia.injection", gpu_injection_name(nvidia->injection));
	channel_boolean(channel, "gpu.nvidia.is_mig", nvidia->is_mig);
	channel_string(channel, "gpu.nvidia.vulkan_library", nvidia->glx.path);
	channel_string(channel, "gpu.nvidia.vulkan_library_version",
		       non_empty(nvidia->glx.version));
	channel_string(channel, "gpu.nvidia.cuda_library", nvidia->cuda.path);
}

/* KEY below the userland's part of the facts; the caller frees. */
static char *key_of(enum gpu_userland userland, const char *key)
{
	return mem_format("gpu.%s.%s", gpu_userland_name(userland), key);
}

static void tell_string(struct channel *channel, enum gpu_userland userland, const char *key,
			const char *text)
{
	CLEANUP_FREE char *name = key_of(userland, key);

	channel_string(channel, name, non_empty(text));
}

static void tell_integer(struct channel *channel, enum gpu_userland userland, const char *key,
			 int64_t number)
{
	CLEANUP_FREE char *name = key_of(userland, key);

	channel_integer(channel, name, number);
}

static void tell_list(struct channel *channel, enum gpu_userland userland, const char *key,
		      const char *lines)
{
	CLEANUP_FREE char *name = key_of(userland, key);

	tell_lines(channel, name, lines);
}

static void tell_search(const struct gpu_search *search, enum gpu_userland userland,
			struct channel *channel)
{
	CLEANUP_FREE char *places = words_join(&search->places, '\n');
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(LIST_MAX_BYTES);

	for (size_t i = 0; i < search->count && i < MAX_MANIFESTS_SHOWN; i++) {
		const struct gpu_manifest *manifest = &search->manifests[i];

		strbuf_printf(&list, "%s%s: %s", i ? "\n" : "", manifest->path,
			      gpu_manifest_state_name(manifest->state));
		if (manifest->problem || manifest->found.path)
			strbuf_printf(&list, " (%s)",
				      manifest->problem ? manifest->problem : manifest->found.path);
	}
	tell_list(channel, userland, "places", places);
	tell_list(channel, userland, "manifests", list.data);
	tell_integer(channel, userland, "manifest_count", (int64_t)search->count);
}

static void tell_devices(const struct vulkan_answer *answer, enum gpu_userland userland,
			 struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(LIST_MAX_BYTES);

	for (size_t i = 0; i < answer->device_count && i < VULKAN_MAX_DEVICES; i++) {
		const struct vulkan_device *device = &answer->devices[i];

		strbuf_printf(&list, "%s%s (%s, %04x:%04x, driver %u %s %s, Vulkan ", i ? "\n" : "",
			      device->name, vulkan_type_name(device->type), device->vendor_id,
			      device->device_id, device->driver_id, device->driver_name,
			      device->driver_info);
		vulkan_version(&list, device->api_version);
		strbuf_putc(&list, ')');
	}
	tell_list(channel, userland, "devices", list.data);
}

static const char *end_name(enum vulkan_end end)
{
	static const char *const names[] = {
		[VULKAN_COMPUTED] = "computed",
		[VULKAN_WRONG_RESULT] = "wrong-result",
		[VULKAN_ERROR] = "error",
		[VULKAN_NO_LIBRARY] = "no-library",
		[VULKAN_NO_DEVICE] = "no-device",
		[VULKAN_ONLY_SOFTWARE] = "only-software",
		[VULKAN_INCOMPLETE] = "incomplete",
		[VULKAN_EXITED] = "exited",
		[VULKAN_KILLED] = "killed",
		[VULKAN_TIMEOUT] = "timeout",
		[VULKAN_NOT_STARTED] = "not-started",
		[VULKAN_BROKE_RULES] = "broke-rules",
	};

	return names[end];
}

static void tell_answer(const struct vulkan_answer *answer, enum gpu_userland userland,
			struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf version = STRBUF_INIT(32);

	vulkan_version(&version, answer->instance_version);
	tell_string(channel, userland, "end", end_name(answer->end));
	tell_string(channel, userland, "step", answer->phase);
	if (answer->end == VULKAN_ERROR)
		tell_string(channel, userland, "result", vulkan_result_name(answer->code));
	tell_string(channel, userland, "detail", answer->detail);
	tell_string(channel, userland, "log", answer->log);
	tell_string(channel, userland, "interpreter", answer->interpreter);
	tell_string(channel, userland, "loader", answer->library);
	if (answer->instance_version)
		tell_string(channel, userland, "loader_version", version.data);
	tell_string(channel, userland, "sandbox", answer->sandbox);
	if (answer->is_retry)
		tell_string(channel, userland, "sandboxed_step", answer->sandboxed_phase);
	tell_integer(channel, userland, "took_ms", answer->took_ms);
	tell_devices(answer, userland, channel);
}

static void tell_device(const struct gpu_facts *facts, struct channel *channel)
{
	enum gpu_userland userland =
		gpu_is_proven(facts, GPU_USERLAND_IMAGE) ? GPU_USERLAND_IMAGE : GPU_USERLAND_NIX;
	const struct vulkan_device *device;
	CLEANUP_STRBUF struct strbuf version = STRBUF_INIT(32);

	if (!gpu_is_proven(facts, userland))
		return;
	device = gpu_chosen(&facts->answers[userland]);
	vulkan_version(&version, device->api_version);
	channel_string(channel, "gpu.device.name", device->name);
	channel_string(channel, "gpu.device.type", vulkan_type_name(device->type));
	channel_boolean(channel, "gpu.device.is_software", device->is_software);
	channel_string(channel, "gpu.device.driver", non_empty(device->driver_name));
	channel_string(channel, "gpu.device.driver_info", non_empty(device->driver_info));
	channel_string(channel, "gpu.device.vulkan", version.data);
}

void gpu_tell_facts(const struct gpu_facts *facts, struct channel *channel)
{
	tell_nodes(&facts->nodes, channel);
	tell_machine(&facts->machine, channel);
	tell_nvidia(&facts->nvidia, channel);
	tell_device(facts, channel);
	for (unsigned int i = 0; i < GPU_USERLAND_COUNT; i++) {
		enum gpu_userland userland = (enum gpu_userland)i;

		/* Without a store there are no programs of nixpkgs. */
		if (userland == GPU_USERLAND_NIX && !facts->nix.has_store)
			continue;
		tell_search(&facts->searches[i], userland, channel);
		if (facts->was_run[i])
			tell_answer(&facts->answers[i], userland, channel);
	}
}
