/* SPDX-License-Identifier: Zlib */
/* HTTP by libcurl, with bounded time and memory. The only file that names libcurl is http.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/strbuf.h"

/* What went wrong below HTTP, told apart as a person would want it. */
enum http_failure {
	HTTP_OK, /* a complete response came, whatever its status */
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
	const char *method;  /* NULL: GET, or POST when there is a body */
	enum http_version version;
	const void *body;
	size_t body_length;
	const char *headers[HTTP_MAX_HEADERS]; /* "name: value"; NULL-terminated */
	const char *bearer_token;              /* secret; NULL: none */
	const char *user, *password;           /* basic auth; NULL: none */
	struct http_pem client_certificate, client_key;
	const struct ca_search *ca; /* https: ca_search_find's; NULL ends in HTTP_NO_CA */
	size_t max_body_bytes;
	unsigned int connect_timeout_ms; /* 0: the rest of timeout_ms */
	unsigned int timeout_ms;         /* for the whole request */
	/* Called for every header and trailer line, name in lower case; may be NULL. */
	void (*on_header)(void *data, const char *name, const char *value);
	void *on_header_data;
};

struct http_response {
	enum http_failure failure;
	long status;            /* 0 when there is none */
	struct strbuf body;     /* released by http_response_release */
	char content_type[128]; /* without parameters, lower case; "" when absent */
	char *location;    /* of a redirect, as the server wrote it (redirects are not followed) */
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

/* Sends REQUEST and fills RESPONSE (also on failure). Never follows redirects, never uses a proxy,
 * never reads netrc or cookies. SIGPIPE is the caller's to ignore, as each probe's process does. */
void http_perform(struct http_connection *connection, const struct http_request *request,
		  struct http_response *response);
void http_response_release(struct http_response *response);

/* One plain sentence part for a failure: "connection refused", "the certificate has expired". */
const char *http_failure_text(enum http_failure failure);

/* The library's version, for `spinup version`. */
const char *http_library_version(void);
