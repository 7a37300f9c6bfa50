/* SPDX-License-Identifier: Zlib */
/* Vulkan's functions, looked up by name: the helper is linked with no library of it. */
#pragma once

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan_core.h>

#define INSTANCE_CALLS(CALL)                                                                       \
	CALL(CreateDevice)                                                                         \
	CALL(EnumeratePhysicalDevices)                                                             \
	CALL(GetDeviceProcAddr)                                                                    \
	CALL(GetPhysicalDeviceFeatures)                                                            \
	CALL(GetPhysicalDeviceMemoryProperties)                                                    \
	CALL(GetPhysicalDeviceProperties)                                                          \
	CALL(GetPhysicalDeviceQueueFamilyProperties)

#define DEVICE_CALLS(CALL)                                                                         \
	CALL(AllocateCommandBuffers)                                                               \
	CALL(AllocateDescriptorSets)                                                               \
	CALL(AllocateMemory)                                                                       \
	CALL(BeginCommandBuffer)                                                                   \
	CALL(BindBufferMemory)                                                                     \
	CALL(CmdBindDescriptorSets)                                                                \
	CALL(CmdBindPipeline)                                                                      \
	CALL(CmdDispatch)                                                                          \
	CALL(CmdFillBuffer)                                                                        \
	CALL(CmdPipelineBarrier)                                                                   \
	CALL(CreateBuffer)                                                                         \
	CALL(CreateCommandPool)                                                                    \
	CALL(CreateComputePipelines)                                                               \
	CALL(CreateDescriptorPool)                                                                 \
	CALL(CreateDescriptorSetLayout)                                                            \
	CALL(CreateFence)                                                                          \
	CALL(CreatePipelineLayout)                                                                 \
	CALL(CreateShaderModule)                                                                   \
	CALL(EndCommandBuffer)                                                                     \
	CALL(GetBufferMemoryRequirements)                                                          \
	CALL(GetDeviceQueue)                                                                       \
	CALL(MapMemory)                                                                            \
	CALL(QueueSubmit)                                                                          \
	CALL(UpdateDescriptorSets)                                                                 \
	CALL(WaitForFences)

#define MEMBER(name) PFN_vk##name name;
struct instance_calls {
	INSTANCE_CALLS(MEMBER)
	PFN_vkGetPhysicalDeviceProperties2 GetPhysicalDeviceProperties2; /* NULL before 1.1 */
};
struct device_calls {
	DEVICE_CALLS(MEMBER)
};
#undef MEMBER

/* Ends the helper where RESULT is an error; Vulkan's other values above 0 are successes. */
void must(VkResult result);

/* The instance's devices are told of, and one is chosen: hardware first. */
struct device {
	VkPhysicalDevice handle;
	uint32_t api_version;
	uint32_t queue_family; /* that computes; one with graphics where there is a choice */
};

/* devices.c: ends the helper where there is none to choose. */
struct device choose_device(const struct instance_calls *call, VkInstance instance,
			    _Bool is_software_allowed);

/* compute.c: fills a buffer, lets a shader change it, and looks at every word. Ends the helper. */
_Noreturn void compute(const struct instance_calls *call, const struct device *device);
