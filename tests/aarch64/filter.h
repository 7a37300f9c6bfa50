/* SPDX-License-Identifier: Zlib */
/* seccomp's filters as a kernel judges by them, for qemu-user, which has none: filters.c does so outside of the
 * emulated program, kernel.c inside. */
#pragma once

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILTERS 8u
#define MAX_INSTRUCTIONS 4096u

struct filter {
	struct sock_filter code[MAX_INSTRUCTIONS];
	size_t length;
};

static inline bool filter_jumps(uint16_t operation, uint32_t value, uint32_t operand)
{
	switch (operation) {
	case BPF_JEQ:
		return value == operand;
	case BPF_JGT:
		return value > operand;
	case BPF_JGE:
		return value >= operand;
	case BPF_JSET:
		return (value & operand) != 0;
	default:
		abort();
	}
}

/* What the kernel runs (libseccomp writes no more of it than this). */
static inline uint32_t filter_run(const struct filter *filter, const struct seccomp_data *data)
{
	uint32_t value = 0;

	for (size_t at = 0; at < filter->length; at++) {
		const struct sock_filter *one = &filter->code[at];

		if (one->code == (BPF_RET | BPF_K))
			return one->k;
		if (one->code == (BPF_LD | BPF_W | BPF_ABS) &&
		    one->k <= sizeof(*data) - sizeof(value))
			memcpy(&value, (const char *)data + one->k, sizeof(value));
		else if (one->code == (BPF_ALU | BPF_AND | BPF_K))
			value &= one->k;
		else if (one->code == (BPF_JMP | BPF_JA))
			at += one->k;
		else if (BPF_CLASS(one->code) == BPF_JMP && BPF_SRC(one->code) == BPF_K)
			at += filter_jumps(BPF_OP(one->code), value, one->k) ? one->jt : one->jf;
		else
			abort();
	}
	abort();
}
