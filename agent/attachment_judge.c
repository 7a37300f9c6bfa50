/* SPDX-License-Identifier: Zlib */
/* The rules of the attachment: each is broken or not by itself, so that one run tells of all. */
#include <string.h>

#include "agent/attachment.h"
#include "agent/cleanup.h"
#include "agent/endpoint_host.h"
#include "agent/error.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/runner_class.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/url.h"

#define WORD_MAX_BYTES 64u
#define NAMES_MAX_BYTES 200u
#define PROFILE_VARIABLE "GF_FLYWHEEL_PROFILE_STATE"

/* What is set, for people. */
static const char *what_is_set(const struct attachment *attachment)
{
	if (attachment->cache)
		return attachment->executor ? "a cache and an executor are set"
					    : "a cache is set, and no executor";
	return attachment->executor ? "an executor is set, and no cache"
				    : "neither a cache nor an executor is set";
}

static enum attachment_mode mode_by_name(const char *name)
{
	enum attachment_mode mode = ATTACHMENT_LOCAL;

	while (mode < ATTACHMENT_UNKNOWN && strcmp(name, attachment_modes[mode]) != 0)
		mode++;
	return mode;
}

static void report_unknown_mode(const char *source, const char *word, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf known = STRBUF_INIT(NAMES_MAX_BYTES);

	for (const char *const *mode = attachment_modes; *mode; mode++)
		strbuf_printf(&known, "%s%s", known.length ? ", " : "", *mode);
	findings_note(findings, FINDING_ATTACHMENT_MODE_UNKNOWN, source, "%s is none of %s", word,
		      known.data);
}

static void judge_claims(const struct attachment *attachment, struct findings *findings)
{
	enum attachment_mode actual = attachment_mode(attachment);

	for (size_t i = 0; i < attachment->claim_count; i++) {
		const struct attachment_claim *claim = &attachment->claims[i];
		enum attachment_mode claimed = mode_by_name(claim->text);
		CLEANUP_FREE char *word = text_cleaned(claim->text, WORD_MAX_BYTES);

		if (claimed == ATTACHMENT_UNKNOWN)
			report_unknown_mode(claim->source, word, findings);
		else if (claimed != actual)
			findings_note(findings, FINDING_ATTACHMENT_MODE_DIFFERS, claim->source,
				      "%s is declared, but %s: that is %s", word,
				      what_is_set(attachment), attachment_mode_name(actual));
	}
}

static void report_unknown_profile(const char *word, struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf known = STRBUF_INIT(NAMES_MAX_BYTES);

	for (const struct attachment_profile *row = attachment_profiles; row->name; row++)
		strbuf_printf(&known, "%s%s", known.length ? ", " : "", row->name);
	findings_note(findings, FINDING_ATTACHMENT_PROFILE_UNKNOWN, PROFILE_VARIABLE,
		      "%s is none of %s", word, known.data);
}

static void judge_profile(const struct attachment *attachment, struct findings *findings)
{
	const struct attachment_profile *profile = attachment_profile(attachment);
	CLEANUP_FREE char *word = text_cleaned(attachment->profile, WORD_MAX_BYTES);

	if (!word)
		return;
	if (!profile) {
		report_unknown_profile(word, findings);
		return;
	}
	if (!(profile->modes & ATTACHMENT_BIT(attachment_mode(attachment))))
		findings_note(findings, FINDING_ATTACHMENT_PROFILE_DIFFERS, PROFILE_VARIABLE,
			      "%s means %s, but %s", word, profile->wants, what_is_set(attachment));
	if (strcmp(profile->name, ATTACHMENT_LOCAL_PROOF) == 0 &&
	    (!attachment->local_proof || strcmp(attachment->local_proof, "port-forward") != 0))
		findings_note(findings, FINDING_ATTACHMENT_LOCAL_PROOF, PROFILE_VARIABLE,
			      ATTACHMENT_LOCAL_PROOF
			      " holds only with GF_BAZEL_LOCAL_PROOF=port-forward");
}

static bool is_bazel_scheme(const char *scheme)
{
	return strcmp(scheme, "unix") != 0;
}

