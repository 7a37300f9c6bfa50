/* SPDX-License-Identifier: Zlib */
/* The system probe's collecting half: files and system calls into a plain struct. */
#include "probes/system.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_FILE_BYTES 65536u

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000 /* Linux 5.8; musl has no name for it */
#endif

/* ---- kernel and machine */

/* A fake machine may have a kernel of its own, in /proc/sys/kernel; the real one's is uname's. */
static void read_word(const struct root *root, const char *path, char *ret, size_t size)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(256);

	if (root->is_confined && root_read(root, path, &text) == 0)
		(void)snprintf(ret, size, "%.*s", (int)strcspn(text.data, "\n"), text.data);
}

static void collect_kernel(struct system_facts *facts, const struct root *root)
{
	struct utsname names = {0};
	char machine[sizeof(names.machine)];

	(void)uname(&names);
	memcpy(machine, names.machine, sizeof(machine));
	(void)snprintf(facts->kernel, sizeof(facts->kernel), "%s", names.release);
	read_word(root, "/proc/sys/kernel/osrelease", facts->kernel, sizeof(facts->kernel));
	read_word(root, "/proc/sys/kernel/arch", machine, sizeof(machine));
	if (*machine)
		(void)snprintf(facts->system, sizeof(facts->system), "%s-linux", machine);
}

/* Returns the number behind NAME at the start of a line, or 0. */
static unsigned long number_behind(const char *text, const char *name)
{
	const char *line = text;

	while (line && !text_starts_with(line, name)) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

/* Counts the CPUs of a list such as "0-3,8": the cpuset's, which is what a build will start threads
 * for. */
static int64_t count_cpus(const char *list)
{
	int64_t count = 0;

	while (*list >= '0' && *list <= '9') {
		char *end;
		unsigned long first = strtoul(list, &end, 10), last = first;

		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first > 65536)
			return 0;
		count += (int64_t)(last - first + 1);
		list = *end == ',' ? end + 1 : end;
	}
	return count;
}

static void collect_machine(struct system_facts *facts, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	const char *list;

	if (root_read(root, "/proc/meminfo", &text) == 0)
		facts->machine_memory_bytes =
			(int64_t)(number_behind(text.data, "MemTotal:") & (LONG_MAX >> 10)) * 1024;
	strbuf_clear(&text);
	if (root_read(root, "/proc/self/status", &text) < 0)
		return;
	list = strstr(text.data, "\nCpus_allowed_list:");
	if (list) {
		list += strlen("\nCpus_allowed_list:");
		facts->machine_millis = count_cpus(list + strspn(list, " \t")) * 1000;
	}
}

/* ---- space */

static int64_t to_bytes(uint64_t blocks, uint64_t block_size)
{
	uint64_t bytes;

	return __builtin_mul_overflow(blocks, block_size, &bytes) || bytes > INT64_MAX
		       ? INT64_MAX
		       : (int64_t)bytes;
}

static void measure(struct system_disk *disk, const struct root *root, const char *path)
{
	struct statvfs space;
	struct stat status;

	if (root_statvfs(root, path, &space) < 0 || root_stat(root, path, &status) < 0) {
		disk->error = errno;
		return;
	}
	disk->error = 0;
	disk->measured = mem_strdup(path);
	disk->device = status.st_dev;
	disk->is_read_only = space.f_flag & ST_RDONLY;
	disk->free_bytes = to_bytes(space.f_bavail, space.f_frsize);
	disk->free_inodes = to_bytes(space.f_favail, 1);
	disk->total_inodes = to_bytes(space.f_files, 1);
}

/* What is not there yet will be made in the nearest directory that is. */
static void measure_nearest(struct system_disk *disk, const struct root *root, const char *path)
{
	CLEANUP_STRBUF struct strbuf nearest = STRBUF_INIT(PATH_MAX);

	strbuf_puts(&nearest, path);
	for (;;) {
		const char *slash = strrchr(nearest.data, '/');

		measure(disk, root, nearest.data);
		if ((disk->error != ENOENT && disk->error != ENOTDIR) || nearest.length <= 1)
			return;
		strbuf_truncate(&nearest,
				slash == nearest.data ? 1 : (size_t)(slash - nearest.data));
	}
}

static void add_disk(struct system_facts *facts, const struct job *job, const char *path,
		     bool must_be_written)
{
	const struct context *context = &job->context;
	CLEANUP_FREE char *absolute = NULL;
	struct system_disk *disk;

	if (!path || !*path || facts->disk_count == SYSTEM_MAX_DISKS)
		return;
	for (size_t i = 0; i < facts->disk_count; i++) {
		if (strcmp(facts->disks[i].path, path) == 0) {
			facts->disks[i].must_be_written |= must_be_written;
			return;
		}
	}
	disk = &facts->disks[facts->disk_count++];
	*disk = (struct system_disk){
		.path = mem_strdup(path),
		.error = EINVAL,
		.must_be_written = must_be_written,
	};
	if (path[0] == '/')
		absolute = mem_strdup(path);
	else if (context->workspace && context->workspace[0] == '/')
		absolute = mem_format("%s/%s", context->workspace, path);
	if (absolute)
		measure_nearest(disk, &context->root, absolute);
}

