/* SPDX-License-Identifier: Zlib */
/* A Nix daemon for tests. */
#include "tests/unit/fake_daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define MARK "--fake-daemon"

/* Protocol 1.38, no features, "2.26.3", trusted, the end of the greeting (Nix's daemon.cc). */
static const unsigned char greeting[] =
	"oixd\0\0\0\0\x26\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x06\0\0\0\0\0\0\0"
	"2.26.3\0\0\x01\0\0\0\0\0\0\0stla\0\0\0";

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 100) < 0)
		_exit(9);
	return fd;
}

static void greet(int client)
{
	char bytes[256];

	(void)setsid();
	(void)!write(client, greeting, sizeof(greeting));
	while (read(client, bytes, sizeof(bytes)) > 0)
		continue;
	_exit(0);
}

static void serve(int listener)
{
	(void)signal(SIGCHLD, SIG_IGN);
	for (;;) {
		int client = accept(listener, NULL, NULL);

		if (fork() == 0) {
			close(listener);
			greet(client);
		}
		close(client);
	}
}

static void close_each(int listener)
{
	for (;;)
		close(accept(listener, NULL, NULL));
}

/* Comes back in the child alone; who waits for the parent may then end the parent's group. */
static void detach(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) < 0)
		_exit(9);
	if (fork() != 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 0 ? 0 : 9);
	}
	(void)setsid();
	close(ends[0]);
	close(ends[1]);
}

bool fake_daemon_runs(int count, char **words)
{
	if (count != 4 || strcmp(words[1], MARK) != 0)
		return false;
	if (strcmp(words[3], "detached") == 0)
		detach();
	if (strcmp(words[3], "foreign") == 0 && (setgid(1001) < 0 || setuid(1001) < 0))
		_exit(9);
	if (strcmp(words[3], "idle") != 0) {
		int listener = listen_at(words[2]);

		if (strcmp(words[3], "close") == 0)
			close_each(listener);
		if (strcmp(words[3], "mute") != 0)
			serve(listener);
	}
	for (;;)
		(void)pause();
	return true;
}

void fake_daemon_put(const struct machine *machine, const char *path, const char *socket,
		     const char *script)
{
	char self[256];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	CLEANUP_FREE char *text = NULL;

	assert_in_range(length, 1, sizeof(self) - 2);
	self[length] = '\0';
	text = mem_format("#!/bin/sh\nDAEMON='%s " MARK " %s'\necho running\n%s\n", self, socket,
			  script);
	machine_file(machine, path, text);
	machine_mode(machine, path, 0755);
}
