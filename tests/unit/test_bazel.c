/* SPDX-License-Identifier: Zlib */
/* The bazel probe: its judgement by tables, and the whole of it against real servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/digest.h"
#include "agent/fact_names.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "probes/bazel.h"
#include "probes/probe.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"
#include "tests/unit/h2_server.h"
#include "tests/unit/machine.h"
#include "tests/unit/tiny_server.h"

extern const struct probe probe_bazel;

static void list_findings(const struct findings *findings, bool is_usable, struct strbuf *out)
{
	strbuf_puts(out, is_usable ? "usable" : "unusable");
	for (size_t i = 0; i < findings->count; i++)
		strbuf_printf(out, " %s", finding_kind(findings->items[i].id)->id);
}

static void check_judgement(const char *what, const struct bazel_evidence *evidence,
			    const char *wanted)
{
	struct findings findings = {0};
	struct strbuf list = STRBUF_INIT(1024);
	bool is_usable = bazel_judge(evidence, "grpc://cache.test", &findings);

	list_findings(&findings, is_usable, &list);
	if (strcmp(list.data, wanted) != 0)
		fail_msg("%s: %s instead of %s", what, list.data, wanted);
	for (size_t i = 0; i < findings.count; i++)
		assert_true(*findings.items[i].detail);
	findings_release(&findings);
	strbuf_release(&list);
}

/* ---- capabilities, from fixtures */

static void check_capabilities(const char *name)
{
	struct strbuf bytes = STRBUF_INIT(4096), wanted = STRBUF_INIT(1024);
	struct bazel_evidence evidence = {.is_grpc = true, .grpc = GRPC_OK};

	fixture_read("bazel", name, "capabilities", &bytes);
	fixture_expected("bazel", name, &wanted);
	evidence.is_decoded = !reapi_decode_capabilities((const uint8_t *)bytes.data, bytes.length,
							 &evidence.capabilities);
	check_judgement(name, &evidence, wanted.data);
	strbuf_release(&bytes);
	strbuf_release(&wanted);
}

static void judges_capabilities(void **state)
{
	(void)state;
	fixture_each("bazel", 15, check_capabilities);
}

static void check_frame(const char *name)
{
	struct grpc_response response = {
		.http = {.status = 200, .content_type = "application/grpc", .failure = HTTP_OK}};
	struct strbuf wanted = STRBUF_INIT(1024), got = STRBUF_INIT(1024);

	strbuf_init(&response.http.body, 4096);
	fixture_read("grpc", name, "body", &response.http.body);
	fixture_expected("grpc", name, &wanted);
	if (grpc_judge(&response) == GRPC_OK)
		strbuf_printf(&got, "ok %zu", response.payload_length);
	else
		strbuf_puts(&got, "bad-frame");
	assert_string_equal(got.data, wanted.data);
	grpc_response_release(&response);
	strbuf_release(&wanted);
	strbuf_release(&got);
}

static void judges_frames(void **state)
{
	(void)state;
	fixture_each("grpc", 10, check_frame);
}

/* ---- the rest of the judgement */

#define GRPC(...)                                                                                  \
	{                                                                                          \
		.is_grpc = true, __VA_ARGS__                                                       \
	}
#define GRPC_FAILED(http) GRPC(.grpc = GRPC_TRANSPORT, .call = {.failure = (http), .detail = "x"})
#define GRPC_REFUSED(code) GRPC(.grpc = GRPC_STATUS, .grpc_status = (code))
#define PROXY(code) GRPC(.grpc = GRPC_NOT_GRPC, .call = {.status = (code)})
#define HTTP(head_status, get_status, empty)                                                       \
	{                                                                                          \
		.head = {.status = (head_status)}, .get = {.status = (get_status)},                \
		.is_blob_empty = (empty)                                                           \
	}

