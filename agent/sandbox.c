/* SPDX-License-Identifier: Zlib */
/* The sandbox's filters: compiled once by libseccomp in the parent, loaded by a raw system call in
 * the children (building one costs several times what a fork does). */
#include "agent/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/landlock.h"
#include "agent/mem.h"

#define MAX_INSTRUCTIONS 4096u /* the kernel's BPF_MAXINSNS */
#define API_WITH_KILL_PROCESS 3u
#define FILTER_MAX_MEMORY                                                                          \
	(1u << 20)    /* several times what libseccomp takes; it follows NULL without */
#define NOBODY 65534u /* on every distribution, and the kernel's own for who is unknown */

#define FILES (1u << SANDBOX_FILES)
#define NETWORK (1u << SANDBOX_NETWORK)
#define DAEMON (1u << SANDBOX_DAEMON)
#define TOOL (1u << SANDBOX_TOOL)
#define DRIVER (1u << SANDBOX_DRIVER)
#define UNPACK (1u << SANDBOX_UNPACK)
#define SOCKETS (1u << SANDBOX_SOCKETS)
#define INTERNET (NETWORK | SOCKETS)
#define LOCAL (DAEMON | SOCKETS)
#define READERS (FILES | NETWORK | DAEMON | SOCKETS)
#define TALKERS (NETWORK | DAEMON | SOCKETS)
#define STRANGERS (TOOL | DRIVER)
#define OURS (READERS | UNPACK)

/* Not O_ACCMODE, in which musl counts O_PATH; and O_TMPFILE contains O_DIRECTORY: readers need
 * both. */
#define WRITING (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))
/* And what is opened while unpacking is a directory, or made there and then. */
#define STEPPING (O_DIRECTORY | O_NOFOLLOW)
#define MAKING (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)

struct sandbox {
	struct sock_fprog programs[SANDBOX_PROFILE_COUNT]; /* .filter is NULL where there is none */
	bool is_openat2_allowed;
};

/* One rule: what happens to a system call when all comparisons hold. */
struct rule {
	unsigned int profiles;
	uint32_t action;
	int call;
	unsigned int count; /* of comparisons */
	struct scmp_arg_cmp comparisons[2];
};

#define CALL(name) SCMP_SYS(name)

/* Tables: one rule to a line. */
/* clang-format off */

/* Without conditions, for every profile but those of the image's own code: what musl and glibc call for memory, files,
 * time and identity. musl says open and stat where glibc says openat and newfstatat. */
static const int reader_calls[] = {
	CALL(access), CALL(brk), CALL(clock_getres), CALL(clock_gettime), CALL(clock_nanosleep),
	CALL(close), CALL(dup), CALL(dup2), CALL(dup3), CALL(eventfd2), CALL(exit),
	CALL(exit_group), CALL(faccessat), CALL(faccessat2), CALL(fadvise64), CALL(fstat),
	CALL(fstatfs), CALL(futex), CALL(getcwd), CALL(getdents), CALL(getdents64), CALL(getegid),
	CALL(geteuid), CALL(getgid), CALL(getgroups), CALL(getpid), CALL(getppid), CALL(getrandom),
	CALL(getrlimit), CALL(getrusage), CALL(gettid), CALL(gettimeofday), CALL(getuid),
	CALL(lseek), CALL(lstat), CALL(madvise), CALL(mremap), CALL(munmap), CALL(nanosleep),
	CALL(newfstatat), CALL(pipe), CALL(pipe2), CALL(poll), CALL(ppoll), CALL(pread64),
	CALL(pselect6), CALL(read), CALL(readlink), CALL(readlinkat), CALL(readv),
	CALL(restart_syscall), CALL(rt_sigaction), CALL(rt_sigprocmask), CALL(rt_sigreturn),
	CALL(sched_getaffinity), CALL(sched_yield), CALL(select), CALL(sigaltstack), CALL(stat),
	CALL(statfs), CALL(statx), CALL(sysinfo), CALL(time), CALL(uname), CALL(write),
	CALL(writev),
};

