/* SPDX-License-Identifier: Zlib */
/* Expectations: what a file may say, where it is looked for, and how it is judged. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/fact_names.h"
#include "agent/facts.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/options.h"
#include "agent/size.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#define CASES "fixtures/expect"
#define MIN_CASES 40u
#define FILE_MAX_BYTES 65536u

static struct machine machine;

/* A checkout with version files, and the machine around it. */
static int make_machine(void **state)
{
	(void)state;
	machine_make(&machine);
	machine_directory(&machine, "/work/repo/.git");
	machine_file(&machine, "/work/repo/.bazelversion", "\n8.1.0\n# not read\n");
	machine_file(&machine, "/work/repo/hostile", "8.1.0\033[31m\n");
	machine_file(&machine, "/work/repo/blank", " \n");
	machine_file(&machine, "/etc/secret", "8.1.0\n");
	machine_link(&machine, "/work/repo/link-in", ".bazelversion");
	machine_link(&machine, "/work/repo/link-out", "../../etc/secret");
	return 0;
}

static int remove_machine(void **state)
{
	(void)state;
	machine_remove(&machine);
	return 0;
}

static void read_fixture(struct strbuf *text, const char *name, const char *file)
{
	CLEANUP_FREE char *path = mem_format(CASES "/%s/%s", name, file);
	char buffer[4096];
	FILE *stream = fopen(path, "re");
	size_t length;

	assert_non_null(stream);
	strbuf_clear(text);
	while ((length = fread(buffer, 1, sizeof(buffer), stream)) > 0)
		strbuf_add(text, buffer, length);
	(void)fclose(stream);
}

/* Reads as a step with a checkout does. */
static int read_in_step(struct expectations *ret, enum surface surface, bool has_checkout,
			struct findings *findings, struct error *error)
{
	struct context context = {.surface = surface,
				  .has_checkout = has_checkout,
				  .workspace = (char[]){"/work/repo"},
				  .temp = (char[]){"/work/_temp"}};
	struct options options = {0};
	int status;

	assert_int_equal(root_open_directory(&context.root, machine.directory, NULL), 0);
	status = expect_read(ret, &options, &context, findings, error);
	root_close(&context.root);
	return status;
}

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(FILE_MAX_BYTES);
	CLEANUP_FREE char *message = NULL;
	struct expectations expect;
	struct findings findings = {0};
	struct error error = {0};
	int status;

	read_fixture(&text, name, "spinup.json");
	read_fixture(&expected, name, "expected");
	expected.data[strcspn(expected.data, "\n")] = '\0';
	machine_file(&machine, "/work/repo/.github/spinup.json", text.data);
	status = read_in_step(&expect, SURFACE_STEP, true, &findings, &error);
	if (strcmp(expected.data, "ok") == 0) {
		if (status < 0)
			fail_msg("%s: %s", name, error.message);
		assert_true(expect.is_present);
	} else {
		message = *expected.data == ':'
				  ? mem_format(".github/spinup.json%s", expected.data)
				  : mem_format(".github/spinup.json: %s", expected.data);
		if (status == 0 || strncmp(error.message, message, strlen(message)) != 0)
			fail_msg("%s: \"%s\" instead of \"%s\"", name, error.message, message);
		assert_int_equal(error.code, ERROR_USAGE);
		assert_null(strchr(error.message, '\033'));
	}
	assert_int_equal(findings.count, 0);
	expect_release(&expect);
}

static void files_are_read_strictly(void **state)
{
	DIR *directory = opendir(CASES);
	size_t count = 0;

	(void)state;
	assert_non_null(directory);
	for (const struct dirent *entry; (entry = readdir(directory));) {
		if (*entry->d_name == '.')
			continue;
		check_case(entry->d_name);
		count++;
	}
	(void)closedir(directory);
	assert_true(count >= MIN_CASES);
}

