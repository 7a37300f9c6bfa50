/* SPDX-License-Identifier: Zlib */
/* One URL on the way to a file, which may end in a redirect to the next. */
#pragma once

#include <stdbool.h>

#include "agent/fetch_try.h"
#include "agent/http.h"
#include "agent/proxy.h"
#include "agent/resolve.h"

struct fetch_hop {
	struct fetch_job *job;
	struct fetch_try *try;
	const struct fetch_url *url;
	struct proxy proxy;
	struct resolve_answer answer; /* of the proxy's host, where there is one */
	struct http_response response;
	bool is_begun;    /* the body's first bytes came, or its end */
	bool is_bad_head; /* and are not the file; the reason is said */
};

/* Finds the way to the hop's URL: its proxy, and the addresses of what is connected to. Returns 0, or -1
 * with the try's verdict and reason. fetch_hop_release in both cases. */
int fetch_hop_prepare(struct fetch_hop *hop);

/* Asks one address after the other, until one is connected to, for what is missing of the file. */
void fetch_hop_request(struct fetch_hop *hop);

/* What came of the request, redirects apart. Returns 0 when all of the file is here, else -1 with the
 * try's verdict and reason. */
int fetch_hop_judge(struct fetch_hop *hop);
void fetch_hop_release(struct fetch_hop *hop);

/* Looks at the head of an answer, before its first byte is taken, or at its end where none comes: a page
 * about an error must not get into the pipe. Returns whether this is the file. */
bool fetch_hop_begin_body(struct fetch_hop *hop);

/* Whether the status is one that the file comes with. */
bool fetch_hop_has_file(const struct fetch_hop *hop);

/* Begins the reason: it is not the server that failed. */
void fetch_hop_blame_proxy(const struct fetch_hop *hop);
