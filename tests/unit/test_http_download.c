/* SPDX-License-Identifier: Zlib */
/* HTTP for downloads: a body that streams, parts of a file, stalls, and proxies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ca_search.h"
#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/http.h"
#include "agent/http_header.h"
#include "agent/mem.h"
#include "tests/unit/check.h"
#include "tests/unit/tiny_server.h"
#include "tests/unit/tls_server.h"

#define MAX_BODY 100u

/* ---- the server: the request's path says what it does */

static void answer(int fd, const char *text)
{
	tiny_write(fd, text, strlen(text));
}

static const struct canned {
	const char *path, *answer;
} canned[] = {
	{"/file",
	 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nAccept-Ranges: bytes\r\nContent-Type: a/b\r\n\r\n"
	 "01234"},
	{"/part", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 2-4/5\r\nContent-Length: "
		  "3\r\n\r\n234"},
	{"/early", "HTTP/1.1 103 Early Hints\r\nContent-Range: bytes 1-2/3\r\nRetry-After: "
		   "1\r\nContent-Encoding: gzip\r\nAccept-Ranges: bytes\r\n\r\n"
		   "HTTP/1.1 200 OK\r\n\r\n01234"},
	{"/busy", "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nno"},
	{"/gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"},
	{"/short", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n012"},
	{"/long", "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n0"},
};

static void stall(int fd)
{
	char byte;

	while (read(fd, &byte, 1) > 0)
		;
}

static void serve(int fd, const void *data)
{
	char request[4096], path[64] = "";
	char *echo;

	(void)data;
	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	(void)sscanf(request, "%*s %63s", path);
	for (size_t i = 0; i < COUNT(canned); i++)
		if (strcmp(path, canned[i].path) == 0)
			answer(fd, canned[i].answer);
	if (strcmp(path, "/stall") == 0) {
		answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n01");
		stall(fd);
	}
	if (strcmp(path, "/flood") == 0) {
		answer(fd, "HTTP/1.1 200 OK\r\n\r\n");
		for (int i = 0; i < 10000; i++)
			answer(fd, "0123456789");
	}
	if (strstr(path, "/echo")) {
		echo = mem_format("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s",
				  strlen(request), request);
		answer(fd, echo);
		free(echo);
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

/* ---- the sink */

struct sink {
	const struct http_response *response;
	size_t stop_at; /* 0: never */
	char bytes[4096];
	size_t length;
	long status;            /* as the first byte came */
	int64_t content_length; /* likewise; 0 in a table: not compared */
};

static int on_body(void *data, const void *bytes, size_t length)
{
	struct sink *sink = data;

	sink->status = sink->response->status;
	sink->content_length = sink->response->content_length;
	if (sink->stop_at && sink->length + length >= sink->stop_at)
		return -1;
	assert_in_range(sink->length + length, 0, sizeof(sink->bytes) - 1);
	memcpy(sink->bytes + sink->length, bytes, length);
	sink->length += length;
	return 0;
}

static void ask(struct http_request *request, const char *path, struct sink *sink,
		struct http_response *response)
{
	struct http_connection *connection = http_open();
	char *url = mem_format("http://cache.test:%u%s", server.port, path);

	if (!request->url)
		request->url = url;
	request->address = "127.0.0.1";
	request->timeout_ms = 5000;
	if (!request->max_body_bytes)
		request->max_body_bytes = MAX_BODY;
	if (sink) {
		sink->response = response;
		request->on_body = on_body;
		request->on_body_data = sink;
	}
	http_perform(connection, request, response);
	http_close(connection);
	free(url);
}

static const struct stream_case {
	const char *path;
	struct sink sink;
	enum http_failure failure;
	long status;
	const char *bytes; /* NULL: whatever came */
} stream_cases[] = {
	{"/file", {.content_length = 5}, HTTP_OK, 200, "01234"},
	{"/file", {.content_length = 5, .stop_at = 1}, HTTP_STOPPED, 200, ""},
	{"/part", {.content_length = 3}, HTTP_OK, 206, "234"},
	{"/early", {.content_length = -1}, HTTP_OK, 200, "01234"},
	{"/busy", {.content_length = 2}, HTTP_OK, 503, "no"},
	{"/short", {.content_length = 5}, HTTP_TRUNCATED, 200, "012"},
	{"/long", {.content_length = 0}, HTTP_TOO_LARGE, 200, ""},
	{"/flood", {.content_length = 0}, HTTP_TOO_LARGE, 200, NULL},
	{"/stall", {.content_length = 5}, HTTP_RESPONSE_TIMEOUT, 200, "01"},
};

static void streams_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(stream_cases); i++) {
		const struct stream_case *wanted = &stream_cases[i];
		struct http_request request = {.low_speed_bytes_per_s = 1000, .low_speed_s = 1};
		struct sink sink = {.stop_at = wanted->sink.stop_at};
		struct http_response response;

		ask(&request, wanted->path, &sink, &response);
		if (response.failure != wanted->failure || response.status != wanted->status ||
		    (wanted->bytes && strcmp(sink.bytes, wanted->bytes) != 0) ||
		    sink.length > MAX_BODY ||
		    (wanted->sink.content_length &&
		     sink.content_length != wanted->sink.content_length) ||
		    (sink.length && sink.status != wanted->status))
			fail_msg("%s: %s, status %ld, \"%s\", %ld, length %lld (%s)", wanted->path,
				 http_failure_text(response.failure), response.status, sink.bytes,
				 sink.status, (long long)sink.content_length, response.message);
		assert_int_equal(response.body.length, 0);
		http_response_release(&response);
	}
}

static const struct head_case {
	const char *path;
	struct http_response head;
} head_cases[] = {
	{"/file",
	 {.content_length = 5,
	  .range_start = -1,
	  .range_total = -1,
	  .retry_after_s = -1,
	  .accepts_ranges = true}},
	{"/part", {.content_length = 3, .range_start = 2, .range_total = 5, .retry_after_s = -1}},
	{"/early",
	 {.content_length = -1, .range_start = -1, .range_total = -1, .retry_after_s = -1}},
	{"/busy", {.content_length = 2, .range_start = -1, .range_total = -1, .retry_after_s = 7}},
	{"/gzip",
	 {.content_length = 1,
	  .range_start = -1,
	  .range_total = -1,
	  .retry_after_s = -1,
	  .is_encoded = true}},
};

static void reads_what_a_download_needs(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(head_cases); i++) {
		const struct http_response *wanted = &head_cases[i].head;
		struct http_request request = {0};
		struct http_response response;

		ask(&request, head_cases[i].path, NULL, &response);
		assert_int_equal(response.failure, HTTP_OK);
		if (response.content_length != wanted->content_length ||
		    response.range_start != wanted->range_start ||
		    response.range_total != wanted->range_total ||
		    response.retry_after_s != wanted->retry_after_s ||
		    response.accepts_ranges != wanted->accepts_ranges ||
		    response.is_encoded != wanted->is_encoded)
			fail_msg("%s", head_cases[i].path);
		http_response_release(&response);
	}
}

