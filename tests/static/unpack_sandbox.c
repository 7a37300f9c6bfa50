/* SPDX-License-Identifier: Zlib */
/* Proves SANDBOX_UNPACK by use: real archives are unpacked under it by the release's own libraries, and what
 * would lead out of the directory does not. Prints a line per trial and a count; ends with 1 when any went
 * wrong. Runs from the repository's root, for its fixtures. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/error.h"
#include "agent/landlock.h"
#include "agent/unpack.h"
#include "tests/unit/prepared.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NEW_FILE (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)

/* A trial's directory: staging/, which the sandbox is entered with, beside a file called outside. */
static struct stage {
	char path[32];
	int above;
	int staging;
	int archive;
} stage = {.above = -1, .staging = -1, .archive = -1};

static struct sandbox *sandbox;
static unsigned int passed, failed;

static void report(bool is_passed, const char *name)
{
	if (is_passed)
		passed++;
	else
		failed++;
	printf("%s %u - unpack: %s\n", is_passed ? "ok" : "not ok", passed + failed, name);
}

/* ---- what the trials do, within the sandbox */

static int unpack_well(void)
{
	struct unpack_counts counts;
	struct error error = {0};

	if (unpack(stage.archive, stage.staging, &counts, &error) == 0 && counts.store_paths == 2)
		return 0;
	(void)dprintf(1, "# %s\n", error.message);
	return -1;
}

static int refuse_what_was_read(void)
{
	struct unpack_counts counts;
	struct error error = {0};

	return unpack(stage.archive, stage.staging, &counts, &error) < 0 && *error.message ? 0 : -1;
}

static int make_file_above(void)
{
	return openat(stage.staging, "../escaped", NEW_FILE, 0600);
}

static int make_file_by_path(void)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s/escaped", stage.path);
	return openat(stage.staging, path, NEW_FILE, 0600);
}

static int make_directory_above(void)
{
	return mkdirat(stage.staging, "../escaped", 0700);
}

static int link_from_above(void)
{
	return linkat(stage.staging, "../outside", stage.staging, "inside", 0);
}

static int make_symlink_by_descriptor(void)
{
	return symlinkat("x", stage.above, "escaped");
}

static const struct trial {
	const char *name;
	const char *archive; /* "" for an escape, which may succeed within staging/ or fail */
	int (*run)(void);
	int needs_landlock; /* the version from which on it must fail for root, too */
} trials[] = {
	{"upstream's layout under xz", "fixtures/unpack/upstream-xz/archive", unpack_well, 0},
	{"a closure under zstd", "fixtures/unpack/plain-zstd/archive", unpack_well, 0},
	{"a closure under gzip", "fixtures/unpack/plain-gzip/archive", unpack_well, 0},
	{"what is no archive", "fixtures/unpack/plain-gzip/expected", refuse_what_was_read, 0},
	{"no file above", "", make_file_above, 0},
	{"no file by its path", "", make_file_by_path, 0},
	{"no directory above", "", make_directory_above, 0},
	{"no link from above", "", link_from_above, 0},
	{"no symlink by a descriptor that was left open", "", make_symlink_by_descriptor, 2},
};

/* ---- around them */

static void set_stage(const char *archive)
{
	(void)snprintf(stage.path, sizeof(stage.path), "/tmp/spinup-unpack-XXXXXX");
	if (mkdtemp(stage.path))
		stage.above = open(stage.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	(void)mkdirat(stage.above, "staging", 0700);
	stage.staging = openat(stage.above, "staging", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	close(openat(stage.above, "outside", NEW_FILE, 0600));
	stage.archive = *archive ? open(archive, O_RDONLY | O_CLOEXEC) : -1;
	if (stage.staging < 0 || (*archive && stage.archive < 0)) {
		perror("unpack_sandbox: the stage");
		exit(1);
	}
}

static void clear_stage(void)
{
	pid_t child = fork();

	if (child == 0) {
		(void)execl("/bin/sh", "sh", "-c", "chmod -R u+w \"$0\" && rm -r \"$0\"",
			    stage.path, (char *)NULL);
		_exit(127);
	}
	(void)waitpid(child, NULL, 0);
	close(stage.above);
	close(stage.staging);
	close(stage.archive);
}

static bool is_above_untouched(void)
{
	struct stat status;

	return fstatat(stage.above, "escaped", &status, AT_SYMLINK_NOFOLLOW) < 0 &&
	       fstatat(stage.above, "outside", &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       status.st_nlink == 1;
}

/* landlock_create_ruleset fails as on a kernel without it. */
static void take_landlock_away(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 444, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {.len = COUNT(code), .filter = code};

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int run_trial(const struct trial *trial, bool has_landlock)
{
	int status = 0;
	pid_t child;

	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		if (!has_landlock)
			take_landlock_away();
		(void)sandbox_enter_directory(sandbox, stage.staging);
		_exit(trial->run() < 0 ? 1 : 0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || WIFSIGNALED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Without Landlock, nothing but root's own root directory keeps an escape in. */
static void check_trial(const struct trial *trial, bool has_landlock)
{
	char name[128];
	int outcome;

	if (*trial->archive == '\0' && !has_landlock && (geteuid() != 0 || trial->needs_landlock))
		return;
	if (trial->needs_landlock > landlock_abi())
		return;
	set_stage(trial->archive);
	outcome = run_trial(trial, has_landlock);
	(void)snprintf(name, sizeof(name), "%s%s", trial->name,
		       has_landlock ? "" : ", without Landlock");
	report((*trial->archive ? outcome == 0 : outcome >= 0) && is_above_untouched(), name);
	clear_stage();
}

/* What /proc says of a process that has entered; it waits for its input's end. */
static void check_rights(void)
{
	int ends[2], ready[2];
	char path[64], line[256], root[64] = "";
	unsigned long long effective = 1, permitted = 1;
	FILE *file;
	pid_t child;

	set_stage("");
	if (pipe2(ends, O_CLOEXEC) < 0 || pipe2(ready, O_CLOEXEC) < 0)
		exit(1);
	(void)fflush(stdout);
	child = fork();
	if (child == 0) {
		close(ends[1]);
		(void)sandbox_enter_directory(sandbox, stage.staging);
		(void)!write(ready[1], "x", 1);
		(void)!read(ends[0], line, 1);
		_exit(0);
	}
	(void)!read(ready[0], line, 1);
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		(void)!sscanf(line, "CapEff: %llx", &effective);
		(void)!sscanf(line, "CapPrm: %llx", &permitted);
	}
	if (file)
		(void)fclose(file);
	report(effective == 0 && permitted == 0, "no capability");
	(void)snprintf(path, sizeof(path), "/proc/%d/root", (int)child);
	(void)!readlink(path, root, sizeof(root) - 1);
	(void)snprintf(path, sizeof(path), "%s/staging", stage.path);
	if (geteuid() == 0)
		report(strcmp(root, path) == 0, "the directory is the root");
	close(ends[1]);
	(void)waitpid(child, NULL, 0);
	clear_stage();
}

int main(void)
{
	sandbox = prepared(1u << SANDBOX_UNPACK, false);
	for (size_t i = 0; i < COUNT(trials); i++) {
		check_trial(&trials[i], true);
		check_trial(&trials[i], false);
	}
	check_rights();
	sandbox_free(sandbox);
	printf("%u passed, %u failed\n", passed, failed);
	return failed ? 1 : 0;
}
