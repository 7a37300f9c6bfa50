/* SPDX-License-Identifier: Zlib */
/* Control groups of both versions, and of machines that mix them. */
#include "agent/cgroup.h"

#include <limits.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_LIST_BYTES (1u << 20) /* a node with many volumes has long mount tables */
#define MAX_FILE_BYTES 16384u
#define UNLIMITED (INT64_C(1) << 60) /* version 1 writes LONG_MAX, rounded down to a page */

enum { FIELD_ROOT = 3, FIELD_MOUNT_POINT = 4 }; /* of a mountinfo line, from 0: proc(5) */

/* The two files that tell where the others are. */
struct tables {
	const char *mounts; /* /proc/self/mountinfo */
	const char *groups; /* /proc/self/cgroup */
};

/* Where one controller's files for this process lie. */
struct hierarchy {
	unsigned int version; /* 0: not mounted */
	struct strbuf top;    /* mount point */
	struct strbuf group;  /* this process's own directory: top, or below it */
};

/* Appends a field of a mountinfo line, with its \040 and the like undone. */
static void add_unescaped(struct strbuf *out, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		const char *t = text + i;

		if (*t == '\\' && i + 3 < length && strspn(t + 1, "01234567") >= 3) {
			strbuf_putc(out, (char)((t[1] - '0') * 64 + (t[2] - '0') * 8 + t[3] - '0'));
			i += 3;
		} else {
			strbuf_putc(out, *t);
		}
	}
}

static void add_field(struct strbuf *out, const char *line, unsigned int number)
{
	for (; number && *line; number--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	add_unescaped(out, line, strcspn(line, " \n"));
}

/* Whether a comma-separated list, which ends at one of ENDS, holds NAME. */
static bool list_holds(const char *list, const char *ends, const char *name)
{
	size_t length = strlen(name), all = strcspn(list, ends);

	for (const char *item = list; item < list + all;) {
		size_t item_length = strcspn(item, ",");

		if (item_length > all - (size_t)(item - list))
			item_length = all - (size_t)(item - list);
		if (item_length == length && memcmp(item, name, length) == 0)
			return true;
		item += item_length + 1;
	}
	return false;
}

static const char *next_line(const char *line)
{
	line += strcspn(line, "\n");
	return *line ? line + 1 : line;
}

/* Which cgroup version a mountinfo line mounts CONTROLLER with; 0: none. Every version 2 mount has
 * the same hierarchy, whatever its controllers. */
static unsigned int mounted_version(const char *line, const char *controller)
{
	const char *separator = strstr(line, " - ");
	const char *type, *options;

	if (!separator || separator > line + strcspn(line, "\n"))
		return 0;
	type = separator + strlen(" - ");
	if (text_starts_with(type, "cgroup2 "))
		return 2;
	if (!text_starts_with(type, "cgroup "))
		return 0;
	options = type + strlen("cgroup ");
	options += strcspn(options, " \n");
	options += strspn(options, " ");
	return list_holds(options, " \n", controller) ? 1 : 0;
}

/* The first mount of the controller itself, else the first of version 2. */
static const char *find_mount(const char *mounts, const char *controller, unsigned int *ret_version)
{
	const char *found = NULL;

	for (const char *line = mounts; *line; line = next_line(line)) {
		unsigned int version = mounted_version(line, controller);

		if (version == 1 || (version == 2 && !found)) {
			found = line;
			*ret_version = version;
		}
		if (version == 1)
			break;
	}
	return found;
}

/* Appends this process's path in the hierarchy ("/kubepods/pod1"): lines are ID:CONTROLLERS:PATH. */
static void add_own_path(struct strbuf *out, const char *groups, unsigned int version,
			 const char *controller)
{
	for (const char *line = groups; *line; line = next_line(line)) {
		const char *list = line + strcspn(line, ":\n");
		const char *path;

		if (*list != ':')
			continue;
		list++;
		path = list + strcspn(list, ":\n");
		if (*path != ':')
			continue;
		if (version == 2 ? path != list : !list_holds(list, ":\n", controller))
			continue;
		strbuf_add(out, path + 1, strcspn(path + 1, "\n"));
		return;
	}
}

/* The part of PATH below the mount's own root. In a container without a cgroup namespace both are
 * the host's long names; in one with it the root is "/". "/.." says that the process was moved out
 * of its namespace's root: then only the top is ours to see. */
static const char *below(const char *path, const char *mount_root)
{
	size_t length = strcmp(mount_root, "/") == 0 ? 0 : strlen(mount_root);

	if (strncmp(path, mount_root, length) != 0 || (path[length] && path[length] != '/'))
		return "";
	path += length;
	return strcmp(path, "/") == 0 || strstr(path, "/..") ? "" : path;
}

static void find_hierarchy(struct hierarchy *ret, const struct tables *tables,
			   const char *controller)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(PATH_MAX);
	CLEANUP_STRBUF struct strbuf mount_root = STRBUF_INIT(PATH_MAX);
	const char *line = find_mount(tables->mounts, controller, &ret->version);

	if (!line)
		return;
	add_field(&mount_root, line, FIELD_ROOT);
	add_field(&ret->top, line, FIELD_MOUNT_POINT);
	add_own_path(&path, tables->groups, ret->version, controller);
	strbuf_puts(&ret->group, ret->top.data);
	strbuf_puts(&ret->group, below(path.data, mount_root.data));
}

