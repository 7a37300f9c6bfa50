/* SPDX-License-Identifier: Zlib */
/* Telling failures of a connection apart. */
#include "agent/http_failure.h"

#include <errno.h>
#include <string.h>

#include "agent/ca_search.h"
#include "agent/text.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define MAX_CODE 100 /* CURLE_TOO_LARGE, from 8.6 */

bool http_failure_is_lack_of_ca(const struct http_request *request)
{
	bool is_tls = text_starts_with(request->url, "https:") ||
		      (request->proxy && text_starts_with(request->proxy, "https:"));

	return is_tls && (!request->ca || !request->ca->source);
}

enum http_failure http_failure_of_connect(int os_errno)
{
	switch (os_errno) {
	case ECONNREFUSED:
		return HTTP_REFUSED;
	case ETIMEDOUT:
		return HTTP_CONNECT_TIMEOUT;
	case ECONNRESET:
		return HTTP_RESET;
	default: /* no route, no network, a firewall's or an own policy's refusal */
		return HTTP_UNREACHABLE;
	}
}

enum http_failure http_failure_of_code(int code)
{
	static const unsigned char failures[MAX_CODE + 1] = {
		[1] = HTTP_NOT_HTTP,   /* CURLE_UNSUPPORTED_PROTOCOL */
		[8] = HTTP_NOT_HTTP,   /* CURLE_WEIRD_SERVER_REPLY */
		[18] = HTTP_TRUNCATED, /* CURLE_PARTIAL_FILE */
		[27] = HTTP_TOO_LARGE, /* CURLE_OUT_OF_MEMORY: 7.88, of a header line without an end */
		[55] = HTTP_RESET,     /* CURLE_SEND_ERROR */
		[56] = HTTP_RESET,     /* CURLE_RECV_ERROR */
		[58] = HTTP_TLS_CLIENT_CERTIFICATE, /* CURLE_SSL_CERTPROBLEM */
		[63] = HTTP_TOO_LARGE,              /* CURLE_FILESIZE_EXCEEDED */
		[77] = HTTP_NO_CA,                  /* CURLE_SSL_CACERT_BADFILE */
		[92] = HTTP_RESET,                  /* CURLE_HTTP2_STREAM */
		[97] = HTTP_PROXY,                  /* CURLE_PROXY */
		[MAX_CODE] = HTTP_TOO_LARGE,
	};

	return code > 0 && code <= MAX_CODE && failures[code] ? failures[code] : HTTP_INTERNAL;
}

enum http_failure http_failure_of_verify(long verify_result)
{
	switch (verify_result) {
	case 9: /* X509_V_ERR_CERT_NOT_YET_VALID */
		return HTTP_TLS_NOT_YET_VALID;
	case 10: /* X509_V_ERR_CERT_HAS_EXPIRED */
		return HTTP_TLS_EXPIRED;
	case 0: /* libcurl compares the name itself, after OpenSSL found the chain good, and until */
	case 1:  /* then has its own mark there, "not found good" */
	case 62: /* X509_V_ERR_HOSTNAME_MISMATCH */
	case 64: /* X509_V_ERR_IP_ADDRESS_MISMATCH */
		return HTTP_TLS_WRONG_HOST;
	default:
		return HTTP_TLS_UNTRUSTED;
	}
}

/* Alerts by which a server refuses the client's certificate, or the lack of one (RFC 8446, 6.2). */
bool http_failure_is_client_certificate(const char *message)
{
	static const char *const alerts[] = {
		"alert certificate required",
		"alert bad certificate",
		"alert unsupported certificate",
		"alert certificate revoked",
		"alert certificate expired",
		"alert certificate unknown",
		"alert unknown ca",
		"alert access denied",
	};

	for (size_t i = 0; i < COUNT(alerts); i++)
		if (strstr(message, alerts[i]))
			return true;
	return false;
}

bool http_failure_is_foreign_greeting(const char *message)
{
	return strstr(message, "expected SETTINGS frame");
}

enum http_failure http_failure_of_handshake(const char *message)
{
	static const char *const ends[] = {"SSL_ERROR_SYSCALL", "unexpected eof", "Recv failure",
					   "Send failure", "Connection reset"};

	if (http_failure_is_client_certificate(message))
		return HTTP_TLS_CLIENT_CERTIFICATE;
	/* The alert of a server that knows no such host. */
	if (strstr(message, "unrecognized name"))
		return HTTP_TLS_WRONG_HOST;
	for (size_t i = 0; i < COUNT(ends); i++)
		if (strstr(message, ends[i]))
			return HTTP_RESET;
	return HTTP_TLS_PROTOCOL;
}

const char *http_proxy_wish(long status)
{
	return status == 407 ? ", it wants a user name and a password" : "";
}

const char *http_failure_text(enum http_failure failure)
{
	static const char *const texts[HTTP_FAILURE_COUNT] = {
		[HTTP_OK] = "answered",
		[HTTP_STOPPED] = "the answer was not read to its end",
		[HTTP_REFUSED] = "connection refused",
		[HTTP_UNREACHABLE] = "the address cannot be reached",
		[HTTP_CONNECT_TIMEOUT] = "no answer to the connection attempt",
		[HTTP_RESPONSE_TIMEOUT] = "connected, but no complete answer in time",
		[HTTP_RESET] = "the connection was closed before the answer was complete",
		[HTTP_TRUNCATED] = "the answer is shorter than it said it would be",
		[HTTP_TOO_LARGE] = "the answer is larger than it may be",
		[HTTP_NOT_HTTP] = "the other side does not speak the protocol that was asked for",
		[HTTP_TLS_EXPIRED] = "the server's certificate has expired",
		[HTTP_TLS_NOT_YET_VALID] = "the server's certificate is not valid yet",
		[HTTP_TLS_WRONG_HOST] = "the server has no certificate for this host name",
		[HTTP_TLS_UNTRUSTED] = "no trusted authority vouches for the server's certificate",
		[HTTP_TLS_PROTOCOL] = "the TLS handshake failed",
		[HTTP_TLS_CLIENT_CERTIFICATE] = "the client certificate is missing or was refused",
		[HTTP_NO_CA] = "no certificate authorities were found on this machine",
		[HTTP_PROXY] = "the proxy refused or failed",
		[HTTP_INTERNAL] = "the request could not be made",
	};

	return (unsigned int)failure < HTTP_FAILURE_COUNT ? texts[failure] : "unknown failure";
}
