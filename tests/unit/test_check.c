/* SPDX-License-Identifier: Zlib */
/* What is out of contract in files: words, settings, trees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/check_text.h"
#include "agent/check_tree.h"
#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/run.h"
#include "agent/strbuf.h"
#include "tests/unit/built_in_contract.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define MAX_HITS 3u
#define FOREVER_US INT64_C(600000000)

/* ---- lines */

#define WORKFLOW "./.github/workflows/ci.yml"

static const struct {
	const char *file, *line;
	struct {
		const char *value; /* NULL: no more */
		unsigned int column;
		const char *reason; /* a part of it */
	} hits[MAX_HITS];
} lines[] = {
	/* the contract's own values are fine, and so is everything else */
	{"a", "", {{0}}},
	{"a", "ATTIC_SERVER: http://attic.nix-cache.svc.cluster.local", {{0}}},
	{"a", "https://nix-cache.tinyland.dev and grpc://bazel-cache.nix-cache.svc:9092", {{0}}},
	{"a", "echo \"${HOME}\" ${{ vars.X }} $((1))", {{0}}},
	/* hosts */
	{"a",
	 "url: https://attic.tinyland.dev",
	 {{"https://attic.tinyland.dev", 6, "not the public name"}}},
	{"a",
	 "see <https://ATTIC.tinyland.dev:443/main/>.",
	 {{"https://ATTIC.tinyland.dev:443/main", 6, "not the public name"}}},
	{"a", "attic.tinyland.dev.", {{"attic.tinyland.dev", 1, "not the public name"}}},
	{"a",
	 "ping attic.tinyland.dev:443/main",
	 {{"attic.tinyland.dev:443/main", 6, "not the public name"}}},
	{"a",
	 "--server=https://attic.tinyland.dev,",
	 {{"https://attic.tinyland.dev", 10, "not the public name"}}},
	{"a",
	 "\"https://user:hunter2@attic.tinyland.dev\"",
	 {{"https://user:***@attic.tinyland.dev", 2, "not the public name"}}},
	{"a", "my-attic.tinyland.dev attic.tinyland.dev.example.org xattic.tinyland.dev", {{0}}},
	{"a", "https://example.org/attic.tinyland.dev", {{0}}},
	{"a",
	 "https://attic.dev-cluster.example.com/main",
	 {{"https://attic.dev-cluster.example.com/main", 1, "nothing answers"}}},
	{"a",
	 "http://attic-api.nix-cache.svc.cluster.local:8080/main",
	 {{"http://attic-api.nix-cache.svc.cluster.local:8080/main", 1, "no such Service"}}},
	{"a", "http://attic-api.nix-cache.svc.cluster.local", {{0}}},
	/* namespaces and families of hosts, as whole words */
	{"a", "namespace: attic-cache-dev", {{"attic-cache-dev", 12, "no part of the platform"}}},
	{"a", "kubectl -n attic-cache-dev/x", {{"attic-cache-dev/x", 12, "no part"}}},
	{"a", "x.attic-cache-dev.svc", {{"x.attic-cache-dev.svc", 1, "no part"}}},
	{"a", "attic-cache-developers fuzzy-device unfuzzy-dev", {{0}}},
	{"a",
	 "http://cache.fuzzy-dev.example",
	 {{"http://cache.fuzzy-dev.example", 1, "fuzzy-dev"}}},
	/* GitLab's state */
	{"a",
	 "export TF_HTTP_ADDRESS=https://gitlab.example.org",
	 {{"TF_HTTP_ADDRESS", 8, "GitLab's HTTP state"}}},
	{"a",
	 "${{ secrets.TF_HTTP_PASSWORD }} $TF_HTTP_X ${TF_HTTP_Y}",
	 {{"secrets.TF_HTTP_PASSWORD", 5, "GitLab"},
	  {"TF_HTTP_X", 34, "GitLab"},
	  {"TF_HTTP_Y", 46, "GitLab"}}},
	{"a", "MY_TF_HTTP_ADDRESS tf_http_address", {{0}}},
	/* two on a line */
	{"a",
	 "attic.tinyland.dev attic.tinyland.dev",
	 {{"attic.tinyland.dev", 1, "not"}, {"attic.tinyland.dev", 20, "not"}}},
	/* Bazel's endpoints */
	{"a",
	 "BAZEL_REMOTE_CACHE=grpcs://cache.example.org",
	 {{"grpcs://cache.example.org", 20, "no Bazel cache is promised"}}},
	{"a",
	 "  \"BAZEL_REMOTE_CACHE\": \"grpcs://cache.example.org\",",
	 {{"grpcs://cache.example.org", 26, "no Bazel cache is promised"}}},
	{".bazelrc",
	 "build --remote_cache=cache.example.org:9092",
	 {{"cache.example.org:9092", 22, "no Bazel cache is promised"}}},
	{"a",
	 "bazel build --remote_cache grpc://8.8.8.8:1 //...",
	 {{"grpc://8.8.8.8:1", 28, "no Bazel cache is promised"}}},
	{"a",
	 "--remote_executor=grpc://cache.example.org",
	 {{"grpc://cache.example.org", 19, "no Bazel cache is promised"}}},
	{"a",
	 "BAZEL_REMOTE_CACHE=grpc://localhost:9092",
	 {{"grpc://localhost:9092", 20, "local proof"}}},
	{"a", "--remote_cache=grpc://[::1]:9092", {{"grpc://[::1]:9092", 16, "local proof"}}},
	{"a",
	 "x=\"${BAZEL_REMOTE_CACHE:-grpc://localhost:9092}\"",
	 {{"grpc://localhost:9092", 26, "local proof"}}},
	{"a",
	 "BAZEL_REMOTE_CACHE=grpc://localhost:9092 GF_BAZEL_ALLOW_LOCALHOST_PROOF=true",
	 {{0}}},
	{"a", "BAZEL_REMOTE_CACHE=grpc://10.1.2.3:9092 --remote_cache=grpc://x.ts.net:1", {{0}}},
	{"a", "BAZEL_REMOTE_CACHE= BAZEL_REMOTE_CACHE is --remote_cache_compression=x", {{0}}},
	{"a",
	 "MY_BAZEL_REMOTE_CACHE=grpc://localhost:1 BAZEL_REMOTE_CACHE_X=grpc://localhost:1",
	 {{0}}},
	{"a",
	 "--remote_cache=unix:/run/x --remote_cache=<URL> --remote_cache=grpc://HOST:9092",
	 {{0}}},
	{"a",
	 "BAZEL_REMOTE_CACHE=grpc://attic.tinyland.dev:9092",
	 {{"grpc://attic.tinyland.dev:9092", 20, "not the public name"}}},
	/* placeholders, where nothing expands them */
	{WORKFLOW,
	 "  BAZEL_REMOTE_CACHE: grpc://${HOST}:9092",
	 {{"grpc://${HOST}:9092", 23, "never expanded"}}},
	{WORKFLOW, "  ATTIC_SERVER: '${ATTIC_URL}'", {{"${ATTIC_URL}", 18, "never expanded"}}},
	{"./action.yml", "ATTIC_CACHE: ${X}", {{"${X}", 14, "never expanded"}}},
	{"./.bazelrc",
	 "build --remote_cache=grpc://${HOST}",
	 {{"grpc://${HOST}", 22, "never expanded"}}},
	{WORKFLOW, "  BAZEL_REMOTE_CACHE: ${{ vars.CACHE }}", {{0}}},
	{WORKFLOW, "  run: export BAZEL_REMOTE_CACHE=\"${X}\"", {{0}}},
	{"./compose.yml", "BAZEL_REMOTE_CACHE: ${X}", {{0}}},
	{"./x.sh", "BAZEL_REMOTE_CACHE=grpc://${HOST}:9092", {{0}}},
};

