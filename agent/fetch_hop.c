/* SPDX-License-Identifier: Zlib */
/* One URL on the way to a file: proxy, name, addresses, and the request. */
#include "agent/fetch_hop.h"

#include "agent/context.h"
#include "agent/error.h"
#include "agent/fetch_head.h"
#include "agent/fetch_url.h"

void fetch_hop_release(struct fetch_hop *hop)
{
	proxy_release(&hop->proxy);
	http_response_release(&hop->response);
}

/* ---- before the request */

void fetch_hop_blame_proxy(const struct fetch_hop *hop)
{
	strbuf_printf(&hop->try->reason, "the proxy %s: ", hop->proxy.shown);
}

static int resolve(struct fetch_hop *hop)
{
	const char *host = hop->proxy.host ? hop->proxy.host : hop->url->url.host;
	unsigned int left_ms = fetch_left_ms(hop->try->end_us);
	unsigned int limit_ms = hop->job->limits->connect_ms;
	struct resolve_answer *answer = &hop->answer;

	resolve_host(&hop->job->resolver, host, left_ms < limit_ms ? left_ms : limit_ms, answer);
	if (answer->outcome == RESOLVE_OK && answer->address_count)
		return 0;
	if (hop->proxy.text)
		fetch_hop_blame_proxy(hop);
	if (answer->outcome == RESOLVE_OK)
		answer->outcome = RESOLVE_NODATA;
	fetch_try_end(hop->try,
		      fetch_resolve_may_pass(answer->outcome) ? FETCH_TRY_AGAIN
							      : FETCH_TRY_ELSEWHERE,
		      "%s: %s", host, resolve_outcome_text(answer->outcome));
	if (*answer->server)
		strbuf_printf(&hop->try->reason, ", asked %s", answer->server);
	return -1;
}

int fetch_hop_prepare(struct fetch_hop *hop)
{
	const struct context *context = hop->job->request->context;
	struct error error = {0};

	if (proxy_for(context, &hop->url->url, &hop->proxy, &error))
		return fetch_try_end(hop->try, FETCH_TRY_ELSEWHERE, "%s", error.message);
	return resolve(hop);
}

/* ---- the request */

bool fetch_hop_begin_body(struct fetch_hop *hop)
{
	struct fetch_job *job = hop->job;
	const struct fetch_extent have = {job->sink.bytes, job->total, job->request->max_bytes};
	int64_t total = fetch_head_total(&hop->response);

	hop->is_begun = true;
	hop->is_bad_head = !fetch_head_is_good(&hop->response, &have, &hop->try->reason);
	if (hop->is_bad_head)
		return false;
	if (total >= 0 || !job->sink.bytes)
		job->total = total;
	fetch_sink_begin(&job->sink, hop->response.status == 200 ? job->sink.bytes : 0);
	return true;
}

bool fetch_hop_has_file(const struct fetch_hop *hop)
{
	return hop->response.status == 200 || hop->response.status == 206;
}

static int on_body(void *data, const void *bytes, size_t length)
{
	struct fetch_hop *hop = data;
	int status;

	if (!fetch_hop_has_file(hop) || (!hop->is_begun && !fetch_hop_begin_body(hop)))
		return -1;
	status = fetch_sink_take(&hop->job->sink, bytes, length);
	hop->job->result->bytes = hop->job->sink.bytes;
	return status;
}

static void request_from(struct fetch_hop *hop, const char *address)
{
	const struct fetch_limits *limits = hop->job->limits;
	unsigned int left_ms = fetch_left_ms(hop->try->end_us);
	struct http_connection *connection = http_open();
	struct http_request request = {
		.url = hop->url->text,
		.address = address,
		.proxy = hop->proxy.text,
		.proxy_address = address,
		.version = HTTP_VERSION_1_1,
		.ca = &hop->job->ca,
		.range_from = hop->job->sink.bytes,
		.max_body_bytes = hop->job->request->max_bytes,
		.connect_timeout_ms = limits->connect_ms,
		.timeout_ms = left_ms ? left_ms : 1, /* 0 would mean no limit */
		.low_speed_bytes_per_s = limits->low_speed_bytes_per_s,
		.low_speed_s = limits->low_speed_s,
		.on_body = on_body,
		.on_body_data = hop,
	};

	http_response_release(&hop->response);
	http_perform(connection, &request, &hop->response);
	http_close(connection);
}

static bool is_connect_failure(enum http_failure failure)
{
	return failure == HTTP_REFUSED || failure == HTTP_UNREACHABLE ||
	       failure == HTTP_CONNECT_TIMEOUT;
}

void fetch_hop_request(struct fetch_hop *hop)
{
	size_t i = 0;

	do
		request_from(hop, hop->answer.addresses[i++]);
	while (is_connect_failure(hop->response.failure) && i < hop->answer.address_count &&
	       fetch_left_ms(hop->try->end_us));
}