/* And for those that talk to servers. */
static const int talker_calls[] = {
	CALL(bind), CALL(connect), CALL(getpeername), CALL(getsockname), CALL(getsockopt),
	CALL(recvfrom), CALL(recvmsg), CALL(setsockopt), CALL(shutdown),
};

/* For unpacking: memory, open descriptors, and names beneath them. */
static const int unpack_calls[] = {
	CALL(brk), CALL(clock_gettime), CALL(close), CALL(exit), CALL(exit_group), CALL(fstat),
	CALL(futex), CALL(getpid), CALL(gettid), CALL(lseek), CALL(madvise), CALL(mkdirat),
	CALL(mremap), CALL(munmap), CALL(newfstatat), CALL(poll), CALL(ppoll), CALL(read),
	CALL(readv), CALL(restart_syscall), CALL(rt_sigaction), CALL(rt_sigprocmask),
	CALL(rt_sigreturn), CALL(sigaltstack), CALL(statx), CALL(symlinkat), CALL(umask),
	CALL(utimensat), CALL(write), CALL(writev),
};

/* A tool or driver of the image may do what such do. This is what no question here needs, and what takes
 * a process out of its deadline, its user or its namespaces. */
static const int tool_denials[] = {
	CALL(acct), CALL(add_key), CALL(adjtimex), CALL(bpf), CALL(chroot), CALL(clock_adjtime),
	CALL(clock_settime), CALL(delete_module), CALL(finit_module), CALL(fsconfig), CALL(fsmount),
	CALL(fsopen), CALL(fspick), CALL(init_module), CALL(io_uring_enter),
	CALL(io_uring_register), CALL(io_uring_setup), CALL(ioperm), CALL(iopl), CALL(kcmp),
	CALL(kexec_file_load), CALL(kexec_load), CALL(keyctl), CALL(mknod), CALL(mknodat),
	CALL(mount), CALL(mount_setattr), CALL(move_mount), CALL(open_by_handle_at),
	CALL(open_tree), CALL(perf_event_open), CALL(pidfd_getfd), CALL(pivot_root),
	CALL(process_vm_readv), CALL(process_vm_writev), CALL(ptrace), CALL(quotactl), CALL(reboot),
	CALL(request_key), CALL(setdomainname), CALL(sethostname), CALL(setns), CALL(settimeofday),
	CALL(swapoff), CALL(swapon), CALL(syslog), CALL(umount2), CALL(unshare), CALL(userfaultfd),
	CALL(vhangup),
};

#define ALLOW SCMP_ACT_ALLOW
#define DENY(error) SCMP_ACT_ERRNO(error)
#define ALWAYS 0, {{.arg = 0}} /* no comparison is made */
#define IF_IS(n, value) 1, {ARGUMENT_IS(n, value)}
#define IF_BITS(n, mask, value) 1, {ARGUMENT_BITS(n, mask, value)}
#define ARGUMENT_IS(n, value) {.arg = (n), .op = SCMP_CMP_EQ, .datum_a = (value)}
#define ARGUMENT_BITS(n, mask, value) \
	{.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value)}
#define STREAM ARGUMENT_BITS(1, 0xf, SOCK_STREAM) /* the rest: SOCK_NONBLOCK, SOCK_CLOEXEC */
#define DATAGRAM ARGUMENT_BITS(1, 0xf, SOCK_DGRAM)

