/* SPDX-License-Identifier: Zlib */
/* The runner's file commands and workflow commands (actions/runner: FileCommandManager.cs,
 * ActionCommand.cs). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct root;
struct strbuf;

#define GITHUB_MAX_VALUE_BYTES 32768u  /* one value: larger ones break every later step's exec */
#define GITHUB_MAX_BLOCK_BYTES 131072u /* all that we write to one file */

/* A name that GITHUB_ENV will take and keep: a variable name, not NODE_OPTIONS, not GITHUB_*, not
 * RUNNER_*, not CI. */
bool github_env_name_is_allowed(const char *name);

/* What keeps VALUE from reaching the next step as it is ("it has a carriage return"), or NULL. */
const char *github_value_problem(const char *value);

/* Appends NAME and VALUE to a block: NAME=VALUE, or a heredoc with a fresh random delimiter when
 * VALUE has several lines. Returns 0, or -1 with ERROR (name not allowed, value too large, NUL or
 * carriage return, leading newline). */
int github_block_add(struct strbuf *block, const char *name, const char *value,
		     struct error *error);

/* The same for GITHUB_OUTPUT, whose names may have dashes: [A-Za-z_][A-Za-z0-9_-]*. */
int github_output_add(struct strbuf *block, const char *name, const char *value,
		      struct error *error);

/* Appends BLOCK to the file at PATH in one write, with O_APPEND, after mending a missing final
 * newline; never truncates, never leaves half a block (a short write is taken back by ftruncate).
 * An existing content that is broken already (an unterminated heredoc of somebody else) is named in
 * ERROR and nothing is written. PATH is followed only if it is a regular file.
 * Returns 0, or -1 with ERROR. */
int github_file_append(const struct root *root, const char *path, const char *block, size_t length,
		       struct error *error);

/* The same for GITHUB_PATH and GITHUB_STEP_SUMMARY, whose content has no grammar to break. */
int github_lines_append(const struct root *root, const char *path, const char *lines, size_t length,
			struct error *error);

/* Whether the runner's parser would accept TEXT; RET_LINE is the first bad line, from 1. */
bool github_file_is_whole(const char *text, size_t length, unsigned int *ret_line);

/* Appends a workflow command line: ::LEVEL title=TITLE::MESSAGE, escaped as the runner reads it,
 * MESSAGE cut at 4000 bytes. LEVEL is "error", "warning" or "notice". */
void github_annotation(struct strbuf *out, const char *level, const char *title,
		       const char *message);

/* Where in the repository an annotation belongs; line and column from 1, 0: not known. */
struct github_place {
	const char *file; /* from the workspace's root */
	unsigned int line, column;
};

/* The same for a place in a file: ::LEVEL file=…,line=…,col=…,title=TITLE::MESSAGE. */
void github_file_annotation(struct strbuf *out, const char *level, const struct github_place *place,
			    const char *title, const char *message);

/* Whether the runner can be told to hide SECRET without hiding half the log: 4 characters or more
 * in each of its lines that is not blank. */
bool github_can_mask(const char *secret);

/* Appends ::add-mask::SECRET (one per line of it). Never for secrets under 4 characters. */
void github_mask(struct strbuf *out, const char *secret);
