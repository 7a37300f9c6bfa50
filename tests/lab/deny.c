// SPDX-License-Identifier: Zlib
// deny: runs a command in which some system calls fail, to force the paths that this machine does not take.
//
//   deny CALL[:ARG[&MASK]=VALUE]=ACTION... -- CMD [ARG...]
//
// CALL is a system call's name or number, ACTION an errno's name or number, "kill", or a way of not coming
// back: "stall" until a signal comes, "stick" until the process is killed. ARG, from 0, confines it to calls
// whose argument, as far as MASK has its bits, is VALUE: ioctl:1=0xae80=stick is a KVM_RUN that never returns.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/lab/errnos.h"

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "deny: %s\nusage: deny CALL[:ARG[&MASK]=VALUE]=ACTION... -- CMD [ARG...]\n",
		what);
	exit(125);
}

static uint32_t action_of(const char *text)
{
	int number = errno_of(text);

	if (!strcmp(text, "kill"))
		return SCMP_ACT_KILL_PROCESS;
	if (!strcmp(text, "stall") || !strcmp(text, "stick"))
		return SCMP_ACT_NOTIFY; // and nobody answers
	if (!number)
		usage(text);
	return SCMP_ACT_ERRNO((uint32_t)number);
}

static int call_of(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);
	int call = end != text && !*end ? (int)number : seccomp_syscall_resolve_name(text);

	if (call == __NR_SCMP_ERROR)
		usage(text);
	return call;
}

// "CALL:ARG&MASK=VALUE=ACTION" or "CALL=ACTION" as a rule of the filter.
static void add_rule(scmp_filter_ctx filter, char *word)
{
	char *action = strrchr(word, '='), *argument = strchr(word, ':'), *end;
	struct scmp_arg_cmp comparison = {.op = SCMP_CMP_MASKED_EQ, .datum_a = UINT32_MAX};
	int failed;

	if (!action)
		usage(word);
	*action++ = '\0';
	if (!argument) {
		failed = seccomp_rule_add(filter, action_of(action), call_of(word), 0);
	} else {
		*argument++ = '\0';
		comparison.arg = (unsigned int)strtoul(argument, &end, 10);
		if (*end == '&')
			comparison.datum_a = strtoul(end + 1, &end, 0);
		if (*end != '=')
			usage(argument);
		comparison.datum_b = strtoul(end + 1, NULL, 0);
		failed = seccomp_rule_add_array(filter, action_of(action), call_of(word), 1,
						&comparison);
	}
	if (failed)
		usage(word);
}

// Takes each call from the kernel's hands and keeps it, until the command ends. Only a call that was taken is
// deaf to signals.
static void keep_calls(int listener, pid_t command)
{
	struct seccomp_notif call;

	if (fork() != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	while (getppid() == command) {
		memset(&call, 0, sizeof(call));
		ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call);
	}
	_exit(0);
}

// By hand: libseccomp 2.5 does not know the flag that makes a call deaf to signals (Linux 5.19).
static void load_with_listener(scmp_filter_ctx filter, int is_deaf)
{
	static struct sock_filter code[4096];
	struct sock_fprog program = {.filter = code};
	unsigned int flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | (is_deaf ? 1u << 5 : 0);
	int file = memfd_create("filter", MFD_CLOEXEC);
	ssize_t length;
	long listener;

	if (file < 0 || seccomp_export_bpf(filter, file))
		usage("seccomp_export_bpf");
	length = pread(file, code, sizeof(code), 0);
	program.len = (unsigned short)(length / (ssize_t)sizeof(code[0]));
	if (geteuid() != 0)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	listener = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
	if (listener < 0)
		usage("seccomp");
	keep_calls((int)listener, getpid());
}

int main(int count, char **words)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i, is_kept = 0, is_deaf = 0;

	if (!filter)
		usage("seccomp_init");
	// Without this a filter would set no_new_privs, and sudo under it would fail.
	if (geteuid() == 0 && seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0))
		usage("seccomp_attr_set");
	for (i = 1; i < count && strcmp(words[i], "--"); i++) {
		is_deaf |= strstr(words[i], "=stick") != NULL;
		is_kept |= is_deaf || strstr(words[i], "=stall");
		add_rule(filter, words[i]);
	}
	if (i + 1 >= count)
		usage("no command");
	if (is_kept)
		load_with_listener(filter, is_deaf);
	else if (seccomp_load(filter))
		usage("seccomp_load");
	seccomp_release(filter);
	execvp(words[i + 1], words + i + 1);
	fprintf(stderr, "deny: %s: %s\n", words[i + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
