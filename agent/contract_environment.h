/* SPDX-License-Identifier: Zlib */
/* What a job's environment holds out of contract beside the endpoints that are chosen from it. */
#pragma once

struct contract;
struct context;
struct findings;

/* A notice for the variables whose names the contract rules out (TF_HTTP_*): their names, never their
 * values. Pure. */
void contract_judge_environment(const struct contract *contract, const struct context *context,
				struct findings *findings);
