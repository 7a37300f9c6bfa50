/* SPDX-License-Identifier: Zlib */
/* Mends the mode of a /dev/kvm that was made for this pod. The host's own is never touched: there a
 * change would let every user of the node in. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/device_node.h"
#include "agent/error.h"
#include "agent/repair.h"
#include "agent/root.h"

#define PATH "/dev/kvm"
#define READ_WRITE 0666u

enum repair_end repair_kvm_mode(struct mending *mending, struct error *error)
{
	const struct root *root = &mending->context->root;
	CLEANUP_CLOSE int fd = -1;
	struct stat status;

	if (mending->context->uid != 0 || !device_node_is_own(root, PATH))
		return REPAIR_NOT_OURS;
	/* No symlink: it could lead to a node on another mount. */
	fd = root_open(root, PATH, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
	if (fd < 0 || fstat(fd, &status) < 0) {
		error_set(error, ERROR_AGENT, PATH ": %s", strerror(errno));
		return REPAIR_IN_VAIN;
	}
	if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(10, 232))
		return REPAIR_NOT_OURS;
	if (fchmod(fd, (status.st_mode & 07777) | READ_WRITE) < 0) {
		error_set(error, ERROR_AGENT, PATH ": chmod: %s", strerror(errno));
		return REPAIR_IN_VAIN;
	}
	return REPAIR_DONE;
}
