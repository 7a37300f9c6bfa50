/* SPDX-License-Identifier: Zlib */
/* Why /dev/kvm could not be opened: one cause for each way in which that goes wrong. Pure. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/kvm.h"

#define MAX_SHOWN_GROUPS 16u
#define OVERFLOW_ID 65534u /* what an owner outside a user namespace looks like from inside */

/* ---- the kernel has none */

/* Where the node's kernel does not list KVM: what is in the way. */
static enum finding_id cause_of_absence(const struct kvm_evidence *evidence)
{
	const struct kvm_cpu *cpu = &evidence->cpu;

	if (evidence->is_in_kernel != KVM_NO || cpu->has_extension == KVM_UNKNOWN)
		return FINDING_KVM_NOT_IN_KERNEL;
	if (cpu->has_extension == KVM_YES)
		return cpu->has_flag == KVM_NO ? FINDING_KVM_FIRMWARE_OFF
					       : FINDING_KVM_MODULE_MISSING;
	return cpu->is_guest == KVM_YES ? FINDING_KVM_NESTED_OFF : FINDING_KVM_FIRMWARE_OFF;
}

/* What a cloud calls it; by DMI's vendor, which a pod may read. */
static const char *remedy_of_absence(enum finding_id cause, const char *vendor)
{
	static const struct {
		const char *vendor, *remedy;
	} clouds[] = {
		{"Google",
		 "Whoever runs the node pool creates it with enableNestedVirtualization (GKE: "
		 "--enable-nested-virtualization, on machine types of Intel)."},
		{"Microsoft Corporation",
		 "Whoever runs the node pool chooses a size that nests: Dv3, Ev3 or later of Azure, not "
		 "one with Arm processors."},
		{"Amazon EC2",
		 "Whoever runs the node pool chooses a bare-metal type of AWS (.metal), or one of those "
		 "that offer nested virtualisation."},
	};

	if (cause == FINDING_KVM_NESTED_OFF)
		for (size_t i = 0; i < sizeof(clouds) / sizeof(clouds[0]); i++)
			if (vendor && strcmp(vendor, clouds[i].vendor) == 0)
				return clouds[i].remedy;
	return finding_kind(cause)->remedy;
}

/* "/proc/misc does not list kvm; processor without VMX or SVM, a guest of KVMKVMKVM on Google" */
static void describe_machine(const struct kvm_evidence *evidence, struct strbuf *out)
{
	static const char *const listed[] = {
		[KVM_NO] = "/proc/misc does not list kvm",
		[KVM_YES] = "/proc/misc lists kvm",
		[KVM_UNKNOWN] = "/proc/misc cannot be read",
	};
	const struct kvm_cpu *cpu = &evidence->cpu;

	strbuf_puts(out, listed[evidence->is_in_kernel]);
	if (cpu->has_extension != KVM_UNKNOWN)
		strbuf_printf(out, "; the processor has %s",
			      cpu->has_extension == KVM_YES ? "VMX or SVM" : "neither VMX nor SVM");
	if (cpu->has_extension == KVM_YES && cpu->has_flag == KVM_NO)
		strbuf_puts(out, ", and the kernel took the flag away");
	if (cpu->is_guest == KVM_YES)
		strbuf_printf(out, "; this is a virtual machine%s%s",
			      *cpu->hypervisor ? " of " : "", cpu->hypervisor);
	if (cpu->is_guest == KVM_YES && evidence->vendor)
		strbuf_printf(out, " (%s)", evidence->vendor);
}

static void judge_missing(const struct kvm_evidence *evidence, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf machine = STRBUF_INIT(512);
	enum finding_id cause = cause_of_absence(evidence);

	if (evidence->is_in_kernel == KVM_YES) {
		channel_finding(channel, FINDING_KVM_NODE_MISSING, KVM_PATH, NULL,
				"there is no " KVM_PATH ", but /proc/misc lists kvm");
		return;
	}
	describe_machine(evidence, &machine);
	channel_finding(channel, cause, KVM_PATH, remedy_of_absence(cause, evidence->vendor),
			"there is no " KVM_PATH "; %s", machine.data);
}

static void judge_stale(const struct kvm_evidence *evidence, struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf machine = STRBUF_INIT(512);
	enum finding_id cause = cause_of_absence(evidence);

	if (evidence->is_in_kernel == KVM_YES) {
		channel_finding(channel, FINDING_KVM_NODE_STALE, KVM_PATH, NULL,
				"opening it: %s, though /proc/misc lists kvm",
				strerror(evidence->open_error));
		return;
	}
	describe_machine(evidence, &machine);
	channel_finding(channel, FINDING_KVM_NODE_STALE, KVM_PATH,
			remedy_of_absence(cause, evidence->vendor), "opening it: %s; %s (%s)",
			strerror(evidence->open_error), machine.data, finding_kind(cause)->id);
}

/* ---- the device is there, and closed */

/* As the kernel decides it: the first class that fits counts, even where another gives more. Root of
 * a user namespace has no power over a node whose owner it cannot name. */
static bool is_open_by_mode(const struct kvm_evidence *evidence, const struct context *context)
{
	const struct device_node *node = &evidence->node;
	mode_t mode = node->mode;

	if (context->uid == 0 && !(evidence->is_user_namespace && node->uid == OVERFLOW_ID))
		return true;
	if (node->uid == context->uid)
		return (mode & 0600) == 0600;
	if (context_has_group(context, node->gid))
		return (mode & 060) == 060;
	return (mode & 06) == 06;
}

