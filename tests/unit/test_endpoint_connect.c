/* SPDX-License-Identifier: Zlib */
/* The budget, the one retry and the words of a way to an endpoint. */
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/endpoint_connect.h"
#include "agent/proxy.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

static const struct url url = {.host = (char[]){"cache.example"}, .port = 9092};

static struct target two_addresses(unsigned int budget_ms)
{
	struct target target = {.url = &url, .end_us = target_end_us(budget_ms)};

	target.answer.address_count = 2;
	(void)snprintf(target.answer.addresses[0], sizeof(target.answer.addresses[0]), "10.0.0.1");
	(void)snprintf(target.answer.addresses[1], sizeof(target.answer.addresses[1]), "10.0.0.2");
	return target;
}

static void origins_are_what_a_server_compares(void **state)
{
	static const struct {
		const char *text, *origin;
	} rows[] = {
		{"http://attic.example/x", "http://attic.example"},
		{"http://attic.example:80", "http://attic.example"},
		{"http://attic.example:8080", "http://attic.example:8080"},
		{"https://attic.example:443", "https://attic.example"},
		{"https://attic.example:80", "https://attic.example:80"},
		{"grpc://cache.example:9092", "http://cache.example:9092"},
		{"grpcs://u:p@cache.example", "https://cache.example"},
		{"http://[fd00::1]:81", "http://[fd00::1]:81"},
	};
	const struct resolver resolver = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct url parsed;
		struct target target;

		assert_int_equal(url_parse(rows[i].text, &parsed, NULL), 0);
		target_open(&target, &resolver, &parsed, target_end_us(100));
		assert_string_equal(target.origin, rows[i].origin);
		target_close(&target);
		url_release(&parsed);
	}
}

static void the_first_try_leaves_time_for_a_second(void **state)
{
	struct target target = two_addresses(2000);
	struct http_request request = {0};

	(void)state;
	target_prepare(&target, &request);
	assert_string_equal(request.address, "10.0.0.1");
	assert_in_range(request.timeout_ms, 1800, 2000);
	assert_in_range(request.connect_timeout_ms, 900, 1000);
	assert_true(target_retries(&target, HTTP_CONNECT_TIMEOUT));
	target_prepare(&target, &request);
	assert_string_equal(request.address, "10.0.0.2");
	assert_int_equal(request.connect_timeout_ms, request.timeout_ms);
	assert_false(target_retries(&target, HTTP_CONNECT_TIMEOUT));
}

