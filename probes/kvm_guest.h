/* SPDX-License-Identifier: Zlib */
/* Guests: a virtual machine with small programs that must say what they were written to say. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct channel;
struct kvm_run;

#define KVM_GUEST_MEMORY 0x10000u /* from guest-physical address 0 */
#define KVM_GUEST_LOOPS 100u      /* a guest that is emulated crawls */
#define KVM_GUEST_LOOP_INSTRUCTIONS (3u * KVM_GUEST_LOOPS)

enum kvm_end {
	KVM_END_NOT_RUN,
	KVM_END_WORKS,
	KVM_END_REFUSED, /* a call failed: call and error say which and why */
	KVM_END_STRANGE, /* the guest stopped at another place, or said or wrote something else */
	KVM_END_HANGS,   /* it executed nothing until its time was over */
	KVM_END_CRAWLS,  /* it executed, but did not come to its end in its time */
};

/* What the programs did, together; the first that does not work is the last that is run. */
struct kvm_proof {
	enum kvm_end end;
	const char *program; /* the last one that was run; NULL: none */
	const char *call;    /* KVM_END_REFUSED: "KVM_CREATE_VM" */
	int error;           /* its errno */
	unsigned int exit;   /* KVM_END_STRANGE: KVM's exit reason */
	int64_t took_us;
	int64_t picoseconds; /* of processor time for one guest instruction; -1: not measured */
};

/* What a guest's exit means to its program. */
enum kvm_event {
	KVM_EVENT_BYTE, /* it said one byte */
	KVM_EVENT_HALT, /* it came to its end */
	KVM_EVENT_OTHER,
};

struct kvm_program {
	const char *name;  /* "real mode" */
	const char *phase; /* "run the guest in real mode" */
	const uint8_t *code, *code_end;
	const char *says; /* the bytes that it must say before it halts; with "1234" it is timed */
	/* Writes what it needs into the guest's memory and the processor's registers. Returns NULL,
	 * or the name of the call that failed, with errno. */
	const char *(*prepare)(int kvm, int vcpu, uint8_t *memory);
	/* How far it came: below KVM_GUEST_LOOPS where it did not come to its end. */
	uint64_t (*progress)(int vcpu);
	uint64_t address;      /* where its code lies, guest-physical */
	uint64_t mark_address; /* where it leaves MARK; 0: nowhere */
	uint64_t mark;
};

struct kvm_capability {
	const char *name;
	unsigned int number;
};

#define KVM_CAPABILITY(name)                                                                       \
	{                                                                                          \
#name, KVM_CAP_##name                                                              \
	}

/* QEMU: accel/kvm/kvm-all.c. */
#define KVM_REQUIRED_EVERYWHERE                                                                    \
	KVM_CAPABILITY(USER_MEMORY), KVM_CAPABILITY(DESTROY_MEMORY_REGION_WORKS),                  \
		KVM_CAPABILITY(JOIN_MEMORY_REGIONS_WORKS), KVM_CAPABILITY(INTERNAL_ERROR_DATA),    \
		KVM_CAPABILITY(IOEVENTFD), KVM_CAPABILITY(IOEVENTFD_ANY_LENGTH),                   \
		KVM_CAPABILITY(IRQFD)

/* Each architecture has its own: kvm_guest_ARCHITECTURE.c. */
extern const struct kvm_program kvm_programs[];
extern const size_t kvm_program_count;
extern const struct kvm_capability kvm_required[]; /* without any of them QEMU refuses */
extern const size_t kvm_required_count;

/* The argument of KVM_CREATE_VM. */
unsigned long kvm_machine_type(int kvm);

/* What must be set before the first processor is made. NULL, or the name of the call that failed. */
const char *kvm_prepare_machine(int vm);

/* What the last KVM_RUN ended with; RET_BYTE is filled for KVM_EVENT_BYTE. */
enum kvm_event kvm_event_of(const struct kvm_run *run, uint8_t *ret_byte);

struct kvm_trial {
	const struct kvm_program *programs;
	size_t count;
	unsigned int limit_ms; /* for all of them */
};

/* Runs the programs one after the other, each on a processor of its own.
 * A KVM_RUN that a signal cannot interrupt is left to the task's own deadline: the phase says which. */
void kvm_prove(int kvm, const struct kvm_trial *trial, struct channel *channel,
	       struct kvm_proof *ret);
