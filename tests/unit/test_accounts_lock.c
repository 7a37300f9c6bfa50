/* SPDX-License-Identifier: Zlib */
/* The lock on the machine's accounts: who holds it is waited for, and for how long. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/accounts.h"
#include "agent/accounts_lock.h"
#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define PASSWD "root:x:0:0:root:/root:/bin/sh\n"
#define GROUP "root:x:0:\n"
#define COMPLETE "nixbld:x:30000:root\n" /* each member is a user */
#define BOUND_MS 20000

static struct machine machine;
static struct root root;

static int make(void **state)
{
	(void)state;
	machine_make(&machine);
	machine_file(&machine, "/etc/passwd", PASSWD);
	machine_file(&machine, "/etc/group", GROUP);
	return root_open_directory(&root, machine.directory, NULL);
}

static int unmake(void **state)
{
	(void)state;
	root_close(&root);
	machine_remove(&machine);
	return 0;
}

/* ---- another process */

struct holder {
	pid_t pid;
	int stop; /* closed: it lets go */
};

/* Until the other side closes. */
static void wait_for_stop(int stop)
{
	struct pollfd end = {.fd = stop};

	(void)poll(&end, 1, BOUND_MS);
}

/* Until somebody else opens the lock's file; then the group is made complete, before the lock goes. */
static void wait_for_opening(int watch)
{
	static const char group[] = GROUP COMPLETE;
	struct pollfd opening = {.fd = watch, .events = POLLIN};
	int fd;

	if (poll(&opening, 1, BOUND_MS) != 1)
		_exit(1);
	fd = open(machine_path(&machine, "/etc/group"), O_WRONLY | O_TRUNC | O_CLOEXEC);
	if (write(fd, group, sizeof(group) - 1) != (ssize_t)sizeof(group) - 1)
		_exit(1);
}

/* In the child: takes the lock by COMMAND and says so. */
static void hold(int command, bool is_changing, int ready, int stop)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int watch = inotify_init1(IN_CLOEXEC);
	int fd = open(machine_path(&machine, ACCOUNTS_LOCK_PATH), O_WRONLY | O_CREAT | O_CLOEXEC,
		      0600);

	if (fd < 0 || fcntl(fd, command, &lock) < 0 ||
	    inotify_add_watch(watch, machine_path(&machine, ACCOUNTS_LOCK_PATH), IN_OPEN) < 0 ||
	    write(ready, "", 1) != 1)
		_exit(1);
	if (is_changing)
		wait_for_opening(watch);
	else
		wait_for_stop(stop);
	_exit(0);
}

static struct holder start_holder(int command, bool is_changing)
{
	struct holder holder = {0};
	int ready[2], stop[2];
	char byte;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(stop, O_CLOEXEC), 0);
	holder.pid = fork();
	assert_true(holder.pid >= 0);
	if (holder.pid == 0) {
		(void)close(stop[1]);
		hold(command, is_changing, ready[1], stop[0]);
	}
	(void)close(ready[1]);
	(void)close(stop[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	holder.stop = stop[1];
	return holder;
}

static void end_holder(const struct holder *holder)
{
	int status;

	(void)close(holder->stop);
	assert_int_equal(waitpid(holder->pid, &status, 0), holder->pid);
	assert_int_equal(status, 0);
}

/* ---- tests */

static void expect_taken(void)
{
	struct error error = {0};
	int fd = accounts_lock_take(&root, 0, &error);

	if (fd < 0)
		fail_msg("%s", error.message);
	(void)close(fd);
}

static void whoever_holds_it_is_named(void **state)
{
	struct holder holder = start_holder(F_SETLK, false);
	struct error error = {0};
	char expected[256];

	(void)state;
	(void)snprintf(expected, sizeof(expected),
		       "the accounts are being changed by process %d, which has not given back "
		       "/etc/.pwd.lock within 40 ms: end it, and try again",
		       (int)holder.pid);
	assert_int_equal(accounts_lock_take(&root, 40, &error), -1);
	assert_string_equal(error.message, expected);
	end_holder(&holder);
	expect_taken();
}

/* A lock of an open file is as good as a process's, but nobody knows whose it is. */
static void both_kinds_of_lock_count(void **state)
{
	struct holder holder = start_holder(F_OFD_SETLK, false);
	struct error error = {0};

	(void)state;
	assert_int_equal(accounts_lock_take(&root, 0, &error), -1);
	assert_non_null(strstr(error.message, "are being changed by another process, which"));
	end_holder(&holder);
	expect_taken();
}

/* In the child: 0 where the lock is free. */
static int lock_once(int command)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(machine_path(&machine, ACCOUNTS_LOCK_PATH), O_WRONLY | O_CLOEXEC);

		_exit(fd < 0 ? 2 : fcntl(fd, command, &lock) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void others_are_kept_out_while_it_is_held(void **state)
{
	struct stat status;
	int fd = accounts_lock_take(&root, 0, NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(lock_once(F_SETLK), 1);
	assert_int_equal(lock_once(F_OFD_SETLK), 1);
	(void)close(fd);
	assert_int_equal(lock_once(F_SETLK), 0);
	assert_int_equal(stat(machine_path(&machine, ACCOUNTS_LOCK_PATH), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
}

static void expect_group(const char *content)
{
	struct strbuf text = STRBUF_INIT(4096);

	assert_int_equal(root_read(&root, "/etc/group", &text), 0);
	assert_string_equal(text.data, content);
	strbuf_release(&text);
}

/* What the other one made meanwhile is what counts. */
static void an_addition_waits_and_looks_again(void **state)
{
	struct holder holder = start_holder(F_SETLK, true);
	struct accounts_change change = {0};
	struct error error = {0};

	(void)state;
	if (accounts_add_builders(&root, "nixbld", &change, &error) < 0)
		fail_msg("%s", error.message);
	end_holder(&holder);
	assert_true(accounts_change_is_empty(&change));
	expect_group(GROUP COMPLETE);
	accounts_change_release(&change);
}

/* An image that has all of it may be read-only. */
static void where_nothing_is_missing_nothing_is_locked(void **state)
{
	struct holder holder = start_holder(F_SETLK, false);
	struct accounts_change change = {0};
	struct error error = {0};

	(void)state;
	machine_file(&machine, "/etc/group", GROUP COMPLETE);
	assert_int_equal(accounts_add_builders(&root, "nixbld", &change, &error), 0);
	assert_true(accounts_change_is_empty(&change));
	assert_int_equal(accounts_remove(&root, &change, &error), 0);
	accounts_change_release(&change);
	end_holder(&holder);
}

static void a_lock_that_cannot_be_opened_is_named(void **state)
{
	struct error error = {0};

	(void)state;
	machine_link(&machine, ACCOUNTS_LOCK_PATH, "../run/lock");
	assert_int_equal(accounts_lock_take(&root, 0, &error), -1);
	assert_non_null(strstr(error.message, "/etc/.pwd.lock cannot be opened: "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(whoever_holds_it_is_named),
		TEST(both_kinds_of_lock_count),
		TEST(others_are_kept_out_while_it_is_held),
		TEST(an_addition_waits_and_looks_again),
		TEST(where_nothing_is_missing_nothing_is_locked),
		TEST(a_lock_that_cannot_be_opened_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
