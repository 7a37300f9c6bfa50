/* SPDX-License-Identifier: Zlib */
/* Listed substituters: which of them are asked, what an answer is worth, and the whole probe against
 * real servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/mem.h"
#include "agent/nix_conf.h"
#include "agent/plan.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/words.h"
#include "probes/substituters.h"
#include "probes/table.h"
#include "tests/unit/check.h"
#include "tests/unit/heard.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"

#define INFO "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 41\n"

/* ---- judge */

static const struct {
	enum http_failure failure;
	long status;
	const char *body;
	enum substituter_state expected;
} answers[] = {
	{HTTP_OK, 200, INFO, SUBSTITUTER_GOOD},
	{HTTP_OK, 200, "StoreDir: /nix/store", SUBSTITUTER_GOOD},
	{HTTP_OK, 200, "StoreDir:/nix/store\r\n", SUBSTITUTER_GOOD},
	{HTTP_OK, 200, "Priority: 40\n", SUBSTITUTER_GOOD},
	{HTTP_OK, 200, "WantMassQuery: 1\nStoreDir: /gnu/store\n", SUBSTITUTER_STORE_DIR},
	{HTTP_OK, 200, "", SUBSTITUTER_NOT_CACHE},
	{HTTP_OK, 200, "<html>StoreDir: /nix/store</html>", SUBSTITUTER_NOT_CACHE},
	{HTTP_OK, 200, "{\"StoreDir\": 1}", SUBSTITUTER_NOT_CACHE},
	{HTTP_OK, 401, "", SUBSTITUTER_NO_ACCESS},
	{HTTP_OK, 403, "", SUBSTITUTER_NO_ACCESS},
	{HTTP_OK, 404, "", SUBSTITUTER_NOT_CACHE},
	{HTTP_OK, 302, "", SUBSTITUTER_UNKNOWN},
	{HTTP_OK, 429, "", SUBSTITUTER_UNKNOWN},
	{HTTP_OK, 500, "", SUBSTITUTER_DEAD},
	{HTTP_OK, 503, "", SUBSTITUTER_DEAD},
	{HTTP_REFUSED, 0, "", SUBSTITUTER_DEAD},
	{HTTP_CONNECT_TIMEOUT, 0, "", SUBSTITUTER_DEAD},
	{HTTP_RESPONSE_TIMEOUT, 0, "", SUBSTITUTER_DEAD},
	{HTTP_NOT_HTTP, 0, "", SUBSTITUTER_DEAD},
	{HTTP_TLS_EXPIRED, 0, "", SUBSTITUTER_DEAD},
	{HTTP_TLS_UNTRUSTED, 0, "", SUBSTITUTER_UNKNOWN},
	{HTTP_NO_CA, 0, "", SUBSTITUTER_UNKNOWN},
};

static void check_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct http_response response = {
			.failure = answers[i].failure,
			.status = answers[i].status,
			.body = STRBUF_INIT(4096),
		};

		strbuf_puts(&response.body, answers[i].body);
		assert_int_equal(substituter_judge(&response), answers[i].expected);
		strbuf_release(&response.body);
	}
}

/* ---- which are asked */

static const struct {
	const char *conf, *own, *expected;
} lists[] = {
	{"", NULL, ""}, /* the built-in default is not listed */
	{"substituters = https://cache.nixos.org/", NULL, "https://cache.nixos.org/"},
	{"extra-substituters = http://a", NULL, "http://a"},
	{"substituters = http://a http://a http://b", NULL, "http://a http://b"},
	{"substituters = daemon /local s3://x ssh://y file:///z http://a", NULL, "http://a"},
	{"substituters = http://attic/main http://attic/other", "http://attic/main",
	 "http://attic/other"},
	{"substituters = http://attic/main/?priority=1", "http://attic/main", ""},
	{"trusted-substituters = http://a", NULL, ""},
};

static void check_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++) {
		CLEANUP(nix_conf_release) struct nix_conf conf = {0};
		CLEANUP_WORDS struct words words = {0};
		CLEANUP_FREE char *joined = NULL;

		nix_conf_parse(&conf, NULL, lists[i].conf, "nix.conf", NIX_CONF_SYSTEM);
		substituters_listed(&conf, lists[i].own, &words);
		joined = words_join(&words, ' ');
		assert_string_equal(joined, lists[i].expected);
	}
}

/* ---- the whole probe */

