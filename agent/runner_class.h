/* SPDX-License-Identifier: Zlib */
/* What a runner's labels say of it: a capability of the cluster, or a place where a build that wants
 * the cluster's cache only seems to have it. */
#pragma once

struct contract;

enum runner_class {
	RUNNER_CAPABILITY,
	RUNNER_FOSSIL,     /* a known name of one repository's old pool */
	RUNNER_PROOF_ONLY, /* a proof lane of one repository */
	RUNNER_HOSTED,     /* the forge's own machines */
	RUNNER_BARE,       /* "self-hosted" and nothing that says more */
	RUNNER_OTHER,      /* some label, and none that the platform knows */
	RUNNER_UNKNOWN,    /* no label at all */
};

/* The class of a runner with these LABELS (commas or blanks between them; letters' case does not
 * count). The first label that is a fossil or a capability decides, else the first that is of another
 * class. *RET_LABEL is that label (the caller frees), or NULL for RUNNER_UNKNOWN. Pure. */
enum runner_class runner_class_of(const struct contract *contract, const char *labels,
				  char **ret_label);

/* "a capability of the cluster", "a label of one repository's old pool", … */
const char *runner_class_text(enum runner_class class);
