/* SPDX-License-Identifier: Zlib */
/* A plugin for qemu-user, which knows no seccomp: it takes each filter that the emulated program loads, judges every
 * system call after it as a kernel would, and ends the process that a filter would have killed.
 *
 *   qemu-aarch64 -plugin build/aarch64/filters.so,log=FILE PROGRAM...
 *
 * FILE gets a line for each filter and each killing (behind 8 bytes, and NULs after them). What a filter answers with
 * an error is called all the same: a plugin may look, not touch. qemu's own headers are in no package; what is used of
 * them is declared here. */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tests/aarch64/filter.h"

#define EXPORT __attribute__((visibility("default")))
#define GUEST_SECCOMP 277 /* of aarch64 */
#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif

typedef void on_syscall(uint64_t id, unsigned int cpu, int64_t number, uint64_t a1, uint64_t a2,
			uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7,
			uint64_t a8);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, on_syscall *callback);
extern EXPORT int qemu_plugin_version;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

int qemu_plugin_version = PLUGIN_VERSION;

static struct filter filters[MAX_FILTERS];
static size_t filter_count;

/* Mapped: a program that has closed every descriptor, has another root and is nobody still writes it. */
static struct log {
	_Atomic size_t length;
	char text[(1u << 20) - sizeof(size_t)];
} * log_file;

static void say(const char *line)
{
	size_t length = strlen(line), at = atomic_fetch_add(&log_file->length, length);

	if (at + length > sizeof(log_file->text))
		abort();
	memcpy(log_file->text + at, line, length);
}

static bool open_log(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	void *map = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, sizeof(*log_file)) == 0)
		map = mmap(NULL, sizeof(*log_file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	log_file = map;
	return map != MAP_FAILED;
}

static _Noreturn void end(void)
{
	(void)signal(SIGSYS, SIG_DFL);
	(void)raise(SIGSYS);
	abort(); /* it was blocked */
}

/* An address of the program is one of this process: the host has 64 bits too, and qemu's guest_base is 0. */
static void copy(uint64_t from, void *to, size_t size)
{
	struct iovec here = {to, size};
	struct iovec there = {(void *)(uintptr_t)from,
			      size}; /* NOLINT(performance-no-int-to-ptr) */

	if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)size) {
		say("not readable: the program's filter\n");
		abort();
	}
}

static void take(uint64_t address)
{
	struct filter *filter = &filters[filter_count];
	struct {
		uint64_t length; /* 16 bits and padding */
		uint64_t code;
	} program;
	char line[64];

	if (filter_count == MAX_FILTERS)
		abort();
	copy(address, &program, sizeof(program));
	filter->length = (uint16_t)program.length;
	if (filter->length > MAX_INSTRUCTIONS)
		abort();
	copy(program.code, filter->code, filter->length * sizeof(filter->code[0]));
	filter_count++;
	(void)snprintf(line, sizeof(line), "filter: %zu instructions\n", filter->length);
	say(line);
}

static bool is_killed(const struct seccomp_data *data)
{
	for (size_t i = 0; i < filter_count; i++) {
		uint32_t action = filter_run(&filters[i], data) & SECCOMP_RET_ACTION_FULL;

		if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_ERRNO)
			return true;
	}
	return false;
}

/* NOLINTNEXTLINE(readability-function-size): qemu calls it so. */
static void judge(uint64_t id, unsigned int cpu, int64_t number, uint64_t a1, uint64_t a2,
		  uint64_t a3, uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
	const struct seccomp_data data = {
		.nr = (int)number, .arch = AUDIT_ARCH_AARCH64, .args = {a1, a2, a3, a4, a5, a6}};
	char line[256];

	(void)id, (void)cpu, (void)a7, (void)a8;
	if (is_killed(&data)) {
		(void)snprintf(line, sizeof(line),
			       "killed: system call %" PRId64 " (%#" PRIx64 ", %#" PRIx64
			       ", %#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ")\n",
			       number, a1, a2, a3, a4, a5, a6);
		say(line);
		end();
	}
	if (number == GUEST_SECCOMP && a1 == SECCOMP_SET_MODE_FILTER && a3 != 0)
		take(a3);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)info;
	if (argc != 1 || strncmp(argv[0], "log=", 4) != 0)
		return -1;
	qemu_plugin_register_vcpu_syscall_cb(id, judge);
	return open_log(argv[0] + 4) ? 0 : -1;
}
