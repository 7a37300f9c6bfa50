/* SPDX-License-Identifier: Zlib */
/* Endpoint URLs, taken apart strictly. No message repeats any of the URL: it may hold a password in
 * a place where nobody expects one. */
#include "agent/url.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_URL_BYTES 2048u
#define MAX_HOST_BYTES 253u

static const struct scheme {
	const char *name;
	uint16_t port; /* gRPC: as Bazel has it; 0: the scheme knows no ports */
	bool is_tls;
} schemes[] = {
	{"http", 80, false},  {"https", 443, true}, {"grpc", 80, false},
	{"grpcs", 443, true}, {"unix", 0, false},
};

static int refuse(struct error *error, const char *why)
{
	(void)error_set(error, ERROR_USAGE, "%s", why);
	return -1;
}

static int check_characters(const char *text, struct error *error)
{
	if (!*text)
		return refuse(error, "the URL is empty");
	if (strlen(text) > MAX_URL_BYTES)
		return refuse(error, "the URL is longer than 2048 bytes");
	if (strstr(text, "${"))
		return refuse(error, "the URL holds an unexpanded \"${\"");
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c <= 0x20 || c == 0x7f)
			return refuse(error, "the URL holds white space or a control character");
		if (c > 0x7f)
			return refuse(error, "the URL holds a character outside ASCII");
		if (strchr("\"'`<>\\^{}|", c))
			return refuse(error, "the URL holds a quote, bracket or backslash");
		if (c == '?' || c == '#')
			return refuse(error, "the URL holds a query or a fragment ('?' or '#')");
		if (c == '%' &&
		    (!isxdigit((unsigned char)text[1]) || !isxdigit((unsigned char)text[2])))
			return refuse(error, "the URL holds a '%' without two hexadecimal digits");
	}
	return 0;
}

/* Sets scheme, its defaults, and what follows it. */
static int parse_scheme(const char *text, struct url *url, const char **ret_rest,
			struct error *error)
{
	const char *colon = strchr(text, ':');

	for (size_t i = 0; colon && i < sizeof(schemes) / sizeof(*schemes); i++) {
		const struct scheme *scheme = &schemes[i];
		size_t length = strlen(scheme->name);

		if ((size_t)(colon - text) != length ||
		    strncasecmp(text, scheme->name, length) != 0)
			continue;
		url->scheme = mem_strdup(scheme->name);
		url->port = scheme->port;
		url->is_tls = scheme->is_tls;
		*ret_rest = colon + 1;
		return 0;
	}
	return refuse(error, "the URL does not begin with http://, https://, grpc://, grpcs:// or "
			     "unix:");
}

/* Percent-decodes; NULL when that gives a control character. */
static char *percent_decoded(const char *text, size_t length)
{
	CLEANUP_FREE char *out = mem_alloc(length + 1, 1);
	size_t written = 0;

	for (size_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)text[i];
		char digits[2];

		if (byte == '%') {
			digits[0] = (char)tolower((unsigned char)text[i + 1]);
			digits[1] = (char)tolower((unsigned char)text[i + 2]);
			if (encoding_base16_decode(digits, 2, &byte, 1) != 1)
				return NULL;
			i += 2;
		}
		if (byte < 0x20 || byte == 0x7f)
			return NULL;
		out[written++] = (char)byte;
	}
	return TAKE(out);
}

static int parse_user_info(const char *text, size_t length, struct url *url, struct error *error)
{
	const char *colon = memchr(text, ':', length);
	size_t user_length = colon ? (size_t)(colon - text) : length;

	url->user = percent_decoded(text, user_length);
	if (colon)
		url->password = percent_decoded(colon + 1, length - user_length - 1);
	if (!url->user || (colon && !url->password))
		return refuse(error, "the URL's user or password holds a control character");
	return 0;
}

static bool is_ip_literal(int family, const char *host)
{
	struct in6_addr address; /* large enough for both families */

	return inet_pton(family, host, &address) == 1;
}

/* Labels of letters, digits, '-' and '_' (Kubernetes and Windows names have some). A last label of
 * digits that is no whole IPv4 address ("127.1", "0x7f.1") would be read as one by some resolvers. */
