/* SPDX-License-Identifier: Zlib */
/* Places that expectations name. The file comes from the checkout: nothing in it leads out of there. */
#include "agent/expect_file.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define FILE_MAX_BYTES 4096u
#define PATH_MAX_BYTES 4096u
#define VERSION_MAX_BYTES 64u

static bool climbs(const char *path)
{
	while (path) {
		size_t length;

		path += *path == '/';
		length = strcspn(path, "/");
		if (length == 2 && strncmp(path, "..", 2) == 0)
			return true;
		path = strchr(path, '/');
	}
	return false;
}

/* Whether the symlinks of PATH, followed to the end, still lead below the workspace. */
static bool is_below_workspace(const struct context *context, const char *path)
{
	CLEANUP_STRBUF struct strbuf workspace = STRBUF_INIT(PATH_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf target = STRBUF_INIT(PATH_MAX_BYTES);

	if (root_resolve(&context->root, context->workspace, &workspace) < 0 ||
	    root_resolve(&context->root, path, &target) < 0)
		return false;
	return text_starts_with(target.data, workspace.data) &&
	       target.data[workspace.length] == '/';
}

/* Bazelisk reads the first line, and takes words such as "latest" too: those are judged later. */
static int first_line(const char *text, const char *name, char **ret, struct error *error)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789._+/*-";
	size_t length;

	text += strspn(text, " \t\r\n");
	length = strspn(text, alphabet);
	if (length == 0 || length > VERSION_MAX_BYTES || !strchr(" \t\r\n", text[length]))
		return error_set(error, ERROR_USAGE, "the first line of %s is no version", name);
	*ret = mem_strndup(text, length);
	return 0;
}

int expect_file_version(const struct context *context, const char *reference, char **ret,
			struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_FREE char *name = text_cleaned(reference + strlen(EXPECT_FILE_PREFIX), 200);
	CLEANUP_FREE char *path = NULL;

	if (!*name || *name == '/' || climbs(name))
		return error_set(error, ERROR_USAGE,
				 "the file must be named relative to the checkout, without \"..\"");
	if (!context->workspace)
		return error_set(error, ERROR_USAGE, "%s: there is no workspace to look in", name);
	path = mem_format("%s/%s", context->workspace, name);
	if (!is_below_workspace(context, path))
		return error_set(error, ERROR_USAGE, "%s: there is no such file in the checkout",
				 name);
	if (root_read(&context->root, path, &text) < 0)
		return error_set(error, ERROR_USAGE, "%s cannot be read: %s", name,
				 strerror(errno));
	return first_line(text.data, name, ret, error);
}

char *expect_file_place(const struct context *context, const char *place)
{
	static const char workspace[] = "$GITHUB_WORKSPACE";
	static const char temp[] = "$RUNNER_TEMP";
	const char *base = "";
	const char *rest = place;

	if (text_starts_with(place, workspace)) {
		base = context->workspace;
		rest = place + strlen(workspace);
	} else if (text_starts_with(place, temp)) {
		base = context->temp;
		rest = place + strlen(temp);
	} else if (*place != '/') {
		return NULL;
	}
	if ((*rest && *rest != '/') || climbs(rest))
		return NULL;
	return base ? mem_format("%s%s", base, rest) : mem_strdup(place);
}
