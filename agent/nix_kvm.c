/* SPDX-License-Identifier: Zlib */
/* KVM for Nix: the daemon offers the feature when it finds the device, and then builds as users who are
 * in none of the job's groups. QEMU in such a build falls back to emulation without a word. */
#include "agent/nix_kvm.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/words.h"
#include "probes/table.h"

#define SUBJECT "/dev/kvm"

struct trial {
	const struct facts *facts;
	struct findings *findings;
	int task_index; /* of kvm's task */
};

static void say(const struct trial *trial, enum finding_id id, const char *detail)
{
	findings_add(trial->findings, id, "nix", SUBJECT, detail)->task_index = trial->task_index;
}

static bool is_true(const struct trial *trial, const char *fact)
{
	return facts_boolean(trial->facts, fact) == 1;
}

/* Users of Nix's group; it can do without, where it makes numbers up (auto-allocate-uids). */
static bool has_build_users(const struct trial *trial)
{
	int64_t count;

	return facts_integer(trial->facts, FACT_NIX_BUILD_USERS, &count);
}

/* Builds run as the one who asks for them, or as others, of whom only users are in groups. */
static bool is_open_to_builds(const struct trial *trial, const char *mode)
{
	const char *state = facts_string(trial->facts, FACT_NIX_STATE);

	if (!has_build_users(trial) && strcmp(state, "daemon") != 0)
		return true;
	if (mode && (strtoul(mode, NULL, 8) & 06) == 06)
		return true;
	return has_build_users(trial) && is_true(trial, FACT_KVM_FOR_BUILDERS);
}

static void judge_offered(const struct trial *trial)
{
	const char *mode = facts_string(trial->facts, FACT_KVM_NODE_MODE);
	CLEANUP_FREE char *closed = NULL;

	if (!is_true(trial, FACT_KVM_USABLE)) {
		say(trial, FINDING_NIX_KVM_CLAIMED,
		    "Nix's system features name kvm, and the device does not work for this user");
	} else if (!is_open_to_builds(trial, mode)) {
		closed = mem_format("mode %s lets this user in, but not Nix's build users",
				    mode ? mode : "unknown");
		say(trial, FINDING_NIX_KVM_CLOSED, closed);
	} else if (!is_true(trial, FACT_NIX_FEATURES_SET) &&
		   is_true(trial, FACT_KVM_AFTER_DAEMON)) {
		say(trial, FINDING_NIX_KVM_DAEMON_OLDER,
		    "the device was made after the daemon had been started");
	} else {
		say(trial, FINDING_NIX_KVM_READY,
		    "Nix offers the feature kvm, and its builds may "
		    "use it");
	}
}

/* kvm's task in PLAN, or -1. */
static int find_task(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->tasks[i].probe->name, "kvm") == 0)
			return (int)i;
	return -1;
}

void nix_kvm_judge(const struct facts *facts, const struct plan *plan, struct findings *findings)
{
	const struct trial trial = {facts, findings, find_task(plan)};
	const char *features = facts_string(facts, FACT_NIX_FEATURES);
	const char *state = facts_string(facts, FACT_NIX_STATE);
	CLEANUP_WORDS struct words offered = {0};

	if (trial.task_index < 0 || !features || facts_boolean(facts, FACT_KVM_USABLE) < 0)
		return;
	if (!state || (strcmp(state, "daemon") != 0 && strcmp(state, "single-user") != 0))
		return; /* no Nix that works: its own finding says so */
	words_split(&offered, features, "\n");
	if (words_contain(&offered, "kvm"))
		judge_offered(&trial);
	else if (is_true(&trial, FACT_KVM_USABLE))
		say(&trial, FINDING_NIX_KVM_NOT_OFFERED,
		    "KVM works, and Nix's system features do not name it");
}