static const struct rule rules[] = {
	/* Reading alone; anything else kills. */
	{READERS, ALLOW, CALL(open), IF_BITS(1, WRITING, O_RDONLY)},
	{READERS, ALLOW, CALL(openat), IF_BITS(2, WRITING, O_RDONLY)},

	/* No O_TRUNC, no set-id, no link to what a symlink leads to. */
	{UNPACK, ALLOW, CALL(openat), IF_BITS(2, WRITING | STEPPING, STEPPING)},
	{UNPACK, ALLOW, CALL(openat), IF_BITS(2, WRITING | O_EXCL | STEPPING, MAKING)},
	{UNPACK, ALLOW, CALL(fchmod), IF_BITS(1, 07000, 0)},
	{UNPACK, ALLOW, CALL(linkat), IF_IS(4, 0)},

	/* No memory that is run: there is nothing to load in a static program. */
	{OURS, ALLOW, CALL(mmap), IF_BITS(2, PROT_EXEC, 0)},
	{OURS, DENY(EPERM), CALL(mmap), IF_BITS(2, PROT_EXEC, PROT_EXEC)},
	{OURS, ALLOW, CALL(mprotect), IF_BITS(2, PROT_EXEC, 0)},
	{OURS, DENY(EPERM), CALL(mprotect), IF_BITS(2, PROT_EXEC, PROT_EXEC)},

	/* F_SETOWN and F_SETSIG would send signals to others. */
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_DUPFD)},
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_DUPFD_CLOEXEC)},
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_GETFD)},
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_SETFD)},
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_GETFL)},
	{READERS, ALLOW, CALL(fcntl), IF_IS(1, F_SETFL)},

	/* The libraries ask whether their output is a terminal, name their memory, read limits, and
	 * raise signals when they abort: an error tells them no, and they go on. */
	{OURS, DENY(ENOTTY), CALL(ioctl), ALWAYS},
	{OURS, DENY(EPERM), CALL(prctl), ALWAYS},
	{READERS, ALLOW, CALL(prlimit64), 2, {ARGUMENT_IS(0, 0), ARGUMENT_IS(2, 0)}},
	{READERS, DENY(EPERM), CALL(prlimit64), 1, {{.arg = 2, .op = SCMP_CMP_NE}}},
	{OURS, DENY(EPERM), CALL(kill), ALWAYS},
	{OURS, DENY(EPERM), CALL(tkill), ALWAYS},
	{OURS, DENY(EPERM), CALL(tgkill), ALWAYS},

	{INTERNET, ALLOW, CALL(socket), 2, {ARGUMENT_IS(0, AF_INET), STREAM}},
	{INTERNET, ALLOW, CALL(socket), 2, {ARGUMENT_IS(0, AF_INET), DATAGRAM}},
	{INTERNET, ALLOW, CALL(socket), 2, {ARGUMENT_IS(0, AF_INET6), STREAM}},
	{INTERNET, ALLOW, CALL(socket), 2, {ARGUMENT_IS(0, AF_INET6), DATAGRAM}},
	{INTERNET, ALLOW, CALL(socketpair), IF_IS(0, AF_UNIX)}, /* libcurl's own wake-up */
	{LOCAL, ALLOW, CALL(socket), 2, {ARGUMENT_IS(0, AF_UNIX), STREAM}},

	/* MSG_FASTOPEN connects past Landlock's rules on TCP ports. */
	{TALKERS, ALLOW, CALL(sendto), IF_BITS(3, MSG_FASTOPEN, 0)},
	{TALKERS, DENY(EPERM), CALL(sendto), IF_BITS(3, MSG_FASTOPEN, MSG_FASTOPEN)},
	{TALKERS, ALLOW, CALL(sendmsg), IF_BITS(2, MSG_FASTOPEN, 0)},
	{TALKERS, DENY(EPERM), CALL(sendmsg), IF_BITS(2, MSG_FASTOPEN, MSG_FASTOPEN)},

	/* clone3's flags lie in memory, where no filter looks: C libraries fall back to clone. */
	{STRANGERS, DENY(ENOSYS), CALL(clone3), ALWAYS},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWNS, CLONE_NEWNS)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWCGROUP, CLONE_NEWCGROUP)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWUTS, CLONE_NEWUTS)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWIPC, CLONE_NEWIPC)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWUSER, CLONE_NEWUSER)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWPID, CLONE_NEWPID)},
	{STRANGERS, DENY(EPERM), CALL(clone), IF_BITS(0, CLONE_NEWNET, CLONE_NEWNET)},
	{DRIVER, DENY(EPERM), CALL(socket), 1, {{.arg = 0, .op = SCMP_CMP_NE, .datum_a = AF_UNIX}}},
	/* Typing into the terminal of the job. */
	{STRANGERS, DENY(EPERM), CALL(ioctl), IF_BITS(1, UINT32_MAX, TIOCSTI)},
	{STRANGERS, DENY(EPERM), CALL(ioctl), IF_BITS(1, UINT32_MAX, TIOCLINUX)},
};
/* clang-format on */
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* An architecture may lack a system call (aarch64 has no open): libseccomp gives it a number below
 * 0. */
