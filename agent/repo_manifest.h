/* SPDX-License-Identifier: Zlib */
/* The platform's own description of a repository (tinyland.repo.json): of it, how Bazel is attached. */
#pragma once

#include <stddef.h>

struct context;
struct error;

#define REPO_MANIFEST_PATH "tinyland.repo.json"

struct repo_manifest {
	char *substrate_mode; /* enrollment.substrateMode, as written; NULL: none is declared */
};

/* Reads the workspace's manifest in a step, as the expectations are read; elsewhere, and where there
 * is none, nothing is declared. Returns 0, or -1 with ERROR (ERROR_USAGE: line and column, or JSON
 * pointer). */
int repo_manifest_read(struct repo_manifest *ret, const struct context *context,
		       struct error *error);
void repo_manifest_release(struct repo_manifest *manifest);

/* The same from the manifest's text. Keys that are not read here are nobody's fault. */
int repo_manifest_parse(struct repo_manifest *ret, const char *text, size_t length,
			struct error *error);
