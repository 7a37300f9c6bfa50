/* SPDX-License-Identifier: Zlib */
/* Proves the sandbox: each trial enters a profile in a child of its own and makes one system call
 * that is forbidden there, or uses something that is allowed. Linked like the release binary,
 * because the C library decides which system calls are made. Prints a line per trial and a count;
 * ends with 1 when any went wrong. */
#include "tests/static/sandbox_denials.h"

#include <dirent.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct tally {
	unsigned int passed;
	unsigned int failed;
	const struct sandbox *sandbox;
};

static const char *const profile_names[] = {"files", "network", "daemon", "sockets",
					    "tool",  "driver",  "unpack"};

/* ---- what must go on working: 0, or -1 with errno */

static int use_root(void)
{
	struct root root = {.fd = -1};
	struct strbuf text = STRBUF_INIT(65536);
	struct stat status;
	struct statvfs filesystem;
	int result;

	result = root_open_directory(&root, NULL, NULL);
	if (result == 0)
		result = root_read(&root, stage.file, &text);
	if (result == 0)
		result = root_read(&root, "/proc/self/status", &text);
	if (result == 0)
		result = root_stat(&root, stage.directory, &status);
	if (result == 0)
		result = root_statvfs(&root, stage.directory, &filesystem);
	strbuf_clear(&text);
	if (result == 0)
		result = root_resolve(&root, "/proc/self/exe/..", &text);
	strbuf_release(&text);
	root_close(&root);
	return result;
}

static int use_directory(void)
{
	int fd = open(stage.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (!directory || !readdir(directory))
		return -1;
	return closedir(directory);
}

static int use_memory(void)
{
	for (size_t size = 1; size < 1u << 24; size *= 4) {
		char *block = malloc(size);

		if (!block)
			return -1;
		memset(block, 1, size);
		block = realloc(block, size * 2);
		free(block);
	}
	return 0;
}

static int use_clock(void)
{
	struct timespec now, moment = {.tv_nsec = 1000};
	time_t seconds = time(NULL);

	if (clock_gettime(CLOCK_MONOTONIC, &now) < 0 || !localtime(&seconds))
		return -1;
	return nanosleep(&moment, NULL);
}

static int use_pipe(void)
{
	struct pollfd ready;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0 || write(ends[1], "x", 1) != 1)
		return -1;
	ready = (struct pollfd){.fd = ends[0], .events = POLLIN};
	return poll(&ready, 1, 1000) == 1 ? 0 : -1;
}

static int use_tcp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = stage.tcp_port,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int use_udp(void)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr *target = (struct sockaddr *)&address;

	return fd >= 0 && sendto(fd, "x", 1, 0, target, sizeof(address)) == 1 ? 0 : -1;
}

