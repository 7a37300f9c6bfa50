/* SPDX-License-Identifier: Zlib */
/* The toolchain probe's facts: what collect fills and judge reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/spawn.h"

struct channel;
struct job;

/* A tool whose version can be asked for. */
struct tool {
	const char *name;        /* as in the expectations */
	const char *shown;       /* as people write it */
	const char *programs[3]; /* the first that is found; NULL-terminated */
	const char *prefix;      /* of the line in its --version that tells */
	const char *extra_path;  /* searched after PATH; NULL: nothing */
	const char *fact;
	bool is_last_number; /* "nix (Determinate Nix 3.8.5) 2.30.1": else the first */
};

/* NULL when there is none of that name. */
const struct tool *tool_find(const char *name);

struct toolchain_facts {
	const struct tool *tool;
	char *program;  /* path of what was found, or NULL */
	char *version;  /* or NULL */
	char *source;   /* what told the version: a file, a variable, the program; or NULL */
	char *distrust; /* why it was not run, or NULL */
	bool was_run;
	unsigned int timeout_ms;
	struct spawn_result end; /* when was_run */
	char *output;            /* when was_run: what it wrote, at most a few lines */
};

/* Looks the tool up, and asks it only when no file or path tells its version. */
void toolchain_collect(struct toolchain_facts *ret, const struct tool *tool, const struct job *job);
void toolchain_facts_release(struct toolchain_facts *facts);

/* The version in what `TOOL --version` wrote; the caller frees; NULL when there is none. Pure. */
char *tool_version(const struct tool *tool, const char *output);

/* The version that a .bazelversion or USE_BAZEL_VERSION pins; the caller frees; NULL for what Bazelisk
 * must look up first ("latest", "7.x", a fork's name). Pure. */
char *tool_pinned_version(const char *text);

/* Facts into findings and the report's facts. Pure. */
void toolchain_judge(const struct toolchain_facts *facts, struct channel *channel);
