/* SPDX-License-Identifier: Zlib */
/* Plain HTTP against real sockets: what comes back, and each way in which it can fail. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/http.h"
#include "agent/http_failure.h"
#include "agent/http_header.h"
#include "agent/mem.h"
#include "agent/run.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"

#define TIMEOUT_MS 500u
#define MAX_BODY 1000u

/* ---- the server: the request's path says what it does */

static void stall(int fd)
{
	char byte;

	(void)read(fd, &byte, 1);
}

static void flood(int fd, const char *start, const char *more)
{
	tiny_write(fd, start, strlen(start));
	for (int i = 0; i < 20000; i++)
		tiny_write(fd, more, strlen(more));
}

/* Sends back the request's own first line and headers. */
static void echo(int fd, const char *request)
{
	char *answer = mem_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
				  strlen(request), request);

	tiny_write(fd, answer, strlen(answer));
	free(answer);
}

static const struct canned {
	const char *path, *answer;
} canned[] = {
	{"/ok",
	 "HTTP/1.1 200 OK\r\nContent-Type: Text/JSON; charset=x\r\nContent-Length: 2\r\n\r\n{}"},
	{"/empty", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	{"/missing", "HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno!"},
	{"/moved",
	 "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n"},
	{"/early", "HTTP/1.1 103 Early Hints\r\nLocation: /not\r\nContent-Type: a/b\r\n\r\n"
		   "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"},
	{"/chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"},
	{"/until-close", "HTTP/1.0 200 OK\r\n\r\n{}"},
	{"/short", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"},
	{"/short-chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{}"},
	{"/half-header", "HTTP/1.1 200 OK\r\nContent-Le"},
	{"/close", ""},
	{"/ssh", "SSH-2.0-OpenSSH_9.2\r\n"},
	{"/big", "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"},
	{"/noise", "\377\376\375 noise\r\n\r\n"},
	{"/huge-length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"},
};

static void serve(int fd, const void *data)
{
	char request[4096], path[64] = "";

	(void)data;
	while (tiny_read_until(fd, "\r\n\r\n", request, sizeof(request))) {
		(void)sscanf(request, "%*s %63s", path);
		if (strcmp(path, "/echo") == 0) {
			echo(fd, request);
			continue;
		}
		if (strcmp(path, "/reset") == 0)
			tiny_reset(fd);
		if (strcmp(path, "/stall") == 0)
			stall(fd);
		if (strcmp(path, "/stall-body") == 0) {
			tiny_write(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", 40);
			stall(fd);
		}
		if (strcmp(path, "/flood") == 0)
			flood(fd, "HTTP/1.1 200 OK\r\n\r\n", "0123456789abcdef");
		if (strcmp(path, "/flood-headers") == 0)
			flood(fd, "HTTP/1.1 200 OK\r\n", "X-Header: 0123456789abcdef\r\n");
		if (strcmp(path, "/flood-header") == 0)
			flood(fd, "HTTP/1.1 200 OK\r\nX: ", "0123456789abcdef");
		for (size_t i = 0; i < COUNT(canned); i++)
			if (strcmp(path, canned[i].path) == 0)
				tiny_write(fd, canned[i].answer, strlen(canned[i].answer));
		if (strcmp(path, "/ok") != 0)
			return;
	}
}

static struct tiny_server server;

static int start_server(void **state)
{
	(void)state;
	digest_initialise();
	http_initialise();
	tiny_server_start(&server, serve, NULL, NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	tiny_server_stop(&server);
	return 0;
}

/* Sends REQUEST to PATH of a port; the caller releases the response. */
static void ask(struct http_connection *connection, struct http_request *request, const char *path,
		uint16_t port, struct http_response *response)
{
	char *url = mem_format("http://cache.test:%u%s", port, path);

	request->url = url;
	request->timeout_ms = TIMEOUT_MS;
	if (!request->address)
		request->address = "127.0.0.1";
	if (!request->max_body_bytes)
		request->max_body_bytes = MAX_BODY;
	http_perform(connection, request, response);
	free(url);
}

/* ---- */

static const struct answer_case {
	const char *path;
	enum http_failure failure;
	long status;
	const char *body, *content_type, *location;
} answer_cases[] = {
	{"/ok", HTTP_OK, 200, "{}", "text/json", NULL},
	{"/empty", HTTP_OK, 200, "", "", NULL},
	{"/missing", HTTP_OK, 404, "no!", "", NULL},
	{"/moved", HTTP_OK, 302, "", "", "http://127.0.0.1:1/x"},
	{"/early", HTTP_OK, 200, "{}", "", NULL},
	{"/chunked", HTTP_OK, 200, "{}", "", NULL},
	{"/until-close", HTTP_OK, 200, "{}", "", NULL},
	{"/short", HTTP_TRUNCATED, 200, "{}", "", NULL},
	{"/short-chunk", HTTP_TRUNCATED, 200, "{}", "", NULL},
	{"/half-header", HTTP_RESET, 200, "", "", NULL},
	{"/close", HTTP_RESET, 0, "", "", NULL},
	{"/reset", HTTP_RESET, 0, "", "", NULL},
	{"/ssh", HTTP_NOT_HTTP, 0, "", "", NULL},
	{"/noise", HTTP_NOT_HTTP, 0, "", "", NULL},
	{"/stall", HTTP_RESPONSE_TIMEOUT, 0, "", "", NULL},
	{"/stall-body", HTTP_RESPONSE_TIMEOUT, 200, "ab", "", NULL},
	{"/flood", HTTP_TOO_LARGE, 200, NULL, "", NULL},
	{"/flood-headers", HTTP_TOO_LARGE, 200, "", "", NULL},
	{"/flood-header", HTTP_TOO_LARGE, 200, "", "", NULL},
	{"/big", HTTP_TOO_LARGE, 200, "", "", NULL},
	{"/huge-length", HTTP_TOO_LARGE, 200, "", "", NULL},
};

static void tells_answers_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answer_cases); i++) {
		const struct answer_case *wanted = &answer_cases[i];
		struct http_connection *connection = http_open();
		struct http_request request = {0};
		struct http_response response;

		ask(connection, &request, wanted->path, server.port, &response);
		if (response.failure != wanted->failure || response.status != wanted->status ||
		    (wanted->body && strcmp(response.body.data, wanted->body) != 0) ||
		    response.body.length > MAX_BODY ||
		    strcmp(response.content_type, wanted->content_type) != 0 ||
		    strcmp(response.location ? response.location : "-",
			   wanted->location ? wanted->location : "-") != 0)
			fail_msg("%s: %s, status %ld, \"%.80s\", type %s, location %s (%s)",
				 wanted->path, http_failure_text(response.failure), response.status,
				 response.body.data, response.content_type, response.location,
				 response.message);
		assert_int_equal(*response.message != '\0', response.failure != HTTP_OK);
		http_response_release(&response);
		http_close(connection);
	}
}

static void tells_connect_failures(void **state)
{
	int full[TINY_FULL_FDS];
	const struct {
		const char *address;
		uint16_t port;
		enum http_failure failure;
	} cases[] = {
		{"127.0.0.1", tiny_unused_port(), HTTP_REFUSED},
		{"::1", tiny_unused_port(), HTTP_REFUSED},
		{"127.0.0.1", tiny_full_port(full), HTTP_CONNECT_TIMEOUT},
		{"255.255.255.255", 80, HTTP_UNREACHABLE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct http_connection *connection = http_open();
		struct http_request request = {.address = cases[i].address,
					       .connect_timeout_ms = 200};
		struct http_response response;
		int64_t start_us = run_clock_us();

		ask(connection, &request, "/", cases[i].port, &response);
		if (response.failure != cases[i].failure)
			fail_msg("%s port %u: %s (%s, errno %d)", cases[i].address, cases[i].port,
				 http_failure_text(response.failure), response.message,
				 response.os_errno);
		assert_int_equal(response.os_errno != 0, response.failure == HTTP_UNREACHABLE);
		assert_true(run_clock_us() - start_us < 450000);
		http_response_release(&response);
		http_close(connection);
	}
	for (int i = 0; i < TINY_FULL_FDS; i++)
		close(full[i]);
}

/* A socket that takes no more connections is told by nothing but the lack of an errno. */
static void speaks_over_sockets(void **state)
{
	struct machine machine;
	struct tiny_server local;
	struct sockaddr_un full = {.sun_family = AF_UNIX};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CLEANUP_FREE char *good = NULL, *missing = NULL, *file = NULL;

	(void)state;
	machine_make(&machine);
	machine_file(&machine, "/file", "");
	good = mem_format("%s/good", machine.directory);
	missing = mem_format("%s/missing", machine.directory);
	file = mem_format("%s/file", machine.directory);
	(void)snprintf(full.sun_path, sizeof(full.sun_path), "%s/full", machine.directory);
	assert_int_equal(bind(listener, (struct sockaddr *)&full, sizeof(full)), 0);
	assert_int_equal(listen(listener, 0), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&full, sizeof(full)), 0);
	tiny_server_start_local(&local, good, serve, NULL);
	for (size_t i = 0; i < 4; i++) {
		const char *const paths[] = {good, missing, file, full.sun_path};
		const enum http_failure failures[] = {HTTP_OK, HTTP_UNREACHABLE, HTTP_REFUSED,
						      HTTP_UNREACHABLE};
		const int errors[] = {0, ENOENT, 0, 0};
		struct http_connection *connection = http_open();
		struct http_request request = {.unix_socket = paths[i]};
		struct http_response response;

		ask(connection, &request, "/ok", 80, &response);
		assert_int_equal(response.failure, failures[i]);
		assert_int_equal(response.os_errno, errors[i]);
		http_response_release(&response);
		http_close(connection);
	}
	tiny_server_stop(&local);
	close(client);
	close(listener);
	machine_remove(&machine);
}

static const struct request_case {
	const char *what;
	struct http_request request;
	const char *wanted, *unwanted; /* in what the server got */
} request_cases[] = {
	{"a GET", {0}, "GET /echo HTTP/1.1\r\nHost: cache.test:", "uthorization"},
	{"a HEAD-like method", {.method = "PURGE"}, "PURGE /echo HTTP/1.1\r\n", NULL},
	{"a POST", {.body = "abc", .body_length = 3}, "Content-Length: 3\r\n", "Expect"},
	{"a bearer token", {.bearer_token = "t0k"}, "Authorization: Bearer t0k\r\n", "Basic"},
	{"basic auth", {.user = "u", .password = "p:w"}, "Authorization: Basic dTpwOnc=\r\n", NULL},
	{"a user alone", {.user = "u"}, "Authorization: Basic dTo=\r\n", NULL},
	{"headers", {.headers = {"a: 1", "b: 2"}}, "a: 1\r\nb: 2\r\n", NULL},
	{"itself", {0}, "User-Agent: spinup/", "Accept-Encoding"},
};

static void sends_requests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(request_cases); i++) {
		const struct request_case *wanted = &request_cases[i];
		struct http_request request = wanted->request;
		struct http_connection *connection = http_open();
		struct http_response response;

		ask(connection, &request, "/echo", server.port, &response);
		assert_int_equal(response.failure, HTTP_OK);
		if (!strstr(response.body.data, wanted->wanted) ||
		    (wanted->unwanted && strstr(response.body.data, wanted->unwanted)))
			fail_msg("%s: %s", wanted->what, response.body.data);
		http_response_release(&response);
		http_close(connection);
	}
}

