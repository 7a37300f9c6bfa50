/* SPDX-License-Identifier: Zlib */
/* A container's /proc/self/cgroup and mountinfo, and the limit files that they lead to. */
#include "agent/cgroup.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/root.h"
#include "tests/fuzz/fuzz.h"

/* Below the root: what is read of a process, and the limits of one group in each version. */
static const char *const files[] = {
	"proc/self/cgroup",
	"proc/self/mountinfo",
	"sys/fs/cgroup/memory.max",
	"sys/fs/cgroup/cpu.max",
	"sys/fs/cgroup/memory/memory.limit_in_bytes",
	"sys/fs/cgroup/memory/memory.stat",
	"sys/fs/cgroup/cpu/cpu.cfs_quota_us",
	"sys/fs/cgroup/cpu/cpu.cfs_period_us",
};

static char directory[] = "/dev/shm/spinup-fuzz-XXXXXX";

static void remove_directory(void)
{
	static const char *const made[] = {
		"proc/self",
		"proc",
		"sys/fs/cgroup/memory",
		"sys/fs/cgroup/cpu",
		"sys/fs/cgroup",
		"sys/fs",
		"sys",
		NULL,
	};
	int at = open(directory, O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		(void)unlinkat(at, files[i], 0);
	for (size_t i = 0; made[i]; i++)
		(void)unlinkat(at, made[i], AT_REMOVEDIR);
	close(at);
	(void)rmdir(directory);
}

static void make_directories(int at, const char *path)
{
	char part[128];

	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		(void)mkdirat(at, part, 0700);
	}
}

static const struct root *machine(void)
{
	static struct root root = {.fd = -1};

	if (root.fd >= 0)
		return &root;
	if (!mkdtemp(directory) || root_open_directory(&root, directory, NULL) < 0)
		abort();
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		make_directories(root.fd, files[i]);
	(void)atexit(remove_directory);
	return &root;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct root *root = machine();
	struct cgroup_limits limits;

	fuzz_files(root->fd, files, sizeof(files) / sizeof(*files), bytes, length);
	cgroup_read(&limits, root);
	fuzz_expect(limits.memory_bytes >= -1 && limits.cpu_millis >= -1, "limits are no nonsense");
	return 0;
}
