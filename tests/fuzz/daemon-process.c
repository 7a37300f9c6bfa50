/* SPDX-License-Identifier: Zlib */
/* The kernel's table of sockets and what it says of a process: anyone chooses names in both. */
#include "agent/daemon_process.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/root.h"
#include "tests/fuzz/fuzz.h"

#define SOCKET "/nix/var/nix/daemon-socket/socket"

static const char *const files[] = {"proc/net/unix", "proc/30/stat", "proc/30/status"};
static const char *const directories[] = {"proc", "proc/net", "proc/30", "proc/30/fd"};

static char directory[] = "/dev/shm/spinup-fuzz-XXXXXX";

static void remove_directory(void)
{
	int at = open(directory, O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		(void)unlinkat(at, files[i], 0);
	(void)unlinkat(at, "proc/30/fd/5", 0);
	for (size_t i = sizeof(directories) / sizeof(*directories); i-- > 0;)
		(void)unlinkat(at, directories[i], AT_REMOVEDIR);
	close(at);
	(void)rmdir(directory);
}

static const struct root *machine(void)
{
	static struct root root = {.fd = -1};

	if (root.fd >= 0)
		return &root;
	if (!mkdtemp(directory) || root_open_directory(&root, directory, NULL) < 0)
		abort();
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++)
		(void)mkdirat(root.fd, directories[i], 0700);
	if (symlinkat("socket:[41]", root.fd, "proc/30/fd/5") < 0)
		abort();
	(void)atexit(remove_directory);
	return &root;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct root *root = machine();
	struct daemon_process process;

	fuzz_files(root->fd, files, sizeof(files) / sizeof(*files), bytes, length);
	fuzz_expect(daemon_process_clients(root, SOCKET) >= -1, "clients are counted or unknown");
	if (!daemon_process_find(root, SOCKET, &process))
		return 0;
	fuzz_expect(process.pid == 30, "the only process is found");
	fuzz_expect(!strpbrk(process.name, "\n\x1b"), "its name is clean");
	return 0;
}
