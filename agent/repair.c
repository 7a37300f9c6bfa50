/* SPDX-License-Identifier: Zlib */
/* The repairs, and how they are tried. */
#include "agent/repair.h"

#include <string.h>

#include "agent/error.h"
#include "agent/nix_kvm.h"
#include "agent/plan.h"
#include "agent/run.h"
#include "probes/table.h"

const struct repair repair_table[] = {
	{FINDING_NIX_KVM_CLOSED, "kvm", "gave /dev/kvm mode 0666", repair_kvm_mode},
	{0},
};

/* What is judged of all facts together is judged later, once; here only to know. */
static bool is_found(const struct run *run, const struct plan *plan, enum finding_id id)
{
	struct findings together = {0};
	bool is_found;

	nix_kvm_judge(&run->facts, plan, &together);
	is_found = findings_find(&run->findings, id) || findings_find(&together, id);
	findings_release(&together);
	return is_found;
}

static void prove_again(struct run *run, const struct job *job, const char *probe)
{
	for (size_t i = 0; i < run->count; i++)
		if (strcmp(run->results[i].task->probe->name, probe) == 0)
			run_task_again(run, job, i);
}

static void try_repair(struct run *run, const struct job *job, const struct repair *repair)
{
	const char *cured = finding_kind(repair->cures)->id;
	struct error error = {0};

	switch (repair->mend(job, &error)) {
	case REPAIR_DONE:
		prove_again(run, job, repair->probe);
		findings_note(&run->findings, FINDING_REPAIRED, cured, "%s", repair->what);
		break;
	case REPAIR_NOT_OURS:
		break;
	case REPAIR_IN_VAIN:
		findings_note(&run->findings, FINDING_REPAIR_FAILED, cured, "%s", error.message);
		break;
	}
}

void repair_all(struct run *run, const struct job *job, const struct plan *plan)
{
	for (const struct repair *repair = repair_table; repair->probe; repair++)
		if (is_found(run, plan, repair->cures))
			try_repair(run, job, repair);
}
