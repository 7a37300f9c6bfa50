/* SPDX-License-Identifier: Zlib */
/* Places that expectations name: a version file of the checkout, and paths of the machine. */
#pragma once

struct context;
struct error;

#define EXPECT_FILE_PREFIX "file:"

/* The first line of the file that REFERENCE ("file:.bazelversion") names, inside the workspace and
 * not out of it by "..", an absolute path or a symlink; the caller frees *RET. Returns 0, or -1 with
 * ERROR (ERROR_USAGE). */
int expect_file_version(const struct context *context, const char *reference, char **ret,
			struct error *error);

/* An absolute path as it is, or "$GITHUB_WORKSPACE" or "$RUNNER_TEMP" (alone or followed by "/…") as
 * this job has them (or as written where there is no workspace); the caller frees. NULL for anything
 * else, and where ".." is in it. */
char *expect_file_place(const struct context *context, const char *place);
