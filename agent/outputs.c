/* SPDX-License-Identifier: Zlib */
/* GITHUB_OUTPUT's names. */
#include "agent/outputs.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/fact_names.h"
#include "agent/github.h"
#include "agent/redact.h"
#include "agent/result.h"
#include "agent/strbuf.h"

enum output_kind {
	OUTPUT_TEXT,    /* a fact's text */
	OUTPUT_BOOLEAN, /* "true", "false", or empty: not known */
	OUTPUT_OUTCOME,
	OUTPUT_LANE,
	OUTPUT_REPORT,
};

/* The second half are the names that workflows know from before. */
static const struct output {
	const char *name;
	enum output_kind kind;
	const char *fact;
} outputs[] = {
	{"outcome", OUTPUT_OUTCOME, NULL},
	{"lane", OUTPUT_LANE, NULL},
	{"nix-version", OUTPUT_TEXT, FACT_NIX_VERSION},
	{"determinate-version", OUTPUT_TEXT, FACT_NIX_DETERMINATE},
	{"attic", OUTPUT_BOOLEAN, FACT_ATTIC_USABLE},
	{"attic-push", OUTPUT_TEXT, FACT_ATTIC_PUSH},
	{"bazel", OUTPUT_BOOLEAN, FACT_BAZEL_USABLE},
	{"kvm", OUTPUT_BOOLEAN, FACT_KVM_USABLE},
	{"gpu", OUTPUT_BOOLEAN, FACT_GPU_USABLE},
	{"docker", OUTPUT_BOOLEAN, FACT_DOCKER_USABLE},
	{"report-path", OUTPUT_REPORT, NULL},
	{"runner_class", OUTPUT_LANE, NULL},
	{"attic_reachable", OUTPUT_BOOLEAN, FACT_ATTIC_USABLE},
	{"attic_public_key", OUTPUT_TEXT, FACT_ATTIC_KEY},
	{"bazel_cache_reachable", OUTPUT_BOOLEAN, FACT_BAZEL_USABLE},
};

static const char *boolean_text(int value)
{
	return value < 0 ? "" : value ? "true" : "false";
}

static const char *own_report(const struct result *result)
{
	const struct variable *path =
		result->environment ? environment_find(result->environment, "SPINUP_REPORT_PATH")
				    : NULL;

	return path ? path->value : "";
}

static const char *output_value(const struct result *result, const struct output *output)
{
	const struct facts *facts = &result->run->facts;
	const char *text = NULL;

	switch (output->kind) {
	case OUTPUT_TEXT:
		text = facts_string(facts, output->fact);
		break;
	case OUTPUT_BOOLEAN:
		text = boolean_text(facts_boolean(facts, output->fact));
		break;
	case OUTPUT_OUTCOME:
		text = outcome_name(result->outcome);
		break;
	case OUTPUT_LANE:
		text = result->job->lane.label;
		break;
	case OUTPUT_REPORT:
		text = own_report(result);
		break;
	}
	return text ? text : "";
}

int outputs_print(const struct result *result, struct strbuf *out, struct error *error)
{
	for (size_t i = 0; i < sizeof(outputs) / sizeof(*outputs); i++) {
		const char *value = output_value(result, &outputs[i]);
		CLEANUP_FREE char *shown = redact_line(result, value);

		/* A path must not lose its double spaces; all else is one clean line. */
		if (outputs[i].kind != OUTPUT_REPORT)
			value = shown;
		else if (github_value_problem(value))
			value = "";
		if (github_output_add(out, outputs[i].name, value, error) < 0)
			return -1;
	}
	return 0;
}
