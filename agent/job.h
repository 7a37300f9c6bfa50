/* SPDX-License-Identifier: Zlib */
/* Everything that is known before the first probe runs; const for all that comes after. */
#pragma once

#include "agent/attachment.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/endpoint.h"
#include "agent/expect.h"
#include "agent/finding.h"
#include "agent/history.h"
#include "agent/lane.h"
#include "agent/options.h"
#include "agent/repo_manifest.h"

struct job {
	const struct options *options;
	struct context context;
	struct contract contract;
	struct expectations expect;
	struct repo_manifest manifest;
	struct attachment attachment; /* borrows from the others */
	struct lane_identity identity;
	struct lane lane;
	struct endpoints endpoints;
	struct history history;
	unsigned int required;    /* enum lane_promise bits: lane, --require and expectations */
	struct findings findings; /* what these steps found */
};

struct error;

/* Reads context, contract, expectations and manifest, and settles lane and endpoints, in this order.
 * Returns 0, or -1 with ERROR. job_release is owed in both cases. */
int job_read(struct job *job, const struct options *options, char *const *environment,
	     struct error *error);
void job_release(struct job *job);