static const struct judge_case {
	const char *what;
	struct bazel_evidence evidence;
	const char *findings;
} judge_cases[] = {
	{"no such name", GRPC(.resolve = RESOLVE_NXDOMAIN, .resolve_detail = "x"),
	 "unusable bazel-unresolved"},
	{"no address", GRPC(.resolve = RESOLVE_NODATA, .resolve_detail = "x"),
	 "unusable bazel-unresolved"},
	{"SERVFAIL", GRPC(.resolve = RESOLVE_SERVFAIL, .resolve_detail = "x"),
	 "unusable bazel-dns-broken"},
	{"REFUSED", GRPC(.resolve = RESOLVE_REFUSED, .resolve_detail = "x"),
	 "unusable bazel-dns-broken"},
	{"DNS timeout", GRPC(.resolve = RESOLVE_TIMEOUT, .resolve_detail = "x"),
	 "unusable bazel-dns-broken"},
	{"no DNS server", GRPC(.resolve = RESOLVE_NO_SERVER, .resolve_detail = "x"),
	 "unusable bazel-dns-broken"},
	{"unreadable key", GRPC(.credentials = "x"), "unusable bazel-tls-client"},
	{"unreadable CA file", GRPC(.authority = "x"), "unusable bazel-no-ca"},
	{"http: TLS is wanted",
	 {.head = {.status = 400}, .get = {.status = 400}, .is_tls_wanted = true},
	 "unusable bazel-not-http"},
	{"refused", GRPC_FAILED(HTTP_REFUSED), "unusable bazel-refused"},
	{"unreachable", GRPC_FAILED(HTTP_UNREACHABLE), "unusable bazel-unreachable"},
	{"black hole", GRPC_FAILED(HTTP_CONNECT_TIMEOUT), "unusable bazel-connect-timeout"},
	{"silence", GRPC_FAILED(HTTP_RESPONSE_TIMEOUT), "unusable bazel-no-answer"},
	{"reset", GRPC_FAILED(HTTP_RESET), "unusable bazel-reset"},
	{"truncated", GRPC_FAILED(HTTP_TRUNCATED), "unusable bazel-reset"},
	{"flood", GRPC_FAILED(HTTP_TOO_LARGE), "unusable bazel-bad-answer"},
	{"HTTP/1.1 port", GRPC_FAILED(HTTP_NOT_HTTP), "unusable bazel-not-grpc"},
	{"expired", GRPC_FAILED(HTTP_TLS_EXPIRED), "unusable bazel-tls-expired"},
	{"early", GRPC_FAILED(HTTP_TLS_NOT_YET_VALID), "unusable bazel-tls-not-yet-valid"},
	{"other host", GRPC_FAILED(HTTP_TLS_WRONG_HOST), "unusable bazel-tls-wrong-host"},
	{"untrusted", GRPC_FAILED(HTTP_TLS_UNTRUSTED), "unusable bazel-tls-untrusted"},
	{"no TLS", GRPC_FAILED(HTTP_TLS_PROTOCOL), "unusable bazel-tls-protocol"},
	{"mTLS", GRPC_FAILED(HTTP_TLS_CLIENT_CERTIFICATE), "unusable bazel-tls-client"},
	{"no CA", GRPC_FAILED(HTTP_NO_CA), "unusable bazel-no-ca"},
	{"internal", GRPC_FAILED(HTTP_INTERNAL), "unusable bazel-failed"},
	{"DEADLINE_EXCEEDED", GRPC_REFUSED(4), "unusable bazel-no-answer"},
	{"PERMISSION_DENIED", GRPC_REFUSED(7), "unusable bazel-permission-denied"},
	{"UNIMPLEMENTED", GRPC_REFUSED(12), "unusable bazel-not-cache"},
	{"UNAVAILABLE", GRPC_REFUSED(14), "unusable bazel-unavailable"},
	{"UNAUTHENTICATED", GRPC_REFUSED(16), "unusable bazel-unauthenticated"},
	{"INTERNAL", GRPC_REFUSED(13), "unusable bazel-status"},
	{"no status", GRPC(.grpc = GRPC_NO_STATUS), "unusable bazel-no-status"},
	{"bad frame", GRPC(.grpc = GRPC_BAD_FRAME), "unusable bazel-bad-answer"},
	{"proxy 401", PROXY(401), "unusable bazel-unauthenticated"},
	{"proxy 503", PROXY(503), "unusable bazel-unavailable"},
	{"proxy 404", PROXY(404), "unusable bazel-not-grpc"},
	{"a web page", PROXY(200), "unusable bazel-not-grpc"},
	{"uploads refused",
	 GRPC(.is_upload_wanted = true, .is_decoded = true,
	      .capabilities = {.has_cache = true, .digest_functions = 2}),
	 "usable bazel-ready bazel-upload-refused"},
	/* HTTP */
	{"http: the blob", HTTP(200, 200, true), "usable bazel-ready"},
	{"http: a full blob", HTTP(200, 200, false), "unusable bazel-not-cache"},
	{"http: no blob", HTTP(404, 404, false), "unusable bazel-not-cache"},
	{"http: HEAD alone fails", HTTP(405, 200, true), "unusable bazel-not-cache"},
	{"http: 401", HTTP(401, 401, false), "unusable bazel-unauthenticated"},
	{"http: 403", HTTP(403, 403, false), "unusable bazel-permission-denied"},
	{"http: 503", HTTP(503, 503, false), "unusable bazel-unavailable"},
	{"http: 500", HTTP(500, 500, false), "unusable bazel-status"},
	{"http: redirect", HTTP(302, 302, false), "unusable bazel-not-cache"},
	{"http: refused",
	 {.head = {.failure = HTTP_REFUSED, .detail = "x"}},
	 "unusable bazel-refused"},
	{"http: gRPC port",
	 {.head = {.failure = HTTP_NOT_HTTP, .detail = "x"}},
	 "unusable bazel-not-http"},
	{"http: reset later",
	 {.get = {.failure = HTTP_RESET, .detail = "x"}},
	 "unusable bazel-reset"},
	{"http: a body to HEAD, which libcurl takes for the next answer",
	 {.head = {.status = 200}, .get = {.failure = HTTP_NOT_HTTP, .detail = "x"}},
	 "unusable bazel-bad-answer"},
};

