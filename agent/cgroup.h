/* SPDX-License-Identifier: Zlib */
/* The memory and CPU limits that this process's control groups set (cgroups(7)). */
#pragma once

#include <stdint.h>

struct root;

struct cgroup_limits {
	unsigned int version; /* that holds the memory controller: 1 or 2; 0: none is mounted */
	int64_t memory_bytes; /* the smallest on the way up; 0: none is set; -1: not determined */
	int64_t cpu_millis;   /* the same; 4000 is four CPUs */
};

/* Reads /proc/self/cgroup, /proc/self/mountinfo and the limit files from this process's own group up
 * to the mount point (what a container sees as the top may itself be limited further up: version 1
 * tells in memory.stat, version 2 does not). Never fails. */
void cgroup_read(struct cgroup_limits *ret, const struct root *root);
