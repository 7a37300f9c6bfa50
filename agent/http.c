/* SPDX-License-Identifier: Zlib */
/* HTTP by libcurl, with bounded time and memory. */
#include "agent/http.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/http_failure.h"
#include "agent/http_header.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/version.h"

#define MAX_CODE 100u /* CURLE_TOO_LARGE, from 8.6 */
#define ALERT_MS 200  /* in which a server says why it hangs up */

struct http_connection {
	CURL *easy; /* NULL when libcurl could not be initialised */
};

/* What lives as long as one request. */
struct transfer {
	const struct http_request *request;
	struct http_response *response;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	size_t header_bytes;
	bool is_too_large; /* a callback refused more */
	bool has_head;     /* the blank line behind the headers came */
	char error[CURL_ERROR_SIZE];
};

void http_initialise(void)
{
	/* libcurl would write TLS secrets to the file that the job's environment names. */
	CLEANUP_FREE char *key_log = mem_strdup(getenv("SSLKEYLOGFILE"));

	(void)unsetenv("SSLKEYLOGFILE");
	(void)curl_global_init(CURL_GLOBAL_DEFAULT); /* http_perform reports a failure */
	if (key_log)
		(void)setenv("SSLKEYLOGFILE", key_log, 1);
}

struct http_connection *http_open(void)
{
	struct http_connection *connection = mem_alloc(1, sizeof(*connection));

	connection->easy = curl_easy_init();
	return connection;
}

void http_close(struct http_connection *connection)
{
	if (!connection)
		return;
	if (connection->easy)
		curl_easy_cleanup(connection->easy);
	free(connection);
}

/* ---- what comes back */

static size_t on_header(char *line, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	size_t length = size * count;

	transfer->header_bytes += length;
	transfer->has_head |= line[0] == '\r' || line[0] == '\n';
	if (transfer->header_bytes > HTTP_MAX_HEADER_BYTES) {
		transfer->is_too_large = true;
		return 0;
	}
	http_header_take(transfer->request, line, length, transfer->response);
	return length;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *data)
{
	struct transfer *transfer = data;
	struct strbuf *body = &transfer->response->body;

	strbuf_add(body, bytes, size * count);
	if (!body->is_truncated)
		return size * count;
	transfer->is_too_large = true;
	return 0;
}

/* ---- what goes out */

static void set_basics(CURL *easy, struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	static const long versions[] = {
		[HTTP_VERSION_1_1] = CURL_HTTP_VERSION_1_1,
		[HTTP_VERSION_2_PRIOR_KNOWLEDGE] = CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE,
		[HTTP_VERSION_2_TLS] = CURL_HTTP_VERSION_2TLS,
	};
	unsigned int connect_ms =
		request->connect_timeout_ms ? request->connect_timeout_ms : request->timeout_ms;

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[request->version]);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "spinup/" SPINUP_VERSION);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect_ms);
}

static void set_method(CURL *easy, const struct http_request *request)
{
	if (request->body) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
				 (curl_off_t)request->body_length);
	}
	if (request->method && strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (request->method)
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	/* Of a Content-Length; on_body sees to what really comes. */
	curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)request->max_body_bytes);
}

static void set_auth(CURL *easy, const struct http_request *request)
{
	if (request->bearer_token) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(easy, CURLOPT_XOAUTH2_BEARER, request->bearer_token);
	} else if (request->user) {
		curl_easy_setopt(easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(easy, CURLOPT_USERNAME, request->user);
		curl_easy_setopt(easy, CURLOPT_PASSWORD,
				 request->password ? request->password : "");
	}
}

/* The library reads PEM text in place; that its structure's member is not const means nothing. */
static void set_pem(CURL *easy, CURLoption option, const void *bytes, size_t length)
{
	struct curl_blob blob = {.data = (void *)bytes, .len = length, .flags = CURL_BLOB_NOCOPY};

	if (bytes)
		curl_easy_setopt(easy, option, &blob);
}

