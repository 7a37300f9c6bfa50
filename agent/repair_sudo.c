/* SPDX-License-Identifier: Zlib */
/* The command line by which sudo starts this very program. */
#include "agent/repair_sudo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/error.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/named_path.h"
#include "agent/repair.h"
#include "agent/repair_call.h"
#include "agent/run.h"
#include "agent/trusted_path.h"

#define SELF "/proc/self/exe"
#define COPY "spinup-repair"
#define BLOCK_BYTES 65536u

static const char *find_sudo(const struct root *root)
{
	static const char *const places[] = {"/run/wrappers/bin/sudo", "/usr/bin/sudo",
					     "/bin/sudo"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		struct stat status;

		if (root_stat(root, places[i], &status) == 0 && status.st_mode & S_ISUID)
			return places[i];
	}
	return places[1];
}

/* ---- a copy of the running program */

static bool copy_and_hash(int from, int to, uint8_t ret[DIGEST_SHA256_BYTES])
{
	struct digest_sha256 *digest = digest_sha256_new();
	char block[BLOCK_BYTES];
	ssize_t length;
	bool is_good = true;

	while (is_good && (length = read(from, block, sizeof(block))) != 0) {
		is_good = length > 0 && (to < 0 || write(to, block, (size_t)length) == length);
		if (is_good)
			digest_sha256_add(digest, block, (size_t)length);
	}
	return digest_sha256_finish(digest, ret) && is_good;
}

/* What lies there now is read again: it must be what runs here. */
static bool is_copy_good(const struct repair_sudo *sudo, const uint8_t own[DIGEST_SHA256_BYTES])
{
	CLEANUP_CLOSE int fd = openat(sudo->directory.fd, COPY, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint8_t found[DIGEST_SHA256_BYTES];

	return fd >= 0 && copy_and_hash(fd, -1, found) && memcmp(found, own, sizeof(found)) == 0;
}

static int make_copy(struct repair_sudo *sudo, const struct context *context, struct error *error)
{
	CLEANUP_CLOSE int from = open(SELF, O_RDONLY | O_CLOEXEC);
	CLEANUP_CLOSE int to = -1;
	uint8_t own[DIGEST_SHA256_BYTES];

	if (private_dir_open(&sudo->directory, &context->root, context->temp, "spinup", error) < 0)
		return -1;
	(void)unlinkat(sudo->directory.fd, COPY, 0);
	to = openat(sudo->directory.fd, COPY, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0700);
	if (to >= 0)
		sudo->copy = mem_strdup(COPY);
	if (from < 0 || to < 0 || !copy_and_hash(from, to, own) || close(TAKE_FD(to)) < 0 ||
	    !is_copy_good(sudo, own))
		return error_set(error, ERROR_AGENT,
				 "a copy of spinup for sudo cannot be made in %s: %s",
				 sudo->directory.path, strerror(errno));
	return 0;
}

/* ---- the line */

/* Appends the path by which root is to start this program. */
static int add_self(struct repair_sudo *sudo, const struct context *context, struct error *error)
{
	char path[PATH_MAX];
	ssize_t length = readlink(SELF, path, sizeof(path) - 1);
	CLEANUP_FREE char *copy = NULL;

	if (length > 0) {
		path[length] = '\0';
		if (trusted_path_check(&context->root, path, 0, NULL) == 0) {
			words_add(&sudo->arguments, path);
			return 0;
		}
	}
	if (make_copy(sudo, context, error) < 0)
		return -1;
	copy = mem_format("%s/" COPY, sudo->directory.path);
	words_add(&sudo->arguments, copy);
	return 0;
}

int repair_sudo_prepare(struct repair_sudo *ret, const struct job *job,
			const struct repair_wish *wish, struct error *error)
{
	const struct options *options = job->options;
	int64_t left_s = (wish->end_us - run_clock_us()) / 1000000;
	CLEANUP_FREE char *seconds = mem_format("%d", left_s < 1 ? 1 : (int)left_s);
	CLEANUP_FREE char *contract =
		options->contract_path ? named_path(options->contract_path) : NULL;

	*ret = (struct repair_sudo){.directory = {.fd = -1}};
	words_add(&ret->arguments, find_sudo(&job->context.root));
	words_add(&ret->arguments, "-n");
	words_add(&ret->arguments, "--");
	if (add_self(ret, &job->context, error) < 0)
		return -1;
	words_add(&ret->arguments, "repair");
	words_add(&ret->arguments, "--install-deadline");
	words_add(&ret->arguments, seconds);
	if (contract) {
		words_add(&ret->arguments, "--contract");
		words_add(&ret->arguments, contract);
	}
	if (options->is_store_verified)
		words_add(&ret->arguments, "--verify-store");
	for (size_t i = 0; i < repair_count(); i++)
		if (wish->is_asked[i])
			words_add(&ret->arguments, finding_kind(repair_table[i].cures)->id);
	words_end(&ret->arguments);
	return 0;
}

void repair_sudo_release(struct repair_sudo *sudo)
{
	if (sudo->copy)
		(void)unlinkat(sudo->directory.fd, sudo->copy, 0);
	free(sudo->copy);
	if (sudo->directory.path)
		private_dir_close(&sudo->directory);
	words_release(&sudo->arguments);
}
