/* SPDX-License-Identifier: Zlib */
/* Landlock by raw system calls: the kernel's second layer behind seccomp (landlock(7)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The kernel's version of the interface (1 and up), or -1 with errno: ENOSYS (not built in),
 * EOPNOTSUPP (switched off at boot), EPERM (a container's own filter). */
int landlock_abi(void);

/* What a ruleset of version ABI handles: rights on files, rights on TCP ports (bit 0 bind, bit 1
 * connect), scopes; and the size of the structure that this kernel expects. Pure. */
uint64_t landlock_file_rights(int abi);
uint64_t landlock_port_rights(int abi);
uint64_t landlock_scopes(int abi);
size_t landlock_attribute_size(int abi);

/* Leaves this process, for good, nothing but reading files and directories: no writing, making,
 * removing or running; no TCP bind; no TCP connect unless IS_CONNECT_ALLOWED; no signals to and no
 * abstract sockets of other processes; each as far as the kernel's version knows it. Needs
 * no_new_privs. Returns 0, or -1 with errno and nothing given up. */
int landlock_restrict_to_reading(bool is_connect_allowed);

/* The same for a driver: it may also run programs, and write to and command what is below /dev; its
 * signals and abstract sockets are not limited. */
int landlock_restrict_to_devices(void);

/* Leaves this process, for good, nothing but making and filling files, directories and links beneath an
 * open directory, and listing directories there: no reading and no running anywhere, no removing, no TCP,
 * signals or abstract sockets. -1, too, where the kernel's version (1) lets no link lead from one directory
 * into another. */
int landlock_restrict_to_writing_below(int directory_fd);
