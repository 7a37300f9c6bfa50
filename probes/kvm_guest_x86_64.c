/* SPDX-License-Identifier: Zlib */
/* The guests of x86-64: one in real mode, which adds and speaks through a port, and one in long mode
 * with paging. There is no interrupt controller in the kernel: with one, HLT would wait there. */
#ifdef __x86_64__

#include "probes/kvm_guest.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#define PORT 0x3f8u
#define REAL_CODE 0x1000u
#define PML4 0x2000u
#define PDPT 0x3000u
#define LOW_DIRECTORY 0x4000u
#define HIGH_DIRECTORY 0x5000u
#define LONG_CODE 0x6000u
#define MARK_AT 0x8000u
#define STACK 0x9000u
#define MARK UINT64_C(0x1122334455667788)

#define PRESENT_WRITABLE 0x3u
#define PAGE_2_MIB 0x80u
#define MAX_CPUID_ENTRIES 256u

#define RFLAGS_RESERVED 0x2u
#define CR0_PAGED_PROTECTED 0x80050033u /* PG, AM, WP, NE, ET, MP, PE */
#define CR4_PAE 0x20u
#define EFER_LONG_MODE 0x500u /* LME, LMA */

/* Below the last 4 GiB's BIOS, where QEMU puts them: Intel's processors need them for real mode. */
#define IDENTITY_MAP 0xfffbc000u
#define TASK_STATE 0xfffbd000u

extern const uint8_t kvm_real_code[], kvm_real_code_end[], kvm_long_code[], kvm_long_code_end[];

/* 2 + 2. */
__asm__(".pushsection .rodata\n"
	"kvm_real_code:\n"
	".code16\n"
	"	mov $0x3f8, %dx\n"
	"	add %bl, %al\n"
	"	add $'0', %al\n"
	"	out %al, (%dx)\n"
	"	hlt\n"
	"kvm_real_code_end:\n"
	".code64\n"
	".popsection\n");

/* The mark goes to an address that only its page tables lead to the right place. */
__asm__(".pushsection .rodata\n"
	"kvm_long_code:\n"
	".code64\n"
	"	movabs $0x1122334455667788, %rax\n"
	"	mov $0x40008000, %ebx\n"
	"	mov %rax, (%rbx)\n"
	"	mov $0x3f8, %dx\n"
	"	mov $'1', %al\n"
	"	out %al, (%dx)\n"
	"	mov $'2', %al\n"
	"	out %al, (%dx)\n"
	"	xor %ecx, %ecx\n"
	"1:	inc %ecx\n"
	"	cmp $100, %ecx\n"
	"	jne 1b\n"
	"	mov $'3', %al\n"
	"	out %al, (%dx)\n"
	"	xor %ecx, %ecx\n"
	"2:	inc %ecx\n"
	"	cmp $100, %ecx\n"
	"	jne 2b\n"
	"	mov $'4', %al\n"
	"	out %al, (%dx)\n"
	"	hlt\n"
	"kvm_long_code_end:\n"
	".popsection\n");

_Static_assert(KVM_GUEST_LOOPS == 100, "the guest counts to it");

static const char *prepare_real(int kvm, int vcpu, uint8_t *memory)
{
	struct kvm_regs registers = {
		.rip = REAL_CODE, .rax = 2, .rbx = 2, .rflags = RFLAGS_RESERVED};
	struct kvm_sregs special;

	(void)kvm;
	(void)memory;
	if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0)
		return "KVM_GET_SREGS";
	special.cs.base = 0;
	special.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &special) < 0)
		return "KVM_SET_SREGS";
	return ioctl(vcpu, KVM_SET_REGS, &registers) < 0 ? "KVM_SET_REGS" : NULL;
}

static void set_entry(uint8_t *memory, uint64_t table, unsigned int index, uint64_t entry)
{
	memcpy(memory + table + index * sizeof(entry), &entry, sizeof(entry));
}

/* Both the first gigabyte and the second begin at physical address 0. */
static void make_page_tables(uint8_t *memory)
{
	set_entry(memory, PML4, 0, PDPT | PRESENT_WRITABLE);
	set_entry(memory, PDPT, 0, LOW_DIRECTORY | PRESENT_WRITABLE);
	set_entry(memory, PDPT, 1, HIGH_DIRECTORY | PRESENT_WRITABLE);
	set_entry(memory, LOW_DIRECTORY, 0, PAGE_2_MIB | PRESENT_WRITABLE);
	set_entry(memory, HIGH_DIRECTORY, 0, PAGE_2_MIB | PRESENT_WRITABLE);
}

/* A processor has long mode only when its CPUID says so. */
static const char *copy_cpuid(int kvm, int vcpu)
{
	struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[MAX_CPUID_ENTRIES];
	} cpuid;

	memset(&cpuid, 0, sizeof(cpuid));
	cpuid.head.nent = MAX_CPUID_ENTRIES;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) < 0)
		return "KVM_GET_SUPPORTED_CPUID";
	return ioctl(vcpu, KVM_SET_CPUID2, &cpuid) < 0 ? "KVM_SET_CPUID2" : NULL;
}

