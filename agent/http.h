/* SPDX-License-Identifier: Zlib */
/* HTTP by libcurl, with bounded time and memory. The only file that names libcurl is http.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/strbuf.h"

/* What went wrong below HTTP, told apart as a person would want it. */
enum http_failure {
	HTTP_OK,      /* a complete response came, whatever its status */
	HTTP_STOPPED, /* the request's on_body wanted no more */
	HTTP_REFUSED,
	HTTP_UNREACHABLE, /* no route, network down: see os_errno */
	HTTP_CONNECT_TIMEOUT,
	HTTP_RESPONSE_TIMEOUT, /* connected, then silence (or a crawl) until the deadline */
	HTTP_RESET,            /* closed or reset before the response was complete */
	HTTP_TRUNCATED,        /* fewer bytes than Content-Length promised */
	HTTP_TOO_LARGE,        /* body or headers beyond the caller's bounds */
	HTTP_NOT_HTTP,         /* the other side does not speak the protocol asked for */
	HTTP_TLS_EXPIRED,
	HTTP_TLS_NOT_YET_VALID, /* of a server's certificate whose time has not come: mind the clock */
	HTTP_TLS_WRONG_HOST,
	HTTP_TLS_UNTRUSTED,          /* unknown issuer, self-signed */
	HTTP_TLS_PROTOCOL,           /* handshake failed: no TLS there, no common version */
	HTTP_TLS_CLIENT_CERTIFICATE, /* the client certificate or key cannot be used, or is demanded */
	HTTP_NO_CA,                  /* no CA certificates found, or none that can be read */
	HTTP_PROXY,                  /* the proxy refused or failed */
	HTTP_INTERNAL,               /* libcurl failed in another way: see message */
	HTTP_FAILURE_COUNT
};

enum http_version { HTTP_VERSION_1_1, HTTP_VERSION_2_PRIOR_KNOWLEDGE, HTTP_VERSION_2_TLS };

#define HTTP_MAX_HEADERS 8u
#define HTTP_MAX_HEADER_BYTES 65536u /* of one response, all header and trailer lines together */

struct ca_search;

/* PEM text of a client certificate or key, as it was read from its file. */
struct http_pem {
	const void *bytes; /* NULL: none */
	size_t length;
};

struct http_request {
	const char *url;     /* http or https, without user info */
	const char *address; /* literal address to connect to; the host in URL is never looked up */
	const char *unix_socket; /* a socket's path, in place of the address; NULL: none */
	/* http or https, with its port, may hold user info: https goes through CONNECT, http as an
	 * absolute URI, and `address` is not used. NULL: none. */
	const char *proxy;
	const char *proxy_address; /* literal address of the proxy; its host is never looked up */
	const char *method;        /* NULL: GET, or POST when there is a body */
	enum http_version version;
	const void *body;
	size_t body_length;
	const char *headers[HTTP_MAX_HEADERS]; /* "name: value"; NULL-terminated */
	const char *bearer_token;              /* secret; NULL: none */
	const char *user, *password;           /* basic auth; NULL: none */
	struct http_pem client_certificate, client_key;
	const struct ca_search *ca;      /* https: ca_search_find's; NULL ends in HTTP_NO_CA */
	uint64_t range_from;             /* asks for the bytes from here on; 0: for all */
	size_t max_body_bytes;           /* a longer one ends in HTTP_TOO_LARGE */
	unsigned int connect_timeout_ms; /* 0: the rest of timeout_ms */
	unsigned int timeout_ms;         /* for the whole request */
	/* Slower than this for so long ends in HTTP_RESPONSE_TIMEOUT; 0: may be as slow as it is. */
	unsigned int low_speed_bytes_per_s, low_speed_s;
	/* Called for every header and trailer line, name in lower case; may be NULL. */
	void (*on_header)(void *data, const char *name, const char *value);
	void *on_header_data;
	/* Gets the body piece by piece, whatever the status; returns -1 to stop (HTTP_STOPPED). The
	 * response's status and what its header lines said are there by then. NULL: the body goes
	 * to the response. */
	int (*on_body)(void *data, const void *bytes, size_t length);
	void *on_body_data;
};

struct http_response {
	enum http_failure failure;
	long status;            /* 0 when there is none */
	struct strbuf body;     /* released by http_response_release */
	char content_type[128]; /* without parameters, lower case; "" when absent */
	char *location; /* of a redirect, as the server wrote it (redirects are not followed) */
	int64_t content_length;           /* of the body, as the server says; -1: it does not */
	int64_t range_start, range_total; /* Content-Range; -1: none, "*", or not understood */
	int64_t retry_after_s;            /* Retry-After in seconds; -1: none, or a date */
	bool accepts_ranges;              /* Accept-Ranges: bytes */
	bool is_encoded;                  /* a Content-Encoding, which was not asked for */
	long proxy_status;                /* of the proxy's answer to CONNECT; 0: none */
	int os_errno;      /* of HTTP_UNREACHABLE and HTTP_RESET; 0 when there is none */
	char message[256]; /* libcurl's own words, cleaned; for people, never for decisions */
	int64_t took_us;
};

/* Once in the parent, before the first fork; digest_initialise comes first. */
void http_initialise(void);

/* One connection for several requests to the same host; http_close frees. */
struct http_connection;
struct http_connection *http_open(void);
void http_close(struct http_connection *connection);

/* Sends REQUEST and fills RESPONSE (also on failure). Never follows redirects, never uses a proxy that
 * the request does not name, never reads netrc or cookies. SIGPIPE is the caller's to ignore, as each probe's process does. */
void http_perform(struct http_connection *connection, const struct http_request *request,
		  struct http_response *response);
void http_response_release(struct http_response *response);

/* One plain sentence part for a failure: "connection refused", "the certificate has expired". */
const char *http_failure_text(enum http_failure failure);

/* What a proxy's status asks for, behind it: ", it wants a user name and a password"; "" for the rest. */
const char *http_proxy_wish(long status);

/* The library's version, for `spinup version`. */
const char *http_library_version(void);
