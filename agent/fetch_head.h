/* SPDX-License-Identifier: Zlib */
/* Whether an answer is the file that is being fetched, and whether a failure may pass. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/http.h"
#include "agent/resolve.h"

struct strbuf;

/* What is here of a file. */
struct fetch_extent {
	uint64_t bytes;
	int64_t total; /* -1: no server has said it */
	uint64_t max_bytes;
};

/* Whether the body behind HEAD (status 200 or 206) is the file, or what is missing of it. Where it is
 * not, REASON gets the words. */
bool fetch_head_is_good(const struct http_response *head, const struct fetch_extent *have,
			struct strbuf *reason);

/* How long the whole file is, as HEAD has it; -1: it does not say. */
int64_t fetch_head_total(const struct http_response *head);

bool fetch_status_is_redirect(long status);

/* Whether the same request may succeed a moment later. */
bool fetch_status_may_pass(long status);
bool fetch_failure_may_pass(enum http_failure failure);
bool fetch_resolve_may_pass(enum resolve_outcome outcome);
