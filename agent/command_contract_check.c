/* SPDX-License-Identifier: Zlib */
/* contract check: what is out of contract in files, for people, for programs and for a runner. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/check_tree.h"
#include "agent/cleanup.h"
#include "agent/command_contract.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/github.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define OUT_MAX_BYTES (16u << 20)
#define FILE_MAX_BYTES 4096u
#define TIME_MAX_US INT64_C(120000000)

/* What the ways of telling are given. */
struct told {
	const struct check_tree *tree;
	const struct check_hits *hits;
	const char *here;      /* where relative names begin; NULL: not known */
	const char *workspace; /* GITHUB_WORKSPACE, else CI_PROJECT_DIR, or NULL */
};

/* ---- text */

static void print_text(const struct told *told, struct strbuf *out)
{
	const struct check_hits *hits = told->hits;

	for (size_t i = 0; i < hits->count; i++) {
		const struct check_hit *hit = &hits->items[i];
		CLEANUP_FREE char *file = text_cleaned(hit->file, FILE_MAX_BYTES);

		strbuf_printf(out, "%s:%u:%u: %s is out of contract: %s\n", file, hit->line,
			      hit->column, hit->value, hit->row->reason);
		if (*hit->row->replacement)
			strbuf_printf(out, "    -> Use instead: %s\n", hit->row->replacement);
	}
	if (hits->found)
		strbuf_printf(out, "\n%zu out of contract", hits->found);
	else
		strbuf_puts(out, "nothing out of contract");
	strbuf_printf(out, "; %zu file%s read", told->tree->files,
		      told->tree->files == 1 ? "" : "s");
	if (told->tree->unread)
		strbuf_printf(out, ", %zu could not be", told->tree->unread);
	if (hits->found > hits->count)
		strbuf_printf(out, "; the first %zu are shown", hits->count);
	strbuf_putc(out, '\n');
}

/* ---- JSON */

static const char *plain_name(const char *file)
{
	return text_starts_with(file, "./") ? file + 2 : file;
}

static void print_json(const struct told *told, struct strbuf *out)
{
	const struct check_hits *hits = told->hits;
	struct json *document = json_new_object();
	struct json *array;

	json_add_integer(document, "files", (int64_t)told->tree->files);
	json_add_integer(document, "unread", (int64_t)told->tree->unread);
	json_add_integer(document, "found", (int64_t)hits->found);
	array = json_add_array(document, "hits");
	for (size_t i = 0; i < hits->count; i++) {
		const struct check_hit *hit = &hits->items[i];
		struct json *row = json_append_object(array);

		json_add_string(row, "file", plain_name(hit->file));
		json_add_integer(row, "line", hit->line);
		json_add_integer(row, "column", hit->column);
		json_add_string(row, "value", hit->value);
		json_add_string(row, "reason", hit->row->reason);
		json_add_string(row, "replacement", hit->row->replacement);
	}
	json_print(document, false, out);
	json_free(document);
}

/* ---- annotations */

/* A file's name as a forge wants it: from the workspace's root, where it lies below. */
static char *name_in_workspace(const struct told *told, const char *file)
{
	const char *name = plain_name(file);
	CLEANUP_FREE char *whole = NULL;
	size_t length = told->workspace ? strlen(told->workspace) : 0;

	if (*name == '/' || !told->here)
		whole = mem_strdup(name);
	else
		whole = mem_format("%s/%s", told->here, name);
	while (length > 1 && told->workspace[length - 1] == '/')
		length--;
	if (length && strncmp(whole, told->workspace, length) == 0 && whole[length] == '/')
		return mem_strdup(whole + length + 1);
	return mem_strdup(name);
}

/* The caller frees. */
static char *message_of(const struct check_hit *hit)
{
	return mem_format("%s is out of contract: %s%s%s", hit->value, hit->row->reason,
			  *hit->row->replacement ? ". Use instead: " : "", hit->row->replacement);
}

static void print_github(const struct told *told, struct strbuf *out)
{
	const struct check_hits *hits = told->hits;

	for (size_t i = 0; i < hits->count; i++) {
		const struct check_hit *hit = &hits->items[i];
		CLEANUP_FREE char *name = name_in_workspace(told, hit->file);
		CLEANUP_FREE char *file = text_cleaned(name, FILE_MAX_BYTES);
		CLEANUP_FREE char *message = message_of(hit);
		const struct github_place place = {file, hit->line, hit->column};

		github_file_annotation(out, "error", &place, "spinup: out of contract", message);
	}
}

