/* SPDX-License-Identifier: Zlib */
/* When repairs are tried, and what is proven again afterwards. */
#include "agent/repair.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/command.h"
#include "agent/environment.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/install_state.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_caches.h"
#include "agent/nix_daemon.h"
#include "agent/nix_kvm.h"
#include "agent/nix_links.h"
#include "agent/plan.h"
#include "agent/proxy_env.h"
#include "agent/repair_call.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/text.h"
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
	int64_t end_us; /* of all rounds together */
};

/* ---- what there is to mend */

/* What is judged of all facts together is judged later, once; here only to know. */
static void judge_together(const struct attempt *attempt, struct findings *ret)
{
	CLEANUP_STRBUF struct strbuf lines = STRBUF_INIT(MAX_LINES_BYTES);
	struct environment environment = {0};

	nix_kvm_judge(&attempt->run->facts, attempt->plan, ret);
	nix_caches_compose(attempt->job, attempt->run, &lines, ret);
	nix_links_compose(&environment, attempt->job, &attempt->run->facts, ret);
	environment_release(&environment);
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

	return root_lstat(&job->context.root, INSTALL_STATE, &status) == 0;
}

/* Root's own jobs need no daemon; those whom an entrypoint or an operator makes the machine ready for
 * may be others. */
static bool wants_daemon_for_others(const struct job *job)
{
	return job->context.uid == 0 && job->options->command & (COMMAND_INSTALL | COMMAND_EXEC);
}

/* The job asks for a daemon that is not the machine's own, which alone is started here. */
static bool has_other_socket(const struct context *context)
{
	const char *path = context_env(context, "NIX_DAEMON_SOCKET_PATH");
	const char *remote = context_env(context, "NIX_REMOTE");

	return (path && strcmp(path, NIX_DAEMON_SOCKET) != 0) ||
	       (remote && text_starts_with(remote, "unix:///"));
}

static bool is_of_the_daemon(const struct repair *row)
{
	return row->mend == repair_daemon_absent || row->mend == repair_daemon_frozen ||
	       row->mend == repair_daemon_anew || row->mend == repair_daemon_socket;
}

static bool may_be_tried(const struct attempt *attempt, const struct repair *row)
{
	const struct job *job = attempt->job;

	if (row->promise && !(job->required & row->promise))
		return false;
	if (row->cures == FINDING_NIX_CACHE_NOT_ALLOWED)
		return is_contracts_cache(job) && was_here(job);
	if (row->cures == FINDING_NIX_SINGLE_USER)
		return wants_daemon_for_others(job);
	if (row->mend == repair_daemon_anew && !was_here(job))
		return false;
	if (is_of_the_daemon(row) && has_other_socket(&job->context))
		return false;
	return true;
}

static bool was_tried(const struct attempt *attempt, const struct repair *row)
{
	for (size_t i = 0; i < repair_count(); i++)
		if (attempt->was_tried[i] && repair_table[i].mend == row->mend)
			return true;
	return false;
}

/* Nothing is found of it before somebody has looked: so it is asked for, once, where all else is well. */
static bool is_verification_due(const struct attempt *attempt, const struct repair *row)
{
	const char *state = facts_string(&attempt->run->facts, FACT_NIX_STATE);

	for (size_t i = 0; i < repair_count(); i++)
		if (attempt->is_asked[i] ||
		    (attempt->was_tried[i] && repair_table[i].mend == repair_nix_absent))
			return false;
	return row->cures == FINDING_NIX_STORE_DAMAGED &&
	       attempt->job->options->is_store_verified && state &&
	       (strcmp(state, "daemon") == 0 || strcmp(state, "single-user") == 0);
}

