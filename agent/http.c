/* SPDX-License-Identifier: Zlib */
/* HTTP by libcurl, with bounded time and memory. */
#include "agent/http.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/http_clock.h"
#include "agent/http_failure.h"
#include "agent/http_intake.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/version.h"

#define ALERT_MS 200 /* in which a server says why it hangs up */
#define SINK_BUFFER_BYTES 524288L

struct http_connection {
	CURL *easy;   /* NULL when libcurl could not be initialised */
	CURLM *multi; /* what the easy one is performed by; keeps the connection */
};

/* What lives as long as one request. */
struct transfer {
	const struct http_request *request;
	struct http_response *response;
	struct http_intake intake;
	struct curl_slist *headers;
	struct curl_slist *resolve;
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
	connection->multi = curl_multi_init();
	return connection;
}

void http_close(struct http_connection *connection)
{
	if (!connection)
		return;
	curl_easy_cleanup(connection->easy);
	(void)curl_multi_cleanup(connection->multi);
	free(connection);
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

	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->unix_socket);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, versions[request->version]);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "spinup/" SPINUP_VERSION);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, http_intake_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer->intake);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, http_intake_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer->intake);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)INT_MAX); /* perform() sees to it */
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)request->low_speed_bytes_per_s);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)request->low_speed_s);
	if (request->on_body)
		curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, SINK_BUFFER_BYTES);
}

static void set_method(CURL *easy, const struct http_request *request)
{
	CLEANUP_FREE char *range = mem_format("%ju-", (uintmax_t)request->range_from);

	if (request->range_from)
		curl_easy_setopt(easy, CURLOPT_RANGE, range);
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
	/* Of a Content-Length; http_intake_body sees to what really comes. */
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

/* Set in any case: where they are not, the library reads the job's variables. */
static void set_proxy(CURL *easy, const struct http_request *request)
{
	const struct ca_search *ca = request->ca;

	curl_easy_setopt(easy, CURLOPT_PROXY, request->proxy ? request->proxy : "");
	curl_easy_setopt(easy, CURLOPT_NOPROXY, request->proxy ? "" : "*");
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO, NULL);
	curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, ca ? ca->directory : NULL);
	if (ca && !ca->directory)
		set_pem(easy, CURLOPT_PROXY_CAINFO_BLOB, ca->bundle.data, ca->bundle.length);
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

/* libcurl never looks a name up: the address is handed in for the host and port of what is connected
 * to. */
static bool set_address(CURL *easy, struct transfer *transfer)
{
	const struct http_request *request = transfer->request;
	const char *peer = request->proxy ? request->proxy : request->url;
	const char *address = request->proxy ? request->proxy_address : request->address;
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL;
	bool is_valid = url && curl_url_set(url, CURLUPART_URL, peer, 0) == CURLUE_OK &&
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

	if (!transfer->intake.has_head) /* libcurl is content with a connection closed before it */
		return HTTP_RESET;
	(void)curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	/* Asked for by ALPN, HTTP/2 is only a wish to libcurl. */
	return transfer->request->version == HTTP_VERSION_2_TLS && version != CURL_HTTP_VERSION_2_0
		       ? HTTP_NOT_HTTP
		       : HTTP_OK;
}

/* It answered CONNECT with a refusal, or ended the connection over it. */
static bool is_failure_of_proxy(const struct transfer *transfer, CURLcode code, long os_errno)
{
	const struct http_request *request = transfer->request;
	long status = transfer->response->proxy_status;
	bool is_cut = http_failure_of_code((int)code) == HTTP_RESET ||
		      (code == CURLE_COULDNT_CONNECT && !os_errno);

	if (!request->proxy || !text_starts_with(request->url, "https:"))
		return false;
	return (status >= 300 && code != CURLE_OK) || (!status && is_cut);
}

static enum http_failure failure_of_code(CURL *easy, const struct transfer *transfer, CURLcode code)
{
	bool is_http2 = transfer->request->version == HTTP_VERSION_2_PRIOR_KNOWLEDGE;
	long os_errno = 0, verify_result = 0;

	(void)curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
	(void)curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify_result);
	if (!verify_result)
		(void)curl_easy_getinfo(easy, CURLINFO_PROXY_SSL_VERIFYRESULT, &verify_result);
	if (transfer->intake.is_too_large)
		return HTTP_TOO_LARGE;
	if (transfer->intake.is_stopped)
		return HTTP_STOPPED;
	if (is_failure_of_proxy(transfer, code, os_errno))
		return HTTP_PROXY;
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
		return http_failure_of_code((int)code);
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
	(void)curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &response->proxy_status);
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
	/* The address was told to the connection's handle, and this is curl_easy_perform's own. */
	curl_easy_setopt(easy, CURLOPT_RESOLVE, transfer->resolve);
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

/* As curl_easy_perform does it, but by the request's own clock. */
static CURLcode perform(struct http_connection *connection, const struct http_request *request)
{
	struct http_clock clock = http_clock_begin(request);
	CURLcode code = CURLE_OPERATION_TIMEDOUT;
	int running = 1, left_ms = 1;
	CURLMsg *message;

	if (curl_multi_add_handle(connection->multi, connection->easy) != CURLM_OK)
		return CURLE_FAILED_INIT;
	while (curl_multi_perform(connection->multi, &running) == CURLM_OK && running && left_ms) {
		left_ms = http_clock_left_ms(&clock, was_connected(connection->easy));
		(void)curl_multi_poll(connection->multi, NULL, 0, left_ms, NULL);
	}
	message = curl_multi_info_read(connection->multi, &running);
	if (message)
		code = message->data.result;
	(void)curl_multi_remove_handle(connection->multi, connection->easy);
	return code;
}

void http_perform(struct http_connection *connection, const struct http_request *request,
		  struct http_response *response)
{
	struct transfer transfer = {.request = request, .response = response};
	CURL *easy = connection->easy;

	http_intake_begin(&transfer.intake, request, response);
	if (!easy)
		return;
	if (http_failure_is_lack_of_ca(request)) {
		response->failure = HTTP_NO_CA;
		return;
	}
	set_basics(easy, &transfer);
	set_method(easy, request);
	set_auth(easy, request);
	set_tls(easy, request);
	set_proxy(easy, request);
	if (set_headers(easy, &transfer) && set_address(easy, &transfer))
		describe(easy, &transfer, perform(connection, request));
	/* Whoever streams shows no client certificate. */
	if (response->failure == HTTP_RESET && !request->on_body && hears_refusal(easy, &transfer))
		response->failure = HTTP_TLS_CLIENT_CERTIFICATE;
	curl_easy_reset(easy); /* keeps the connection, forgets what ends here */
	curl_slist_free_all(transfer.headers);
	curl_slist_free_all(transfer.resolve);
}

const char *http_library_version(void)
{
	return curl_version_info(CURLVERSION_NOW)->version;
}
