/* SPDX-License-Identifier: Zlib */
/* URLs that something is fetched from. */
#include "agent/fetch_url.h"

#include <ctype.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_BYTES 8192u /* signed URLs of object stores have 1 to 2 KiB */
#define MAX_SHOWN_BYTES 1024u

/* Where the parts of "scheme://authority/path?query" begin; each ends where the next begins. */
struct parts {
	const char *path;  /* at "/", or at the query */
	const char *query; /* at "?", or at the end */
	const char *end;   /* at "#", or at the text's end */
};

static int check(const char *text, struct error *error)
{
	if (strlen(text) > MAX_BYTES)
		return error_set(error, ERROR_USAGE, "the URL is longer than %u bytes", MAX_BYTES);
	for (; *text; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"<>\\", *text))
			return error_set(error, ERROR_USAGE,
					 "the URL holds a character that no URL holds");
	return 0;
}

/* Of a text that begins at its path, or at its query. */
static struct parts split_path(const char *text)
{
	struct parts parts = {.path = text};

	parts.query = text + strcspn(text, "?#");
	parts.end = parts.query + strcspn(parts.query, "#");
	return parts;
}

/* Appends the path with its "." and ".." segments carried out (RFC 3986, 5.2.4). */
static void add_path(struct strbuf *out, const char *path, const char *end)
{
	size_t root = out->length;

	while (path < end) {
		const char *segment = path + (*path == '/');
		const char *next = memchr(segment, '/', (size_t)(end - segment));
		size_t length = (size_t)((next ? next : end) - segment);
		bool is_up = length == 2 && memcmp(segment, "..", 2) == 0;
		bool is_here = length == 1 && *segment == '.';
		const char *parent =
			is_up ? memrchr(out->data + root, '/', out->length - root) : NULL;

		if (parent)
			strbuf_truncate(out, (size_t)(parent - out->data));
		if (!is_up && !is_here)
			strbuf_putc(out, '/');
		else if (!next)
			strbuf_putc(out, '/'); /* what it names is a directory */
		if (!is_up && !is_here)
			strbuf_add(out, segment, length);
		path = segment + length;
	}
}

/* Puts the URL together from what stands before its path (LENGTH bytes of FRONT), its path and its
 * query, and takes it apart once more. */
static int compose(const char *front, size_t length, const struct parts *parts,
		   struct fetch_url *ret, struct error *error)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_BYTES);

	strbuf_add(&text, front, length);
	add_path(&text, parts->path, parts->query);
	if (url_parse(text.data, &ret->url, error))
		return -1;
	if (!text_starts_with(ret->url.scheme, "http"))
		return error_set(error, ERROR_USAGE, "the URL is neither http nor https");
	if (ret->url.user)
		return error_set(error, ERROR_USAGE,
				 "the URL holds a user name, which is not supported");
	/* libcurl drops that dot in one place and keeps it in another. */
	if (text_ends_with(ret->url.host, "."))
		return error_set(error, ERROR_USAGE, "the URL's host ends in a dot");
	/* Whoever looks at the text alone asks for it in lower case. */
	memcpy(text.data, ret->url.scheme, strlen(ret->url.scheme));
	strbuf_add(&text, parts->query, (size_t)(parts->end - parts->query));
	if (text.is_truncated)
		return error_set(error, ERROR_USAGE, "the URL is longer than %u bytes", MAX_BYTES);
	ret->text = strbuf_take(&text);
	return 0;
}

static int parse_absolute(const char *text, struct fetch_url *ret, struct error *error)
{
	const char *authority = strstr(text, "://");
	struct parts parts;

	if (!authority)
		return error_set(error, ERROR_USAGE, "the URL is neither http nor https");
	authority += 3;
	parts = split_path(authority + strcspn(authority, "/?#"));
	return compose(text, (size_t)(parts.path - text), &parts, ret, error);
}

int fetch_url_parse(const char *text, struct fetch_url *ret, struct error *error)
{
	*ret = (struct fetch_url){0};
	if (check(text, error))
		return -1;
	return parse_absolute(text, ret, error);
}

/* "scheme:" with nothing before it that could be a path's or a query's. */
static bool has_scheme(const char *text)
{
	size_t length = 0;

	while (isalnum((unsigned char)text[length]) ||
	       (text[length] && strchr("+-.", text[length])))
		length++;
	return isalpha((unsigned char)*text) && text[length] == ':';
}

int fetch_url_resolve(const struct fetch_url *base, const char *location, struct fetch_url *ret,
		      struct error *error)
{
	const char *authority = strstr(base->text, "://") + 3;
	struct parts old = split_path(authority + strcspn(authority, "/?"));
	struct parts new = split_path(location);
	size_t origin_length = (size_t)(old.path - base->text);
	const char *directory = memrchr(old.path, '/', (size_t)(old.query - old.path));
	CLEANUP_FREE char *joined = NULL;

	*ret = (struct fetch_url){0};
	if (check(location, error))
		return -1;
	if (has_scheme(location))
		return parse_absolute(location, ret, error);
	if (text_starts_with(location, "//")) {
		joined = mem_format("%s:%s", base->url.scheme, location);
		return parse_absolute(joined, ret, error);
	}
	if (new.path == new.query) /* another query of the same path, or nothing new at all */
		joined = mem_format("%.*s%s", (int)(old.query - old.path), old.path,
				    new.query == new.end ? old.query : new.query);
	else if (*location == '/')
		joined = mem_strdup(location);
	else
		joined = mem_format("%.*s/%s", directory ? (int)(directory - old.path) : 0,
				    old.path, location);
	new = split_path(joined);
	return compose(base->text, origin_length, &new, ret, error);
}

void fetch_url_release(struct fetch_url *url)
{
	free(url->text);
	url->text = NULL;
	url_release(&url->url);
}

char *fetch_url_shown(const char *text)
{
	CLEANUP_FREE char *front = mem_strndup(text, strcspn(text, "?#"));
	struct strbuf out = STRBUF_INIT(MAX_SHOWN_BYTES);

	text_redact_urls(&out, front);
	return strbuf_take(&out);
}
