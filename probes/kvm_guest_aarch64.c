/* SPDX-License-Identifier: Zlib */
/* The guest of aarch64: it stores and reads back, counts, speaks by writing where no memory is, and
 * ends by PSCI. There is no exit for its HLT: WFI would sleep in the kernel. */
#ifdef __aarch64__

#include "probes/kvm_guest.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <sys/ioctl.h>

#define CODE 0x1000u
#define DEVICE UINT64_C(0x10000000) /* beyond the guest's memory: a write there is KVM_EXIT_MMIO */
#define DEFAULT_ADDRESS_BITS 40

#define CORE_REGISTER(field)                                                                       \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(field))

extern const uint8_t kvm_arm_code[], kvm_arm_code_end[];

/* x2 counts. PSCI's SYSTEM_OFF is 0x84000008. */
__asm__(".pushsection .rodata\n"
	"	.balign 4\n"
	"kvm_arm_code:\n"
	"	mov x0, #0x10000000\n"
	"	mov x2, #0\n"
	"	mov x3, #0x8000\n"
	"	mov x4, #0x7788\n"
	"	movk x4, #0x1122, lsl #48\n"
	"	str x4, [x3]\n"
	"	ldr x5, [x3]\n"
	"	cmp x4, x5\n"
	"	b.ne 3f\n"
	"	mov w1, #'1'\n"
	"	strb w1, [x0]\n"
	"	mov w1, #'2'\n"
	"	strb w1, [x0]\n"
	"1:	add x2, x2, #1\n"
	"	cmp x2, #100\n"
	"	b.ne 1b\n"
	"	mov w1, #'3'\n"
	"	strb w1, [x0]\n"
	"	mov x2, #0\n"
	"2:	add x2, x2, #1\n"
	"	cmp x2, #100\n"
	"	b.ne 2b\n"
	"	mov w1, #'4'\n"
	"	strb w1, [x0]\n"
	"3:	mov w0, #0x0008\n"
	"	movk w0, #0x8400, lsl #16\n"
	"	hvc #0\n"
	"kvm_arm_code_end:\n"
	".popsection\n");

_Static_assert(KVM_GUEST_LOOPS == 100, "the guest counts to it");

/* The preferred target is always this generic one since Linux 4.19; older kernels take it too on the
 * processors that they know by no other name. */
static const char *prepare(int kvm, int vcpu, uint8_t *memory)
{
	struct kvm_vcpu_init init = {
		.target = KVM_ARM_TARGET_GENERIC_V8,
		.features[0] = 1u << KVM_ARM_VCPU_PSCI_0_2,
	};
	uint64_t start = CODE;
	struct kvm_one_reg program_counter = {
		.id = CORE_REGISTER(regs.pc),
		.addr = (uintptr_t)&start,
	};

	(void)kvm;
	(void)memory;
	if (ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) < 0)
		return "KVM_ARM_VCPU_INIT";
	return ioctl(vcpu, KVM_SET_ONE_REG, &program_counter) < 0 ? "KVM_SET_ONE_REG" : NULL;
}

static uint64_t count_loops(int vcpu)
{
	uint64_t count = 0;
	struct kvm_one_reg counter = {
		.id = CORE_REGISTER(regs.regs[2]),
		.addr = (uintptr_t)&count,
	};

	return ioctl(vcpu, KVM_GET_ONE_REG, &counter) < 0 ? 0 : count;
}

const struct kvm_program kvm_programs[] = {
	{
		.name = "EL1",
		.phase = "run the guest",
		.code = kvm_arm_code,
		.code_end = kvm_arm_code_end,
		.says = "1234",
		.prepare = prepare,
		.progress = count_loops,
		.address = CODE,
	},
};
const size_t kvm_program_count = sizeof(kvm_programs) / sizeof(kvm_programs[0]);

/* QEMU: target/arm/kvm.c. */
const struct kvm_capability kvm_required[] = {
	KVM_REQUIRED_EVERYWHERE,
	KVM_CAPABILITY(ONE_REG),
	KVM_CAPABILITY(ARM_PSCI_0_2),
};
const size_t kvm_required_count = sizeof(kvm_required) / sizeof(kvm_required[0]);

/* A host with a smaller physical address space refuses the default of 40 bits. */
unsigned long kvm_machine_type(int kvm)
{
	int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 && bits < DEFAULT_ADDRESS_BITS
		       ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)bits)
		       : 0;
}

const char *kvm_prepare_machine(int vm)
{
	(void)vm;
	return NULL;
}

enum kvm_event kvm_event_of(const struct kvm_run *run, uint8_t *ret_byte)
{
	if (run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
	    run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN)
		return KVM_EVENT_HALT;
	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write ||
	    run->mmio.phys_addr != DEVICE || run->mmio.len != 1)
		return KVM_EVENT_OTHER;
	*ret_byte = run->mmio.data[0];
	return KVM_EVENT_BYTE;
}

#else
_Static_assert(1, "another architecture"); /* a translation unit needs something */
#endif
