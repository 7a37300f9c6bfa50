/* SPDX-License-Identifier: Zlib */
/* What the next steps get: names, values and where each came from. Composed, not yet written. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/lane.h"
#include "agent/verdict.h"

struct findings;
struct job;
struct run;

/* A file of ours that a variable points at; written below RUNNER_TEMP/spinup (0700). */
struct environment_file {
	char *name;    /* "bazelrc", "netrc": a plain file name */
	char *content; /* secret when is_secret */
	bool is_secret;
};

struct variable {
	char *name;
	char *value;    /* "" empties what the pod injected; a FILE's path when file is set */
	char *source;   /* "probe attic", "contract", "job's own NIX_CONFIG and spinup" */
	char *file;     /* name of the environment_file whose path is the value, or NULL */
	char **secrets; /* substrings of value that must be masked; NULL-terminated; may be NULL */
};

struct environment {
	struct variable *variables;
	size_t count;
	struct environment_file *files;
	size_t file_count;
	char **path_entries; /* for GITHUB_PATH, first wins; NULL-terminated */
	char *linked_bin;    /* a hook's: Nix's directory, to be linked (nix_links.h), or NULL */
};

/* Composes from the proven facts. Each fact is checked by a grammar
 * again before it enters a value. What cannot be given is added to FINDINGS. Pure. */
void environment_compose(struct environment *ret, const struct job *job, const struct run *run,
			 struct findings *findings);
void environment_release(struct environment *environment);

/* The last check, of environment_compose itself: drops what a GITHUB_ENV cannot hold and what holds
 * secrets that nobody would hide, and says so. */
void environment_check(struct environment *environment, const struct job *job,
		       struct findings *findings);

/* What became of a cache in this run. */
enum cache_fate {
	CACHE_UNTOUCHED, /* nothing was tried (none chosen, or skipped): nothing is written */
	CACHE_PROVEN,
	CACHE_DEAD, /* not proven, or the job's own value was refused: emptied, not left in place */
};

/* CACHE is LANE_ATTIC or LANE_BAZEL. */
enum cache_fate environment_cache_fate(const struct job *job, const struct run *run,
				       enum lane_promise cache);

/* For the composers (nix_config.c, bazelrc.c, environment.c): add a copy. */
void environment_set(struct environment *environment, const char *name, const char *value,
		     const char *source);
void environment_add_file(struct environment *environment, const char *variable,
			  const char *file_name, const char *content, bool is_secret,
			  const char *source);
void environment_add_path(struct environment *environment, const char *directory);

/* SECRET is in the value of NAME (an access token of the job's own NIX_CONFIG). No effect when
 * NAME is not set. */
void environment_add_secret(struct environment *environment, const char *name, const char *secret);

/* Takes NAME out again. */
void environment_drop(struct environment *environment, const char *name);

const struct variable *environment_find(const struct environment *environment, const char *name);

/* Where emit writes the file NAME of ours: RUNNER_TEMP/spinup/NAME, or in the directory of `env
 * --write-files`. NULL: `env` without it writes none. The caller frees. */
char *environment_file_path(const struct job *job, const char *name);

/* Whether the runner hides what it is told to hide: in a real runner's step or hook. Elsewhere the
 * line would be the leak. */
bool environment_can_mask(const struct job *job);

/* Every text that is shown is searched for each secret: a value of thousands would hold the run up. */
#define VARIABLE_MAX_SECRETS 64u
bool variable_has_too_many_secrets(const struct variable *variable);

/* The value as it may be shown: secrets are "***", URLs lose their passwords; the caller frees. */
char *variable_display(const struct variable *variable);
