/* SPDX-License-Identifier: Zlib */
/* TLS on a connection of tiny_server's. */
#include "tests/unit/tls_server.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "tests/unit/h2_server.h"

/* NOLINTNEXTLINE(readability-function-size): OpenSSL gives its callback six parameters */
static int choose_h2(SSL *ssl, const unsigned char **out, unsigned char *out_length,
		     const unsigned char *in, unsigned int in_length, void *data)
{
	static const unsigned char h2[] = "\2h2";

	(void)ssl;
	(void)data;
	if (SSL_select_next_proto((unsigned char **)out, out_length, h2, 3, in, in_length) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static ssize_t read_tls(void *data, void *bytes, size_t length)
{
	return SSL_read(data, bytes, (int)length);
}

static void write_tls(void *data, const void *bytes, size_t length)
{
	(void)SSL_write(data, bytes, (int)length);
}

static void answer_http1(SSL *ssl, const char *answer)
{
	char request[4096];

	if (!answer)
		answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
	if (SSL_read(ssl, request, sizeof(request)) > 0)
		(void)SSL_write(ssl, answer, (int)strlen(answer));
	while (SSL_read(ssl, request, sizeof(request)) > 0)
		;
}

/* Closing with unread bytes would send RST, which can overtake the alert. */
static void drain(int fd)
{
	char bytes[4096];

	(void)shutdown(fd, SHUT_WR);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

void tls_serve(int fd, const void *data)
{
	const struct tls_server *server = data;
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	SSL *ssl;

	if (SSL_CTX_use_certificate_file(context, server->pem, SSL_FILETYPE_PEM) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, server->pem, SSL_FILETYPE_PEM) != 1)
		fprintf(stderr, "%s cannot be used\n", server->pem);
	if (server->is_tls_1_2)
		(void)SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
	if (server->answer)
		SSL_CTX_set_alpn_select_cb(context, choose_h2, NULL);
	if (server->client_ca) {
		(void)SSL_CTX_load_verify_locations(context, server->client_ca, NULL);
		SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
				   NULL);
	}
	ssl = SSL_new(context);
	(void)SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		const struct h2_wire wire = {read_tls, write_tls, ssl};

		if (server->answer)
			h2_serve(&wire, server->answer);
		else
			answer_http1(ssl, server->answer_1_1);
	} else if (!server->is_abrupt) {
		drain(fd);
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
}