static void lines_are_judged(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		CLEANUP(check_hits_release) struct check_hits hits = {0};
		struct check_text text = {.contract = &built_in_contract, .hits = &hits};
		size_t count = 0;

		while (count < MAX_HITS && lines[i].hits[count].value)
			count++;
		check_text_begin(&text, lines[i].file);
		check_text_line(&text, lines[i].line);
		check_text_end(&text);
		if (hits.count != count || hits.found != count)
			fail_msg("%s: %zu hits, the first is %s", lines[i].line, hits.count,
				 hits.count ? hits.items[0].value : "none");
		for (size_t j = 0; j < count; j++) {
			assert_string_equal(hits.items[j].value, lines[i].hits[j].value);
			assert_int_equal(hits.items[j].column, lines[i].hits[j].column);
			assert_int_equal(hits.items[j].line, 1);
			assert_non_null(strstr(hits.items[j].row->reason, lines[i].hits[j].reason));
		}
	}
}

/* A contract of another pool without our rules has its own. */
static void without_a_rule_nothing_is_ruled_out(void **state)
{
	const struct contract other = {0};
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	struct check_text text = {.contract = &other, .hits = &hits};

	(void)state;
	check_text_begin(&text, WORKFLOW);
	check_text_line(&text, "BAZEL_REMOTE_CACHE: grpc://localhost:1");
	check_text_line(&text, "BAZEL_REMOTE_CACHE: https://attic.tinyland.dev");
	check_text_line(&text, "BAZEL_REMOTE_CACHE: ${X}");
	check_text_end(&text);
	assert_int_equal(hits.count, 0);
}