static void collect_disks(struct system_facts *facts, const struct job *job)
{
	add_disk(facts, job, "/nix", false);
	add_disk(facts, job, job->context.temp, true);
	add_disk(facts, job, job->context.workspace, true);
	for (size_t i = 0; i < job->expect.disk_count; i++)
		add_disk(facts, job, job->expect.disks[i].path, false);
}

/* ---- /nix */

static bool is_mount_point(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH | O_DIRECTORY, 0);
	struct statx status;

	return fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &status) == 0 &&
	       (status.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* Every store path has a name longer than its hash; .links, lost+found and the like have not. */
static bool is_store_path(const char *name)
{
	return strlen(name) > 33 && name[32] == '-';
}

static enum system_store collect_store(const struct root *root)
{
	int fd = root_open(root, "/nix/store", O_RDONLY | O_DIRECTORY, 0);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	enum system_store state = SYSTEM_STORE_EMPTY;
	const struct dirent *entry;

	if (!directory) {
		state = errno == ENOENT ? SYSTEM_STORE_MISSING : SYSTEM_STORE_UNKNOWN;
		if (fd >= 0)
			close(fd);
		return state;
	}
	while (state == SYSTEM_STORE_EMPTY && (entry = readdir(directory)))
		if (is_store_path(entry->d_name))
			state = SYSTEM_STORE_FILLED;
	closedir(directory);
	return state;
}

static bool leads_to_nothing(const struct root *root, const char *path)
{
	CLEANUP_STRBUF struct strbuf target = STRBUF_INIT(PATH_MAX);
	struct stat status;

	return root_lstat(root, path, &status) == 0 && S_ISLNK(status.st_mode) &&
	       root_resolve(root, path, &target) < 0 && errno == ENOENT;
}

static char *find_dangling(const struct context *context)
{
	static const char *const fixed[] = {
		NIX_PROFILE_DEFAULT,
		"/root/.nix-profile",
		"/usr/local/bin/nix",
		"/usr/bin/nix",
	};
	CLEANUP_FREE char *own = context->nix_home && context->nix_home[0] == '/'
					 ? mem_format("%s/.nix-profile", context->nix_home)
					 : NULL;

	if (own && leads_to_nothing(&context->root, own))
		return mem_format("%s leads to nothing", own);
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (leads_to_nothing(&context->root, fixed[i]))
			return mem_format("%s leads to nothing", fixed[i]);
	return NULL;
}

/* What an image with a store of its own leaves outside of /nix. */
static char *find_evidence(const struct context *context)
{
	static const char *const files[] = {
		"/etc/profile.d/nix.sh",
		"/etc/profile.d/nix-daemon.sh",
		"/etc/nix/nix.conf",
	};
	const char *path = context_env(context, "PATH");
	char *evidence = find_dangling(context);
	struct stat status;

	if (evidence)
		return evidence;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (root_stat(&context->root, files[i], &status) == 0)
			return mem_format("%s is there", files[i]);
	if (path && (text_starts_with(path, "/nix/") || strstr(path, ":/nix/")))
		return mem_strdup("PATH names /nix");
	return NULL;
}

static void collect_nix(struct system_facts *facts, const struct context *context)
{
	const struct root *root = &context->root;
	struct system_nix *nix = &facts->nix;
	struct stat status;

	if (root_stat(root, "/", &status) == 0)
		facts->root_mode = status.st_mode & 07777;
	if (root_stat(root, "/nix", &status) < 0 || !S_ISDIR(status.st_mode))
		return;
	nix->is_there = true;
	nix->mode = status.st_mode & 07777;
	nix->owner = status.st_uid;
	nix->is_mount_point = is_mount_point(root, "/nix") || is_mount_point(root, "/nix/store");
	nix->store = collect_store(root);
	if (nix->store == SYSTEM_STORE_MISSING || nix->store == SYSTEM_STORE_EMPTY)
		nix->evidence = find_evidence(context);
}

void system_collect(struct system_facts *ret, const struct job *job)
{
	*ret = (struct system_facts){0};
	collect_kernel(ret, &job->context.root);
	collect_machine(ret, &job->context.root);
	cgroup_read(&ret->limits, &job->context.root);
	collect_disks(ret, job);
	collect_nix(ret, &job->context);
}

void system_facts_release(struct system_facts *facts)
{
	for (size_t i = 0; i < facts->disk_count; i++) {
		free(facts->disks[i].path);
		free(facts->disks[i].measured);
	}
	free(facts->nix.evidence);
	*facts = (struct system_facts){0};
}
