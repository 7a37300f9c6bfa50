/* SPDX-License-Identifier: Zlib */
/* Starting, waking and restarting a daemon: real processes in a directory of their own, with a fake
 * daemon (fake_daemon.h) that serves, lies, dies or hangs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_answer.h"
#include "agent/daemon_process.h"
#include "agent/daemon_program.h"
#include "agent/daemon_record.h"
#include "agent/daemon_start.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/nix_daemon.h"
#include "agent/private_dir.h"
#include "agent/root.h"
#include "agent/session.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fake_daemon.h"
#include "tests/unit/machine.h"

#define PATIENT_MS 30000u
#define HASTY_MS 400u /* for what is there already */
#define RUNNING_MS                                                                                 \
	2000u      /* for a program that must have come to its place before the time is over */
#define TRIES 3000 /* of 10 ms each, for what must come */

#define MAX_PID 4194304 /* of any Linux */

#define PROGRAM "/profile/nix-daemon"
#define DETERMINATE "/determinate-nixd"
#define SYSTEMCTL "/systemctl"

struct place {
	struct machine machine;
	struct root root;
	struct private_dir state;
	char *socket, *program; /* real paths; the program's is the profile's */
	struct daemon_places places;
	const char *unit_directories[2];
	struct daemon_start how;
	struct strbuf said;
	struct error error;
};

/* The machine's path PATH as the real machine has it; the caller frees. */
static char *real(const struct place *place, const char *path)
{
	return mem_format("%s%s", place->machine.directory, path);
}

static int place_make(void **state)
{
	struct place *place = mem_alloc(1, sizeof(*place));
	struct error error = {0};

	machine_make(&place->machine);
	machine_directory(&place->machine, "/var");
	assert_int_equal(root_open_directory(&place->root, NULL, NULL), 0);
	assert_int_equal(private_dir_open(&place->state, &place->root, place->machine.directory,
					  "state", &error),
			 0);
	place->socket = real(place, "/var/daemon-socket/socket");
	place->program = real(place, PROGRAM);
	place->unit_directories[0] = real(place, "/units");
	place->places = (struct daemon_places){
		.socket = place->socket,
		.determinate = real(place, DETERMINATE),
		.profile = real(place, "/profile"),
		.distribution = real(place, "/distribution"),
		.systemd = real(place, "/systemd"),
		.systemctl = real(place, SYSTEMCTL),
		.unit_directories = place->unit_directories,
		.owner = geteuid(),
	};
	place->how = (struct daemon_start){
		.root = &place->root,
		.places = &place->places,
		.state = &place->state,
		.timeout_ms = PATIENT_MS,
	};
	strbuf_init(&place->said, 1000);
	*state = place;
	return 0;
}

/* Whatever a test has started or left: this process is their reaper. */
static void end_all(const struct place *place)
{
	struct daemon_process process;

	for (int i = 0; i < TRIES && daemon_process_find(&place->root, place->socket, &process);
	     i++) {
		if (process.session != getsid(0))
			(void)session_kill(&place->root, process.session);
		(void)kill(process.pid, SIGKILL);
		(void)poll(NULL, 0, 10);
	}
	for (int i = 0; i < TRIES && waitpid(-1, NULL, WNOHANG) >= 0; i++)
		(void)poll(NULL, 0, 10);
}

static int place_remove(void **state)
{
	struct place *place = *state;

	end_all(place);
	free(place->socket);
	free(place->program);
	free((char *)place->unit_directories[0]);
	free((char *)place->places.determinate);
	free((char *)place->places.profile);
	free((char *)place->places.distribution);
	free((char *)place->places.systemd);
	free((char *)place->places.systemctl);
	strbuf_release(&place->said);
	private_dir_close(&place->state);
	root_close(&place->root);
	machine_remove(&place->machine);
	free(place);
	return 0;
}

static void put(const struct place *place, const char *script)
{
	fake_daemon_put(&place->machine, PROGRAM, place->socket, script);
}