/* ---- the limit files. What is no plain positive number ("max", "-1") is no limit. */

static int64_t smaller(int64_t a, int64_t b)
{
	if (a <= 0 || b <= 0)
		return a > b ? a : b;
	return a < b ? a : b;
}

/* The number at the start of TEXT, up to white space; 0 when there is none. */
static int64_t to_limit(const char *text)
{
	CLEANUP_STRBUF struct strbuf word = STRBUF_INIT(24);
	unsigned long number = 0;

	strbuf_add(&word, text, strcspn(text, " \n"));
	if (!text_to_number(word.data, 1, LONG_MAX, &number) || (int64_t)number >= UNLIMITED)
		return 0;
	return (int64_t)number;
}

static void read_file(const struct root *root, const char *directory, const char *name,
		      struct strbuf *ret)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(PATH_MAX);

	strbuf_clear(ret);
	strbuf_printf(&path, "%s/%s", directory, name);
	(void)root_read(root, path.data, ret); /* not there: "", which is no limit */
}

static int64_t to_cpu_millis(int64_t quota_us, int64_t period_us)
{
	if (quota_us <= 0 || period_us <= 0 || quota_us > INT64_MAX / 1000)
		return 0;
	quota_us = quota_us * 1000 / period_us;
	return quota_us ? quota_us : 1;
}

static int64_t memory_limit(const struct root *root, const char *group, unsigned int version)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	const char *hierarchical;
	int64_t limit;

	read_file(root, group, version == 2 ? "memory.max" : "memory.limit_in_bytes", &text);
	limit = to_limit(text.data);
	if (version == 2)
		return limit;
	read_file(root, group, "memory.stat", &text);
	hierarchical = strstr(text.data, "hierarchical_memory_limit ");
	if (!hierarchical)
		return limit;
	return smaller(limit, to_limit(hierarchical + strlen("hierarchical_memory_limit ")));
}

static int64_t cpu_limit(const struct root *root, const char *group, unsigned int version)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	const char *period;
	int64_t quota_us;

	if (version == 2) {
		read_file(root, group, "cpu.max", &text);
		period = strchr(text.data, ' ');
		return period ? to_cpu_millis(to_limit(text.data), to_limit(period + 1)) : 0;
	}
	read_file(root, group, "cpu.cfs_quota_us", &text);
	quota_us = to_limit(text.data);
	read_file(root, group, "cpu.cfs_period_us", &text);
	return to_cpu_millis(quota_us, to_limit(text.data));
}

typedef int64_t limit_reader(const struct root *root, const char *group, unsigned int version);

static int64_t smallest(const struct root *root, struct hierarchy *hierarchy, limit_reader *read)
{
	struct strbuf *group = &hierarchy->group;
	int64_t limit = 0;

	if (!hierarchy->version)
		return -1;
	for (;;) {
		limit = smaller(limit, read(root, group->data, hierarchy->version));
		if (group->length <= hierarchy->top.length)
			return limit;
		strbuf_truncate(group, (size_t)(strrchr(group->data, '/') - group->data));
	}
}

static int64_t read_limit(const struct root *root, const struct tables *tables,
			  const char *controller, unsigned int *ret_version)
{
	struct hierarchy hierarchy = {
		.top = STRBUF_INIT(PATH_MAX),
		.group = STRBUF_INIT(2 * PATH_MAX),
	};
	limit_reader *read = strcmp(controller, "memory") == 0 ? memory_limit : cpu_limit;
	int64_t limit;

	find_hierarchy(&hierarchy, tables, controller);
	limit = smallest(root, &hierarchy, read);
	*ret_version = hierarchy.version;
	strbuf_release(&hierarchy.top);
	strbuf_release(&hierarchy.group);
	return limit;
}

void cgroup_read(struct cgroup_limits *ret, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf mounts = STRBUF_INIT(MAX_LIST_BYTES);
	CLEANUP_STRBUF struct strbuf groups = STRBUF_INIT(MAX_LIST_BYTES);
	struct tables tables;
	unsigned int cpu_version;

	(void)root_read(root, "/proc/self/mountinfo", &mounts);
	(void)root_read(root, "/proc/self/cgroup", &groups);
	tables = (struct tables){.mounts = mounts.data, .groups = groups.data};
	ret->memory_bytes = read_limit(root, &tables, "memory", &ret->version);
	ret->cpu_millis = read_limit(root, &tables, "cpu", &cpu_version);
}
