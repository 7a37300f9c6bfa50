/* SPDX-License-Identifier: Zlib */
/* The kvm probe's judging half: which row of the table of causes this machine is. Pure. */
#include "probes/kvm.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/record.h"

/* A processor needs less than one nanosecond; kvm_pvm, which emulates, some 4,000. */
#define EMULATED_PICOSECONDS 100000

/* ---- facts */

static void send_known(struct channel *channel, const char *key, enum kvm_known known)
{
	if (known != KVM_UNKNOWN)
		channel_boolean(channel, key, known == KVM_YES);
}

static void send_node(const struct kvm_evidence *evidence, struct channel *channel)
{
	const struct device_node *node = &evidence->node;
	CLEANUP_FREE char *mode = mem_format("%04o", (unsigned int)(node->mode & 07777));
	CLEANUP_FREE char *device = mem_format("%u:%u", node->major, node->minor);

	channel_string(channel, "kvm.node.state", node->error ? strerror(node->error) : "there");
	if (node->error)
		return;
	channel_string(channel, FACT_KVM_NODE_MODE, mode);
	channel_integer(channel, "kvm.node.uid", node->uid);
	channel_integer(channel, "kvm.node.gid", node->gid);
	channel_string(channel, "kvm.node.device", S_ISCHR(node->mode) ? device : NULL);
	channel_boolean(channel, "kvm.node.is_nodev", node->is_nodev);
	channel_boolean(channel, FACT_KVM_NODE_OWN, node->is_own);
	channel_boolean(channel, FACT_KVM_FOR_BUILDERS,
			(node->mode & 06) == 06 ||
				((node->mode & 060) == 060 && evidence->is_group_for_builders));
	channel_boolean(channel, FACT_KVM_AFTER_DAEMON, evidence->is_younger_than_daemon);
}

static void send_kernel(const struct kvm_evidence *evidence, struct channel *channel)
{
	CLEANUP_FREE char *modules = words_join(&evidence->modules, '\n');

	send_known(channel, "kvm.kernel.is_listed", evidence->is_in_kernel);
	if (evidence->modules.count)
		channel_list(channel, "kvm.kernel.modules", modules);
	send_known(channel, "kvm.cpu.has_extension", evidence->cpu.has_extension);
	send_known(channel, "kvm.cpu.has_flag", evidence->cpu.has_flag);
	send_known(channel, "kvm.cpu.is_guest", evidence->cpu.is_guest);
	channel_string(channel, "kvm.cpu.hypervisor",
		       *evidence->cpu.hypervisor ? evidence->cpu.hypervisor : NULL);
	channel_string(channel, "kvm.machine_vendor", evidence->vendor);
	send_known(channel, "kvm.cgroup.is_allowed", evidence->is_cgroup_allowed);
	channel_boolean(channel, "kvm.is_user_namespace", evidence->is_user_namespace);
}

static void send_use(const struct kvm_evidence *evidence, struct channel *channel)
{
	CLEANUP_FREE char *missing = words_join(&evidence->missing, '\n');

	if (evidence->open_error >= 0)
		channel_string(channel, "kvm.open",
			       evidence->open_error ? strerror(evidence->open_error) : "opened");
	if (evidence->api >= 0)
		channel_integer(channel, "kvm.api", evidence->api);
	if (evidence->missing.count)
		channel_list(channel, "kvm.missing_capabilities", missing);
	if (evidence->vcpus > 0)
		channel_integer(channel, "kvm.recommended_vcpus", evidence->vcpus);
	if (evidence->proof.end != KVM_END_NOT_RUN)
		channel_integer(channel, "kvm.guest.took_us", evidence->proof.took_us);
	if (evidence->proof.picoseconds >= 0)
		channel_integer(channel, "kvm.guest.picoseconds_per_instruction",
				evidence->proof.picoseconds);
}

