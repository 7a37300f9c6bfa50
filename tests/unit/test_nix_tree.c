/* SPDX-License-Identifier: Zlib */
/* The store's directories: made as Nix makes them, mended at the top, and nobody else's used. Needs
 * root, whose directories they are. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/nix_tree.h"
#include "agent/root.h"
#include "agent/tree.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define RUNNER 1001u
#define GROUP 30000u
#define CANNOT 77 /* exit status of a child that may not mount */

struct scene {
	struct machine machine;
	struct root root;
};

static int make_scene(void **state)
{
	static struct scene scene;

	machine_make(&scene.machine);
	assert_int_equal(root_open_directory(&scene.root, scene.machine.directory, NULL), 0);
	*state = &scene;
	return 0;
}

static int remove_scene(void **state)
{
	struct scene *scene = *state;

	root_close(&scene->root);
	machine_remove(&scene->machine);
	return 0;
}

static void give(const struct scene *scene, const char *path, uid_t owner, mode_t mode)
{
	char whole[PATH_MAX];

	(void)snprintf(whole, sizeof(whole), "%s%s", scene->machine.directory, path);
	assert_int_equal(lchown(whole, owner, owner), 0);
	assert_int_equal(chmod(whole, mode), 0);
}

static void expect(const struct scene *scene, const char *path, gid_t group, mode_t mode)
{
	struct stat status;

	if (root_lstat(&scene->root, path, &status) < 0)
		fail_msg("%s is not there", path);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_gid, group);
	assert_int_equal(status.st_mode & 07777, mode);
}

static void needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void makes_all_of_it(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};

	needs_root();
	for (int again = 0; again < 2; again++) {
		int nix = nix_tree_make(&scene->root, GROUP, &error);

		if (nix < 0)
			fail_msg("%s", error.message);
		close(nix);
		expect(scene, "/nix", 0, 0755);
		expect(scene, "/nix/store", GROUP, 01775);
		expect(scene, "/nix/var/nix/profiles/per-user", 0, 0755);
		expect(scene, "/nix/var/nix/daemon-socket", 0, 0755);
		expect(scene, "/nix/var/log/nix/drvs", 0, 0755);
	}
}

/* What Kubernetes makes of an emptyDir, and of a volume with a group or an owner of its own. */
static void mends_the_top(void **state)
{
	static const struct {
		uid_t owner;
		mode_t mode;
	} rows[] = {{0, 0777}, {RUNNER, 0755}, {RUNNER, 02775}, {0, 01777}, {0, 0700}};
	const struct scene *scene = *state;
	struct error error = {0};

	needs_root();
	machine_directory(&scene->machine, "/nix");
	for (size_t i = 0; i < COUNT(rows); i++) {
		int nix;

		give(scene, "/nix", rows[i].owner, rows[i].mode);
		nix = nix_tree_mend(&scene->root, &error);
		if (nix < 0)
			fail_msg("%s", error.message);
		close(nix);
		expect(scene, "/nix", 0, 0755);
	}
}

/* Things that somebody put there while /nix was open to everybody. */
static void uses_nobody_elses(void **state)
{
	static const struct {
		const char *path, *target; /* a link there; NULL: a directory */
		uid_t owner;
		mode_t mode;
		const char *message;
	} rows[] = {
		{"/nix/var", "/etc", 0, 0, "/nix/var is no directory"},
		{"/nix/store", "/etc", 0, 0, "/nix/store is no directory"},
		{"/nix/var/nix", "/etc", 0, 0, "/nix/var/nix is no directory"},
		{"/nix/var", NULL, RUNNER, 0755, "/nix/var belongs to user 1001"},
		{"/nix/store", NULL, RUNNER, 01775, "/nix/store belongs to user 1001"},
		{"/nix/var/nix/db", NULL, RUNNER, 0755, "/nix/var/nix/db belongs to user 1001"},
		{"/nix/var/nix", NULL, 0, 0777,
		 "/nix/var/nix can be changed by others (mode 0777)"},
		{"/nix/var/nix", NULL, 0, 0775,
		 "/nix/var/nix can be changed by others (mode 0775)"},
	};
	const struct scene *scene = *state;
	struct stat before, after;

	needs_root();
	machine_file(&scene->machine, "/etc/victim", "as it was");
	assert_int_equal(root_stat(&scene->root, "/etc", &before), 0);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct error error = {0};

		machine_directory(&scene->machine, "/nix");
		if (rows[i].target) {
			machine_link(&scene->machine, rows[i].path, rows[i].target);
		} else {
			machine_directory(&scene->machine, rows[i].path);
			give(scene, rows[i].path, rows[i].owner, rows[i].mode);
		}
		assert_int_equal(nix_tree_make(&scene->root, GROUP, &error), -1);
		if (!strstr(error.message, rows[i].message))
			fail_msg("%s: %s", rows[i].message, error.message);
		assert_int_equal(root_stat(&scene->root, "/etc", &after), 0);
		assert_int_equal(after.st_mode, before.st_mode);
		assert_int_equal(after.st_gid, before.st_gid);
		assert_int_equal(after.st_nlink, before.st_nlink);
		assert_int_equal(tree_remove(scene->root.fd, "nix", &error), 0);
	}
}

