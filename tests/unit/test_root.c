/* SPDX-License-Identifier: Zlib */
/* The root: nothing leads out of it, nothing blocks, errors are the expected ones. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

/* A fake machine in /tmp; git keeps neither FIFOs nor odd modes nor links that lead out. */
struct machine {
	char directory[64];
	struct root root;
};

static const char *at(const struct machine *machine, const char *path)
{
	static char full[256];

	(void)snprintf(full, sizeof(full), "%s%s", machine->directory, path);
	return full;
}

static void put_file(const struct machine *machine, const char *path, const char *text)
{
	FILE *file = fopen(at(machine, path), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void put_link(const struct machine *machine, const char *path, const char *target)
{
	assert_int_equal(symlink(target, at(machine, path)), 0);
}

static int set_up(void **state)
{
	static struct machine machine;
	static const char *const directories[] = {"/etc", "/nix", "/nix/store", "/nix/store/x",
						  "/a",   "/a/b", "/closed"};

	(void)snprintf(machine.directory, sizeof(machine.directory), "/tmp/spinup-root-XXXXXX");
	assert_non_null(mkdtemp(machine.directory));
	for (size_t i = 0; i < COUNT(directories); i++)
		assert_int_equal(mkdir(at(&machine, directories[i]), 0755), 0);
	put_file(&machine, "/etc/hosts", "127.0.0.1 inside\n");
	put_file(&machine, "/nix/store/x/nix", "program");
	put_link(&machine, "/a/absolute", "/nix/store/x");
	put_link(&machine, "/a/relative", "../nix/store/./x");
	put_link(&machine, "/a/chain", "absolute/nix");
	put_link(&machine, "/a/out", "../../../../../../etc/hosts");
	put_link(&machine, "/a/passwd", "/etc/passwd");
	put_link(&machine, "/a/dangling", "/nix/store/gone");
	put_link(&machine, "/a/loop", "/a/loop2");
	put_link(&machine, "/a/loop2", "/a/loop");
	put_link(&machine, "/a/self", "..//a/b//../b/");
	assert_int_equal(mkfifo(at(&machine, "/fifo"), 0600), 0);
	assert_int_equal(root_open_directory(&machine.root, machine.directory, NULL), 0);
	*state = &machine;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {
		"/a/absolute",      "/a/relative",  "/a/chain",   "/a/out",  "/a/passwd",
		"/a/dangling",      "/a/loop",      "/a/loop2",   "/a/self", "/fifo",
		"/etc/hosts",       "/etc",         "/a/b",       "/a",      "/closed",
		"/nix/store/x/nix", "/nix/store/x", "/nix/store", "/nix",    "",
	};
	struct machine *machine = *state;

	root_close(&machine->root);
	for (size_t i = 0; i < COUNT(names); i++)
		assert_int_equal(remove(at(machine, names[i])), 0);
	return 0;
}

static void resolve_stays_inside(void **state)
{
	static const struct {
		const char *path;
		const char *resolved; /* NULL: errno */
		int error;
	} cases[] = {
		{"/", "/", 0},
		{"//", "/", 0},
		{"/..", "/", 0},
		{"/../../etc/hosts", "/etc/hosts", 0},
		{"/etc/hosts", "/etc/hosts", 0},
		{"/a/absolute", "/nix/store/x", 0},
		{"/a/absolute/", "/nix/store/x", 0},
		{"/a/absolute/..", "/nix/store", 0},
		{"/a/relative/nix", "/nix/store/x/nix", 0},
		{"/a/chain", "/nix/store/x/nix", 0},
		{"/a/out", "/etc/hosts", 0},
		{"/a/self", "/a/b", 0},
		{"/a/self/../absolute/nix", "/nix/store/x/nix", 0},
		{"/a/dangling", NULL, ENOENT},
		{"/a/passwd", NULL, ENOENT}, /* there is one outside */
		{"/a/loop", NULL, ELOOP},
		{"/etc/hosts/more", NULL, ENOTDIR},
		{"/nowhere/at/all", NULL, ENOENT},
	};
	const struct machine *machine = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(4096);
		int status = root_resolve(&machine->root, cases[i].path, &found);

		if (cases[i].resolved) {
			assert_int_equal(status, 0);
			assert_string_equal(found.data, cases[i].resolved);
		} else {
			assert_int_equal(status, -1);
			assert_int_equal(errno, cases[i].error);
			assert_string_equal(found.data, "");
		}
	}
}

static void read_is_bounded(void **state)
{
	static const struct {
		const char *path;
		size_t max_bytes;
		int error; /* 0: read */
		const char *text;
	} cases[] = {
		{"/etc/hosts", 17, 0, "127.0.0.1 inside\n"},
		{"/etc/hosts", 16, EFBIG, ""},
		{"/a/out", 100, 0, "127.0.0.1 inside\n"},
		{"/a/chain", 100, 0, "program"},
		{"/a/passwd", 100, ENOENT, ""},
		{"/fifo", 100, EINVAL, ""},
		{"/a", 100, EISDIR, ""},
		{"/a/loop", 100, ELOOP, ""},
		{"etc/hosts", 100, EINVAL, ""},
		{"", 100, EINVAL, ""},
	};
	const struct machine *machine = *state;

	for (size_t i = 0; i < COUNT(cases); i++) {
		CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(cases[i].max_bytes + 1);
		int status;

		strbuf_putc(&text, '!'); /* what was there stays */
		status = root_read(&machine->root, cases[i].path, &text);
		assert_int_equal(status, cases[i].error ? -1 : 0);
		if (cases[i].error)
			assert_int_equal(errno, cases[i].error);
		assert_int_equal(text.data[0], '!');
		assert_string_equal(text.data + 1, cases[i].text);
	}
}

static void links_and_status(void **state)
{
	const struct machine *machine = *state;
	struct statvfs space;
	struct stat status;
	char target[64], tiny[4];

	assert_int_equal(root_readlink(&machine->root, "/a/absolute", target, sizeof(target)), 12);
	assert_string_equal(target, "/nix/store/x");
	assert_int_equal(root_readlink(&machine->root, "/a/absolute", tiny, sizeof(tiny)), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(root_readlink(&machine->root, "/etc/hosts", target, sizeof(target)), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(root_lstat(&machine->root, "/a/absolute", &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(root_stat(&machine->root, "/a/absolute", &status), 0);
	assert_true(S_ISDIR(status.st_mode));
	assert_int_equal(root_stat(&machine->root, "/a/passwd", &status), -1);
	assert_int_equal(root_statvfs(&machine->root, "/nix", &space), 0);
	assert_true(space.f_blocks > 0);
}

static void descriptors_are_closed_on_exec(void **state)
{
	const struct machine *machine = *state;
	int fd = root_open(&machine->root, "/etc/hosts", O_RDONLY, 0);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(machine->root.fd, F_GETFD), FD_CLOEXEC);
	close(fd);
	fd = root_open(&machine->root, "/a/new", O_WRONLY | O_CREAT | O_EXCL, 0640);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unlink(at(machine, "/a/new")), 0);
}

static void the_machine_itself(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(65536);
	struct error error = {0};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, NULL, NULL), 0);
	assert_false(root.is_confined);
	assert_int_equal(root_read(&root, "/proc/self/status", &text), 0);
	assert_non_null(strstr(text.data, "Name:"));
	strbuf_clear(&text);
	assert_int_equal(root_resolve(&root, "/proc/self/cwd", &text), 0);
	assert_string_not_equal(text.data, "/proc/self/cwd");
	root_close(&root);
	root_close(&root);
	assert_int_equal(root_open_directory(&root, "/nonexistent", &error), -1);
	assert_int_equal(error.code, ERROR_USAGE);
	assert_non_null(strstr(error.message, "--root /nonexistent"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolve_stays_inside),
		cmocka_unit_test(read_is_bounded),
		cmocka_unit_test(links_and_status),
		cmocka_unit_test(descriptors_are_closed_on_exec),
		cmocka_unit_test(the_machine_itself),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
