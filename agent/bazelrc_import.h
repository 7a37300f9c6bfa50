/* SPDX-License-Identifier: Zlib */
/* A line in an rc file that Bazel reads by itself. */
#pragma once

struct error;
struct root;

/* Appends `try-import FILE` to the rc file at RC (made where it is missing), unless it says so
 * already. Bazel passes over a FILE that is missing, so the line may outlive the job.
 * Returns 0, or -1 with ERROR and RC as it was. */
int bazelrc_import(const struct root *root, const char *rc, const char *file, struct error *error);
