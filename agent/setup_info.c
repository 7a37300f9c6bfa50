/* SPDX-License-Identifier: Zlib */
/* The findings for "Set up job", merged into what others have left there. */
#include "agent/setup_info.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/page_text.h"
#include "agent/private_dir.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define GROUP "spinup"
#define DETAIL_MAX_BYTES 65536u
#define LINE_MAX_BYTES 1000u
#define FILE_MAX_BYTES (1u << 20)
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* ---- what it says */

static void add_finding(const struct result *result, const struct finding *finding,
			struct strbuf *out)
{
	CLEANUP_FREE char *subject = redact_subject(result, finding);
	CLEANUP_FREE char *detail = redact_line(result, finding->detail);
	CLEANUP_FREE char *remedy = redact_line(result, finding->remedy);
	CLEANUP_FREE char *seen = text_cleaned(detail, LINE_MAX_BYTES);
	CLEANUP_FREE char *what = text_cleaned(remedy, LINE_MAX_BYTES);
	CLEANUP_FREE char *about = text_cleaned(subject, LINE_MAX_BYTES);

	strbuf_printf(out, "%s: %s%s%s: %s\n", severity_name(finding->severity), finding->probe,
		      *about ? " " : "", about, seen);
	strbuf_printf(out, "  -> %s [%s]\n", what, finding_kind(finding->id)->id);
}

void setup_info_detail(const struct result *result, struct strbuf *out)
{
	const struct findings *findings = &result->run->findings;
	const struct job *job = result->job;
	CLEANUP_FREE char *label = redact_line(result, job->lane.label ? job->lane.label : "");
	size_t left_out = 0;

	strbuf_printf(out, "%s: %s%s, %zu proofs in ", outcome_name(result->outcome),
		      *label ? "lane " : "lane unknown", label, result->run->count);
	page_duration(out, result->run->elapsed_us / 1000);
	strbuf_puts(out, "; this was while the runner started\n");
	for (size_t i = 0; i < findings->count; i++) {
		size_t length = out->length;

		if (findings->items[i].severity == SEVERITY_OK)
			continue;
		if (!left_out)
			add_finding(result, &findings->items[i], out);
		if (out->is_truncated || out->length > DETAIL_MAX_BYTES - LINE_MAX_BYTES)
			strbuf_truncate(out, length);
		left_out += out->length == length;
	}
	if (left_out)
		strbuf_printf(out, "and %zu more, which the pod's log shows\n", left_out);
}

/* ---- where it stands */

static bool is_runner(const struct root *root, const char *directory)
{
	CLEANUP_FREE char *listener = mem_format("%s/bin/Runner.Listener", directory);
	struct stat status;

	return root_stat(root, listener, &status) == 0 && S_ISREG(status.st_mode);
}

/* NULL: nowhere; the caller frees. */
static char *find_path(const struct result *result)
{
	const struct options *options = result->job->options;
	const char *command = options->wrapped ? options->wrapped[0] : "";
	const char *slash = *command == '/' ? strrchr(command, '/') : NULL;
	CLEANUP_FREE char *directory = NULL;

	if (options->runner_root)
		return mem_format("%s/.setup_info", options->runner_root);
	directory = slash ? mem_strndup(command, (size_t)(slash - command)) : NULL;
	if (!directory || !is_runner(&result->job->context.root, directory))
		return NULL;
	return mem_format("%s/.setup_info", directory);
}

/* ---- the file */

int setup_info_merge(const char *text, const char *detail, struct strbuf *out, struct error *error)
{
	CLEANUP_JSON struct json *old = NULL;
	CLEANUP_JSON struct json *merged = json_new_array();
	struct json *ours = NULL;
	const struct json *group;

	text += text_starts_with(text, BYTE_ORDER_MARK) ? strlen(BYTE_ORDER_MARK) : 0;
	if (*text && json_parse(text, strlen(text), ".setup_info", &old, error) < 0)
		return -1;
	if (old && !json_is_array(old))
		return error_set(error, ERROR_AGENT, "it is no list");
	for (group = json_at(old, 0); group || !ours; group = json_next(group)) {
		const char *name = json_string(json_member(group, "group"));
		bool is_ours = name && strcmp(name, GROUP) == 0;

		if (group && !is_ours)
			json_append_copy(merged, group);
		if ((is_ours || !group) && !ours) {
			ours = json_append_object(merged);
			json_add_string(ours, "group", GROUP);
			json_add_string(ours, "detail", detail);
		}
	}
	json_print(merged, false, out);
	return 0;
}

/* Reads what is there: 0 with its MODE, and "" for nothing; -1 with ERROR for what is not ours. */
static int read_old(const struct root *root, const char *path, struct strbuf *text, mode_t *mode,
		    struct error *error)
{
	struct stat status;

	if (root_lstat(root, path, &status) < 0)
		return errno == ENOENT ? 0 : error_set(error, ERROR_AGENT, "%s", strerror(errno));
	if (!S_ISREG(status.st_mode))
		return error_set(error, ERROR_AGENT, "it is no regular file");
	if (status.st_uid != geteuid())
		return error_set(error, ERROR_AGENT, "it belongs to user %u",
				 (unsigned int)status.st_uid);
	*mode = status.st_mode & 0777;
	if (root_read(root, path, text) < 0)
		return error_set(error, ERROR_AGENT, "it cannot be read: %s", strerror(errno));
	if (strlen(text->data) != text->length)
		return error_set(error, ERROR_AGENT, "it holds a NUL byte");
	return 0;
}

/* The mode that was there counts, not what the umask leaves of it. */
static int replace(const char *path, mode_t mode, const struct strbuf *text, struct error *error)
{
	mode_t mask = umask(0);
	int status = private_file_replace(path, mode, text->data, text->length, error);

	(void)umask(mask);
	return status;
}

int setup_info_write(const struct result *result, struct error *error)
{
	CLEANUP_STRBUF struct strbuf old = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf detail = STRBUF_INIT(DETAIL_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(2 * FILE_MAX_BYTES);
	CLEANUP_FREE char *path = find_path(result);
	mode_t mode = 0644;

	if (!path)
		return 0;
	setup_info_detail(result, &detail);
	if (read_old(&result->job->context.root, path, &old, &mode, error) < 0 ||
	    setup_info_merge(old.data, detail.data, &text, error) < 0)
		return error_prefix(error, "%.200s is left as it is", path);
	if (text.is_truncated)
		return error_set(error, ERROR_AGENT, "%.200s would be too long", path);
	return replace(path, mode, &text, error);
}
