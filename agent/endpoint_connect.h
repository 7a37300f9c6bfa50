/* SPDX-License-Identifier: Zlib */
/* From an endpoint's URL to an answer: the host resolved in a step of its own, an address chosen,
 * one retry, all within one budget. Shared by the probes that speak to a cache. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/finding.h"
#include "agent/http.h"
#include "agent/resolve.h"
#include "agent/url.h"

struct endpoint;
struct plan;
struct probe;
struct proxy;
struct strbuf;

#define TARGET_BUDGET_MS 2000u   /* of a network probe, its retry included */
#define TARGET_DEADLINE_MS 2500u /* of its task: the budget, and time to say what was found */

struct target {
	const struct url *url;        /* borrowed */
	const struct proxy *proxy;    /* borrowed: what is connected to instead; NULL: none */
	char *origin;                 /* "http://host" or "https://host:port", without path */
	struct resolve_answer answer; /* of what is connected to */
	size_t next_address;          /* index of the address that the next try uses */
	unsigned int tries;           /* requests prepared so far on the way to the first answer */
	int64_t end_us;               /* target_end_us() of the budget */
};

/* For a cache's plan(): adds the one task that proves ENDPOINT, named as the probe; nothing where
 * there is no URL. WHAT says what it is to the lane ("remote cache"). */
void target_plan(struct plan *plan, const struct probe *probe, const struct endpoint *endpoint,
		 const char *what);

/* When a budget that begins now is over: starvation_end_us(). */
int64_t target_end_us(unsigned int budget_ms);

/* Resolves URL's host (name a phase "resolve" before). Whether it can be connected to is
 * ret->answer.outcome == RESOLVE_OK. target_close releases in any case. */
void target_open(struct target *ret, const struct resolver *resolver, const struct url *url,
		 int64_t end_us);

/* The same by way of a proxy, whose host is resolved instead: it resolves the URL's. NULL: none. */
void target_open_through(struct target *ret, const struct resolver *resolver, const struct url *url,
			 const struct proxy *proxy, int64_t end_us);
void target_close(struct target *target);

/* Whether TLS is spoken on the way: to the server, or to the proxy. */
bool target_is_tls(const struct target *target);

/* After opening: makes what is left of the budget enough for an answer. A slow name server speaks against
 * no cache. */
void target_leave_room(struct target *target);

/* Milliseconds that are left of the budget; 0 when it is over. */
unsigned int target_left_ms(const struct target *target);

/* Sets REQUEST's address and time limits for the next try: connecting may take half of what is left
 * the first time, so that a retry has its turn. The rest of REQUEST is the caller's. */
void target_prepare(struct target *target, struct http_request *request);

/* Whether a try that ended so is to be made once more (prepare and send again): after a failed or
 * timed-out connect, once, while time is left. Moves on to the next address. After an answer the
 * count of tries begins anew. */
bool target_retries(struct target *target, enum http_failure failure);

/* One row of a probe's own table: which finding a failure is. The table's last row is for all
 * failures that no row names. */
struct failure_finding {
	enum http_failure failure;
	enum finding_id id;
};
struct resolve_finding {
	enum resolve_outcome outcome;
	enum finding_id id;
};
enum finding_id failure_finding(const struct failure_finding *rows, size_t count,
				enum http_failure failure);
enum finding_id resolve_finding(const struct resolve_finding *rows, size_t count,
				enum resolve_outcome outcome);

/* Whether RESPONSE is a TLS server's complaint about plain HTTP, as nginx, Go and Apache word it:
 * they answer 400, in plain HTTP. */
bool target_wants_tls(const struct http_response *response);

/* Append what was seen, as a finding's detail: "attic…local: no such name (NXDOMAIN), asked
 * 10.96.0.10 (2 ms, 1 query)"; "10.96.3.4 port 80: connection refused, 2 tries, after 1 ms" (of the
 * last try). Where a proxy was the way: "the proxy http://p:3128 (http_proxy): 10.0.0.9: …". */
void target_describe_resolve(const struct target *target, struct strbuf *out);
void target_describe_failure(const struct target *target, const struct http_response *response,
			     struct strbuf *out);
