/* SPDX-License-Identifier: Zlib */
/* Which parts of a file are worth a look: nearly every one holds nothing that could be a hit, and is
 * passed over at the speed of one look at each byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/words.h"

struct contract;

struct check_filter {
	struct words needles; /* in lower case */
	uint8_t pairs[8192];  /* a bit for each that begins with these two bytes */
	bool is_open;         /* a needle is too short to look for: everything is worth it */
};

/* Collects what a line must hold a part of, in whatever case, to be a hit or to decide about one. */
void check_filter_make(struct check_filter *ret, const struct contract *contract);
void check_filter_release(struct check_filter *filter);

/* Whether any of it stands in these bytes. */
bool check_filter_holds(const struct check_filter *filter, const char *bytes, size_t length);

/* The longest part of a contract's PATTERN without a star; the caller frees. */
char *check_filter_core(const char *pattern);
