/* SPDX-License-Identifier: Zlib */
/* Who listens at a socket: fake trees of /proc, hostile names and tables, and the real one. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_process.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define SOCKET "/nix/var/nix/daemon-socket/socket"
#define HEADER "Num       RefCount Protocol Flags    Type St Inode Path\n"
#define LISTENER(inode)                                                                            \
	"000000001a2b3c4d: 00000002 00000000 00010000 0001 01 " inode " " SOCKET "\n"
#define CLIENT(inode) "0000000055555555: 00000003 00000000 00000000 0001 03 " inode " " SOCKET "\n"
#define WAITING "0000000066666666: 00000003 00000000 00000000 0001 02     0 " SOCKET "\n"
#define BETWEEN "1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "

struct process {
	int pid;
	const char *name; /* as the kernel shows it in stat */
	char state;
	unsigned int start_time, uid;
	const char *fds[4]; /* targets of the links; NULL ends them */
};

static void put_process(const struct machine *machine, const struct process *process, int parent)
{
	CLEANUP_FREE char *stat = mem_format("/proc/%d/stat", process->pid);
	CLEANUP_FREE char *stat_text = mem_format(
		"%d (%s) %c %d %d 77 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 %u 8192 2 99\n",
		process->pid, process->name, process->state, parent, process->pid,
		process->start_time);
	CLEANUP_FREE char *status = mem_format("/proc/%d/status", process->pid);
	CLEANUP_FREE char *status_text =
		mem_format("Name:\tx\nState:\tS\nUid:\t4\t%u\t5\t6\nGid:\t0\n", process->uid);

	machine_file(machine, stat, stat_text);
	machine_file(machine, status, status_text);
	for (int i = 0; i < 4 && process->fds[i]; i++) {
		CLEANUP_FREE char *link = mem_format("/proc/%d/fd/%d", process->pid, i);

		machine_link(machine, link, process->fds[i]);
	}
}

struct fake {
	struct machine machine;
	struct root root;
};

static struct fake fake_make(const char *table, const struct process *processes, size_t count)
{
	struct fake fake;

	machine_make(&fake.machine);
	assert_int_equal(root_open_directory(&fake.root, fake.machine.directory, NULL), 0);
	machine_directory(&fake.machine, "/proc/sys");
	if (table)
		machine_file(&fake.machine, "/proc/net/unix", table);
	for (size_t i = 0; i < count; i++)
		put_process(&fake.machine, &processes[i], 1);
	return fake;
}

static void fake_remove(struct fake *fake)
{
	root_close(&fake->root);
	machine_remove(&fake->machine);
}

/* ---- who is found */

static const struct {
	const char *name;
	const char *table;
	struct process processes[4];
	int pid; /* that is found; 0: none */
} findings[] = {
	{"the daemon among others",
	 HEADER "0: 00000002 00000000 00010000 0001 01 40 /run/other\n" LISTENER("   41"),
	 {{12, "other", 'S', 50, 0, {"socket:[40]"}},
	  {13, "nix-daemon", 'S', 60, 0, {"/dev/null", "pipe:[41]", "socket:[41]"}}},
	 13},
	{"a worker that holds it, too, is younger",
	 HEADER LISTENER("41"),
	 {{21, "nix-daemon", 'S', 70, 0, {"socket:[41]"}},
	  {30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}}},
	 30},
	{"of the same tick the lower number",
	 HEADER LISTENER("41"),
	 {{31, "nix-daemon", 'S', 60, 0, {"socket:[41]"}},
	  {30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}}},
	 30},
	{"init listens for the service that it has started",
	 HEADER LISTENER("41"),
	 {{1, "systemd", 'S', 1, 0, {"socket:[41]"}},
	  {30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}}},
	 30},
	{"init alone", HEADER LISTENER("41"), {{1, "systemd", 'S', 1, 0, {"socket:[41]"}}}, 1},
	{"the one that took the path from another",
	 HEADER LISTENER("41") LISTENER("42"),
	 {{30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}},
	  {40, "nix-daemon", 'S', 80, 0, {"socket:[42]"}}},
	 40},
	{"a name that reads like an entry: root's comes first",
	 HEADER LISTENER("41") "0: 00000002 00000000 00010000 0001 01 44 @\n" LISTENER("45"),
	 {{30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}},
	  {50, "mallory", 'S', 90, 1001, {"socket:[44]", "socket:[45]"}}},
	 30},
	{"a user's own daemon",
	 HEADER LISTENER("41"),
	 {{30, "x", 'S', 60, 1001, {"socket:[41]"}}},
	 30},
	{"one that has ended", HEADER LISTENER("41"), {{30, "x", 'Z', 60, 0, {"socket:[41]"}}}, 0},
	{"a client is no listener",
	 HEADER CLIENT("41"),
	 {{30, "x", 'S', 60, 0, {"socket:[41]"}}},
	 0},
	{"another path",
	 HEADER "0: 00000002 00000000 00010000 0001 01 41 " SOCKET "2\n",
	 {{30, "x", 'S', 60, 0, {"socket:[41]"}}},
	 0},
	{"a datagram socket",
	 HEADER "0: 00000002 00000000 00010000 0002 01 41 " SOCKET "\n",
	 {{30, "x", 'S', 60, 0, {"socket:[41]"}}},
	 0},
	{"a holder that is not seen",
	 HEADER LISTENER("41"),
	 {{30, "x", 'S', 60, 0, {"socket:[4]"}}},
	 0},
	{"no table", NULL, {{30, "x", 'S', 60, 0, {"socket:[41]"}}}, 0},
	{"no table's head", LISTENER("41"), {{30, "x", 'S', 60, 0, {"socket:[41]"}}}, 0},
};

