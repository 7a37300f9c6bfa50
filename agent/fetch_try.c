/* SPDX-License-Identifier: Zlib */
/* One try at a mirror: along its redirects. */
#include "agent/fetch_try.h"

#include <limits.h>
#include <stdarg.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/fetch_head.h"
#include "agent/fetch_hop.h"
#include "agent/fetch_url.h"
#include "agent/run.h"

#define MAX_REDIRECTS 5u

unsigned int fetch_left_ms(int64_t end_us)
{
	int64_t left_ms = (end_us - run_clock_us()) / 1000;

	if (left_ms > INT_MAX)
		return INT_MAX;
	return left_ms > 0 ? (unsigned int)left_ms : 0;
}

int fetch_try_end(struct fetch_try *try, enum fetch_verdict verdict, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	strbuf_vprintf(&try->reason, format, args);
	va_end(args);
	try->verdict = verdict;
	return -1;
}

/* The URLs of one try, the mirror's first. */
struct route {
	struct fetch_url urls[MAX_REDIRECTS + 1];
	size_t count;
};

static void route_release(struct route *route)
{
	for (size_t i = 0; i < route->count; i++)
		fetch_url_release(&route->urls[i]);
}

/* Adds where HOP is sent to. */
static int follow(struct route *route, const struct fetch_hop *hop)
{
	const struct fetch_url *from = hop->url;
	struct fetch_try *try = hop->try;
	CLEANUP(fetch_url_release) struct fetch_url next = {0};
	CLEANUP_FREE char *shown = NULL;
	struct error error = {0};

	if (!hop->response.location)
		return fetch_try_end(try, FETCH_TRY_ELSEWHERE,
				     "HTTP %ld that does not say where to", hop->response.status);
	if (fetch_url_resolve(from, hop->response.location, &next, &error))
		return fetch_try_end(try, FETCH_TRY_ELSEWHERE,
				     "redirects to where nobody can go: %s", error.message);
	if (from->url.is_tls && !next.url.is_tls)
		return fetch_try_end(try, FETCH_TRY_ELSEWHERE, "redirects from https to http");
	for (size_t i = 0; i < route->count; i++)
		if (strcmp(route->urls[i].text, next.text) == 0)
			return fetch_try_end(try, FETCH_TRY_ELSEWHERE, "redirects in a circle");
	if (route->count > MAX_REDIRECTS)
		return fetch_try_end(try, FETCH_TRY_ELSEWHERE, "redirects more than %u times",
				     MAX_REDIRECTS);
	shown = url_display(&next.url);
	strbuf_clear(&try->reason);
	strbuf_printf(&try->reason, "redirects to %s: ", shown);
	route->urls[route->count++] = next;
	next = (struct fetch_url){0};
	return 0;
}

/* Returns 1 where the route goes on, 0 when the file is here, -1 with verdict and reason. */
static int go(struct fetch_job *job, struct route *route, struct fetch_try *try)
{
	CLEANUP(fetch_hop_release)
	struct fetch_hop hop = {.job = job, .try = try, .url = &route->urls[route->count - 1]};

	if (fetch_hop_prepare(&hop))
		return -1;
	fetch_hop_request(&hop);
	if (hop.response.failure == HTTP_PROXY || !fetch_status_is_redirect(hop.response.status))
		return fetch_hop_judge(&hop);
	return follow(route, &hop) ? -1 : 1;
}

void fetch_try(struct fetch_job *job, const struct fetch_url *mirror, struct fetch_try *try)
{
	CLEANUP(route_release) struct route route = {.count = 1};
	int status = 1;

	strbuf_clear(&try->reason);
	try->retry_after_s = -1;
	/* It was read before: it is read again without fail. */
	(void)fetch_url_parse(mirror->text, &route.urls[0], NULL);
	while (status > 0)
		status = go(job, &route, try);
	if (status == 0) {
		strbuf_clear(&try->reason);
		try->verdict = FETCH_TRY_DONE;
	}
}
