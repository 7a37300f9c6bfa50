/* SPDX-License-Identifier: Zlib */
/* An earlier surface's report: what is read of it, what is not, and how it is shown. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/history.h"
#include "agent/mem.h"
#include "agent/page.h"
#include "agent/report.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/summary.h"
#include "tests/unit/check.h"
#include "tests/unit/golden.h"
#include "tests/unit/sample.h"

#define MAX_BYTES (1u << 20)

#define REST                                                                                       \
	"\"started\":\"2026-01-01T00:00:00Z\",\"outcome\":\"degraded\",\"elapsed_ms\":8,"          \
	"\"findings\":[],\"tasks\":[]"
#define ENTRY(surface) "{\"surface\":\"" surface "\",\"lane\":\"x\"," REST "}"
#define REPORT(surface, history)                                                                   \
	"{\"schema\":\"" REPORT_SCHEMA "\",\"surface\":\"" surface                                 \
	"\",\"lane\":{\"label\":\"x\"}," REST ",\"history\":[" history "],\"more\":{}}"

/* Reads TEXT in a file of mode 0600, as SURFACE would; PATH NULL: not there. */
static void read_text(struct history *ret, struct sample *sample, const char *text,
		      enum surface surface)
{
	char path[] = "/tmp/spinup-history-XXXXXX";
	int fd = mkstemp(path);
	char *variable = mem_format("SPINUP_REPORT_PATH=%s", path);
	struct context *context = &sample->job.context;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(close(fd), 0);
	sample_set(sample, variable);
	context->surface = surface;
	assert_int_equal(root_open_directory(&context->root, NULL, NULL), 0);
	history_read(ret, context, &sample->job.findings);
	root_close(&context->root);
	(void)unlink(path);
	free(variable);
}

