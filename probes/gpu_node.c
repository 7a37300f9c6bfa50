/* SPDX-License-Identifier: Zlib */
/* The device nodes of GPUs: found below /dev, and opened as a driver would. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/words.h"
#include "probes/gpu.h"

/* Documentation/admin-guide/devices.txt; NVIDIA's are its driver's own. 0: made up at boot. */
static const struct node_row {
	const char *directory, *name;
	bool is_numbered; /* digits follow the name */
	unsigned int major;
	enum gpu_node_kind kind;
} rows[] = {
	{"/dev/dri", "renderD", true, 226, GPU_NODE_RENDER},
	{"/dev", "nvidia", true, 195, GPU_NODE_NVIDIA},
	{"/dev", "nvidiactl", false, 195, GPU_NODE_NVIDIA_CONTROL},
	{"/dev", "nvidia-modeset", false, 195, GPU_NODE_NVIDIA_MODESET},
	{"/dev", "nvidia-uvm", false, 0, GPU_NODE_NVIDIA_UVM},
	{"/dev", "kfd", false, 0, GPU_NODE_KFD},
};

/* The kernel's interface (include/uapi/drm/drm.h), whose header is not everywhere. */
struct drm_version {
	int major, minor, patch;
	size_t name_length;
	char *name;
	size_t date_length;
	char *date;
	size_t description_length;
	char *description;
};
#define DRM_IOCTL_VERSION _IOWR('d', 0x00, struct drm_version)

static bool is_of_row(const struct node_row *row, const char *name)
{
	size_t length = strlen(row->name);
	size_t digits;

	if (strncmp(name, row->name, length) != 0)
		return false;
	digits = strspn(name + length, "0123456789");
	return name[length + digits] == '\0' && (digits > 0) == row->is_numbered;
}

static void ask_version(struct gpu_node *node, int fd)
{
	char name[sizeof(node->driver)] = "";
	struct drm_version version = {.name = name, .name_length = sizeof(name) - 1};

	if (ioctl(fd, DRM_IOCTL_VERSION, &version) < 0) {
		node->error = errno;
		return;
	}
	(void)snprintf(node->driver, sizeof(node->driver), "%s", name);
	(void)snprintf(node->version, sizeof(node->version), "%d.%d.%d", version.major,
		       version.minor, version.patch);
}

/* What sysfs says of a render node's driver, also where the node itself may not be opened. */
static void read_driver(struct gpu_node *node, const struct root *root)
{
	CLEANUP_FREE char *path =
		mem_format("/sys/class/drm/%s/device/driver", strrchr(node->path, '/') + 1);
	char target[256];
	const char *slash;

	if (root_readlink(root, path, target, sizeof(target)) < 0)
		return;
	slash = strrchr(target, '/');
	(void)snprintf(node->driver, sizeof(node->driver), "%s", slash ? slash + 1 : target);
}

static void examine(struct gpu_node *node, const struct node_row *row, const struct root *root)
{
	CLEANUP_CLOSE int fd = -1;
	struct stat status;

	if (root_stat(root, node->path, &status) < 0) {
		node->error = errno;
		return;
	}
	if (row->kind == GPU_NODE_RENDER)
		read_driver(node, root);
	if (root->is_confined) { /* what stands for a node there has no driver behind it */
		node->is_device = !S_ISDIR(status.st_mode);
		return;
	}
	node->mode = status.st_mode & 07777;
	node->owner = status.st_uid;
	node->group = status.st_gid;
	node->is_device =
		S_ISCHR(status.st_mode) && (row->major == 0 || major(status.st_rdev) == row->major);
	if (!node->is_device)
		return;
	fd = root_open(root, node->path, O_RDWR | O_NONBLOCK | O_NOCTTY, 0);
	node->error = fd < 0 ? errno : 0;
	if (fd >= 0 && row->kind == GPU_NODE_RENDER)
		ask_version(node, fd);
}

static void add_node(struct gpu_nodes *nodes, const struct node_row *row, const char *name,
		     const struct root *root)
{
	struct gpu_node *node;

	if (nodes->count == GPU_MAX_NODES ||
	    strlen(row->directory) + strlen(name) + 2 > sizeof(node->path))
		return;
	node = &nodes->items[nodes->count++];
	*node = (struct gpu_node){.kind = row->kind};
	(void)snprintf(node->path, sizeof(node->path), "%s/%s", row->directory, name);
	examine(node, row, root);
}

static void collect_row(struct gpu_nodes *nodes, const struct node_row *row,
			const struct root *root)
{
	CLEANUP_WORDS struct words names = {0};

	(void)gpu_directory_list(root, row->directory, &names);
	for (size_t i = 0; i < names.count; i++)
		if (is_of_row(row, names.items[i]))
			add_node(nodes, row, names.items[i], root);
}

void gpu_nodes_collect(struct gpu_nodes *ret, const struct root *root)
{
	*ret = (struct gpu_nodes){0};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		collect_row(ret, &rows[i], root);
}

bool gpu_node_is_gpu(const struct gpu_node *node)
{
	if (node->kind == GPU_NODE_NVIDIA)
		return true;
	return node->kind == GPU_NODE_RENDER && strcmp(node->driver, "vgem") != 0 &&
	       strcmp(node->driver, "vkms") != 0;
}
