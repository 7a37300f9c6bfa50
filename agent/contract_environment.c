/* SPDX-License-Identifier: Zlib */
/* Variables that the contract rules out by name. */
#include "agent/contract_environment.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/contract.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define NAMES_MAX_BYTES 200u

/* The row whose pattern the name of ENTRY (NAME=VALUE) matches, or NULL. An empty value counts as
 * unset, and what is no variable's name is nobody's variable. */
static const struct out_of_contract *row_of(const struct contract *contract, const char *entry,
					    char **ret_name)
{
	size_t length = strcspn(entry, "=");
	CLEANUP_FREE char *name = mem_strndup(entry, length);
	const struct out_of_contract *row = NULL;

	if (entry[length] && entry[length + 1] && text_is_variable_name(name))
		row = contract_forbids(contract, name);
	if (row)
		*ret_name = TAKE(name);
	return row;
}

static void report(const struct out_of_contract *row, const char *names, struct findings *findings)
{
	struct finding *finding = findings_note(findings, FINDING_OUT_OF_CONTRACT_STATE, names,
						"%s: %s", names, row->reason);

	if (*row->replacement) {
		CLEANUP_FREE char *remedy = mem_format("Use instead: %s", row->replacement);

		finding_set_remedy(finding, remedy);
	}
}

/* One finding tells of all of them: they come together. */
void contract_judge_environment(const struct contract *contract, const struct context *context,
				struct findings *findings)
{
	CLEANUP_STRBUF struct strbuf names = STRBUF_INIT(NAMES_MAX_BYTES);
	const struct out_of_contract *first = NULL;

	for (char **entry = context->environment; entry && *entry; entry++) {
		CLEANUP_FREE char *name = NULL;
		const struct out_of_contract *row = row_of(contract, *entry, &name);

		if (!row)
			continue;
		first = first ? first : row;
		strbuf_printf(&names, "%s%s", names.length ? ", " : "", name);
	}
	if (first)
		report(first, names.data, findings);
}