static int start(struct place *place)
{
	strbuf_clear(&place->said);
	return daemon_start(&place->how, &place->said, &place->error);
}

static int restart(struct place *place)
{
	strbuf_clear(&place->said);
	return daemon_restart(&place->how, &place->said, &place->error);
}

static void assert_started(struct place *place)
{
	int status = start(place);

	if (status != 0)
		print_message("%s\n", place->error.message);
	assert_int_equal(status, 0);
}

static void assert_fails(struct place *place, int status, const char *why)
{
	print_message("%s\n", place->error.message);
	assert_int_equal(status, -1);
	assert_non_null(strstr(place->error.message, why));
	assert_string_equal(place->said.data, "");
}

/* Neither a living one nor a zombie. */
static void assert_no_child(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void assert_not_run(const struct place *place)
{
	assert_int_equal(faccessat(place->state.fd, DAEMON_LOG, F_OK, 0), -1);
}

static bool is_serving(const struct place *place)
{
	CLEANUP_STRBUF struct strbuf why = STRBUF_INIT(1000);

	return daemon_ask(&place->root, place->socket, PATIENT_MS, &why) == DAEMON_SERVES;
}

static struct daemon_process listener_of(const struct place *place)
{
	struct daemon_process process = {0};

	assert_true(daemon_process_find(&place->root, place->socket, &process));
	return process;
}

/* How often the programs have said that they run. */
static unsigned int count_runs(const struct place *place)
{
	CLEANUP_FREE char *path = real(place, "/state/" DAEMON_LOG);
	CLEANUP_STRBUF struct strbuf log = STRBUF_INIT(10000);
	unsigned int count = 0;

	(void)root_read(&place->root, path, &log);
	for (const char *at = log.data; (at = strstr(at, "running\n")); at++)
		count++;
	return count;
}

/* Waits until process PID is in STATE. */
static void await_state(const struct place *place, pid_t pid, char wanted)
{
	struct daemon_process process = {0};

	for (int i = 0; i < TRIES; i++) {
		assert_true(daemon_process_read(&place->root, pid, &process));
		if (process.state == wanted)
			return;
		(void)poll(NULL, 0, 10);
	}
	assert_int_equal(process.state, wanted);
}

/* One that is stopped while it has a client's connection would keep it. */
static void await_no_client(const struct place *place)
{
	int count = -1;

	for (int i = 0; i < TRIES && count != 0; i++) {
		count = daemon_process_clients(&place->root, place->socket);
		(void)poll(NULL, 0, count ? 10 : 0);
	}
	assert_int_equal(count, 0);
}

static bool has_ended(const struct place *place, const struct daemon_process *process)
{
	struct daemon_process now;

	for (int i = 0; i < TRIES; i++) {
		if (!daemon_process_read(&place->root, process->pid, &now) ||
		    !daemon_process_is_same(process, &now) || now.state == 'Z')
			return true;
		(void)poll(NULL, 0, 10);
	}
	return false;
}

/* ---- a start */

static void it_serves(void **state)
{
	struct place *place = *state;
	CLEANUP_DAEMON_RECORD struct daemon_record record = {0};
	struct daemon_process process;
	CLEANUP_FREE char *said = NULL;

	put(place, "exec $DAEMON serve");
	assert_started(place);
	process = listener_of(place);
	said = mem_format("started %s (process %d)", place->program, (int)process.pid);
	assert_string_equal(place->said.data, said);
	assert_int_equal(process.session, process.pid);
	assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &place->error),
			 1);
	assert_true(daemon_record_is(&record, &process));
	assert_string_equal(record.program, place->program);
	assert_started(place);
	assert_int_equal(strncmp(place->said.data, "a daemon serves already (process ", 33), 0);
	assert_int_equal(count_runs(place), 1);
}

/* What /proc/PID/NAME holds, its NULs made newlines. */
static void read_proc(const struct place *place, pid_t pid, const char *name, struct strbuf *out)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/%s", (int)pid, name);

	strbuf_clear(out);
	assert_int_equal(root_read(&place->root, path, out), 0);
	for (size_t i = 0; i < out->length; i++)
		if (out->data[i] == '\0')
			out->data[i] = '\n';
}

