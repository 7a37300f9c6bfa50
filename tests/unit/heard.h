/* SPDX-License-Identifier: Zlib */
/* What a probe says, taken in as the parent takes it. */
#pragma once

#include "agent/facts.h"
#include "agent/finding.h"

struct channel;
struct strbuf;

struct heard {
	struct facts facts;
	struct findings findings;
	int fd;
};

/* Opens a channel that holds all that a probe may say. */
void heard_open(struct heard *heard, struct channel *ret);

/* Closes it, and takes in what was said by PROBE; what breaks the rules fails the running test. */
void heard_close(struct heard *heard, const struct channel *channel, const char *probe);
void heard_release(struct heard *heard);

/* Appends the findings and the facts, a line each. */
void heard_print(const struct heard *heard, struct strbuf *out);

/* Appends the facts, a line each, without those that begin with BUT (NULL: all). */
void heard_print_facts(const struct heard *heard, const char *but, struct strbuf *out);
