// SPDX-License-Identifier: Zlib
// What stepper and clock read from and do to a process that is stopped.
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <unistd.h>

#define EXIT_TRACER 125 // of the tracer's own failure
#define TRACE_OPTIONS                                                                              \
	(PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |    \
	 PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC)

// Starts COMMAND behind the filter that LOAD_FILTER makes with DATA, traced from before its first instruction;
// its process. RET_FAILED names the call that failed (errno), NULL before the call, stays so where none did.
static inline pid_t start_traced(char **command, void (*load_filter)(void *data), void *data,
				 const char **ret_failed)
{
	int go[2];
	char byte;
	pid_t pid;

	if (pipe2(go, O_CLOEXEC)) {
		*ret_failed = "pipe";
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &byte, 1) != 1)
			_exit(EXIT_TRACER);
		load_filter(data);
		execvp(command[0], command);
		fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, command[0],
			strerror(errno));
		_exit(errno == ENOENT ? 127 : 126);
	}
	if (pid < 0)
		*ret_failed = "fork";
	else if (ptrace(PTRACE_SEIZE, pid, 0, TRACE_OPTIONS))
		*ret_failed = "ptrace";
	close(go[0]);
	if (!*ret_failed && write(go[1], "x", 1) != 1)
		*ret_failed = "pipe";
	close(go[1]);
	return pid;
}

// A word of a process's memory; -1, and errno is set, where there is none.
static inline long peek(pid_t pid, uint64_t address)
{
	errno = 0;
	return ptrace(PTRACE_PEEKDATA, pid, (void *)(uintptr_t)address, 0);
}

static inline void poke(pid_t pid, uint64_t address, long word)
{
	ptrace(PTRACE_POKEDATA, pid, (void *)(uintptr_t)address, (void *)word);
}

// Where its stack begins; 0 where it has gone meanwhile.
static inline uint64_t stack_of(pid_t pid)
{
	struct user_regs_struct registers = {0};
	struct iovec part = {&registers, sizeof(registers)};

	if (ptrace(PTRACE_GETREGSET, pid, 1, &part)) // 1: NT_PRSTATUS
		return 0;
#if defined(__x86_64__)
	return registers.rsp;
#else
	return registers.sp;
#endif
}

// A path in a process's memory, in print without blanks; "-" where the call has none.
static inline void print_path(FILE *out, pid_t pid, uint64_t address)
{
	unsigned char bytes[sizeof(long)];

	fputc(' ', out);
	if (peek(pid, address) == -1 && errno)
		fputc('-', out);
	for (int length = 0; length < 512; length += (int)sizeof(bytes)) {
		long word = peek(pid, address + (uint64_t)length);

		if (word == -1 && errno)
			return;
		memcpy(bytes, &word, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++) {
			if (bytes[i] == '\0')
				return;
			if (bytes[i] > ' ' && bytes[i] < 0x7f && bytes[i] != '\\')
				fputc(bytes[i], out);
			else
				fprintf(out, "\\x%02x", bytes[i]);
		}
	}
}

// Takes the call's number away, so that the kernel runs none and returns what stands in the register. -1: errno.
static inline int let_return(pid_t pid, long result)
{
	struct user_regs_struct registers;
	struct iovec part = {&registers, sizeof(registers)};

	if (ptrace(PTRACE_GETREGSET, pid, 1, &part)) // 1: NT_PRSTATUS
		return -1;
#if defined(__x86_64__)
	registers.orig_rax = (unsigned long)-1;
	registers.rax = (unsigned long)result;
#elif defined(__aarch64__)
	int none = -1;
	struct iovec number = {&none, sizeof(none)};

	registers.regs[0] = (unsigned long)result;
	if (ptrace(PTRACE_SETREGSET, pid, 0x404, &number)) // NT_ARM_SYSTEM_CALL
		return -1;
#else
#error "no registers known for this machine"
#endif
	return (int)ptrace(PTRACE_SETREGSET, pid, 1, &part);
}

static inline int let_fail(pid_t pid, int error)
{
	return let_return(pid, -error);
}