static void who_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(findings); i++) {
		size_t count = 0;
		struct fake fake;
		struct daemon_process found = {.pid = -5};
		bool is_found;

		while (count < 4 && findings[i].processes[count].pid)
			count++;
		fake = fake_make(findings[i].table, findings[i].processes, count);
		print_message("%s\n", findings[i].name);
		is_found = daemon_process_find(&fake.root, SOCKET, &found);
		assert_int_equal(is_found, findings[i].pid != 0);
		assert_int_equal(found.pid, findings[i].pid ? findings[i].pid : -5);
		fake_remove(&fake);
	}
}

/* Every field, with a name that is made to mislead whoever reads it. */
static void what_is_known(void **state)
{
	static const struct process process = {30,   "a) Z 9 9 9\n\x1b[31m)(", 'T', 4711,
					       1001, {"socket:[41]"}};
	struct fake fake = fake_make(HEADER LISTENER("41"), &process, 1);
	struct daemon_process found;

	(void)state;
	assert_true(daemon_process_find(&fake.root, SOCKET, &found));
	assert_int_equal(found.pid, 30);
	assert_int_equal(found.parent, 1);
	assert_int_equal(found.session, 77);
	assert_int_equal(found.start_time, 4711);
	assert_int_equal(found.state, 'T');
	assert_int_equal(found.uid, 1001);
	assert_string_equal(found.name, "a) Z 9 9 9 )(");
	assert_string_equal(daemon_process_state_name(found.state), "stopped");
	fake_remove(&fake);
}

