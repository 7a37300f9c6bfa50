/* SPDX-License-Identifier: Zlib */
/* How Bazel is attached to the platform, against how the job says that it is. A verdict about names
 * and values alone: whether anything answers is the bazel probe's matter. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct context;
struct contract;
struct expectations;
struct findings;
struct lane_identity;
struct repo_manifest;

enum attachment_mode {
	ATTACHMENT_LOCAL,    /* compatibility-local-only: neither cache nor executor */
	ATTACHMENT_CACHE,    /* shared-cache-backed: a cache */
	ATTACHMENT_EXECUTOR, /* executor-backed: an executor */
	ATTACHMENT_UNKNOWN   /* a word that is no mode */
};

/* Their names, in this order, NULL-terminated. */
extern const char *const attachment_modes[];

/* A state of the fleet's profile (GF_FLYWHEEL_PROFILE_STATE), and what it allows. */
struct attachment_profile {
	const char *name;
	unsigned int modes; /* a bit for each enum attachment_mode */
	const char *wants;  /* for people */
};
#define ATTACHMENT_BIT(mode) (1u << (mode))

/* This one also needs GF_BAZEL_LOCAL_PROOF=port-forward. */
#define ATTACHMENT_LOCAL_PROOF "local-proof"

/* All states; the last row has no name. */
extern const struct attachment_profile attachment_profiles[];

#define ATTACHMENT_MAX_CLAIMS 2u

/* One place that declares a mode. */
struct attachment_claim {
	const char *text;   /* as written; hostile */
	const char *source; /* "GF_BAZEL_SUBSTRATE_MODE", "tinyland.repo.json", … */
};

/* What the verdict is made from. Texts are borrowed and hostile; NULL: not set. */
struct attachment {
	const char *cache, *cache_source; /* the URL; may hold user info */
	const char *executor;             /* BAZEL_REMOTE_EXECUTOR */
	struct attachment_claim claims[ATTACHMENT_MAX_CLAIMS];
	size_t claim_count;
	const char *profile; /* GF_FLYWHEEL_PROFILE_STATE */
	const char *labels, *labels_source;
	const char *local_proof;  /* GF_BAZEL_LOCAL_PROOF */
	bool has_executor_proof;  /* GF_BAZEL_REAPI_PROOF_IMAGE_DIGEST */
	bool allows_localhost;    /* GF_BAZEL_ALLOW_LOCALHOST_PROOF */
	bool allows_separate;     /* GF_BAZEL_ALLOW_SEPARATE_EXECUTOR_CACHE */
	bool allows_other_runner; /* GF_BAZEL_ALLOW_HOSTED_RUNNER */
	bool is_strict;           /* a cache and a runner of the cluster must be there */
};

/* Takes in what the job's environment says. A mode that it declares holds; without one, those of the
 * repository's two files do, and both must agree with what is set. */
void attachment_read(struct attachment *ret, const struct context *context,
		     const struct repo_manifest *manifest, const struct expectations *expect);

/* Where no variable tells the runner's labels, the job's label does, if it is certain. */
void attachment_set_runner(struct attachment *attachment, const struct lane_identity *identity);

/* Whether anything declares how Bazel is attached, and whether that makes a cache a promise, or rules
 * one out. NULL declares nothing. */
bool attachment_is_declared(const struct attachment *attachment);
bool attachment_wants_cache(const struct attachment *attachment);
bool attachment_is_local(const struct attachment *attachment);

/* The state that is set, or NULL where none is or nobody knows it. */
const struct attachment_profile *attachment_profile(const struct attachment *attachment);

/* How it is attached, by what is set. */
enum attachment_mode attachment_mode(const struct attachment *attachment);

/* A finding for each rule that is broken, else attachment-agrees. Pure. */
void attachment_judge(const struct attachment *attachment, const struct contract *contract,
		      struct findings *findings);

/* "compatibility-local-only", "shared-cache-backed", "executor-backed", "unknown". */
const char *attachment_mode_name(enum attachment_mode mode);
