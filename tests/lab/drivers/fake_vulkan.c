/* SPDX-License-Identifier: Zlib */
/* A libvulkan.so.1 that computes with the CPU what the helper asks for, and misbehaves where the
 * variable VK_FAKE says so: words of FUNCTION=ACT, with spaces between.
 *   vkCreateInstance=hang       slow7 (seconds), crash, exit42, scribble (over what the helper says), socket, file (fails
 *                               where it may not open a network socket, or not write a file)
 *   vkCreateDevice=-3           any VkResult
 *   vkCreateFence=absent        the function is not there
 *   device=cpu                  other, integrated, discrete, virtual, swiftshader, llvmpipe (by ID), none
 *   devices=3                   so many, the last one as `device` says, the others CPUs
 *   result=wrong                or unchanged: the shader does nothing; late: one word is never written
 *   features=none               none; limits=small: below what WebGPU needs; api=1.0
 *   name=hostile                control characters and workflow commands in every text */
#define VK_NO_PROTOTYPES
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vulkan/vulkan_core.h>

#define WORDS 1024u
#define HOSTILE "\x1b[31m##[error]::error::stop\n::add-mask::x\r\xff"

static uint32_t memory[WORDS];
static uint32_t filling;
static uint32_t handle; /* its address is every handle */

/* The value of KEY in VK_FAKE; "" for none. Valid until the next call. */
static const char *setting(const char *key)
{
	static char value[64];
	const char *words = getenv("VK_FAKE");
	size_t length = strlen(key);

	value[0] = '\0';
	for (; words && *words; words += strcspn(words, " "), words += *words == ' ') {
		if (strncmp(words, key, length) != 0 || words[length] != '=')
			continue;
		(void)snprintf(value, sizeof(value), "%.*s", (int)strcspn(words + length + 1, " "),
			       words + length + 1);
	}
	return value;
}

static bool is_set(const char *key, const char *value)
{
	return strcmp(setting(key), value) == 0;
}

/* Frames that no helper sends, over those that it has sent. */
static void scribble(void)
{
	for (int fd = 3; fd < 16; fd++)
		for (int i = 0; i < 8192; i++)
			(void)!write(fd, "rubbish.rubbish.", 16);
}

static VkResult act(const char *function)
{
	const char *what = setting(function);

	if (strcmp(what, "hang") == 0)
		for (;;)
			pause();
	if (strncmp(what, "slow", 4) == 0) {
		(void)sleep((unsigned int)strtoul(what + 4, NULL, 10));
		return VK_SUCCESS;
	}
	if (strcmp(what, "crash") == 0)
		*(volatile int *)8 = 1;
	if (strcmp(what, "socket") == 0 && socket(AF_INET, SOCK_STREAM, 0) < 0)
		return VK_ERROR_INITIALIZATION_FAILED;
	if (strcmp(what, "file") == 0 && !fopen("/tmp/fake-vulkan", "w"))
		return VK_ERROR_INITIALIZATION_FAILED;
	if (strcmp(what, "scribble") == 0)
		scribble();
	if (strncmp(what, "exit", 4) == 0) {
		(void)fprintf(stderr, "ERROR: the driver gives up in %s\n", function);
		exit((int)strtol(what + 4, NULL, 10));
	}
	return (VkResult)strtol(what, NULL, 10);
}

/* ---- the devices */

static uint32_t device_count(void)
{
	long count = strtol(setting("devices"), NULL, 10);

	if (is_set("device", "none"))
		return 0;
	return count > 0 ? (uint32_t)count : 1;
}

