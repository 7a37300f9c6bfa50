/* SPDX-License-Identifier: Zlib */
/* One try at a mirror: proxy, name, addresses, redirects, and what came of it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/ca_search.h"
#include "agent/fetch.h"
#include "agent/fetch_sink.h"
#include "agent/resolve.h"
#include "agent/strbuf.h"

struct fetch_url;

/* What lasts as long as the whole download. */
struct fetch_job {
	const struct fetch_request *request;
	const struct fetch_limits *limits;
	struct fetch_result *result;
	struct resolver resolver;
	struct ca_search ca;
	struct fetch_sink sink;
	int64_t total; /* bytes of the file; -1: no server has said it */
};

enum fetch_verdict {
	FETCH_TRY_DONE,
	FETCH_TRY_AGAIN,     /* the same mirror may do better in a moment */
	FETCH_TRY_ELSEWHERE, /* this mirror will not */
	FETCH_TRY_BROKEN,    /* the pipe: see the sink */
};

struct fetch_try {
	int64_t end_us; /* the caller's: run_clock_us() when the mirror's time is over */
	enum fetch_verdict verdict;
	int64_t retry_after_s; /* as the server asks; -1: it does not */
	struct strbuf reason;  /* for people, not yet cleaned; "" when done. The caller releases. */
};

/* Gets what is missing of the file, as far as it comes. */
void fetch_try(struct fetch_job *job, const struct fetch_url *mirror, struct fetch_try *try);

/* Milliseconds until END_US, 0 when it is past. */
unsigned int fetch_left_ms(int64_t end_us);

/* Ends the try with more words for its reason. Returns -1. */
int fetch_try_end(struct fetch_try *try, enum fetch_verdict verdict, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
