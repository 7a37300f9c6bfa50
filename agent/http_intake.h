/* SPDX-License-Identifier: Zlib */
/* What comes back for a request: header lines and body, within the request's bounds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_request;
struct http_response;

struct http_intake {
	const struct http_request *request;
	struct http_response *response;
	size_t header_bytes;
	uint64_t body_bytes;
	bool is_too_large; /* more came than the request allows */
	bool is_stopped;   /* the request's on_body wanted no more */
	bool has_head;     /* the blank line behind the headers came */
};

/* Fills RESPONSE as it is before anything came: HTTP_INTERNAL, nothing known. */
void http_intake_begin(struct http_intake *intake, const struct http_request *request,
		       struct http_response *response);

/* Take COUNT times SIZE bytes, as libcurl hands them over; DATA is the struct http_intake. Return how
 * many were taken: all, or none, which ends the transfer. */
size_t http_intake_header(char *line, size_t size, size_t count, void *data);
size_t http_intake_body(char *bytes, size_t size, size_t count, void *data);