static void answer(int fd, const void *data)
{
	const char *body = data;
	char request[4096], head[256];
	int length = snprintf(head, sizeof(head),
			      "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
			      strlen(body));

	(void)tiny_read_until(fd, "\r\n\r\n", request, sizeof(request));
	tiny_write(fd, head, (size_t)length);
	tiny_write(fd, body, strlen(body));
}

static void hear(const struct job *job, struct heard *ret)
{
	struct channel channel;

	heard_open(ret, &channel);
	probe_find("substituters")->run(job, NULL, &channel);
	heard_close(ret, &channel, "substituters");
}

static const char *const none[2];

static void run_with(const char *conf, const char *const environment[2], struct heard *ret)
{
	CLEANUP_FREE char *first = mem_strdup(environment[0]);
	CLEANUP_FREE char *second = mem_strdup(environment[1]);
	char *variables[] = {first, second, NULL};
	struct job job = {0};
	struct machine machine;

	machine_make(&machine);
	machine_file(&machine, "/etc/nix/nix.conf", conf);
	assert_int_equal(root_open_directory(&job.context.root, machine.directory, NULL), 0);
	job.context.environment = variables;
	hear(&job, ret);
	root_close(&job.context.root);
	machine_remove(&machine);
}

static void check_servers(void **state)
{
	struct tiny_server good, page, other;
	uint16_t refused = tiny_unused_port();
	CLEANUP_STRBUF struct strbuf conf = STRBUF_INIT(4096);
	CLEANUP_STRBUF struct strbuf dead = STRBUF_INIT(4096);
	CLEANUP(heard_release) struct heard heard;

	(void)state;
	tiny_server_start(&good, answer, NULL, INFO);
	tiny_server_start(&page, answer, NULL, "<html>welcome</html>");
	tiny_server_start(&other, answer, NULL, "StoreDir: /gnu/store\n");
	strbuf_printf(&conf,
		      "substituters = http://127.0.0.1:%u/main http://u:TOPSECRET@127.0.0.1:%u/x "
		      "http://127.0.0.1:%u?priority=1 http://127.0.0.1:%u",
		      good.port, page.port, refused, other.port);
	run_with(conf.data, none, &heard);
	assert_int_equal(heard.findings.count, 3);
	assert_int_equal(heard.findings.items[0].id, FINDING_SUBSTITUTER_NOT_CACHE);
	assert_int_equal(heard.findings.items[1].id, FINDING_SUBSTITUTER_DEAD);
	assert_int_equal(heard.findings.items[2].id, FINDING_SUBSTITUTER_STORE_DIR);
	strbuf_printf(&dead,
		      "http://u:***@127.0.0.1:%u/x\nhttp://127.0.0.1:%u?priority=1\n"
		      "http://127.0.0.1:%u",
		      page.port, refused, other.port);
	assert_string_equal(facts_string(&heard.facts, FACT_DEAD_SUBSTITUTERS), dead.data);
	for (size_t i = 0; i < heard.findings.count; i++) {
		assert_null(strstr(heard.findings.items[i].subject, "SECRET"));
		assert_null(strstr(heard.findings.items[i].detail, "SECRET"));
	}
	tiny_server_stop(&good);
	tiny_server_stop(&page);
	tiny_server_stop(&other);
}

static void check_good(void **state)
{
	struct tiny_server good;
	CLEANUP_STRBUF struct strbuf conf = STRBUF_INIT(4096);
	CLEANUP(heard_release) struct heard heard;

	(void)state;
	tiny_server_start(&good, answer, NULL, INFO);
	strbuf_printf(&conf, "extra-substituters = http://127.0.0.1:%u/main", good.port);
	run_with(conf.data, none, &heard);
	tiny_server_stop(&good);
	assert_int_equal(heard.findings.count, 1);
	assert_int_equal(heard.findings.items[0].id, FINDING_SUBSTITUTERS_READY);
	assert_string_equal(heard.findings.items[0].detail, "1 listed, and all answer");
	assert_null(facts_string(&heard.facts, FACT_DEAD_SUBSTITUTERS));
}

static void check_none(void **state)
{
	CLEANUP(heard_release) struct heard heard;

	(void)state;
	run_with("max-jobs = 4", none, &heard);
	assert_int_equal(heard.findings.count, 1);
	assert_string_equal(heard.findings.items[0].detail, "none is listed");
}

/* Through the job's proxy as Nix goes, and directly where that is no good: both must say it before a cache
 * is held for dead. */
