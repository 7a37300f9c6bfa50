/* SPDX-License-Identifier: Zlib */
/* The proof: a buffer is filled by the device, changed by a shader that the driver compiles, and every
 * word of it is looked at. */
#include <stdbool.h>
#include <stddef.h>

#include "probes/vulkan/calls.h"
#include "probes/vulkan/say.h"

#define WORDS 1024u
#define WORDS_A_GROUP 64u /* local_size_x of mix.comp */
#define FILLING 0xa5a5c3c3u
#define MAX_WAIT_NS UINT64_C(10000000000) /* a first submission may bring the device up */

#define HOST_MEMORY (VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT)

static const uint32_t shader_code[] = {
#include "probes/vulkan/mix.inc"
};

/* Everything that one computation needs; freed by the end of the process. */
struct work {
	const struct instance_calls *instance;
	struct device_calls call;
	const struct device *from;
	VkDevice device;
	VkQueue queue;
	VkBuffer buffer;
	const volatile uint32_t *words; /* the buffer's memory, as this process sees it */
	VkPipelineLayout layout;
	VkDescriptorSetLayout set_layout;
	VkPipeline pipeline;
	VkDescriptorSet set;
	VkCommandBuffer commands;
	VkFence fence;
};

static void create_device(struct work *work)
{
	float priority = 1;
	VkDeviceQueueCreateInfo queue = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
		.queueFamilyIndex = work->from->queue_family,
		.queueCount = 1,
		.pQueuePriorities = &priority,
	};
	VkDeviceCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
		.queueCreateInfoCount = 1,
		.pQueueCreateInfos = &queue,
	};

	say_phase("create the device");
	must(work->instance->CreateDevice(work->from->handle, &info, NULL, &work->device));
#define LOOK_UP(name)                                                                              \
	work->call.name =                                                                          \
		(PFN_vk##name)work->instance->GetDeviceProcAddr(work->device, "vk" #name);         \
	if (!work->call.name)                                                                      \
		finish(VULKAN_INCOMPLETE, 0, "no vk" #name);
	DEVICE_CALLS(LOOK_UP)
#undef LOOK_UP
	work->call.GetDeviceQueue(work->device, work->from->queue_family, 0, &work->queue);
}

static uint32_t choose_memory(const struct work *work, uint32_t allowed)
{
	VkPhysicalDeviceMemoryProperties memory = {.memoryTypeCount = 0};

	work->instance->GetPhysicalDeviceMemoryProperties(work->from->handle, &memory);
	for (uint32_t i = 0; i < memory.memoryTypeCount && i < VK_MAX_MEMORY_TYPES; i++)
		if (allowed >> i & 1 &&
		    (memory.memoryTypes[i].propertyFlags & HOST_MEMORY) == HOST_MEMORY)
			return i;
	finish(VULKAN_INCOMPLETE, 0, "the device has no memory that the host sees");
}

static void create_buffer(struct work *work)
{
	VkBufferCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
		.size = WORDS * sizeof(uint32_t),
		.usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_DST_BIT,
	};
	VkMemoryAllocateInfo allocation = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO};
	VkMemoryRequirements needs = {.size = 0};
	VkDeviceMemory memory;
	void *mapped = NULL;

	say_phase("allocate memory");
	must(work->call.CreateBuffer(work->device, &info, NULL, &work->buffer));
	work->call.GetBufferMemoryRequirements(work->device, work->buffer, &needs);
	allocation.allocationSize = needs.size;
	allocation.memoryTypeIndex = choose_memory(work, needs.memoryTypeBits);
	must(work->call.AllocateMemory(work->device, &allocation, NULL, &memory));
	must(work->call.BindBufferMemory(work->device, work->buffer, memory, 0));
	must(work->call.MapMemory(work->device, memory, 0, VK_WHOLE_SIZE, 0, &mapped));
	if (!mapped)
		finish(VULKAN_INCOMPLETE, 0, "vkMapMemory gave no address");
	work->words = mapped;
}

static void create_layout(struct work *work)
{
	VkDescriptorSetLayoutBinding binding = {
		.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.descriptorCount = 1,
		.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
	};
	VkDescriptorSetLayoutCreateInfo set = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
		.bindingCount = 1,
		.pBindings = &binding,
	};
	VkPipelineLayoutCreateInfo pipeline = {
		.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
		.setLayoutCount = 1,
		.pSetLayouts = &work->set_layout,
	};

	must(work->call.CreateDescriptorSetLayout(work->device, &set, NULL, &work->set_layout));
	must(work->call.CreatePipelineLayout(work->device, &pipeline, NULL, &work->layout));
}

