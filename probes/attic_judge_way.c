/* SPDX-License-Identifier: Zlib */
/* What is said of the ways to an Attic server: through the job's proxy, and past it. Pure. */
#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/no_proxy.h"
#include "agent/strbuf.h"
#include "probes/attic.h"

/* Seen through the proxy, but about the server or this machine. */
static bool is_about_tls(enum http_failure failure)
{
	return failure >= HTTP_TLS_EXPIRED && failure <= HTTP_NO_CA;
}

bool attic_is_proxy_failure(const struct attic_evidence *evidence)
{
	bool is_asked = evidence->resolve == RESOLVE_OK && !*evidence->proxy_problem;

	if (!evidence->proxy || evidence->is_direct || attic_spoke(evidence))
		return false;
	return !is_asked || !is_about_tls(evidence->answer.failure);
}

void attic_way_describe(const struct attic_evidence *evidence, struct strbuf *out)
{
	bool is_past = !evidence->proxy || evidence->is_direct;

	if (is_past)
		strbuf_puts(out, "directly: ");
	if (*evidence->proxy_problem) {
		strbuf_puts(out, evidence->proxy_problem);
	} else if (evidence->resolve != RESOLVE_OK) {
		strbuf_puts(out, evidence->resolve_detail);
	} else if (evidence->answer.failure != HTTP_OK) {
		strbuf_puts(out, evidence->answer.detail);
	} else {
		if (!is_past)
			strbuf_printf(out, "the proxy %s: ", evidence->proxy);
		strbuf_printf(out, "HTTP %ld%s%s", evidence->answer.status,
			      evidence->is_html ? " with a web page" : "",
			      http_proxy_wish(evidence->answer.status));
	}
}

void attic_judge_way(const struct attic_evidence *evidence, const char *subject,
		     struct findings *findings)
{
	CLEANUP_FREE char *entry = no_proxy_entry(evidence->host);
	CLEANUP_FREE char *detail =
		mem_format("only the direct way is proven, so no_proxy and NO_PROXY get %s; %s",
			   entry, evidence->other_way);

	if (evidence->proxy && evidence->is_direct)
		(void)findings_add(findings, FINDING_ATTIC_PROXY_BYPASSED, "attic", subject,
				   detail);
}