static bool is_host_name(const char *host)
{
	const char *last = strrchr(host, '.');
	size_t label = 0;

	for (const char *c = host; *c; c++) {
		if (*c == '.' ? !label : !isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
		label = *c == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	last = last && last[1] ? last + 1 : host;
	return *host && strlen(host) <= MAX_HOST_BYTES && !isdigit((unsigned char)*last);
}

static int set_host(const char *text, size_t length, struct url *url, struct error *error)
{
	bool is_bracketed = length >= 2 && text[0] == '[' && text[length - 1] == ']';

	url->host = is_bracketed ? mem_strndup(text + 1, length - 2) : mem_strndup(text, length);
	for (char *c = url->host; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	url->is_ip_address = is_ip_literal(is_bracketed ? AF_INET6 : AF_INET, url->host);
	if (!*url->host)
		return refuse(error, "the URL has no host");
	if (!url->is_ip_address && (is_bracketed || !is_host_name(url->host)))
		return refuse(error, "the URL's host is neither a host name nor an address");
	return 0;
}

static int parse_host_and_port(const char *text, size_t length, struct url *url,
			       struct error *error)
{
	const char *bracket = memrchr(text, ']', length);
	const char *colon = memrchr(text, ':', length);
	unsigned long port;

	if (colon && bracket && colon < bracket)
		colon = NULL;
	if (colon) {
		CLEANUP_FREE char *digits =
			mem_strndup(colon + 1, length - (size_t)(colon + 1 - text));

		if (!text_to_number(digits, 1, 65535, &port))
			return refuse(error, "the URL's port is not a number from 1 to 65535");
		url->port = (uint16_t)port;
		url->has_port = true;
		length = (size_t)(colon - text);
	}
	return set_host(text, length, url, error);
}

static int set_path(const char *text, struct url *url, struct error *error)
{
	size_t length = strlen(text);

	if (strstr(text, "/./") || strstr(text, "/../") || text_ends_with(text, "/.") ||
	    text_ends_with(text, "/.."))
		return refuse(error, "the URL's path holds a \".\" or \"..\" segment");
	while (length && text[length - 1] == '/')
		length--;
	url->path = mem_strndup(text, length);
	return 0;
}

static int parse_authority(const char *text, size_t length, struct url *url, struct error *error)
{
	const char *at = memrchr(text, '@', length);
	size_t user_length = at ? (size_t)(at - text) : 0;

	if (at && parse_user_info(text, user_length, url, error))
		return -1;
	if (at) {
		text = at + 1;
		length -= user_length + 1;
	}
	return parse_host_and_port(text, length, url, error);
}

static int parse_into(const char *text, struct url *url, struct error *error)
{
	const char *rest;
	size_t length;

	if (check_characters(text, error) || parse_scheme(text, url, &rest, error))
		return -1;
	if (strcmp(url->scheme, "unix") == 0) {
		url->host = mem_strdup("");
		rest += text_starts_with(rest, "///") ? 2 : 0;
		if (rest[0] != '/' || !rest[1] || rest[1] == '/')
			return refuse(error, "a unix URL needs an absolute path");
		return set_path(rest, url, error);
	}
	if (!text_starts_with(rest, "//"))
		return refuse(error, "the URL has no \"//\" after its scheme");
	rest += 2;
	length = strcspn(rest, "/");
	if (parse_authority(rest, length, url, error))
		return -1;
	return set_path(rest + length, url, error);
}

int url_parse(const char *text, struct url *ret, struct error *error)
{
	CLEANUP(url_release) struct url url = {0};

	if (parse_into(text, &url, error))
		return -1;
	*ret = url;
	url = (struct url){0};
	return 0;
}

void url_release(struct url *url)
{
	free(url->scheme);
	free(url->user);
	free(url->password);
	free(url->host);
	free(url->path);
	*url = (struct url){0};
}

bool url_is_same(const struct url *left, const struct url *right)
{
	return strcmp(left->scheme, right->scheme) == 0 && strcmp(left->host, right->host) == 0 &&
	       left->port == right->port && strcmp(left->path, right->path) == 0;
}

char *url_display(const struct url *url)
{
	struct strbuf out = STRBUF_INIT(MAX_URL_BYTES + 16);
	bool has_brackets = strchr(url->host, ':');

	if (strcmp(url->scheme, "unix") == 0)
		return mem_format("unix:%s", url->path);
	strbuf_printf(&out, has_brackets ? "%s://[%s]" : "%s://%s", url->scheme, url->host);
	if (url->has_port)
		strbuf_printf(&out, ":%u", url->port);
	strbuf_puts(&out, url->path);
	return strbuf_take(&out);
}