static void a_full_file_fills_everything(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX_BYTES);
	struct expectations expect;
	struct findings findings = {0};

	(void)state;
	read_fixture(&text, "full", "spinup.json");
	machine_file(&machine, "/work/repo/.github/spinup.json", text.data);
	assert_int_equal(read_in_step(&expect, SURFACE_STEP, true, &findings, NULL), 0);
	assert_string_equal(expect.source, ".github/spinup.json");
	assert_string_equal(expect.lane, "tinyland-nix");
	assert_int_equal(expect.tool_count, 4);
	assert_string_equal(expect.tools[0].name, "nix");
	assert_string_equal(expect.tools[0].range, ">=2.28 <3");
	assert_string_equal(expect.tools[2].name, "bazel");
	assert_string_equal(expect.tools[2].range, "8.1.0");
	assert_string_equal(expect.flavour, "determinate");
	assert_string_equal(expect.system, "x86_64-linux");
	assert_true(expect.memory_bytes == (int64_t)6 << 30);
	assert_int_equal(expect.cpus, 2);
	assert_int_equal(expect.disk_count, 3);
	assert_string_equal(expect.disks[0].path, "/nix");
	assert_true(expect.disks[0].free_bytes == (int64_t)10 << 30);
	assert_string_equal(expect.disks[1].path, "/work/repo");
	assert_string_equal(expect.disks[2].path, "/work/_temp/cache");
	assert_string_equal(expect.features[0], "kvm");
	assert_string_equal(expect.features[1], "big-parallel");
	assert_null(expect.features[2]);
	assert_int_equal(expect.require, LANE_ATTIC | LANE_KVM);
	assert_string_equal(expect.substrate, "compatibility-local-only");
	expect_release(&expect);
}

static void a_declared_substrate_makes_bazel_a_promise(void **state)
{
	struct expectations expect;
	struct findings findings = {0};

	(void)state;
	machine_file(&machine, "/work/repo/.github/spinup.json",
		     "{\"substrate\": \"shared-cache-backed\"}");
	assert_int_equal(read_in_step(&expect, SURFACE_STEP, true, &findings, NULL), 0);
	assert_int_equal(expect.require, LANE_BAZEL);
	expect_release(&expect);
}

