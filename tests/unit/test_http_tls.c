/* SPDX-License-Identifier: Zlib */
/* HTTPS against real TLS servers: good certificates, and each way in which one can be bad. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/pem.h>

#include "agent/ca_search.h"
#include "agent/context.h"
#include "agent/digest.h"
#include "agent/grpc.h"
#include "agent/http.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/h2_server.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"
#include "tests/unit/tls_server.h"

#define TLS "fixtures/tls/"
#define HEAD ":status: 200\ncontent-type: application/grpc\n"

static const struct h2_answer grpc_answer = {
	.headers = HEAD, .data = "\0\0\0\0\1x", .data_length = 6, .trailers = "grpc-status: 0\n"};

/* The whole file, NUL-terminated; the caller frees. */
static char *read_file(const char *path)
{
	char *text = mem_alloc(8192, 1);
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0 && read(fd, text, 8191) > 0);
	close(fd);
	return text;
}

static void set_bundle(struct ca_search *ca, const char *text)
{
	*ca = (struct ca_search){.source = mem_strdup("test")};
	strbuf_init(&ca->bundle, 8192);
	strbuf_puts(&ca->bundle, text);
}

struct client {
	const char *ca;                /* file; "": text that is no certificate */
	const char *certificate, *key; /* files; NULL: none; "": text that is none */
};

static void ask(uint16_t port, const struct client *client, bool is_grpc,
		struct grpc_response *response)
{
	char *url = mem_format("https://cache.test:%u/", port);
	char *ca_text = *client->ca ? read_file(client->ca) : mem_strdup("nothing");
	char *files[2] = {NULL, NULL};
	const char *names[2] = {client->certificate, client->key};
	struct http_connection *connection = http_open();
	struct ca_search ca;
	struct http_request request = {
		.url = url,
		.address = "127.0.0.1",
		.ca = &ca,
		.max_body_bytes = 100,
		.timeout_ms = 1000,
	};
	struct http_pem *pems[2] = {&request.client_certificate, &request.client_key};

	set_bundle(&ca, ca_text);
	for (int i = 0; i < 2 && client->certificate; i++) {
		files[i] = *names[i] ? read_file(names[i]) : mem_strdup("nothing");
		*pems[i] = (struct http_pem){files[i], strlen(files[i])};
	}
	*response = (struct grpc_response){0};
	if (is_grpc)
		grpc_call(connection, &request, "a/b", NULL, response);
	else
		http_perform(connection, &request, &response->http);
	http_close(connection);
	ca_search_release(&ca);
	free(files[0]);
	free(files[1]);
	free(ca_text);
	free(url);
}

static const struct tls_case {
	const char *what;
	struct tls_server server;
	struct client client;
	enum http_failure failure;
} tls_cases[] = {
	{"good", {.pem = TLS "good.pem"}, {.ca = TLS "ca.pem"}, HTTP_OK},
	{"good, TLS 1.2", {.pem = TLS "good.pem", .is_tls_1_2 = 1}, {.ca = TLS "ca.pem"}, HTTP_OK},
	{"expired", {.pem = TLS "expired.pem"}, {.ca = TLS "ca.pem"}, HTTP_TLS_EXPIRED},
	{"not yet valid", {.pem = TLS "not-yet.pem"}, {.ca = TLS "ca.pem"}, HTTP_TLS_NOT_YET_VALID},
	{"another host", {.pem = TLS "other-host.pem"}, {.ca = TLS "ca.pem"}, HTTP_TLS_WRONG_HOST},
	{"self-signed", {.pem = TLS "self-signed.pem"}, {.ca = TLS "ca.pem"}, HTTP_TLS_UNTRUSTED},
	{"another authority",
	 {.pem = TLS "good.pem"},
	 {.ca = TLS "self-signed.pem"},
	 HTTP_TLS_UNTRUSTED},
	{"no authority in the bundle", {.pem = TLS "good.pem"}, {.ca = ""}, HTTP_NO_CA},
	{"a client certificate",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {TLS "ca.pem", TLS "client.pem", TLS "client.pem"},
	 HTTP_OK},
	{"no client certificate",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {.ca = TLS "ca.pem"},
	 HTTP_TLS_CLIENT_CERTIFICATE},
	{"a client certificate of another authority",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {TLS "ca.pem", TLS "self-signed.pem", TLS "self-signed.pem"},
	 HTTP_TLS_CLIENT_CERTIFICATE},
	{"an expired client certificate",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {TLS "ca.pem", TLS "expired.pem", TLS "expired.pem"},
	 HTTP_TLS_CLIENT_CERTIFICATE},
	{"the key of another certificate",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {TLS "ca.pem", TLS "client.pem", TLS "good.pem"},
	 HTTP_TLS_CLIENT_CERTIFICATE},
	{"a client certificate that is none",
	 {.pem = TLS "good.pem", .client_ca = TLS "ca.pem"},
	 {TLS "ca.pem", "", ""},
	 HTTP_TLS_CLIENT_CERTIFICATE},
};