static VkPhysicalDeviceType device_type(void)
{
	static const struct {
		const char *name;
		VkPhysicalDeviceType type;
	} types[] = {
		{"cpu", VK_PHYSICAL_DEVICE_TYPE_CPU},
		{"integrated", VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU},
		{"virtual", VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU},
		{"other", VK_PHYSICAL_DEVICE_TYPE_OTHER},
		{"swiftshader", VK_PHYSICAL_DEVICE_TYPE_OTHER},
		{"llvmpipe", VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU},
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (is_set("device", types[i].name))
			return types[i].type;
	return VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
}

static VkDriverId driver_id(void)
{
	if (is_set("device", "swiftshader"))
		return VK_DRIVER_ID_GOOGLE_SWIFTSHADER;
	return is_set("device", "llvmpipe") ? VK_DRIVER_ID_MESA_LLVMPIPE
					    : VK_DRIVER_ID_NVIDIA_PROPRIETARY;
}

/* A device is its number; the last one is the one that the settings describe. */
static bool is_described(VkPhysicalDevice device)
{
	return (uintptr_t)device == device_count();
}

static void put_text(char *ret, size_t size, const char *text)
{
	(void)snprintf(ret, size, "%s%s", text, is_set("name", "hostile") ? HOSTILE : "");
}

static VkPhysicalDeviceLimits limits(void)
{
	VkPhysicalDeviceLimits all;

	/* Every number is as high as it goes; those of which less is more are low. */
	memset(&all, is_set("limits", "small") ? 0 : 0x7f, sizeof(all));
	all.viewportBoundsRange[1] = is_set("limits", "small") ? 1 : 65536;
	all.minUniformBufferOffsetAlignment = is_set("limits", "small") ? 1024 : 64;
	all.minStorageBufferOffsetAlignment = is_set("limits", "small") ? 1024 : 64;
	return all;
}

static void get_properties(VkPhysicalDevice device, VkPhysicalDeviceProperties *ret)
{
	*ret = (VkPhysicalDeviceProperties){
		.apiVersion = is_set("api", "1.0") ? VK_API_VERSION_1_0 : VK_API_VERSION_1_3,
		.driverVersion = 0x8d3f0040,
		.vendorID = 0x10de,
		.deviceID = 0x2330,
		.deviceType = is_described(device) ? device_type() : VK_PHYSICAL_DEVICE_TYPE_CPU,
		.limits = limits(),
	};
	put_text(ret->deviceName, sizeof(ret->deviceName), "Fake GPU");
}

static void get_properties2(VkPhysicalDevice device, VkPhysicalDeviceProperties2 *ret)
{
	get_properties(device, &ret->properties);
	for (VkBaseOutStructure *next = ret->pNext; next; next = next->pNext) {
		if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES) {
			VkPhysicalDeviceDriverProperties *driver = (void *)next;

			driver->driverID =
				is_described(device) ? driver_id() : VK_DRIVER_ID_MESA_LLVMPIPE;
			driver->conformanceVersion.major = 1;
			put_text(driver->driverName, sizeof(driver->driverName), "Fake");
			put_text(driver->driverInfo, sizeof(driver->driverInfo), "570.124.06");
		}
		if (next->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES)
			((VkPhysicalDeviceMaintenance3Properties *)next)->maxMemoryAllocationSize =
				is_set("limits", "small") ? 4096 : UINT64_MAX;
	}
}

static void get_features(VkPhysicalDevice device, VkPhysicalDeviceFeatures *ret)
{
	VkBool32 *features = (VkBool32 *)ret;

	(void)device;
	for (size_t i = 0; i < sizeof(*ret) / sizeof(*features); i++)
		features[i] = !is_set("features", "none");
}

static void get_memory(VkPhysicalDevice device, VkPhysicalDeviceMemoryProperties *ret)
{
	(void)device;
	*ret = (VkPhysicalDeviceMemoryProperties){
		.memoryTypeCount = 1,
		.memoryTypes = {{.propertyFlags =
					 is_set("memory", "none")
						 ? VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
						 : VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
							   VK_MEMORY_PROPERTY_HOST_COHERENT_BIT}},
	};
}

