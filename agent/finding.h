/* SPDX-License-Identifier: Zlib */
/* Findings: what is true of the machine, each with a stable ID from the catalogue (findings.def). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum severity {
	SEVERITY_OK,      /* proven: the thing works */
	SEVERITY_NOTICE,  /* worth knowing, nothing to do */
	SEVERITY_WARNING, /* works, but worse than it should: degraded */
	SEVERITY_ERROR,   /* does not work: a failure for a promise, a warning for a cache */
};

enum finding_id {
#define FINDING(NAME, id, severity, meaning, confirm, remedy) FINDING_##NAME,
#include "agent/findings.def"
#undef FINDING
	FINDING_COUNT
};

/* One row of the catalogue; all texts are static, one or two plain sentences each. */
struct finding_kind {
	const char *id; /* stable kebab-case name */
	enum severity severity;
	const char *meaning; /* what it means and why it matters */
	const char *confirm; /* how a person confirms it by hand */
	const char *remedy;  /* what to do */
};

struct finding {
	enum finding_id id;
	enum severity severity; /* after verdict_weigh: as it counts for this lane */
	char *probe;            /* which probe, or "spinup" */
	char *subject;          /* what it is about: an endpoint, a path, a tool; may be "" */
	char *detail;           /* what was seen, one line, printable */
	char *remedy;           /* what to do here, one line, printable */
	int task_index;         /* the task of the plan that found it; -1: none */
	int64_t took_ms;        /* of that task; -1 when there is none */
};

struct findings {
	struct finding *items;
	size_t count;
};

/* The catalogue's row; ID must be below FINDING_COUNT. */
const struct finding_kind *finding_kind(enum finding_id id);

/* Looks a row up by its kebab-case name; returns false when there is none. */
bool finding_by_name(const char *name, enum finding_id *ret_id);

/* "ok", "notice", "warning", "error". */
const char *severity_name(enum severity severity);

void findings_release(struct findings *findings);

/* Adds a finding with the catalogue's severity and (unless REMEDY is given) remedy. Texts are
 * copied and cleaned of control characters. Returns the new entry, valid until the next add. */
struct finding *findings_add(struct findings *findings, enum finding_id id, const char *probe,
			     const char *subject, const char *detail);

/* findings_add for its own findings ("spinup"), with a formatted detail. */
struct finding *findings_note(struct findings *findings, enum finding_id id, const char *subject,
			      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Replaces the remedy (copied). */
void finding_set_remedy(struct finding *finding, const char *remedy);

/* Takes out what the task found that has this index; the order of the rest stays. */
void findings_drop(struct findings *findings, int task_index);

/* Makes a finding one of another kind, with that kind's severity and remedy; WHY comes behind its detail. */
void finding_become(struct finding *finding, enum finding_id id, const char *why);

/* Makes the finding at INDEX the first of the list, and gives it SEVERITY. */
void findings_lead(struct findings *findings, size_t index, enum severity severity);

/* The first of that kind, or NULL. */
const struct finding *findings_find(const struct findings *findings, enum finding_id id);
