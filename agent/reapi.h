/* SPDX-License-Identifier: Zlib */
/* The few messages of Bazel's Remote Execution API, version 2, that a cache is proven by
 * (remote_execution.proto), and gRPC's health check. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

#define REAPI_CAPABILITIES_METHOD "build.bazel.remote.execution.v2.Capabilities/GetCapabilities"
#define REAPI_HEALTH_METHOD "grpc.health.v1.Health/Check"

/* Numbers of enum DigestFunction and enum Compressor; a set of them is a mask of 1u << number. */
#define REAPI_SHA256 1u
#define REAPI_ZSTD 1u

struct reapi_version {
	int64_t major, minor, patch; /* 0 for what is absent */
	bool is_present;
};

/* The answer to GetCapabilities. */
struct reapi_capabilities {
	bool has_cache;         /* it speaks of a cache at all */
	bool has_execution;     /* it is (also) an executor */
	bool is_update_enabled; /* clients may write to the action cache */
	uint32_t digest_functions;
	uint32_t compressors;       /* for whole blobs (ByteStream) */
	uint32_t batch_compressors; /* for batch updates */
	int64_t max_batch_bytes;    /* 0: no limit stated */
	int64_t max_blob_bytes;     /* 0: no limit stated */
	struct reapi_version low, high;
};

/* Decodes a ServerCapabilities message. Returns 0, or -1 when it is no such message. */
int reapi_decode_capabilities(const uint8_t *bytes, size_t length, struct reapi_capabilities *ret);

/* Decodes a HealthCheckResponse. Returns 0 and "SERVING", "NOT_SERVING", …; or -1. */
int reapi_decode_health(const uint8_t *bytes, size_t length, const char **ret_name);

/* Append the names of a set, one a line: "sha256", "blake3"; "zstd", "brotli". */
void reapi_digest_names(uint32_t digest_functions, struct strbuf *out);
void reapi_compressor_names(uint32_t compressors, struct strbuf *out);