static int use_unix(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, stage.socket_path, sizeof(stage.socket_path));
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return send(fd, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

static int use_program(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/true", "true", (char *)NULL);
		_exit(errno);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return status ? -1 : 0;
}

static int use_writing(void)
{
	int fd = open(stage.file, O_WRONLY | O_CLOEXEC);

	return fd >= 0 && write(fd, "y", 1) == 1 ? 0 : -1;
}

static const struct use {
	const char *name;
	unsigned int profiles;
	int (*run)(void);
} uses[] = {
	{"files through the root", READERS | STRANGERS, use_root},
	{"a directory's entries", READERS | STRANGERS, use_directory},
	{"memory", OURS | STRANGERS, use_memory},
	{"the clock", READERS | STRANGERS, use_clock},
	{"a pipe", READERS | STRANGERS, use_pipe},
	{"a TCP connection", NETWORK | SOCKETS | TOOL, use_tcp},
	{"a UDP packet", NETWORK | SOCKETS | TOOL, use_udp},
	{"a unix socket", DAEMON | SOCKETS | STRANGERS, use_unix},
	{"running a program", STRANGERS, use_program},
	{"writing a file", TOOL, use_writing},
};

/* ---- the trials */

static int outcome_of(pid_t child)
{
	int status = 0;

	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGSYS ? KILLED : -1;
	return WEXITSTATUS(status);
}

static void report(struct tally *tally, bool is_passed, const char *name, const char *remark)
{
	if (is_passed)
		tally->passed++;
	else
		tally->failed++;
	printf("%s %u - %s%s%s\n", is_passed ? "ok" : "not ok", tally->passed + tally->failed, name,
	       *remark ? " # " : "", remark);
}

static long call(const struct denial *denial)
{
	long a[6];

	for (size_t i = 0; i < 6; i++) {
		const void *argument = denial->arguments[i];

		a[i] = argument == &stage.victim ? stage.victim : (long)(intptr_t)argument;
	}
	return syscall(denial->call, a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void enter(const struct tally *tally, unsigned int profile)
{
	if (profile == SANDBOX_UNPACK)
		sandbox_enter_directory(tally->sandbox,
					open(stage.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	else
		sandbox_enter(tally->sandbox, (enum sandbox_profile)profile);
}

/* PROFILE SANDBOX_PROFILE_COUNT: without a sandbox. */
static int try_denial(const struct tally *tally, const struct denial *denial, unsigned int profile)
{
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		if (profile < SANDBOX_PROFILE_COUNT)
			enter(tally, profile);
		_exit(call(denial) < 0 ? errno : 0);
	}
	return outcome_of(child);
}

static void check_denial(struct tally *tally, const struct denial *denial, unsigned int profile)
{
	int outcome = try_denial(tally, denial, profile);
	bool is_refused_anyway =
		try_denial(tally, denial, SANDBOX_PROFILE_COUNT) == denial->expected;
	char name[128], remark[64] = "";

	(void)snprintf(name, sizeof(name), "%s: no %s", profile_names[profile], denial->name);
	if (outcome != denial->expected)
		(void)snprintf(remark, sizeof(remark), "expected %d, got %d", denial->expected,
			       outcome);
	else if (is_refused_anyway)
		(void)snprintf(remark, sizeof(remark), "proves nothing: refused without it too");
	report(tally, outcome == denial->expected, name, remark);
}

static void check_use(struct tally *tally, const struct use *use, unsigned int profile)
{
	char name[128], remark[64] = "";
	int outcome;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		enter(tally, profile);
		_exit(use->run() < 0 ? errno : 0);
	}
	outcome = outcome_of(child);
	(void)snprintf(name, sizeof(name), "%s: %s", profile_names[profile], use->name);
	if (outcome != 0)
		(void)snprintf(remark, sizeof(remark), "expected 0, got %d", outcome);
	report(tally, outcome == 0, name, remark);
}

/* Where openat2 is let through for --root, Landlock alone forbids it to write. */
static void check_openat2(struct tally *tally)
{
	struct sandbox *sandbox = prepared(FILES, true);
	struct open_how how = {.flags = O_WRONLY | O_CLOEXEC};
	enum sandbox_level level;
	int ends[2], outcome;
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) < 0)
		exit(1);
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		level = sandbox_enter(sandbox, SANDBOX_FILES);
		(void)!write(ends[1], &level, sizeof(level));
		_exit(syscall(SYS_openat2, AT_FDCWD, stage.file, &how, sizeof(how)) < 0 ? errno
											: 0);
	}
	outcome = outcome_of(child);
	if (read(ends[0], &level, sizeof(level)) != sizeof(level))
		level = SANDBOX_LEVEL_NONE;
	printf("# level: %s\n", sandbox_level_name(level));
	report(tally, level != SANDBOX_LEVEL_LANDLOCK || outcome == EACCES,
	       "files with --root: no openat2 to write",
	       level == SANDBOX_LEVEL_LANDLOCK ? "" : "this kernel has no Landlock");
	sandbox_free(sandbox);
}

/* ---- the stage */

static int listen_on(int family, const struct sockaddr *address, socklen_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, address, length) < 0 || listen(fd, 64) < 0) {
		perror("sandbox_denials: listen");
		exit(1);
	}
	return fd;
}

static void set_stage(void)
{
	struct sockaddr_in tcp = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_un local = {.sun_family = AF_UNIX};
	socklen_t length = sizeof(tcp);
	int fd;

	(void)snprintf(stage.directory, sizeof(stage.directory), "/tmp/spinup-denials-XXXXXX");
	if (!mkdtemp(stage.directory))
		exit(1);
	(void)snprintf(stage.file, sizeof(stage.file), "%s/file", stage.directory);
	(void)snprintf(stage.socket_path, sizeof(stage.socket_path), "%s/socket", stage.directory);
	fd = open(stage.file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || close(fd) < 0)
		exit(1);
	stage.tcp_listener = listen_on(AF_INET, (struct sockaddr *)&tcp, sizeof(tcp));
	(void)getsockname(stage.tcp_listener, (struct sockaddr *)&tcp, &length);
	stage.tcp_port = tcp.sin_port;
	memcpy(local.sun_path, stage.socket_path, sizeof(stage.socket_path));
	(void)listen_on(AF_UNIX, (struct sockaddr *)&local, sizeof(local));
	stage.victim = fork();
	if (stage.victim == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
}

static void clear_stage(void)
{
	(void)kill(stage.victim, SIGKILL);
	(void)unlink(stage.file);
	(void)unlink(stage.socket_path);
	(void)rmdir(stage.directory);
}

int main(void)
{
	const struct rlimit no_core = {0, 0};
	struct tally tally = {0};
	struct sandbox *sandbox;

	(void)setrlimit(RLIMIT_CORE, &no_core);
	set_stage();
	sandbox = prepared(OURS | STRANGERS, false);
	tally.sandbox = sandbox;
	for (unsigned int profile = 0; profile < SANDBOX_PROFILE_COUNT; profile++) {
		for (size_t i = 0; i < COUNT(denials); i++)
			if (denials[i].profiles & 1u << profile)
				check_denial(&tally, &denials[i], profile);
		for (size_t i = 0; i < COUNT(uses); i++)
			if (uses[i].profiles & 1u << profile)
				check_use(&tally, &uses[i], profile);
	}
	check_openat2(&tally);
	clear_stage();
	sandbox_free(sandbox);
	printf("%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed ? 1 : 0;
}