static void tells_certificates_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(tls_cases); i++) {
		const struct tls_case *wanted = &tls_cases[i];
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, tls_serve, NULL, &wanted->server);
		ask(server.port, &wanted->client, false, &response);
		tiny_server_stop(&server);
		if (response.http.failure != wanted->failure)
			fail_msg("%s: %s (%s)", wanted->what,
				 http_failure_text(response.http.failure), response.http.message);
		if (wanted->failure == HTTP_OK)
			assert_string_equal(response.http.body.data, "hi");
		grpc_response_release(&response);
	}
}

/* A server that hangs up behind its alert may drown it; libcurl 7 does not always get that far. */
static void hears_refusals_before_resets(void **state)
{
	const struct tls_server tls = {
		.pem = TLS "good.pem", .client_ca = TLS "ca.pem", .is_abrupt = 1};
	const struct client client = {.ca = TLS "ca.pem"};
	bool is_old = http_library_version()[0] == '7';

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, tls_serve, NULL, &tls);
		ask(server.port, &client, false, &response);
		tiny_server_stop(&server);
		if (response.http.failure != HTTP_TLS_CLIENT_CERTIFICATE &&
		    !(is_old && response.http.failure == HTTP_RESET))
			fail_msg("%s (%s)", http_failure_text(response.http.failure),
				 response.http.message);
		grpc_response_release(&response);
	}
}

/* ---- ports without TLS */

static void serve_plain(int fd, const void *data)
{
	char byte;

	(void)data;
	(void)read(fd, &byte, 1);
	tiny_write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

static void serve_end(int fd, const void *data)
{
	char bytes[4096];

	(void)data;
	(void)read(fd, bytes, sizeof(bytes));
}

static void serve_reset(int fd, const void *data)
{
	char byte;

	(void)data;
	(void)read(fd, &byte, 1);
	tiny_reset(fd);
}

static void serve_close(int fd, const void *data)
{
	(void)fd;
	(void)data;
}

static void serve_silence(int fd, const void *data)
{
	char bytes[4096];

	(void)data;
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
}

static void tells_ports_apart(void **state)
{
	static const struct {
		tiny_serve *serve;
		enum http_failure failure;
	} cases[] = {
		{serve_plain, HTTP_TLS_PROTOCOL},
		{serve_end, HTTP_RESET},
		{serve_close, HTTP_RESET},
		{serve_reset, HTTP_RESET},
		{serve_silence, HTTP_RESPONSE_TIMEOUT},
	};
	const struct client client = {.ca = TLS "ca.pem"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, cases[i].serve, NULL, NULL);
		ask(server.port, &client, false, &response);
		tiny_server_stop(&server);
		if (response.http.failure != cases[i].failure)
			fail_msg("%zu: %s (%s)", i, http_failure_text(response.http.failure),
				 response.http.message);
		grpc_response_release(&response);
	}
}

static void speaks_grpc_over_tls(void **state)
{
	static const struct {
		const struct h2_answer *answer;
		enum grpc_failure grpc;
		enum http_failure http;
	} cases[] = {
		{&grpc_answer, GRPC_OK, HTTP_OK},
		{NULL, GRPC_TRANSPORT, HTTP_NOT_HTTP}, /* TLS, but no HTTP/2 */
	};
	const struct client client = {.ca = TLS "ca.pem"};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tls_server tls = {.pem = TLS "good.pem", .answer = cases[i].answer};
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, tls_serve, NULL, &tls);
		ask(server.port, &client, true, &response);
		tiny_server_stop(&server);
		if (response.failure != cases[i].grpc || response.http.failure != cases[i].http)
			fail_msg("%zu: %d, %s (%s)", i, response.failure,
				 http_failure_text(response.http.failure), response.http.message);
		grpc_response_release(&response);
	}
}

/* ---- where the authorities are looked for */

static const struct search_case {
	const char *what, *preferred;
	const char *environment[3], *files[4]; /* each file holds its own path */
	const char *source;                    /* NULL: none is found */
} search_cases[] = {
	{"nothing", NULL, {NULL}, {NULL}, NULL},
	{"Debian's",
	 NULL,
	 {NULL},
	 {"/etc/ssl/certs/ca-certificates.crt"},
	 "/etc/ssl/certs/ca-certificates.crt"},
	{"Fedora's",
	 NULL,
	 {NULL},
	 {"/etc/pki/tls/certs/ca-bundle.crt"},
	 "/etc/pki/tls/certs/ca-bundle.crt"},
	{"Nix's",
	 NULL,
	 {NULL},
	 {"/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt"},
	 "/nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt"},
	{"SSL_CERT_FILE first",
	 NULL,
	 {"SSL_CERT_FILE=/my/ca", "NIX_SSL_CERT_FILE=/other"},
	 {"/my/ca", "/other", "/etc/ssl/cert.pem"},
	 "/my/ca"},
	{"NIX_SSL_CERT_FILE second",
	 NULL,
	 {"SSL_CERT_FILE=", "NIX_SSL_CERT_FILE=/other"},
	 {"/my/ca", "/other"},
	 "/other"},
	{"a variable that names nothing",
	 NULL,
	 {"SSL_CERT_FILE=/gone"},
	 {"/etc/ssl/cert.pem"},
	 "/etc/ssl/cert.pem"},
	{"a variable that names a directory",
	 NULL,
	 {"SSL_CERT_FILE=/etc"},
	 {"/etc/ssl/cert.pem"},
	 "/etc/ssl/cert.pem"},
	{"no relative path",
	 NULL,
	 {"SSL_CERT_FILE=my"},
	 {"/my", "/etc/ssl/cert.pem"},
	 "/etc/ssl/cert.pem"},
	{"the preferred one", "/mine", {"SSL_CERT_FILE=/my/ca"}, {"/mine", "/my/ca"}, "/mine"},
	{"the preferred one alone", "/gone", {"SSL_CERT_FILE=/my/ca"}, {"/my/ca"}, NULL},
	{"an empty file",
	 NULL,
	 {NULL},
	 {"/etc/ssl/certs/ca-certificates.crt=", "/etc/ssl/cert.pem"},
	 "/etc/ssl/cert.pem"},
};

