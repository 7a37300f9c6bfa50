/* SPDX-License-Identifier: Zlib */
/* Host names to addresses: hosts file, then DNS with the server's own response code.
 * One packet at a time over connected UDP, TCP after truncation; RFC 1035, resolv.conf(5). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct root;

enum resolve_outcome {
	RESOLVE_OK,
	RESOLVE_NXDOMAIN, /* the name does not exist */
	RESOLVE_NODATA,   /* it exists, without an address */
	RESOLVE_SERVFAIL,
	RESOLVE_REFUSED, /* the server refuses to answer (RCODE 5) */
	RESOLVE_OTHER_RCODE,
	RESOLVE_TIMEOUT,     /* no server answered in time */
	RESOLVE_UNREACHABLE, /* connecting to every server failed at once (ICMP refused, no route) */
	RESOLVE_MALFORMED,   /* answers that break the protocol, or belong to no question of ours */
	RESOLVE_TRUNCATED,   /* cut over UDP, and the server gives no answer over TCP */
	RESOLVE_NO_SERVER,   /* resolv.conf names none */
	RESOLVE_BAD_NAME,    /* not a host name */
};

#define RESOLVE_MAX_SERVERS 3u
#define RESOLVE_MAX_SEARCH 16u
#define RESOLVE_MAX_ADDRESSES 8u
#define RESOLVE_SERVER_BYTES 64u

struct resolver {
	char servers[RESOLVE_MAX_SERVERS][RESOLVE_SERVER_BYTES]; /* literal addresses */
	size_t server_count;
	char search[RESOLVE_MAX_SEARCH][256];
	size_t search_count;
	unsigned int ndots;      /* default 1, at most 15 */
	unsigned int timeout_ms; /* per try, resolv.conf's or 5000 */
	unsigned int attempts;
	bool is_file_present; /* resolv.conf */
	char *hosts;          /* the hosts file's text, at most 1 MiB; may be NULL */
	uint16_t port;        /* 53; tests may set another */
};

struct resolve_answer {
	enum resolve_outcome outcome;
	char addresses[RESOLVE_MAX_ADDRESSES][46]; /* literal, IPv4 before IPv6 */
	size_t address_count;
	char queried[256];                 /* the full name that decided the outcome */
	char server[RESOLVE_SERVER_BYTES]; /* who answered last, "" for the hosts file */
	unsigned int rcode;                /* of the deciding answer */
	unsigned int packets;              /* queries sent */
	int64_t took_us;
	bool is_from_hosts_file;
	bool is_from_search_list; /* the answer came by a search domain, not by the name itself */
	bool was_truncated;       /* asked again over TCP */
};

/* Reads /etc/resolv.conf and /etc/hosts. A missing file is an empty resolver (NO_SERVER). */
void resolver_read(struct resolver *resolver, const struct root *root);
void resolver_release(struct resolver *resolver);

/* Takes the text of a resolv.conf or of a hosts file in (what comes later replaces what came
 * before). For tests, and for resolver_read. */
void resolver_parse(struct resolver *resolver, const char *resolv_conf);
void resolver_set_hosts(struct resolver *resolver, const char *hosts);

/* Looks HOST up in the hosts file alone. Returns whether it is there, and its addresses. */
bool resolve_in_hosts_file(const struct resolver *resolver, const char *host,
			   struct resolve_answer *ret);

/* Whether HOST is a full name as the resolver sees it: asked as it is before the search list. */
bool resolve_is_full_name(const struct resolver *resolver, const char *host);

/* Resolves HOST within DEADLINE_MS of now. The name as it is comes first when it has ndots dots or
 * ends in ".svc.cluster.local" (a full name: the search list would only multiply look-ups), then
 * the search list. A (IPv4) first; AAAA only where there is no A. Literal addresses pass through. */
void resolve_host(const struct resolver *resolver, const char *host, unsigned int deadline_ms,
		  struct resolve_answer *ret);

/* "ok", "nxdomain", "nodata", "servfail", … as facts use them. */
const char *resolve_outcome_name(enum resolve_outcome outcome);

/* The same for people: "NXDOMAIN", "no answer in time"; what was asked follows after a comma. */
const char *resolve_outcome_text(enum resolve_outcome outcome);
