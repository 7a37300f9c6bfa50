/* SPDX-License-Identifier: Zlib */
/* URLs that something is fetched from, and where a redirect leads (RFC 3986, 5.2). */
#pragma once

#include "agent/url.h"

struct error;

struct fetch_url {
	char *text; /* absolute, as it is requested: without a fragment; its query may be secret */
	struct url url; /* the same without its query */
};

/* Takes TEXT apart: http or https, no user info, no control or foreign characters, at most 8 KiB.
 * Returns 0, or -1 with ERROR, whose message repeats nothing of TEXT. fetch_url_release in both. */
int fetch_url_parse(const char *text, struct fetch_url *ret, struct error *error);

/* The same for what a Location says, which may be relative to BASE. */
int fetch_url_resolve(const struct fetch_url *base, const char *location, struct fetch_url *ret,
		      struct error *error);
void fetch_url_release(struct fetch_url *url);

/* Any URL, even a bad one, as it may be shown: without user info, and without a query, which may be a
 * signature. The caller frees. */
char *fetch_url_shown(const char *text);