static void get_queues(VkPhysicalDevice device, uint32_t *count, VkQueueFamilyProperties *ret)
{
	(void)device;
	*count = 1;
	*ret = (VkQueueFamilyProperties){
		.queueFlags = is_set("queue", "none")
				      ? VK_QUEUE_TRANSFER_BIT
				      : VK_QUEUE_COMPUTE_BIT | VK_QUEUE_GRAPHICS_BIT,
		.queueCount = 1,
	};
}

static VkResult enumerate(VkInstance instance, uint32_t *count, VkPhysicalDevice *ret)
{
	uint32_t room = *count;

	(void)instance;
	*count = device_count();
	for (uint32_t i = 0; i < *count && i < room; i++)
		ret[i] = (VkPhysicalDevice)(uintptr_t)(i + 1);
	return act("vkEnumeratePhysicalDevices");
}

static VkResult enumerate_version(uint32_t *ret)
{
	*ret = is_set("api", "1.0") ? VK_API_VERSION_1_0 : VK_API_VERSION_1_3;
	return act("vkEnumerateInstanceVersion");
}

/* ---- computing */

static void cmd_fill(VkCommandBuffer commands, VkBuffer buffer, VkDeviceSize from,
		     VkDeviceSize size, uint32_t word)
{
	(void)commands, (void)buffer, (void)from, (void)size;
	filling = word;
}

static void compute(void)
{
	for (uint32_t i = 0; i < WORDS; i++)
		memory[i] = filling ^ (i * 2654435761u + 12345u);
	if (is_set("result", "wrong"))
		memory[1] ^= 1;
	if (is_set("result", "late"))
		memory[WORDS - 1] = 0;
	for (uint32_t i = 0; i < WORDS && is_set("result", "unchanged"); i++)
		memory[i] = filling;
}

static VkResult submit(VkQueue queue, uint32_t count, const VkSubmitInfo *info, VkFence fence)
{
	VkResult result = act("vkQueueSubmit");

	(void)queue, (void)count, (void)info, (void)fence;
	if (result == VK_SUCCESS)
		compute();
	return result;
}

/* NOLINTNEXTLINE(readability-function-size): Vulkan's own parameters */
static VkResult map(VkDevice device, VkDeviceMemory from, VkDeviceSize at, VkDeviceSize size,
		    VkMemoryMapFlags flags, void **ret)
{
	(void)device, (void)from, (void)at, (void)size, (void)flags;
	*ret = is_set("map", "null") ? NULL : memory;
	return act("vkMapMemory");
}

static void get_requirements(VkDevice device, VkBuffer buffer, VkMemoryRequirements *ret)
{
	(void)device, (void)buffer;
	*ret = (VkMemoryRequirements){.size = sizeof(memory), .memoryTypeBits = 1};
}

static void do_nothing(void)
{
}

