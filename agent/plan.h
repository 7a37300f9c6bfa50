/* SPDX-License-Identifier: Zlib */
/* What will be probed, and why: a list of tasks made from lane, context and options. No I/O. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct error;
struct findings;
struct job;
struct probe;

enum task_kind {
	TASK_PROMISE, /* an error fails the lane */
	TASK_CACHE,   /* an error degrades it */
	TASK_ADVICE,  /* never more than a warning */
};

struct task {
	const struct probe *probe;
	char *name;    /* unique: "attic", "dns:attic.nix-cache.svc.cluster.local" */
	char *subject; /* shown to people: a URL without secrets, a path, a tool; may be "" */
	char *why;     /* "lane tinyland-nix promises nix", "cache of the lane", "--require kvm" */
	enum task_kind kind;
	unsigned int deadline_ms;
	bool has_own_deadline; /* --deadline does not cut it */
};

struct plan {
	struct task *tasks;
	size_t count;
};

/* Asks every probe of the table (probes/table.h) for its tasks, applies --skip and --require, and
 * adds promise-not-checked for promises that are skipped or that no probe covers.
 * Returns 0, or -1 with ERROR (an unknown name in --require or --skip). */
int plan_make(struct plan *plan, const struct job *job, struct findings *findings,
	      struct error *error);

/* A task to be, with borrowed texts. */
struct plan_entry {
	const struct probe *probe;
	const char *name, *subject, *why;
	enum task_kind kind;
	unsigned int deadline_ms;
	bool has_own_deadline;
};

/* For a probe's plan(): adds a task; texts are copied. */
void plan_add(struct plan *plan, const struct plan_entry *entry);
void plan_release(struct plan *plan);

/* "promise", "cache", "advice". */
const char *task_kind_name(enum task_kind kind);
