/* SPDX-License-Identifier: Zlib */
/* What KVM is worth to Nix's builds: facts of two probes into one finding. */
#include "agent/nix_kvm.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/plan.h"
#include "probes/table.h"
#include "tests/unit/check.h"

#define NOTHING FINDING_COUNT
#define UNKNOWN (-1)

struct row {
	const char *name;
	int is_usable; /* -1: the fact is not there */
	int is_for_builders;
	int is_after_daemon;
	const char *state;    /* NULL: the nix probe did not run */
	const char *features; /* NULL: not known */
	int are_features_set;
	bool has_build_users;
	enum finding_id expected;
	const char *mode; /* the node's; NULL: not known */
};

/* Each row is read as a whole. */
/* clang-format off */
static const struct row rows[] = {
	{"all is well", 1, 1, 0, "daemon", "kvm\nnixos-test", 0, true, FINDING_NIX_KVM_READY, NULL},
	{"the job's user alone", 1, 0, 0, "daemon", "kvm", 0, true, FINDING_NIX_KVM_CLOSED, NULL},
	{"ids that are made up have no groups", 1, 0, 0, "daemon", "kvm", 0, false, FINDING_NIX_KVM_CLOSED, NULL},
	{"not even that of the build users", 1, 1, 0, "daemon", "kvm", 0, false, FINDING_NIX_KVM_CLOSED, "0660"},
	{"but they are others", 1, 1, 0, "daemon", "kvm", 0, false, FINDING_NIX_KVM_READY, "0666"},
	{"a single user builds himself", 1, 0, 0, "single-user", "kvm", 0, false, FINDING_NIX_KVM_READY, NULL},
	{"root has build users without a daemon", 1, 0, 0, "single-user", "kvm", 0, true, FINDING_NIX_KVM_CLOSED, NULL},
	{"a promise that the device does not keep", 0, 1, 0, "daemon", "kvm", 1, true, FINDING_NIX_KVM_CLAIMED, NULL},
	{"neither one nor the other", 0, UNKNOWN, UNKNOWN, "daemon", "nixos-test", 1, true, NOTHING, NULL},
	{"a device that Nix does not offer", 1, 1, 0, "daemon", "nixos-test\nbenchmark", 1, true,
	 FINDING_NIX_KVM_NOT_OFFERED, NULL},
	{"a word that begins so", 1, 1, 0, "daemon", "kvm2", 1, true, FINDING_NIX_KVM_NOT_OFFERED, NULL},
	{"no feature at all", 1, 1, 0, "daemon", "", 1, true, FINDING_NIX_KVM_NOT_OFFERED, NULL},
	{"a daemon that looked too early", 1, 1, 1, "daemon", "kvm", 0, true, FINDING_NIX_KVM_DAEMON_OLDER, NULL},
	{"one that need not look", 1, 1, 1, "daemon", "kvm", 1, true, FINDING_NIX_KVM_READY, NULL},
	{"no Nix", 1, 1, 0, "absent", "kvm", 0, false, NOTHING, NULL},
	{"a Nix that does not work", 1, 1, 0, "broken", "kvm", 0, true, NOTHING, NULL},
	{"a store elsewhere", 1, 0, 0, "other", "kvm", 0, false, NOTHING, NULL},
	{"kvm was not proven", UNKNOWN, UNKNOWN, UNKNOWN, "daemon", "kvm", 0, true, NOTHING, NULL},
	{"nix was not proven", 1, 1, 0, NULL, NULL, UNKNOWN, false, NOTHING, NULL},
};
/* clang-format on */

static void set(struct facts *facts, const char *key, int value)
{
	if (value >= 0)
		facts_set_number(facts, key, FACT_BOOLEAN, value);
}

static void set_facts(struct facts *facts, const struct row *row)
{
	set(facts, FACT_KVM_USABLE, row->is_usable);
	set(facts, FACT_KVM_FOR_BUILDERS, row->is_for_builders);
	set(facts, FACT_KVM_AFTER_DAEMON, row->is_after_daemon);
	set(facts, FACT_NIX_FEATURES_SET, row->are_features_set);
	if (row->mode)
		facts_set_text(facts, FACT_KVM_NODE_MODE, FACT_STRING, row->mode);
	if (row->state)
		facts_set_text(facts, FACT_NIX_STATE, FACT_STRING, row->state);
	if (row->features)
		facts_set_text(facts, FACT_NIX_FEATURES, FACT_LIST, row->features);
	if (row->has_build_users)
		facts_set_number(facts, FACT_NIX_BUILD_USERS, FACT_INTEGER, 32);
}

static void add_task(struct plan *plan, const char *probe)
{
	plan_add(plan, &(struct plan_entry){
			       .probe = probe_find(probe),
			       .name = probe,
			       .subject = "",
			       .why = "",
			       .kind = TASK_PROMISE,
		       });
}

static void check_rows(void **state)
{
	struct plan plan = {0};

	(void)state;
	add_task(&plan, "nix");
	add_task(&plan, "kvm");
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP(facts_release) struct facts facts = {0};
		CLEANUP(findings_release) struct findings findings = {0};

		set_facts(&facts, &rows[i]);
		nix_kvm_judge(&facts, &plan, &findings);
		if (findings.count != (rows[i].expected != NOTHING))
			fail_msg("%s: %zu findings", rows[i].name, findings.count);
		if (findings.count && findings.items[0].id != rows[i].expected)
			fail_msg("%s: %s", rows[i].name, finding_kind(findings.items[0].id)->id);
		if (findings.count) /* it weighs as much as kvm does in this lane */
			assert_int_equal(findings.items[0].task_index, 1);
	}
	plan_release(&plan);
}

/* Facts of a probe that nobody planned are nobody's. */
static void check_no_task(void **state)
{
	CLEANUP(facts_release) struct facts facts = {0};
	CLEANUP(findings_release) struct findings findings = {0};
	struct plan plan = {0};

	(void)state;
	add_task(&plan, "nix");
	set_facts(&facts, &rows[0]);
	nix_kvm_judge(&facts, &plan, &findings);
	assert_int_equal(findings.count, 0);
	plan_release(&plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_rows),
		cmocka_unit_test(check_no_task),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