static void set_tls(CURL *easy, const struct http_request *request)
{
	const struct ca_search *ca = request->ca;

	/* The library's own paths are the build machine's, and its variables the job's. */
	curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_CAPATH, ca ? ca->directory : NULL);
	if (ca && !ca->directory)
		set_pem(easy, CURLOPT_CAINFO_BLOB, ca->bundle.data, ca->bundle.length);
	set_pem(easy, CURLOPT_SSLCERT_BLOB, request->client_certificate.bytes,
		request->client_certificate.length);
	set_pem(easy, CURLOPT_SSLKEY_BLOB, request->client_key.bytes, request->client_key.length);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
}

/* Returns whether all headers are fit to be sent. */
static bool set_headers(CURL *easy, struct transfer *transfer)
{
	const char *const *headers = transfer->request->headers;

	for (size_t i = 0; i < HTTP_MAX_HEADERS && headers[i]; i++) {
		if (strpbrk(headers[i], "\r\n"))
			return false;
		transfer->headers = curl_slist_append(transfer->headers, headers[i]);
	}
	transfer->headers = curl_slist_append(transfer->headers, "Expect:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	return true;
}

/* libcurl never looks a name up: the address is handed in for the URL's host and port. */
static bool set_address(CURL *easy, struct transfer *transfer)
{
	const char *address = transfer->request->address;
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL;
	bool is_valid = url &&
			curl_url_set(url, CURLUPART_URL, transfer->request->url, 0) == CURLUE_OK &&
			curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
			curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;

	if (is_valid && address && *host != '[') { /* a literal address needs no look-up */
		CLEANUP_FREE char *entry = mem_format(
			strchr(address, ':') ? "%s:%s:[%s]" : "%s:%s:%s", host, port, address);

		transfer->resolve = curl_slist_append(NULL, entry);
		curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolve);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return is_valid;
}

/* ---- what it means */

/* One time is of a new connection, the other of a request on one that was there already. */
static bool was_connected(CURL *easy)
{
	curl_off_t connect_us = 0, pretransfer_us = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connect_us);
	(void)curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &pretransfer_us);
	return connect_us > 0 || pretransfer_us > 0;
}

static enum http_failure failure_of_success(CURL *easy, const struct transfer *transfer)
{
	long version = 0;

	if (!transfer->has_head) /* libcurl is content with a connection closed before it */
		return HTTP_RESET;
	(void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	/* Asked for by ALPN, HTTP/2 is only a wish to libcurl. */
	return transfer->request->version == HTTP_VERSION_2_TLS && version != CURL_HTTP_VERSION_2_0
		       ? HTTP_NOT_HTTP
		       : HTTP_OK;
}

/* Of the codes that stand for one failure alone. */
static enum http_failure failure_by_code(CURLcode code)
{
	static const unsigned char failures[MAX_CODE + 1] = {
		[CURLE_PARTIAL_FILE] = HTTP_TRUNCATED,
		[CURLE_SEND_ERROR] = HTTP_RESET,
		[CURLE_RECV_ERROR] = HTTP_RESET,
		[CURLE_HTTP2_STREAM] = HTTP_RESET,
		[CURLE_UNSUPPORTED_PROTOCOL] = HTTP_NOT_HTTP,
		[CURLE_WEIRD_SERVER_REPLY] = HTTP_NOT_HTTP,
		[CURLE_OUT_OF_MEMORY] = HTTP_TOO_LARGE, /* 7.88: of a header line without an end */
		[CURLE_FILESIZE_EXCEEDED] = HTTP_TOO_LARGE,
		[MAX_CODE] = HTTP_TOO_LARGE,
		[CURLE_SSL_CERTPROBLEM] = HTTP_TLS_CLIENT_CERTIFICATE,
		[CURLE_SSL_CACERT_BADFILE] = HTTP_NO_CA,
	};

