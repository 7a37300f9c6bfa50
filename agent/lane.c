/* SPDX-License-Identifier: Zlib */
/* Which label routed this job: no file or variable says it, so the sources are asked in the order
 * of their worth, and the one that answered is told. Nothing is guessed from the tools present. */
#include "agent/lane.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/lane_name.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/strbuf.h"
#include "agent/words.h"

#define MAX_LABEL_LENGTH 100u

static const struct {
	enum lane_promise promise;
	const char *name;
} promise_names[] = {
	{LANE_NIX, "nix"},     {LANE_KVM, "kvm"},
	{LANE_GPU, "gpu"},     {LANE_DOCKER, "docker"},
	{LANE_HEAVY, "heavy"}, {LANE_ATTIC, "attic"},
	{LANE_BAZEL, "bazel"}, {LANE_ATTIC_PUSH, "attic-push"},
};
#define PROMISE_COUNT (sizeof(promise_names) / sizeof(promise_names[0]))

const char *lane_promise_name(enum lane_promise promise)
{
	for (size_t i = 0; i < PROMISE_COUNT; i++)
		if (promise_names[i].promise == promise)
			return promise_names[i].name;
	return "unknown";
}

unsigned int lane_promise_by_name(const char *name)
{
	unsigned int promise = 0;

	for (size_t i = 0; i < PROMISE_COUNT; i++)
		if (strcmp(promise_names[i].name, name) == 0)
			promise = promise_names[i].promise;
	return promise == LANE_ATTIC_PUSH ? LANE_ATTIC | LANE_ATTIC_PUSH : promise;
}

void lane_promise_names(unsigned int mask, struct strbuf *out)
{
	const char *before = "";

	for (size_t i = 0; i < PROMISE_COUNT; i++) {
		if (!(mask & promise_names[i].promise))
			continue;
		strbuf_printf(out, "%s%s", before, promise_names[i].name);
		before = ", ";
	}
}

const char *lane_confidence_name(enum lane_confidence confidence)
{
	static const char *const names[] = {
		[LANE_UNKNOWN] = "unknown",   [LANE_AMBIGUOUS] = "ambiguous",
		[LANE_INFERRED] = "inferred", [LANE_MATCHED] = "matched",
		[LANE_EXPLICIT] = "explicit",
	};

	return names[confidence];
}

bool lane_label_is_valid(const char *text)
{
	size_t length = strnlen(text, MAX_LABEL_LENGTH + 1);

	if (length == 0 || length > MAX_LABEL_LENGTH)
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isascii(text[i]) || (!isalnum(text[i]) && !strchr("._-", text[i])))
			return false;
	return isalnum(text[0]) && isalnum(text[length - 1]);
}

static void settle(struct lane_identity *ret, const char *label, const char *source,
		   enum lane_confidence confidence)
{
	ret->label = mem_strdup(label);
	ret->source = mem_strdup(source);
	ret->confidence = confidence;
	for (char *c = ret->label; *c; c++)
		*c = (char)tolower((unsigned char)*c);
}

/* An explicit value that can be no label settles it too: as unknown, never as something else. */
static bool settle_explicit(struct lane_identity *ret, const char *label, const char *source)
{
	if (!label)
		return false;
	if (lane_label_is_valid(label))
		settle(ret, label, source, LANE_EXPLICIT);
	else
		settle(ret, "", source, LANE_UNKNOWN);
	return true;
}

static bool is_hosted(const struct context *context)
{
	const char *where = context_env(context, "RUNNER_ENVIRONMENT");

	return where && strcmp(where, "github-hosted") == 0;
}

/* ---- names of runners, pods and hosts */

/* The longer of two labels that both fit is the right one: "a-nix" also begins "a-nix-kvm". */
static void keep_longer(const char **best, const char *name, const char *label)
{
	if ((!*best || strlen(label) > strlen(*best)) && lane_name_fits(name, label))
		*best = label;
}

static const char *best_known_label(const struct contract *contract, const char *name)
{
	const char *best = NULL;

	for (size_t i = 0; i < contract->lane_count; i++)
		keep_longer(&best, name, contract->lanes[i].label);
	for (char **fossil = contract->fossils; fossil && *fossil; fossil++)
		keep_longer(&best, name, *fossil);
	return best;
}

static bool settle_by_name(struct lane_identity *ret, const struct contract *contract,
			   const char *name, const char *source)
{
	CLEANUP_FREE char *inferred = NULL;
	const char *known = NULL;
	bool is_ambiguous = false;

	if (!name)
		return false;
	known = best_known_label(contract, name);
	if (known) {
		settle(ret, known, source, LANE_MATCHED);
		return true;
	}
	inferred = lane_name_infer(name, &is_ambiguous);
	if (!inferred)
		return false;
	settle(ret, inferred, source, is_ambiguous ? LANE_AMBIGUOUS : LANE_INFERRED);
	return true;
}

/* ---- GitLab's tags: a JSON array of strings, or (older runners) a list with commas */

/* A GitLab runner carries all its tags at once: the one that the contract knows is the lane, or the
 * only one there is. Two known ones leave open which of them the job asked for. */
static bool settle_by_tags(struct lane_identity *ret, const struct contract *contract,
			   const char *text)
{
	CLEANUP_WORDS struct words tags = {0};
	const struct lane *found = NULL;
	bool is_ambiguous = false;

	words_split(&tags, text ? text : "", " \t[]\",");
	for (size_t i = 0; i < tags.count; i++) {
		const struct lane *row = lane_row(contract, tags.items[i]);

		is_ambiguous |= row && found && row != found;
		found = found ? found : row;
	}
	if (found)
		settle(ret, found->label, "CI_RUNNER_TAGS",
		       is_ambiguous ? LANE_AMBIGUOUS : LANE_EXPLICIT);
	else if (tags.count == 1 && lane_label_is_valid(tags.items[0]))
		settle(ret, tags.items[0], "CI_RUNNER_TAGS", LANE_EXPLICIT);
	return ret->label != NULL;
}

void lane_identify(struct lane_identity *ret, const struct options *options,
		   const struct context *context, const struct contract *contract)
{
	const char *runner = context_env(context, "RUNNER_NAME");
	const char *pod = context_env(context, "ACTIONS_RUNNER_POD_NAME");

	*ret = (struct lane_identity){0};
	if (settle_explicit(ret, options->label,
			    options->label_source ? options->label_source : "--label") ||
	    settle_explicit(ret, context->scale_set_name, context->scale_set_source))
		return;
	if (is_hosted(context)) {
		settle(ret, "github-hosted", "RUNNER_ENVIRONMENT", LANE_EXPLICIT);
		return;
	}
	if (settle_by_tags(ret, contract, context_env(context, "CI_RUNNER_TAGS")) ||
	    settle_by_name(ret, contract, runner, "RUNNER_NAME") ||
	    settle_by_name(ret, contract, pod, "ACTIONS_RUNNER_POD_NAME") ||
	    settle_by_name(ret, contract, context->host_name, "host name"))
		return;
	settle(ret, "", "", LANE_UNKNOWN);
}

void lane_identity_release(struct lane_identity *identity)
{
	free(identity->label);
	free(identity->source);
	*identity = (struct lane_identity){0};
}
