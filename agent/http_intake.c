/* SPDX-License-Identifier: Zlib */
/* What comes back for a request, within its bounds. */
#include "agent/http_intake.h"

#include "agent/http.h"
#include "agent/http_header.h"

void http_intake_begin(struct http_intake *intake, const struct http_request *request,
		       struct http_response *response)
{
	*intake = (struct http_intake){.request = request, .response = response};
	*response = (struct http_response){.failure = HTTP_INTERNAL};
	http_header_clear(response);
	strbuf_init(&response->body, request->max_body_bytes);
}

size_t http_intake_header(char *line, size_t size, size_t count, void *data)
{
	struct http_intake *intake = data;
	size_t length = size * count;

	intake->header_bytes += length;
	intake->has_head |= line[0] == '\r' || line[0] == '\n';
	if (intake->header_bytes > HTTP_MAX_HEADER_BYTES) {
		intake->is_too_large = true;
		return 0;
	}
	http_header_take(intake->request, line, length, intake->response);
	return length;
}

/* The sink itself sees to nothing but its own wishes. */
static bool hand_on(struct http_intake *intake, const char *bytes, size_t length)
{
	const struct http_request *request = intake->request;

	intake->body_bytes += length;
	intake->is_too_large = intake->body_bytes > request->max_body_bytes;
	if (intake->is_too_large)
		return false;
	intake->is_stopped = request->on_body(request->on_body_data, bytes, length) < 0;
	return !intake->is_stopped;
}

size_t http_intake_body(char *bytes, size_t size, size_t count, void *data)
{
	struct http_intake *intake = data;
	struct strbuf *body = &intake->response->body;

	if (intake->request->on_body)
		return hand_on(intake, bytes, size * count) ? size * count : 0;
	strbuf_add(body, bytes, size * count);
	if (!body->is_truncated)
		return size * count;
	intake->is_too_large = true;
	return 0;
}

void http_response_release(struct http_response *response)
{
	strbuf_release(&response->body);
	free(response->location);
	response->location = NULL;
}
