/* SPDX-License-Identifier: Zlib */
/* Header lines as a server wrote them, taken apart. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct http_response;

/* Forgets what header lines said. */
void http_header_clear(struct http_response *response);

/* Takes a line of LENGTH bytes into RESPONSE (status, content_type, location, lengths and ranges) and
 * hands it to the request's on_header. A status line ("HTTP/…") begins a response: what an interim
 * one (103) said is void. */
void http_header_take(const struct http_request *request, const char *line, size_t length,
		      struct http_response *response);

/* Takes "Name: value\r\n" apart: the name in lower case into NAME (of SIZE bytes), the value without
 * blanks around it into fresh memory. Returns false, and gives nothing, for what is no header line:
 * a status line, the blank line at the end, a name that is empty, too long or of other characters. */
bool http_header_split(const char *line, size_t length, char *name, size_t size, char **ret_value);

/* Reads a Content-Range like "bytes 5-9/10" (RFC 9110, 14.4): where the part begins and how long the
 * whole is; -1 where a "*" stands. Returns false, and gives nothing, for anything else. */
bool http_header_content_range(const char *value, int64_t *ret_start, int64_t *ret_total);
