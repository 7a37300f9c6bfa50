/* SPDX-License-Identifier: Zlib */
/* What the attic probe makes of what it saw: tables of evidence and findings. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "probes/attic.h"
#include "tests/unit/check.h"

#define PINNED "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA="
#define RETIRED "main:l/gpjG5GLg1Gczmn5K97n5iSIRcsaWerICzdXqiBYT8="
#define STORE_PATH "/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-hello-2.10"
#define NOW 1800000000

static char retired_key[] = RETIRED;
static char *retired_keys[] = {retired_key, NULL};

/* A public cache whose storage is proven. */
static struct attic_evidence healthy(void)
{
	const struct attic_answer good = {.is_asked = true, .status = 200};

	return (struct attic_evidence){
		.cache = "main",
		.host = "attic.example",
		.trusted_key = PINNED,
		.retired_keys = retired_keys,
		.now = NOW,
		.resolve_detail = "attic.example: ok",
		.answer = good,
		.took_us = 3000,
		.is_config_read = true,
		.kind = ATTIC_ANSWER_ATTIC,
		.config = {.public_key = mem_strdup(PINNED),
			   .store_dir = mem_strdup("/nix/store"),
			   .substituter_endpoint = mem_strdup("http://attic.example/main"),
			   .is_public = 1,
			   .priority = 41,
			   .retention_seconds = -1},
		.storage = {.store_path = mem_strdup(STORE_PATH),
			    .narinfo = good,
			    .nar = {.is_asked = true, .status = 206},
			    .is_narinfo_read = true,
			    .has_key = true,
			    .trust = NARINFO_SIGNED},
	};
}

/* The findings' IDs, in order. */
static char *ids_of(const struct findings *findings)
{
	struct strbuf out = STRBUF_INIT(1000);

	for (size_t i = 0; i < findings->count; i++)
		strbuf_printf(&out, "%s%s", i ? " " : "", finding_kind(findings->items[i].id)->id);
	return strbuf_take(&out);
}

static void assert_judged(struct attic_evidence *evidence, const char *ids, bool is_usable)
{
	CLEANUP(findings_release) struct findings findings = {0};
	bool was_usable = attic_judge(evidence, "http://attic.example", &findings);
	CLEANUP_FREE char *seen = ids_of(&findings);

	print_message("%s\n", seen);
	assert_string_equal(seen, ids);
	assert_int_equal(was_usable, is_usable);
	for (size_t i = 0; i < findings.count; i++)
		assert_true(*findings.items[i].detail);
	attic_evidence_release(evidence);
}

static void a_healthy_cache_is_ready(void **state)
{
	CLEANUP(findings_release) struct findings findings = {0};
	struct attic_evidence evidence = healthy();

	(void)state;
	assert_true(attic_judge(&evidence, "http://attic.example", &findings));
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.items[0].detail,
			    "cache main, public, key matches, storage proven, 3 ms");
	attic_evidence_release(&evidence);
}

/* ---- the way to the server */

