/* SPDX-License-Identifier: Zlib */
/* One unary gRPC call over http.h (gRPC over HTTP/2; the specification is PROTOCOL-HTTP2.md). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/http.h"

enum grpc_failure {
	GRPC_OK,        /* status 0 and exactly one whole message */
	GRPC_TRANSPORT, /* see response.http.failure */
	GRPC_NOT_GRPC,  /* HTTP answered, but not gRPC: status or content type in http */
	GRPC_STATUS,    /* the server's own refusal: status and message */
	GRPC_NO_STATUS, /* the answer ended without grpc-status */
	GRPC_BAD_FRAME, /* no, several, cut, oversized or compressed messages */
};

struct grpc_response {
	enum grpc_failure failure;
	struct http_response http;
	int status;             /* grpc-status 0..16, or -1 when none came */
	char message[256];      /* grpc-message, percent-decoded and cleaned */
	const uint8_t *payload; /* the message's bytes, inside http.body */
	size_t payload_length;
};

/* Calls /SERVICE/METHOD at BASE (its url, address, auth, TLS and timeouts; its path is replaced by
 * the method's) with an encoded request message (NULL: one without fields, which has no bytes).
 * Fills RESPONSE, which grpc_response_release releases. */
void grpc_call(struct http_connection *connection, const struct http_request *base,
	       const char *service_method, const struct strbuf *message,
	       struct grpc_response *response);
void grpc_response_release(struct grpc_response *response);

/* The parts of it that are pure. grpc_judge reads http and status, and sets payload; its verdict is
 * what grpc_call puts into failure. grpc_decode_message undoes the percent-encoding of a
 * grpc-message (NULL: none) and cleans it into RET of SIZE bytes. */
enum grpc_failure grpc_judge(struct grpc_response *response);
void grpc_decode_message(const char *text, char *ret, size_t size);

/* Numbers of the specification that decide something. */
enum grpc_status {
	GRPC_STATUS_DEADLINE_EXCEEDED = 4,
	GRPC_STATUS_PERMISSION_DENIED = 7,
	GRPC_STATUS_UNIMPLEMENTED = 12,
	GRPC_STATUS_UNAVAILABLE = 14,
	GRPC_STATUS_UNAUTHENTICATED = 16,
};

/* "UNAVAILABLE" for 14; static. */
const char *grpc_status_name(int status);
