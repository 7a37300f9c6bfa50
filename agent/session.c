/* SPDX-License-Identifier: Zlib */
/* A session's processes, looked for in /proc: the kernel kills process groups, but no sessions. */
#include "agent/session.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define STAT_MAX_BYTES 4096u

/* proc_pid_stat(5): "PID (NAME) STATE PARENT GROUP SESSION …"; NAME may hold anything. */
static bool is_alive_in(const char *stat, pid_t session)
{
	const char *rest = strrchr(stat, ')');
	int parent, group, found;
	char state;

	return rest && sscanf(rest, ") %c %d %d %d", &state, &parent, &group, &found) == 4 &&
	       found == session && state != 'Z' && state != 'X';
}

static bool is_member(const struct root *root, const char *name, pid_t session)
{
	CLEANUP_STRBUF struct strbuf stat = STRBUF_INIT(STAT_MAX_BYTES);
	CLEANUP_FREE char *path = mem_format("/proc/%s/stat", name);

	return root_read(root, path, &stat) == 0 && is_alive_in(stat.data, session);
}

size_t session_kill(const struct root *root, pid_t session)
{
	int fd = root_open(root, "/proc", O_RDONLY | O_DIRECTORY, 0);
	CLEANUP_DIR DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t count = 0;

	if (fd >= 0 && !directory)
		close(fd);
	while (directory && (entry = readdir(directory))) {
		unsigned long pid;

		if (!text_to_number(entry->d_name, 2, INT_MAX, &pid) ||
		    !is_member(root, entry->d_name, session))
			continue;
		(void)kill((pid_t)pid, SIGKILL);
		count++;
	}
	return count;
}