/* Never shows the value: what is no URL may be a secret in the wrong place. */
static void judge_endpoint(const struct attachment *attachment, const char *text,
			   const char *source, struct findings *findings)
{
	CLEANUP(url_release) struct url url = {0};
	struct error why = {0};

	if (!text)
		return;
	if (strstr(text, "${") || strchr(text, '}')) {
		findings_note(findings, FINDING_ATTACHMENT_PLACEHOLDER, source,
			      "a placeholder, ${…}, that was never expanded");
		return;
	}
	if (url_parse(text, &url, &why) < 0 || !is_bazel_scheme(url.scheme)) {
		findings_note(findings, FINDING_ATTACHMENT_ENDPOINT_NOT_VALID, source, "%s",
			      *why.message ? why.message
					   : "the URL does not begin with grpc://, grpcs://, "
					     "http:// or https://");
		return;
	}
	if (endpoint_host_is_local(url.host) && !attachment->allows_localhost)
		findings_note(findings, FINDING_ATTACHMENT_LOCALHOST, source,
			      "leads to this machine itself (%s)", url.host);
}

static void judge_cache(const struct attachment *attachment, struct findings *findings)
{
	judge_endpoint(attachment, attachment->cache, attachment->cache_source, findings);
	if (attachment->is_strict && !attachment->cache)
		findings_note(findings, FINDING_ATTACHMENT_NO_CACHE, "BAZEL_REMOTE_CACHE",
			      "--strict wants a cache, and none is set");
}

/* Text for text where one of them is no URL: that is said already. */
static bool is_same_place(const char *left, const char *right)
{
	CLEANUP(url_release) struct url a = {0};
	CLEANUP(url_release) struct url b = {0};

	if (url_parse(left, &a, NULL) < 0 || url_parse(right, &b, NULL) < 0)
		return strcmp(left, right) == 0;
	return url_is_same(&a, &b);
}

static void judge_executor(const struct attachment *attachment, struct findings *findings)
{
	static const char variable[] = "BAZEL_REMOTE_EXECUTOR";

	judge_endpoint(attachment, attachment->executor, variable, findings);
	if (!attachment->executor)
		return;
	if (!attachment->cache)
		findings_note(findings, FINDING_ATTACHMENT_EXECUTOR_ALONE, variable,
			      "an executor is set, and no cache that it could work from");
	else if (!attachment->allows_separate &&
		 !is_same_place(attachment->cache, attachment->executor))
		findings_note(findings, FINDING_ATTACHMENT_EXECUTOR_APART, variable,
			      "the executor is another place than the cache (%s)",
			      attachment->cache_source);
}

static bool is_executor_meant(const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->claim_count; i++)
		if (mode_by_name(attachment->claims[i].text) == ATTACHMENT_EXECUTOR)
			return true;
	return attachment->executor;
}

static void judge_executor_proof(const struct attachment *attachment, struct findings *findings)
{
	if (is_executor_meant(attachment) && !attachment->has_executor_proof)
		findings_note(findings, FINDING_ATTACHMENT_EXECUTOR_UNPROVEN,
			      "GF_BAZEL_REAPI_PROOF_IMAGE_DIGEST",
			      "nothing names the image by which the executor was proven");
}

static void judge_runner(const struct attachment *attachment, const struct contract *contract,
			 struct findings *findings)
{
	CLEANUP_FREE char *label = NULL;
	CLEANUP_FREE char *shown = NULL;
	enum runner_class class;

	if (attachment->allows_other_runner ||
	    !(attachment->is_strict || is_executor_meant(attachment)))
		return;
	class = runner_class_of(contract, attachment->labels, &label);
	if (class == RUNNER_CAPABILITY || class == RUNNER_UNKNOWN)
		return;
	shown = text_cleaned(label, WORD_MAX_BYTES);
	findings_note(findings, FINDING_ATTACHMENT_RUNNER, attachment->labels_source, "%s is %s",
		      shown, runner_class_text(class));
}

static void report_agreement(const struct attachment *attachment, struct findings *findings)
{
	const char *mode = attachment_mode_name(attachment_mode(attachment));

	if (!attachment_is_declared(attachment))
		findings_note(findings, FINDING_ATTACHMENT_AGREES, mode, "%s; nothing is declared",
			      what_is_set(attachment));
	else
		findings_note(findings, FINDING_ATTACHMENT_AGREES, mode, "%s, as %s says",
			      what_is_set(attachment),
			      attachment->claim_count ? attachment->claims[0].source
						      : PROFILE_VARIABLE);
}

void attachment_judge(const struct attachment *attachment, const struct contract *contract,
		      struct findings *findings)
{
	size_t before = findings->count;

	judge_claims(attachment, findings);
	judge_profile(attachment, findings);
	judge_cache(attachment, findings);
	judge_executor(attachment, findings);
	judge_executor_proof(attachment, findings);
	judge_runner(attachment, contract, findings);
	if (findings->count == before)
		report_agreement(attachment, findings);
}