static void names_that_do_not_resolve(void **state)
{
	static const struct {
		enum resolve_outcome outcome;
		const char *id;
	} rows[] = {
		{RESOLVE_NXDOMAIN, "attic-dns-nxdomain"},
		{RESOLVE_NODATA, "attic-dns-nodata"},
		{RESOLVE_SERVFAIL, "attic-dns-servfail"},
		{RESOLVE_REFUSED, "attic-dns-refused"},
		{RESOLVE_OTHER_RCODE, "attic-dns-broken"},
		{RESOLVE_TIMEOUT, "attic-dns-timeout"},
		{RESOLVE_UNREACHABLE, "attic-dns-unreachable"},
		{RESOLVE_MALFORMED, "attic-dns-broken"},
		{RESOLVE_NO_SERVER, "attic-dns-no-server"},
		{RESOLVE_BAD_NAME, "attic-url"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		evidence.resolve = rows[i].outcome;
		assert_judged(&evidence, rows[i].id, false);
	}
}

/* The way that is meant for a host tells the cause; what came of the other one stands behind it. */
static void ways_without_attic(void **state)
{
	static const struct {
		const char *what;
		enum resolve_outcome resolve;
		enum http_failure failure;
		long status;
		bool is_direct;
		const char *id, *detail;
	} rows[] = {
		{"the proxy is not there", RESOLVE_NXDOMAIN, HTTP_OK, 0, false,
		 "attic-proxy-failed", "RESOLVED; OTHER"},
		{"the proxy is dead", RESOLVE_OK, HTTP_REFUSED, 0, false, "attic-proxy-failed",
		 "FAILED; OTHER"},
		{"the proxy blocks", RESOLVE_OK, HTTP_OK, 403, false, "attic-proxy-failed",
		 "the proxy http://p:1 (http_proxy): HTTP 403; OTHER"},
		{"the proxy wants a password", RESOLVE_OK, HTTP_OK, 407, false,
		 "attic-proxy-failed",
		 "the proxy http://p:1 (http_proxy): HTTP 407, it wants a user name and a password; "
		 "OTHER"},
		{"the server's certificate, seen through the proxy", RESOLVE_OK, HTTP_TLS_EXPIRED,
		 0, false, "attic-tls-expired", "FAILED; OTHER"},
		{"no authorities here", RESOLVE_OK, HTTP_NO_CA, 0, false, "attic-no-ca",
		 "FAILED; OTHER"},
		{"directly, it is not there", RESOLVE_NXDOMAIN, HTTP_OK, 0, true,
		 "attic-dns-nxdomain", "RESOLVED; OTHER"},
		{"directly, it is dead", RESOLVE_OK, HTTP_REFUSED, 0, true, "attic-refused",
		 "FAILED; OTHER"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();
		CLEANUP(findings_release) struct findings findings = {0};

		evidence.proxy = "http://p:1 (http_proxy)";
		evidence.is_config_read = false;
		evidence.resolve = rows[i].resolve;
		evidence.answer.failure = rows[i].failure;
		evidence.answer.status = rows[i].status;
		evidence.is_direct = rows[i].is_direct;
		(void)snprintf(evidence.resolve_detail, sizeof(evidence.resolve_detail),
			       "RESOLVED");
		(void)snprintf(evidence.answer.detail, sizeof(evidence.answer.detail), "FAILED");
		(void)snprintf(evidence.other_way, sizeof(evidence.other_way), "OTHER");
		assert_false(attic_judge(&evidence, "http://attic.example", &findings));
		print_message("%s\n", rows[i].what);
		assert_int_equal(findings.count, 1);
		assert_string_equal(finding_kind(findings.items[0].id)->id, rows[i].id);
		assert_string_equal(findings.items[0].detail, rows[i].detail);
		attic_evidence_release(&evidence);
	}
}

static void a_proxy_that_cannot_be_asked(void **state)
{
	struct attic_evidence evidence = healthy();
	CLEANUP_STRBUF struct strbuf way = STRBUF_INIT(400);

	(void)state;
	evidence.proxy = "";
	evidence.is_config_read = false;
	(void)snprintf(evidence.proxy_problem, sizeof(evidence.proxy_problem), "SOCKS");
	attic_way_describe(&evidence, &way);
	assert_string_equal(way.data, "SOCKS");
	assert_judged(&evidence, "attic-proxy-failed", false);
}

static void a_way_past_the_proxy_is_said(void **state)
{
	struct attic_evidence evidence = healthy();
	CLEANUP(findings_release) struct findings findings = {0};

	(void)state;
	evidence.proxy = "http://p:1 (http_proxy)";
	evidence.is_direct = true;
	evidence.host = "attic.nix-cache.svc.cluster.local";
	(void)snprintf(evidence.other_way, sizeof(evidence.other_way), "OTHER");
	free(evidence.config.substituter_endpoint);
	evidence.config.substituter_endpoint = NULL;
	assert_true(attic_judge(&evidence, "http://attic.example", &findings));
	assert_int_equal(findings.count, 2);
	assert_string_equal(findings.items[0].detail,
			    "cache main, public, key matches, storage proven, 3 ms");
	assert_int_equal(findings.items[1].id, FINDING_ATTIC_PROXY_BYPASSED);
	assert_string_equal(findings.items[1].detail,
			    "only the direct way is proven, so no_proxy and NO_PROXY get "
			    ".svc.cluster.local; OTHER");
	attic_evidence_release(&evidence);
}

static void a_way_through_the_proxy_is_said(void **state)
{
	struct attic_evidence evidence = healthy();
	CLEANUP(findings_release) struct findings findings = {0};

	(void)state;
	evidence.proxy = "http://p:1 (http_proxy)";
	assert_true(attic_judge(&evidence, "http://attic.example", &findings));
	assert_int_equal(findings.count, 1);
	assert_string_equal(findings.items[0].detail,
			    "cache main, public, key matches, storage proven, 3 ms, through the "
			    "proxy http://p:1 (http_proxy)");
	attic_evidence_release(&evidence);
}

/* Good for reading or not, a cache that is not used changes nothing for the next steps. */
static void a_way_to_a_bad_cache_is_not_kept(void **state)
{
	struct attic_evidence evidence = healthy();

	(void)state;
	evidence.proxy = "http://p:1 (http_proxy)";
	evidence.is_direct = true;
	free(evidence.config.store_dir);
	evidence.config.store_dir = mem_strdup("/gnu/store");
	assert_judged(&evidence, "attic-store-dir", false);
}

static void requests_that_fail(void **state)
{
	static const struct {
		enum http_failure failure;
		const char *id;
	} rows[] = {
		{HTTP_REFUSED, "attic-refused"},
		{HTTP_UNREACHABLE, "attic-unreachable"},
		{HTTP_CONNECT_TIMEOUT, "attic-connect-timeout"},
		{HTTP_RESPONSE_TIMEOUT, "attic-response-timeout"},
		{HTTP_RESET, "attic-reset"},
		{HTTP_TRUNCATED, "attic-truncated"},
		{HTTP_TOO_LARGE, "attic-oversized"},
		{HTTP_NOT_HTTP, "attic-not-http"},
		{HTTP_TLS_EXPIRED, "attic-tls-expired"},
		{HTTP_TLS_NOT_YET_VALID, "attic-tls-not-yet-valid"},
		{HTTP_TLS_WRONG_HOST, "attic-tls-wrong-host"},
		{HTTP_TLS_UNTRUSTED, "attic-tls-untrusted"},
		{HTTP_TLS_PROTOCOL, "attic-tls-protocol"},
		{HTTP_TLS_CLIENT_CERTIFICATE, "attic-tls-client-certificate"},
		{HTTP_NO_CA, "attic-no-ca"},
		{HTTP_PROXY, "attic-failed"},
		{HTTP_INTERNAL, "attic-failed"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		evidence.answer = (struct attic_answer){true, rows[i].failure, 0, "detail"};
		assert_judged(&evidence, rows[i].id, false);
	}
}

static void each_failure_has_its_finding(void **state)
{
	(void)state;
	for (int failure = HTTP_REFUSED; failure < HTTP_FAILURE_COUNT; failure++) {
		bool is_nameless = failure == HTTP_PROXY || failure == HTTP_INTERNAL;

		assert_int_equal(attic_failure_finding((enum http_failure)failure) ==
					 FINDING_ATTIC_FAILED,
				 is_nameless);
	}
}

static void answers_that_are_no_configuration(void **state)
{
	static const struct {
		long status;
		const char *error; /* NULL: no JSON of Attic's */
		bool is_html;
		enum attic_answer_kind kind;
		const char *id;
	} rows[] = {
		{200, NULL, true, ATTIC_ANSWER_NOT_JSON, "attic-html-answer"},
		{200, NULL, false, ATTIC_ANSWER_NOT_JSON, "attic-malformed"},
		{200, NULL, false, ATTIC_ANSWER_OTHER_JSON, "attic-other-json"},
		{200, NULL, false, ATTIC_ANSWER_ATTIC, "attic-malformed"},
		{204, NULL, false, 0, "attic-unexpected-status"},
		{301, NULL, true, 0, "attic-redirected"},
		{307, NULL, false, 0, "attic-redirected"},
		{400, "RequestError", false, 0, "attic-bad-host"},
		{400, "OtherError", false, 0, "attic-bad-name"},
		{400, NULL, false, 0, "attic-unexpected-status"},
		{401, "Unauthorized", false, 0, "attic-unauthorized"},
		{401, NULL, true, 0, "attic-unauthorized"},
		{403, "AccessError", false, 0, "attic-forbidden"},
		{404, "NoSuchCache", false, 0, "attic-no-such-cache"},
		{404, "NotFound", false, 0, "attic-unexpected-status"},
		{404, NULL, true, 0, "attic-unexpected-status"},
		{429, NULL, true, 0, "attic-rate-limited"},
		{500, "InternalServerError", false, 0, "attic-server-error"},
		{502, NULL, true, 0, "attic-no-backend"},
		{503, NULL, false, 0, "attic-no-backend"},
		{504, NULL, true, 0, "attic-no-backend"},
		{999, NULL, false, 0, "attic-unexpected-status"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		evidence.answer.status = rows[i].status;
		evidence.is_config_read = false;
		evidence.is_html = rows[i].is_html;
		evidence.kind = rows[i].kind;
		evidence.has_error = rows[i].error;
		(void)snprintf(evidence.problem, sizeof(evidence.problem), "problem");
		(void)snprintf(evidence.error.name, sizeof(evidence.error.name), "%s",
			       rows[i].error ? rows[i].error : "");
		assert_judged(&evidence, rows[i].id, false);
	}
}

/* ---- what the server says of itself */

static void configurations_are_compared(void **state)
{
	static const struct {
		const char *shown, *trusted, *store_dir, *endpoint;
		const char *ids;
		bool is_usable;
	} rows[] = {
		{PINNED, PINNED, NULL, NULL, "attic-ready", true},
		{NULL, PINNED, "/nix/store", NULL, "attic-key-not-shown attic-ready", true},
		{PINNED, NULL, "/nix/store", NULL, "attic-key-unknown attic-ready", true},
		{NULL, NULL, NULL, NULL, "attic-key-unknown attic-ready", true},
		{"main:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=", PINNED, NULL, NULL,
		 "attic-key-mismatch", false},
		{RETIRED, PINNED, NULL, NULL, "attic-key-retired", false},
		{RETIRED, NULL, NULL, NULL, "attic-key-retired", false},
		{"attic-cache:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", PINNED, NULL, NULL,
		 "attic-key-name", false},
		{"main:short", PINNED, NULL, NULL, "attic-key-unreadable", false},
		{PINNED, PINNED, "/gnu/store", NULL, "attic-store-dir", false},
		{PINNED, PINNED, NULL, "https://nix-cache.example/main",
		 "attic-other-endpoint attic-ready", true},
		{PINNED, PINNED, NULL, "http://ATTIC.example:80/main", "attic-ready", true},
		{PINNED, PINNED, NULL, "nonsense", "attic-other-endpoint attic-ready", true},
		{PINNED, PINNED, NULL, "http://attic.example./main", "attic-ready", true},
		{RETIRED, PINNED, "/tmp", NULL, "attic-store-dir attic-key-retired", false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		attic_config_release(&evidence.config);
		evidence.config = (struct attic_config){
			.public_key = mem_strdup(rows[i].shown),
			.store_dir = mem_strdup(rows[i].store_dir),
			.substituter_endpoint = mem_strdup(rows[i].endpoint),
			.is_public = 1,
		};
		evidence.trusted_key = rows[i].trusted;
		assert_judged(&evidence, rows[i].ids, rows[i].is_usable);
	}
}

/* ---- the token: advice, never an error */

static void tokens_are_judged(void **state)
{
	static const struct {
		bool is_read;
		int is_public;
		struct attic_token token;
		const char *ids;
	} rows[] = {
		{false, 1, {0}, "attic-token-unreadable attic-ready"},
		{true, 1, {0}, "attic-ready"}, /* another issuer's: nothing is known */
		{true, 1, {.has_expiry = true, .expiry = NOW + 7 * 3600}, "attic-ready"},
		{true,
		 1,
		 {.has_expiry = true, .expiry = NOW + 3600},
		 "attic-token-expires-soon attic-ready"},
		{true,
		 1,
		 {.has_expiry = true, .expiry = NOW - 900},
		 "attic-token-expires-soon attic-ready"},
		{true,
		 1,
		 {.has_expiry = true, .expiry = NOW - 901},
		 "attic-token-expired attic-ready"},
		{true, 1, {.has_not_before = true, .not_before = NOW}, "attic-ready"},
		{true,
		 1,
		 {.has_not_before = true, .not_before = NOW + 1},
		 "attic-token-not-yet-valid attic-ready"},
		{true, 1, {.has_permissions = true}, "attic-token-no-push attic-ready"},
		{true,
		 0,
		 {.has_permissions = true},
		 "attic-token-no-pull attic-token-no-push attic-ready"},
		{true,
		 -1,
		 {.has_permissions = true, .may_push = true},
		 "attic-token-no-pull attic-ready"},
		{true,
		 0,
		 {.has_permissions = true, .may_pull = true, .may_push = true},
		 "attic-ready"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		evidence.has_token = evidence.is_push_wanted = true;
		evidence.is_token_read = rows[i].is_read;
		evidence.token = rows[i].token;
		evidence.config.is_public = rows[i].is_public;
		assert_judged(&evidence, rows[i].ids, true);
	}
}

static void pushes_are_proven(void **state)
{
	static const struct {
		bool is_required;
		enum http_failure failure;
		long status;
		const char *ids;
	} rows[] = {
		{false, HTTP_OK, 200, "attic-push-allowed attic-ready"},
		{false, HTTP_OK, 401, "attic-push-denied attic-ready"},
		{false, HTTP_OK, 403, "attic-push-denied attic-ready"},
		{false, HTTP_OK, 500, "attic-push-unproven attic-ready"},
		{false, HTTP_RESPONSE_TIMEOUT, 0, "attic-push-unproven attic-ready"},
		{true, HTTP_OK, 200, "attic-push-allowed attic-ready"},
		{true, HTTP_OK, 401, "attic-push-required attic-ready"},
		{true, HTTP_OK, 500, "attic-push-required attic-ready"},
		{true, HTTP_RESPONSE_TIMEOUT, 0, "attic-push-required attic-ready"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct attic_evidence evidence = healthy();

		evidence.is_push_wanted = true;
		evidence.is_push_required = rows[i].is_required;
		evidence.push = (struct attic_answer){true, rows[i].failure, rows[i].status, "why"};
		assert_judged(&evidence, rows[i].ids, true);
	}
}

/* ---- storage */

#define ASKED(failure, status)                                                                     \
	{                                                                                          \
		true, failure, status, "detail"                                                    \
	}
#define READ .is_narinfo_read = true, .narinfo = ASKED(HTTP_OK, 200), .has_key = true
#define REDIRECTED .nar = ASKED(HTTP_OK, 307), .redirect_host = "minio:9000"

static const struct {
	struct attic_storage storage;
	bool has_path;
	const char *ids;
	bool is_usable;
} storages[] = {
	{{0}, false, "attic-storage-unproven attic-ready", true},
	{{0}, true, "attic-storage-unproven attic-ready", true}, /* no time was left */
	{{.narinfo = ASKED(HTTP_OK, 404)}, true, "attic-storage-unproven attic-ready", true},
	{{.narinfo = ASKED(HTTP_OK, 404), .is_canary = true},
	 true,
	 "attic-canary-missing attic-ready",
	 true},
	{{.narinfo = ASKED(HTTP_OK, 401)}, true, "attic-storage-unproven attic-ready", true},
	{{.narinfo = ASKED(HTTP_OK, 500)}, true, "attic-server-error", false},
	{{.narinfo = ASKED(HTTP_RESPONSE_TIMEOUT, 0)}, true, "attic-response-timeout", false},
	{{.narinfo = ASKED(HTTP_OK, 200), .problem = "why"},
	 true,
	 "attic-narinfo-malformed",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 200)}, true, "attic-ready", true},
	{{READ, .nar = ASKED(HTTP_TOO_LARGE, 200)}, true, "attic-ready", true},
	{{READ}, true, "attic-storage-unproven attic-ready", true},
	{{READ, .nar = ASKED(HTTP_OK, 404)}, true, "attic-storage-failed", false},
	{{READ, .nar = ASKED(HTTP_OK, 200), .is_web_page = true},
	 true,
	 "attic-storage-failed",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 200), .is_web_page = true},
	 true,
	 "attic-storage-failed",
	 false},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_OK, 200), .is_web_page = true},
	 true,
	 "attic-storage-failed",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 503)}, true, "attic-storage-failed", false},
	{{READ, .nar = ASKED(HTTP_TRUNCATED, 200)}, true, "attic-storage-failed", false},
	{{READ, .nar = ASKED(HTTP_OK, 307), .problem = "no URL"},
	 true,
	 "attic-storage-failed",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 307)}, true, "attic-storage-failed", false}, /* to nowhere */
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_OK, 206)}, true, "attic-ready", true},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_TOO_LARGE, 200)}, true, "attic-ready", true},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_REFUSED, 0)},
	 true,
	 "attic-storage-redirect-dead",
	 false},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_CONNECT_TIMEOUT, 0)},
	 true,
	 "attic-storage-redirect-dead",
	 false},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_OK, 0), .redirect_resolve = RESOLVE_NXDOMAIN},
	 true,
	 "attic-storage-redirect-dead",
	 false},
	{{READ, REDIRECTED, .redirect = ASKED(HTTP_OK, 403)}, true, "attic-storage-failed", false},
	{{READ, .nar = ASKED(HTTP_OK, 200), .trust = NARINFO_BAD_SIGNATURE},
	 true,
	 "attic-bad-signature",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 200), .trust = NARINFO_UNSIGNED},
	 true,
	 "attic-unknown-signature",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 200), .trust = NARINFO_OTHER_KEY},
	 true,
	 "attic-unknown-signature",
	 false},
	{{READ, .nar = ASKED(HTTP_OK, 404), .trust = NARINFO_BAD_SIGNATURE},
	 true,
	 "attic-bad-signature attic-storage-failed",
	 false},
	{{.is_narinfo_read = true,
	  .narinfo = ASKED(HTTP_OK, 200),
	  .nar = ASKED(HTTP_OK, 200),
	  .trust = NARINFO_BAD_SIGNATURE},
	 true,
	 "attic-ready",
	 true}, /* without a key there is nothing to compare */
};

static void storages_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(storages); i++) {
		struct attic_evidence evidence = healthy();
		char *path = evidence.storage.store_path;

		evidence.storage = storages[i].storage;
		evidence.storage.store_path = storages[i].has_path ? path : NULL;
		if (!storages[i].has_path)
			free(path);
		assert_judged(&evidence, storages[i].ids, storages[i].is_usable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_healthy_cache_is_ready),
		cmocka_unit_test(names_that_do_not_resolve),
		cmocka_unit_test(ways_without_attic),
		cmocka_unit_test(a_proxy_that_cannot_be_asked),
		cmocka_unit_test(a_way_past_the_proxy_is_said),
		cmocka_unit_test(a_way_through_the_proxy_is_said),
		cmocka_unit_test(a_way_to_a_bad_cache_is_not_kept),
		cmocka_unit_test(requests_that_fail),
		cmocka_unit_test(each_failure_has_its_finding),
		cmocka_unit_test(answers_that_are_no_configuration),
		cmocka_unit_test(configurations_are_compared),
		cmocka_unit_test(tokens_are_judged),
		cmocka_unit_test(pushes_are_proven),
		cmocka_unit_test(storages_are_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
