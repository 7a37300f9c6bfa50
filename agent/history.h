/* SPDX-License-Identifier: Zlib */
/* What earlier surfaces of this runner found: shown beside what is proven now, and never trusted. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/context.h"
#include "agent/finding.h"

struct error;
struct probe;
struct result;
struct strbuf;

struct history_finding {
	char *id;
	enum severity severity;
	char *probe, *subject, *detail; /* cleaned, and bounded */
};

struct history_task {
	const struct probe *probe;
	int64_t start_ms; /* since its run began */
	int64_t took_ms;
	bool is_done;
};

/* One run. */
struct history_entry {
	enum surface surface;
	char started[21];    /* RFC 3339, UTC */
	char *label;         /* "" when it was not known */
	const char *outcome; /* "ready", "degraded" or "failed" */
	int64_t elapsed_ms;
	struct history_finding *findings; /* those that are not ok */
	size_t finding_count;
	struct history_task *tasks;
	size_t task_count;
};

#define HISTORY_MAX_ENTRIES 2u /* the entrypoint's, then the hook's: a step's own is no history */

struct history {
	struct history_entry entries[HISTORY_MAX_ENTRIES];
	size_t count;
};

/* Reads the report that SPINUP_REPORT_PATH names, in a hook or a step: the runs of surfaces before
 * this one. It must be a regular file of this user or root (for root: also of RUNNER_TEMP's
 * owner) with mode 0600, and in the form of a
 * report; otherwise FINDINGS say why it was not read. In a job container a file that is not there
 * is nothing to be said: the path is the runner's. */
void history_read(struct history *ret, const struct context *context, struct findings *findings);
void history_release(struct history *history);

/* Reads a report's TEXT as a run of SURFACE does. Returns 0, or -1 with ERROR and nothing in RET. */
int history_parse(struct history *ret, const struct strbuf *text, enum surface surface,
		  struct error *error);

/* Whether RESULT's run has found the same again. */
bool history_finding_holds(const struct history_finding *finding, const struct result *result);