	return code <= MAX_CODE && failures[code] ? failures[code] : HTTP_INTERNAL;
}

static enum http_failure failure_of_code(CURL *easy, const struct transfer *transfer, CURLcode code)
{
	bool is_http2 = transfer->request->version == HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	long os_errno = 0, verify_result = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
	(void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify_result);
	if (transfer->is_too_large)
		return HTTP_TOO_LARGE;
	switch (code) {
	case CURLE_OK:
		return failure_of_success(easy, transfer);
	case CURLE_COULDNT_CONNECT:
		return http_failure_of_connect((int)os_errno);
	case CURLE_OPERATION_TIMEDOUT:
		if (http_failure_is_foreign_greeting(transfer->error))
			return HTTP_NOT_HTTP;
		/* A handshake that began left its mark: a certificate not yet found good. */
		return was_connected(easy) || verify_result ? HTTP_RESPONSE_TIMEOUT
							    : HTTP_CONNECT_TIMEOUT;
	case CURLE_HTTP2: /* ended before it began: hung up on, or answered in another tongue */
		return *transfer->error ? HTTP_NOT_HTTP : HTTP_RESET;
	case CURLE_GOT_NOTHING: /* 7.88 says so too when HTTP/1.1 answers to HTTP/2 */
		return is_http2 ? HTTP_NOT_HTTP : HTTP_RESET;
	case CURLE_PEER_FAILED_VERIFICATION:
		return http_failure_of_verify(verify_result);
	case CURLE_SSL_CONNECT_ERROR:
		return http_failure_of_handshake(transfer->error);
	default:
		if (http_failure_is_client_certificate(transfer->error))
			return HTTP_TLS_CLIENT_CERTIFICATE;
		return failure_by_code(code);
	}
}

static void describe(CURL *easy, const struct transfer *transfer, CURLcode code)
{
	struct http_response *response = transfer->response;
	CLEANUP_STRBUF struct strbuf message = STRBUF_INIT(sizeof(response->message) - 1);
	long os_errno = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &response->status);
	(void)curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &response->took_us);
	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
	response->failure = failure_of_code(easy, transfer, code);
	if (response->failure == HTTP_UNREACHABLE ||
	    (response->failure == HTTP_RESET && (os_errno == ECONNRESET || os_errno == EPIPE)))
		response->os_errno = (int)os_errno;
	if (response->failure == HTTP_OK)
		return;
	text_clean(&message, *transfer->error ? transfer->error : curl_easy_strerror(code),
		   sizeof(response->message) - 1);
	memcpy(response->message, message.data, message.length + 1);
}

/* TLS 1.3 refuses a client certificate after the handshake, and a server that closes then resets the
 * connection under the request that is on its way, which can drown the alert. So once more, without
 * a word of ours. Returns whether it was that. */
static bool hears_refusal(CURL *easy, const struct transfer *transfer)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	unsigned int timeout_ms = transfer->request->timeout_ms;
	int64_t left_ms = timeout_ms - transfer->response->took_us / 1000;
	struct pollfd ready = {.events = POLLIN};
	char byte;
	size_t count;

	if (!text_starts_with(transfer->request->url, "https:") || left_ms <= 0)
		return false;
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)left_ms);
	if (curl_easy_perform(easy) == CURLE_OK &&
	    curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK) {
		ready.fd = fd;
		(void)poll(&ready, 1, left_ms < ALERT_MS ? (int)left_ms : ALERT_MS);
		(void)curl_easy_recv(easy, &byte, 1, &count);
	}
	return http_failure_is_client_certificate(transfer->error);
}

void http_perform(struct http_connection *connection, const struct http_request *request,
		  struct http_response *response)
{
	struct transfer transfer = {.request = request, .response = response};
	CURL *easy = connection->easy;

	*response = (struct http_response){.failure = HTTP_INTERNAL};
	strbuf_init(&response->body, request->max_body_bytes);
	if (!easy)
		return;
	if (text_starts_with(request->url, "https:") && (!request->ca || !request->ca->source)) {
		response->failure = HTTP_NO_CA;
		return;
	}
	set_basics(easy, &transfer);
	set_method(easy, request);
	set_auth(easy, request);
	set_tls(easy, request);
	if (set_headers(easy, &transfer) && set_address(easy, &transfer))
		describe(easy, &transfer, curl_easy_perform(easy));
	if (response->failure == HTTP_RESET && hears_refusal(easy, &transfer))
		response->failure = HTTP_TLS_CLIENT_CERTIFICATE;
	curl_easy_reset(easy); /* keeps the connection, forgets what ends here */
	curl_slist_free_all(transfer.headers);
	curl_slist_free_all(transfer.resolve);
}

void http_response_release(struct http_response *response)
{
	strbuf_release(&response->body);
	free(response->location);
	response->location = NULL;
}

const char *http_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