static void assert_link(pid_t pid, const char *name, const char *expected)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/%s", (int)pid, name);
	char target[512] = "";

	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, expected);
}

static void assert_limit(pid_t pid, int resource, rlim_t wanted)
{
	struct rlimit ours, its;

	assert_int_equal(getrlimit(resource, &ours), 0);
	assert_int_equal(prlimit(pid, resource, NULL, &its), 0);
	/* A container's root may not be allowed to raise the hard one. */
	if (ours.rlim_max >= wanted || its.rlim_cur != ours.rlim_max)
		assert_int_equal(its.rlim_cur, wanted);
}

/* Sets the soft limit, and returns what it was. */
static rlim_t set_soft_limit(int resource, rlim_t soft)
{
	struct rlimit limit;
	rlim_t before;

	assert_int_equal(getrlimit(resource, &limit), 0);
	before = limit.rlim_cur;
	limit.rlim_cur = soft;
	assert_int_equal(setrlimit(resource, &limit), 0);
	return before;
}

/* Nothing of the job's: no descriptor, signal, variable, directory or limit. */
static void it_is_nobodys_child(void **state)
{
	struct place *place = *state;
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(65536);
	CLEANUP_FREE char *log = real(place, "/state/" DAEMON_LOG);
	int leaked = open("/dev/null", O_RDONLY), high = dup2(leaked, 200);
	sigset_t blocked;
	mode_t mask = umask(077);
	const char *flags;
	rlim_t files;
	pid_t pid;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR2);
	(void)sigprocmask(SIG_BLOCK, &blocked, NULL);
	(void)signal(SIGUSR1, SIG_IGN);
	assert_int_equal(setenv("ACTIONS_RUNTIME_TOKEN", "secret", 1), 0);
	place->how.tracking_id = "github_7";
	place->how.proxies = (char *[]){"https_proxy=http://proxy:3128", NULL};
	put(place, "exec $DAEMON serve");
	files = set_soft_limit(RLIMIT_NOFILE, 256);
	assert_started(place);
	(void)set_soft_limit(RLIMIT_NOFILE, files);
	umask(mask);
	(void)signal(SIGUSR1, SIG_DFL);
	(void)sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	pid = listener_of(place).pid;
	read_proc(place, pid, "environ", &text);
	assert_non_null(strstr(text.data, "HOME=/root\n"));
	assert_non_null(strstr(text.data, "RUNNER_TRACKING_ID=github_7\n"));
	assert_non_null(strstr(text.data, "https_proxy=http://proxy:3128\n"));
	assert_null(strstr(text.data, "secret"));
	read_proc(place, pid, "status", &text);
	assert_non_null(strstr(text.data, "\nUmask:\t0022\n"));
	assert_non_null(strstr(text.data, "\nSigBlk:\t0000000000000000\n"));
	read_proc(place, pid, "oom_score_adj", &text);
	if (geteuid() == 0)
		assert_string_equal(text.data, "0\n");
	assert_link(pid, "cwd", "/");
	assert_link(pid, "fd/0", "/dev/null");
	assert_link(pid, "fd/1", log);
	assert_link(pid, "fd/2", log);
	read_proc(place, pid, "fdinfo/1", &text);
	assert_non_null(flags = strstr(text.data, "flags:\t"));
	assert_int_equal(strtol(flags + 7, NULL, 8) & (O_ACCMODE | O_APPEND | O_NONBLOCK),
			 O_WRONLY | O_APPEND);
	assert_limit(pid, RLIMIT_NOFILE, 1048576);
	assert_limit(pid, RLIMIT_STACK, 64u << 20);
	for (int fd = 4; fd <= high; fd++) { /* 3 is its own listener */
		CLEANUP_FREE char *path = mem_format("/proc/%d/fd/%d", (int)pid, fd);

		assert_int_equal(readlink(path, (char[8]){0}, 8), -1);
	}
	close(leaked);
	close(high);
}

