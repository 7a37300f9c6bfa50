/* SPDX-License-Identifier: Zlib */
/* Everything that the writers show: handed whole to report, page, summary and GitHub files. */
#pragma once

#include "agent/environment.h"
#include "agent/job.h"
#include "agent/plan.h"
#include "agent/run.h"
#include "agent/verdict.h"

struct command;
struct strbuf;

struct result {
	const struct command *command;
	const struct job *job;
	const struct plan *plan;
	const struct run *run; /* all findings, weighed and sorted, are in run->findings */
	const struct environment *environment;
	enum outcome outcome;
	struct strbuf *report; /* the report's text; empty until emit_all needs it */
	struct strbuf
		*handover; /* exec: gets NAME=VALUE texts, each with its NUL, for the command */
};
