/* SPDX-License-Identifier: Zlib */
/* Who gets the result: one table of writers, each row with its condition. */
#pragma once

#include <stdbool.h>

struct environment;
struct error;
struct result;

/* Writes the environment's files: below RUNNER_TEMP/spinup, where the variables already point, or
 * into DIRECTORY when given (made where it is missing). Each file is there whole or not at all.
 * Returns 0, or -1 with ERROR. */
int emit_files(const struct environment *environment, const struct result *result,
	       const char *directory, struct error *error);

/* Puts TEXT in the place of NAME below RUNNER_TEMP/spinup. Returns 0, or -1 with ERROR. */
int emit_private_file(const struct result *result, const char *name, const char *text,
		      struct error *error);

/* Adds the import of SPINUP_BAZELRC_PATH, which must be there, to ~/.bazelrc, and to the system's rc for a
 * bazel that is called without --bazelrc. Return 0, or -1 with ERROR; an image may be read-only, so the
 * system's is owed to nobody. */
int emit_home_rc(const struct result *result, struct error *error);
int emit_system_rc(const struct result *result, struct error *error);

/* Runs every writer whose condition holds: masks first, files and report, page or JSON to stdout,
 * summary, outputs, annotations, GITHUB_PATH, GITHUB_ENV, and a hook's links to Nix (`env` prints the
 * environment instead of the page). All that is owed is tried; from GITHUB_PATH on only when
 * nothing failed before. Returns 0, or -1 with the first ERROR. */
int emit_all(const struct result *result, struct error *error);

/* Whether this run writes for what comes next: `run` in a step or hook that has a GITHUB_ENV, where
 * the lane has not failed under enforce, and `exec` always. */
bool emit_gives_environment(const struct result *result);