static bool add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (calls[i] >= 0 && seccomp_rule_add(filter, action, calls[i], 0) < 0)
			return false;
	return true;
}

static bool add_rules(scmp_filter_ctx filter, unsigned int profile)
{
	for (size_t i = 0; i < COUNT(rules); i++) {
		const struct rule *rule = &rules[i];

		if (!(rule->profiles & profile) || rule->call < 0)
			continue;
		if (seccomp_rule_add_array(filter, rule->action, rule->call, rule->count,
					   rule->comparisons) < 0)
			return false;
	}
	return true;
}

static bool fill(scmp_filter_ctx filter, unsigned int profile, bool is_openat2_allowed)
{
	if (!add_rules(filter, profile))
		return false;
	if (profile & STRANGERS)
		return add_all(filter, DENY(EPERM), tool_denials, COUNT(tool_denials));
	if (profile & UNPACK)
		return add_all(filter, ALLOW, unpack_calls, COUNT(unpack_calls));
	/* Its flags lie in memory and Landlock alone guards it: it is let through only for --root. */
	if (is_openat2_allowed && seccomp_rule_add(filter, ALLOW, CALL(openat2), 0) < 0)
		return false;
	if (profile & TALKERS && !add_all(filter, ALLOW, talker_calls, COUNT(talker_calls)))
		return false;
	return add_all(filter, ALLOW, reader_calls, COUNT(reader_calls));
}

/* libseccomp writes programs only to descriptors (before 2.6). Returns where it can be read, or -1. */
static int write_out(scmp_filter_ctx filter)
{
	CLEANUP_CLOSE int file = memfd_create("filter", MFD_CLOEXEC);
	int ends[2], failed;

	if (file >= 0 && seccomp_export_bpf(filter, file) == 0 && lseek(file, 0, SEEK_SET) == 0)
		return TAKE_FD(file);
	/* The kernel is old, or no file may grow (RLIMIT_FSIZE). What does not fit into a pipe is cut, and the
	 * kernel takes no such program. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	failed = seccomp_export_bpf(filter, ends[1]);
	close(ends[1]);
	if (failed)
		close(ends[0]);
	return failed ? -1 : ends[0];
}

static void export(scmp_filter_ctx filter, struct sock_fprog *ret)
{
	CLEANUP_CLOSE int file = write_out(filter);
	const size_t unit = sizeof(struct sock_filter);
	CLEANUP_FREE struct sock_filter *code = mem_alloc(MAX_INSTRUCTIONS, unit);
	ssize_t length;

	if (file < 0)
		return;
	length = read(file, code, MAX_INSTRUCTIONS * unit);
	if (length <= 0 || (size_t)length % unit != 0)
		return;
	ret->len = (unsigned short)((size_t)length / unit);
	ret->filter = TAKE(code);
}

struct sandbox *sandbox_new(bool is_openat2_allowed)
{
	struct sandbox *sandbox = mem_alloc(1, sizeof(*sandbox));

	sandbox->is_openat2_allowed = is_openat2_allowed;
	return sandbox;
}

void sandbox_prepare(struct sandbox *sandbox, enum sandbox_profile profile)
{
	uint32_t otherwise = (1u << profile) & STRANGERS ? ALLOW : SCMP_ACT_KILL_PROCESS;
	scmp_filter_ctx filter;

	mem_expect(FILTER_MAX_MEMORY);
	/* It is not asked what seccomp(2) offers: where that is refused, prctl loads the same filter, and a
	 * kernel that cannot kill a whole process kills its one thread. */
	(void)seccomp_api_set(API_WITH_KILL_PROCESS);
	if (sandbox->programs[profile].filter || !(filter = seccomp_init(otherwise)))
		return;
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	    fill(filter, 1u << profile, sandbox->is_openat2_allowed))
		export(filter, &sandbox->programs[profile]);
	seccomp_release(filter);
}

