/* SPDX-License-Identifier: Zlib */
/* contract attach: the attachment's verdict alone, from names and values. Nothing is asked over any
 * network, and nothing is written. */
#include <stdio.h>
#include <string.h>

#include "agent/attachment.h"
#include "agent/cleanup.h"
#include "agent/command_contract.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/expect.h"
#include "agent/finding.h"
#include "agent/github.h"
#include "agent/json.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/repo_manifest.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/url.h"

#define OUT_MAX_BYTES 262144u
#define WORD_MAX_BYTES 200u

/* Everything that is read for the verdict; the attachment borrows from it. */
struct surroundings {
	struct context context;
	struct expectations expect;
	struct repo_manifest manifest;
	struct lane_identity identity;
	struct findings unused; /* notices of the expectations: they are a run's */
};

static void surroundings_release(struct surroundings *surroundings)
{
	context_release(&surroundings->context);
	expect_release(&surroundings->expect);
	repo_manifest_release(&surroundings->manifest);
	lane_identity_release(&surroundings->identity);
	findings_release(&surroundings->unused);
}

static int surroundings_read(struct surroundings *ret, const struct contract_call *call,
			     struct error *error)
{
	*ret = (struct surroundings){.context.root.fd = -1};
	if (context_read(&ret->context, call->options, call->environment, error) < 0 ||
	    expect_read(&ret->expect, call->options, &ret->context, &ret->unused, error) < 0 ||
	    repo_manifest_read(&ret->manifest, &ret->context, error) < 0)
		return -1;
	lane_identify(&ret->identity, call->options, &ret->context, call->contract);
	return 0;
}

/* An endpoint as it may be shown; what is no URL may be a secret in the wrong place. */
static char *shown_endpoint(const char *text)
{
	CLEANUP(url_release) struct url url = {0};

	if (!text)
		return NULL;
	return url_parse(text, &url, NULL) < 0 ? mem_strdup("(no URL)") : url_display(&url);
}

/* ---- JSON */

static void add_claims(struct json *document, const struct attachment *attachment)
{
	struct json *claims = json_add_array(document, "declared");

	for (size_t i = 0; i < attachment->claim_count; i++) {
		CLEANUP_FREE char *mode = text_cleaned(attachment->claims[i].text, WORD_MAX_BYTES);
		struct json *claim = json_append_object(claims);

		json_add_string(claim, "mode", mode);
		json_add_string(claim, "source", attachment->claims[i].source);
	}
}

static void add_findings(struct json *document, const struct findings *findings)
{
	struct json *array = json_add_array(document, "findings");

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];
		struct json *row = json_append_object(array);

		json_add_string(row, "id", finding_kind(finding->id)->id);
		json_add_string(row, "severity", severity_name(finding->severity));
		json_add_string(row, "subject", finding->subject);
		json_add_string(row, "detail", finding->detail);
		json_add_string(row, "remedy", finding->remedy);
	}
}

static void print_json(const struct attachment *attachment, const struct findings *findings,
		       bool is_refused, struct strbuf *out)
{
	CLEANUP_FREE char *cache = shown_endpoint(attachment->cache);
	CLEANUP_FREE char *executor = shown_endpoint(attachment->executor);
	CLEANUP_FREE char *profile = text_cleaned(attachment->profile, WORD_MAX_BYTES);
	CLEANUP_FREE char *labels = text_cleaned(attachment->labels, WORD_MAX_BYTES);
	struct json *document = json_new_object();

	json_add_boolean(document, "refused", is_refused);
	json_add_string(document, "mode", attachment_mode_name(attachment_mode(attachment)));
	json_add_boolean(document, "strict", attachment->is_strict);
	add_claims(document, attachment);
	json_add_string(document, "cache", cache);
	json_add_string(document, "executor", executor);
	json_add_string(document, "profile", profile);
	json_add_string(document, "runner_labels", labels);
	add_findings(document, findings);
	json_print(document, false, out);
	json_free(document);
}

