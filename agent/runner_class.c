/* SPDX-License-Identifier: Zlib */
/* Labels of runners, sorted as the platform's own gate sorts them. */
#include "agent/runner_class.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/words.h"

#define LABEL_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

/* What a pool's name may end in: <pool>-nix and its kind. */
static const char *const capabilities[] = {
	"-nix", "-nix-heavy", "-nix-kvm", "-nix-gpu", "-docker", "-dind", NULL,
};

/* The platform's own pool alone also has tinyland-{nix,docker,dind} with any of these behind. */
static const char *const own_kinds[] = {"nix", "docker", "dind", NULL};
static const char *const own_suffixes[] = {
	"aarch64", "arm64",    "browser",    "dawn",  "darwin", "gpu",    "heavy",  "kvm", "linux",
	"macos",   "operator", "privileged", "riscv", "vm",     "webgpu", "x86_64", NULL,
};

static const char *const hosted[] = {
	"ubuntu", "windows", "macos", "github-hosted", NULL,
};
static const char *const hosted_prefixes[] = {"ubuntu-", "windows-", "macos-", NULL};

const char *runner_class_text(enum runner_class class)
{
	static const char *const texts[] = {
		[RUNNER_CAPABILITY] = "a capability of the cluster",
		[RUNNER_FOSSIL] = "a label of one repository's old pool",
		[RUNNER_PROOF_ONLY] = "a proof lane of one repository",
		[RUNNER_HOSTED] = "a hosted runner, outside the cluster",
		[RUNNER_BARE] = "no capability: any runner has it",
		[RUNNER_OTHER] = "no capability that the platform knows",
		[RUNNER_UNKNOWN] = "not known",
	};

	return texts[class];
}

static bool is_among(const char *const *words, const char *text)
{
	for (; *words; words++)
		if (strcmp(*words, text) == 0)
			return true;
	return false;
}

static bool is_pool_label(const char *label)
{
	size_t length = strlen(label);

	if (label[strspn(label, LABEL_CHARACTERS)] || *label == '-')
		return false;
	for (const char *const *end = capabilities; *end; end++)
		if (length > strlen(*end) && text_ends_with(label, *end))
			return true;
	return false;
}

/* tinyland-nix-arm64 and its like: the kind, and known suffixes behind it. */
static bool is_own_label(const char *label)
{
	CLEANUP_WORDS struct words words = {0};

	if (!text_starts_with(label, "tinyland-"))
		return false;
	words_split(&words, label, "-");
	if (words.count < 2 || !is_among(own_kinds, words.items[1]))
		return false;
	for (size_t i = 2; i < words.count; i++)
		if (!is_among(own_suffixes, words.items[i]))
			return false;
	return true;
}

static bool is_hosted(const char *label)
{
	for (const char *const *prefix = hosted_prefixes; *prefix; prefix++)
		if (text_starts_with(label, *prefix))
			return true;
	return is_among(hosted, label);
}

static enum runner_class class_of(const struct contract *contract, const char *label)
{
	const struct lane *row = lane_row(contract, label);

	if (lane_is_fossil(contract, label))
		return RUNNER_FOSSIL;
	if (row && row->status == LANE_STATUS_PROOF_ONLY)
		return RUNNER_PROOF_ONLY;
	if (row || is_pool_label(label) || is_own_label(label))
		return RUNNER_CAPABILITY;
	if (is_hosted(label))
		return RUNNER_HOSTED;
	return strcmp(label, "self-hosted") == 0 ? RUNNER_BARE : RUNNER_OTHER;
}

/* What says little ("linux", "x64", "self-hosted") decides only where nothing says more. */
static bool says_more(enum runner_class class, enum runner_class than)
{
	return than == RUNNER_UNKNOWN || (than == RUNNER_OTHER && class < RUNNER_OTHER) ||
	       (than == RUNNER_BARE && class < RUNNER_BARE);
}

enum runner_class runner_class_of(const struct contract *contract, const char *labels,
				  char **ret_label)
{
	CLEANUP_FREE char *lower = mem_strdup(labels ? labels : "");
	CLEANUP_WORDS struct words words = {0};
	enum runner_class class = RUNNER_UNKNOWN;
	const char *deciding = NULL;

	for (char *c = lower; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	words_split(&words, lower, " \t\r\n,[]\"'");
	for (size_t i = 0; i<words.count &&class> RUNNER_FOSSIL; i++) {
		enum runner_class next = class_of(contract, words.items[i]);

		if (next > RUNNER_FOSSIL && !says_more(next, class))
			continue;
		class = next;
		deciding = words.items[i];
	}
	*ret_label = mem_strdup(deciding);
	return class;
}
