/* SPDX-License-Identifier: Zlib */
/* What came of one request for a file. */
#include <inttypes.h>

#include "agent/fetch_head.h"
#include "agent/fetch_hop.h"
#include "agent/fetch_url.h"

static enum fetch_verdict again_if(bool may_pass)
{
	return may_pass ? FETCH_TRY_AGAIN : FETCH_TRY_ELSEWHERE;
}

static void say_progress(const struct fetch_hop *hop)
{
	const struct fetch_job *job = hop->job;

	strbuf_printf(&hop->try->reason, "%" PRIu64, job->sink.bytes);
	if (job->total >= 0)
		strbuf_printf(&hop->try->reason, " of %" PRId64, job->total);
	strbuf_puts(&hop->try->reason, " bytes");
}

/* By its answer to CONNECT, or by 407 to a request; 0: it hung up. */
static int refused_by_proxy(struct fetch_hop *hop, long status)
{
	fetch_hop_blame_proxy(hop);
	if (!status)
		return fetch_try_end(hop->try, FETCH_TRY_AGAIN, "%s",
				     http_failure_text(HTTP_PROXY));
	return fetch_try_end(hop->try, again_if(fetch_status_may_pass(status)), "HTTP %ld%s",
			     status, http_proxy_wish(status));
}

static int judge_status(struct fetch_hop *hop)
{
	const struct http_response *response = &hop->response;
	bool is_by_proxy = hop->proxy.text && !hop->url->url.is_tls;

	/* All of it came before, and the server only now says how much that is. */
	if (response->status == 416 && hop->job->sink.bytes &&
	    response->range_total == (int64_t)hop->job->sink.bytes)
		return 0;
	if (is_by_proxy && response->status == 407)
		return refused_by_proxy(hop, 407);
	hop->try->retry_after_s = response->retry_after_s;
	fetch_try_end(hop->try, again_if(fetch_status_may_pass(response->status)), "HTTP %ld",
		      response->status);
	if (is_by_proxy)
		strbuf_printf(&hop->try->reason, ", through the proxy %s", hop->proxy.shown);
	return -1;
}

static int judge_failure(struct fetch_hop *hop)
{
	const struct http_response *response = &hop->response;
	enum http_failure failure = response->failure;
	bool is_late = !fetch_left_ms(hop->try->end_us);

	if (hop->proxy.text && !response->proxy_status && failure != HTTP_NO_CA)
		fetch_hop_blame_proxy(hop);
	if (hop->is_begun) {
		strbuf_puts(&hop->try->reason, "stopped after ");
		say_progress(hop);
		strbuf_puts(&hop->try->reason, ": ");
	}
	if (failure == HTTP_RESPONSE_TIMEOUT && hop->is_begun)
		fetch_try_end(hop->try, FETCH_TRY_AGAIN, is_late ? "its time is over" : "a stall");
	else
		fetch_try_end(hop->try, again_if(fetch_failure_may_pass(failure)), "%s",
			      http_failure_text(failure));
	if (failure == HTTP_INTERNAL && *response->message)
		strbuf_printf(&hop->try->reason, " (%s)", response->message);
	return -1;
}

/* Of an answer that came to its end. */
static int judge_end(struct fetch_hop *hop)
{
	const struct fetch_job *job = hop->job;

	if (job->sink.skip)
		return fetch_try_end(hop->try, FETCH_TRY_ELSEWHERE,
				     "a file that is shorter than what came before");
	if (job->total >= 0 && job->sink.bytes < (uint64_t)job->total) {
		strbuf_puts(&hop->try->reason, "ended after ");
		say_progress(hop);
		return fetch_try_end(hop->try, FETCH_TRY_AGAIN, "%s", "");
	}
	return 0;
}

/* By what came, or by what was announced: then libcurl takes none of it. */
static bool is_too_large(const struct fetch_hop *hop)
{
	const struct http_response *response = &hop->response;
	bool is_announced = response->content_length >= 0 &&
			    (uint64_t)response->content_length > hop->job->request->max_bytes;

	if (hop->is_begun && hop->job->sink.failure == FETCH_SINK_TOO_LARGE)
		return true;
	return response->failure == HTTP_TOO_LARGE && (hop->is_begun || is_announced);
}

int fetch_hop_judge(struct fetch_hop *hop)
{
	const struct fetch_sink *sink = &hop->job->sink;
	const struct http_response *response = &hop->response;

	if (sink->failure > FETCH_SINK_TOO_LARGE)
		return fetch_try_end(hop->try, FETCH_TRY_BROKEN, "%s", "");
	if (response->failure == HTTP_PROXY)
		return refused_by_proxy(hop, response->proxy_status);
	if (response->status && !fetch_hop_has_file(hop))
		return judge_status(hop);
	if (!hop->is_begun && (response->failure == HTTP_OK || response->failure == HTTP_TRUNCATED))
		(void)fetch_hop_begin_body(hop); /* none of it came */
	if (hop->is_bad_head)
		return fetch_try_end(hop->try, FETCH_TRY_ELSEWHERE, "%s", "");
	if (is_too_large(hop))
		return fetch_try_end(hop->try, FETCH_TRY_ELSEWHERE,
				     "a file of more than %" PRIu64
				     " bytes, the most that is taken",
				     hop->job->request->max_bytes);
	if (response->failure == HTTP_OK)
		return judge_end(hop);
	return judge_failure(hop);
}
