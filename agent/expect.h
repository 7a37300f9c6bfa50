/* SPDX-License-Identifier: Zlib */
/* A repository's expectations (.github/spinup.json; schema: agent/schemas/expectations.json). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/finding.h"

struct context;
struct error;
struct facts;
struct lane;
struct options;

/* One tool's demanded versions, e.g. ">=2.28 <3", "2.31" (prefix), "file:.bazelversion". */
struct expect_tool {
	char *name;  /* "nix", "determinate", "bazel", "docker" */
	char *range; /* as written, file: resolved to its content */
};

struct expect_disk {
	char *path;
	int64_t free_bytes;
};

struct expectations {
	bool is_present; /* a file was found (or given) and read */
	char *source;    /* its path as a person would write it */
	char *lane;      /* label that the repository wants, or NULL */
	struct expect_tool *tools;
	size_t tool_count;
	char *flavour;        /* "determinate", "upstream", "lix", … or NULL */
	char *system;         /* "x86_64-linux", … or NULL */
	int64_t memory_bytes; /* at least; 0: none */
	int64_t cpus;         /* at least; 0: none */
	struct expect_disk *disks;
	size_t disk_count;
	char **features;      /* Nix system-features that must be there; NULL-terminated */
	unsigned int require; /* enum lane_promise bits, caches among them */
	char *substrate;      /* declared Bazel attachment mode, or NULL */
};

/* Reads --expect FILE, or in a step with a checkout <workspace>/.github/spinup.json; elsewhere
 * nothing is read, and a notice says so where it matters. Returns 0, or -1 with ERROR
 * (ERROR_USAGE: file and JSON pointer, or line and column). */
int expect_read(struct expectations *ret, const struct options *options,
		const struct context *context, struct findings *findings, struct error *error);
void expect_release(struct expectations *expect);

/* Judges what was measured against what is expected, after repair. Pure. A finding per mismatch:
 * expected, found and remedy side by side. What could not be determined is said, not guessed. */
void expect_judge(const struct expectations *expect, const struct lane *lane,
		  const struct facts *facts, struct findings *findings);

/* Whether VERSION lies in RANGE (grammar above; versions compare by their numeric parts, a
 * pre-release suffix sorts before). Returns 1, 0, or -1 when RANGE or VERSION cannot be read. */
int version_in_range(const char *version, const char *range);