static void reads_content_ranges(void **state)
{
	static const struct {
		const char *value;
		bool is_read;
		int64_t start, total;
	} rows[] = {
		{"bytes 5-9/10", true, 5, 10},
		{"Bytes 0-0/1", true, 0, 1},
		{"bytes 5-9/*", true, 5, -1},
		{"bytes */10", true, -1, 10},
		{"bytes */*", true, -1, -1},
		{"bytes 0-9223372036854775806/9223372036854775807", true, 0, INT64_MAX},
		{"bytes 5-10/10", false, 0, 0},
		{"bytes 9-5/10", false, 0, 0},
		{"bytes 5-9", false, 0, 0},
		{"bytes -9/10", false, 0, 0},
		{"bytes 5-/10", false, 0, 0},
		{"bytes 5-9/", false, 0, 0},
		{"bytes 5-9/10x", false, 0, 0},
		{"bytes  5-9/10", false, 0, 0},
		{"bytes +5-9/10", false, 0, 0},
		{"bytes 5-9/9223372036854775808", false, 0, 0},
		{"bytes=5-9/10", false, 0, 0},
		{"bytes/10", false, 0, 0},
		{"/", false, 0, 0},
		{"", false, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t start = 0, total = 0;
		bool is_read = http_header_content_range(rows[i].value, &start, &total);

		if (is_read != rows[i].is_read || start != rows[i].start || total != rows[i].total)
			fail_msg("%s: %d, %lld, %lld", rows[i].value, is_read, (long long)start,
				 (long long)total);
	}
}

static void asks_for_ranges(void **state)
{
	static const struct {
		uint64_t from;
		const char *wanted; /* NULL: no range */
	} rows[] = {
		{0, NULL},
		{1, "Range: bytes=1-\r\n"},
		{UINT64_C(5000000000), "Range: bytes=5000000000-\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct http_request request = {.range_from = rows[i].from, .max_body_bytes = 4000};
		struct http_response response;

		ask(&request, "/echo", NULL, &response);
		assert_int_equal(response.failure, HTTP_OK);
		if (rows[i].wanted ? !strstr(response.body.data, rows[i].wanted)
				   : strstr(response.body.data, "Range") != NULL)
			fail_msg("%s", response.body.data);
		http_response_release(&response);
	}
}

/* ---- proxies */

/* The names behind a proxy are its own to resolve: nothing here knows them. */
static void http_goes_through_a_proxy(void **state)
{
	char *proxy = mem_format("http://us%%40er:pa%%3Ass@proxy.test:%u", server.port);
	struct http_request request = {
		.url = "http://nowhere.test:81/echo",
		.proxy = proxy,
		.proxy_address = "127.0.0.1",
		.max_body_bytes = 4000,
	};
	struct http_response response;

	(void)state;
	ask(&request, "", NULL, &response);
	assert_int_equal(response.failure, HTTP_OK);
	assert_non_null(strstr(response.body.data, "GET http://nowhere.test:81/echo HTTP/1.1\r\n"));
	assert_non_null(strstr(response.body.data, "\r\nHost: nowhere.test:81\r\n"));
	assert_non_null(strstr(response.body.data, "Proxy-Authorization: Basic dXNAZXI6cGE6c3M="));
	http_response_release(&response);
	free(proxy);
}

static const struct connect_case {
	const char *what;
	const char *answer; /* NULL: the tunnel stands, and TLS follows */
	enum http_failure failure;
	long proxy_status;
} connect_cases[] = {
	{"good", NULL, HTTP_OK, 200},
	{"a password is wanted",
	 "HTTP/1.1 407 Who?\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
	 HTTP_PROXY, 407},
	{"bad gateway", "HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno", HTTP_PROXY, 502},
	{"a redirect", "HTTP/1.1 302 Go\r\nLocation: http://x/\r\n\r\n", HTTP_PROXY, 302},
	{"an end", "", HTTP_PROXY, 0},
	{"no TLS behind it", "HTTP/1.1 200 OK\r\n\r\nplain text", HTTP_TLS_PROTOCOL, 200},
};

static const struct tls_server origin = {
	.pem = "fixtures/tls/good.pem",
	.answer_1_1 = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure"};

static void serve_connect(int fd, const void *data)
{
	const struct connect_case *wanted = data;
	char request[4096];

	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	if (strncmp(request, "CONNECT cache.test:444 HTTP/1.1\r\n", 33) != 0)
		answer(fd, "HTTP/1.1 599 Unexpected\r\n\r\n");
	else if (wanted->answer)
		answer(fd, wanted->answer);
	else
		answer(fd, "HTTP/1.1 200 Yes\r\nX-Proxy: head\r\nLocation: /proxy\r\n\r\n");
	if (!wanted->answer)
		tls_serve(fd, &origin);
	else if (*wanted->answer)
		stall(fd);
}

static void read_authorities(struct ca_search *ca)
{
	FILE *file = fopen("fixtures/tls/ca.pem", "r");
	char pem[8192] = "";

	assert_true(fread(pem, 1, sizeof(pem) - 1, file) > 0);
	(void)fclose(file);
	*ca = (struct ca_search){.source = mem_strdup("test"), .bundle = STRBUF_INIT(8192)};
	strbuf_puts(&ca->bundle, pem);
}

static void https_goes_through_a_tunnel(void **state)
{
	CLEANUP(ca_search_release) struct ca_search ca;

	(void)state;
	read_authorities(&ca);
	for (size_t i = 0; i < COUNT(connect_cases); i++) {
		const struct connect_case *wanted = &connect_cases[i];
		struct tiny_server proxy;
		struct http_request request = {.url = "https://cache.test:444/x", .ca = &ca};
		struct http_response response;
		char url[64];

		tiny_server_start(&proxy, serve_connect, NULL, wanted);
		(void)snprintf(url, sizeof(url), "http://proxy.test:%u", proxy.port);
		request.proxy = url;
		request.proxy_address = "127.0.0.1";
		ask(&request, "", NULL, &response);
		tiny_server_stop(&proxy);
		if (response.failure != wanted->failure ||
		    response.proxy_status != wanted->proxy_status || response.location ||
		    (wanted->failure == HTTP_OK && strcmp(response.body.data, "secure") != 0))
			fail_msg("%s: %s, %ld, \"%s\" (%s)", wanted->what,
				 http_failure_text(response.failure), response.proxy_status,
				 response.body.data, response.message);
		http_response_release(&response);
	}
}

/* The way to the proxy itself is TLS, and its certificate counts. */
static void a_proxy_may_speak_tls(void **state)
{
	static const struct {
		const char *pem;
		enum http_failure failure;
	} rows[] = {
		{"fixtures/tls/good.pem", HTTP_OK},
		{"fixtures/tls/self-signed.pem", HTTP_TLS_UNTRUSTED},
	};
	CLEANUP(ca_search_release) struct ca_search ca;

	(void)state;
	read_authorities(&ca);
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct tls_server tls = {.pem = rows[i].pem, .answer_1_1 = origin.answer_1_1};
		struct tiny_server proxy;
		struct http_request request = {.url = "http://nowhere.test/x", .ca = &ca};
		struct http_response response;
		char url[64];

		tiny_server_start(&proxy, tls_serve, NULL, &tls);
		(void)snprintf(url, sizeof(url), "https://cache.test:%u", proxy.port);
		request.proxy = url;
		request.proxy_address = "127.0.0.1";
		ask(&request, "", NULL, &response);
		tiny_server_stop(&proxy);
		if (response.failure != rows[i].failure)
			fail_msg("%s: %s (%s)", rows[i].pem, http_failure_text(response.failure),
				 response.message);
		http_response_release(&response);
	}
}

static void tells_dead_proxies(void **state)
{
	char *refusing = mem_format("http://proxy.test:%u", tiny_unused_port());
	struct http_request requests[] = {
		{.url = "http://cache.test/", .proxy = refusing, .proxy_address = "127.0.0.1"},
		{.url = "http://cache.test/",
		 .proxy = "https://proxy.test:443",
		 .proxy_address = "127.0.0.1"},
	};
	static const enum http_failure failures[] = {HTTP_REFUSED, HTTP_NO_CA};

	(void)state;
	for (size_t i = 0; i < COUNT(requests); i++) {
		struct http_response response;

		ask(&requests[i], "", NULL, &response);
		if (response.failure != failures[i])
			fail_msg("%zu: %s", i, http_failure_text(response.failure));
		http_response_release(&response);
	}
	free(refusing);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams_bodies),
		cmocka_unit_test(reads_what_a_download_needs),
		cmocka_unit_test(reads_content_ranges),
		cmocka_unit_test(asks_for_ranges),
		cmocka_unit_test(http_goes_through_a_proxy),
		cmocka_unit_test(https_goes_through_a_tunnel),
		cmocka_unit_test(a_proxy_may_speak_tls),
		cmocka_unit_test(tells_dead_proxies),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
