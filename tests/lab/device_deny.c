// SPDX-License-Identifier: Zlib
// device_deny: forbids one character device to a control group of version 2, as a container runtime does: by a
// program that the kernel asks at each open. It stays until the group is removed.
//
//   device_deny DIRECTORY MAJOR:MINOR
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long bpf(int command, union bpf_attr *attribute)
{
	return syscall(SYS_bpf, command, attribute, sizeof(*attribute));
}

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(1);
}

// The context is struct bpf_cgroup_dev_ctx: access_type (access << 16 | type), major, minor. The answer 1 allows.
// Making the node stays allowed: somebody has to.
static int load(int major, int minor)
{
	const int opened = (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE) << 16;
	const struct bpf_insn code[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 1},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 0},
		{.code = BPF_ALU64 | BPF_AND | BPF_K, .dst_reg = 2, .imm = opened},
		{.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 2, .off = 5, .imm = 0},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 4},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 3, .imm = major},
		{.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 1, .off = 8},
		{.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = 2, .off = 1, .imm = minor},
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attribute = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insns = (uintptr_t)code,
		.insn_cnt = sizeof(code) / sizeof(code[0]),
		.license = (uintptr_t) "Zlib",
	};

	return (int)bpf(BPF_PROG_LOAD, &attribute);
}

int main(int count, char **words)
{
	union bpf_attr attribute = {.attach_type = BPF_CGROUP_DEVICE};
	int major, minor, group, program;

	if (count != 3 || sscanf(words[2], "%d:%d", &major, &minor) != 2) {
		fprintf(stderr, "usage: device_deny DIRECTORY MAJOR:MINOR\n");
		return 2;
	}
	group = open(words[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (group < 0)
		die(words[1]);
	program = load(major, minor);
	if (program < 0)
		die("bpf: load");
	attribute.target_fd = (uint32_t)group;
	attribute.attach_bpf_fd = (uint32_t)program;
	if (bpf(BPF_PROG_ATTACH, &attribute) < 0)
		die("bpf: attach");
	return 0;
}
