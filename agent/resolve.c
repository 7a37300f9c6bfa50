/* SPDX-License-Identifier: Zlib */
/* Host names to addresses: the order in which hosts file, name and search list are asked. */
#include "agent/resolve.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/dns_query.h"
#include "agent/run.h"
#include "agent/starvation.h"
#include "agent/text.h"

#define CLUSTER_SUFFIX ".svc.cluster.local"

const char *resolve_outcome_text(enum resolve_outcome outcome)
{
	static const char *const texts[] = {
		[RESOLVE_OK] = "resolved",
		[RESOLVE_NXDOMAIN] = "no such name (NXDOMAIN)",
		[RESOLVE_NODATA] = "the name has no address (NODATA)",
		[RESOLVE_SERVFAIL] = "the DNS server failed (SERVFAIL)",
		[RESOLVE_REFUSED] = "the DNS server refuses to answer (REFUSED)",
		[RESOLVE_OTHER_RCODE] = "an unusual DNS response code",
		[RESOLVE_TIMEOUT] = "no answer from DNS in time",
		[RESOLVE_UNREACHABLE] = "no DNS server can be reached",
		[RESOLVE_MALFORMED] = "a DNS answer that breaks the protocol",
		[RESOLVE_TRUNCATED] = "a cut DNS answer, and none over TCP",
		[RESOLVE_NO_SERVER] = "resolv.conf names no DNS server",
		[RESOLVE_BAD_NAME] = "this is no host name",
	};

	return texts[outcome];
}

const char *resolve_outcome_name(enum resolve_outcome outcome)
{
	static const char *const names[] = {
		[RESOLVE_OK] = "ok",
		[RESOLVE_NXDOMAIN] = "nxdomain",
		[RESOLVE_NODATA] = "nodata",
		[RESOLVE_SERVFAIL] = "servfail",
		[RESOLVE_REFUSED] = "refused",
		[RESOLVE_OTHER_RCODE] = "other-rcode",
		[RESOLVE_TIMEOUT] = "timeout",
		[RESOLVE_UNREACHABLE] = "unreachable",
		[RESOLVE_MALFORMED] = "malformed",
		[RESOLVE_TRUNCATED] = "truncated",
		[RESOLVE_NO_SERVER] = "no-server",
		[RESOLVE_BAD_NAME] = "bad-name",
	};

	return names[outcome];
}

static void add_address(struct resolve_answer *answer, const char *text)
{
	for (size_t i = 0; i < answer->address_count; i++)
		if (strcmp(answer->addresses[i], text) == 0)
			return;
	if (answer->address_count < RESOLVE_MAX_ADDRESSES)
		(void)snprintf(answer->addresses[answer->address_count++],
			       sizeof(answer->addresses[0]), "%s", text);
}

static bool is_literal(int family, const char *text)
{
	struct in6_addr address; /* large enough for both families */

	return inet_pton(family, text, &address) == 1;
}

/* ---- the hosts file */

static size_t word_at(const char *text, const char *end)
{
	size_t length = 0;

	while (text + length < end && !isspace((unsigned char)text[length]))
		length++;
	return length;
}

static const char *skip_blanks(const char *text, const char *end)
{
	while (text < end && isspace((unsigned char)*text))
		text++;
	return text;
}

static bool line_names_host(const char *at, const char *end, const char *host, size_t host_length)
{
	for (at = skip_blanks(at, end); at < end; at = skip_blanks(at, end)) {
		size_t length = word_at(at, end);

		if (length == host_length && strncasecmp(at, host, length) == 0)
			return true;
		at += length;
	}
	return false;
}

/* Adds the addresses of one family that lines of the file give HOST. */
static void add_from_hosts(const char *text, int family, const char *host,
			   struct resolve_answer *ret)
{
	size_t host_length = strlen(host);

	if (host_length && host[host_length - 1] == '.')
		host_length--;
	while (*text) {
		const char *line_end = text + strcspn(text, "\n");
		const char *end = text + strcspn(text, "#\n");
		const char *at = skip_blanks(text, end);
		size_t length = word_at(at, end);
		char address[46];

		if (length && length < sizeof(address)) {
			(void)snprintf(address, sizeof(address), "%.*s", (int)length, at);
			if (is_literal(family, address) &&
			    line_names_host(at + length, end, host, host_length))
				add_address(ret, address);
		}
		text = line_end + (*line_end == '\n');
	}
}

bool resolve_in_hosts_file(const struct resolver *resolver, const char *host,
			   struct resolve_answer *ret)
{
	*ret = (struct resolve_answer){.outcome = RESOLVE_OK, .is_from_hosts_file = true};
	(void)snprintf(ret->queried, sizeof(ret->queried), "%s", host);
	if (!resolver->hosts)
		return false;
	add_from_hosts(resolver->hosts, AF_INET, host, ret);
	add_from_hosts(resolver->hosts, AF_INET6, host, ret);
	return ret->address_count != 0;
}

/* ---- DNS */

/* Servers that do not answer one name answer no other, and time is short. */
static bool ends_search(enum resolve_outcome outcome)
{
	return outcome == RESOLVE_OK || outcome == RESOLVE_TIMEOUT ||
	       outcome == RESOLVE_TRUNCATED || outcome == RESOLVE_UNREACHABLE ||
	       outcome == RESOLVE_NO_SERVER;
}

