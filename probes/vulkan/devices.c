/* SPDX-License-Identifier: Zlib */
/* The helper's choice: every device is told of, hardware is preferred, and what WebGPU would need of
 * the chosen one is read. */
#include <stdbool.h>

#include "probes/vulkan/calls.h"
#include "probes/vulkan/said.h"
#include "probes/vulkan/say.h"

#define MAX_QUEUE_FAMILIES 16u
#define MAX_LISTED 32u /* a loader that knows more answers VK_INCOMPLETE, which is no error */

struct properties {
	VkPhysicalDeviceProperties own;
	VkPhysicalDeviceDriverProperties driver; /* zeros before Vulkan 1.2 */
	VkPhysicalDeviceMaintenance3Properties maintenance3;
};

/* What no structure of Vulkan's holds in one piece; named in webgpu.def. */
struct traits {
	uint32_t api_version;
	int64_t max_allocation_bytes;
	bool is_conformant, has_graphics_first;
};

static struct properties read_properties(const struct instance_calls *call, VkPhysicalDevice device)
{
	struct properties found = {
		.driver.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
		.maintenance3.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
	};
	VkPhysicalDeviceProperties2 all = {
		.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
		.pNext = &found.maintenance3,
	};

	call->GetPhysicalDeviceProperties(device, &found.own);
	if (!call->GetPhysicalDeviceProperties2 || found.own.apiVersion < VK_API_VERSION_1_1)
		return found;
	if (found.own.apiVersion >= VK_API_VERSION_1_2)
		found.maintenance3.pNext = &found.driver;
	call->GetPhysicalDeviceProperties2(device, &all);
	return found;
}

/* Some rasterisers give another type than CPU. */
static bool is_software(const struct properties *properties)
{
	return properties->own.deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU ||
	       properties->driver.driverID == VK_DRIVER_ID_MESA_LLVMPIPE ||
	       properties->driver.driverID == VK_DRIVER_ID_GOOGLE_SWIFTSHADER;
}

static int rank(const struct properties *properties)
{
	static const int ranks[] = {
		[VK_PHYSICAL_DEVICE_TYPE_OTHER] = 1,
		[VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU] = 3,
		[VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU] = 4,
		[VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU] = 2,
		[VK_PHYSICAL_DEVICE_TYPE_CPU] = 0,
	};
	uint32_t type = properties->own.deviceType;

	if (is_software(properties))
		return 0;
	return type < sizeof(ranks) / sizeof(ranks[0]) ? ranks[type] : 1;
}

static void tell_device(uint32_t index, const struct properties *properties)
{
	struct text key = {.length = 0}, lines = {.length = 0};

	text_add(&key, SAID_DEVICE);
	text_add_number(&key, index);
	text_add_line(&lines, properties->own.deviceName);
	text_add_number_line(&lines, properties->own.deviceType);
	text_add_number_line(&lines, is_software(properties));
	text_add_number_line(&lines, properties->own.vendorID);
	text_add_number_line(&lines, properties->own.deviceID);
	text_add_number_line(&lines, properties->own.apiVersion);
	text_add_number_line(&lines, properties->own.driverVersion);
	text_add_number_line(&lines, properties->driver.driverID);
	text_add_line(&lines, properties->driver.driverName);
	text_add_line(&lines, properties->driver.driverInfo);
	say_list(key.bytes, &lines);
}

/* ---- the chosen device */

static int64_t to_number(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static void tell_traits(const struct properties *properties,
			const VkPhysicalDeviceFeatures *features, const struct traits *traits)
{
	const VkPhysicalDeviceLimits *limits = &properties->own.limits;
	struct text lines = {.length = 0};

#define TRAIT(kind, name, value, core, compatibility)                                              \
	text_add_number_line(&lines, to_number((uint64_t)(value)));
#include "probes/webgpu.def"
#undef TRAIT
	say_list(SAID_TRAITS, &lines);
}

static uint32_t choose_queue(const VkQueueFamilyProperties *families, uint32_t count)
{
	uint32_t chosen = count;

	for (uint32_t i = count; i-- > 0;) {
		VkQueueFlags flags = families[i].queueCount ? families[i].queueFlags : 0;

		if (!(flags & VK_QUEUE_COMPUTE_BIT))
			continue;
		if (chosen == count || flags & VK_QUEUE_GRAPHICS_BIT ||
		    !(families[chosen].queueFlags & VK_QUEUE_GRAPHICS_BIT))
			chosen = i;
	}
	return chosen;
}

static void describe(const struct instance_calls *call, struct device *device,
		     const struct properties *properties)
{
	VkQueueFamilyProperties families[MAX_QUEUE_FAMILIES] = {{.queueFlags = 0}};
	VkPhysicalDeviceFeatures features = {.robustBufferAccess = 0};
	uint32_t count = MAX_QUEUE_FAMILIES;
	struct traits traits = {
		.api_version = properties->own.apiVersion,
		.max_allocation_bytes = to_number(properties->maintenance3.maxMemoryAllocationSize),
		.is_conformant = properties->driver.conformanceVersion.major != 0,
	};

	call->GetPhysicalDeviceQueueFamilyProperties(device->handle, &count, families);
	if (count > MAX_QUEUE_FAMILIES)
		count = MAX_QUEUE_FAMILIES;
	device->api_version = properties->own.apiVersion;
	device->queue_family = choose_queue(families, count);
	traits.has_graphics_first = families[0].queueFlags & VK_QUEUE_GRAPHICS_BIT;
	call->GetPhysicalDeviceFeatures(device->handle, &features);
	tell_traits(properties, &features, &traits);
	if (device->queue_family == count)
		finish(VULKAN_INCOMPLETE, 0, "the device has no queue that computes");
}

struct device choose_device(const struct instance_calls *call, VkInstance instance,
			    bool is_software_allowed)
{
	VkPhysicalDevice handles[MAX_LISTED];
	struct device chosen = {.handle = NULL};
	struct properties best = {.own.deviceType = 0};
	uint32_t count = MAX_LISTED;
	int best_rank = is_software_allowed ? -1 : 0;

	say_phase("list the devices");
	must(call->EnumeratePhysicalDevices(instance, &count, handles));
	if (count > MAX_LISTED)
		count = MAX_LISTED;
	say_number(SAID_COUNT, count);
	if (!count)
		finish(VULKAN_NO_DEVICE, 0, NULL);
	for (uint32_t i = 0; i < count; i++) {
		struct properties properties = read_properties(call, handles[i]);

		if (i < VULKAN_MAX_DEVICES)
			tell_device(i, &properties);
		if (rank(&properties) <= best_rank)
			continue;
		best_rank = rank(&properties);
		best = properties;
		chosen.handle = handles[i];
		say_number(SAID_CHOSEN, i);
	}
	if (!chosen.handle)
		finish(VULKAN_ONLY_SOFTWARE, 0, NULL);
	describe(call, &chosen, &best);
	return chosen;
}
