/* SPDX-License-Identifier: Zlib */
/* What a job (`run`, `hook`) may mend, each row with the finding that it cures; afterwards its probe
 * runs once more. */
#pragma once

#include <stdbool.h>

#include "agent/finding.h"

struct error;
struct job;
struct plan;
struct run;

enum repair_end {
	REPAIR_DONE,
	REPAIR_NOT_OURS, /* it is the host's, or somebody else's: the finding stays as it is */
	REPAIR_IN_VAIN,  /* tried; ERROR says what went wrong */
};

struct repair {
	enum finding_id cures;
	const char *probe; /* the one that must see it mended */
	const char *what;  /* "gave /dev/kvm mode 0666" */
	/* Trusts nothing that a probe said: looks again, and changes the machine. */
	enum repair_end (*mend)(const struct job *job, struct error *error);
};

/* NULL-probe-terminated, in the order in which they are tried. */
extern const struct repair repair_table[];

/* Tries every repair whose finding RUN has, and has its probe prove it again. */
void repair_all(struct run *run, const struct job *job, const struct plan *plan);

/* Lets others read and write /dev/kvm, where the container runtime made it for this pod and this
 * process is root. */
enum repair_end repair_kvm_mode(const struct job *job, struct error *error);
