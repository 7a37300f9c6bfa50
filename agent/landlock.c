/* SPDX-License-Identifier: Zlib */
/* Landlock by raw system calls. The constants are our own: the headers of the machine that builds
 * may be older than the kernel that runs. */
#include "agent/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/cleanup.h"

/* The same numbers on every architecture. */
#define SYSCALL_CREATE_RULESET 444
#define SYSCALL_ADD_RULE 445
#define SYSCALL_RESTRICT_SELF 446

#define CREATE_RULESET_VERSION 1u
#define RULE_PATH_BENEATH 1

#define FILE_EXECUTE (UINT64_C(1) << 0)
#define FILE_WRITE_FILE (UINT64_C(1) << 1)
#define FILE_READ_FILE (UINT64_C(1) << 2)
#define FILE_READ_DIR (UINT64_C(1) << 3)
#define FILE_MAKE_DIRECTORY (UINT64_C(1) << 7)
#define FILE_MAKE_REGULAR (UINT64_C(1) << 8)
#define FILE_MAKE_SYMLINK (UINT64_C(1) << 12)
#define FILE_ALL_OF_ABI_1 ((UINT64_C(1) << 13) - 1)
#define FILE_REFER (UINT64_C(1) << 13)            /* ABI 2 */
#define FILE_TRUNCATE (UINT64_C(1) << 14)         /* ABI 3 */
#define FILE_IOCTL_DEV (UINT64_C(1) << 15)        /* ABI 5 */
#define PORT_BIND (UINT64_C(1) << 0)              /* ABI 4 */
#define PORT_CONNECT (UINT64_C(1) << 1)           /* ABI 4 */
#define SCOPE_ABSTRACT_SOCKETS (UINT64_C(1) << 0) /* ABI 6 */
#define SCOPE_SIGNALS (UINT64_C(1) << 1)          /* ABI 6 */

struct ruleset_attribute {
	uint64_t files;
	uint64_t ports;
	uint64_t scopes;
};

struct path_rule {
	uint64_t allowed;
	int32_t parent_fd;
} __attribute__((packed)); /* as the kernel declares it */

int landlock_abi(void)
{
	return (int)syscall(SYSCALL_CREATE_RULESET, NULL, (size_t)0, CREATE_RULESET_VERSION);
}

uint64_t landlock_file_rights(int abi)
{
	uint64_t rights = abi >= 1 ? FILE_ALL_OF_ABI_1 : 0;

	if (abi >= 2)
		rights |= FILE_REFER;
	if (abi >= 3)
		rights |= FILE_TRUNCATE;
	if (abi >= 5)
		rights |= FILE_IOCTL_DEV;
	return rights;
}

uint64_t landlock_port_rights(int abi)
{
	return abi >= 4 ? PORT_BIND | PORT_CONNECT : 0;
}

uint64_t landlock_scopes(int abi)
{
	return abi >= 6 ? SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS : 0;
}

size_t landlock_attribute_size(int abi)
{
	if (abi < 4)
		return offsetof(struct ruleset_attribute, ports);
	if (abi < 6)
		return offsetof(struct ruleset_attribute, scopes);
	return sizeof(struct ruleset_attribute);
}

static int allow_beneath(int ruleset, int directory, uint64_t rights)
{
	struct path_rule rule = {.allowed = rights, .parent_fd = directory};

	return (int)syscall(SYSCALL_ADD_RULE, ruleset, RULE_PATH_BENEATH, &rule, 0);
}

static int allow(int ruleset, const char *path, uint64_t rights)
{
	CLEANUP_CLOSE int top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return top < 0 ? -1 : allow_beneath(ruleset, top, rights);
}

static int create(int abi, const struct ruleset_attribute *attribute)
{
	return (int)syscall(SYSCALL_CREATE_RULESET, attribute, landlock_attribute_size(abi), 0u);
}

int landlock_restrict_to_reading(bool is_connect_allowed)
{
	CLEANUP_CLOSE int ruleset = -1;
	int abi = landlock_abi();
	struct ruleset_attribute attribute = {
		.files = landlock_file_rights(abi),
		.ports = landlock_port_rights(abi),
		.scopes = landlock_scopes(abi),
	};

	if (abi < 1)
		return -1;
	if (is_connect_allowed) /* which ports is not known beforehand */
		attribute.ports &= ~PORT_CONNECT;
	ruleset = create(abi, &attribute);
	if (ruleset < 0 || allow(ruleset, "/", FILE_READ_FILE | FILE_READ_DIR) < 0)
		return -1;
	return (int)syscall(SYSCALL_RESTRICT_SELF, ruleset, 0u);
}

int landlock_restrict_to_devices(void)
{
	CLEANUP_CLOSE int ruleset = -1;
	int abi = landlock_abi();
	struct ruleset_attribute attribute = {
		.files = landlock_file_rights(abi),
		.ports = landlock_port_rights(abi),
	};
	uint64_t reading = FILE_EXECUTE | FILE_READ_FILE | FILE_READ_DIR;
	uint64_t using = reading | FILE_WRITE_FILE | FILE_IOCTL_DEV;

	if (abi < 1)
		return -1;
	ruleset = create(abi, &attribute);
	if (ruleset < 0 || allow(ruleset, "/", reading) < 0 ||
	    allow(ruleset, "/dev", using & attribute.files) < 0)
		return -1;
	return (int)syscall(SYSCALL_RESTRICT_SELF, ruleset, 0u);
}

int landlock_restrict_to_writing_below(int directory_fd)
{
	CLEANUP_CLOSE int ruleset = -1;
	int abi = landlock_abi();
	struct ruleset_attribute attribute = {
		.files = landlock_file_rights(abi),
		.ports = landlock_port_rights(abi),
		.scopes = landlock_scopes(abi),
	};

	if (abi < 2)
		return -1;
	ruleset = create(abi, &attribute);
	if (ruleset < 0 ||
	    allow_beneath(ruleset, directory_fd,
			  FILE_WRITE_FILE | FILE_READ_DIR | FILE_MAKE_DIRECTORY |
				  FILE_MAKE_REGULAR | FILE_MAKE_SYMLINK | FILE_REFER) < 0)
		return -1;
	return (int)syscall(SYSCALL_RESTRICT_SELF, ruleset, 0u);
}
