/* SPDX-License-Identifier: Zlib */
/* Which proxy a URL goes through, by the job's variables as libcurl (and so Nix) reads them. */
#pragma once

#include <stdbool.h>

struct context;
struct error;
struct url;

struct proxy {
	char *text;  /* URL with its port, as struct http_request takes it; secret. NULL: none */
	char *host;  /* lower case, without brackets: to be resolved */
	char *shown; /* the URL without user info, and the variable: "http://p:3128 (https_proxy)" */
};

/* https: https_proxy, HTTPS_PROXY; http: http_proxy alone (a CGI program's HTTP_PROXY is a header that
 * a client sent). Then all_proxy, ALL_PROXY; unless no_proxy or NO_PROXY holds the host. Returns 0, or
 * -1 with ERROR for a value that cannot be used: no URL, SOCKS. proxy_release in both cases. Pure. */
int proxy_for(const struct context *context, const struct url *url, struct proxy *ret,
	      struct error *error);
void proxy_release(struct proxy *proxy);
