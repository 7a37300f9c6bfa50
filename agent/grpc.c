/* SPDX-License-Identifier: Zlib */
/* One unary gRPC call over HTTP/2. */
#include "agent/grpc.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/mem.h"
#include "agent/text.h"

#define CONTENT_TYPE "application/grpc"
#define FRAME_HEADER_BYTES 5u
#define MAX_MESSAGE_BYTES 65536u /* of a request */
#define MAX_TIMEOUT_MS 99999999u /* eight digits, says the protocol */

/* What the headers and trailers say; the trailers come last, and win. */
struct status_lines {
	int status;
	char *message;
};

static void on_header(void *data, const char *name, const char *value)
{
	struct status_lines *lines = data;
	unsigned long status;

	if (strcmp(name, "grpc-status") == 0)
		lines->status = text_to_number(value, 0, 999, &status) ? (int)status : -1;
	if (strcmp(name, "grpc-message") == 0) {
		free(lines->message);
		lines->message = mem_strdup(value);
	}
}

/* "%0A" at TEXT to a byte; false when no two digits follow the '%'. */
static bool decode_percent(const char *text, uint8_t *ret)
{
	char digits[2];

	if (text[0] != '%' || !text[1] || !text[2])
		return false;
	digits[0] = (char)tolower((unsigned char)text[1]);
	digits[1] = (char)tolower((unsigned char)text[2]);
	return encoding_base16_decode(digits, 2, ret, 1) == 1;
}

void grpc_decode_message(const char *text, char *ret, size_t size)
{
	CLEANUP_STRBUF struct strbuf decoded = STRBUF_INIT(4 * size);
	CLEANUP_STRBUF struct strbuf cleaned = STRBUF_INIT(size - 1);

	for (; text && *text; text++) {
		uint8_t byte = (uint8_t)*text;

		if (decode_percent(text, &byte))
			text += 2;
		strbuf_putc(&decoded, byte ? (char)byte : ' ');
	}
	text_clean(&cleaned, decoded.data, size - 1);
	memcpy(ret, cleaned.data, cleaned.length + 1);
}

/* The one message of the body: 1 byte "compressed", 4 bytes length, the message, and nothing more. */
static bool take_frame(struct grpc_response *response)
{
	const uint8_t *bytes = (const uint8_t *)response->http.body.data;
	size_t length = response->http.body.length;
	size_t stated;

	if (length < FRAME_HEADER_BYTES || bytes[0] != 0)
		return false;
	stated = (size_t)bytes[1] << 24 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 8 | bytes[4];
	if (stated != length - FRAME_HEADER_BYTES)
		return false;
	response->payload = bytes + FRAME_HEADER_BYTES;
	response->payload_length = stated;
	return true;
}

/* "application/grpc", or with the message's own format behind a '+'; "application/grpc-web" is another
 * protocol. */
static bool is_grpc_type(const char *content_type)
{
	const size_t length = strlen(CONTENT_TYPE);

	return text_starts_with(content_type, CONTENT_TYPE) &&
	       (!content_type[length] || content_type[length] == '+');
}

enum grpc_failure grpc_judge(struct grpc_response *response)
{
	const struct http_response *http = &response->http;
	bool is_grpc = http->status == 200 && is_grpc_type(http->content_type);

	/* A refusal counts even where the stream was reset behind it, or a proxy made it. */
	if (response->status > 0 && (http->failure == HTTP_OK || http->failure == HTTP_RESET))
		return GRPC_STATUS;
	/* It began well, and then came more than may come, or what breaks the protocol. */
	if (is_grpc && (http->failure == HTTP_TOO_LARGE || http->failure == HTTP_NOT_HTTP))
		return GRPC_BAD_FRAME;
	if (http->failure != HTTP_OK)
		return GRPC_TRANSPORT;
	if (!is_grpc)
		return GRPC_NOT_GRPC;
	if (response->status < 0)
		return GRPC_NO_STATUS;
	return take_frame(response) ? GRPC_OK : GRPC_BAD_FRAME;
}

/* "scheme://host:port" of URL, and the method's path. */
static char *method_url(const char *url, const char *service_method)
{
	const char *host = strstr(url, "://");
	size_t length = host ? (size_t)(host + 3 - url) + strcspn(host + 3, "/") : strlen(url);

	return mem_format("%.*s/%s", (int)length, url, service_method);
}

static void add_header(struct http_request *request, const char *line)
{
	size_t i = 0;

	while (i + 1 < HTTP_MAX_HEADERS && request->headers[i])
		i++;
	request->headers[i] = line;
}

static void frame_message(const struct strbuf *message, struct strbuf *out)
{
	size_t length = message ? message->length : 0;
	const uint8_t header[FRAME_HEADER_BYTES] = {
		0,
		(uint8_t)(length >> 24),
		(uint8_t)(length >> 16),
		(uint8_t)(length >> 8),
		(uint8_t)length,
	};

	strbuf_add(out, header, sizeof(header));
	if (message)
		strbuf_add(out, message->data, length);
}

void grpc_call(struct http_connection *connection, const struct http_request *base,
	       const char *service_method, const struct strbuf *message,
	       struct grpc_response *response)
{
	/* The server gives up a little earlier than we do, so that its own word can arrive. */
	unsigned int timeout_ms = base->timeout_ms - base->timeout_ms / 10;
	CLEANUP_FREE char *timeout = mem_format(
		"grpc-timeout: %um", timeout_ms < MAX_TIMEOUT_MS ? timeout_ms : MAX_TIMEOUT_MS);
	CLEANUP_FREE char *url = method_url(base->url, service_method);
	CLEANUP_STRBUF struct strbuf body = STRBUF_INIT(FRAME_HEADER_BYTES + MAX_MESSAGE_BYTES);
	struct status_lines lines = {.status = -1};
	struct http_request request = *base;

	*response = (struct grpc_response){0};
	frame_message(message, &body);
	request.url = url;
	request.method = NULL;
	request.body = body.data;
	request.body_length = body.length;
	request.version = text_starts_with(url, "https:") ? HTTP_VERSION_2_TLS
							  : HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	add_header(&request, "content-type: " CONTENT_TYPE);
	add_header(&request, "te: trailers");
	add_header(&request, timeout);
	request.on_header = on_header;
	request.on_header_data = &lines;
	http_perform(connection, &request, &response->http);
	response->status = lines.status;
	grpc_decode_message(lines.message, response->message, sizeof(response->message));
	free(lines.message);
	response->failure = grpc_judge(response);
}

void grpc_response_release(struct grpc_response *response)
{
	http_response_release(&response->http);
	response->payload = NULL;
	response->payload_length = 0;
}

const char *grpc_status_name(int status)
{
	static const char *const names[] = {
		"OK",
		"CANCELLED",
		"UNKNOWN",
		"INVALID_ARGUMENT",
		"DEADLINE_EXCEEDED",
		"NOT_FOUND",
		"ALREADY_EXISTS",
		"PERMISSION_DENIED",
		"RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION",
		"ABORTED",
		"OUT_OF_RANGE",
		"UNIMPLEMENTED",
		"INTERNAL",
		"UNAVAILABLE",
		"DATA_LOSS",
		"UNAUTHENTICATED",
	};
	size_t count = sizeof(names) / sizeof(names[0]);

	return status >= 0 && (size_t)status < count ? names[status]
						     : "a status that is not defined";
}
