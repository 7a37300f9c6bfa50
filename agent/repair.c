/* SPDX-License-Identifier: Zlib */
/* When repairs are tried, and what is proven again afterwards. */
#include "agent/repair.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/install_state.h"
#include "agent/job.h"
#include "agent/nix_caches.h"
#include "agent/nix_kvm.h"
#include "agent/plan.h"
#include "agent/repair_call.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/words.h"
#include "probes/table.h"

/* What one repair brings to light, the next may mend: Nix, then its daemon, then its configuration. */
#define MAX_ROUNDS 4u
#define MAX_LINES_BYTES 32768u

struct attempt {
	struct run *run;
	const struct job *job;
	const struct plan *plan;
	bool is_asked[REPAIR_MAX_ROWS];
	bool was_tried[REPAIR_MAX_ROWS];
};

/* ---- what there is to mend */

/* What is judged of all facts together is judged later, once; here only to know. */
static void judge_together(const struct attempt *attempt, struct findings *ret)
{
	CLEANUP_STRBUF struct strbuf lines = STRBUF_INIT(MAX_LINES_BYTES);

	nix_kvm_judge(&attempt->run->facts, attempt->plan, ret);
	nix_caches_compose(attempt->job, attempt->run, &lines, ret);
}

/* Whether the job's cache is the one that the contract pins, in the cluster. */
static bool is_contracts_cache(const struct job *job)
{
	const struct endpoint *attic = &job->endpoints.attic;

	return attic->url && attic->cache &&
	       nix_caches_is_same(attic->url, job->contract.attic_cluster_url) &&
	       strcmp(attic->cache, job->contract.attic_cache) == 0;
}

/* Only a daemon that spinup started is started anew, and only root sees whose it is: where spinup never
 * was, root needs not be asked. */
static bool was_here(const struct job *job)
{
	struct stat status;

	return root_lstat(&job->context.root, "/nix/" INSTALL_STATE_NAME, &status) == 0;
}

static bool may_be_tried(const struct attempt *attempt, const struct repair *row)
{
	const struct job *job = attempt->job;

	if (row->promise && !(job->required & row->promise))
		return false;
	if (row->cures == FINDING_NIX_CACHE_NOT_ALLOWED)
		return is_contracts_cache(job) && was_here(job);
	if (row->mend == repair_daemon_anew)
		return was_here(job);
	return true;
}

/* Returns whether anything is to be tried. */
static bool choose(struct attempt *attempt)
{
	struct findings together = {0};
	bool is_any = false;

	judge_together(attempt, &together);
	for (size_t i = 0; i < repair_count(); i++) {
		const struct repair *row = &repair_table[i];

		attempt->is_asked[i] = !attempt->was_tried[i] && may_be_tried(attempt, row) &&
				       (findings_find(&attempt->run->findings, row->cures) ||
					findings_find(&together, row->cures));
		attempt->was_tried[i] |= attempt->is_asked[i];
		is_any |= attempt->is_asked[i];
	}
	findings_release(&together);
	return is_any;
}

/* A Nix that is installed here and now trusts root alone, so that a runner who is not root needs the
 * cache to be allowed before the daemon starts. */
static void foresee_cache(struct attempt *attempt)
{
	const struct job *job = attempt->job;
	bool is_installing = false;

	for (size_t i = 0; i < repair_count(); i++)
		is_installing |= attempt->is_asked[i] && repair_table[i].mend == repair_nix_absent;
	for (size_t i = 0; is_installing && i < repair_count(); i++)
		if (repair_table[i].cures == FINDING_NIX_CACHE_NOT_ALLOWED)
			attempt->is_asked[i] = job->context.uid != 0 && is_contracts_cache(job) &&
					       job->lane.promises & LANE_ATTIC;
}

/* ---- and again */

static void prove_again(struct attempt *attempt)
{
	CLEANUP_WORDS struct words probes = {0};

	for (size_t i = 0; i < repair_count(); i++)
		if (attempt->is_asked[i])
			words_split(&probes, repair_table[i].probes, " ");
	for (size_t i = 0; i < attempt->run->count; i++)
		if (words_contain(&probes, attempt->run->results[i].task->probe->name))
			run_task_again(attempt->run, attempt->job, i);
}

static char *asked_names(const struct attempt *attempt)
{
	CLEANUP_STRBUF struct strbuf names = STRBUF_INIT(1024);

	for (size_t i = 0; i < repair_count(); i++)
		if (attempt->is_asked[i])
			strbuf_printf(&names, "%s%s", names.length ? ", " : "",
				      finding_kind(repair_table[i].cures)->id);
	return strbuf_take(&names);
}

/* Returns whether it is worth looking again. */
static bool try_asked(struct attempt *attempt)
{
	struct findings *findings = &attempt->run->findings;
	CLEANUP_FREE char *names = asked_names(attempt);
	struct error error = {0};

	switch (repair_call(attempt->job, attempt->is_asked, findings, &error)) {
	case REPAIR_CALL_DONE:
		prove_again(attempt);
		return true;
	case REPAIR_CALL_NO_RIGHTS:
		findings_note(findings, FINDING_REPAIR_NEEDS_ROOT, names, "%s", error.message);
		return false;
	case REPAIR_CALL_FAILED:
		break;
	}
	findings_note(findings, FINDING_REPAIR_FAILED, names, "%s", error.message);
	prove_again(attempt);
	return false;
}

void repair_all(struct run *run, const struct job *job, const struct plan *plan)
{
	struct attempt attempt = {.run = run, .job = job, .plan = plan};

	if (job->context.root.is_confined)
		return; /* a fake machine's */
	for (unsigned int round = 0; round < MAX_ROUNDS && choose(&attempt); round++) {
		foresee_cache(&attempt);
		if (!try_asked(&attempt))
			break;
	}
}