static void hits_have_a_bound(void **state)
{
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	struct check_text text = {.contract = &built_in_contract, .hits = &hits};

	(void)state;
	check_text_begin(&text, "./a");
	for (size_t i = 0; i < CHECK_MAX_HITS + 7; i++)
		check_text_line(&text, "attic-cache-dev");
	check_text_end(&text);
	assert_int_equal(hits.count, CHECK_MAX_HITS);
	assert_int_equal(hits.found, CHECK_MAX_HITS + 7);
}

/* What the filter passes over can hold no hit: each line of the table, in each of its cases. */
static void the_filter_lets_every_hit_through(void **state)
{
	struct check_filter filter;

	(void)state;
	check_filter_make(&filter, &built_in_contract);
	for (size_t i = 0; i < COUNT(lines); i++)
		if (lines[i].hits[0].value)
			assert_true(
				check_filter_holds(&filter, lines[i].line, strlen(lines[i].line)));
	assert_true(check_filter_holds(&filter, "x FUZZY-dev", 11));
	assert_false(check_filter_holds(&filter, "x fuzzy-dev", 10)); /* cut */
	assert_false(check_filter_holds(&filter, "nothing to see: remote, cache", 29));
	assert_false(check_filter_holds(&filter, "", 0));
	check_filter_release(&filter);
}

/* ---- trees */

#define BAD "attic.tinyland.dev"

static struct machine machine;
static struct root root;

static int make_machine(void **state)
{
	(void)state;
	machine_make(&machine);
	return root_open_directory(&root, machine.directory, NULL);
}

static int remove_machine(void **state)
{
	(void)state;
	root_close(&root);
	machine_remove(&machine);
	return 0;
}

/* The hits below PATH as "file:line " each; "!" and the error where there is one. */
static void check_path(const char *path, struct strbuf *out, size_t *ret_unread)
{
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	CLEANUP(check_tree_release)
	struct check_tree tree = {
		.root = &root,
		.text = {.contract = &built_in_contract, .hits = &hits},
		.end_us = run_clock_us() + FOREVER_US,
	};
	struct error error = {0};

	if (check_tree_path(&tree, path, &error) < 0)
		strbuf_printf(out, "!%s", error.message);
	for (size_t i = 0; i < hits.count; i++)
		strbuf_printf(out, "%s:%u ", hits.items[i].file, hits.items[i].line);
	if (ret_unread)
		*ret_unread = tree.unread;
}

static void expect_hits(const char *path, const char *expected)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	size_t unread;

	check_path(path, &out, &unread);
	assert_string_equal(out.data, expected);
	assert_int_equal(unread, 0);
}

