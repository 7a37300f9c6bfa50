/* SPDX-License-Identifier: Zlib */
/* Bazel's flags for the proven cache, as an rc file (bazel.build/run/bazelrc). */
#pragma once

struct environment;
struct findings;
struct job;
struct run;

/* Adds BAZEL_REMOTE_CACHE and SPINUP_BAZELRC_PATH with its file. Pure. */
void bazelrc_compose(struct environment *environment, const struct job *job, const struct run *run,
		     struct findings *findings);
