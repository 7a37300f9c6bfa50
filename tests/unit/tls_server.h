/* SPDX-License-Identifier: Zlib */
/* TLS on a connection of tiny_server's, with the certificates of fixtures/tls. */
#pragma once

struct h2_answer;

struct tls_server {
	const char *pem;       /* file with certificate and key */
	const char *client_ca; /* a client certificate is demanded, from this file; NULL: none */
	const struct h2_answer *answer; /* HTTP/2 by ALPN; NULL: HTTP/1.1 */
	const char *answer_1_1;         /* NULL: "200 OK" with the body "hi" */
	int is_tls_1_2;                 /* nothing newer */
	int is_abrupt; /* resets the connection behind the alert about a bad client */
};

/* Serves one connection; a tiny_serve whose DATA is a struct tls_server. */
void tls_serve(int fd, const void *data);