static void a_tree_is_walked_in_order(void **state)
{
	(void)state;
	machine_file(&machine, "/repo/b.txt", "x\n" BAD "\n\n" BAD);
	machine_file(&machine, "/repo/a/z", BAD);
	machine_file(&machine, "/repo/a/y", BAD "\r\n");
	machine_file(&machine, "/repo/.git/config", BAD);
	machine_file(&machine, "/repo/sub/.git", BAD); /* a submodule's */
	machine_link(&machine, "/repo/link", "b.txt");
	machine_link(&machine, "/repo/around", ".");
	expect_hits("/repo", "/repo/a/y:1 /repo/a/z:1 /repo/b.txt:2 /repo/b.txt:4 ");
	expect_hits("/repo/", "/repo/a/y:1 /repo/a/z:1 /repo/b.txt:2 /repo/b.txt:4 ");
	expect_hits("/repo/a/z", "/repo/a/z:1 ");
	expect_hits("/repo/link", "/repo/link:2 /repo/link:4 "); /* named, so followed */
}

static void what_git_ignores_is_left_out(void **state)
{
	(void)state;
	machine_file(&machine, "/repo/.git/HEAD", "x");
	machine_file(&machine, "/repo/.gitignore", "out/\n*.log\n/src/gen\n");
	machine_file(&machine, "/repo/src/.gitignore", "!keep.log\n/lib/x\n");
	machine_file(&machine, "/repo/out/x", BAD);
	machine_file(&machine, "/repo/a.log", BAD);
	machine_file(&machine, "/repo/src/keep.log", BAD);
	machine_file(&machine, "/repo/src/gen", BAD);
	machine_file(&machine, "/repo/src/lib/x", BAD);
	machine_file(&machine, "/repo/src/lib/y", BAD);
	machine_file(&machine, "/repo/src/lib/z.log", BAD);
	expect_hits("/repo", "/repo/src/keep.log:1 /repo/src/lib/y:1 ");
	/* below the top the same rules hold, but for what is named itself */
	expect_hits("/repo/src", "/repo/src/keep.log:1 /repo/src/lib/y:1 ");
	expect_hits("/repo/src/lib", "/repo/src/lib/y:1 ");
	expect_hits("/repo/out", "/repo/out/x:1 ");
	expect_hits("/repo/a.log", "/repo/a.log:1 ");
	expect_hits("/repo/src/../src/lib/.", "/repo/src/../src/lib/./y:1 ");
}

static void a_tree_without_git_has_rules_too(void **state)
{
	(void)state;
	machine_file(&machine, "/.gitignore", "*\n"); /* of nobody's repository */
	machine_file(&machine, "/repo/.gitignore", "x\n");
	machine_file(&machine, "/repo/x", BAD);
	machine_file(&machine, "/repo/y", BAD);
	expect_hits("/repo", "/repo/y:1 ");
}

static void write_bytes(const char *path, const char *bytes, size_t length)
{
	CLEANUP_FREE char *whole = mem_format("%s%s", machine.directory, path);
	FILE *stream = fopen(whole, "we");

	assert_non_null(stream);
	assert_int_equal(fwrite(bytes, 1, length, stream), length);
	assert_int_equal(fclose(stream), 0);
}

static void binary_files_are_left_out(void **state)
{
	static const char early[] = "\0" BAD;
	char late[9000];

	(void)state;
	machine_directory(&machine, "/repo");
	write_bytes("/repo/early", early, sizeof(early));
	memset(late, ' ', sizeof(late));
	late[8500] = '\0'; /* git would call it a text, too */
	memcpy(late + 8600, BAD, strlen(BAD));
	write_bytes("/repo/late", late, sizeof(late));
	expect_hits("/repo", "/repo/late:1 ");
}