static void judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judge_cases); i++)
		check_judgement(judge_cases[i].what, &judge_cases[i].evidence,
				judge_cases[i].findings);
}

/* ---- the whole probe, in a fake machine whose hosts file names the server */

#define HEAD ":status: 200\ncontent-type: application/grpc\n"
#define CAPABILITIES                                                                               \
	"\0\0\0\0\x2b\x0a\x1f\x0a\1\1\x12\2\x08\1\x1a\2\x0a\0\x28\2\x32\1\1\x3a\1\1\x40"           \
	"\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x50\1\x22\2\x08\2\x2a\4\x08\2\x10\3"

static const struct h2_answer good_answer = {.headers = HEAD,
					     .data = CAPABILITIES,
					     .data_length = sizeof(CAPABILITIES) - 1,
					     .trailers = "grpc-status: 0\n"};
static const struct h2_answer denied_answer = {.headers = HEAD
					       "grpc-status: 16\ngrpc-message: no%20%1b[31mway\n"};

static void serve_h2(int fd, const void *data)
{
	h2_serve_fd(fd, data);
}

/* bazel-remote's HTTP port. */
static void serve_http(int fd, const void *data)
{
	static const char page[] = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"
				   "{\"ServerTime\":1, \"MaxSize\":10}";
	static const char blob[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	char request[4096];

	(void)data;
	while (tiny_read_until(fd, "\r\n\r\n", request, sizeof(request))) {
		if (strstr(request, " /status "))
			tiny_write(fd, page, sizeof(page) - 1);
		else if (strstr(request, " /instance/cas/e3b0c44298fc1c149"))
			tiny_write(fd, blob, sizeof(blob) - 1);
		else
			tiny_write(fd, "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", 38);
	}
}

/* A web server's word to bytes that are no request. */
static void serve_bad_request(int fd, const void *data)
{
	char byte;

	(void)data;
	(void)!read(fd, &byte, 1);
	tiny_write(fd, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
}

struct outcome {
	struct facts facts;
	struct findings findings;
	struct strbuf list;
};

static void outcome_release(struct outcome *outcome)
{
	facts_release(&outcome->facts);
	findings_release(&outcome->findings);
	strbuf_release(&outcome->list);
}

static void hear(int fd, struct outcome *ret)
{
	struct record_decoder decoder;
	uint8_t bytes[4096];
	ssize_t length;
	int usable;

	record_decoder_init(&decoder, "bazel", 0, &ret->facts, &ret->findings);
	while ((length = read(fd, bytes, sizeof(bytes))) > 0)
		assert_int_equal(record_feed(&decoder, bytes, (size_t)length), 0);
	usable = facts_boolean(&ret->facts, FACT_BAZEL_USABLE);
	assert_true(usable >= 0);
	list_findings(&ret->findings, usable == 1, &ret->list);
}

/* Runs the probe on URL in MACHINE and hears what it says. */
static void probe(const struct machine *machine, char *url, char **environment, struct outcome *ret)
{
	struct options options = {0};
	struct job job = {.options = &options, .endpoints = {.bazel = {.url = url}}};
	const struct task task = {.probe = &probe_bazel, .name = "bazel", .subject = "the cache"};
	int fds[2];
	struct channel channel = {0};

	*ret = (struct outcome){.list = STRBUF_INIT(1024)};
	strbuf_init(&ret->list, 1024);
	job.context.environment = environment;
	assert_int_equal(root_open_directory(&job.context.root, machine->directory, NULL), 0);
	assert_int_equal(pipe(fds), 0);
	channel.fd = fds[1];
	probe_bazel.run(&job, &task, &channel);
	close(fds[1]);
	hear(fds[0], ret);
	close(fds[0]);
	root_close(&job.context.root);
}

#define PEM "-----BEGIN NOTHING-----\n"

static const struct probe_case {
	const char *what, *url; /* %u is the server's port */
	tiny_serve *serve;
	const struct h2_answer *answer;
	const char *findings;
	char *environment[3];
} probe_cases[] = {
	{"gRPC",
	 "grpc://u:s3cret@cache.test:%u",
	 serve_h2,
	 &good_answer,
	 "usable bazel-ready",
	 {NULL}},
	{"an address", "grpc://127.0.0.1:%u", serve_h2, &good_answer, "usable bazel-ready", {NULL}},
	{"a refusal",
	 "grpc://cache.test:%u",
	 serve_h2,
	 &denied_answer,
	 "unusable bazel-unauthenticated",
	 {NULL}},
	{"gRPC to the HTTP port",
	 "grpc://cache.test:%u",
	 serve_http,
	 NULL,
	 "unusable bazel-not-grpc",
	 {NULL}},
	{"HTTP", "http://cache.test:%u/instance/", serve_http, NULL, "usable bazel-ready", {NULL}},
	{"HTTP, another path",
	 "http://cache.test:%u",
	 serve_http,
	 NULL,
	 "unusable bazel-not-cache",
	 {NULL}},
	{"nobody there", "grpc://cache.test:%u", NULL, NULL, "unusable bazel-refused", {NULL}},
	{"an unknown host", "grpc://gone.test:%u", NULL, NULL, "unusable bazel-dns-broken", {NULL}},
	{"no scheme means TLS", "cache.test:%u", serve_http, NULL, "unusable bazel-no-ca", {NULL}},
	{"TLS to a plain port",
	 "grpcs://cache.test:%u",
	 serve_bad_request,
	 NULL,
	 "unusable bazel-tls-protocol",
	 {"BAZEL_TLS_CERTIFICATE=/ca.pem"}},
	{"a key that is not there",
	 "grpcs://cache.test:%u",
	 NULL,
	 NULL,
	 "unusable bazel-tls-client",
	 {"BAZEL_TLS_CLIENT_KEY=/gone"}},
	{"a key by a relative path",
	 "grpcs://cache.test:%u",
	 NULL,
	 NULL,
	 "unusable bazel-tls-client",
	 {"BAZEL_TLS_CLIENT_CERTIFICATE=ca.pem"}},
	{"a unix socket", "unix:/run/%u", NULL, NULL, "unusable bazel-url", {NULL}},
	{"no URL", "grpc://a b:%u", NULL, NULL, "unusable bazel-url", {NULL}},
};

static void read_ca(struct strbuf *out)
{
	FILE *file = fopen("fixtures/tls/ca.pem", "re");
	char text[4096];

	assert_non_null(file);
	strbuf_add(out, text, fread(text, 1, sizeof(text), file));
	(void)fclose(file);
}

static void probes(void **state)
{
	struct strbuf ca = STRBUF_INIT(4096);
	struct machine machine;

	(void)state;
	read_ca(&ca);
	machine_make(&machine);
	machine_file(&machine, "/etc/hosts", "127.0.0.1 cache.test\n");
	machine_file(&machine, "/ca.pem", ca.data);
	for (size_t i = 0; i < COUNT(probe_cases); i++) {
		const struct probe_case *wanted = &probe_cases[i];
		struct tiny_server server;
		struct outcome outcome;
		struct strbuf url = STRBUF_INIT(256);

		tiny_server_start(&server, wanted->serve, NULL, wanted->answer);
		strbuf_puts(&url, wanted->url);
		strbuf_truncate(&url, strcspn(wanted->url, "%"));
		strbuf_printf(&url, "%u%s", server.port, strchr(wanted->url, '%') + 2);
		probe(&machine, url.data, (char **)wanted->environment, &outcome);
		tiny_server_stop(&server);
		if (strcmp(outcome.list.data, wanted->findings) != 0)
			fail_msg("%s: %s (%s)", wanted->what, outcome.list.data,
				 outcome.findings.items[0].detail);
		assert_null(strstr(outcome.findings.items[0].detail, "s3cret"));
		outcome_release(&outcome);
		strbuf_release(&url);
	}
	machine_remove(&machine);
	strbuf_release(&ca);
}

static void tells_facts(void **state)
{
	struct machine machine;
	struct tiny_server server;
	struct outcome outcome;
	char *url, *shown, *environment[] = {NULL};
	int64_t number;

	(void)state;
	machine_make(&machine);
	machine_file(&machine, "/etc/hosts", "127.0.0.1 cache.test\n");
	tiny_server_start(&server, serve_h2, NULL, &good_answer);
	url = mem_format("grpc://u:s3cret@cache.test:%u", server.port);
	shown = mem_format("grpc://cache.test:%u", server.port);
	probe(&machine, url, environment, &outcome);
	tiny_server_stop(&server);
	assert_string_equal(facts_string(&outcome.facts, FACT_BAZEL_URL), shown);
	assert_string_equal(facts_find(&outcome.facts, FACT_BAZEL_DIGESTS)->text, "sha256");
	assert_string_equal(facts_find(&outcome.facts, FACT_BAZEL_COMPRESSORS)->text, "zstd");
	assert_int_equal(facts_boolean(&outcome.facts, FACT_BAZEL_UPDATES), 1);
	assert_string_equal(facts_string(&outcome.facts, "bazel.api_high"), "2.3.0");
	assert_false(facts_integer(&outcome.facts, "bazel.max_blob_bytes", &number));
	assert_string_equal(facts_string(&outcome.facts, "bazel.address"), "127.0.0.1");
	for (size_t i = 0; i < outcome.facts.count; i++)
		if (outcome.facts.items[i].text)
			assert_null(strstr(outcome.facts.items[i].text, "s3cret"));
	outcome_release(&outcome);
	machine_remove(&machine);
	free(url);
	free(shown);
}

static void plans(void **state)
{
	struct job job = {.endpoints = {.bazel = {.source = "contract"}}};
	struct plan plan = {0};

	(void)state;
	probe_bazel.plan(&job, &plan);
	assert_int_equal(plan.count, 0);
	job.endpoints.bazel.url = "grpc://u:s3cret@b.example:9092";
	probe_bazel.plan(&job, &plan);
	job.endpoints.bazel.is_promise = true;
	probe_bazel.plan(&job, &plan);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.tasks[0].kind, TASK_CACHE);
	assert_int_equal(plan.tasks[1].kind, TASK_PROMISE);
	assert_string_equal(plan.tasks[0].subject, "grpc://b.example:9092");
	assert_int_equal(plan.tasks[0].deadline_ms, 2500);
	plan_release(&plan);
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
		cmocka_unit_test(judges_capabilities),
		cmocka_unit_test(judges_frames),
		cmocka_unit_test(judges),
		cmocka_unit_test(probes),
		cmocka_unit_test(tells_facts),
		cmocka_unit_test(plans),
	};

	return cmocka_run_group_tests(tests, initialise, NULL);
}
