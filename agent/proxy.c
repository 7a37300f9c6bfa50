/* SPDX-License-Identifier: Zlib */
/* Which proxy a URL goes through. No message repeats a variable's value: it may hold a password. */
#include "agent/proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/url.h"
#include "agent/words.h"

/* libcurl's own, where the URL names none; https has the usual one. */
#define HTTP_PROXY_PORT 1080u

/* ---- no_proxy */

struct address {
	uint8_t bytes[16];
	unsigned int bits; /* 32 or 128 */
};

static bool read_address(const char *text, struct address *ret)
{
	ret->bits = inet_pton(AF_INET, text, ret->bytes) == 1    ? 32
		    : inet_pton(AF_INET6, text, ret->bytes) == 1 ? 128
								 : 0;
	return ret->bits;
}

static bool begins_alike(const struct address *left, const struct address *right, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return memcmp(left->bytes, right->bytes, whole) == 0 &&
	       (!rest || (left->bytes[whole] ^ right->bytes[whole]) >> (8 - rest) == 0);
}

static bool block_holds(const char *block, const struct address *address)
{
	const char *slash = strchr(block, '/');
	CLEANUP_FREE char *text = mem_strndup(block, strcspn(block, "/"));
	struct address network;
	unsigned long bits = address->bits;

	if (!read_address(text, &network) || network.bits != address->bits)
		return false;
	if (slash && !text_to_number(slash + 1, 0, address->bits, &bits))
		return false;
	/* To libcurl, no bits at all are no block. */
	return begins_alike(&network, address, bits ? (unsigned int)bits : address->bits);
}

static size_t length_without_dot(const char *name)
{
	size_t length = strlen(name);

	return length && name[length - 1] == '.' ? length - 1 : length;
}

static bool name_holds(const char *name, const char *host)
{
	const char *tail;
	size_t length, host_length = length_without_dot(host);

	name += *name == '.';
	length = length_without_dot(name);
	if (!length || length > host_length)
		return false;
	tail = host + host_length - length;
	return strncasecmp(tail, name, length) == 0 && (tail == host || tail[-1] == '.');
}

bool proxy_list_holds(const char *no_proxy, const char *host)
{
	CLEANUP_WORDS struct words words = {0};
	struct address address;
	bool is_address = read_address(host, &address);

	if (strcmp(no_proxy, "*") == 0)
		return true;
	words_split(&words, no_proxy, ", \t");
	for (size_t i = 0; i < words.count; i++)
		if (is_address ? block_holds(words.items[i], &address)
			       : name_holds(words.items[i], host))
			return true;
	return false;
}

/* ---- the proxy */

static const char *find_variable(const struct context *context, bool is_tls)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	const char *http = "http_proxy";

	if (!is_tls && context_env(context, http))
		return http;
	for (size_t i = is_tls ? 0 : 2; i < sizeof(names) / sizeof(*names); i++)
		if (context_env(context, names[i]))
			return names[i];
	return NULL;
}

static bool is_excepted(const struct context *context, const char *host)
{
	const char *list = context_env(context, "no_proxy");

	if (!list)
		list = context_env(context, "NO_PROXY");
	return list && proxy_list_holds(list, host);
}

/* The value as libcurl takes it: "http://" may be left out, what follows the port says nothing. */
static int take_value(const char *variable, const char *value, struct proxy *ret,
		      struct error *error)
{
	bool has_scheme = strstr(value, "://");
	CLEANUP_FREE char *full = mem_format("%s%s", has_scheme ? "" : "http://", value);
	CLEANUP(url_release) struct url url = {0};
	const char *authority = strstr(full, "://") + 3;
	const char *at;
	unsigned int port;
	bool is_ipv6;

	if (strncasecmp(value, "socks", 5) == 0 && has_scheme)
		return error_set(error, ERROR_USAGE,
				 "%s names a SOCKS proxy, which is not supported: name an http:// "
				 "one, or the host in no_proxy",
				 variable);
	if (url_parse(full, &url, error))
		return error_prefix(error, "%s", variable);
	if (!text_starts_with(url.scheme, "http"))
		return error_set(error, ERROR_USAGE,
				 "%s names a proxy that is neither http:// nor https://", variable);
	at = memrchr(authority, '@', strcspn(authority, "/"));
	port = url.has_port || url.is_tls ? url.port : HTTP_PROXY_PORT;
	is_ipv6 = strchr(url.host, ':');
	ret->text = mem_format(is_ipv6 ? "%s://%.*s[%s]:%u" : "%s://%.*s%s:%u", url.scheme,
			       at ? (int)(at + 1 - authority) : 0, authority, url.host, port);
	ret->shown = mem_format(is_ipv6 ? "%s://[%s]:%u (%s)" : "%s://%s:%u (%s)", url.scheme,
				url.host, port, variable);
	ret->host = TAKE(url.host);
	return 0;
}

int proxy_for(const struct context *context, const struct url *url, struct proxy *ret,
	      struct error *error)
{
	const char *variable = find_variable(context, url->is_tls);

	*ret = (struct proxy){0};
	if (!variable || is_excepted(context, url->host))
		return 0;
	return take_value(variable, context_env(context, variable), ret, error);
}

void proxy_release(struct proxy *proxy)
{
	free(proxy->text);
	free(proxy->host);
	free(proxy->shown);
	*proxy = (struct proxy){0};
}
