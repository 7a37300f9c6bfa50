/* SPDX-License-Identifier: Zlib */
/* The gpu probe's judge of device nodes: which cannot be opened and why, and where there are none,
 * what the machine beneath has. Pure. */
#include <errno.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/job.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/gpu.h"

/* Its failure keeps a program from the GPU. */
static bool is_needed(const struct gpu_node *node)
{
	return gpu_node_is_gpu(node) || node->kind == GPU_NODE_NVIDIA_CONTROL;
}

static bool is_open(const struct gpu_node *node)
{
	return node->is_device && node->error == 0;
}

static enum finding_id finding_for(const struct gpu_node *node)
{
	if (!node->is_device && node->error == 0)
		return FINDING_GPU_NODE_WRONG;
	switch (node->error) {
	case EACCES:
		return FINDING_GPU_NODE_DENIED;
	case EPERM:
		return FINDING_GPU_NODE_REFUSED;
	default:
		return FINDING_GPU_NODE_DEAD;
	}
}

static void describe_user(struct strbuf *out, const struct context *context)
{
	strbuf_printf(out, "this user is %u:%u", context->uid, context->gid);
	for (size_t i = 0; i < context->group_count && i < 16; i++)
		strbuf_printf(out, "%s%u", i ? "," : ", groups ", context->groups[i]);
}

static void say_node(const struct gpu_node *node, size_t more, const struct context *context,
		     struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(512);

	if (node->error)
		strbuf_printf(&text, "opening it: %s; ", strerror(node->error));
	strbuf_printf(&text, "mode %04o, owner %u:%u", node->mode, node->owner, node->group);
	if (node->error == EACCES) {
		strbuf_puts(&text, "; ");
		describe_user(&text, context);
	}
	if (*node->driver)
		strbuf_printf(&text, "; driver %s", node->driver);
	if (more)
		strbuf_printf(&text, "; and %zu more", more);
	channel_finding(channel, finding_for(node), node->path, NULL, "%s", text.data);
}

/* One finding for each way in which nodes fail. Returns whether there was any. */
static bool say_failures(const struct gpu_nodes *nodes, const struct context *context,
			 struct channel *channel)
{
	static const enum finding_id ids[] = {
		FINDING_GPU_NODE_DENIED,
		FINDING_GPU_NODE_REFUSED,
		FINDING_GPU_NODE_DEAD,
		FINDING_GPU_NODE_WRONG,
	};
	bool has_any = false;

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		const struct gpu_node *first = NULL;
		size_t count = 0;

		for (size_t n = 0; n < nodes->count; n++) {
			const struct gpu_node *node = &nodes->items[n];

			if (!is_needed(node) || is_open(node) || finding_for(node) != ids[i])
				continue;
			first = first ? first : node;
			count++;
		}
		if (first)
			say_node(first, count - 1, context, channel);
		has_any |= count > 0;
	}
	return has_any;
}

/* ---- no node at all */

static void describe_controller(struct strbuf *out, const struct gpu_controller *controller)
{
	const char *vendor = gpu_vendor_name(controller->vendor);

	strbuf_printf(out, "%s%s %s %04x:%04x, driver %s", out->length ? "; " : "",
		      controller->address, vendor ? vendor : "display", controller->vendor,
		      controller->device, *controller->driver ? controller->driver : "none");
}

static enum finding_id absence_of(const struct gpu_facts *facts)
{
	const struct gpu_machine *machine = &facts->machine;
	bool has_vfio = false, has_bare = false, has_driver = false;

	for (size_t i = 0; i < machine->controller_count; i++) {
		const struct gpu_controller *controller = &machine->controllers[i];
		bool is_vfio = strcmp(controller->driver, "vfio-pci") == 0;

		if (!gpu_vendor_makes_gpus(controller->vendor))
			continue;
		has_vfio |= is_vfio;
		has_bare |= !*controller->driver;
		has_driver |= *controller->driver && !is_vfio;
	}
	if (has_driver || machine->has_nvidia || *facts->nvidia.kernel_version)
		return FINDING_GPU_NOT_GRANTED;
	if (has_vfio)
		return FINDING_GPU_RESERVED;
	return has_bare ? FINDING_GPU_DRIVER_NOT_LOADED : FINDING_GPU_ABSENT;
}

static void say_absence(const struct gpu_facts *facts, struct channel *channel)
{
	const struct gpu_machine *machine = &facts->machine;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(1024);

	for (size_t i = 0; i < machine->controller_count && i < 4; i++)
		describe_controller(&text, &machine->controllers[i]);
	if (machine->controller_count > 4)
		strbuf_printf(&text, "; and %zu more", machine->controller_count - 4);
	if (machine->has_nvidia || *facts->nvidia.kernel_version)
		strbuf_printf(&text, "%sNVIDIA's driver %s in its kernel", text.length ? "; " : "",
			      facts->nvidia.kernel_version);
	if (facts->nvidia.visible)
		strbuf_printf(&text, "%sNVIDIA_VISIBLE_DEVICES=%s", text.length ? "; " : "",
			      facts->nvidia.visible);
	channel_finding(channel, absence_of(facts), "/dev", NULL,
			"no device node of a GPU; the machine has %s",
			text.length ? text.data : "no display controller");
}

bool gpu_judge_nodes(const struct gpu_facts *facts, const struct job *job, struct channel *channel)
{
	size_t gpus = 0, open = 0;

	for (size_t i = 0; i < facts->nodes.count; i++) {
		const struct gpu_node *node = &facts->nodes.items[i];

		gpus += gpu_node_is_gpu(node);
		open += gpu_node_is_gpu(node) && is_open(node);
	}
	if (say_failures(&facts->nodes, &job->context, channel))
		return open == 0;
	if (gpus > 0)
		return false;
	say_absence(facts, channel);
	return true;
}
