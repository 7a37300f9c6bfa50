/* SPDX-License-Identifier: Zlib */
/* A device's node as this process sees it, and whose it is: this container's own, or the host's. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct root;

struct device_node {
	int error;   /* errno of looking it up; 0: it is there */
	mode_t mode; /* type and permissions */
	uid_t uid;
	gid_t gid;
	unsigned int major, minor;
	bool is_nodev; /* its mount forbids devices */
	bool is_own;   /* proven to be made for this container: see device_node_is_own */
	int64_t born;  /* seconds since the epoch; 0: the file system does not say */
};

/* Looks PATH up, symlinks followed. Never fails: what is not known says so in its own field. */
void device_node_read(struct device_node *ret, const struct root *root, const char *path);

/* Whether PATH, directly in /dev, lies on a tmpfs that a container runtime mounted at /dev: then a
 * change of its mode changes nobody else's. A node that was bound into the container is a mount of
 * its own, and the host's /dev is a devtmpfs: both are the host's. */
bool device_node_is_own(const struct root *root, const char *path);
