/* SPDX-License-Identifier: Zlib */
/* The frames that a probe's process sends to the parent, in pieces of any size. */
#include "agent/record.h"

#include <string.h>

#include "agent/facts.h"
#include "agent/finding.h"
#include "tests/fuzz/fuzz.h"

static void expect_clean(const char *text)
{
	fuzz_expect(!text || !strpbrk(text, "\n\r\033"), "a finding's text is one plain line");
	fuzz_expect(!text || !strstr(text, "##["), "a finding's text holds no workflow command");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct record_decoder decoder;
	struct findings findings = {0};
	struct facts facts = {0};
	size_t step = length ? bytes[0] + 1u : 1;

	record_decoder_init(&decoder, "probe", 0, &facts, &findings);
	for (size_t at = 1; at < length; at += step)
		if (record_feed(&decoder, bytes + at, step < length - at ? step : length - at) < 0)
			break;
	for (size_t i = 0; i < findings.count; i++) {
		expect_clean(findings.items[i].subject);
		expect_clean(findings.items[i].detail);
		expect_clean(findings.items[i].remedy);
	}
	findings_release(&findings);
	facts_release(&facts);
	return 0;
}
