/* SPDX-License-Identifier: Zlib */
/* Header lines as a server wrote them, taken apart. */
#include "agent/http_header.h"

#include <ctype.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/http.h"
#include "agent/mem.h"

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

void http_header_take(const struct http_request *request, const char *line, size_t length,
		      struct http_response *response)
{
	char name[MAX_NAME_BYTES];
	CLEANUP_FREE char *value = NULL;

	if (is_status_line(line, length)) {
		free(response->location);
		response->location = NULL;
		response->content_type[0] = '\0';
		return;
	}
	if (!http_header_split(line, length, name, sizeof(name), &value))
		return;
	if (request->on_header)
		request->on_header(request->on_header_data, name, value);
	if (strcmp(name, "content-type") == 0)
		take_media_type(value, response->content_type, sizeof(response->content_type));
	if (strcmp(name, "location") == 0) {
		free(response->location);
		response->location = TAKE(value);
	}
}
