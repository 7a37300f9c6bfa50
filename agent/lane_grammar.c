/* SPDX-License-Identifier: Zlib */
/* What a label promises: the contract's row, else the grammar of labels. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/finding.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/words.h"

/* The kinds of lane, and what each brings. */
static const struct kind {
	const char *word;
	unsigned int promises;
} kinds[] = {
	{"nix", LANE_NIX | LANE_ATTIC | LANE_BAZEL},
	{"docker", LANE_BAZEL},
	{"dind", LANE_DOCKER | LANE_BAZEL},
};

/* What a word after the kind adds; words that are not here promise nothing. */
static const struct suffix {
	const char *word;
	unsigned int promises;
	const char *system;
	bool is_unsupported;
} suffixes[] = {
	{"kvm", .promises = LANE_KVM},          {"vm", .promises = LANE_KVM},
	{"gpu", .promises = LANE_GPU},          {"webgpu", .promises = LANE_GPU},
	{"dawn", .promises = LANE_GPU},         {"heavy", .promises = LANE_HEAVY},
	{"aarch64", .system = "aarch64-linux"}, {"arm64", .system = "aarch64-linux"},
	{"x86_64", .system = "x86_64-linux"},   {"riscv", .system = "riscv64-linux"},
	{"darwin", .is_unsupported = true},     {"macos", .is_unsupported = true},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *lane_status_name(enum lane_status status)
{
	static const char *const names[] = {
		[LANE_STATUS_BASELINE] = "baseline",
		[LANE_STATUS_ADDITIVE] = "additive",
		[LANE_STATUS_COMPATIBILITY] = "compatibility",
		[LANE_STATUS_PROOF_ONLY] = "proof only",
		[LANE_STATUS_GRAMMAR] = "by grammar",
		[LANE_STATUS_FOSSIL] = "fossil",
		[LANE_STATUS_HOSTED] = "github-hosted",
		[LANE_STATUS_UNSUPPORTED] = "not supported",
		[LANE_STATUS_UNKNOWN] = "unknown",
	};

	return names[status];
}

/* ---- the contract's rows */

const struct lane *lane_row(const struct contract *contract, const char *label)
{
	for (size_t i = 0; i < contract->lane_count; i++)
		if (strcasecmp(contract->lanes[i].label, label) == 0)
			return &contract->lanes[i];
	return NULL;
}

static void copy_row(struct lane *ret, const struct lane *row)
{
	*ret = *row;
	ret->label = mem_strdup(row->label);
	ret->flavour = mem_strdup(row->flavour);
	ret->system = mem_strdup(row->system);
	ret->note = mem_strdup(row->note);
}

bool lane_is_fossil(const struct contract *contract, const char *label)
{
	for (char **fossil = contract->fossils; fossil && *fossil; fossil++)
		if (strcasecmp(*fossil, label) == 0)
			return true;
	return false;
}

/* ---- the grammar */

/* Only GitHub's own shapes: "ubuntu-nix" is somebody's pool. */
static bool is_hosted_label(const char *label)
{
	return strcmp(label, "github-hosted") == 0 || strcmp(label, "ubuntu-slim") == 0 ||
	       text_starts_with(label, "ubuntu-latest") ||
	       (text_starts_with(label, "ubuntu-") && isdigit(label[strlen("ubuntu-")]));
}

/* GitHub's macOS and Windows runners: this agent is for Linux. */
static bool is_foreign_label(const char *label)
{
	return strcmp(label, "macos") == 0 || strcmp(label, "darwin") == 0 ||
	       text_starts_with(label, "macos-") || text_starts_with(label, "windows-");
}

static const struct kind *kind_of_word(const char *word)
{
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (strcmp(kinds[i].word, word) == 0)
			return &kinds[i];
	return NULL;
}

static void apply_suffix(struct lane *lane, const char *word)
{
	for (size_t i = 0; i < COUNT(suffixes); i++) {
		if (strcmp(suffixes[i].word, word) != 0)
			continue;
		lane->promises |= suffixes[i].promises;
		if (suffixes[i].is_unsupported)
			lane->status = LANE_STATUS_UNSUPPORTED;
		if (suffixes[i].system) {
			free(lane->system);
			lane->system = mem_strdup(suffixes[i].system);
		}
	}
}

/* "tinyland-nix-arm64" is a tinyland-nix: flavour and endpoints are those of the contract's row.
 * WORDS are the label's, up to and with its kind. */
static void inherit(struct lane *lane, const struct contract *contract, const struct words *words)
{
	CLEANUP_FREE char *base = words_join(words, '-');
	const struct lane *row = lane_row(contract, base);

	if (!row)
		return;
	lane->flavour = mem_strdup(row->flavour);
	lane->has_cluster_endpoints = row->has_cluster_endpoints;
}

static void apply_suffixes(struct lane *lane, const struct words *words, size_t from)
{
	for (size_t i = from; i < words->count; i++) {
		const char *word = words->items[i];

		/* In the name of a scale set '_' became '-'. */
		if (i + 1 < words->count && strcmp(word, "x86") == 0 &&
		    strcmp(words->items[i + 1], "64") == 0)
			word = "x86_64";
		apply_suffix(lane, word);
	}
}

/* <pool>-(nix|docker|dind) and suffixes; the last kind counts, the words before it are the pool. */
static void read_grammar(struct lane *lane, const struct contract *contract)
{
	CLEANUP_WORDS struct words words = {0};
	struct words base;
	size_t end;

	words_split(&words, lane->label, "-");
	for (end = words.count; end > 1 && !kind_of_word(words.items[end - 1]); end--)
		;
	if (end <= 1)
		return;
	base = (struct words){.items = words.items, .count = end};
	lane->status = text_starts_with(lane->label, "gl-") ? LANE_STATUS_COMPATIBILITY
							    : LANE_STATUS_GRAMMAR;
	lane->promises = kind_of_word(words.items[end - 1])->promises;
	inherit(lane, contract, &base);
	apply_suffixes(lane, &words, end);
	if (lane->status == LANE_STATUS_UNSUPPORTED)
		lane->promises = 0;
}

static void read_label(struct lane *ret, const char *label, const struct contract *contract)
{
	const struct lane *row = lane_row(contract, label);

	if (row) {
		copy_row(ret, row);
		return;
	}
	*ret = (struct lane){.label = mem_strdup(label), .status = LANE_STATUS_UNKNOWN};
	if (lane_is_fossil(contract, label))
		ret->status = LANE_STATUS_FOSSIL;
	else if (is_hosted_label(label))
		ret->status = LANE_STATUS_HOSTED;
	else if (is_foreign_label(label))
		ret->status = LANE_STATUS_UNSUPPORTED;
	else
		read_grammar(ret, contract);
}

/* ---- what a person should know */

static void report_nowhere(const struct lane_identity *identity, const struct context *context,
			   struct findings *findings)
{
	if (*identity->source) {
		findings_note(findings, FINDING_LANE_LABEL_REFUSED, identity->source,
			      "%s holds something that can be no label", identity->source);
		return;
	}
	struct finding *finding =
		findings_note(findings, FINDING_LANE_UNKNOWN, "",
			      "neither a flag or variable, nor the downward API, nor the runner's, "
			      "pod's or host's name (%s) says which lane this is",
			      context->host_name ? context->host_name : "none");
	/* On a person's machine there is no lane to know. */
	if (context->audience == AUDIENCE_PERSON)
		finding->severity = SEVERITY_NOTICE;
}

static void report_confidence(const struct lane_identity *identity, struct findings *findings)
{
	if (identity->confidence == LANE_INFERRED)
		findings_note(findings, FINDING_LANE_INFERRED, identity->label,
			      "%s was read out of %s; the contract does not list it",
			      identity->label, identity->source);
	else if (identity->confidence == LANE_AMBIGUOUS)
		findings_note(findings, FINDING_LANE_AMBIGUOUS, identity->label,
			      "%s has more than one reading; %s is taken", identity->source,
			      identity->label);
}

static void report_status(const struct lane *lane, struct findings *findings)
{
	switch (lane->status) {
	case LANE_STATUS_FOSSIL:
		findings_note(findings, FINDING_LANE_FOSSIL, lane->label,
			      "%s is the name of a repository's old pool, not of a capability",
			      lane->label);
		break;
	case LANE_STATUS_PROOF_ONLY:
		findings_note(findings, FINDING_LANE_PROOF_ONLY, lane->label, "%s",
			      lane->note ? lane->note : "a proof lane of one repository");
		break;
	case LANE_STATUS_UNSUPPORTED:
		findings_note(findings, FINDING_LANE_NOT_SUPPORTED, lane->label,
			      "%s asks for a system that is not Linux", lane->label);
		break;
	case LANE_STATUS_UNKNOWN:
		findings_note(findings, FINDING_LANE_UNKNOWN, lane->label,
			      "%s is neither in the contract nor of the form "
			      "POOL-(nix|docker|dind)[-SUFFIX…]",
			      lane->label);
		break;
	case LANE_STATUS_BASELINE:
	case LANE_STATUS_ADDITIVE:
	case LANE_STATUS_COMPATIBILITY:
	case LANE_STATUS_GRAMMAR:
	case LANE_STATUS_HOSTED:
		break;
	}
}

void lane_of_label(struct lane *ret, const struct lane_identity *identity,
		   const struct contract *contract, const struct context *context,
		   struct findings *findings)
{
	read_label(ret, identity->label, contract);
	if (!*identity->label) {
		report_nowhere(identity, context, findings);
		return;
	}
	report_confidence(identity, findings);
	report_status(ret, findings);
}

void lane_release(struct lane *lane)
{
	free(lane->label);
	free(lane->flavour);
	free(lane->system);
	free(lane->note);
	*lane = (struct lane){0};
}