static void take_reply(const struct dns_reply *reply, enum dns_type type, const char *name,
		       struct resolve_answer *ret)
{
	char text[INET6_ADDRSTRLEN];

	ret->outcome = reply->outcome;
	ret->rcode = reply->answer.rcode;
	(void)snprintf(ret->server, sizeof(ret->server), "%s", reply->server);
	(void)snprintf(ret->queried, sizeof(ret->queried), "%s", name);
	for (size_t i = 0; i < reply->answer.address_count; i++)
		if (inet_ntop(type == DNS_A ? AF_INET : AF_INET6, reply->answer.addresses[i], text,
			      sizeof(text)))
			add_address(ret, text);
}

/* A first; AAAA only where the name exists without one, and a fault there changes nothing. */
static void ask(const struct resolver *resolver, const char *name, int64_t end_us,
		struct resolve_answer *ret)
{
	struct dns_reply reply;

	dns_query(resolver, name, DNS_A, end_us, &reply);
	ret->packets += reply.packets;
	ret->was_truncated |= reply.was_truncated;
	take_reply(&reply, DNS_A, name, ret);
	if (reply.outcome != RESOLVE_NODATA)
		return;
	dns_query(resolver, name, DNS_AAAA, end_us, &reply);
	ret->packets += reply.packets;
	ret->was_truncated |= reply.was_truncated;
	if (reply.outcome == RESOLVE_OK)
		take_reply(&reply, DNS_AAAA, name, ret);
}

/* A fault of the server hides what is true of the name. */
static unsigned int weight(enum resolve_outcome outcome)
{
	if (outcome == RESOLVE_NXDOMAIN)
		return 0;
	return outcome == RESOLVE_NODATA ? 1 : 2;
}

/* Of two failures that weigh the same, the one of the name as it was given is shown. */
static bool tells_more(const struct resolve_answer *found, const struct resolve_answer *before,
		       bool is_by_domain)
{
	unsigned int new = weight(found->outcome), old = weight(before->outcome);

	return new > old || (new == old && !is_by_domain);
}

struct search {
	const struct resolver *resolver;
	const char *host; /* without a dot at its end */
	int64_t end_us;
	bool is_full_name;
	struct resolve_answer *answer;
	bool has_answer;
};

/* Asks for one name. Returns whether the search is over. */
static bool try_name(struct search *search, const char *name, bool is_by_domain)
{
	struct resolve_answer found = *search->answer;

	found.address_count = 0;
	if (!dns_name_is_valid(name))
		return false; /* host and domain together are too long */
	ask(search->resolver, name, search->end_us, &found);
	found.is_from_search_list = is_by_domain && found.outcome == RESOLVE_OK;
	if (found.outcome == RESOLVE_OK || !search->has_answer ||
	    (!search->is_full_name && tells_more(&found, search->answer, is_by_domain))) {
		*search->answer = found;
	} else {
		search->answer->packets = found.packets;
		search->answer->was_truncated |= found.was_truncated;
	}
	search->has_answer = true;
	return ends_search(found.outcome);
}

static void search_dns(struct search *search, bool is_absolute)
{
	const struct resolver *resolver = search->resolver;
	char name[DNS_MAX_NAME * 2];

	if (search->is_full_name && try_name(search, search->host, false))
		return;
	for (size_t i = 0; i < resolver->search_count && !is_absolute; i++) {
		(void)snprintf(name, sizeof(name), "%s.%s", search->host, resolver->search[i]);
		if (try_name(search, name, true))
			return;
	}
	if (!search->is_full_name)
		(void)try_name(search, search->host, false);
}

bool resolve_is_full_name(const struct resolver *resolver, const char *host)
{
	unsigned int dots = 0;

	for (const char *c = host; *c; c++)
		dots += *c == '.';
	return dots >= resolver->ndots || text_ends_with(host, CLUSTER_SUFFIX) ||
	       text_ends_with(host, ".");
}

void resolve_host(const struct resolver *resolver, const char *host, unsigned int deadline_ms,
		  struct resolve_answer *ret)
{
	int64_t starved_us = starvation_us(0), start_us = run_clock_us();
	size_t length = strlen(host);
	bool is_absolute = length && host[length - 1] == '.';
	char name[DNS_MAX_NAME];
	struct search search = {
		.resolver = resolver,
		.host = name,
		.end_us = starvation_end_us(deadline_ms * INT64_C(1000)),
		.is_full_name = resolve_is_full_name(resolver, host),
		.answer = ret,
	};

	if (is_literal(AF_INET, host) || is_literal(AF_INET6, host)) {
		*ret = (struct resolve_answer){.outcome = RESOLVE_OK};
		(void)snprintf(ret->queried, sizeof(ret->queried), "%s", host);
		add_address(ret, host);
		return;
	}
	if (resolve_in_hosts_file(resolver, host, ret))
		return;
	*ret = (struct resolve_answer){.outcome = RESOLVE_BAD_NAME};
	if (!dns_name_is_valid(host))
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(length - is_absolute), host);
	search_dns(&search, is_absolute);
	/* That an answer lay unread while this process could not run is no slowness of DNS. */
	ret->took_us = run_clock_us() - start_us;
	ret->took_us -= starvation_us(0) - starved_us;
}