static void a_link_at_nix_is_refused(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};

	needs_root();
	machine_directory(&scene->machine, "/elsewhere");
	machine_link(&scene->machine, "/nix", "/elsewhere");
	assert_int_equal(nix_tree_mend(&scene->root, &error), -1);
	assert_string_equal(error.message,
			    "/nix is no directory; Nix itself refuses a symlink there");
}

/* ---- removal */

static void removes_what_is_below(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};
	struct stat status;

	machine_file(&scene->machine, "/keep/file", "kept");
	machine_file(&scene->machine, "/gone/store/x/bin/nix", "");
	machine_link(&scene->machine, "/gone/store/link", "/keep");
	machine_link(&scene->machine, "/gone/store/dangling", "nowhere");
	machine_mode(&scene->machine, "/gone/store/x/bin", 0555);
	machine_mode(&scene->machine, "/gone/store/x", 0555);
	if (tree_remove(scene->root.fd, "gone", &error) < 0)
		fail_msg("%s", error.message);
	assert_int_equal(root_lstat(&scene->root, "/gone", &status), -1);
	assert_int_equal(root_lstat(&scene->root, "/keep/file", &status), 0);
	assert_int_equal(tree_remove(scene->root.fd, "gone", &error), 0);
	machine_link(&scene->machine, "/link", "/keep");
	assert_int_equal(tree_remove(scene->root.fd, "link", &error), 0);
	assert_int_equal(root_lstat(&scene->root, "/link", &status), -1);
	assert_int_equal(root_lstat(&scene->root, "/keep/file", &status), 0);
}

/* Deeper than there are descriptors, and than a path may be long. */
static void removes_what_is_deep(void **state)
{
	const struct scene *scene = *state;
	struct error error = {0};
	struct rlimit limit, low;
	struct stat status;
	int result;
	int at = dup(scene->root.fd);

	for (int i = 0; i < 3000; i++) {
		int next;

		assert_int_equal(mkdirat(at, "gone", 0755), 0);
		next = openat(at, "gone", O_PATH | O_DIRECTORY | O_CLOEXEC);
		(void)close(at);
		at = next;
	}
	(void)close(at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = limit;
	low.rlim_cur = 64;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	result = tree_remove(scene->root.fd, "gone", &error);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (result < 0)
		fail_msg("%s", error.message);
	assert_int_equal(root_lstat(&scene->root, "/gone", &status), -1);
}

/* A kernel before 5.6, or a sandbox that does not know openat2. */
static void deny_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = COUNT(code), .filter = code};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(CANNOT);
}

/* In a child, whose mounts nobody else sees: binds FROM to AT, and tries to remove what AT is in. */
static int remove_around_mount(const struct scene *scene, const char *from, const char *at,
			       bool is_old)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error error = {0};
		int top;

		/* What was opened before is of the other namespace, and so is all that it leads to. */
		if (unshare(CLONE_NEWNS) < 0 || chdir(scene->machine.directory) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount(from, at, NULL, MS_BIND, NULL) < 0)
			_exit(CANNOT);
		top = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (is_old)
			deny_openat2();
		_exit(tree_remove(top, "gone", &error) == 0 || !strstr(error.message, at) ||
		      !strstr(error.message, "unmount it"));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Of the same file system, which its number does not tell. */
static void a_mount_is_named_before_anything_goes(void **state)
{
	static const struct {
		const char *from, *at;
	} rows[] = {{"keep", "gone/z/shared"}, {"keep/file", "gone/z/file"}};
	const struct scene *scene = *state;
	struct stat status;

	needs_root();
	machine_file(&scene->machine, "/keep/file", "kept");
	machine_file(&scene->machine, "/gone/a/file", "");
	machine_file(&scene->machine, "/gone/z/file", "");
	machine_directory(&scene->machine, "/gone/z/shared");
	machine_mode(&scene->machine, "/keep", 0755);
	for (size_t i = 0; i < 2 * COUNT(rows); i++) {
		int result = remove_around_mount(scene, rows[i / 2].from, rows[i / 2].at, i % 2);

		if (result == CANNOT)
			skip(); /* this process may not mount */
		assert_int_equal(result, 0);
		assert_int_equal(root_lstat(&scene->root, "/keep/file", &status), 0);
		assert_int_equal(root_lstat(&scene->root, "/gone/a/file", &status), 0);
		assert_int_equal(root_lstat(&scene->root, "/keep", &status), 0);
		assert_int_equal(status.st_mode & 07777, 0755);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(makes_all_of_it, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(mends_the_top, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(uses_nobody_elses, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(a_link_at_nix_is_refused, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(removes_what_is_below, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(removes_what_is_deep, make_scene, remove_scene),
		cmocka_unit_test_setup_teardown(a_mount_is_named_before_anything_goes, make_scene,
						remove_scene),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
