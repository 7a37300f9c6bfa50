/* SPDX-License-Identifier: Zlib */
/* Which proxy a URL goes through. No message repeats a variable's value: it may hold a password. */
#include "agent/proxy.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/no_proxy.h"
#include "agent/text.h"
#include "agent/url.h"

/* libcurl's own, where the URL names none; https has the usual one. */
#define HTTP_PROXY_PORT 1080u

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
	return list && no_proxy_holds(list, host);
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
