/* SPDX-License-Identifier: Zlib */
/* A repository's expectations, judged against a machine of which nothing is known. */
#include "agent/expect.h"

#include "agent/context.h"
#include "agent/error.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/lane.h"
#include "agent/options.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	const struct options options = {.expect_path = fuzz_file(bytes, length)};
	const struct context context = {.root = *fuzz_root()};
	const struct lane lane = {0};
	struct expectations expect = {0};
	struct findings findings = {0};
	struct facts facts = {0};
	struct error error = {0};

	if (expect_read(&expect, &options, &context, &findings, &error) == 0)
		expect_judge(&expect, &lane, &facts, &findings);
	else
		fuzz_expect(error.code == ERROR_USAGE && *error.message, "a refusal says why");
	expect_release(&expect);
	findings_release(&findings);
	facts_release(&facts);
	return 0;
}