/* Returns whether anything is to be tried. What one mending does for several findings is done once. */
static bool choose(struct attempt *attempt)
{
	struct findings together = {0};
	bool is_any = false;

	memset(attempt->is_asked, 0, sizeof(attempt->is_asked));
	judge_together(attempt, &together);
	for (size_t i = 0; i < repair_count(); i++) {
		const struct repair *row = &repair_table[i];

		attempt->is_asked[i] =
			!was_tried(attempt, row) && may_be_tried(attempt, row) &&
			(findings_find(&attempt->run->findings, row->cures) ||
			 findings_find(&together, row->cures) || is_verification_due(attempt, row));
		is_any |= attempt->is_asked[i];
	}
	for (size_t i = 0; i < repair_count(); i++)
		attempt->was_tried[i] |= attempt->is_asked[i];
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
	if (!is_installing || job->context.uid == 0 || !is_contracts_cache(job) ||
	    facts_boolean(&attempt->run->facts, FACT_ATTIC_USABLE) != 1)
		return;
	attempt->is_asked[repair_find(finding_kind(FINDING_NIX_CACHE_NOT_ALLOWED)->id) -
			  repair_table] = true;
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

/* ---- what is said of it */

static char *asked_names(const struct attempt *attempt)
{
	CLEANUP_STRBUF struct strbuf names = STRBUF_INIT(1024);

	for (size_t i = 0; i < repair_count(); i++)
		if (attempt->is_asked[i])
			strbuf_printf(&names, "%s%s", names.length ? ", " : "",
				      finding_kind(repair_table[i].cures)->id);
	return strbuf_take(&names);
}

/* How much it weighs that a finding is still there. */
static enum severity weight_of(const struct attempt *attempt, enum finding_id id)
{
	const struct finding *found = findings_find(&attempt->run->findings, id);
	bool is_promise = found && found->task_index >= 0 &&
			  attempt->plan->tasks[found->task_index].kind == TASK_PROMISE;

	if (!found)
		return SEVERITY_OK;
	return found->severity == SEVERITY_ERROR && !is_promise ? SEVERITY_WARNING
								: found->severity;
}

/* Why something could not be mended comes before what is still wrong: it is the cause now. What was
 * done and did not help is no success. */
static void weigh_words(struct attempt *attempt)
{
	struct findings *findings = &attempt->run->findings;

	for (size_t i = 0; i < findings->count; i++) {
		struct finding *finding = &findings->items[i];
		enum finding_id cured;
		enum severity weight;

		if ((finding->id != FINDING_REPAIRED && finding->id != FINDING_REPAIR_FAILED) ||
		    !finding_by_name(finding->subject, &cured))
			continue;
		weight = weight_of(attempt, cured);
		if (weight == SEVERITY_OK)
			continue;
		if (finding->id == FINDING_REPAIRED)
			finding_become(finding, FINDING_REPAIR_FAILED,
				       "this was done, and it is found again");
		if (weight > finding->severity)
			findings_lead(findings, i, weight);
	}
}

/* What weighs most of what was asked for; NULL where none of it is a finding any more. */
static const struct finding *worst_asked(const struct attempt *attempt, enum severity *ret_weight)
{
	const struct finding *worst = NULL;

	*ret_weight = SEVERITY_NOTICE;
	for (size_t i = 0; i < repair_count(); i++) {
		enum finding_id id = repair_table[i].cures;
		enum severity weight = attempt->is_asked[i] ? weight_of(attempt, id) : SEVERITY_OK;

		if (weight < *ret_weight || (worst && weight == *ret_weight))
			continue;
		*ret_weight = weight;
		worst = findings_find(&attempt->run->findings, id);
	}
	return worst;
}

static void report_rights(struct attempt *attempt, const char *names, const struct error *error)
{
	struct findings *findings = &attempt->run->findings;
	enum severity weight;
	const struct finding *worst = worst_asked(attempt, &weight);
	CLEANUP_FREE char *what = worst ? mem_format("%s; ", worst->detail) : mem_strdup("");

	findings_note(findings, FINDING_REPAIR_NEEDS_ROOT, names, "%sspinup may not mend it: %s",
		      what, error->message);
	findings_lead(findings, findings->count - 1, weight);
}

/* Returns whether it is worth looking again. */
static bool try_asked(struct attempt *attempt)
{
	struct findings *findings = &attempt->run->findings;
	CLEANUP_FREE char *names = asked_names(attempt);
	struct error error = {0};
	CLEANUP_FREE char *no_proxy = proxy_env_list(attempt->job, attempt->run);
	const struct repair_wish wish = {attempt->is_asked, attempt->end_us, no_proxy};
	enum repair_call_end end;

	foresee_cache(attempt);
	end = repair_call(attempt->job, &wish, findings, &error);
	if (end == REPAIR_CALL_NO_RIGHTS) {
		report_rights(attempt, names, &error);
		return false;
	}
	if (end == REPAIR_CALL_FAILED)
		findings_note(findings, FINDING_REPAIR_FAILED, names, "%s", error.message);
	prove_again(attempt);
	return end == REPAIR_CALL_DONE;
}

void repair_all(struct run *run, const struct job *job, const struct plan *plan)
{
	struct attempt attempt = {
		.run = run,
		.job = job,
		.plan = plan,
		.end_us = run_clock_us() + job->options->install_deadline_ms * INT64_C(1000),
	};

	if (job->context.root.is_confined || job->options->is_repair_off)
		return;
	for (unsigned int round = 0; round < MAX_ROUNDS && choose(&attempt); round++)
		if (!try_asked(&attempt))
			break;
	weigh_words(&attempt);
}
