/* SPDX-License-Identifier: Zlib */
/* The declared attachment out of tinyland.repo.json. The rest of that file is the platform's matter. */
#include "agent/repo_manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/strbuf.h"

#define FILE_MAX_BYTES 262144u

static int fail(struct error *error, const char *pointer, const char *what)
{
	return error_set(error, ERROR_USAGE, REPO_MANIFEST_PATH ": %s: %s", pointer, what);
}

/* An empty text and null declare nothing, as where the key is missing. */
static int read_mode(struct repo_manifest *ret, const struct json *enrollment, struct error *error)
{
	const struct json *mode = json_member(enrollment, "substrateMode");
	const char *text = json_string(mode);

	if (!mode || json_is_null(mode) || (text && !*text))
		return 0;
	if (!text)
		return fail(error, "/enrollment/substrateMode", "must be a string");
	ret->substrate_mode = mem_strdup(text);
	return 0;
}

int repo_manifest_parse(struct repo_manifest *ret, const char *text, size_t length,
			struct error *error)
{
	CLEANUP_JSON struct json *document = NULL;
	const struct json *enrollment;

	*ret = (struct repo_manifest){0};
	if (json_parse(text, length, REPO_MANIFEST_PATH, &document, error) < 0)
		return -1;
	if (!json_is_object(document))
		return fail(error, "/", "must be an object");
	enrollment = json_member(document, "enrollment");
	if (!enrollment || json_is_null(enrollment))
		return 0;
	if (!json_is_object(enrollment))
		return fail(error, "/enrollment", "must be an object");
	return read_mode(ret, enrollment, error);
}

int repo_manifest_read(struct repo_manifest *ret, const struct context *context,
		       struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_FREE char *path = NULL;

	*ret = (struct repo_manifest){0};
	if (!context_is_behind_checkout(context) || !context->workspace)
		return 0;
	path = mem_format("%s/" REPO_MANIFEST_PATH, context->workspace);
	if (root_read(&context->root, path, &text) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		return error_set(error, ERROR_USAGE, REPO_MANIFEST_PATH ": cannot be read: %s",
				 errno == EFBIG ? "larger than 256 KiB" : strerror(errno));
	}
	return repo_manifest_parse(ret, text.data, text.length, error);
}

void repo_manifest_release(struct repo_manifest *manifest)
{
	free(manifest->substrate_mode);
	*manifest = (struct repo_manifest){0};
}