static void create_pipeline(struct work *work)
{
	VkShaderModuleCreateInfo shader = {
		.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
		.codeSize = sizeof(shader_code),
		.pCode = shader_code,
	};
	VkComputePipelineCreateInfo info = {
		.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
		.stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
			  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
			  .pName = "main"},
	};

	say_phase("compile the shader");
	must(work->call.CreateShaderModule(work->device, &shader, NULL, &info.stage.module));
	create_layout(work);
	info.layout = work->layout;
	must(work->call.CreateComputePipelines(work->device, VK_NULL_HANDLE, 1, &info, NULL,
					       &work->pipeline));
}

static void create_set(struct work *work)
{
	VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, 1};
	VkDescriptorPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
		.maxSets = 1,
		.poolSizeCount = 1,
		.pPoolSizes = &size,
	};
	VkDescriptorSetAllocateInfo allocation = {
		.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
		.descriptorSetCount = 1,
		.pSetLayouts = &work->set_layout,
	};
	VkDescriptorBufferInfo whole = {.buffer = work->buffer, .range = VK_WHOLE_SIZE};
	VkWriteDescriptorSet write = {
		.sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
		.descriptorCount = 1,
		.descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
		.pBufferInfo = &whole,
	};

	say_phase("bind the buffer");
	must(work->call.CreateDescriptorPool(work->device, &pool, NULL,
					     &allocation.descriptorPool));
	must(work->call.AllocateDescriptorSets(work->device, &allocation, &work->set));
	write.dstSet = work->set;
	work->call.UpdateDescriptorSets(work->device, 1, &write, 0, NULL);
}

/* ---- commands */

static void start_recording(struct work *work)
{
	VkCommandPoolCreateInfo pool = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
		.queueFamilyIndex = work->from->queue_family,
	};
	VkCommandBufferAllocateInfo allocation = {
		.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
		.level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
		.commandBufferCount = 1,
	};
	VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};

	must(work->call.CreateCommandPool(work->device, &pool, NULL, &allocation.commandPool));
	must(work->call.AllocateCommandBuffers(work->device, &allocation, &work->commands));
	must(work->call.BeginCommandBuffer(work->commands, &begin));
}

static void record(struct work *work)
{
	const struct device_calls *call = &work->call;
	VkMemoryBarrier barrier = {
		.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
		.srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
		.dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
	};

	say_phase("record the commands");
	start_recording(work);
	call->CmdFillBuffer(work->commands, work->buffer, 0, VK_WHOLE_SIZE, FILLING);
	call->CmdPipelineBarrier(work->commands, VK_PIPELINE_STAGE_TRANSFER_BIT,
				 VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0,
				 NULL);
	call->CmdBindPipeline(work->commands, VK_PIPELINE_BIND_POINT_COMPUTE, work->pipeline);
	call->CmdBindDescriptorSets(work->commands, VK_PIPELINE_BIND_POINT_COMPUTE, work->layout, 0,
				    1, &work->set, 0, NULL);
	call->CmdDispatch(work->commands, WORDS / WORDS_A_GROUP, 1, 1);
	barrier.srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT;
	barrier.dstAccessMask = VK_ACCESS_HOST_READ_BIT;
	call->CmdPipelineBarrier(work->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
				 VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
	must(call->EndCommandBuffer(work->commands));
}

static void submit(struct work *work)
{
	VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
	VkSubmitInfo info = {
		.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
		.commandBufferCount = 1,
		.pCommandBuffers = &work->commands,
	};
	VkResult result;

	say_phase("submit the work");
	must(work->call.CreateFence(work->device, &fence, NULL, &work->fence));
	must(work->call.QueueSubmit(work->queue, 1, &info, work->fence));
	say_phase("wait for the device");
	result = work->call.WaitForFences(work->device, 1, &work->fence, VK_TRUE, MAX_WAIT_NS);
	if (result == VK_TIMEOUT)
		finish(VULKAN_ERROR, result, "the fence was not signalled in 10 s");
	must(result);
}

static void tell_wrong_word(uint32_t index, uint32_t seen, uint32_t expected)
{
	struct text detail = {.length = 0};

	text_add(&detail, "word ");
	text_add_number(&detail, index);
	text_add(&detail, seen == FILLING ? " was filled, and no shader changed it" : " is ");
	if (seen != FILLING)
		text_add_number(&detail, seen);
	text_add(&detail, "; it should be ");
	text_add_number(&detail, expected);
	finish(VULKAN_WRONG_RESULT, 0, detail.bytes);
}

_Noreturn void compute(const struct instance_calls *call, const struct device *device)
{
	struct work work = {.instance = call, .from = device};

	create_device(&work);
	create_buffer(&work);
	create_pipeline(&work);
	create_set(&work);
	record(&work);
	submit(&work);
	say_phase("verify the result");
	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t expected = FILLING ^ (i * 2654435761u + 12345u);

		if (work.words[i] != expected)
			tell_wrong_word(i, work.words[i], expected);
	}
	finish(VULKAN_COMPUTED, 0, NULL);
}