/* The length that a HEAD is told may be beyond what a body may have. */
static void heads_have_no_body(void **state)
{
	static const char *const paths[] = {"/ok", "/big"};

	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++) {
		struct http_connection *connection = http_open();
		struct http_request request = {.method = "HEAD"};
		struct http_response response;

		ask(connection, &request, paths[i], server.port, &response);
		assert_int_equal(response.failure, HTTP_OK);
		assert_int_equal(response.body.length, 0);
		http_response_release(&response);
		http_close(connection);
	}
}

static void refuses_broken_requests(void **state)
{
	struct http_request requests[] = {
		{.headers = {"a: 1\r\nevil: 2"}},
		{.headers = {"a: 1\nevil: 2"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct http_connection *connection = http_open();
		struct http_response response;

		ask(connection, &requests[i], "/echo", server.port, &response);
		assert_int_equal(response.failure, HTTP_INTERNAL);
		http_response_release(&response);
		http_close(connection);
	}
}

/* One connection serves several requests; a stall on a used one is still a late answer. */
static void reuses_connections(void **state)
{
	static const struct {
		const char *path;
		enum http_failure failure;
	} steps[] = {{"/ok", HTTP_OK}, {"/ok", HTTP_OK}, {"/stall", HTTP_RESPONSE_TIMEOUT}};
	struct http_connection *connection = http_open();

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct http_request request = {0};
		struct http_response response;

		ask(connection, &request, steps[i].path, server.port, &response);
		assert_int_equal(response.failure, steps[i].failure);
		http_response_release(&response);
	}
	http_close(connection);
}

/* The job's environment names proxies and more; none of it may count. */
static void ignores_environment(void **state)
{
	static const char *const variables[] = {"http_proxy", "HTTP_PROXY", "all_proxy",
						"ALL_PROXY"};
	struct http_connection *connection;
	struct http_request request = {0};
	struct http_response response;

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++)
		setenv(variables[i], "http://127.0.0.1:1", 1);
	connection = http_open();
	ask(connection, &request, "/ok", server.port, &response);
	assert_int_equal(response.failure, HTTP_OK);
	http_response_release(&response);
	http_close(connection);
	for (size_t i = 0; i < COUNT(variables); i++)
		unsetenv(variables[i]);
}

