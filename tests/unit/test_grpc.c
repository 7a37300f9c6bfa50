/* SPDX-License-Identifier: Zlib */
/* gRPC calls against a real HTTP/2 server, which answers well and in every wrong way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/digest.h"
#include "agent/grpc.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/h2_server.h"
#include "tests/unit/tiny_server.h"

#define OK_HEAD ":status: 200\ncontent-type: application/grpc\n"
#define OK_TAIL "grpc-status: 0\n"
#define BODY(text) .data = (text), .data_length = sizeof(text) - 1

static const struct call_case {
	const char *what;
	struct h2_answer answer;
	enum grpc_failure failure;
	int status;
	const char *message, *payload; /* payload NULL: none */
} call_cases[] = {
	{"a message",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\2hi"), .trailers = OK_TAIL},
	 GRPC_OK,
	 0,
	 "",
	 "hi"},
	{"an empty message",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\0"), .trailers = OK_TAIL},
	 GRPC_OK,
	 0,
	 "",
	 ""},
	{"a content type with its encoding",
	 {.headers = ":status: 200\ncontent-type: application/grpc+proto\n",
	  BODY("\0\0\0\0\1x"),
	  .trailers = OK_TAIL},
	 GRPC_OK,
	 0,
	 "",
	 "x"},
	{"another protocol with a similar name",
	 {.headers = ":status: 200\ncontent-type: application/grpc-web+proto\n",
	  BODY("\0\0\0\0\1x"),
	  .trailers = OK_TAIL},
	 GRPC_NOT_GRPC,
	 0,
	 "",
	 NULL},
	{"a reset that means nothing",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\1x"), .trailers = OK_TAIL, .is_confirmed = 1},
	 GRPC_OK,
	 0,
	 "",
	 "x"},
	{"trailers only",
	 {.headers = OK_HEAD "grpc-status: 12\ngrpc-message: no such method\n"},
	 GRPC_STATUS,
	 12,
	 "no such method",
	 NULL},
	{"a refusal in trailers",
	 {.headers = OK_HEAD, .trailers = "grpc-status: 16\ngrpc-message: who%3F%0Ame%25\n"},
	 GRPC_STATUS,
	 16,
	 "who? me%",
	 NULL},
	{"the trailers win",
	 {.headers = OK_HEAD "grpc-status: 0\n", .trailers = "grpc-status: 14\n"},
	 GRPC_STATUS,
	 14,
	 "",
	 NULL},
	{"a status that is not defined",
	 {.headers = OK_HEAD "grpc-status: 99\n"},
	 GRPC_STATUS,
	 99,
	 "",
	 NULL},
	{"a proxy's refusal with a status",
	 {.headers = ":status: 503\ncontent-type: text/html\ngrpc-status: 14\n"},
	 GRPC_STATUS,
	 14,
	 "",
	 NULL},
	{"no status", {.headers = OK_HEAD, BODY("\0\0\0\0\1x")}, GRPC_NO_STATUS, -1, "", NULL},
	{"a status that is no number",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\1x"), .trailers = "grpc-status: zero\n"},
	 GRPC_NO_STATUS,
	 -1,
	 "",
	 NULL},
	{"no message", {.headers = OK_HEAD, .trailers = OK_TAIL}, GRPC_BAD_FRAME, 0, "", NULL},
	{"a compressed message",
	 {.headers = OK_HEAD, BODY("\1\0\0\0\1x"), .trailers = OK_TAIL},
	 GRPC_BAD_FRAME,
	 0,
	 "",
	 NULL},
	{"a message cut short",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\5x"), .trailers = OK_TAIL},
	 GRPC_BAD_FRAME,
	 0,
	 "",
	 NULL},
	{"a frame's head alone",
	 {.headers = OK_HEAD, BODY("\0\0\0"), .trailers = OK_TAIL},
	 GRPC_BAD_FRAME,
	 0,
	 "",
	 NULL},
	{"two messages",
	 {.headers = OK_HEAD, BODY("\0\0\0\0\1x\0\0\0\0\1y"), .trailers = OK_TAIL},
	 GRPC_BAD_FRAME,
	 0,
	 "",
	 NULL},
	{"an oversized message",
	 {.headers = OK_HEAD,
	  BODY("\0\0\0\0\41 0123456789abcdef0123456789abcdef"),
	  .trailers = OK_TAIL},
	 GRPC_BAD_FRAME,
	 -1,
	 "",
	 NULL},
	{"a web page",
	 {.headers = ":status: 200\ncontent-type: text/html\n", BODY("<html>")},
	 GRPC_NOT_GRPC,
	 -1,
	 "",
	 NULL},
	{"a missing page", {.headers = ":status: 404\n"}, GRPC_NOT_GRPC, -1, "", NULL},
	{"a reset stream", {.headers = OK_HEAD, .is_reset = 1}, GRPC_TRANSPORT, -1, "", NULL},
	{"a cut connection", {.headers = OK_HEAD, .is_cut = 1}, GRPC_TRANSPORT, -1, "", NULL},
	{"silence", {.headers = OK_HEAD, .is_stalled = 1}, GRPC_TRANSPORT, -1, "", NULL},
};

