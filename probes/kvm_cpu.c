/* SPDX-License-Identifier: Zlib */
/* What the processor can, and whether it is itself a virtual one. */
#include <string.h>
#ifdef __x86_64__
#include <cpuid.h>
#endif

#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/kvm.h"

#define MAX_CPUINFO_BYTES (4u << 20) /* a machine of hundreds of processors repeats itself */
#define MAX_FLAGS_BYTES 8192u

#ifdef __x86_64__

#define LEAF_FEATURES 1u
#define LEAF_HYPERVISOR 0x40000000u
#define LEAF_EXTENDED 0x80000001u
#define ECX_VMX (1u << 5)
#define ECX_SVM (1u << 2)
#define ECX_HYPERVISOR (1u << 31)

/* CPUID is an instruction: no container hides it. */
static void ask_processor(struct kvm_cpu *cpu)
{
	unsigned int a, b, c, d, extended = 0;
	uint32_t signature[3];

	if (!__get_cpuid(LEAF_FEATURES, &a, &b, &c, &d))
		return;
	(void)__get_cpuid(LEAF_EXTENDED, &a, &b, &extended, &d);
	cpu->has_extension = c & ECX_VMX || extended & ECX_SVM ? KVM_YES : KVM_NO;
	cpu->is_guest = c & ECX_HYPERVISOR ? KVM_YES : KVM_NO;
	if (cpu->is_guest == KVM_NO)
		return;
	__cpuid(LEAF_HYPERVISOR, a, signature[0], signature[1], signature[2]);
	memcpy(cpu->hypervisor, signature, sizeof(signature));
}

#else

static void ask_processor(struct kvm_cpu *cpu)
{
	(void)cpu; /* aarch64 tells programs nothing of the kind */
}

#endif

/* The flags of the first processor; false where there is no such line, as on aarch64. */
static bool read_flags(const struct root *root, struct words *ret)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_CPUINFO_BYTES);
	CLEANUP_STRBUF struct strbuf flags = STRBUF_INIT(MAX_FLAGS_BYTES);
	const char *line;

	if (root_read(root, "/proc/cpuinfo", &text) < 0 || !(line = strstr(text.data, "\nflags")))
		return false;
	line++;
	line += strcspn(line, ":\n");
	if (*line != ':')
		return false;
	strbuf_add(&flags, line + 1, strcspn(line + 1, "\n"));
	words_split(ret, flags.data, " \t");
	return true;
}

void kvm_collect_cpu(struct kvm_cpu *ret, const struct root *root)
{
	CLEANUP_WORDS struct words flags = {0};

	*ret = (struct kvm_cpu){KVM_UNKNOWN, KVM_UNKNOWN, KVM_UNKNOWN, ""};
	if (read_flags(root, &flags))
		ret->has_flag = words_contain(&flags, "vmx") || words_contain(&flags, "svm")
					? KVM_YES
					: KVM_NO;
	if (!root->is_confined) {
		ask_processor(ret);
		return;
	}
	ret->has_extension = ret->has_flag;
	if (ret->has_flag != KVM_UNKNOWN)
		ret->is_guest = words_contain(&flags, "hypervisor") ? KVM_YES : KVM_NO;
}
