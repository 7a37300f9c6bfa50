/* SPDX-License-Identifier: Zlib */
/* Runs made by hand, for the tests of everything that shows one. */
#pragma once

#include "agent/command.h"
#include "agent/result.h"
#include "agent/strbuf.h"

struct sample {
	struct options options;
	struct command command;
	struct job job;
	struct plan plan;
	struct run run;
	struct environment environment;
	struct strbuf report;
	struct result result;
	char *variables[8];
};

/* A `run` in a step of the lane tinyland-nix in the cluster: Nix, DNS, Attic and Bazel proven. The
 * token is "attic-token-secret"; the environment has a variable with the secret "hunter2-secret". */
void sample_make(struct sample *sample);

/* The same where Attic is dead and its server hostile: its words hold commands of the runner,
 * Markdown, HTML and the token. The outcome is degraded. */
void sample_make_degraded(struct sample *sample);

/* The same where the Nix daemon is dead: failed. */
void sample_make_failed(struct sample *sample);

/* Sets NAME=VALUE in the job's environment (at most 7; the text must outlive the sample). */
void sample_set(struct sample *sample, const char *variable);

void sample_release(struct sample *sample);