/* ---- text */

/* TEXT NULL: nothing is set; SOURCE NULL: it needs none. */
static void print_line(struct strbuf *out, const char *name, const char *text, const char *source)
{
	CLEANUP_FREE char *clean = text_cleaned(text, WORD_MAX_BYTES);

	strbuf_printf(out, "  %-10s %s", name, clean ? clean : "none");
	if (clean && source)
		strbuf_printf(out, " (%s)", source);
	strbuf_putc(out, '\n');
}

static void print_text(const struct attachment *attachment, const struct findings *findings,
		       bool is_refused, struct strbuf *out)
{
	CLEANUP_FREE char *cache = shown_endpoint(attachment->cache);
	CLEANUP_FREE char *executor = shown_endpoint(attachment->executor);

	strbuf_printf(out, "Bazel's attachment: %s\n",
		      attachment_mode_name(attachment_mode(attachment)));
	for (size_t i = 0; i < attachment->claim_count; i++)
		print_line(out, "declared", attachment->claims[i].text,
			   attachment->claims[i].source);
	print_line(out, "cache", cache, attachment->cache_source);
	print_line(out, "executor", executor, "BAZEL_REMOTE_EXECUTOR");
	print_line(out, "profile", attachment->profile, "GF_FLYWHEEL_PROFILE_STATE");
	print_line(out, "runner", attachment->labels, attachment->labels_source);
	strbuf_putc(out, '\n');
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		strbuf_printf(out, "  %s  %s: %s\n", severity_name(finding->severity),
			      finding->subject, finding->detail);
		if (finding->severity != SEVERITY_OK)
			strbuf_printf(out, "         -> %s  [%s]\n", finding->remedy,
				      finding_kind(finding->id)->id);
	}
	strbuf_printf(out, "\n%s%s\n", is_refused ? "REFUSED" : "HOLDS",
		      attachment->is_strict ? " (strict)" : "");
}

/* The job's author sees one line, and the count of the rest. */
static void annotate(const struct findings *findings, struct strbuf *out)
{
	const struct finding *first = &findings->items[0];
	CLEANUP_FREE char *title = mem_format("spinup: %s", finding_kind(first->id)->id);
	CLEANUP_FREE char *text = NULL;

	if (findings->count == 1)
		text = mem_format("%s: %s. %s", first->subject, first->detail, first->remedy);
	else
		text = mem_format("%s: %s. %s (and %zu more)", first->subject, first->detail,
				  first->remedy, findings->count - 1);
	github_annotation(out, "error", title, text);
}

/* ---- the verdict */

static bool has_error(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].severity == SEVERITY_ERROR)
			return true;
	return false;
}

static int judge(const struct contract_call *call, const struct surroundings *surroundings)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(OUT_MAX_BYTES);
	const char *actions = context_env(&surroundings->context, "GITHUB_ACTIONS");
	struct findings findings = {0};
	struct attachment attachment;
	bool is_refused;

	attachment_read(&attachment, &surroundings->context, &surroundings->manifest,
			&surroundings->expect);
	attachment_set_runner(&attachment, &surroundings->identity);
	attachment.is_strict = call->options->is_strict;
	attachment_judge(&attachment, call->contract, &findings);
	is_refused = has_error(&findings);
	if (call->options->is_json)
		print_json(&attachment, &findings, is_refused, &out);
	else
		print_text(&attachment, &findings, is_refused, &out);
	if (is_refused && !call->options->is_json && actions && strcmp(actions, "true") == 0)
		annotate(&findings, &out);
	(void)fputs(out.data, stdout);
	findings_release(&findings);
	return is_refused ? 1 : 0;
}

int contract_attach(const struct contract_call *call, struct error *error)
{
	CLEANUP(surroundings_release) struct surroundings surroundings;

	if (surroundings_read(&surroundings, call, error) < 0)
		return -1;
	return judge(call, &surroundings);
}
