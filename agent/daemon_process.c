/* SPDX-License-Identifier: Zlib */
/* From a socket's path to its process, by /proc/net/unix and the descriptors of all processes. */
#include "agent/daemon_process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/daemon_family.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define TABLE "/proc/net/unix"
#define TABLE_MAX_BYTES (16u << 20) /* some 200,000 sockets */
#define LINE_BYTES 256u             /* 57 and a socket's name of at most 108 */
#define FILE_MAX_BYTES 8192u
#define MAX_LISTENERS 16u
#define MAX_DESCRIPTORS 512u /* of one process: a listener is among its first */
#define SEARCH_US 1000000

#define IS_LISTENING 0x10000u /* __SO_ACCEPTCON in include/uapi/linux/net.h of Linux */
#define IS_STREAM 1u
#define IS_CONNECTED 3u /* SS_CONNECTED; one that nobody has accepted yet is SS_CONNECTING */

/* The sockets of one path. */
struct sockets {
	unsigned long listeners[MAX_LISTENERS]; /* inodes */
	size_t listener_count;
	int clients;
};

struct search {
	const struct root *root;
	struct sockets sockets;
	struct daemon_process owners[MAX_LISTENERS]; /* of each listener; pid 0: none so far */
};

/* ---- one process */

/* "PID (NAME) STATE PARENT GROUP SESSION …"; NAME may hold anything, ")" and newlines too. */
static bool parse_stat(const char *stat, struct daemon_process *process)
{
	const char *begin = strchr(stat, '('), *end = strrchr(stat, ')');
	CLEANUP_STRBUF struct strbuf name = STRBUF_INIT(sizeof(process->name) - 1);
	CLEANUP_FREE char *raw =
		begin && end > begin ? mem_strndup(begin + 1, (size_t)(end - begin - 1)) : NULL;
	unsigned long long start_time;
	int parent, session;

	/* What is skipped are the fields 5 and 7 to 21. */
	if (!raw || sscanf(end + 1,
			   " %c %d %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			   "%*s %llu",
			   &process->state, &parent, &session, &start_time) != 4)
		return false;
	process->parent = parent;
	process->session = session;
	process->start_time = start_time;
	text_clean(&name, raw, sizeof(process->name) - 1);
	(void)snprintf(process->name, sizeof(process->name), "%s", name.data);
	return true;
}

/* The kernel escapes newlines in the name that stands before it in /proc/PID/status. */
static bool parse_status(const char *status, struct daemon_process *process)
{
	const char *line = strstr(status, "\nUid:");
	unsigned int uid;

	if (!line || sscanf(line, "\nUid: %*u %u", &uid) != 1)
		return false;
	process->uid = uid;
	return true;
}

static bool read_file(const struct root *root, pid_t pid, const char *name, struct strbuf *out)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/%s", (int)pid, name);

	strbuf_clear(out);
	return root_read(root, path, out) == 0;
}

bool daemon_process_read(const struct root *root, pid_t pid, struct daemon_process *ret)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	struct daemon_process process = {.pid = pid};

	if (pid <= 0 || !read_file(root, pid, "stat", &text) || !parse_stat(text.data, &process) ||
	    !read_file(root, pid, "status", &text) || !parse_status(text.data, &process))
		return false;
	*ret = process;
	return true;
}

/* ---- the table of sockets */

/* "NUM: REFERENCES PROTOCOL FLAGS TYPE STATE INODE PATH", all but the inode in base 16. */
static void take_line(struct sockets *sockets, const char *line, const char *path)
{
	unsigned long flags, type, state, inode;
	int length = 0;

	if (sscanf(line, "%*s %*s %*s %lx %lx %lx %lu%n", &flags, &type, &state, &inode, &length) !=
		    4 ||
	    type != IS_STREAM || line[length] != ' ' || strcmp(line + length + 1, path) != 0)
		return;
	if (!(flags & IS_LISTENING))
		sockets->clients += state == IS_CONNECTED;
	else if (sockets->listener_count < MAX_LISTENERS)
		sockets->listeners[sockets->listener_count++] = inode;
}

static bool read_sockets(const struct root *root, const char *path, struct sockets *ret)
{
	CLEANUP_STRBUF struct strbuf table = STRBUF_INIT(TABLE_MAX_BYTES);
	const char *at;

	*ret = (struct sockets){0};
	if (root_read(root, TABLE, &table) < 0 || !text_starts_with(table.data, "Num "))
		return false;
	for (at = table.data; *at;) {
		size_t length = strcspn(at, "\n");
		char line[LINE_BYTES];

		if (length < sizeof(line)) {
			memcpy(line, at, length);
			line[length] = '\0';
			take_line(ret, line, path);
		}
		at += length;
		at += *at == '\n';
	}
	return true;
}

/* ---- who holds one */