/* Whom else it serves has nothing to do with what bounds the job; and what the job may not do at all, as
 * to take a priority in real time, its builders may not either. */
static void it_has_no_bounds_of_the_jobs(void **state)
{
	static const int bounds[] = {RLIMIT_FSIZE, RLIMIT_CPU, RLIMIT_DATA, RLIMIT_RSS};
	struct place *place = *state;
	rlim_t lock, before[COUNT(bounds)];
	struct rlimit its, ours;
	pid_t pid;

	put(place, "exec $DAEMON serve");
	lock = set_soft_limit(RLIMIT_MEMLOCK, 4096);
	for (size_t i = 0; i < COUNT(bounds); i++)
		before[i] = set_soft_limit(bounds[i], 1u << 30);
	assert_started(place);
	for (size_t i = 0; i < COUNT(bounds); i++)
		(void)set_soft_limit(bounds[i], before[i]);
	(void)set_soft_limit(RLIMIT_MEMLOCK, lock);
	pid = listener_of(place).pid;
	for (size_t i = 0; i < COUNT(bounds); i++)
		assert_limit(pid, bounds[i], RLIM_INFINITY);
	assert_int_equal(prlimit(pid, RLIMIT_MEMLOCK, NULL, &its), 0);
	assert_int_equal(its.rlim_cur, its.rlim_max);
	assert_int_equal(prlimit(pid, RLIMIT_RTPRIO, NULL, &its), 0);
	assert_int_equal(getrlimit(RLIMIT_RTPRIO, &ours), 0);
	assert_int_equal(its.rlim_max, ours.rlim_max);
}

static void over_a_stale_socket(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	machine_directory(&place->machine, "/var/daemon-socket");
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", place->socket);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	put(place, "exec $DAEMON serve");
	assert_started(place);
	assert_true(is_serving(place));
}

/* ---- one that fails */

static const struct {
	const char *script;
	bool is_slow; /* its time runs out */
	const char *why;
} failures[] = {
	{"echo 'error: current Nix store schema is version 11, but I only support 10' >&2; exit 1",
	 false, "it ended at once with status 1; the end of "},
	{"echo 'error: current Nix store schema is version 11, but I only support 10' >&2; exit 1",
	 false,
	 "\"running / error: current Nix store schema is version 11, but I only support 10\""},
	{"kill -9 $$", false, "it was ended at once by signal 9 (Killed)"},
	{"echo store is broken; exec $DAEMON close", false,
	 "it closes each connection; the end of "},
	{"exec $DAEMON idle", true, "nothing listens at "},
	{"exec $DAEMON mute", true,
	 "it still accepts connections and does not answer, after 2000 ms"},
	/* It is known before it runs: one that nobody knows could never be ended. */
	{"grep program \"${0%/profile/*}/state/daemon\"; exit 1", false, "/profile/nix-daemon\"\""},
};

static void one_that_fails(void **state)
{
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(failures); i++) {
		CLEANUP_DAEMON_RECORD struct daemon_record record = {0};

		place->error = (struct error){0};
		put(place, failures[i].script);
		place->how.timeout_ms = failures[i].is_slow ? RUNNING_MS : PATIENT_MS;
		assert_fails(place, start(place), failures[i].why);
		assert_no_child();
		assert_int_equal(
			daemon_record_read(&place->root, &place->state, &record, &place->error), 0);
	}
}

/* What a daemon has started itself is killed as well, and comes to us, its reaper. */
static void one_that_fails_with_a_child(void **state)
{
	struct place *place = *state;
	pid_t pid = 0;

	put(place, "$DAEMON idle & exec $DAEMON idle");
	place->how.timeout_ms = RUNNING_MS;
	assert_fails(place, start(place), "nothing listens at ");
	for (int i = 0; i < TRIES && (pid = waitpid(-1, NULL, WNOHANG)) == 0; i++)
		(void)poll(NULL, 0, 10);
	assert_true(pid > 0);
	assert_no_child();
}