static void search(const struct search_case *wanted)
{
	struct machine machine;
	struct context context = {.environment = (char **)wanted->environment};
	struct ca_search ca;
	bool is_found;

	machine_make(&machine);
	for (size_t i = 0; i < COUNT(wanted->files) && wanted->files[i]; i++) {
		char *path = mem_strdup(wanted->files[i]);
		bool is_empty = strchr(path, '=');

		path[strcspn(path, "=")] = '\0';
		machine_file(&machine, path, is_empty ? "" : path);
		free(path);
	}
	assert_int_equal(root_open_directory(&context.root, machine.directory, NULL), 0);
	is_found = ca_search_find(&context, wanted->preferred, &ca);
	if (is_found != (wanted->source != NULL) ||
	    (is_found && strcmp(ca.source, wanted->source) != 0))
		fail_msg("%s: %s", wanted->what, ca.source);
	if (is_found)
		assert_string_equal(ca.bundle.data, ca.source);
	ca_search_release(&ca);
	root_close(&context.root);
	machine_remove(&machine);
}

static void searches_authorities(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(search_cases); i++)
		search(&search_cases[i]);
}

static void knows_hashed_directories(void **state)
{
	static const struct {
		const char *file;
		bool is_hashed;
	} cases[] = {
		{"5ed36f99.0", true}, {"5ED36F99.1", true},   {"5ed36f9.0", false},
		{"5ed36f99.", false}, {"5ed36f99.r0", false}, {"5ed36f99.00", false},
		{"5ed36f990", false}, {"ca.crt", false},      {"5ed36g99.0", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *path = mem_format("/certs/%s", cases[i].file);
		struct machine machine;
		struct root root;

		machine_make(&machine);
		machine_file(&machine, path, "x");
		assert_int_equal(root_open_directory(&root, machine.directory, NULL), 0);
		assert_int_equal(ca_directory_is_hashed(&root, "/certs"), cases[i].is_hashed);
		assert_false(ca_directory_is_hashed(&root, "/gone"));
		assert_false(ca_directory_is_hashed(&root, path));
		root_close(&root);
		machine_remove(&machine);
		free(path);
	}
}

/* A hashed directory is used by the library itself, one file at a time. */
static void uses_hashed_directories(void **state)
{
	char directory[] = "/tmp/spinup-test-XXXXXX";
	char *cwd = get_current_dir_name(), *link, *target;
	FILE *file = fopen(TLS "ca.pem", "r");
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	struct ca_search ca = {.source = directory, .directory = directory};
	const struct tls_server tls = {.pem = TLS "good.pem"};
	struct tiny_server server;
	struct http_connection *connection = http_open();
	struct http_response response;
	struct http_request request = {
		.address = "127.0.0.1", .ca = &ca, .max_body_bytes = 100, .timeout_ms = 1000};
	char url[64];

	(void)state;
	strbuf_init(&ca.bundle, 0);
	(void)fclose(file);
	assert_non_null(mkdtemp(directory));
	link = mem_format("%s/%08lx.0", directory, X509_subject_name_hash(certificate));
	target = mem_format("%s/" TLS "ca.pem", cwd);
	assert_int_equal(symlink(target, link), 0);
	tiny_server_start(&server, tls_serve, NULL, &tls);
	(void)snprintf(url, sizeof(url), "https://cache.test:%u/", server.port);
	request.url = url;
	http_perform(connection, &request, &response);
	tiny_server_stop(&server);
	assert_int_equal(response.failure, HTTP_OK);
	http_response_release(&response);
	http_close(connection);
	unlink(link);
	rmdir(directory);
	X509_free(certificate);
	free(link);
	free(target);
	free(cwd);
}

static int initialise(void **state)
{
	(void)state;
	digest_initialise();
	http_initialise();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_certificates_apart),
		cmocka_unit_test(hears_refusals_before_resets),
		cmocka_unit_test(tells_ports_apart),
		cmocka_unit_test(speaks_grpc_over_tls),
		cmocka_unit_test(searches_authorities),
		cmocka_unit_test(knows_hashed_directories),
		cmocka_unit_test(uses_hashed_directories),
	};

	return cmocka_run_group_tests(tests, initialise, NULL);
}
