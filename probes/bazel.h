/* SPDX-License-Identifier: Zlib */
/* The bazel probe's own parts: what was collected, and who judges it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "agent/endpoint_connect.h"
#include "agent/grpc.h"
#include "agent/http.h"
#include "agent/reapi.h"

struct findings;

/* What became of one request. */
struct bazel_answer {
	bool is_asked;
	enum http_failure failure;
	long status; /* of HTTP */
	char content_type[128];
	char location[256]; /* of a redirect; cleaned */
	char detail[256];   /* of a failure: which address, what, how long */
};

struct bazel_evidence {
	bool is_grpc; /* grpc and grpcs; else http and https */
	bool is_upload_wanted;
	char authority[256];   /* why the CA file that the job names could not be read; "" */
	char credentials[256]; /* the same of the client certificate */
	enum resolve_outcome resolve;
	char resolve_detail[256];
	int64_t took_us; /* of the answer that decides */

	/* gRPC: GetCapabilities, and the health service as a second word */
	struct bazel_answer call;
	enum grpc_failure grpc;
	int grpc_status;
	char grpc_message[256];
	bool is_decoded; /* capabilities holds what the server said */
	struct reapi_capabilities capabilities;
	const char *health; /* "SERVING", …; NULL: not asked, or no answer of use */

	/* HTTP: the empty blob, which every cache that can have it has, and bazel-remote's page */
	struct bazel_answer head, get;
	bool is_blob_empty;   /* GET's body had no byte */
	bool is_tls_wanted;   /* GET's answer is a TLS server's complaint about plain HTTP */
	bool has_status_page; /* /status is bazel-remote's */
};

/* Judges (bazel_judge.c); pure. Adds findings about SUBJECT and returns whether the cache may be
 * configured. */
bool bazel_judge(const struct bazel_evidence *evidence, const char *subject,
		 struct findings *findings);
