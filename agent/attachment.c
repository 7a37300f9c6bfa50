/* SPDX-License-Identifier: Zlib */
/* What is said of the attachment, and what is set. */
#include "agent/attachment.h"

#include <string.h>

#include "agent/context.h"
#include "agent/expect.h"
#include "agent/lane.h"
#include "agent/repo_manifest.h"

const char *const attachment_modes[] = {
	[ATTACHMENT_LOCAL] = "compatibility-local-only",
	[ATTACHMENT_CACHE] = "shared-cache-backed",
	[ATTACHMENT_EXECUTOR] = "executor-backed",
	[ATTACHMENT_UNKNOWN] = NULL,
};

const struct attachment_profile attachment_profiles[] = {
	{"unattached", ATTACHMENT_BIT(ATTACHMENT_LOCAL), "neither a cache nor an executor"},
	{"shared-cache-backed", ATTACHMENT_BIT(ATTACHMENT_CACHE), "a cache and no executor"},
	{"executor-backed", ATTACHMENT_BIT(ATTACHMENT_EXECUTOR), "a cache and an executor"},
	{ATTACHMENT_LOCAL_PROOF,
	 ATTACHMENT_BIT(ATTACHMENT_CACHE) | ATTACHMENT_BIT(ATTACHMENT_EXECUTOR), "a cache"},
	{0},
};

const char *attachment_mode_name(enum attachment_mode mode)
{
	return mode < ATTACHMENT_UNKNOWN ? attachment_modes[mode] : "unknown";
}

static void add_claim(struct attachment *attachment, const char *text, const char *source)
{
	if (text && attachment->claim_count < ATTACHMENT_MAX_CLAIMS)
		attachment->claims[attachment->claim_count++] =
			(struct attachment_claim){text, source};
}

static bool is_true(const struct context *context, const char *name)
{
	const char *value = context_env(context, name);

	return value && strcmp(value, "true") == 0;
}

void attachment_read(struct attachment *ret, const struct context *context,
		     const struct repo_manifest *manifest, const struct expectations *expect)
{
	*ret = (struct attachment){
		.cache = context_env(context, "BAZEL_REMOTE_CACHE"),
		.cache_source = "BAZEL_REMOTE_CACHE",
		.executor = context_env(context, "BAZEL_REMOTE_EXECUTOR"),
		.profile = context_env(context, "GF_FLYWHEEL_PROFILE_STATE"),
		.labels = context_env(context, "GF_BAZEL_RUNNER_LABELS"),
		.labels_source = "GF_BAZEL_RUNNER_LABELS",
		.local_proof = context_env(context, "GF_BAZEL_LOCAL_PROOF"),
		.has_executor_proof = context_env(context, "GF_BAZEL_REAPI_PROOF_IMAGE_DIGEST"),
		.allows_localhost = is_true(context, "GF_BAZEL_ALLOW_LOCALHOST_PROOF"),
		.allows_separate = is_true(context, "GF_BAZEL_ALLOW_SEPARATE_EXECUTOR_CACHE"),
		.allows_other_runner = is_true(context, "GF_BAZEL_ALLOW_HOSTED_RUNNER"),
	};
	add_claim(ret, context_env(context, "GF_BAZEL_SUBSTRATE_MODE"), "GF_BAZEL_SUBSTRATE_MODE");
	if (ret->claim_count)
		return;
	add_claim(ret, manifest->substrate_mode, REPO_MANIFEST_PATH);
	add_claim(ret, expect->substrate, expect->source);
}

void attachment_set_runner(struct attachment *attachment, const struct lane_identity *identity)
{
	if (attachment->labels || identity->confidence < LANE_MATCHED)
		return;
	attachment->labels = identity->label;
	attachment->labels_source = identity->source;
}

enum attachment_mode attachment_mode(const struct attachment *attachment)
{
	if (attachment->executor)
		return ATTACHMENT_EXECUTOR;
	return attachment->cache ? ATTACHMENT_CACHE : ATTACHMENT_LOCAL;
}

bool attachment_is_declared(const struct attachment *attachment)
{
	return attachment && (attachment->claim_count > 0 || attachment->profile);
}

static bool claims(const struct attachment *attachment, enum attachment_mode mode)
{
	for (size_t i = 0; i < attachment->claim_count; i++)
		if (strcmp(attachment->claims[i].text, attachment_mode_name(mode)) == 0)
			return true;
	return false;
}

const struct attachment_profile *attachment_profile(const struct attachment *attachment)
{
	const struct attachment_profile *profile = attachment_profiles;

	if (!attachment->profile)
		return NULL;
	while (profile->name && strcmp(profile->name, attachment->profile) != 0)
		profile++;
	return profile->name ? profile : NULL;
}

static bool has_profile_for(const struct attachment *attachment, bool is_local)
{
	const struct attachment_profile *profile = attachment_profile(attachment);

	return profile && (profile->modes == ATTACHMENT_BIT(ATTACHMENT_LOCAL)) == is_local;
}

bool attachment_wants_cache(const struct attachment *attachment)
{
	return attachment &&
	       (claims(attachment, ATTACHMENT_CACHE) || claims(attachment, ATTACHMENT_EXECUTOR) ||
		has_profile_for(attachment, false));
}

bool attachment_is_local(const struct attachment *attachment)
{
	return attachment &&
	       (claims(attachment, ATTACHMENT_LOCAL) || has_profile_for(attachment, true));
}
