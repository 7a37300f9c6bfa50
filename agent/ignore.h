/* SPDX-License-Identifier: Zlib */
/* .gitignore files, read as git reads them (gitignore(5)); without POSIX class names. Git itself is not
 * asked: a checkout's own configuration may name programs that it would run (core.fsmonitor). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct ignore_rule {
	char *pattern; /* without '!' before it, and '/' before and behind */
	bool is_negated;
	bool is_for_directories; /* a '/' was behind it */
	bool is_anchored;        /* for the path below its directory, not for the name alone */
};

/* The rules of one directory. */
struct ignore {
	const struct ignore *outer; /* those of a directory above it; NULL: none */
	size_t skipped;             /* how much of a path lies before this directory's names */
	struct ignore_rule *rules;
	size_t count;
};

#define IGNORE_MAX_FILE_BYTES 262144u
#define IGNORE_MAX_RULES 2000u

/* Adds the rules of one file's text; what is beyond the maximum, or longer than any path, is left out. */
void ignore_parse(struct ignore *ignore, const char *text);
void ignore_release(struct ignore *ignore);

/* Whether PATH (from the place that SKIPPED counts from, without a slash at either end) is ignored: the
 * last rule that fits decides, the innermost directory first. What lies below an ignored directory
 * is not asked for. */
bool ignore_matches(const struct ignore *innermost, const char *path, bool is_directory);

/* Whether TEXT fits PATTERN: '*', '?' and "[…]" stay between slashes, "**" alone goes across. The
 * time is bounded by the product of the lengths, squared. */
bool ignore_glob(const char *pattern, const char *text);
