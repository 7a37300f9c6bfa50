/* SPDX-License-Identifier: Zlib */
/* DNS messages (RFC 1035, section 4): a query made, an answer read with suspicion. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_MAX_NAME 256u  /* as text, without the last dot, and a NUL */
#define DNS_MAX_QUERY 288u /* header, name, type and class */
#define DNS_MAX_ADDRESSES 8u

enum dns_type { DNS_A = 1, DNS_AAAA = 28 };

/* RFC 1035, 4.1.1. */
enum dns_rcode { DNS_NOERROR = 0, DNS_SERVFAIL = 2, DNS_NXDOMAIN = 3, DNS_REFUSED = 5 };

enum dns_verdict {
	DNS_ANSWER,    /* an answer to the query; see struct dns_answer */
	DNS_FOREIGN,   /* belongs to another query (or is forged): wait on */
	DNS_MALFORMED, /* carries the query's ID, and breaks the protocol */
};

struct dns_answer {
	unsigned int rcode;
	bool is_truncated; /* to be asked again over TCP */
	size_t address_count;
	uint8_t addresses[DNS_MAX_ADDRESSES][16]; /* 4 bytes of an A record, 16 of an AAAA record */
};

/* Whether TEXT is a host name: labels of 1 to 63 letters, digits, '-' and '_', 253 bytes in all,
 * one dot at the end allowed. */
bool dns_name_is_valid(const char *text);

/* Writes a query for NAME (valid, see above) with recursion desired. Returns its length. */
size_t dns_write_query(uint8_t ret[DNS_MAX_QUERY], uint16_t id, const char *name,
		       enum dns_type type);

/* Reads the message that came from the server asked, comparing ID and question with QUERY (as written
 * above). CNAMEs are followed within the message. RET is filled for DNS_ANSWER alone. */
enum dns_verdict dns_read_answer(const uint8_t *bytes, size_t length, const uint8_t *query,
				 size_t query_length, struct dns_answer *ret);
