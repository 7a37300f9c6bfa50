/* SPDX-License-Identifier: Zlib */
/* What KVM is worth to Nix's builds: others than the job's user run them. */
#pragma once

struct facts;
struct findings;
struct plan;

/* Judges what the probes kvm and nix measured together; says nothing where either did not run. Its
 * findings belong to the task of kvm: they weigh as much as that does. Pure. */
void nix_kvm_judge(const struct facts *facts, const struct plan *plan, struct findings *findings);