static void send_facts(const struct kvm_evidence *evidence, struct channel *channel)
{
	channel_boolean(channel, FACT_KVM_USABLE, evidence->proof.end == KVM_END_WORKS);
	send_node(evidence, channel);
	send_use(evidence, channel);
	send_kernel(evidence, channel);
	for (size_t i = 0; i < KVM_COMPANIONS; i++) {
		const struct kvm_companion *companion = &evidence->companions[i];

		if (companion->fact)
			channel_string(channel, companion->fact,
				       companion->error ? strerror(companion->error) : "opened");
	}
}

/* ---- the guests */

static void judge_working(const struct kvm_evidence *evidence, struct channel *channel)
{
	const struct kvm_proof *proof = &evidence->proof;
	CLEANUP_FREE char *speed =
		mem_format("%" PRId64 ".%02" PRId64 " ns per guest instruction",
			   proof->picoseconds / 1000, proof->picoseconds % 1000 / 10);

	if (proof->picoseconds > EMULATED_PICOSECONDS)
		channel_finding(channel, FINDING_KVM_EMULATED, KVM_PATH, NULL,
				"%s: the host emulates guests", speed);
	channel_finding(channel, FINDING_KVM_READY, KVM_PATH, NULL,
			"API %d, guests ran in %" PRId64 ".%" PRId64 " ms, %s", evidence->api,
			proof->took_us / 1000, proof->took_us % 1000 / 100,
			proof->picoseconds >= 0 ? speed : "not timed");
}

static void judge_refusal(const struct kvm_proof *proof, struct channel *channel)
{
	bool is_busy = proof->error == EBUSY && strcmp(proof->call, "KVM_CREATE_VM") == 0;

	channel_finding(channel, is_busy ? FINDING_KVM_BUSY : FINDING_KVM_MACHINE_REFUSED, KVM_PATH,
			NULL, "%s%s%s: %s", proof->call, proof->program ? ", guest in " : "",
			proof->program ? proof->program : "", strerror(proof->error));
}

void kvm_judge_guests(const struct kvm_evidence *evidence, struct channel *channel)
{
	const struct kvm_proof *proof = &evidence->proof;

	switch (proof->end) {
	case KVM_END_NOT_RUN:
		break;
	case KVM_END_WORKS:
		judge_working(evidence, channel);
		break;
	case KVM_END_REFUSED:
		judge_refusal(proof, channel);
		break;
	case KVM_END_STRANGE:
		channel_finding(
			channel, FINDING_KVM_GUEST_WRONG, KVM_PATH, NULL,
			"the guest in %s ended with KVM's exit reason %u, which its program "
			"does not have there",
			proof->program, proof->exit);
		break;
	case KVM_END_HANGS:
		channel_finding(channel, FINDING_KVM_GUEST_HANGS, KVM_PATH, NULL,
				"the guest in %s executed nothing within %d ms", proof->program,
				KVM_GUESTS_MS);
		break;
	case KVM_END_CRAWLS:
		channel_finding(channel, FINDING_KVM_GUEST_CRAWLS, KVM_PATH, NULL,
				"the guest in %s did not come to its end within %d ms",
				proof->program, KVM_GUESTS_MS);
		break;
	}
}

/* ---- all of it */

void kvm_judge(const struct kvm_evidence *evidence, const struct job *job, struct channel *channel)
{
	CLEANUP_FREE char *missing = words_join(&evidence->missing, ' ');

	send_facts(evidence, channel);
	if (evidence->open_error != 0)
		kvm_judge_node(evidence, job, channel);
	else if (evidence->api >= 0 && evidence->api != KVM_API)
		channel_finding(channel, FINDING_KVM_API_DIFFERS, KVM_PATH, NULL,
				"KVM_GET_API_VERSION answers %d, not %d", evidence->api, KVM_API);
	else if (evidence->missing.count)
		channel_finding(channel, FINDING_KVM_CAPABILITY_MISSING, KVM_PATH, NULL,
				"QEMU would refuse: KVM does not offer %s", missing);
	else
		kvm_judge_guests(evidence, channel);
}
