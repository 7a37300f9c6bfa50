/* SPDX-License-Identifier: Zlib */
/* Findings and lane become one word. Pure. */
#pragma once

#include "agent/options.h"

struct findings;
struct job;
struct plan;

enum outcome { OUTCOME_READY, OUTCOME_DEGRADED, OUTCOME_FAILED };

/* Weighs each finding by what its task is to this lane: an error of a cache is a warning, one of
 * advice at most a warning; then sorts them, most severe first, stable. */
void verdict_weigh(struct findings *findings, const struct plan *plan);

/* The worst finding decides: error failed, warning degraded, else ready; --strict makes degraded
 * failed. */
enum outcome verdict_outcome(const struct findings *findings, const struct job *job);

/* "ready", "degraded", "failed". */
const char *outcome_name(enum outcome outcome);

/* --mode, or what the surface has by default: warn in hook and entrypoint, else enforce. */
enum mode verdict_mode(const struct job *job);

/* The exit status: 1 for failed under enforce, else 0. */
int verdict_status(enum outcome outcome, const struct job *job);
