/* SPDX-License-Identifier: Zlib */
/* The sandbox's levels, above all where a kernel or a pod refuses. What each profile denies is proven
 * with the release libraries by tests/static/sandbox_denials.c. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/landlock.h"
#include "agent/sandbox.h"
#include "tests/unit/check.h"
#include "tests/unit/prepared.h"

#define ALL ((1u << SANDBOX_PROFILE_COUNT) - 1)
#define NOTHING (-1L)

/* Makes two system calls fail in this process, as a pod's own filter would. */
static bool refuse(long first, long second, unsigned int error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)first, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)second, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = COUNT(code), .filter = code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* Runs TRIAL in a child; returns its exit status, or minus the signal that ended it. */
static int in_child(int (*trial)(const void *), const void *argument)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0)
		_exit(trial(argument));
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct refusal {
	long first;
	long second;
	unsigned int error;
	enum sandbox_profile profile;
	enum sandbox_level expected;
	bool needs_landlock;
};

static int reach_level(const void *argument)
{
	const struct refusal *refusal = argument;
	struct sandbox *sandbox = prepared(ALL, false);

	if (!refuse(refusal->first, refusal->second, refusal->error))
		return 100;
	if (refusal->profile == SANDBOX_UNPACK)
		return (int)sandbox_enter_directory(
			sandbox, open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	return (int)sandbox_enter(sandbox, refusal->profile);
}

static void refusals_mean_lower_levels(void **state)
{
	static const struct refusal refusals[] = {
		{NOTHING, NOTHING, 0, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
		{NOTHING, NOTHING, 0, SANDBOX_NETWORK, SANDBOX_LEVEL_LANDLOCK, true},
		{NOTHING, NOTHING, 0, SANDBOX_DAEMON, SANDBOX_LEVEL_LANDLOCK, true},
		{NOTHING, NOTHING, 0, SANDBOX_SOCKETS, SANDBOX_LEVEL_LANDLOCK, true},
		{NOTHING, NOTHING, 0, SANDBOX_TOOL, SANDBOX_LEVEL_SECCOMP, false},
		{NOTHING, NOTHING, 0, SANDBOX_DRIVER, SANDBOX_LEVEL_LANDLOCK, true},
		{444, NOTHING, ENOSYS, SANDBOX_FILES, SANDBOX_LEVEL_SECCOMP, false},
		{444, NOTHING, EOPNOTSUPP, SANDBOX_FILES, SANDBOX_LEVEL_SECCOMP, false},
		{444, 445, EPERM, SANDBOX_NETWORK, SANDBOX_LEVEL_SECCOMP, false},
		{445, NOTHING, EINVAL, SANDBOX_NETWORK, SANDBOX_LEVEL_SECCOMP, false},
		{446, NOTHING, EPERM, SANDBOX_DAEMON, SANDBOX_LEVEL_SECCOMP, false},
		{444, NOTHING, ENOSYS, SANDBOX_DRIVER, SANDBOX_LEVEL_SECCOMP, false},
		{NOTHING, NOTHING, 0, SANDBOX_UNPACK, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_chroot, SYS_capset, EPERM, SANDBOX_UNPACK, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_fchdir, NOTHING, EACCES, SANDBOX_UNPACK, SANDBOX_LEVEL_LANDLOCK, true},
		{444, NOTHING, ENOSYS, SANDBOX_UNPACK, SANDBOX_LEVEL_SECCOMP, false},
		{445, NOTHING, EINVAL, SANDBOX_UNPACK, SANDBOX_LEVEL_SECCOMP, false},
		{SYS_seccomp, SYS_prctl, EPERM, SANDBOX_UNPACK, SANDBOX_LEVEL_NONE, false},
		/* The old call is tried where the new one is refused. */
		{SYS_seccomp, NOTHING, ENOSYS, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_seccomp, NOTHING, EPERM, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_prctl, NOTHING, EPERM, SANDBOX_FILES, SANDBOX_LEVEL_NONE, false},
		{SYS_seccomp, SYS_prctl, EPERM, SANDBOX_TOOL, SANDBOX_LEVEL_NONE, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (!refusals[i].needs_landlock || landlock_abi() > 1)
			assert_int_equal(in_child(reach_level, &refusals[i]), refusals[i].expected);
}

static int prepare_under(const void *argument)
{
	const struct refusal *refusal = argument;

	if (!refuse(refusal->first, refusal->second, refusal->error))
		return 100;
	return (int)sandbox_enter(prepared(ALL, false), refusal->profile);
}

/* The filters are made without asking the kernel: what is refused counts only where it is loaded. */
static void refusals_do_not_spoil_the_filters(void **state)
{
	static const struct refusal refusals[] = {
		{SYS_seccomp, NOTHING, ENOSYS, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_seccomp, NOTHING, EPERM, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
		{SYS_seccomp, 444, ENOSYS, SANDBOX_NETWORK, SANDBOX_LEVEL_SECCOMP, false},
		{SYS_memfd_create, NOTHING, ENOSYS, SANDBOX_FILES, SANDBOX_LEVEL_LANDLOCK, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++)
		if (!refusals[i].needs_landlock || landlock_abi() > 1)
			assert_int_equal(in_child(prepare_under, &refusals[i]),
					 refusals[i].expected);
}

static int enter_nothing(const void *argument)
{
	(void)argument;
	return (int)sandbox_enter(NULL, SANDBOX_FILES);
}

static int enter_unprepared(const void *argument)
{
	struct sandbox *sandbox = prepared(1u << SANDBOX_NETWORK, false);

	(void)argument;
	return (int)sandbox_enter(sandbox, SANDBOX_FILES);
}

static void nothing_to_load(void **state)
{
	(void)state;
	assert_int_equal(in_child(enter_nothing, NULL), SANDBOX_LEVEL_NONE);
	assert_int_equal(in_child(enter_unprepared, NULL), SANDBOX_LEVEL_NONE);
	sandbox_free(NULL);
}

static int open_a_socket(const void *argument)
{
	struct sandbox *sandbox = prepared(1u << SANDBOX_FILES, false);

	(void)argument;
	sandbox_enter(sandbox, SANDBOX_FILES);
	return socket(AF_INET, SOCK_STREAM, 0);
}

static void what_is_forbidden_kills(void **state)
{
	(void)state;
	assert_int_equal(in_child(open_a_socket, NULL), -SIGSYS);
}

/* What is left of root's: 0 nothing, 1 capabilities, 2 user or group, 3 other groups. */
static int drop_root(const void *argument)
{
	const struct refusal *refusal = argument;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
	const gid_t other = 1;
	uid_t uids[3];
	gid_t gids[3];

	if (setgroups(1, &other) < 0 || !refuse(refusal->first, refusal->second, refusal->error))
		return 100;
	sandbox_drop_root();
	if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
	    getresgid(&gids[0], &gids[1], &gids[2]) < 0 || syscall(SYS_capget, &header, data) < 0)
		return 100;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if (data[i].effective | data[i].permitted | data[i].inheritable)
			return 1;
	for (size_t i = 0; i < 3; i++)
		if (uids[i] == 0 || gids[i] == 0)
			return 2;
	return getgroups(0, NULL) ? 3 : 0;
}

static void root_is_dropped(void **state)
{
	static const struct refusal granted = {NOTHING, NOTHING, 0, 0, 0, false};
	/* What is refused changes nothing of the rest. */
	static const struct refusal no_user = {SYS_setresuid, SYS_setresgid, EPERM, 0, 0, false};
	static const struct refusal no_groups = {SYS_setgroups, NOTHING, EPERM, 0, 0, false};

	(void)state;
	if (geteuid() != 0)
		skip(); /* who is not root has nothing to drop */
	assert_int_equal(in_child(drop_root, &granted), 0);
	assert_int_equal(in_child(drop_root, &no_user), 2);
	assert_int_equal(in_child(drop_root, &no_groups), 3);
}

/* The job's sudo must go on working. */
static void the_parent_is_left_alone(void **state)
{
	struct sandbox *sandbox = prepared(ALL, true);

	(void)state;
	assert_non_null(sandbox);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_GET_SECCOMP), 0);
	sandbox_free(sandbox);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(sandbox_level_name(SANDBOX_LEVEL_NONE), "none");
	assert_string_equal(sandbox_level_name(SANDBOX_LEVEL_SECCOMP), "seccomp");
	assert_string_equal(sandbox_level_name(SANDBOX_LEVEL_LANDLOCK), "seccomp+landlock");
	assert_int_equal(strncmp(sandbox_library_version(), "2.", 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals_mean_lower_levels),
		cmocka_unit_test(nothing_to_load),
		cmocka_unit_test(refusals_do_not_spoil_the_filters),
		cmocka_unit_test(what_is_forbidden_kills),
		cmocka_unit_test(root_is_dropped),
		cmocka_unit_test(the_parent_is_left_alone),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
