/* SPDX-License-Identifier: Zlib */
/* Who descends from whom, by the parents that /proc names. */
#include "agent/daemon_family.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/text.h"

#define MAX_PROCESSES 65536u

/* All processes at one moment, and which of them are of the family. */
struct census {
	struct daemon_process *processes;
	bool *is_member;
	size_t count;
};

static void census_release(struct census *census)
{
	free(census->processes);
	free(census->is_member);
}

static void add(struct census *census, const struct daemon_process *process)
{
	if (census->count % 64 == 0)
		census->processes =
			mem_grow(census->processes, census->count + 64, sizeof(*census->processes));
	census->processes[census->count++] = *process;
}

/* Those that have ended are left out: they have no children, and nobody kills them. */
static bool take_census(const struct root *root, struct census *ret)
{
	int fd = root_open(root, "/proc", O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (fd >= 0 && !directory)
		close(fd);
	while (directory && ret->count < MAX_PROCESSES && (entry = readdir(directory))) {
		struct daemon_process process;
		unsigned long pid;

		if (text_to_number(entry->d_name, 1, INT_MAX, &pid) &&
		    daemon_process_read(root, (pid_t)pid, &process) && process.state != 'Z' &&
		    process.state != 'X')
			add(ret, &process);
	}
	ret->is_member = mem_alloc(ret->count + 1, sizeof(*ret->is_member));
	return directory && ret->count < MAX_PROCESSES;
}

static bool has_parent_in(const struct census *census, const struct daemon_process *process)
{
	for (size_t i = 0; i < census->count; i++)
		if (census->is_member[i] && census->processes[i].pid == process->parent)
			return true;
	return false;
}

/* Numbers wrap around, so a child may well stand before its parent. */
static void add_descendants(struct census *census)
{
	bool is_changed = true;

	while (is_changed) {
		is_changed = false;
		for (size_t i = 0; i < census->count; i++) {
			if (census->is_member[i] || !has_parent_in(census, &census->processes[i]))
				continue;
			census->is_member[i] = is_changed = true;
		}
	}
}

/* ---- the family */

static bool was_member(const struct daemon_family *family, const struct daemon_process *process)
{
	for (size_t i = 0; i < family->count; i++)
		if (daemon_process_is_same(&family->members[i], process))
			return true;
	return false;
}

void daemon_family_look(const struct root *root, const struct daemon_process *first,
			struct daemon_family *family)
{
	CLEANUP(census_release) struct census census = {0};

	(void)take_census(root, &census);
	for (size_t i = 0; i < census.count; i++)
		census.is_member[i] = daemon_process_is_same(&census.processes[i], first) ||
				      census.processes[i].session == first->pid ||
				      was_member(family, &census.processes[i]);
	add_descendants(&census);
	daemon_family_release(family);
	family->members = mem_alloc(census.count + 1, sizeof(*family->members));
	for (size_t i = 0; i < census.count; i++)
		if (census.is_member[i])
			family->members[family->count++] = census.processes[i];
}

size_t daemon_family_kill(const struct root *root, const struct daemon_process *first,
			  struct daemon_family *family)
{
	daemon_family_look(root, first, family);
	for (size_t i = 0; i < family->count; i++)
		(void)daemon_process_signal(root, &family->members[i], SIGKILL);
	return family->count;
}

void daemon_family_release(struct daemon_family *family)
{
	free(family->members);
	*family = (struct daemon_family){0};
}

/* ---- workers */

/* Returns false where it is known to run another program than its parent; true, too, where it is not. */
static bool runs_parents_program(const struct root *root, const struct daemon_process *process)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/exe", (int)process->pid);
	CLEANUP_FREE char *parents = mem_format("/proc/%d/exe", (int)process->parent);
	char program[PATH_MAX], parents_program[PATH_MAX];

	return root_readlink(root, path, program, sizeof(program)) < 0 ||
	       root_readlink(root, parents, parents_program, sizeof(parents_program)) < 0 ||
	       strcmp(program, parents_program) == 0;
}

int daemon_family_workers(const struct root *root, const struct daemon_process *listener)
{
	CLEANUP(census_release) struct census census = {0};
	int count = 0;

	if (!take_census(root, &census))
		return -1;
	for (size_t i = 0; i < census.count; i++)
		census.is_member[i] = daemon_process_is_same(&census.processes[i], listener);
	add_descendants(&census);
	for (size_t i = 0; i < census.count; i++)
		if (census.is_member[i] &&
		    !daemon_process_is_same(&census.processes[i], listener) &&
		    runs_parents_program(root, &census.processes[i]))
			count++;
	return count;
}