/* "mode 0660, owner 0, group 993; this user is 1001, in the groups 1001, 27" */
static void describe_identity(const struct kvm_evidence *evidence, const struct context *context,
			      struct strbuf *out)
{
	const struct device_node *node = &evidence->node;

	strbuf_printf(out, "mode %04o, owner %u, group %u; this user is %u, in the groups %u",
		      (unsigned int)(node->mode & 07777), (unsigned int)node->uid,
		      (unsigned int)node->gid, (unsigned int)context->uid,
		      (unsigned int)context->gid);
	for (size_t i = 0; i < context->group_count && i < MAX_SHOWN_GROUPS; i++)
		if (context->groups[i] != context->gid)
			strbuf_printf(out, ", %u", (unsigned int)context->groups[i]);
	if (evidence->is_user_namespace)
		strbuf_puts(out, ", in a user namespace");
}

/* The catalogue's words, with this node's numbers. */
static char *remedy_of_mode(const struct kvm_evidence *evidence)
{
	const struct device_node *node = &evidence->node;
	bool is_group_open = (node->mode & 060) == 060;

	if (evidence->is_user_namespace && node->gid == OVERFLOW_ID)
		return mem_strdup(
			"The node's owner and group have no number in this user namespace "
			"(hostUsers: false): only mode 0666 helps, by a udev rule on the node "
			"(KERNEL==\"kvm\", MODE=\"0666\").");
	if (!is_group_open)
		return NULL;
	return mem_format(
		"Either on the node a udev rule gives mode 0666 (KERNEL==\"kvm\", MODE=\"0666\"), which "
		"Nix's build users need as well; or the pod names the group: "
		"securityContext.supplementalGroups: [%u]; or its runtime hands devices to the pod's user "
		"(device_ownership_from_security_context, with runAsUser and runAsGroup).",
		(unsigned int)node->gid);
}

static void judge_denied(const struct kvm_evidence *evidence, const struct job *job,
			 struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf identity = STRBUF_INIT(512);
	CLEANUP_FREE char *remedy = remedy_of_mode(evidence);

	describe_identity(evidence, &job->context, &identity);
	if (evidence->node.is_nodev)
		channel_finding(channel, FINDING_KVM_MOUNT_NODEV, KVM_PATH, NULL,
				"opening it: %s, on a mount with nodev",
				strerror(evidence->open_error));
	else if (is_open_by_mode(evidence, &job->context))
		channel_finding(channel, FINDING_KVM_ACCESS_REFUSED, KVM_PATH, NULL,
				"opening it: %s, though its mode allows it: %s",
				strerror(evidence->open_error), identity.data);
	else
		channel_finding(channel, FINDING_KVM_NO_PERMISSION, KVM_PATH, remedy, "%s",
				identity.data);
}

static void judge_not_permitted(const struct kvm_evidence *evidence, struct channel *channel)
{
	static const char *const lists[] = {
		[KVM_NO] = "its list (cgroup version 1) does not name c 10:232",
		[KVM_YES] = "yet its list (cgroup version 1) allows c 10:232: a filter of calls?",
		[KVM_UNKNOWN] = "what it allows cannot be read here",
	};

	channel_finding(channel, FINDING_KVM_CGROUP_DENIED, KVM_PATH, NULL,
			"opening it: %s: the device control group; %s",
			strerror(evidence->open_error), lists[evidence->is_cgroup_allowed]);
}

static void judge_closed(const struct kvm_evidence *evidence, const struct job *job,
			 struct channel *channel)
{
	switch (evidence->open_error) {
	case EACCES:
		judge_denied(evidence, job, channel);
		break;
	case EPERM:
		judge_not_permitted(evidence, channel);
		break;
	case ENODEV:
	case ENXIO:
		judge_stale(evidence, channel);
		break;
	default:
		channel_finding(channel, FINDING_KVM_OPEN_FAILED, KVM_PATH, NULL, "opening it: %s",
				strerror(evidence->open_error));
	}
}

/* ---- what lies at the path */

static const char *kind_of(mode_t mode)
{
	if (S_ISREG(mode))
		return "a regular file";
	return S_ISBLK(mode) ? "a block device" : "neither a file nor a device";
}

static void judge_wrong(const struct device_node *node, struct channel *channel)
{
	if (S_ISDIR(node->mode))
		channel_finding(channel, FINDING_KVM_NODE_IS_DIRECTORY, KVM_PATH, NULL,
				KVM_PATH " is a directory");
	else if (S_ISCHR(node->mode))
		channel_finding(channel, FINDING_KVM_NODE_WRONG, KVM_PATH, NULL,
				KVM_PATH " is the device %u:%u, not %u:%u", node->major,
				node->minor, KVM_MAJOR, KVM_MINOR);
	else
		channel_finding(channel, FINDING_KVM_NODE_WRONG, KVM_PATH, NULL, KVM_PATH " is %s",
				kind_of(node->mode));
}

void kvm_judge_node(const struct kvm_evidence *evidence, const struct job *job,
		    struct channel *channel)
{
	const struct device_node *node = &evidence->node;

	if (node->error == ENOENT || node->error == ENOTDIR)
		judge_missing(evidence, channel);
	else if (node->error)
		channel_finding(channel, FINDING_KVM_OPEN_FAILED, KVM_PATH, NULL,
				"looking it up: %s", strerror(node->error));
	else if (evidence->open_error < 0)
		judge_wrong(node, channel);
	else
		judge_closed(evidence, job, channel);
}
