/* SPDX-License-Identifier: Zlib */
/* The pipeline from plan to verdict, shared by the commands that prove something. */
#pragma once

#include "agent/result.h"
#include "agent/strbuf.h"

struct command;
struct error;

/* Everything that a run owns; `result` borrows from the rest. */
struct pipeline {
	struct job job;
	struct plan plan;
	struct run run;
	struct environment environment;
	struct strbuf report;
	struct result result;
};

/* Reads the job and makes the plan. Returns 0, or -1 with ERROR; pipeline_release is owed in both
 * cases. */
int pipeline_prepare(struct pipeline *pipeline, const struct command *command,
		     const struct options *options, char *const *environment, struct error *error);

/* Probes, judges the toolchain, composes the environment and reaches the verdict. */
void pipeline_prove(struct pipeline *pipeline);

void pipeline_release(struct pipeline *pipeline);
