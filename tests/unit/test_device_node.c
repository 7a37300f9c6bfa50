/* SPDX-License-Identifier: Zlib */
/* Whose a device node is, by the mounts that it lies on; and what is said of what lies at its path. */
#include "agent/device_node.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/root.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define ROOT_MOUNT "600 500 0:300 / / rw,relatime - overlay overlay rw,lowerdir=/l\n"
#define RUNTIME_DEV "602 600 0:302 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755,inode64\n"
#define SHM "604 602 0:304 / /dev/shm rw,nosuid,nodev,noexec - tmpfs shm rw,size=65536k\n"

/* Each row is read as a whole. */
/* clang-format off */
static const struct {
	const char *name, *mounts;
	bool is_own;
} rows[] = {
	{"a container runtime's /dev", ROOT_MOUNT RUNTIME_DEV SHM, true},
	{"a node that is bound in: hostPath, rootless", ROOT_MOUNT RUNTIME_DEV
	 "605 602 0:5 /kvm /dev/kvm rw,nosuid - devtmpfs udev rw,size=8127748k\n", false},
	{"bound in from a tmpfs", ROOT_MOUNT RUNTIME_DEV
	 "605 602 0:9 /kvm /dev/kvm rw,nosuid - tmpfs tmpfs rw\n", false},
	{"the host's whole /dev as a volume", ROOT_MOUNT RUNTIME_DEV
	 "605 602 0:5 / /dev rw,nosuid - devtmpfs udev rw,size=8127748k\n", false},
	{"a part of the host's tmpfs as /dev", ROOT_MOUNT
	 "602 600 0:302 /containers/dev /dev rw,nosuid - tmpfs tmpfs rw\n", false},
	{"the host itself", "24 27 0:6 / /dev rw,relatime - devtmpfs devtmpfs rw,mode=755\n", false},
	{"a /dev that is no mount", ROOT_MOUNT, false},
	{"another node that is bound in", ROOT_MOUNT RUNTIME_DEV
	 "605 602 0:5 /kvm2 /dev/kvm2 rw,nosuid - devtmpfs udev rw\n", true},
	{"the type's word at another place", ROOT_MOUNT
	 "602 600 0:302 / /dev rw,nosuid - ext4 /dev/tmpfs rw\n", false},
	{"no separator", "602 600 0:302 / /dev rw,nosuid tmpfs tmpfs rw\n", false},
	{"nothing", "", false},
};
/* clang-format on */

static void check_owners(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct machine machine;
		struct root root;

		machine_make(&machine);
		machine_file(&machine, "/proc/self/mountinfo", rows[i].mounts);
		assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
		if (device_node_is_own(&root, "/dev/kvm") != rows[i].is_own)
			fail_msg("%s", rows[i].name);
		assert_false(device_node_is_own(&root, "/kvm"));
		root_close(&root);
		machine_remove(&machine);
	}
}

static void check_reading(void **state)
{
	struct device_node node;
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	device_node_read(&node, &root, "/dev/null");
	assert_int_equal(node.error, 0);
	assert_true(S_ISCHR(node.mode));
	assert_int_equal(node.major, 1);
	assert_int_equal(node.minor, 3);
	assert_false(node.is_nodev);
	device_node_read(&node, &root, "/dev/no-such-device");
	assert_int_equal(node.error, ENOENT);
	device_node_read(&node, &root, "/proc/version");
	assert_true(S_ISREG(node.mode));
	root_close(&root);
}

static void check_no_mount_table(void **state)
{
	struct machine machine;
	struct root root;

	(void)state;
	machine_make(&machine);
	assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
	assert_false(device_node_is_own(&root, "/dev/kvm"));
	root_close(&root);
	machine_remove(&machine);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_owners),
		cmocka_unit_test(check_reading),
		cmocka_unit_test(check_no_mount_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
