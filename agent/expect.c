/* SPDX-License-Identifier: Zlib */
/* Finds and reads a repository's expectations. */
#include "agent/expect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/expect_keys.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/named_path.h"
#include "agent/options.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define FILE_MAX_BYTES 65536u
#define SOURCE_MAX_BYTES 256u
#define DEFAULT_PATH ".github/spinup.json"

/* 1 when PATH was read, 0 when there is no such file, -1 with ERROR. */
static int read_file(struct expectations *ret, const struct context *context, const char *path,
		     struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_JSON struct json *document = NULL;

	if (root_read(&context->root, path, &text) < 0) {
		if (errno == ENOENT || errno == ENOTDIR)
			return 0;
		if (errno == EFBIG)
			return error_set(error, ERROR_USAGE, "%s: larger than 64 KiB", ret->source);
		return error_set(error, error_code_for(errno),
				 "%s: the expectations cannot be read: %s", ret->source,
				 strerror(errno));
	}
	if (json_parse(text.data, text.length, ret->source, &document, error) < 0 ||
	    expect_read_document(ret, context, document, error) < 0)
		return -1;
	ret->is_present = true;
	return 1;
}

static int read_given(struct expectations *ret, const char *given, const struct context *context,
		      struct error *error)
{
	CLEANUP_FREE char *path = named_path(given);
	int status;

	ret->source = text_cleaned(given, SOURCE_MAX_BYTES);
	status = path ? read_file(ret, context, path, error) : 0;
	if (status == 0)
		return error_set(error, ERROR_USAGE, "--expect %s: there is no such file",
				 ret->source);
	return status < 0 ? -1 : 0;
}

static void report_not_checked_out(const struct context *context, struct findings *findings)
{
	struct finding *finding;

	if (context->surface != SURFACE_HOOK) {
		findings_note(findings, FINDING_EXPECTATIONS_NOT_CHECKED_OUT, DEFAULT_PATH,
			      "the workspace holds no checkout yet");
		return;
	}
	finding = findings_note(findings, FINDING_EXPECTATIONS_NOT_CHECKED_OUT, DEFAULT_PATH,
				"a job-started hook runs before the checkout: the workspace may "
				"still be a previous job's");
	finding_set_remedy(finding,
			   "Nothing to do here: a step with spinup behind actions/checkout "
			   "reads it.");
}

int expect_read(struct expectations *ret, const struct options *options,
		const struct context *context, struct findings *findings, struct error *error)
{
	CLEANUP_FREE char *path = NULL;
	int status = 0;

	*ret = (struct expectations){0};
	if (options->expect_path)
		return read_given(ret, options->expect_path, context, error);
	if (context->surface == SURFACE_HOOK) {
		report_not_checked_out(context, findings);
		return 0;
	}
	if (!context_is_behind_checkout(context))
		return 0;
	if (context->workspace) {
		ret->source = mem_strdup(DEFAULT_PATH);
		path = mem_format("%s/" DEFAULT_PATH, context->workspace);
		status = read_file(ret, context, path, error);
	}
	/* Without git on the machine actions/checkout unpacks an archive: no .git, but the file. */
	if (status == 0 && !context->has_checkout)
		report_not_checked_out(context, findings);
	return status < 0 ? -1 : 0;
}

void expect_release(struct expectations *expect)
{
	for (size_t i = 0; i < expect->tool_count; i++) {
		free(expect->tools[i].name);
		free(expect->tools[i].range);
	}
	for (size_t i = 0; i < expect->disk_count; i++)
		free(expect->disks[i].path);
	for (char **feature = expect->features; feature && *feature; feature++)
		free(*feature);
	free(expect->tools);
	free(expect->disks);
	free(expect->features);
	free(expect->source);
	free(expect->lane);
	free(expect->flavour);
	free(expect->system);
	free(expect->substrate);
	*expect = (struct expectations){0};
}
