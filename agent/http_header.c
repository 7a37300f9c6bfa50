/* SPDX-License-Identifier: Zlib */
/* Header lines as a server wrote them, taken apart. */
#include "agent/http_header.h"

#include <ctype.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/http.h"
#include "agent/mem.h"
#include "agent/text.h"

#define MAX_NAME_BYTES 128u

/* RFC 9110, 5.6.2: what a field name consists of. */
static bool is_token_character(char c)
{
	return c && (isalnum((unsigned char)c) || strchr("!#$%&'*+-.^_`|~", c));
}

bool http_header_split(const char *line, size_t length, char *name, size_t size, char **ret_value)
{
	const char *colon = memchr(line, ':', length);
	size_t name_length = colon ? (size_t)(colon - line) : 0;
	size_t value_at = name_length + 1;

	if (!name_length || name_length >= size)
		return false;
	for (size_t i = 0; i < name_length; i++)
		if (!is_token_character(line[i]))
			return false;
	while (length > value_at && isspace((unsigned char)line[length - 1]))
		length--;
	while (value_at < length && isspace((unsigned char)line[value_at]))
		value_at++;
	for (size_t i = 0; i < name_length; i++)
		name[i] = (char)tolower((unsigned char)line[i]);
	name[name_length] = '\0';
	*ret_value = mem_strndup(line + value_at, length - value_at);
	return true;
}

/* "text/html" of "Text/HTML; charset=utf-8", cut to SIZE. */
static void take_media_type(const char *value, char *ret, size_t size)
{
	size_t length = 0;

	while (length + 1 < size && value[length] && !strchr("; \t", value[length])) {
		ret[length] = (char)tolower((unsigned char)value[length]);
		length++;
	}
	ret[length] = '\0';
}

static bool is_status_line(const char *line, size_t length)
{
	return length > 5 && memcmp(line, "HTTP/", 5) == 0;
}

/* The three digits of "HTTP/1.1 206 Partial Content", 0 where there are none. */
static long status_of(const char *line, size_t length)
{
	const char *blank = memchr(line, ' ', length);
	CLEANUP_FREE char *digits = NULL;
	unsigned long status;

	if (!blank || length - (size_t)(blank - line) < 4)
		return 0;
	digits = mem_strndup(blank + 1, 3);
	return text_to_number(digits, 100, 999, &status) ? (long)status : 0;
}

static int64_t number_or_minus_one(const char *text)
{
	unsigned long number;

	return text_to_number(text, 0, INT64_MAX, &number) ? (int64_t)number : -1;
}

/* ---- parts of a file */

static bool is_part(const char *part, int64_t total, int64_t *ret_start)
{
	const char *dash = strchr(part, '-');
	CLEANUP_FREE char *start = dash ? mem_strndup(part, (size_t)(dash - part)) : NULL;
	int64_t first = start ? number_or_minus_one(start) : -1;
	int64_t last = dash ? number_or_minus_one(dash + 1) : -1;

	*ret_start = first;
	return first >= 0 && last >= first && (total < 0 || last < total);
}

bool http_header_content_range(const char *value, int64_t *ret_start, int64_t *ret_total)
{
	const char *slash = strchr(value, '/');
	CLEANUP_FREE char *part = NULL;
	bool has_total = slash && strcmp(slash + 1, "*") != 0;
	int64_t total = has_total ? number_or_minus_one(slash + 1) : -1;
	int64_t start = -1;

	if (!slash || strncasecmp(value, "bytes ", 6) != 0 || (has_total && total < 0))
		return false;
	part = mem_strndup(value + 6, (size_t)(slash - value) - 6);
	if (strcmp(part, "*") != 0 && !is_part(part, total, &start))
		return false;
	*ret_start = start;
	*ret_total = total;
	return true;
}

/* ---- a response */

void http_header_clear(struct http_response *response)
{
	free(response->location);
	response->location = NULL;
	response->content_type[0] = '\0';
	response->content_length = -1;
	response->range_start = -1;
	response->range_total = -1;
	response->retry_after_s = -1;
	response->accepts_ranges = false;
	response->is_encoded = false;
}

/* What tells how much comes, which part of it, and in which form. */
static void take_extent(const char *name, const char *value, struct http_response *response)
{
	if (strcmp(name, "content-length") == 0)
		response->content_length = number_or_minus_one(value);
	else if (strcmp(name, "content-range") == 0)
		(void)http_header_content_range(value, &response->range_start,
						&response->range_total);
	else if (strcmp(name, "accept-ranges") == 0)
		response->accepts_ranges = strcasecmp(value, "bytes") == 0;
	else if (strcmp(name, "content-encoding") == 0)
		response->is_encoded = *value && strcasecmp(value, "identity") != 0;
	else if (strcmp(name, "retry-after") == 0)
		response->retry_after_s = number_or_minus_one(value);
}

void http_header_take(const struct http_request *request, const char *line, size_t length,
		      struct http_response *response)
{
	char name[MAX_NAME_BYTES];
	CLEANUP_FREE char *value = NULL;

	if (is_status_line(line, length)) {
		http_header_clear(response);
		response->status = status_of(line, length);
		return;
	}
	if (!http_header_split(line, length, name, sizeof(name), &value))
		return;
	if (request->on_header)
		request->on_header(request->on_header_data, name, value);
	take_extent(name, value, response);
	if (strcmp(name, "content-type") == 0)
		take_media_type(value, response->content_type, sizeof(response->content_type));
	if (strcmp(name, "location") == 0) {
		free(response->location);
		response->location = TAKE(value);
	}
}