static void https_needs_authorities(void **state)
{
	struct http_connection *connection = http_open();
	struct http_request request = {.url = "https://cache.test/", .address = "127.0.0.1"};
	struct http_response response;

	(void)state;
	http_perform(connection, &request, &response);
	assert_int_equal(response.failure, HTTP_NO_CA);
	http_response_release(&response);
	http_close(connection);
}

/* ---- pure parts */

static void splits_headers(void **state)
{
	static const struct {
		const char *line, *name, *value; /* name NULL: no header */
	} cases[] = {
		{"Content-Type: text/html\r\n", "content-type", "text/html"},
		{"grpc-status:0\r\n", "grpc-status", "0"},
		{"X:  \t a b \r\n", "x", "a b"},
		{"X:\r\n", "x", ""},
		{"X: a: b", "x", "a: b"},
		{"\r\n", NULL, NULL},
		{"HTTP/1.1 200 OK\r\n", NULL, NULL},
		{": no name\r\n", NULL, NULL},
		{"two words: x\r\n", NULL, NULL},
		{"seventeen-letters: x\r\n", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char name[16];
		char *value = NULL;
		bool is_header = http_header_split(cases[i].line, strlen(cases[i].line), name,
						   sizeof(name), &value);

		assert_int_equal(is_header, cases[i].name != NULL);
		if (is_header) {
			assert_string_equal(name, cases[i].name);
			assert_string_equal(value, cases[i].value);
		}
		free(value);
	}
}

static void maps_failures(void **state)
{
	static const struct {
		const char *message;
		enum http_failure failure;
	} handshakes[] = {
		{"error:0A00010B:SSL routines::wrong version number", HTTP_TLS_PROTOCOL},
		{"sslv3 alert handshake failure", HTTP_TLS_PROTOCOL},
		{"OpenSSL SSL_connect: SSL_ERROR_SYSCALL in connection to x", HTTP_RESET},
		{"TLS connect error: error:0A000126:SSL routines::unexpected eof while reading",
		 HTTP_RESET},
		{"Recv failure: Connection reset by peer", HTTP_RESET},
		{"tlsv13 alert certificate required", HTTP_TLS_CLIENT_CERTIFICATE},
		{"sslv3 alert bad certificate", HTTP_TLS_CLIENT_CERTIFICATE},
		{"tlsv1 alert unknown ca", HTTP_TLS_CLIENT_CERTIFICATE},
		{"", HTTP_TLS_PROTOCOL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(handshakes); i++)
		assert_int_equal(http_failure_of_handshake(handshakes[i].message),
				 handshakes[i].failure);
	assert_int_equal(http_failure_of_connect(ECONNREFUSED), HTTP_REFUSED);
	assert_int_equal(http_failure_of_connect(ENETUNREACH), HTTP_UNREACHABLE);
	assert_int_equal(http_failure_of_connect(EACCES), HTTP_UNREACHABLE);
	assert_int_equal(http_failure_of_connect(ETIMEDOUT), HTTP_CONNECT_TIMEOUT);
	for (int i = 0; i < HTTP_FAILURE_COUNT; i++)
		assert_non_null(http_failure_text((enum http_failure)i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_answers_apart),
		cmocka_unit_test(tells_connect_failures),
		cmocka_unit_test(speaks_over_sockets),
		cmocka_unit_test(sends_requests),
		cmocka_unit_test(heads_have_no_body),
		cmocka_unit_test(refuses_broken_requests),
		cmocka_unit_test(reuses_connections),
		cmocka_unit_test(ignores_environment),
		cmocka_unit_test(https_needs_authorities),
		cmocka_unit_test(splits_headers),
		cmocka_unit_test(maps_failures),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
