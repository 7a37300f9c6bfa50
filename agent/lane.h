/* SPDX-License-Identifier: Zlib */
/* Which lane is this: the label's source and confidence, and what a label promises. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct context;
struct contract;
struct error;
struct findings;
struct options;
struct strbuf;

enum lane_confidence {
	LANE_UNKNOWN,
	LANE_AMBIGUOUS, /* the name fits more than one reading */
	LANE_INFERRED,  /* from a runner, pod or host name's grammar */
	LANE_MATCHED,   /* such a name, and the contract knows the label */
	LANE_EXPLICIT,  /* a flag, a variable, the downward API, GitLab's tags */
};

enum lane_status {
	LANE_STATUS_BASELINE,
	LANE_STATUS_ADDITIVE,
	LANE_STATUS_COMPATIBILITY,
	LANE_STATUS_PROOF_ONLY,
	LANE_STATUS_GRAMMAR, /* not in the contract's table */
	LANE_STATUS_FOSSIL,
	LANE_STATUS_HOSTED,
	LANE_STATUS_UNSUPPORTED,
	LANE_STATUS_UNKNOWN
};

/* Bits: what a lane promises, and which caches it has. */
enum lane_promise {
	LANE_NIX = 1u << 0,
	LANE_KVM = 1u << 1,
	LANE_GPU = 1u << 2,
	LANE_DOCKER = 1u << 3,
	LANE_HEAVY = 1u << 4, /* more memory than the contract's heavy_memory_bytes */
	LANE_ATTIC = 1u << 8,
	LANE_BAZEL = 1u << 9,
	LANE_ATTIC_PUSH = 1u << 10, /* never a lane's own: required by a job alone */
};

struct lane {
	char *label;
	enum lane_status status;
	unsigned int promises; /* enum lane_promise bits; caches among them */
	int64_t cpus;          /* envelope; 0: none stated */
	int64_t memory_bytes;  /* envelope; 0: none stated */
	char *flavour;         /* Nix flavour promised ("determinate"), or NULL: any */
	char *system;          /* architecture promised by a suffix ("aarch64-linux"), or NULL */
	bool has_cluster_endpoints; /* tinyland-*: the contract's cluster endpoints are defaults */
	char *note; /* shown once: a fossil's reason, "repo-scoped proof", …; or NULL */
};

/* The label as found. An explicit value that can be no label leaves label empty, and source set. */
struct lane_identity {
	char *label; /* lower case; "" when unknown */
	char *source; /* "--label", "RUNNER_NAME", "host name", "CI_RUNNER_TAGS", …; "" for nowhere */
	enum lane_confidence confidence;
};

/* Finds the label: explicit, downward API, RUNNER_NAME / pod name / host name by the three
 * generations of the name grammar, GitLab's tags. */
void lane_identify(struct lane_identity *ret, const struct options *options,
		   const struct context *context, const struct contract *contract);
void lane_identity_release(struct lane_identity *identity);

/* The lane of a label: the contract's row, else the grammar. Always
 * fills RET; an unknown label promises nothing. What a person should know (unknown, fossil,
 * proof-only, unsupported, inferred) is added to FINDINGS. */
void lane_of_label(struct lane *ret, const struct lane_identity *identity,
		   const struct contract *contract, const struct context *context,
		   struct findings *findings);
void lane_release(struct lane *lane);

/* Whether TEXT could be a label: letters, digits, '.', '_' and '-', 1 to 100 of them, with a letter
 * or a digit at both ends. Whatever is not is treated as hostile and used nowhere. */
bool lane_label_is_valid(const char *text);

/* The contract's row of LABEL (letters' case does not count, as at GitHub), or NULL. */
const struct lane *lane_row(const struct contract *contract, const char *label);

/* Whether the contract lists LABEL as a fossil (letters' case does not count). */
bool lane_is_fossil(const struct contract *contract, const char *label);

const char *lane_confidence_name(enum lane_confidence confidence);
const char *lane_status_name(enum lane_status status);

/* "nix", "kvm", … for a single bit, and back: the bit of a name with what it includes (attic-push
 * includes attic); 0 for a name that is none. */
const char *lane_promise_name(enum lane_promise promise);
unsigned int lane_promise_by_name(const char *name);

/* Appends the names of the bits in MASK: "nix, kvm". */
void lane_promise_names(unsigned int mask, struct strbuf *out);