static void only_connecting_is_tried_again(void **state)
{
	static const struct {
		enum http_failure failure;
		bool is_tried_again;
	} rows[] = {
		{HTTP_OK, false},          {HTTP_REFUSED, true},
		{HTTP_UNREACHABLE, true},  {HTTP_CONNECT_TIMEOUT, true},
		{HTTP_RESET, false},       {HTTP_RESPONSE_TIMEOUT, false},
		{HTTP_TRUNCATED, false},   {HTTP_NOT_HTTP, false},
		{HTTP_TLS_EXPIRED, false}, {HTTP_INTERNAL, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct target target = two_addresses(2000);

		target.tries = 1;
		assert_int_equal(target_retries(&target, rows[i].failure), rows[i].is_tried_again);
	}
}

static void a_spent_budget_ends_it(void **state)
{
	struct target target = two_addresses(0);
	struct http_request request = {0};

	(void)state;
	assert_int_equal(target_left_ms(&target), 0);
	target_prepare(&target, &request);
	assert_int_equal(request.timeout_ms, 1); /* 0 would be no limit at all */
	assert_int_equal(request.connect_timeout_ms, 1);
	assert_false(target_retries(&target, HTTP_REFUSED));
}

static void tables_have_a_last_resort(void **state)
{
	static const struct failure_finding failures[] = {
		{HTTP_REFUSED, FINDING_ATTIC_REFUSED},
		{HTTP_RESET, FINDING_ATTIC_RESET},
		{HTTP_INTERNAL, FINDING_ATTIC_FAILED},
	};
	static const struct resolve_finding outcomes[] = {
		{RESOLVE_NXDOMAIN, FINDING_ATTIC_DNS_NXDOMAIN},
		{RESOLVE_OTHER_RCODE, FINDING_ATTIC_DNS_BROKEN},
	};

	(void)state;
	assert_int_equal(failure_finding(failures, 3, HTTP_RESET), FINDING_ATTIC_RESET);
	assert_int_equal(failure_finding(failures, 3, HTTP_PROXY), FINDING_ATTIC_FAILED);
	assert_int_equal(resolve_finding(outcomes, 2, RESOLVE_NXDOMAIN),
			 FINDING_ATTIC_DNS_NXDOMAIN);
	assert_int_equal(resolve_finding(outcomes, 2, RESOLVE_TIMEOUT), FINDING_ATTIC_DNS_BROKEN);
}

static void what_was_seen_is_said(void **state)
{
	struct target target = two_addresses(2000);
	const struct http_response refused = {.failure = HTTP_REFUSED, .took_us = 4321};
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(500);

	(void)state;
	target.tries = 2;
	target.next_address = 1;
	target_describe_failure(&target, &refused, &out);
	assert_string_equal(out.data,
			    "10.0.0.2 port 9092: connection refused, 2 tries, after 4 ms");
	strbuf_clear(&out);
	target.answer.outcome = RESOLVE_NXDOMAIN;
	target.answer.packets = 1;
	target.answer.took_us = 2100;
	(void)snprintf(target.answer.server, sizeof(target.answer.server), "10.96.0.10");
	target_describe_resolve(&target, &out);
	assert_string_equal(
		out.data,
		"cache.example: no such name (NXDOMAIN), asked 10.96.0.10 (2 ms, 1 query)");
}

static void a_proxy_is_connected_to_instead(void **state)
{
	const struct proxy proxy = {.text = (char[]){"http://u:SECRET@10.0.0.9:3128"},
				    .host = (char[]){"10.0.0.9"},
				    .shown = (char[]){"http://10.0.0.9:3128 (http_proxy)"}};
	const struct resolver resolver = {0};
	const struct url away = {.host = (char[]){"nobody.resolves.this"}, .port = 80};
	struct target target;
	struct http_request request = {0};

	(void)state;
	target_open_through(&target, &resolver, &away, &proxy, target_end_us(1000));
	assert_int_equal(target.answer.outcome, RESOLVE_OK);
	target_prepare(&target, &request);
	assert_string_equal(request.proxy, proxy.text);
	assert_string_equal(request.proxy_address, "10.0.0.9");
	assert_string_equal(target.origin, "http://nobody.resolves.this");
	target_close(&target);
	target_open(&target, &resolver, &url, target_end_us(0));
	target_prepare(&target, &request);
	assert_null(request.proxy);
	target_close(&target);
}

static void a_proxy_is_named_without_its_password(void **state)
{
	static const struct {
		struct http_response response;
		const char *text;
	} rows[] = {
		{{.failure = HTTP_REFUSED, .took_us = 4321},
		 "10.0.0.1: connection refused, after 4 ms"},
		{{.failure = HTTP_PROXY, .took_us = 4321},
		 "10.0.0.1: the proxy refused or failed, after 4 ms"},
		{{.failure = HTTP_PROXY, .proxy_status = 502, .took_us = 4321},
		 "HTTP 502, after 4 ms"},
		{{.failure = HTTP_PROXY, .proxy_status = 407, .took_us = 4321},
		 "HTTP 407, it wants a user name and a password, after 4 ms"},
	};
	const struct proxy proxy = {.text = (char[]){"http://u:SECRET@p:1"},
				    .host = (char[]){"p"},
				    .shown = (char[]){"http://p:1 (http_proxy)"}};
	struct target target = two_addresses(2000);

	(void)state;
	target.proxy = &proxy;
	target.tries = 1;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(500);

		target_describe_failure(&target, &rows[i].response, &out);
		assert_memory_equal(out.data, "the proxy http://p:1 (http_proxy): ", 35);
		assert_string_equal(out.data + 35, rows[i].text);
	}
}

static void a_complaint_of_a_tls_server_is_heard(void **state)
{
	static const struct {
		long status;
		const char *body;
		bool is_tls_wanted;
	} rows[] = {
		{400, "<h1>The plain HTTP request was sent to HTTPS port</h1>", true},
		{400, "Client sent an HTTP request to an HTTPS server.\n", true},
		{400, "You're speaking plain HTTP to an SSL-enabled server port.", true},
		{400, "Bad Request", false},
		{400, "", false},
		{200, "HTTPS server", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CLEANUP(http_response_release)
		struct http_response response = {
			.status = rows[i].status,
			.body = STRBUF_INIT(100),
		};

		strbuf_puts(&response.body, rows[i].body);
		if (target_wants_tls(&response) != rows[i].is_tls_wanted)
			fail_msg("%ld %s", rows[i].status, rows[i].body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(origins_are_what_a_server_compares),
		cmocka_unit_test(the_first_try_leaves_time_for_a_second),
		cmocka_unit_test(only_connecting_is_tried_again),
		cmocka_unit_test(a_spent_budget_ends_it),
		cmocka_unit_test(tables_have_a_last_resort),
		cmocka_unit_test(what_was_seen_is_said),
		cmocka_unit_test(a_proxy_is_connected_to_instead),
		cmocka_unit_test(a_proxy_is_named_without_its_password),
		cmocka_unit_test(a_complaint_of_a_tls_server_is_heard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