static void serve_answer(int fd, const void *data)
{
	h2_serve_fd(fd, data);
}

static void call(uint16_t port, struct grpc_response *response)
{
	char *url = mem_format("http://cache.test:%u/some/path", port);
	const struct http_request base = {
		.url = url,
		.address = "127.0.0.1",
		.user = "u",
		.timeout_ms = 400,
		.max_body_bytes = 32,
	};
	struct http_connection *connection = http_open();
	struct strbuf message = STRBUF_INIT(3);

	strbuf_puts(&message, "abc");
	grpc_call(connection, &base, "pkg.Service/Method", &message, response);
	strbuf_release(&message);
	http_close(connection);
	free(url);
}

static bool has_payload(const struct grpc_response *response, const char *wanted)
{
	if (!wanted || !response->payload)
		return !wanted && !response->payload && !response->payload_length;
	return response->payload_length == strlen(wanted) &&
	       memcmp(response->payload, wanted, response->payload_length) == 0;
}

static void tells_answers_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(call_cases); i++) {
		const struct call_case *wanted = &call_cases[i];
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, serve_answer, NULL, &wanted->answer);
		call(server.port, &response);
		tiny_server_stop(&server);
		if (response.failure != wanted->failure || response.status != wanted->status ||
		    strcmp(response.message, wanted->message) != 0 ||
		    !has_payload(&response, wanted->payload))
			fail_msg("%s: failure %d, status %d, \"%s\", %zu bytes (%s, %s)",
				 wanted->what, response.failure, response.status, response.message,
				 response.payload_length, http_failure_text(response.http.failure),
				 response.http.message);
		grpc_response_release(&response);
	}
}

/* ---- ports where no gRPC server is */

