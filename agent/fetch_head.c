/* SPDX-License-Identifier: Zlib */
/* Whether an answer is the file that is being fetched, and whether a failure may pass. */
#include "agent/fetch_head.h"

#include <inttypes.h>
#include <string.h>

#include "agent/strbuf.h"

static bool refuse(struct strbuf *reason, const char *why)
{
	strbuf_puts(reason, why);
	return false;
}

int64_t fetch_head_total(const struct http_response *head)
{
	return head->status == 206 ? head->range_total : head->content_length;
}

/* A server that knows no ranges answers 200 with the whole, which is as good. */
static bool is_right_part(const struct http_response *head, const struct fetch_extent *have)
{
	if (head->status == 200)
		return true;
	return have->bytes && head->range_start >= 0 && (uint64_t)head->range_start == have->bytes;
}

bool fetch_head_is_good(const struct http_response *head, const struct fetch_extent *have,
			struct strbuf *reason)
{
	int64_t total = fetch_head_total(head);

	if (strcmp(head->content_type, "text/html") == 0)
		return refuse(reason, "an HTML page where an archive was expected");
	if (head->is_encoded)
		return refuse(reason, "a Content-Encoding, which was not asked for");
	if (!is_right_part(head, have))
		return refuse(reason, "another part of the file than was asked for");
	if (have->bytes && total >= 0 && have->total >= 0 && total != have->total) {
		strbuf_printf(reason,
			      "a file of %" PRId64 " bytes, where %" PRId64
			      " were announced before",
			      total, have->total);
		return false;
	}
	if (total >= 0 && (uint64_t)total > have->max_bytes) {
		strbuf_printf(reason, "a file of %" PRId64 " bytes; at most %" PRIu64 " are taken",
			      total, have->max_bytes);
		return false;
	}
	if (total >= 0 && (uint64_t)total < have->bytes)
		return refuse(reason, "a file that is shorter than what came before");
	return true;
}

bool fetch_status_is_redirect(long status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool fetch_status_may_pass(long status)
{
	return status == 408 || status == 429 || status >= 500;
}

bool fetch_failure_may_pass(enum http_failure failure)
{
	switch (failure) {
	case HTTP_REFUSED:
	case HTTP_UNREACHABLE:
	case HTTP_RESPONSE_TIMEOUT:
	case HTTP_RESET:
	case HTTP_TRUNCATED:
		return true;
	case HTTP_CONNECT_TIMEOUT: /* the kernel has knocked several times by then */
	case HTTP_OK:
	case HTTP_STOPPED:
	case HTTP_TOO_LARGE:
	case HTTP_NOT_HTTP:
	case HTTP_TLS_EXPIRED:
	case HTTP_TLS_NOT_YET_VALID:
	case HTTP_TLS_WRONG_HOST:
	case HTTP_TLS_UNTRUSTED:
	case HTTP_TLS_PROTOCOL:
	case HTTP_TLS_CLIENT_CERTIFICATE:
	case HTTP_NO_CA:
	case HTTP_PROXY:
	case HTTP_INTERNAL:
	case HTTP_FAILURE_COUNT:
		break;
	}
	return false;
}

bool fetch_resolve_may_pass(enum resolve_outcome outcome)
{
	return outcome == RESOLVE_SERVFAIL || outcome == RESOLVE_TIMEOUT ||
	       outcome == RESOLVE_UNREACHABLE;
}
