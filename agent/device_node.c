/* SPDX-License-Identifier: Zlib */
/* Device nodes, and the mounts that they lie on. */
#include "agent/device_node.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "agent/cleanup.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_MOUNTS_BYTES (1u << 20) /* a node with many volumes has long mount tables */

enum { FIELD_ROOT = 3, FIELD_MOUNT_POINT = 4 }; /* of a mountinfo line, from 0: proc(5) */

/* Whether the field's text is WORD; no word here needs one of mountinfo's escapes. */
static bool field_is(const char *line, unsigned int number, const char *word)
{
	size_t length = strlen(word);

	for (; number && *line; number--) {
		line += strcspn(line, " \n");
		line += *line == ' ';
	}
	return strcspn(line, " \n") == length && memcmp(line, word, length) == 0;
}

static bool is_whole_tmpfs(const char *line)
{
	const char *separator = strstr(line, " - ");

	return separator && separator < line + strcspn(line, "\n") &&
	       text_starts_with(separator, " - tmpfs ") && field_is(line, FIELD_ROOT, "/");
}

bool device_node_is_own(const struct root *root, const char *path)
{
	CLEANUP_STRBUF struct strbuf mounts = STRBUF_INIT(MAX_MOUNTS_BYTES);
	bool is_own = false;

	if (!text_starts_with(path, "/dev/") ||
	    root_read(root, "/proc/self/mountinfo", &mounts) < 0)
		return false;
	for (const char *line = mounts.data; *line; line += *line == '\n') {
		if (field_is(line, FIELD_MOUNT_POINT, path))
			return false;
		if (field_is(line, FIELD_MOUNT_POINT, "/dev")) /* a later mount hides one before */
			is_own = is_whole_tmpfs(line);
		line += strcspn(line, "\n");
	}
	return is_own;
}

static int64_t birth_of(int fd)
{
	struct statx status;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &status) < 0 ||
	    !(status.stx_mask & STATX_BTIME))
		return 0;
	return status.stx_btime.tv_sec;
}

void device_node_read(struct device_node *ret, const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_PATH, 0);
	struct statvfs space;
	struct stat status;

	*ret = (struct device_node){0};
	if (fd < 0 || fstat(fd, &status) < 0) {
		ret->error = errno;
		return;
	}
	ret->mode = status.st_mode;
	ret->uid = status.st_uid;
	ret->gid = status.st_gid;
	ret->major = major(status.st_rdev);
	ret->minor = minor(status.st_rdev);
	ret->is_nodev = fstatvfs(fd, &space) == 0 && space.f_flag & ST_NODEV;
	ret->is_own = device_node_is_own(root, path);
	ret->born = birth_of(fd);
}
