/* SPDX-License-Identifier: Zlib */
/* One question put to the servers of resolv.conf: connected UDP, TCP after truncation. */
#pragma once

#include "agent/dns_message.h"
#include "agent/resolve.h"

struct dns_reply {
	enum resolve_outcome outcome; /* RESOLVE_OK: answer has addresses */
	struct dns_answer answer;
	char server[RESOLVE_SERVER_BYTES]; /* who decided it, "" when nobody answered */
	unsigned int packets;              /* sent */
	bool was_truncated;
};

/* Asks for NAME (valid, absolute). The servers are asked in turn, attempts times, until one gives an
 * answer that settles the question (addresses, none, or no such name); a server that reports a fault
 * is not asked again. A late answer to an earlier packet still counts. Ends at END_US
 * (starvation_end_us). */
void dns_query(const struct resolver *resolver, const char *name, enum dns_type type,
	       int64_t end_us, struct dns_reply *ret);
