/* SPDX-License-Identifier: Zlib */
/* What a probe's process may still do: seccomp first, Landlock behind it where the kernel has it.
 * The only file that names libseccomp is sandbox.c. */
#pragma once

#include <stdbool.h>

enum sandbox_profile {
	SANDBOX_FILES,   /* read files; no sockets, no programs, no writing */
	SANDBOX_NETWORK, /* and internet sockets; read files (CA bundles, resolv.conf, hosts) */
	SANDBOX_DAEMON,  /* read files and connect to unix sockets */
	SANDBOX_SOCKETS, /* both: of a daemon that may listen on either */
	SANDBOX_TOOL,    /* run programs of the image, bounded by the deadline; no new privileges */
	SANDBOX_DRIVER,  /* likewise, and write nowhere but to devices, no sockets but unix ones */
	SANDBOX_UNPACK, /* make and fill what is new beneath one directory, from open descriptors */
	SANDBOX_PROFILE_COUNT
};

enum sandbox_level { SANDBOX_LEVEL_NONE, SANDBOX_LEVEL_SECCOMP, SANDBOX_LEVEL_LANDLOCK };

/* Filters compiled once in the parent, loaded in the children. */
struct sandbox;

/* Empty: each profile is prepared before its first process is started. openat2(2), whose flags a
 * filter cannot see, is allowed only where a --root needs it. The caller frees. */
struct sandbox *sandbox_new(bool is_openat2_allowed);

/* Compiles a profile's filter, once. Never fails: a kernel or library that refuses means a lower
 * level. */
void sandbox_prepare(struct sandbox *sandbox, enum sandbox_profile profile);
void sandbox_free(struct sandbox *sandbox);

/* In the child: gives up the rights for good, and returns the level reached. A forbidden call
 * kills the process with SIGSYS afterwards. Sets no_new_privs (in the child alone). */
enum sandbox_level sandbox_enter(const struct sandbox *sandbox, enum sandbox_profile profile);

/* The same for SANDBOX_UNPACK, which sandbox_enter does not know: what may be written is new and beneath the
 * directory (open, not owned). Descriptors that are open go on working, so none of another directory should
 * be left. Root has the directory for its root afterwards and no capability, at every level, even "none". */
enum sandbox_level sandbox_enter_directory(const struct sandbox *sandbox, int directory_fd);

/* Before sandbox_enter, in a process that needs none of root's rights: no capability, no group, and nobody's uid
 * and gid. A refusal is no failure. A change of user takes the parent's death signal (PR_SET_PDEATHSIG) back. */
void sandbox_drop_root(void);

/* "none", "seccomp", "seccomp+landlock". */
const char *sandbox_level_name(enum sandbox_level level);

/* libseccomp's version, for `spinup version`; static or thread-local storage. */
const char *sandbox_library_version(void);
