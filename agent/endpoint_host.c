/* SPDX-License-Identifier: Zlib */
/* What a host's name or address says about where it is. */
#include "agent/endpoint_host.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "agent/text.h"

struct range {
	uint32_t network;
	unsigned int bits;
};

static const struct range loopback = {0x7f000000u, 8};
static const struct range private_ranges[] = {
	{0x0a000000u, 8},
	{0xac100000u, 12},
	{0xc0a80000u, 16},
	{0x64400000u, 10},
};

static bool range_holds(const struct range *range, uint32_t address)
{
	return (address ^ range->network) >> (32 - range->bits) == 0;
}

/* An IPv4 address, also one that is written as IPv6 (::ffff:10.0.0.1). */
static bool read_ipv4(const char *host, uint32_t *ret)
{
	struct in6_addr mapped;
	struct in_addr address;

	if (inet_pton(AF_INET, host, &address) == 1) {
		*ret = ntohl(address.s_addr);
		return true;
	}
	if (inet_pton(AF_INET6, host, &mapped) != 1 || !IN6_IS_ADDR_V4MAPPED(&mapped))
		return false;
	memcpy(&address, &mapped.s6_addr[12], sizeof(address));
	*ret = ntohl(address.s_addr);
	return true;
}

bool endpoint_host_is_local(const char *host)
{
	struct in6_addr wide;
	uint32_t address;

	if (read_ipv4(host, &address))
		return range_holds(&loopback, address) || address == INADDR_ANY;
	if (inet_pton(AF_INET6, host, &wide) == 1)
		return IN6_IS_ADDR_LOOPBACK(&wide) || IN6_IS_ADDR_UNSPECIFIED(&wide);
	return strcmp(host, "localhost") == 0 || text_ends_with(host, ".localhost");
}

static bool is_private_name(const char *host)
{
	return !strchr(host, '.') || text_ends_with(host, ".svc") || strstr(host, ".svc.") ||
	       text_ends_with(host, ".ts.net");
}

bool endpoint_host_is_private(const char *host)
{
	struct in6_addr wide;
	uint32_t address;

	if (endpoint_host_is_local(host))
		return true;
	if (read_ipv4(host, &address)) {
		for (size_t i = 0; i < sizeof(private_ranges) / sizeof(private_ranges[0]); i++)
			if (range_holds(&private_ranges[i], address))
				return true;
		return false;
	}
	if (inet_pton(AF_INET6, host, &wide) == 1)
		return (wide.s6_addr[0] & 0xfe) == 0xfc;
	return is_private_name(host);
}