static void what_is_broken(void **state)
{
	static const struct {
		const char *stat, *status;
	} rows[] = {
		{"", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 (x", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 )x(", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 (x) S 1 30 77 0 -1 41 1 2 3", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 (x) S y 30 77 0 -1 41 1 2 3 4 5 6 7 8 20 0 1 0 60 81",
		 "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 (x) S 1 30 y " BETWEEN "60 8192\n", "Name:\tx\nUid:\t0\t0\t0\t0\n"},
		{"30 (x) S 1 30 77 0 -1 41 1 2 3 4 5 6 7 8 20 0 1 0 60 81", "Name:\tx\n"},
		{"30 (x) S 1 30 77 0 -1 41 1 2 3 4 5 6 7 8 20 0 1 0 60 81", "Name:\tx\nUid:\tx\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake fake = fake_make(NULL, NULL, 0);
		struct daemon_process process = {.pid = -5};

		machine_file(&fake.machine, "/proc/30/stat", rows[i].stat);
		machine_file(&fake.machine, "/proc/30/status", rows[i].status);
		assert_false(daemon_process_read(&fake.root, 30, &process));
		assert_int_equal(process.pid, -5);
		fake_remove(&fake);
	}
}

/* ---- who is connected */

static void who_is_connected(void **state)
{
	static const struct {
		const char *table;
		int expected;
	} rows[] = {
		{HEADER LISTENER("41"), 0},
		{HEADER LISTENER("41") CLIENT("50"), 1},
		{HEADER CLIENT("50") LISTENER("41") CLIENT("51") CLIENT("52"), 3},
		{HEADER LISTENER("41") WAITING, 0}, /* nobody has accepted it */
		{HEADER LISTENER("41") "0: 00000003 00000000 00000000 0001 03 50\n", 0},
		{HEADER, 0},
		{"", -1},
		{"nonsense\n", -1},
		{NULL, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fake fake = fake_make(rows[i].table, NULL, 0);

		assert_int_equal(daemon_process_clients(&fake.root, SOCKET), rows[i].expected);
		fake_remove(&fake);
	}
}

struct relative {
	struct process process;
	int parent;
	const char *program; /* that exe leads to; NULL: it cannot be read */
};

static void put_relative(const struct machine *machine, const struct relative *relative)
{
	CLEANUP_FREE char *link = mem_format("/proc/%d/exe", relative->process.pid);

	put_process(machine, &relative->process, relative->parent);
	if (relative->program)
		machine_link(machine, link, relative->program);
}

#define NIX "/nix/store/x/bin/nix"
#define NIXD                                                                                       \
	{                                                                                          \
		{20, "nixd", 'S', 50, 0, {"socket:[41]"}}, 1, "/nixd"                              \
	}
#define DAEMON(parent)                                                                             \
	{                                                                                          \
		{30, "nix-daemon", 'S', 60, 0, {"socket:[41]"}}, parent, NIX                       \
	}
#define WORKER(pid, parent, program)                                                               \
	{                                                                                          \
		{pid, "nix-daemon", 'S', 70, 0, {NULL}}, parent, program                           \
	}

static const struct {
	const char *name;
	const char *table;
	struct relative processes[4];
	int expected;
} families[] = {
	{"a daemon alone", HEADER LISTENER("41"), {DAEMON(1)}, 0},
	{"a client in another network namespace, which no table has",
	 HEADER LISTENER("41"),
	 {DAEMON(1), WORKER(40, 30, NIX)},
	 1},
	{"numbers that have wrapped around, and a program that may be the same",
	 HEADER LISTENER("41") CLIENT("50"),
	 {DAEMON(1), WORKER(4, 30, NIX), WORKER(5, 30, NULL)},
	 2},
	{"one of two clients whose worker is seen",
	 HEADER LISTENER("41") CLIENT("50") CLIENT("51"),
	 {DAEMON(1), WORKER(40, 30, NIX)},
	 2},
	{"a worker that has ended",
	 HEADER LISTENER("41"),
	 {DAEMON(1), {{40, "nix-daemon", 'Z', 70, 0, {NULL}}, 30, NIX}},
	 0},
	{"somebody else's nix", HEADER LISTENER("41"), {DAEMON(1), WORKER(40, 1, NIX)}, 0},
	{"Determinate's daemon, which starts Nix's", HEADER LISTENER("41"), {NIXD, DAEMON(20)}, 0},
	{"and a worker of that", HEADER LISTENER("41"), {NIXD, DAEMON(20), WORKER(40, 30, NIX)}, 1},
};

static void who_is_served(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		struct fake fake = fake_make(families[i].table, NULL, 0);

		print_message("%s\n", families[i].name);
		for (size_t j = 0; j < 4 && families[i].processes[j].process.pid; j++)
			put_relative(&fake.machine, &families[i].processes[j]);
		assert_int_equal(daemon_process_clients(&fake.root, SOCKET), families[i].expected);
		fake_remove(&fake);
	}
}

/* What does not fit is not "nobody". */
static void a_table_without_end(void **state)
{
	struct strbuf table = STRBUF_INIT(20u << 20);
	struct fake fake;
	struct daemon_process found;

	(void)state;
	strbuf_puts(&table, HEADER LISTENER("41"));
	while (table.length < (17u << 20))
		strbuf_puts(&table,
			    "0: 00000002 00000000 00000000 0001 01 7 @aaaaaaaaaaaaaaaaaaaaaa\n");
	fake = fake_make(table.data, NULL, 0);
	assert_int_equal(daemon_process_clients(&fake.root, SOCKET), -1);
	assert_false(daemon_process_find(&fake.root, SOCKET, &found));
	fake_remove(&fake);
	strbuf_release(&table);
}

/* ---- the real /proc */

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void a_real_listener(void **state)
{
	CLEANUP_FREE char *path = NULL;
	struct machine machine;
	struct root root;
	struct daemon_process found;
	int listener, client, accepted;

	(void)state;
	machine_make(&machine);
	path = mem_format("%s/socket", machine.directory);
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	assert_false(daemon_process_find(&root, path, &found));
	listener = listen_at(path);
	assert_true(daemon_process_find(&root, path, &found));
	assert_int_equal(found.pid, getpid());
	assert_int_equal(found.session, getsid(0));
	assert_int_equal(found.uid, geteuid());
	assert_int_equal(found.state, 'R');
	client = connect_to(path);
	assert_int_equal(daemon_process_clients(&root, path), 0);
	accepted = accept(listener, NULL, NULL);
	assert_int_equal(daemon_process_clients(&root, path), 1);
	close(accepted);
	assert_int_equal(daemon_process_clients(&root, path), 0);
	close(client);
	close(listener);
	root_close(&root);
	machine_remove(&machine);
}

static void a_signal_meets_only_the_same(void **state)
{
	struct daemon_process process, other;
	struct root root;
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		for (;;)
			(void)pause();
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	assert_true(daemon_process_read(&root, pid, &process));
	other = process;
	other.start_time--;
	assert_int_equal(daemon_process_signal(&root, &other, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
	assert_int_equal(daemon_process_signal(&root, &process, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(daemon_process_signal(&root, &process, SIGKILL), -1);
	assert_int_equal(errno, ESRCH);
	root_close(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_found),    cmocka_unit_test(what_is_known),
		cmocka_unit_test(what_is_broken),  cmocka_unit_test(who_is_connected),
		cmocka_unit_test(who_is_served),   cmocka_unit_test(a_table_without_end),
		cmocka_unit_test(a_real_listener), cmocka_unit_test(a_signal_meets_only_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
