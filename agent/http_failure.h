/* SPDX-License-Identifier: Zlib */
/* Telling failures of a connection apart, from what libcurl leaves behind. Pure. */
#pragma once

#include <stdbool.h>

#include "agent/http.h"

/* Whether the request goes to an https server or proxy, and has no authorities that could vouch for it. */
bool http_failure_is_lack_of_ca(const struct http_request *request);

/* Of a connect() that failed with OS_ERRNO. */
enum http_failure http_failure_of_connect(int os_errno);

/* Of a CURLcode that stands for one failure alone; HTTP_INTERNAL of the others. Their numbers are
 * libcurl's ABI. */
enum http_failure http_failure_of_code(int code);

/* Of a certificate that did not convince: OpenSSL's verify result (an X509_V_ERR_ number, 0 when the
 * chain was good and only the name was wrong). */
enum http_failure http_failure_of_verify(long verify_result);

/* Of a TLS handshake that failed, by libcurl's message, which carries OpenSSL's words. */
enum http_failure http_failure_of_handshake(const char *message);

/* Whether the message speaks of an alert about the client's certificate. TLS 1.3 refuses one only
 * after the handshake. */
bool http_failure_is_client_certificate(const char *message);

/* Whether the message says that the other side began with something that is no HTTP/2. libcurl goes
 * on waiting then, until its time is over. */
bool http_failure_is_foreign_greeting(const char *message);