/* Not what an earlier one wrote. */
static void one_that_fails_silently(void **state)
{
	struct place *place = *state;

	put(place, "echo of the first >&2; exit 1");
	assert_fails(place, start(place), "of the first");
	machine_file(&place->machine, PROGRAM, "#!/bin/sh\nexit 3\n");
	assert_fails(place, start(place), "status 3; it wrote nothing to ");
	assert_null(strstr(place->error.message, "of the first"));
	machine_file(&place->machine, PROGRAM, "#!/nonexistent/shell\n");
	assert_fails(place, start(place), "/profile/nix-daemon cannot be run: No such file");
	assert_no_child();
}

/* A caller whose children are reaped by the kernel still learns of the end. */
static void where_children_are_ignored(void **state)
{
	struct place *place = *state;
	struct sigaction after;

	(void)signal(SIGCHLD, SIG_IGN);
	put(place, "exit 1");
	assert_fails(place, start(place), "it ended at once");
	assert_int_equal(sigaction(SIGCHLD, NULL, &after), 0);
	assert_true(after.sa_handler == SIG_IGN);
	(void)signal(SIGCHLD, SIG_DFL);
}

/* ---- one that is there already */

/* Somebody else's listener, which does what MODE says. */
static pid_t put_listener(struct place *place, const char *mode)
{
	CLEANUP_FREE char *script = mem_format("exec $DAEMON %s", mode);
	CLEANUP_FREE char *path = real(place, "/stranger");
	struct daemon_process process;
	pid_t pid;

	machine_directory(&place->machine, "/var/daemon-socket");
	fake_daemon_put(&place->machine, "/stranger", place->socket, script);
	pid = fork();
	if (pid == 0) {
		(void)dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
		(void)execl(path, path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < TRIES && !daemon_process_find(&place->root, place->socket, &process);
	     i++)
		(void)poll(NULL, 0, 10);
	return pid;
}

static void strangers_are_not_started_over(void **state)
{
	static const struct {
		const char *mode, *why;
	} rows[] = {
		{"mute", " accepts connections and does not answer; no second daemon"},
		{"close", " closes each connection; no second daemon"},
	};
	struct place *place = *state;

	put(place, "exec $DAEMON serve");
	place->how.timeout_ms = HASTY_MS;
	for (size_t i = 0; i < COUNT(rows); i++) {
		pid_t pid = put_listener(place, rows[i].mode);
		CLEANUP_FREE char *who =
			mem_format(" (process %d, test_daemon_sta, running)", (int)pid);

		assert_fails(place, start(place), rows[i].why);
		assert_non_null(strstr(place->error.message, who));
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	assert_not_run(place);
}

/* A daemon that answers as one does, and that another user has put there. */
static void a_foreign_one_is_not_used(void **state)
{
	struct place *place = *state;
	CLEANUP_FREE char *directory = real(place, "/var/daemon-socket");
	CLEANUP_FREE char *who = NULL;
	pid_t pid;

	if (geteuid() != 0)
		skip(); /* only root can be another user */
	put(place, "exec $DAEMON serve");
	machine_mode(&place->machine, "/", 0755);
	machine_directory(&place->machine, "/var/daemon-socket");
	assert_int_equal(chown(directory, 1001, 1001), 0);
	pid = put_listener(place, "foreign");
	assert_fails(place, start(place),
		     "belongs to user 1001, not to root: end it, and see to it");
	who = mem_format(" (process %d, ", (int)pid);
	assert_non_null(strstr(place->error.message, who));
	assert_non_null(strstr(place->error.message, "; no second daemon is started over it"));
	assert_fails(place, restart(place), "was not started by spinup");
	assert_not_run(place);
	assert_int_equal(listener_of(place).pid, pid);
}

/* Exactly one daemon, and both learn of it. */
static void two_at_once(void **state)
{
	struct place *place = *state;
	unsigned int started = 0;
	pid_t pids[4];

	put(place, "exec $DAEMON serve");
	for (size_t i = 0; i < COUNT(pids); i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			_exit(start(place) < 0 ? 2 : place->said.data[0] == 's');
	}
	for (size_t i = 0; i < COUNT(pids); i++) {
		int status = 0;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_true(WIFEXITED(status));
		assert_in_range(WEXITSTATUS(status), 0, 1);
		started += (unsigned int)WEXITSTATUS(status);
	}
	assert_int_equal(started, 1);
	assert_int_equal(count_runs(place), 1);
	assert_true(is_serving(place));
}

static void somebody_else_at_it(void **state)
{
	struct place *place = *state;
	int lock = openat(place->state.fd, "daemon.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	put(place, "exec $DAEMON serve");
	place->how.timeout_ms = HASTY_MS;
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_fails(place, start(place), "/state/daemon.lock; look for a spinup that hangs");
	assert_not_run(place);
	assert_int_equal(flock(lock, LOCK_UN), 0);
	place->how.timeout_ms = PATIENT_MS;
	assert_started(place);
	/* The daemon itself does not hold it. */
	assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
	close(lock);
}

/* ---- what others have put there */

static void traps(void **state)
{
	struct place *place = *state;

	put(place, "exec $DAEMON serve");
	machine_file(&place->machine, "/target", "");
	machine_link(&place->machine, "/state/" DAEMON_LOG, "../target");
	assert_fails(place, start(place), "/state/" DAEMON_LOG " cannot be opened");
	assert_int_equal(unlinkat(place->state.fd, DAEMON_LOG, 0), 0);
	assert_int_equal(unlinkat(place->state.fd, "daemon.lock", 0), 0);
	machine_link(&place->machine, "/state/daemon.lock", "../target");
	assert_fails(place, start(place), "/state/daemon.lock cannot be opened");
	assert_int_equal(unlinkat(place->state.fd, "daemon.lock", 0), 0);
	machine_mode(&place->machine, PROGRAM, 0777);
	assert_fails(place, start(place), "/profile/nix-daemon is not started");
	machine_mode(&place->machine, PROGRAM, 0755);
	place->how.proxies = (char *[]){"LD_PRELOAD=/x", NULL};
	assert_fails(place, start(place), "LD_PRELOAD is no proxy variable");
	place->how.proxies = NULL;
	assert_not_run(place);
	assert_no_child();
}

static void a_symlinked_directory(void **state)
{
	struct place *place = *state;

	put(place, "exec $DAEMON serve");
	machine_directory(&place->machine, "/elsewhere");
	machine_link(&place->machine, "/var/daemon-socket", "../elsewhere");
	assert_fails(place, start(place), "/var/daemon-socket is a symlink");
	assert_not_run(place);
}

/* ---- by systemd */

static void put_systemd(const struct place *place, const char *script)
{
	machine_directory(&place->machine, "/systemd");
	machine_file(&place->machine, "/units/nix-daemon.socket", "[Socket]\n");
	machine_file(&place->machine, "/units/nix-daemon.service", "[Service]\n");
	fake_daemon_put(&place->machine, SYSTEMCTL, place->socket, script);
}

static void by_systemd(void **state)
{
	struct place *place = *state;
	CLEANUP_FREE char *asked = real(place, "/asked");
	CLEANUP_FREE char *script =
		mem_format("echo \"$@\" >%s; exec $DAEMON detached >/dev/null 2>&1", asked);
	CLEANUP_STRBUF struct strbuf words = STRBUF_INIT(1000);
	CLEANUP_DAEMON_RECORD struct daemon_record record = {0};

	put(place, "exec $DAEMON serve");
	machine_directory(&place->machine, "/var/daemon-socket");
	put_systemd(place, script);
	assert_started(place);
	assert_string_equal(place->said.data,
			    "started nix-daemon.socket nix-daemon.service by systemd");
	assert_int_equal(root_read(&place->root, asked, &words), 0);
	assert_string_equal(words.data, "start nix-daemon.socket nix-daemon.service\n");
	assert_not_run(place);
	/* It is systemd's: not for us to end. */
	assert_int_equal(daemon_record_read(&place->root, &place->state, &record, &place->error),
			 0);
	strbuf_clear(&place->said);
	assert_fails(place, daemon_restart(&place->how, &place->said, &place->error),
		     "was not started by spinup");
}

static void systemd_that_fails(void **state)
{
	struct place *place = *state;

	put(place, "exec $DAEMON serve");
	put_systemd(place, "echo 'Failed to start nix-daemon.socket: Unit is masked.' >&2; exit 5");
	assert_fails(place, start(place),
		     "ended with status 5: \"running Failed to start nix-daemon.socket: Unit is "
		     "masked.\"; see: journalctl");
	put_systemd(place, "exit 0");
	place->how.timeout_ms = RUNNING_MS;
	assert_fails(place, start(place),
		     "systemctl start nix-daemon.socket nix-daemon.service: nothing listens at ");
	assert_not_run(place);
	machine_mode(&place->machine, SYSTEMCTL, 0757);
	assert_fails(place, start(place), "/systemctl has mode 0757");
}

/* ---- waking */

static int wake(struct place *place)
{
	strbuf_clear(&place->said);
	return daemon_wake(&place->how, &place->said, &place->error);
}

static void a_stopped_one_is_woken(void **state)
{
	struct place *place = *state;
	CLEANUP_FREE char *said = NULL;
	pid_t pid;

	assert_fails(place, wake(place), "no process of this container is known to listen at ");
	pid = put_listener(place, "serve");
	assert_fails(place, wake(place), "is not stopped but running");
	assert_int_equal(kill(pid, SIGSTOP), 0);
	await_state(place, pid, 'T');
	assert_int_equal(wake(place), 0);
	said = mem_format("woke process %d (test_daemon_sta), which had been stopped", (int)pid);
	assert_string_equal(place->said.data, said);
	assert_true(is_serving(place));
}

static void one_that_stays_silent(void **state)
{
	struct place *place = *state;
	pid_t pid = put_listener(place, "mute");

	place->how.timeout_ms = HASTY_MS;
	assert_int_equal(kill(pid, SIGSTOP), 0);
	await_state(place, pid, 'T');
	assert_fails(
		place, wake(place),
		"(test_daemon_sta) was woken: it still accepts connections and does not answer");
}

/* ---- starting anew */

static void ours_is_restarted(void **state)
{
	/* Determinate's listener is a child of what was started, and ends with it. */
	static const char *const scripts[] = {
		"exec $DAEMON serve",
		"$DAEMON serve & wait",
		"trap '' TERM; $DAEMON serve & while :; do wait; done",
	};
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(scripts) * 2; i++) {
		struct daemon_process before, after;

		end_all(place);
		put(place, scripts[i / 2]);
		assert_started(place);
		before = listener_of(place);
		if (i % 2) {
			await_no_client(place);
			assert_int_equal(kill(before.pid, SIGSTOP), 0);
			await_state(place, before.pid, 'T');
		}
		assert_int_equal(restart(place), 0);
		assert_int_equal(strncmp(place->said.data, "ended process ", 14), 0);
		assert_non_null(strstr(place->said.data, "), started "));
		assert_true(has_ended(place, &before));
		after = listener_of(place);
		assert_false(daemon_process_is_same(&before, &after));
		assert_true(is_serving(place));
	}
}

/* There is nothing to be ended, and nobody to be disturbed. */
static void where_none_listens_one_is_started(void **state)
{
	struct place *place = *state;

	put(place, "exec $DAEMON serve");
	assert_int_equal(daemon_may_restart(&place->how, &place->error), 0);
	assert_not_run(place);
	assert_int_equal(restart(place), 0);
	assert_int_equal(strncmp(place->said.data, "started ", 8), 0);
	assert_true(is_serving(place));
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void one_in_use_is_left_alone(void **state)
{
	struct place *place = *state;
	struct daemon_process before, after;
	char byte;
	int client;

	put(place, "exec $DAEMON serve");
	assert_started(place);
	before = listener_of(place);
	client = connect_to(place->socket);
	assert_int_equal(read(client, &byte, 1), 1); /* it has been accepted */
	assert_fails(place, restart(place), "serves 1 other client, and is left alone");
	after = listener_of(place);
	assert_true(daemon_process_is_same(&before, &after));
	assert_int_equal(read(client, &byte, 1), 1);
	close(client);
	assert_int_equal(restart(place), 0);
}

/* The process that has CHILD's end of a connection: a daemon's worker. */
static struct daemon_process worker_of(const struct place *place, int client)
{
	struct daemon_process listener = listener_of(place), worker = {0};
	char byte;

	assert_int_equal(read(client, &byte, 1), 1); /* it has been accepted */
	for (pid_t pid = 1; pid < MAX_PID && !worker.pid; pid++)
		if (daemon_process_read(&place->root, pid, &worker) &&
		    (worker.parent != listener.pid || worker.state == 'Z' ||
		     worker.session != worker.pid))
			worker.pid = 0;
	assert_int_equal(worker.parent, listener.pid);
	return worker;
}

/* Nor does a worker outlive its daemon, in whose session it is not. */
static void the_end_is_one_for_all(void **state)
{
	static const char *const scripts[] = {"exec $DAEMON serve", "$DAEMON serve & wait"};
	struct place *place = *state;

	for (size_t i = 0; i < COUNT(scripts); i++) {
		struct daemon_process listener, worker;
		int client;

		put(place, scripts[i]);
		assert_started(place);
		await_no_client(place); /* what has greeted us */
		client = connect_to(place->socket);
		worker = worker_of(place, client);
		listener = listener_of(place);
		assert_int_not_equal(worker.session, listener.session);
		assert_int_equal(daemon_end(&place->how, &place->error), 0);
		assert_true(has_ended(place, &listener));
		assert_true(has_ended(place, &worker));
		close(client);
		end_all(place);
	}
}

/* No record, a broken one, and one whose number belongs to somebody else now. */
static void what_is_not_ours_is_left_alone(void **state)
{
	struct place *place = *state;
	struct daemon_process before, after;

	put(place, "exec $DAEMON serve");
	assert_started(place);
	before = listener_of(place);
	for (int i = 0; i < 3; i++) {
		struct daemon_process other = before;

		other.start_time--;
		daemon_record_remove(&place->state);
		if (i == 1)
			assert_int_equal(daemon_record_write(&place->root, &place->state, &other,
							     place->program, &place->error),
					 0);
		if (i == 2)
			assert_int_equal(
				private_dir_write(&place->state, "daemon", "{", 1, &place->error),
				0);
		assert_fails(place, restart(place),
			     i == 2 ? "/state/daemon" : "was not started by spinup");
		assert_non_null(strstr(place->error.message, "left alone"));
		after = listener_of(place);
		assert_true(daemon_process_is_same(&before, &after));
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)

int main(int count, char **words)
{
	const struct CMUnitTest tests[] = {
		TEST(it_serves),
		TEST(it_is_nobodys_child),
		TEST(it_has_no_bounds_of_the_jobs),
		TEST(over_a_stale_socket),
		TEST(one_that_fails),
		TEST(one_that_fails_with_a_child),
		TEST(one_that_fails_silently),
		TEST(where_children_are_ignored),
		TEST(strangers_are_not_started_over),
		TEST(a_foreign_one_is_not_used),
		TEST(two_at_once),
		TEST(somebody_else_at_it),
		TEST(traps),
		TEST(a_symlinked_directory),
		TEST(by_systemd),
		TEST(systemd_that_fails),
		TEST(a_stopped_one_is_woken),
		TEST(one_that_stays_silent),
		TEST(ours_is_restarted),
		TEST(where_none_listens_one_is_started),
		TEST(one_in_use_is_left_alone),
		TEST(the_end_is_one_for_all),
		TEST(what_is_not_ours_is_left_alone),
	};

	if (fake_daemon_runs(count, words))
		return 0;
	/* What a test's process leaves behind comes to this one, which ends it. */
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