static void enter_long_mode(struct kvm_sregs *special)
{
	const struct kvm_segment code = {.limit = UINT32_MAX,
					 .selector = 8,
					 .present = 1,
					 .type = 11,
					 .s = 1,
					 .l = 1,
					 .g = 1};
	struct kvm_segment data = code;

	data.selector = 16;
	data.type = 3;
	data.l = 0;
	data.db = 1;
	special->cs = code;
	special->ds = special->es = special->fs = special->gs = special->ss = data;
	special->cr3 = PML4;
	special->cr4 = CR4_PAE;
	special->cr0 = CR0_PAGED_PROTECTED;
	special->efer = EFER_LONG_MODE;
}

static const char *prepare_long(int kvm, int vcpu, uint8_t *memory)
{
	struct kvm_regs registers = {.rip = LONG_CODE, .rsp = STACK, .rflags = RFLAGS_RESERVED};
	struct kvm_sregs special;
	const char *failed = copy_cpuid(kvm, vcpu);

	if (failed)
		return failed;
	make_page_tables(memory);
	if (ioctl(vcpu, KVM_GET_SREGS, &special) < 0)
		return "KVM_GET_SREGS";
	enter_long_mode(&special);
	if (ioctl(vcpu, KVM_SET_SREGS, &special) < 0)
		return "KVM_SET_SREGS";
	return ioctl(vcpu, KVM_SET_REGS, &registers) < 0 ? "KVM_SET_REGS" : NULL;
}

/* It has no loop: its way is that of its instructions. */
static uint64_t count_bytes(int vcpu)
{
	struct kvm_regs registers;

	return ioctl(vcpu, KVM_GET_REGS, &registers) < 0 ? 0 : registers.rip - REAL_CODE;
}

static uint64_t count_loops(int vcpu)
{
	struct kvm_regs registers;

	return ioctl(vcpu, KVM_GET_REGS, &registers) < 0 ? 0 : registers.rcx;
}

const struct kvm_program kvm_programs[] = {
	{
		.name = "real mode",
		.phase = "run the guest in real mode",
		.code = kvm_real_code,
		.code_end = kvm_real_code_end,
		.says = "4",
		.prepare = prepare_real,
		.progress = count_bytes,
		.address = REAL_CODE,
	},
	{
		.name = "long mode",
		.phase = "run the guest in long mode",
		.code = kvm_long_code,
		.code_end = kvm_long_code_end,
		.says = "1234",
		.prepare = prepare_long,
		.progress = count_loops,
		.address = LONG_CODE,
		.mark_address = MARK_AT,
		.mark = MARK,
	},
};
const size_t kvm_program_count = sizeof(kvm_programs) / sizeof(kvm_programs[0]);

/* QEMU: accel/kvm/kvm-all.c and target/i386/kvm/kvm.c. */
const struct kvm_capability kvm_required[] = {
	KVM_REQUIRED_EVERYWHERE,
	KVM_CAPABILITY(SET_TSS_ADDR),
	KVM_CAPABILITY(EXT_CPUID),
	KVM_CAPABILITY(MP_STATE),
	KVM_CAPABILITY(SIGNAL_MSI),
	KVM_CAPABILITY(IRQ_ROUTING),
	KVM_CAPABILITY(DEBUGREGS),
	KVM_CAPABILITY(XSAVE),
	KVM_CAPABILITY(VCPU_EVENTS),
	KVM_CAPABILITY(X86_ROBUST_SINGLESTEP),
	KVM_CAPABILITY(MCE),
	KVM_CAPABILITY(ADJUST_CLOCK),
	KVM_CAPABILITY(SET_IDENTITY_MAP_ADDR),
};
const size_t kvm_required_count = sizeof(kvm_required) / sizeof(kvm_required[0]);

unsigned long kvm_machine_type(int kvm)
{
	(void)kvm;
	return 0;
}

const char *kvm_prepare_machine(int vm)
{
	uint64_t identity_map = IDENTITY_MAP;

	if (ioctl(vm, KVM_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return "KVM_SET_IDENTITY_MAP_ADDR";
	return ioctl(vm, KVM_SET_TSS_ADDR, (unsigned long)TASK_STATE) < 0 ? "KVM_SET_TSS_ADDR"
									  : NULL;
}

enum kvm_event kvm_event_of(const struct kvm_run *run, uint8_t *ret_byte)
{
	if (run->exit_reason == KVM_EXIT_HLT)
		return KVM_EVENT_HALT;
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT ||
	    run->io.port != PORT || run->io.size != 1 || run->io.count != 1)
		return KVM_EVENT_OTHER;
	*ret_byte = ((const uint8_t *)run)[run->io.data_offset];
	return KVM_EVENT_BYTE;
}

#else
_Static_assert(1, "another architecture"); /* a translation unit needs something */
#endif