static void which_entries_count(void **state)
{
	static const struct {
		enum surface surface;
		const char *text, *entries;
	} rows[] = {
		{SURFACE_STEP, REPORT("entrypoint", ""), "entrypoint "},
		{SURFACE_STEP, REPORT("hook", ""), "hook "},
		{SURFACE_STEP, REPORT("hook", ENTRY("entrypoint")), "entrypoint hook "},
		{SURFACE_STEP, REPORT("step", ENTRY("entrypoint") "," ENTRY("hook")),
		 "entrypoint hook "},
		{SURFACE_STEP, REPORT("step", ""), ""},
		{SURFACE_STEP, REPORT("local", ""), ""},
		{SURFACE_HOOK, REPORT("entrypoint", ""), "entrypoint "},
		{SURFACE_HOOK, REPORT("hook", ENTRY("entrypoint")), "entrypoint "},
		{SURFACE_HOOK, REPORT("step", ENTRY("entrypoint") "," ENTRY("hook")),
		 "entrypoint "},
		{SURFACE_STEP, REPORT("entrypoint", ENTRY("entrypoint")), "entrypoint "},
		{SURFACE_STEP, REPORT("entrypoint", ENTRY("hook")), "hook "},
		{SURFACE_ENTRYPOINT, REPORT("entrypoint", ""), ""},
		{SURFACE_LOCAL, REPORT("entrypoint", ""), ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct strbuf names = STRBUF_INIT(256);
		struct history history;
		struct sample sample;

		sample_make(&sample);
		read_text(&history, &sample, rows[i].text, rows[i].surface);
		for (size_t j = 0; j < history.count; j++)
			strbuf_printf(&names, "%s ", surface_name(history.entries[j].surface));
		assert_string_equal(names.data, rows[i].entries);
		assert_int_equal(sample.job.findings.count, 0);
		history_release(&history);
		sample_release(&sample);
		strbuf_release(&names);
	}
}

static void what_is_no_report(void **state)
{
	static const char *const texts[] = {
		"",
		"{}",
		"[]",
		"{\"schema\":\"" REPORT_SCHEMA "\"}",
		"{\"schema\":\"other\",\"surface\":\"hook\",\"lane\":\"x\"," REST
		",\"history\":[]}",
		"{\"schema\":\"" REPORT_SCHEMA "\",\"surface\":\"hook\",\"lane\":\"x\"," REST "}",
		"{\"schema\":\"" REPORT_SCHEMA "\",\"surface\":\"hook\",\"lane\":1," REST
		",\"history\":[]}",
		REPORT("hook", "1"),
		REPORT("hook", "{}"),
		REPORT("step", ENTRY("entrypoint") "," ENTRY("entrypoint") "," ENTRY("entrypoint")),
		REPORT("hook", "") "x",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct history history;
		struct sample sample;

		sample_make(&sample);
		read_text(&history, &sample, texts[i], SURFACE_STEP);
		assert_int_equal(history.count, 0);
		assert_non_null(findings_find(&sample.job.findings, FINDING_HISTORY_IGNORED));
		sample_release(&sample);
	}
}

/* What a report says of itself is what history says of it: the printer and the reader agree. */
static void a_report_of_ours(struct sample *past, struct sample *now)
{
	struct history *history = &now->job.history;

	past->job.context.surface = SURFACE_ENTRYPOINT;
	read_text(history, now, report_text(&past->result)->data, SURFACE_STEP);
	assert_int_equal(now->job.findings.count, 0);
	assert_int_equal(history->count, 1);
	assert_string_equal(history->entries[0].started, "2026-01-01T00:00:00Z");
	assert_string_equal(history->entries[0].label, "tinyland-nix");
	assert_int_equal(history->entries[0].elapsed_ms, 9);
	assert_int_equal(history->entries[0].task_count, 5);
}

static void what_is_gone_and_what_is_not(void **state)
{
	struct sample past, now;

	(void)state;
	sample_make_failed(&past);
	sample_make_degraded(&now);
	a_report_of_ours(&past, &now);
	assert_int_equal(now.job.history.entries[0].finding_count, 5);
	for (size_t i = 0; i < 5; i++) {
		const struct history_finding *finding = &now.job.history.entries[0].findings[i];

		assert_int_equal(history_finding_holds(finding, &now.result),
				 strcmp(finding->probe, "attic") == 0);
	}
	history_release(&now.job.history);
	sample_release(&past);
	sample_release(&now);
}

static void how_it_is_shown(void **state)
{
	const struct page_style style = {.width = 100};
	struct strbuf page = STRBUF_INIT(MAX_BYTES);
	struct strbuf summary = STRBUF_INIT(MAX_BYTES);
	struct sample past, now;

	(void)state;
	sample_make_degraded(&past);
	sample_make_failed(&now);
	a_report_of_ours(&past, &now);
	page_print(&now.result, &style, &page);
	summary_print(&now.result, &summary);
	golden_expect("fixtures/page/history.txt", page.data);
	golden_expect("fixtures/summary/history.md", summary.data);
	golden_expect("fixtures/report/history.json", report_text(&now.result)->data);
	history_release(&now.job.history);
	sample_release(&past);
	sample_release(&now);
	strbuf_release(&page);
	strbuf_release(&summary);
}

/* A file of modes and kinds that a stranger could have made. */
static void only_a_private_file(void **state)
{
	static const struct {
		mode_t mode;
		bool is_link;
		size_t count;
	} rows[] = {
		{0600, false, 1}, {0400, false, 0},  {0640, false, 0}, {0644, false, 0},
		{0700, false, 0}, {04600, false, 0}, {0600, true, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		static const char text[] = REPORT("entrypoint", "");
		char directory[] = "/tmp/spinup-history-XXXXXX";
		char *file = mem_format("%s/file", mkdtemp(directory));
		char *link = mem_format("%s/link", directory);
		char *variable = mem_format("SPINUP_REPORT_PATH=%s", rows[i].is_link ? link : file);
		int fd = open(file, O_WRONLY | O_CREAT | O_EXCL, 0600);
		struct sample sample;

		sample_make(&sample);
		assert_int_equal(write(fd, text, strlen(text)), strlen(text));
		assert_int_equal(fchmod(fd, rows[i].mode), 0);
		assert_int_equal(close(fd), 0);
		assert_int_equal(symlink(file, link), 0);
		sample_set(&sample, variable);
		assert_int_equal(root_open_directory(&sample.job.context.root, NULL, NULL), 0);
		history_read(&sample.job.history, &sample.job.context, &sample.job.findings);
		assert_int_equal(sample.job.history.count, rows[i].count);
		assert_int_equal(sample.job.findings.count, 1 - rows[i].count);
		root_close(&sample.job.context.root);
		history_release(&sample.job.history);
		sample_release(&sample);
		(void)unlink(link);
		(void)unlink(file);
		(void)rmdir(directory);
		free(variable);
		free(link);
		free(file);
	}
}

static void a_file_that_a_container_cannot_see(void **state)
{
	(void)state;
	for (unsigned int is_container = 0; is_container < 2; is_container++) {
		struct sample sample;

		sample_make(&sample);
		sample.job.context.is_container_job = is_container;
		sample_set(&sample, "SPINUP_REPORT_PATH=/nonexistent/report.json");
		assert_int_equal(root_open_directory(&sample.job.context.root, NULL, NULL), 0);
		history_read(&sample.job.history, &sample.job.context, &sample.job.findings);
		assert_int_equal(sample.job.findings.count, is_container ? 0 : 1);
		root_close(&sample.job.context.root);
		sample_release(&sample);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_entries_count),
		cmocka_unit_test(what_is_no_report),
		cmocka_unit_test(what_is_gone_and_what_is_not),
		cmocka_unit_test(how_it_is_shown),
		cmocka_unit_test(only_a_private_file),
		cmocka_unit_test(a_file_that_a_container_cannot_see),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