/* The directory at PATH; NULL where it cannot be read. */
static DIR *open_directory(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_DIRECTORY, 0);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);

	if (directory)
		fd = -1; /* the stream owns it */
	return directory;
}

/* The index of the listener that the descriptor NAME is; -1: none. */
static int which_listener(const struct sockets *sockets, int directory, const char *name)
{
	char link[64];
	ssize_t length = readlinkat(directory, name, link, sizeof(link) - 1);
	unsigned long inode;
	char end;

	link[length < 0 ? 0 : length] = '\0';
	if (sscanf(link, "socket:[%lu%c", &inode, &end) != 2 || end != ']')
		return -1;
	for (size_t i = 0; i < sockets->listener_count; i++)
		if (sockets->listeners[i] == inode)
			return (int)i;
	return -1;
}

static bool is_owner_before(const struct daemon_process *one, const struct daemon_process *other)
{
	if (other->pid == 0 || (one->pid == 1) != (other->pid == 1))
		return other->pid <= 1;
	if (one->start_time != other->start_time)
		return one->start_time < other->start_time;
	return one->pid < other->pid;
}

static void note_owner(struct search *search, int listener, pid_t pid)
{
	struct daemon_process *owner = &search->owners[listener], process;

	if (daemon_process_read(search->root, pid, &process) && process.state != 'Z' &&
	    is_owner_before(&process, owner))
		*owner = process;
}

static void look_at_process(struct search *search, pid_t pid)
{
	CLEANUP_FREE char *path = mem_format("/proc/%d/fd", (int)pid);
	CLEANUP_DIR DIR *directory = open_directory(search->root, path);
	const struct dirent *entry;

	for (unsigned int i = 0; directory && i < MAX_DESCRIPTORS; i++) {
		int listener;

		entry = readdir(directory);
		if (!entry)
			break;
		listener = which_listener(&search->sockets, dirfd(directory), entry->d_name);
		if (listener >= 0)
			note_owner(search, listener, pid);
	}
}

/* Returns false when /proc cannot be read, or not in time: then the oldest may not have been seen. */
static bool look_at_all(struct search *search)
{
	CLEANUP_DIR DIR *directory = open_directory(search->root, "/proc");
	int64_t end_us = run_clock_us() + SEARCH_US;
	const struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		unsigned long pid;

		if (!text_to_number(entry->d_name, 1, INT_MAX, &pid))
			continue;
		if (run_clock_us() > end_us)
			return false;
		look_at_process(search, (pid_t)pid);
	}
	return directory != NULL;
}

static bool serves_before(const struct daemon_process *one, const struct daemon_process *other)
{
	if (other->pid == 0 || (one->uid == 0) != (other->uid == 0))
		return other->pid == 0 || one->uid == 0;
	return one->start_time > other->start_time;
}

bool daemon_process_find(const struct root *root, const char *socket_path,
			 struct daemon_process *ret)
{
	struct search search = {.root = root};
	struct daemon_process best = {0};

	if (!read_sockets(root, socket_path, &search.sockets) || !search.sockets.listener_count ||
	    !look_at_all(&search))
		return false;
	for (size_t i = 0; i < search.sockets.listener_count; i++)
		if (search.owners[i].pid && serves_before(&search.owners[i], &best))
			best = search.owners[i];
	if (best.pid)
		*ret = best;
	return best.pid != 0;
}

int daemon_process_clients(const struct root *root, const char *socket_path)
{
	struct daemon_process listener;
	struct sockets sockets;
	int workers = 0;

	if (!read_sockets(root, socket_path, &sockets))
		return -1;
	if (daemon_process_find(root, socket_path, &listener))
		workers = daemon_family_workers(root, &listener);
	return workers < 0 || workers > sockets.clients ? workers : sockets.clients;
}

/* ---- what is done with one */

bool daemon_process_is_same(const struct daemon_process *one, const struct daemon_process *other)
{
	return one->pid == other->pid && one->start_time == other->start_time;
}

int daemon_process_signal(const struct root *root, const struct daemon_process *process, int number)
{
	/* Opened before the look: what it then stands for is what was looked at. */
	CLEANUP_CLOSE int fd = (int)syscall(SYS_pidfd_open, process->pid, 0);
	struct daemon_process now;

	if (!daemon_process_read(root, process->pid, &now) ||
	    !daemon_process_is_same(process, &now)) {
		errno = ESRCH;
		return -1;
	}
	if (fd >= 0)
		return (int)syscall(SYS_pidfd_send_signal, fd, number, NULL, 0);
	return kill(process->pid, number); /* Linux before 5.3, or a filter of the container's */
}

const char *daemon_process_state_name(char state)
{
	switch (state) {
	case 'T':
		return "stopped";
	case 't':
		return "held by a debugger";
	case 'D':
		return "waiting in the kernel";
	case 'Z':
	case 'X':
		return "ended";
	default:
		return "running";
	}
}