/* Hits beyond the first chunk, among lines that are passed over, keep their numbers. */
static void large_files_keep_count(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(1u << 20);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(4096);

	(void)state;
	for (unsigned int line = 1; line <= 20000; line++) {
		strbuf_puts(&text, line % 5000 ? "nothing, attic, tinyland.dev" : BAD);
		strbuf_puts(&text, line % 3 ? "\n" : "\r\n");
		if (line % 5000 == 0)
			strbuf_printf(&expected, "/repo/large:%u ", line);
	}
	strbuf_puts(&text, BAD);
	strbuf_puts(&expected, "/repo/large:20001 ");
	machine_file(&machine, "/repo/large", text.data);
	expect_hits("/repo", expected.data);
}

/* A line of megabytes is looked at in pieces, and no word is cut that has a blank near it. */
static void long_lines_are_read(void **state)
{
	const size_t length = 300000;
	CLEANUP_FREE char *line = mem_alloc(length + 1, 1);
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	CLEANUP(check_tree_release)
	struct check_tree tree = {
		.root = &root,
		.text = {.contract = &built_in_contract, .hits = &hits},
		.end_us = run_clock_us() + FOREVER_US,
	};
	size_t at = 0;

	(void)state;
	machine_directory(&machine, "/repo");
	for (; at + 40 < length; at += 40)
		memcpy(line + at, "abcdefghij," BAD " abcdefghij", 40);
	memset(line + at, 'x', length - at);
	write_bytes("/repo/long", line, length);
	assert_int_equal(check_tree_path(&tree, "/repo", NULL), 0);
	assert_int_equal(hits.found, at / 40);
	for (size_t i = 0; i < hits.count; i++)
		assert_int_equal(hits.items[i].column, i * 40 + 12);
	memset(line, 'x', length); /* and one without any blank */
	write_bytes("/repo/long", line, length);
	expect_hits("/repo", "");
}

static void trees_have_bounds(void **state)
{
	CLEANUP_STRBUF struct strbuf deep = STRBUF_INIT(4096);
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(65536);
	size_t unread;

	(void)state;
	strbuf_puts(&deep, "/repo");
	for (unsigned int i = 0; i < CHECK_MAX_DEPTH + 3; i++)
		strbuf_puts(&deep, "/d");
	strbuf_puts(&deep, "/x");
	machine_file(&machine, deep.data, BAD);
	check_path("/repo", &out, &unread);
	assert_string_equal(out.data, "");
	assert_int_equal(unread, 1);
}

static void time_has_a_bound(void **state)
{
	CLEANUP(check_hits_release) struct check_hits hits = {0};
	CLEANUP(check_tree_release)
	struct check_tree tree = {
		.root = &root,
		.text = {.contract = &built_in_contract, .hits = &hits},
		.end_us = run_clock_us() - 1,
	};
	struct error error = {0};

	(void)state;
	machine_file(&machine, "/repo/x", BAD);
	assert_int_equal(check_tree_path(&tree, "/repo", &error), -1);
	assert_int_equal(error.code, ERROR_AGENT);
	assert_string_equal(error.message, "contract check: not done in time, and stopped at "
					   "/repo/x after 0 files: name fewer");
}

static void what_is_not_there_is_an_error(void **state)
{
	CLEANUP_STRBUF struct strbuf out = STRBUF_INIT(1024);

	(void)state;
	check_path("/gone", &out, NULL);
	assert_string_equal(out.data, "!contract check /gone: No such file or directory");
}

#define TREE_TEST(test) cmocka_unit_test_setup_teardown(test, make_machine, remove_machine)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_judged),
		cmocka_unit_test(without_a_rule_nothing_is_ruled_out),
		cmocka_unit_test(hits_have_a_bound),
		cmocka_unit_test(the_filter_lets_every_hit_through),
		TREE_TEST(a_tree_is_walked_in_order),
		TREE_TEST(what_git_ignores_is_left_out),
		TREE_TEST(a_tree_without_git_has_rules_too),
		TREE_TEST(binary_files_are_left_out),
		TREE_TEST(large_files_keep_count),
		TREE_TEST(long_lines_are_read),
		TREE_TEST(trees_have_bounds),
		TREE_TEST(time_has_a_bound),
		TREE_TEST(what_is_not_there_is_an_error),
	};

	return cmocka_run_group_tests(tests, built_in_contract_read, built_in_contract_drop);
}
