/* SPDX-License-Identifier: Zlib */
/* Downloads a file from the first of several mirrors that has it. */
#include "agent/fetch.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/fetch_try.h"
#include "agent/fetch_url.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_REASON_BYTES 1024u

const struct fetch_limits fetch_limits_usual = {
	.connect_ms = 10000,
	.low_speed_bytes_per_s = 1024,
	.low_speed_s = 10,
	.retries = 3,
	.backoff_ms = 250,
	.retry_after_max_ms = 10000,
	.min_share_ms = 10000,
};

/* ---- the message */

/* Adds one mirror's reason: each has its part of the room. */
static void add_reason(struct fetch_job *job, size_t mirrors, const char *url, const char *reason)
{
	char *message = job->result->message;
	const size_t size = sizeof(job->result->message);
	CLEANUP_FREE char *shown = fetch_url_shown(url);
	CLEANUP_STRBUF struct strbuf line = STRBUF_INIT(MAX_REASON_BYTES * 2);
	CLEANUP_STRBUF struct strbuf redacted = STRBUF_INIT(MAX_REASON_BYTES * 2);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(size - 1);

	strbuf_printf(&line, "%s: %s", shown, reason);
	text_redact_urls(&redacted, line.data);
	strbuf_puts(&out, message);
	if (out.length)
		strbuf_puts(&out, "; ");
	text_clean(&out, redacted.data, size / mirrors > 16 ? size / mirrors - 3 : 16);
	memcpy(message, out.data, out.length + 1);
}

/* ---- one mirror */

/* Waits before the try that follows RETRY others. Returns false where no time is left for it. */
static bool wait_before(const struct fetch_limits *limits, unsigned int retry,
			const struct fetch_try *try)
{
	int64_t wait_ms = (int64_t)limits->backoff_ms << retry;

	if (try->retry_after_s >= 0)
		wait_ms = try->retry_after_s < limits->retry_after_max_ms / 1000
				  ? try->retry_after_s * 1000
				  : limits->retry_after_max_ms;
	if (wait_ms >= fetch_left_ms(try->end_us))
		return false;
	(void)poll(NULL, 0, (int)wait_ms);
	return true;
}

/* Returns FETCH_TRY_DONE, _ELSEWHERE or _BROKEN; try->reason says why. */
static enum fetch_verdict use_mirror(struct fetch_job *job, const char *text, struct fetch_try *try)
{
	CLEANUP(fetch_url_release) struct fetch_url mirror = {0};
	struct error error = {0};
	unsigned int retry = 0;

	if (fetch_url_parse(text, &mirror, &error)) {
		strbuf_puts(&try->reason, error.message);
		return FETCH_TRY_ELSEWHERE;
	}
	do {
		if (!fetch_left_ms(try->end_us)) {
			strbuf_puts(&try->reason, "no time was left for it");
			return FETCH_TRY_ELSEWHERE;
		}
		job->result->tries++;
		fetch_try(job, &mirror, try);
		if (fetch_sink_flush(&job->sink))
			return FETCH_TRY_BROKEN;
		if (try->verdict != FETCH_TRY_AGAIN)
			return try->verdict;
	} while (retry < job->limits->retries && wait_before(job->limits, retry++, try));
	if (retry)
		strbuf_printf(&try->reason, ", %u tries", retry + 1);
	return FETCH_TRY_ELSEWHERE;
}

static int64_t end_of_share(const struct fetch_job *job, size_t mirrors_left)
{
	int64_t now_us = run_clock_us(), end_us = job->request->end_us;
	int64_t share_us = (end_us - now_us) / (int64_t)mirrors_left;
	int64_t least_us = job->limits->min_share_ms * INT64_C(1000);

	if (share_us < least_us)
		share_us = least_us;
	return share_us < end_us - now_us ? now_us + share_us : end_us;
}

/* ---- all of them */

static enum fetch_verdict use_mirrors(struct fetch_job *job)
{
	const char *const *urls = job->request->urls;
	enum fetch_verdict verdict = FETCH_TRY_ELSEWHERE;
	size_t count = 0;

	while (urls[count])
		count++;
	for (size_t i = 0; i < count && verdict == FETCH_TRY_ELSEWHERE; i++) {
		size_t index = (job->request->first + i) % count;
		struct fetch_try try = {
			.end_us = end_of_share(job, count - i),
			.reason = STRBUF_INIT(MAX_REASON_BYTES),
		};

		job->result->mirror = (unsigned int)index;
		verdict = use_mirror(job, urls[index], &try);
		if (verdict == FETCH_TRY_ELSEWHERE)
			add_reason(job, count, urls[index], try.reason.data);
		strbuf_release(&try.reason);
	}
	return verdict;
}

static void finish(struct fetch_job *job, enum fetch_verdict verdict)
{
	struct fetch_result *result = job->result;
	bool is_reader_gone = job->sink.failure == FETCH_SINK_READER_GONE;
	int write_errno = job->sink.write_errno;

	fetch_sink_close(&job->sink);
	if (verdict == FETCH_TRY_DONE)
		result->message[0] = '\0'; /* of the mirrors before */
	if (verdict == FETCH_TRY_BROKEN && is_reader_gone)
		result->end = FETCH_READER_GONE;
	else if (verdict == FETCH_TRY_BROKEN)
		(void)snprintf(result->message, sizeof(result->message),
			       "what was fetched cannot be passed on: %s", strerror(write_errno));
	else if (verdict == FETCH_TRY_DONE)
		result->end = FETCH_DONE;
	else if (!*result->message)
		(void)snprintf(result->message, sizeof(result->message),
			       "there is no URL to fetch from");
}

void fetch(const struct fetch_request *request, struct fetch_result *ret)
{
	struct fetch_job job = {
		.request = request,
		.limits = request->limits ? request->limits : &fetch_limits_usual,
		.result = ret,
		.total = -1,
	};

	*ret = (struct fetch_result){.end = FETCH_FAILED};
	resolver_read(&job.resolver, &request->context->root);
	/* For http as well, which may redirect to https. */
	(void)ca_search_find(request->context, NULL, &job.ca);
	if (request->on_ready)
		request->on_ready(request->on_ready_data);
	fetch_sink_open(&job.sink, request->out_fd, request->max_bytes);
	finish(&job, use_mirrors(&job));
	resolver_release(&job.resolver);
	ca_search_release(&job.ca);
}