static void check_proxied(void **state)
{
	enum { PROXY_GOOD, PROXY_PAGE, PROXY_REFUSED };
	static const struct {
		const char *variable, *other;
		int proxy;
		bool is_cache_good;
		enum finding_id id;
	} rows[] = {
		{"http_proxy=http", NULL, PROXY_GOOD, false, FINDING_SUBSTITUTERS_READY},
		{"all_proxy=http", NULL, PROXY_GOOD, false, FINDING_SUBSTITUTERS_READY},
		{"http_proxy=http", NULL, PROXY_PAGE, false, FINDING_SUBSTITUTERS_UNCHECKED},
		{"http_proxy=http", NULL, PROXY_PAGE, true, FINDING_SUBSTITUTERS_UNCHECKED},
		{"http_proxy=http", NULL, PROXY_REFUSED, true, FINDING_SUBSTITUTERS_UNCHECKED},
		{"http_proxy=http", NULL, PROXY_REFUSED, false, FINDING_SUBSTITUTER_DEAD},
		{"http_proxy=socks5", NULL, PROXY_GOOD, false, FINDING_SUBSTITUTERS_UNCHECKED},
		{"https_proxy=http", NULL, PROXY_GOOD, false, FINDING_SUBSTITUTER_DEAD},
		{"HTTP_PROXY=http", NULL, PROXY_GOOD, false, FINDING_SUBSTITUTER_DEAD},
		{"http_proxy=http", "no_proxy=a.example, 127.0.0.1", PROXY_GOOD, false,
		 FINDING_SUBSTITUTER_DEAD},
		{"http_proxy=http", "NO_PROXY=*", PROXY_GOOD, false, FINDING_SUBSTITUTER_DEAD},
		{"http_proxy=http", "no_proxy=0.0.1", PROXY_GOOD, false,
		 FINDING_SUBSTITUTERS_READY},
	};
	struct tiny_server good, page;
	uint16_t refused = tiny_unused_port();

	(void)state;
	tiny_server_start(&good, answer, NULL, INFO);
	tiny_server_start(&page, answer, NULL, "<html>blocked</html>");
	for (size_t i = 0; i < COUNT(rows); i++) {
		const uint16_t proxies[] = {good.port, page.port, refused};
		CLEANUP_FREE char *variable = mem_format("%s://u:TOPSECRET@127.0.0.1:%u",
							 rows[i].variable, proxies[rows[i].proxy]);
		const char *environment[] = {variable, rows[i].other};
		CLEANUP_FREE char *conf = mem_format("substituters = http://127.0.0.1:%u/main",
						     rows[i].is_cache_good ? good.port : refused);
		CLEANUP(heard_release) struct heard heard;

		run_with(conf, environment, &heard);
		assert_int_equal(heard.findings.count, 1);
		if (heard.findings.items[0].id != rows[i].id)
			fail_msg("row %zu: %s, %s", i, finding_kind(heard.findings.items[0].id)->id,
				 heard.findings.items[0].detail);
		assert_null(strstr(heard.findings.items[0].detail, "SECRET"));
	}
	tiny_server_stop(&good);
	tiny_server_stop(&page);
}

static void check_too_many(void **state)
{
	CLEANUP_STRBUF struct strbuf conf = STRBUF_INIT(4096);
	CLEANUP(heard_release) struct heard heard;
	uint16_t refused = tiny_unused_port();

	(void)state;
	strbuf_puts(&conf, "substituters =");
	for (unsigned int i = 0; i < 10; i++)
		strbuf_printf(&conf, " http://127.0.0.1:%u/%u", refused, i);
	run_with(conf.data, none, &heard);
	assert_int_equal(heard.findings.count, 9);
	assert_int_equal(heard.findings.items[8].id, FINDING_SUBSTITUTERS_UNCHECKED);
	assert_string_equal(heard.findings.items[8].detail, "8 of 10 were asked");
}

static void check_plan(void **state)
{
	static const struct {
		unsigned int required, promises;
		size_t expected;
	} rows[] = {
		{LANE_NIX, 0, 1},
		{0, LANE_ATTIC, 1},
		{0, LANE_BAZEL, 0},
		{0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct job job = {.required = rows[i].required};
		struct plan plan = {0};

		job.lane.promises = rows[i].promises;
		probe_find("substituters")->plan(&job, &plan);
		assert_int_equal(plan.count, rows[i].expected);
		plan_release(&plan);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_answers),  cmocka_unit_test(check_lists),
		cmocka_unit_test(check_servers),  cmocka_unit_test(check_good),
		cmocka_unit_test(check_none),     cmocka_unit_test(check_proxied),
		cmocka_unit_test(check_too_many), cmocka_unit_test(check_plan),
	};

	digest_initialise();
	http_initialise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
