/* SPDX-License-Identifier: Zlib */
/* Rules from above: a directory's own .gitignore is the walk's. */
#include "agent/check_outer.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/root.h"

#define PATH_MAX_BYTES 4096u

static bool is_top(const struct root *root, const char *directory)
{
	CLEANUP_FREE char *git = mem_format("%s/.git", directory);
	struct stat status;

	return root_lstat(root, git, &status) == 0;
}

/* How much of PATH is its repository's top; 0 where it lies in none. */
static size_t top_of(const struct root *root, const char *path)
{
	CLEANUP_FREE char *directory = mem_strdup(path);

	while (*directory) {
		if (is_top(root, directory))
			return strlen(directory);
		*strrchr(directory, '/') = '\0';
	}
	return 0;
}

static void add_level(struct check_outer *outer, const struct root *root, const char *directory,
		      size_t skipped)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(IGNORE_MAX_FILE_BYTES);
	CLEANUP_FREE char *file = mem_format("%s/.gitignore", directory);
	struct ignore *level;

	if (outer->count == CHECK_OUTER_MAX || root_read(root, file, &text) < 0)
		return;
	level = mem_alloc(1, sizeof(*level));
	*level = (struct ignore){.outer = outer->innermost, .skipped = skipped};
	ignore_parse(level, text.data);
	outer->levels[outer->count++] = level;
	outer->innermost = level;
}

void check_outer_read(struct check_outer *ret, const struct root *root, const char *directory)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(PATH_MAX_BYTES);
	size_t top;

	*ret = (struct check_outer){.inside = STRBUF_INIT(PATH_MAX_BYTES)};
	if (root_resolve(root, directory, &path) < 0 || strcmp(path.data, "/") == 0)
		return;
	top = top_of(root, path.data);
	if (!top || top == path.length)
		return;
	for (size_t at = top; at < path.length; at++) {
		CLEANUP_FREE char *level = NULL;

		if (path.data[at] != '/')
			continue;
		level = mem_strndup(path.data, at);
		add_level(ret, root, level, at == top ? 0 : at - top);
	}
	strbuf_printf(&ret->inside, "%s/", path.data + top + 1);
}

void check_outer_release(struct check_outer *outer)
{
	for (size_t i = 0; i < outer->count; i++) {
		ignore_release(outer->levels[i]);
		free(outer->levels[i]);
	}
	strbuf_release(&outer->inside);
	*outer = (struct check_outer){.inside = STRBUF_INIT(PATH_MAX_BYTES)};
}
