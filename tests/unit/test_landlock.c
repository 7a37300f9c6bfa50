/* SPDX-License-Identifier: Zlib */
/* Landlock alone, without seccomp before it: what each version of the interface handles, and what is
 * denied on this kernel. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/landlock.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

static void what_versions_handle(void **state)
{
	static const struct {
		int abi;
		uint64_t files;
		uint64_t ports;
		uint64_t scopes;
		size_t size;
	} cases[] = {
		{-1, 0, 0, 0, 8},       {1, 0x1fff, 0, 0, 8},
		{2, 0x3fff, 0, 0, 8},   {3, 0x7fff, 0, 0, 8},
		{4, 0x7fff, 3, 0, 16},  {5, 0xffff, 3, 0, 16},
		{6, 0xffff, 3, 3, 24},  {7, 0xffff, 3, 3, 24},
		{99, 0xffff, 3, 3, 24}, /* what we do not know we do not ask for */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(landlock_file_rights(cases[i].abi), cases[i].files);
		assert_int_equal(landlock_port_rights(cases[i].abi), cases[i].ports);
		assert_int_equal(landlock_scopes(cases[i].abi), cases[i].scopes);
		assert_int_equal(landlock_attribute_size(cases[i].abi), cases[i].size);
	}
}

/* Each trial returns 0, or -1 with errno. */
static int read_file(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int list_directory(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int make_file(void)
{
	char name[] = "/tmp/spinup-landlock-XXXXXX";
	int fd = mkstemp(name);

	if (fd < 0)
		return -1;
	(void)unlink(name);
	return 0;
}

static int write_device(void)
{
	return open("/dev/null", O_WRONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int make_directory(void)
{
	char name[] = "/tmp/spinup-landlock-XXXXXX";

	return mkdtemp(name) ? rmdir(name) : -1;
}

static int run_program(void)
{
	(void)execl("/proc/self/exe", "nothing", (char *)NULL);
	return -1;
}

static int use_tcp(int (*call)(int, const struct sockaddr *, socklen_t), in_port_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};

	return call(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&address,
		    sizeof(address));
}

static int bind_tcp(void)
{
	return use_tcp(bind, 0);
}

/* Port 1: refused where the connection may be tried. */
static int connect_tcp(void)
{
	return use_tcp(connect, 1);
}

static int signal_parent(void)
{
	return kill(getppid(), 0);
}

static int command_device(void)
{
	struct winsize size;

	/* A terminal's command, to what is none: ENOTTY where it may be given at all. */
	return ioctl(open("/dev/null", O_RDWR | O_CLOEXEC), TIOCGWINSZ, &size);
}

static int restrict_to_reading(void)
{
	return landlock_restrict_to_reading(false);
}

static int restrict_to_connecting(void)
{
	return landlock_restrict_to_reading(true);
}

static int beneath = -1; /* a directory with the files "old" and "down/" */

static int restrict_to_writing_below(void)
{
	return landlock_restrict_to_writing_below(beneath);
}

static int fill_below(void)
{
	int fd = openat(beneath, "new", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : -1;
}

static int make_below(void)
{
	return mkdirat(beneath, "newer", 0700) < 0 ? -1 : symlinkat("/", beneath, "newest");
}

static int link_below(void)
{
	return linkat(beneath, "old", beneath, "down/old", 0);
}

static int list_below(void)
{
	return openat(beneath, "down", O_RDONLY | O_DIRECTORY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int read_below(void)
{
	return openat(beneath, "old", O_RDONLY | O_CLOEXEC) < 0 ? -1 : 0;
}

static int remove_below(void)
{
	return unlinkat(beneath, "old", 0);
}

static int make_fifo_below(void)
{
	return mknodat(beneath, "fifo", S_IFIFO | 0600, 0);
}

/* RESTRICT NULL: without. */
static int outcome(int (*trial)(void), int (*restrict_self)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		if (restrict_self &&
		    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || restrict_self() < 0))
			_exit(255);
		_exit(trial() < 0 ? errno : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static const struct {
	int (*trial)(void);
	int needs_abi;
	int (*restrict_self)(void);
	int expected;
} denials[] = {
	{read_file, 1, restrict_to_reading, 0},
	{list_directory, 1, restrict_to_reading, 0},
	{make_file, 1, restrict_to_reading, EACCES},
	{write_device, 1, restrict_to_reading, EACCES},
	{make_directory, 1, restrict_to_reading, EACCES},
	{run_program, 1, restrict_to_reading, EACCES},
	{bind_tcp, 4, restrict_to_reading, EACCES},
	{bind_tcp, 4, restrict_to_connecting, EACCES},
	{connect_tcp, 4, restrict_to_reading, EACCES},
	{connect_tcp, 4, restrict_to_connecting, ECONNREFUSED},
	{signal_parent, 6, restrict_to_reading, EPERM},
	{read_file, 1, landlock_restrict_to_devices, 0},
	{make_file, 1, landlock_restrict_to_devices, EACCES},
	{make_directory, 1, landlock_restrict_to_devices, EACCES},
	{write_device, 1, landlock_restrict_to_devices, 0},
	{command_device, 1, landlock_restrict_to_devices, ENOTTY},
	{run_program, 1, landlock_restrict_to_devices, 0},
	{connect_tcp, 4, landlock_restrict_to_devices, EACCES},
	{fill_below, 2, restrict_to_writing_below, 0},
	{make_below, 2, restrict_to_writing_below, 0},
	{link_below, 2, restrict_to_writing_below, 0},
	{list_below, 2, restrict_to_writing_below, 0},
	{read_below, 2, restrict_to_writing_below, EACCES},
	{remove_below, 2, restrict_to_writing_below, EACCES},
	{make_fifo_below, 2, restrict_to_writing_below, EACCES},
	{read_file, 2, restrict_to_writing_below, EACCES},
	{list_directory, 2, restrict_to_writing_below, EACCES},
	{make_file, 2, restrict_to_writing_below, EACCES},
	{make_directory, 2, restrict_to_writing_below, EACCES},
	{write_device, 2, restrict_to_writing_below, EACCES},
	{run_program, 2, restrict_to_writing_below, EACCES},
	{connect_tcp, 4, restrict_to_writing_below, EACCES},
	{signal_parent, 6, restrict_to_writing_below, EPERM},
};

static void what_is_denied_here(void **state)
{
	int abi = landlock_abi();
	struct machine machine;

	(void)state;
	if (abi < 1) {
		if (getenv("SPINUP_MUST_RUN"))
			fail_msg("this kernel has no Landlock");
		skip();
	}
	machine_make(&machine);
	machine_file(&machine, "/old", "x");
	machine_directory(&machine, "/down");
	beneath = open(machine.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < COUNT(denials); i++)
		if (abi >= denials[i].needs_abi)
			assert_int_equal(outcome(denials[i].trial, denials[i].restrict_self),
					 denials[i].expected);
	assert_int_equal(outcome(remove_below, NULL), 0);
	close(beneath);
	machine_remove(&machine);
	assert_int_equal(outcome(make_file, NULL), 0); /* the trials themselves work */
	assert_int_equal(outcome(bind_tcp, NULL), 0);
	assert_int_equal(outcome(signal_parent, NULL), 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_versions_handle),
		cmocka_unit_test(what_is_denied_here),
	};

	/* What run_program would become, were it let through. */
	if (argc > 0 && argv[0][0] == 'n')
		return 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