void sandbox_free(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	for (size_t i = 0; i < SANDBOX_PROFILE_COUNT; i++)
		free(sandbox->programs[i].filter);
	free(sandbox);
}

static bool load(const struct sock_fprog *program)
{
	if (!program->filter)
		return false;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0u, program) == 0)
		return true;
	/* A container's filter may know the old call alone. */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == 0;
}

/* Behind Landlock, which the filter forbids. */
static enum sandbox_level load_filter(const struct sandbox *sandbox, enum sandbox_profile profile,
				      bool has_landlock)
{
	if (!load(&sandbox->programs[profile]))
		return SANDBOX_LEVEL_NONE; /* Landlock alone is none that anyone should rely on */
	return has_landlock ? SANDBOX_LEVEL_LANDLOCK : SANDBOX_LEVEL_SECCOMP;
}

enum sandbox_level sandbox_enter(const struct sandbox *sandbox, enum sandbox_profile profile)
{
	bool has_landlock = false;

	if (!sandbox || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return SANDBOX_LEVEL_NONE;
	/* A tool writes where its maker chose (Bazelisk unpacks into a cache), so Landlock would only
	 * break it. */
	if (profile == SANDBOX_DRIVER)
		has_landlock = landlock_restrict_to_devices() == 0;
	else if (profile != SANDBOX_TOOL)
		has_landlock = landlock_restrict_to_reading((1u << profile) & INTERNET) == 0;
	return load_filter(sandbox, profile, has_landlock);
}

static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};

	(void)syscall(SYS_capset, &header, none);
}

void sandbox_drop_root(void)
{
	if (geteuid() == 0) {
		(void)!setgroups(0, NULL);
		(void)!setresgid(NOBODY, NOBODY, NOBODY);
		(void)!setresuid(NOBODY, NOBODY, NOBODY);
	}
	drop_capabilities();
}

/* For root: no path leads out of the directory, and no capability is left to undo that. A refusal is no
 * failure: the layers behind it hold without. */
static void enter_root(int directory_fd)
{
	if (fchdir(directory_fd) == 0)
		(void)!chroot(".");
	drop_capabilities();
}

enum sandbox_level sandbox_enter_directory(const struct sandbox *sandbox, int directory_fd)
{
	bool has_landlock;

	enter_root(directory_fd);
	if (!sandbox || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return SANDBOX_LEVEL_NONE;
	has_landlock = landlock_restrict_to_writing_below(directory_fd) == 0;
	return load_filter(sandbox, SANDBOX_UNPACK, has_landlock);
}

const char *sandbox_level_name(enum sandbox_level level)
{
	static const char *const names[] = {
		[SANDBOX_LEVEL_NONE] = "none",
		[SANDBOX_LEVEL_SECCOMP] = "seccomp",
		[SANDBOX_LEVEL_LANDLOCK] = "seccomp+landlock",
	};

	return names[level];
}

const char *sandbox_library_version(void)
{
	static _Thread_local char text[32];
	const struct scmp_version *version = seccomp_version();

	(void)snprintf(text, sizeof(text), "%u.%u.%u", version->major, version->minor,
		       version->micro);
	return text;
}
