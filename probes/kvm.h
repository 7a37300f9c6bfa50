/* SPDX-License-Identifier: Zlib */
/* What the kvm probe sees of the machine, before anything of it is judged. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/device_node.h"
#include "agent/words.h"
#include "probes/kvm_guest.h"

struct channel;
struct job;
struct root;

#define KVM_PATH "/dev/kvm"
#define KVM_MAJOR 10u
#define KVM_MINOR 232u
#define KVM_API 12 /* since Linux 2.6.22 */
#define KVM_GUESTS_MS                                                                              \
	1000 /* for all guests; what a signal cannot interrupt is the task's deadline */

enum kvm_known { KVM_NO, KVM_YES, KVM_UNKNOWN };

struct kvm_cpu {
	enum kvm_known has_extension; /* VMX or SVM, by the processor's own word */
	enum kvm_known
		has_flag; /* the kernel's: it takes the flag away where firmware forbids it */
	enum kvm_known is_guest; /* this machine is itself a virtual one */
	char hypervisor[13];     /* "KVMKVMKVM", "Microsoft Hv", …; or "" */
};

/* What virtual machines may use besides; none of it is needed for Nix's. */
struct kvm_companion {
	const char *path, *fact;
	unsigned int major, minor;
	int error; /* errno of opening it; ENOTTY: something else is at its place */
};

#define KVM_COMPANIONS 3u

struct kvm_evidence {
	struct device_node node;
	int open_error;       /* errno; 0: opened; -1: not tried */
	int api;              /* -1: not asked */
	struct words missing; /* capabilities */
	int vcpus;            /* recommended maximum; 0: not known */
	struct kvm_proof proof;
	struct kvm_companion companions[KVM_COMPANIONS];

	enum kvm_known is_in_kernel; /* /proc/misc lists it: no container hides that */
	struct words modules;        /* loaded: kvm, kvm_intel, … */
	struct kvm_cpu cpu;
	char *vendor; /* DMI's name of who made the machine: a cloud's; or NULL */
	enum kvm_known is_cgroup_allowed; /* by version 1's list; version 2 shows nothing */
	bool is_user_namespace;           /* users are mapped: root is not the node's root */

	bool is_group_for_builders; /* the node's group is that of Nix's build users */
	bool is_younger_than_daemon;
};

/* Opens the device and runs the guests, then locks CHANNEL's sandbox, then reads what explains. */
void kvm_collect(struct kvm_evidence *ret, const struct job *job, struct channel *channel);
void kvm_evidence_release(struct kvm_evidence *evidence);

/* The part of it that needs no privilege: what the processor says of itself; under --root what the
 * fake machine's /proc/cpuinfo says. */
void kvm_collect_cpu(struct kvm_cpu *ret, const struct root *root);

/* Says what all this means. Pure, but for speaking. */
void kvm_judge(const struct kvm_evidence *evidence, const struct job *job, struct channel *channel);

/* The parts of it: nothing that could be opened; a device that does not do its work. */
void kvm_judge_node(const struct kvm_evidence *evidence, const struct job *job,
		    struct channel *channel);
void kvm_judge_guests(const struct kvm_evidence *evidence, struct channel *channel);
