/* SPDX-License-Identifier: Zlib */
/* The system probe's facts: what collect fills and judge reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/cgroup.h"

struct channel;
struct job;

#define SYSTEM_MAX_DISKS 32u

struct system_disk {
	char *path;           /* as the expectations or the environment write it */
	char *measured;       /* the nearest directory that is there; NULL: error says why not */
	int error;            /* errno */
	bool must_be_written; /* RUNNER_TEMP, the workspace */
	bool is_read_only;
	dev_t device;
	int64_t free_bytes; /* for this user */
	int64_t free_inodes;
	int64_t total_inodes; /* 0: the file system makes them as it needs them */
};

enum system_store {
	SYSTEM_STORE_UNKNOWN,
	SYSTEM_STORE_MISSING,
	SYSTEM_STORE_EMPTY,
	SYSTEM_STORE_FILLED
};

struct system_nix {
	bool is_there; /* /nix is a directory */
	mode_t mode;
	uid_t owner;
	bool is_mount_point; /* /nix or /nix/store is a volume of its own */
	enum system_store store;
	char *evidence; /* what of this machine points into a store that is not there; or NULL */
};

struct system_facts {
	char kernel[66];              /* "6.18.1" */
	char system[72];              /* "x86_64-linux" */
	int64_t machine_millis;       /* CPUs that this process may run on; 0: not known */
	int64_t machine_memory_bytes; /* 0: not known */
	struct cgroup_limits limits;
	mode_t root_mode; /* of "/"; 0: not known */
	struct system_nix nix;
	struct system_disk disks[SYSTEM_MAX_DISKS];
	size_t disk_count;
};

/* Reads the machine. Never fails: what could not be read says so in its own field. */
void system_collect(struct system_facts *ret, const struct job *job);
void system_facts_release(struct system_facts *facts);

/* Facts into findings and the report's facts. Pure. */
void system_judge(const struct system_facts *facts, const struct job *job, struct channel *channel);

/* What the job may use: the control group's limit, else the machine's; 0: not known. */
int64_t system_memory(const struct system_facts *facts);
int64_t system_cpu_millis(const struct system_facts *facts);
