// SPDX-License-Identifier: Zlib
// deny: runs a command in which some system calls fail, to force the paths that this machine does not take.
//
//   deny CALL=ACTION... -- CMD [ARG...]
//
// CALL is a system call's name or number, ACTION an errno's name or number, or "kill".
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	int number;
} errnos[] = {
	{"EPERM", EPERM},   {"ENOENT", ENOENT}, {"EIO", EIO},       {"EAGAIN", EAGAIN},
	{"ENOMEM", ENOMEM}, {"EACCES", EACCES}, {"EINVAL", EINVAL}, {"EMFILE", EMFILE},
	{"ENOSPC", ENOSPC}, {"EROFS", EROFS},   {"ENOSYS", ENOSYS}, {"EOPNOTSUPP", EOPNOTSUPP},
};

static _Noreturn void usage(const char *what)
{
	fprintf(stderr, "deny: %s\nusage: deny CALL=ACTION... -- CMD [ARG...]\n", what);
	exit(125);
}

static uint32_t action_of(const char *text)
{
	char *end;
	long number = strtol(text, &end, 10);

	if (!strcmp(text, "kill"))
		return SCMP_ACT_KILL_PROCESS;
	if (end != text && !*end && number > 0 && number < 4096)
		return SCMP_ACT_ERRNO((uint32_t)number);
	for (size_t i = 0; i < sizeof(errnos) / sizeof(*errnos); i++)
		if (!strcmp(errnos[i].name, text))
			return SCMP_ACT_ERRNO((uint32_t)errnos[i].number);
	usage(text);
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

int main(int count, char **words)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int i;

	if (!filter)
		usage("seccomp_init");
	// Without this a filter would set no_new_privs, and sudo under it would fail.
	if (geteuid() == 0 && seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 0))
		usage("seccomp_attr_set");
	for (i = 1; i < count && strcmp(words[i], "--"); i++) {
		char *equals = strchr(words[i], '=');

		if (!equals)
			usage(words[i]);
		*equals = '\0';
		if (seccomp_rule_add(filter, action_of(equals + 1), call_of(words[i]), 0))
			usage(words[i]);
	}
	if (i + 1 >= count)
		usage("no command");
	if (seccomp_load(filter))
		usage("seccomp_load");
	seccomp_release(filter);
	execvp(words[i + 1], words + i + 1);
	fprintf(stderr, "deny: %s: %s\n", words[i + 1], strerror(errno));
	return errno == ENOENT ? 127 : 126;
}
