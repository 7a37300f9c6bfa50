/* SPDX-License-Identifier: Zlib */
/* Header lines as a server wrote them, taken apart. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct http_request;
struct http_response;

/* Takes a line of LENGTH bytes into RESPONSE (content_type, location) and hands it to the request's
 * on_header. A status line ("HTTP/…") begins a response: what an interim one (103) said is void. */
void http_header_take(const struct http_request *request, const char *line, size_t length,
		      struct http_response *response);

/* Takes "Name: value\r\n" apart: the name in lower case into NAME (of SIZE bytes), the value without
 * blanks around it into fresh memory. Returns false, and gives nothing, for what is no header line:
 * a status line, the blank line at the end, a name that is empty, too long or of other characters. */
bool http_header_split(const char *line, size_t length, char *name, size_t size, char **ret_value);