static void serve_http1(int fd, const void *data)
{
	char request[512];

	(void)data;
	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	tiny_write(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", 47);
	/* Closing with unread bytes would send RST, which can overtake the answer. */
	(void)shutdown(fd, SHUT_WR);
	(void)tiny_read_until(fd, "never", request, sizeof(request));
}

static void serve_ssh(int fd, const void *data)
{
	char request[512];

	(void)data;
	tiny_write(fd, "SSH-2.0-OpenSSH_9.2p1 Debian\r\n", 30);
	(void)tiny_read_until(fd, "never", request, sizeof(request));
}

static void serve_nothing(int fd, const void *data)
{
	char byte;

	(void)data;
	(void)read(fd, &byte, 1);
}

static void serve_reset(int fd, const void *data)
{
	serve_nothing(fd, data);
	tiny_reset(fd);
}

static void serve_silence(int fd, const void *data)
{
	char request[512];

	(void)data;
	(void)tiny_read_until(fd, "never", request, sizeof(request));
}

static void tells_ports_apart(void **state)
{
	static const struct {
		tiny_serve *serve;
		enum http_failure failures[2]; /* any of them: libcurl's versions differ */
	} cases[] = {
		{serve_http1, {HTTP_NOT_HTTP, HTTP_NOT_HTTP}},
		{serve_ssh, {HTTP_NOT_HTTP, HTTP_NOT_HTTP}},
		{serve_nothing, {HTTP_RESET, HTTP_NOT_HTTP}},
		{serve_reset, {HTTP_RESET, HTTP_RESET}},
		{serve_silence, {HTTP_RESPONSE_TIMEOUT, HTTP_RESPONSE_TIMEOUT}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tiny_server server;
		struct grpc_response response;

		tiny_server_start(&server, cases[i].serve, NULL, NULL);
		call(server.port, &response);
		tiny_server_stop(&server);
		assert_int_equal(response.failure, GRPC_TRANSPORT);
		if (response.http.failure != cases[i].failures[0] &&
		    response.http.failure != cases[i].failures[1])
			fail_msg("%zu: %s (%s)", i, http_failure_text(response.http.failure),
				 response.http.message);
		grpc_response_release(&response);
	}
}

/* ---- what is sent */

static int sent_pipe[2];

static void serve_recording(int fd, const void *data)
{
	char request[1024] = "";
	ssize_t length, used = 0;

	(void)data;
	while (used < 400 &&
	       (length = read(fd, request + used, sizeof(request) - (size_t)used)) > 0) {
		used += length;
		if (memmem(request, (size_t)used, "\0\0\0\0\3abc", 8))
			break;
	}
	(void)write(sent_pipe[1], request, (size_t)used);
}

/* Headers are Huffman-coded, so what can be seen is the framed message alone. */
static void sends_one_frame(void **state)
{
	struct tiny_server server;
	struct grpc_response response;
	char sent[1024];
	ssize_t length;

	(void)state;
	assert_int_equal(pipe(sent_pipe), 0);
	tiny_server_start(&server, serve_recording, NULL, NULL);
	call(server.port, &response);
	tiny_server_stop(&server);
	close(sent_pipe[1]);
	length = read(sent_pipe[0], sent, sizeof(sent));
	close(sent_pipe[0]);
	assert_true(length > 24);
	assert_memory_equal(sent, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	assert_non_null(memmem(sent, (size_t)length, "\0\0\0\0\3abc", 8));
	grpc_response_release(&response);
}

/* ---- pure parts */

static void decodes_messages(void **state)
{
	static const struct {
		const char *text, *decoded;
	} cases[] = {
		{NULL, ""},
		{"", ""},
		{"plain", "plain"},
		{"a%20b%2fc%2F", "a b/c/"},
		{"100%", "100%"},
		{"%4", "%4"},
		{"%zz", "%zz"},
		{"a%0Ab%00c", "a b c"},
		{"%1b[31mred%1b[0m", "red"},
		{"##[error]no", "# #[error]no"},
		{"%C3%A4", "\303\244"},
	};
	char decoded[256], long_text[2000];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		grpc_decode_message(cases[i].text, decoded, sizeof(decoded));
		if (strcmp(decoded, cases[i].decoded) != 0)
			fail_msg("%s: \"%s\"", cases[i].text, decoded);
	}
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	grpc_decode_message(long_text, decoded, 64);
	assert_true(strlen(decoded) < 64);
}

static void names_statuses(void **state)
{
	(void)state;
	assert_string_equal(grpc_status_name(0), "OK");
	assert_string_equal(grpc_status_name(GRPC_STATUS_UNAVAILABLE), "UNAVAILABLE");
	assert_string_equal(grpc_status_name(GRPC_STATUS_UNAUTHENTICATED), "UNAUTHENTICATED");
	assert_non_null(strstr(grpc_status_name(17), "not defined"));
	assert_non_null(strstr(grpc_status_name(-1), "not defined"));
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
		cmocka_unit_test(tells_answers_apart), cmocka_unit_test(tells_ports_apart),
		cmocka_unit_test(sends_one_frame),     cmocka_unit_test(decodes_messages),
		cmocka_unit_test(names_statuses),
	};

	return cmocka_run_group_tests(tests, initialise, NULL);
}