/* Functions that only make a handle: where they put it is their last argument. */
#define MAKE_3(name)                                                                               \
	static VkResult name(void *a, void *b, void **ret)                                         \
	{                                                                                          \
		(void)a, (void)b;                                                                  \
		*ret = &handle;                                                                    \
		return act(#name);                                                                 \
	}
#define MAKE_4(name)                                                                               \
	static VkResult name(void *a, void *b, void *c, void **ret)                                \
	{                                                                                          \
		(void)a, (void)b, (void)c;                                                         \
		*ret = &handle;                                                                    \
		return act(#name);                                                                 \
	}
#define PLAIN(name)                                                                                \
	static VkResult name(void)                                                                 \
	{                                                                                          \
		return act(#name);                                                                 \
	}

MAKE_3(vkCreateInstance)
MAKE_3(vkAllocateCommandBuffers)
MAKE_3(vkAllocateDescriptorSets)
MAKE_4(vkCreateDevice)
MAKE_4(vkAllocateMemory)
MAKE_4(vkCreateBuffer)
MAKE_4(vkCreateCommandPool)
MAKE_4(vkCreateDescriptorPool)
MAKE_4(vkCreateDescriptorSetLayout)
MAKE_4(vkCreateFence)
MAKE_4(vkCreatePipelineLayout)
MAKE_4(vkCreateShaderModule)
PLAIN(vkBeginCommandBuffer)
PLAIN(vkBindBufferMemory)
PLAIN(vkEndCommandBuffer)
PLAIN(vkWaitForFences)

/* NOLINTNEXTLINE(readability-function-size): Vulkan's own parameters */
static VkResult vkCreateComputePipelines(VkDevice device, VkPipelineCache cache, uint32_t count,
					 const VkComputePipelineCreateInfo *info,
					 const void *allocator, void **ret)
{
	(void)device, (void)cache, (void)count, (void)info, (void)allocator;
	*ret = &handle;
	return act("vkCreateComputePipelines");
}

static void get_queue(VkDevice device, uint32_t family, uint32_t index, void **ret)
{
	(void)device, (void)family, (void)index;
	*ret = &handle;
}

static PFN_vkVoidFunction look_up(void *of, const char *name);

#define ROW(name, function)                                                                        \
	{                                                                                          \
		name, (PFN_vkVoidFunction)(function)                                               \
	}
static const struct {
	const char *name;
	PFN_vkVoidFunction function;
} functions[] = {
	ROW("vkAllocateCommandBuffers", vkAllocateCommandBuffers),
	ROW("vkAllocateDescriptorSets", vkAllocateDescriptorSets),
	ROW("vkAllocateMemory", vkAllocateMemory),
	ROW("vkBeginCommandBuffer", vkBeginCommandBuffer),
	ROW("vkBindBufferMemory", vkBindBufferMemory),
	ROW("vkCmdBindDescriptorSets", do_nothing),
	ROW("vkCmdBindPipeline", do_nothing),
	ROW("vkCmdDispatch", do_nothing),
	ROW("vkCmdFillBuffer", cmd_fill),
	ROW("vkCmdPipelineBarrier", do_nothing),
	ROW("vkCreateBuffer", vkCreateBuffer),
	ROW("vkCreateCommandPool", vkCreateCommandPool),
	ROW("vkCreateComputePipelines", vkCreateComputePipelines),
	ROW("vkCreateDescriptorPool", vkCreateDescriptorPool),
	ROW("vkCreateDescriptorSetLayout", vkCreateDescriptorSetLayout),
	ROW("vkCreateDevice", vkCreateDevice),
	ROW("vkCreateFence", vkCreateFence),
	ROW("vkCreateInstance", vkCreateInstance),
	ROW("vkCreatePipelineLayout", vkCreatePipelineLayout),
	ROW("vkCreateShaderModule", vkCreateShaderModule),
	ROW("vkEndCommandBuffer", vkEndCommandBuffer),
	ROW("vkEnumerateInstanceVersion", enumerate_version),
	ROW("vkEnumeratePhysicalDevices", enumerate),
	ROW("vkGetBufferMemoryRequirements", get_requirements),
	ROW("vkGetDeviceProcAddr", look_up),
	ROW("vkGetDeviceQueue", get_queue),
	ROW("vkGetPhysicalDeviceFeatures", get_features),
	ROW("vkGetPhysicalDeviceMemoryProperties", get_memory),
	ROW("vkGetPhysicalDeviceProperties", get_properties),
	ROW("vkGetPhysicalDeviceProperties2", get_properties2),
	ROW("vkGetPhysicalDeviceQueueFamilyProperties", get_queues),
	ROW("vkMapMemory", map),
	ROW("vkQueueSubmit", submit),
	ROW("vkUpdateDescriptorSets", do_nothing),
	ROW("vkWaitForFences", vkWaitForFences),
};

static PFN_vkVoidFunction look_up(void *of, const char *name)
{
	(void)of;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0 && !is_set(name, "absent"))
			return functions[i].function;
	return NULL;
}

__attribute__((visibility("default"))) PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance,
										const char *name);

PFN_vkVoidFunction vkGetInstanceProcAddr(VkInstance instance, const char *name)
{
	return look_up(instance, name);
}
