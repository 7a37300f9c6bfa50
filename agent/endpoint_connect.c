/* SPDX-License-Identifier: Zlib */
/* From an endpoint's URL to an answer, within one budget. */
#include "agent/endpoint_connect.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/endpoint.h"
#include "agent/mem.h"
#include "agent/plan.h"
#include "agent/proxy.h"
#include "agent/starvation.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/table.h"

/* Less than this is not worth a second try. */
#define MIN_RETRY_MS 50u
#define MIN_ANSWER_MS 300u /* with the budget it stays within the task's deadline */

void target_plan(struct plan *plan, const struct probe *probe, const struct endpoint *endpoint,
		 const char *what)
{
	CLEANUP_FREE char *subject = NULL;
	CLEANUP_FREE char *why = NULL;

	if (!endpoint->url)
		return;
	subject = endpoint_display(endpoint);
	why = mem_format("%s, from %s", what, endpoint->source);
	plan_add(plan, &(struct plan_entry){
			       .probe = probe,
			       .name = probe->name,
			       .subject = subject,
			       .kind = endpoint->is_promise ? TASK_PROMISE : TASK_CACHE,
			       .why = why,
			       .deadline_ms = TARGET_DEADLINE_MS,
		       });
}

int64_t target_end_us(unsigned int budget_ms)
{
	return starvation_end_us((int64_t)budget_ms * 1000);
}

static char *origin_of(const struct url *url)
{
	unsigned int port_by_default = url->is_tls ? 443 : 80;
	const char *scheme = url->is_tls ? "https" : "http";
	const char *open = strchr(url->host, ':') ? "[" : "";
	const char *close = *open ? "]" : "";

	/* The default port stays away: a server may compare its Host header letter by letter. */
	if (url->port == port_by_default)
		return mem_format("%s://%s%s%s", scheme, open, url->host, close);
	return mem_format("%s://%s%s%s:%u", scheme, open, url->host, close, url->port);
}

void target_open_through(struct target *ret, const struct resolver *resolver, const struct url *url,
			 const struct proxy *proxy, int64_t end_us)
{
	*ret = (struct target){
		.url = url, .proxy = proxy, .origin = origin_of(url), .end_us = end_us};
	resolve_host(resolver, proxy ? proxy->host : url->host, target_left_ms(ret), &ret->answer);
	if (ret->answer.outcome == RESOLVE_OK && !ret->answer.address_count)
		ret->answer.outcome = RESOLVE_NODATA;
}

void target_open(struct target *ret, const struct resolver *resolver, const struct url *url,
		 int64_t end_us)
{
	target_open_through(ret, resolver, url, NULL, end_us);
}

void target_leave_room(struct target *target)
{
	if (target->end_us < target_end_us(MIN_ANSWER_MS))
		target->end_us = target_end_us(MIN_ANSWER_MS);
}

void target_close(struct target *target)
{
	free(target->origin);
	target->origin = NULL;
}

bool target_is_tls(const struct target *target)
{
	return target->url->is_tls ||
	       (target->proxy && text_starts_with(target->proxy->text, "https:"));
}

unsigned int target_left_ms(const struct target *target)
{
	int64_t left_us = starvation_left_us(target->end_us);

	return left_us > 0 ? (unsigned int)(left_us / 1000) : 0;
}

void target_prepare(struct target *target, struct http_request *request)
{
	unsigned int left_ms = target_left_ms(target);

	if (!left_ms)
		left_ms = 1; /* 0 would mean no limit */
	request->address = target->answer.addresses[target->next_address];
	request->proxy = target->proxy ? target->proxy->text : NULL;
	request->proxy_address = request->address;
	request->timeout_ms = left_ms;
	request->connect_timeout_ms = target->tries || left_ms < 2 ? left_ms : left_ms / 2;
	target->tries++;
}

bool target_retries(struct target *target, enum http_failure failure)
{
	bool is_connect_failure = failure == HTTP_REFUSED || failure == HTTP_UNREACHABLE ||
				  failure == HTTP_CONNECT_TIMEOUT;

	if (failure == HTTP_OK)
		target->tries = 0; /* what is asked next is a matter of its own */
	if (!is_connect_failure || target->tries > 1 || target_left_ms(target) < MIN_RETRY_MS)
		return false;
	target->next_address = (target->next_address + 1) % target->answer.address_count;
	return true;
}

enum finding_id failure_finding(const struct failure_finding *rows, size_t count,
				enum http_failure failure)
{
	size_t i = 0;

	while (i + 1 < count && rows[i].failure != failure)
		i++;
	return rows[i].id;
}

enum finding_id resolve_finding(const struct resolve_finding *rows, size_t count,
				enum resolve_outcome outcome)
{
	size_t i = 0;

	while (i + 1 < count && rows[i].outcome != outcome)
		i++;
	return rows[i].id;
}

static void describe_proxy(const struct target *target, struct strbuf *out)
{
	if (target->proxy)
		strbuf_printf(out, "the proxy %s: ", target->proxy->shown);
}

void target_describe_resolve(const struct target *target, struct strbuf *out)
{
	const struct resolve_answer *answer = &target->answer;
	const char *host = target->proxy ? target->proxy->host : target->url->host;

	describe_proxy(target, out);
	strbuf_printf(out, "%s: %s", *answer->queried ? answer->queried : host,
		      resolve_outcome_text(answer->outcome));
	if (*answer->server)
		strbuf_printf(out, ", asked %s (%lld ms, %u %s)", answer->server,
			      (long long)(answer->took_us / 1000), answer->packets,
			      answer->packets == 1 ? "query" : "queries");
}

bool target_wants_tls(const struct http_response *response)
{
	const char *body = response->body.data;

	return response->failure == HTTP_OK && response->status == 400 &&
	       (strstr(body, "HTTPS port") || strstr(body, "HTTPS server") ||
		strstr(body, "SSL-enabled server"));
}

void target_describe_failure(const struct target *target, const struct http_response *response,
			     struct strbuf *out)
{
	const char *address = target->answer.addresses[target->next_address];

	describe_proxy(target, out);
	if (response->failure == HTTP_PROXY && response->proxy_status)
		strbuf_printf(out, "HTTP %ld%s", response->proxy_status,
			      http_proxy_wish(response->proxy_status));
	else if (target->proxy)
		strbuf_printf(out, "%s: %s", address, http_failure_text(response->failure));
	else
		strbuf_printf(out, "%s port %u: %s", address, target->url->port,
			      http_failure_text(response->failure));
	if (response->os_errno)
		strbuf_printf(out, " (%s)", strerror(response->os_errno));
	if (response->failure == HTTP_INTERNAL && *response->message)
		strbuf_printf(out, ": %s", response->message);
	if (target->tries > 1)
		strbuf_printf(out, ", %u tries", target->tries);
	strbuf_printf(out, ", after %lld ms", (long long)(response->took_us / 1000));
}
