/* SPDX-License-Identifier: Zlib */
/* Endpoint URLs, taken apart strictly (RFC 3986, as far as endpoints need it). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

struct url {
	char *scheme;   /* lower case: "http", "https", "grpc", "grpcs", "unix" */
	char *user;     /* percent-decoded, may be NULL */
	char *password; /* percent-decoded, may be NULL; secret */
	char *host;     /* lower case, without brackets; empty for "unix" alone */
	char *path;     /* "" or "/…", without a trailing slash */
	uint16_t
		port; /* the scheme's default when the URL names none (grpc: 80, as Bazel has it) */
	bool has_port;
	bool is_tls;
	bool is_ip_address; /* host is a literal IPv4 or IPv6 address */
};

/* Takes TEXT apart. Refuses white space, control characters, quotes, an unexpanded "${", fragments
 * and queries, ports out of range. Returns 0, or -1 with ERROR; the message never shows a password. */
int url_parse(const char *text, struct url *ret, struct error *error);
void url_release(struct url *url);

/* Whether both lead to the same place: scheme, host, port and path. */
bool url_is_same(const struct url *left, const struct url *right);

/* The URL without user and password, as it may be shown; the caller frees. */
char *url_display(const struct url *url);