static void only_a_checkout_is_read(void **state)
{
	static const struct {
		enum surface surface;
		bool has_file, has_checkout, is_present, is_noticed;
	} rows[] = {
		{SURFACE_STEP, true, true, true, false},
		{SURFACE_STEP, true, false, true, false}, /* unpacked from an archive */
		{SURFACE_STEP, false, true, false, false},
		{SURFACE_STEP, false, false, false, true},
		{SURFACE_HOOK, true, true, false, true},
		{SURFACE_ENTRYPOINT, true, true, false, false},
		{SURFACE_LOCAL, true, true, false, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *file =
			mem_format("%s/work/repo/.github/spinup.json", machine.directory);
		struct expectations expect;
		struct findings findings = {0};

		if (rows[i].has_file)
			machine_file(&machine, "/work/repo/.github/spinup.json", "{}");
		else
			(void)unlink(file);
		assert_int_equal(read_in_step(&expect, rows[i].surface, rows[i].has_checkout,
					      &findings, NULL),
				 0);
		assert_int_equal(expect.is_present, rows[i].is_present);
		assert_int_equal(findings_find(&findings, FINDING_EXPECTATIONS_NOT_CHECKED_OUT) !=
					 NULL,
				 rows[i].is_noticed);
		findings_release(&findings);
		expect_release(&expect);
	}
}

static void a_given_file_is_read_anywhere(void **state)
{
	struct options options = {.expect_path = "/etc/expect.json"};
	struct context context = {.surface = SURFACE_HOOK};
	struct expectations expect;
	struct findings findings = {0};
	struct error error = {0};

	(void)state;
	machine_file(&machine, "/etc/expect.json", "{\"lane\": \"tinyland-dind\"}");
	assert_int_equal(root_open_directory(&context.root, machine.directory, NULL), 0);
	assert_int_equal(expect_read(&expect, &options, &context, &findings, &error), 0);
	assert_string_equal(expect.lane, "tinyland-dind");
	assert_string_equal(expect.source, "/etc/expect.json");
	expect_release(&expect);

	options.expect_path = "/etc/none.json";
	assert_int_equal(expect_read(&expect, &options, &context, &findings, &error), -1);
	assert_string_equal(error.message, "--expect /etc/none.json: there is no such file");
	expect_release(&expect);
	assert_int_equal(findings.count, 0);
	root_close(&context.root);
}

static void large_files_are_refused(void **state)
{
	CLEANUP_FREE char *huge = mem_alloc(70001, 1);
	struct expectations expect;
	struct findings findings = {0};
	struct error error = {0};

	(void)state;
	memset(huge, ' ', 70000);
	machine_file(&machine, "/work/repo/.github/spinup.json", huge);
	assert_int_equal(read_in_step(&expect, SURFACE_STEP, true, &findings, &error), -1);
	assert_string_equal(error.message, ".github/spinup.json: larger than 64 KiB");
	expect_release(&expect);
}

/* ---- judging */

static const struct judged {
	const char *what; /* an expectation: its key … */
	const char *expected;
	const char *facts[3][2]; /* … and what was measured */
	enum finding_id id;
	const char *detail;
} judged[] = {
	{"nix",
	 ">=2.28 <3",
	 {{FACT_NIX_VERSION, "2.26.3"}},
	 FINDING_EXPECTED_VERSION_DIFFERS,
	 "expected nix >=2.28 <3, found 2.26.3"},
	{"nix",
	 ">=2.28 <3",
	 {{FACT_NIX_VERSION, "2.31.2"}},
	 FINDING_EXPECTATION_MET,
	 "expected nix >=2.28 <3, found 2.31.2"},
	{"nix",
	 ">=2.28",
	 {{0}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected nix >=2.28, but its version could not be determined"},
	{"nix",
	 ">=2.28",
	 {{FACT_NIX_STATE, "absent"}},
	 FINDING_EXPECTED_VERSION_DIFFERS,
	 "expected nix >=2.28, found none"},
	{"nix",
	 ">=2.28",
	 {{FACT_NIX_STATE, "broken"}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected nix >=2.28, but its version could not be determined"},
	{"nix",
	 ">=2.28",
	 {{FACT_NIX_VERSION, "unstable"}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected nix >=2.28, but unstable cannot be compared with that"},
	{"determinate",
	 "3",
	 {{FACT_NIX_DETERMINATE, "3.8.5"}},
	 FINDING_EXPECTATION_MET,
	 "expected determinate 3, found 3.8.5"},
	{"determinate",
	 "3",
	 {{FACT_NIX_FLAVOUR, "upstream"}},
	 FINDING_EXPECTED_VERSION_DIFFERS,
	 "expected determinate 3, found none"},
	{"determinate",
	 "3",
	 {{FACT_NIX_FLAVOUR, "determinate"}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected determinate 3, but its version could not be determined"},
	{"bazel",
	 "8.1.0",
	 {{FACT_BAZEL_VERSION, "8.0.0"}},
	 FINDING_EXPECTED_VERSION_DIFFERS,
	 "expected bazel 8.1.0, found 8.0.0"},
	{"bazel",
	 "latest",
	 {{FACT_BAZEL_VERSION, "8.0.0"}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected bazel latest, but 8.0.0 cannot be compared with that"},
	{"docker",
	 ">=24",
	 {{FACT_DOCKER_VERSION, "27.5.1"}},
	 FINDING_EXPECTATION_MET,
	 "expected docker >=24, found 27.5.1"},
	{"lane",
	 "tinyland-nix",
	 {{0}},
	 FINDING_EXPECTATION_MET,
	 "expected tinyland-nix, found tinyland-nix"},
	{"lane",
	 "Tinyland-Nix",
	 {{0}},
	 FINDING_EXPECTATION_MET,
	 "expected Tinyland-Nix, found tinyland-nix"},
	{"lane",
	 "tinyland-nix-gpu",
	 {{0}},
	 FINDING_EXPECTED_LANE_DIFFERS,
	 "expected tinyland-nix-gpu, found tinyland-nix"},
	{"flavour",
	 "determinate",
	 {{FACT_NIX_FLAVOUR, "lix"}},
	 FINDING_EXPECTED_FLAVOUR_DIFFERS,
	 "expected determinate, found lix"},
	{"flavour",
	 "lix",
	 {{FACT_NIX_FLAVOUR, "lix"}},
	 FINDING_EXPECTATION_MET,
	 "expected lix, found lix"},
	{"flavour",
	 "lix",
	 {{FACT_NIX_STATE, "absent"}},
	 FINDING_EXPECTED_FLAVOUR_DIFFERS,
	 "expected lix, found no Nix"},
	{"flavour",
	 "lix",
	 {{0}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected lix, but it could not be determined"},
	{"none",
	 "",
	 {{FACT_NIX_FLAVOUR, "upstream"}},
	 FINDING_LANE_FLAVOUR_DIFFERS,
	 "tinyland-nix promises determinate, found upstream"},
	{"system",
	 "aarch64-linux",
	 {{FACT_SYSTEM, "x86_64-linux"}},
	 FINDING_EXPECTED_SYSTEM_DIFFERS,
	 "expected aarch64-linux, found x86_64-linux"},
	{"system",
	 "x86_64-linux",
	 {{FACT_SYSTEM, "x86_64-linux"}},
	 FINDING_EXPECTATION_MET,
	 "expected x86_64-linux, found x86_64-linux"},
	{"memory",
	 "8589934592",
	 {{FACT_MEMORY_LIMIT, "#4831838208"}},
	 FINDING_EXPECTED_MEMORY_MISSING,
	 "expected at least 8 GiB, found 4.5 GiB"},
	{"memory",
	 "8589934592",
	 {{FACT_MEMORY_LIMIT, "#8589934592"}},
	 FINDING_EXPECTATION_MET,
	 "expected at least 8 GiB, found 8 GiB"},
	{"memory",
	 "8589934592",
	 {{0}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected at least 8 GiB, but it was not measured"},
	{"cpus",
	 "4",
	 {{FACT_CPU_LIMIT, "#3500"}},
	 FINDING_EXPECTED_CPUS_MISSING,
	 "expected at least 4, found 3.500"},
	{"cpus",
	 "4",
	 {{FACT_CPU_LIMIT, "#4000"}},
	 FINDING_EXPECTATION_MET,
	 "expected at least 4, found 4"},
	{"cpus",
	 "4",
	 {{0}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected at least 4, but they were not counted"},
	{"disk",
	 "/nix",
	 {{"system.disk.0.path", "/tmp"},
	  {"system.disk.1.path", "/nix"},
	  {"system.disk.1.free_bytes", "#1023"}},
	 FINDING_EXPECTED_DISK_MISSING,
	 "expected at least 1 KiB, found 1023 bytes"},
	{"disk",
	 "/nix",
	 {{"system.disk.0.path", "/nix"}, {"system.disk.0.free_bytes", "#1024"}},
	 FINDING_EXPECTATION_MET,
	 "expected at least 1 KiB, found 1 KiB"},
	{"disk",
	 "/nix",
	 {{"system.disk.0.path", "/"}, {"system.disk.0.free_bytes", "#1024"}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected at least 1 KiB, but it was not measured"},
	{"feature",
	 "kvm",
	 {{FACT_NIX_FEATURES, "benchmark\nkvm"}},
	 FINDING_EXPECTATION_MET,
	 "expected the feature kvm, found benchmark kvm"},
	{"feature",
	 "kvm",
	 {{FACT_NIX_FEATURES, "kvm2\nnixos-test"}},
	 FINDING_EXPECTED_FEATURE_MISSING,
	 "expected the feature kvm, found kvm2 nixos-test"},
	{"feature",
	 "kvm",
	 {{FACT_NIX_FEATURES, ""}},
	 FINDING_EXPECTED_FEATURE_MISSING,
	 "expected the feature kvm, found none"},
	{"feature",
	 "kvm",
	 {{0}},
	 FINDING_EXPECTATION_NOT_DETERMINED,
	 "expected the feature kvm, but Nix's system features are not known"},
};

static void set_facts(struct facts *facts, const struct judged *row)
{
	for (size_t i = 0; i < 3 && row->facts[i][0]; i++) {
		const char *value = row->facts[i][1];

		if (*value == '#')
			facts_set_number(facts, row->facts[i][0], FACT_INTEGER,
					 strtoll(value + 1, NULL, 10));
		else
			facts_set_text(facts, row->facts[i][0], FACT_STRING, value);
	}
}

/* Turns one row into expectations that borrow from it. */
struct borrowed {
	struct expectations expect;
	struct expect_tool tool;
	struct expect_disk disk;
	char *features[2];
};

static void set_expectation(struct borrowed *ret, const struct judged *row)
{
	char *expected = (char *)(uintptr_t)row->expected;
	struct expectations *expect = &ret->expect;

	*ret = (struct borrowed){0};
	if (strcmp(row->what, "lane") == 0) {
		expect->lane = expected;
	} else if (strcmp(row->what, "flavour") == 0) {
		expect->flavour = expected;
	} else if (strcmp(row->what, "system") == 0) {
		expect->system = expected;
	} else if (strcmp(row->what, "memory") == 0) {
		expect->memory_bytes = strtoll(expected, NULL, 10);
	} else if (strcmp(row->what, "cpus") == 0) {
		expect->cpus = strtoll(expected, NULL, 10);
	} else if (strcmp(row->what, "disk") == 0) {
		ret->disk = (struct expect_disk){expected, 1024};
		expect->disks = &ret->disk;
		expect->disk_count = 1;
	} else if (strcmp(row->what, "feature") == 0) {
		ret->features[0] = expected;
		expect->features = ret->features;
	} else if (strcmp(row->what, "none") != 0) {
		ret->tool = (struct expect_tool){(char *)(uintptr_t)row->what, expected};
		expect->tools = &ret->tool;
		expect->tool_count = 1;
	}
}

static void each_mismatch_is_a_finding(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(judged); i++) {
		bool is_about_flavour = strcmp(judged[i].what, "none") == 0;
		struct lane lane = {.label = (char[]){"tinyland-nix"},
				    .flavour = is_about_flavour ? (char[]){"determinate"} : NULL};
		struct facts facts = {0};
		struct findings findings = {0};
		struct borrowed borrowed;

		set_facts(&facts, &judged[i]);
		set_expectation(&borrowed, &judged[i]);
		expect_judge(&borrowed.expect, &lane, &facts, &findings);
		if (findings.count != 1)
			fail_msg("row %zu: %zu findings", i, findings.count);
		assert_string_equal(findings.items[0].detail, judged[i].detail);
		assert_int_equal(findings.items[0].id, judged[i].id);
		findings_release(&findings);
		facts_release(&facts);
	}
}

static void nothing_expected_says_nothing(void **state)
{
	struct lane lane = {.label = (char[]){"tinyland-nix"}, .flavour = (char[]){"determinate"}};
	struct expectations expect = {0};
	struct facts facts = {0};
	struct findings findings = {0};

	(void)state;
	facts_set_text(&facts, FACT_NIX_FLAVOUR, FACT_STRING, "determinate");
	expect_judge(&expect, &lane, &facts, &findings);
	assert_int_equal(findings.count, 0);
	facts_release(&facts);
}

/* What the expectations ask for is an error; the lane's own flavour is not said beside it. */
static void flavour_is_said_once(void **state)
{
	struct lane lane = {.label = (char[]){"tinyland-nix"}, .flavour = (char[]){"determinate"}};
	struct expectations expect = {.flavour = (char[]){"determinate"}};
	struct facts facts = {0};
	struct findings findings = {0};

	(void)state;
	facts_set_text(&facts, FACT_NIX_FLAVOUR, FACT_STRING, "upstream");
	expect_judge(&expect, &lane, &facts, &findings);
	assert_int_equal(findings.count, 1);
	assert_int_equal(findings.items[0].severity, SEVERITY_ERROR);
	findings_release(&findings);
	facts_release(&facts);
}

static void sizes_are_read(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
		const char *shown;
	} rows[] = {
		{"0", 0, "0 bytes"},
		{"1023", 1023, "1023 bytes"},
		{"12B", 12, "12 bytes"},
		{"1KiB", 1024, "1 KiB"},
		{"8Gi", (int64_t)8 << 30, "8 GiB"},
		{"8 GiB", (int64_t)8 << 30, "8 GiB"},
		{"1536MiB", (int64_t)1536 << 20, "1.5 GiB"},
		{"1023MiB", (int64_t)1023 << 20, "1023 MiB"},
		{"2000MiB", (int64_t)2000 << 20, "1.9 GiB"}, /* never more than there is */
		{"5TiB", (int64_t)5 << 40, "5 TiB"},
		{"8388607TiB", (int64_t)8388607 << 40, "8388607 TiB"},
		{"8388608TiB", -1, NULL},
		{"9999999999999999999", -1, NULL},
		{"8GB", -1, NULL},
		{"8G", -1, NULL},
		{"8gib", -1, NULL},
		{"8  GiB", -1, NULL},
		{"8GiBs", -1, NULL},
		{"1.5GiB", -1, NULL},
		{"-1", -1, NULL},
		{"", -1, NULL},
		{"GiB", -1, NULL},
		{"8PiB", -1, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_STRBUF struct strbuf shown = STRBUF_INIT(64);
		int64_t bytes = -1;

		assert_int_equal(size_parse(rows[i].text, &bytes), rows[i].bytes >= 0);
		assert_true(bytes == rows[i].bytes);
		if (bytes < 0)
			continue;
		size_format(&shown, bytes);
		assert_string_equal(shown.data, rows[i].shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_strictly),
		cmocka_unit_test(a_full_file_fills_everything),
		cmocka_unit_test(a_declared_substrate_makes_bazel_a_promise),
		cmocka_unit_test(only_a_checkout_is_read),
		cmocka_unit_test(a_given_file_is_read_anywhere),
		cmocka_unit_test(large_files_are_refused),
		cmocka_unit_test(each_mismatch_is_a_finding),
		cmocka_unit_test(nothing_expected_says_nothing),
		cmocka_unit_test(flavour_is_said_once),
		cmocka_unit_test(sizes_are_read),
	};

	return cmocka_run_group_tests(tests, make_machine, remove_machine);
}