/* ---- GitLab's code quality report (docs.gitlab.com/ci/testing/code_quality) */

/* A merge request shows what its target has not: so the same value of a file keeps its fingerprint where
 * it moves to another line, and the second one of a file has one of its own. */
static void add_fingerprint(const struct check_hits *hits, size_t index, struct strbuf *out)
{
	const struct check_hit *hit = &hits->items[index];
	CLEANUP_FREE char *text = NULL;
	uint8_t digest[DIGEST_SHA256_BYTES] = {0};
	size_t before = 0;

	for (size_t i = 0; i < index; i++)
		before += strcmp(hits->items[i].file, hit->file) == 0 &&
			  strcmp(hits->items[i].value, hit->value) == 0;
	text = mem_format("%s\n%s\n%zu", hit->file, hit->value, before);
	(void)digest_sha256(text, strlen(text), digest);
	encoding_base16_encode(digest, sizeof(digest), out);
}

static void print_gitlab(const struct told *told, struct strbuf *out)
{
	const struct check_hits *hits = told->hits;
	CLEANUP_JSON struct json *document = json_new_array();

	for (size_t i = 0; i < hits->count; i++) {
		const struct check_hit *hit = &hits->items[i];
		struct json *row = json_append_object(document);
		struct json *location;
		CLEANUP_FREE char *name = name_in_workspace(told, hit->file);
		CLEANUP_FREE char *message = message_of(hit);
		CLEANUP_STRBUF struct strbuf fingerprint = STRBUF_INIT(128);

		add_fingerprint(hits, i, &fingerprint);
		json_add_string(row, "description", message);
		json_add_string(row, "check_name", "spinup: out of contract");
		json_add_string(row, "fingerprint", fingerprint.data);
		json_add_string(row, "severity", "major");
		location = json_add_object(row, "location");
		json_add_string(location, "path", name);
		json_add_integer(json_add_object(location, "lines"), "begin", hit->line);
	}
	json_print(document, false, out);
}

/* ---- the check */

static const struct format {
	const char *name;
	void (*print)(const struct told *told, struct strbuf *out);
} formats[] = {
	{"text", print_text},
	{"json", print_json},
	{"github", print_github},
	{"gitlab", print_gitlab},
};

static const struct format *format_of(const struct options *options, struct error *error)
{
	const char *name = options->check_format;

	if (!name)
		name = options->is_json ? "json" : "text";
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (strcmp(formats[i].name, name) == 0)
			return &formats[i];
	(void)error_set(error, ERROR_USAGE,
			"--format: '%.40s' is none of text, json, github and gitlab", name);
	return NULL;
}

static void tell(const struct contract_call *call, const struct format *format,
		 const struct check_tree *tree)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(OUT_MAX_BYTES);
	CLEANUP_FREE char *here = getcwd(NULL, 0);
	const struct context context = {.environment = (char **)call->environment};
	const char *workspace = context_env(&context, "GITHUB_WORKSPACE");
	const struct told told = {
		.tree = tree,
		.hits = tree->text.hits,
		.here = here,
		.workspace = workspace ? workspace : context_env(&context, "CI_PROJECT_DIR"),
	};

	format->print(&told, &out);
	(void)fputs(out.data, stdout);
}

/* A file that could not be read is no clean one. */
static int status_of(const struct check_tree *tree, struct error *error)
{
	if (tree->text.hits->found)
		return 1;
	if (tree->unread)
		return error_set(error, ERROR_AGENT,
				 "contract check: %zu could not be read, the first is %s",
				 tree->unread, tree->first_unread);
	return 0;
}

int contract_check(const struct contract_call *call, struct error *error)
{
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	CLEANUP(check_tree_release)
	struct check_tree tree = {
		.root = call->root,
		.text = {.contract = call->contract, .hits = &hits},
		.end_us = run_clock_us() + TIME_MAX_US,
	};
	const struct format *format = format_of(call->options, error);

	if (!format)
		return -1;
	for (size_t i = 1; i < call->options->argument_count; i++)
		if (check_tree_path(&tree, call->options->arguments[i], error) < 0)
			return -1;
	tell(call, format, &tree);
	return status_of(&tree, error);
}
