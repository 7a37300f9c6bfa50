/* SPDX-License-Identifier: Zlib */
/* The system probe: its judging half by tables, its collecting half over fake machines. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/fact_names.h"
#include "agent/job.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "probes/system.h"
#include "tests/unit/check.h"
#include "tests/unit/heard.h"

#define GIB (INT64_C(1) << 30)
#define NIX_LANE                                                                                   \
	{                                                                                          \
		.label = (char[]){"tinyland-nix"}, .cpus = 4, .memory_bytes = 8 * GIB              \
	}
#define ENVELOPE                                                                                   \
	.machine_millis = 16000, .machine_memory_bytes = 64 * GIB, .limits = {2, 8 * GIB, 4000},   \
	.system = "x86_64-linux", .kernel = "6.18.1"

static void judge(const struct system_facts *facts, const struct job *job, struct heard *ret)
{
	struct channel channel;

	heard_open(ret, &channel);
	system_judge(facts, job, &channel);
	heard_close(ret, &channel, "system");
}

/* "envelope-differs memory, system-ready " */
static void add_ids(struct strbuf *out, const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		strbuf_printf(out, "%s%s%s%s", i ? ", " : "", finding_kind(finding->id)->id,
			      *finding->subject ? " " : "", finding->subject);
	}
}

struct verdict_case {
	const char *name;
	struct lane lane;
	unsigned int required;
	struct system_facts facts;
	const char *expected;
};

#define DISK(where, bytes, inodes, number)                                                         \
	{                                                                                          \
		.path = (char[]){where}, .measured = (char[]){where}, .free_bytes = (bytes),       \
		.free_inodes = (inodes), .total_inodes = 1000, .device = (number)                  \
	}

/* Each row is read as a whole. */
/* clang-format off */
static const struct verdict_case envelope_cases[] = {
	{"as promised", NIX_LANE, LANE_NIX, {ENVELOPE}, "system-ready"},
	{"no lane", {.label = (char[]){""}}, 0, {ENVELOPE}, "system-ready"},
	{"a limit below it", NIX_LANE, LANE_NIX,
	 {.limits = {2, 4 * GIB, 2000}, .machine_memory_bytes = 64 * GIB},
	 "envelope-differs memory, envelope-differs cpu, system-ready"},
	{"a limit above it", NIX_LANE, LANE_NIX, {.limits = {2, 16 * GIB, 4000}},
	 "envelope-differs memory, system-ready"},
	{"a limit as decimals write it", NIX_LANE, LANE_NIX, {.limits = {2, 8580000000, 4000}},
	 "system-ready"},
	{"no limits on a large machine", NIX_LANE, LANE_NIX,
	 {.machine_millis = 16000, .machine_memory_bytes = 64 * GIB},
	 "envelope-not-set memory, envelope-not-set cpu, system-ready"},
	{"no limits on a small machine", NIX_LANE, LANE_NIX,
	 {.machine_millis = 2000, .machine_memory_bytes = 4 * GIB},
	 "envelope-differs memory, envelope-differs cpu, system-ready"},
	{"no limits on a machine of that size", NIX_LANE, LANE_NIX,
	 {.machine_millis = 4000, .machine_memory_bytes = 8 * GIB - 300000000}, "system-ready"},
	{"nothing could be read", NIX_LANE, LANE_NIX, {.limits = {0, -1, -1}}, "system-ready"},
	{"heavy is kept", NIX_LANE, LANE_HEAVY, {.limits = {2, 8 * GIB + 1, 4000}}, "system-ready"},
	{"heavy is not kept", NIX_LANE, LANE_HEAVY, {.limits = {2, 8 * GIB, 4000}},
	 "heavy-memory-missing memory"},
	{"heavy by a limit that the machine cannot give", {.label = (char[]){"x"}}, LANE_HEAVY,
	 {.limits = {2, 64 * GIB, 0}, .machine_memory_bytes = 7 * GIB},
	 "heavy-memory-missing memory"},
	{"heavy without a limit", {.label = (char[]){"x"}}, LANE_HEAVY,
	 {.machine_memory_bytes = 32 * GIB}, "system-ready"},
	{"heavy, and not known", {.label = (char[]){"x"}}, LANE_HEAVY, {.limits = {0, -1, -1}},
	 "memory-unknown memory"},
	{"another architecture",
	 {.label = (char[]){"x-nix-arm64"}, .system = (char[]){"aarch64-linux"}}, LANE_NIX,
	 {ENVELOPE}, "architecture-differs aarch64-linux"},
	{"that architecture", {.label = (char[]){"x"}, .system = (char[]){"x86_64-linux"}}, LANE_NIX,
	 {ENVELOPE}, "system-ready"},
};

static const struct verdict_case disk_cases[] = {
	{"room", {.label = (char[]){""}}, 0,
	 {.disks = {DISK("/nix", 5 * GIB, 900, 1)}, .disk_count = 1}, "system-ready"},
	{"few bytes", {.label = (char[]){""}}, 0,
	 {.disks = {DISK("/nix", GIB - 1, 900, 1)}, .disk_count = 1}, "disk-low /nix, system-ready"},
	{"few inodes", {.label = (char[]){""}}, 0,
	 {.disks = {DISK("/nix", 5 * GIB, 49, 1)}, .disk_count = 1}, "disk-low /nix, system-ready"},
	{"no inode left, of few", {.label = (char[]){""}}, 0,
	 {.disks = {{.path = (char[]){"/x"}, .measured = (char[]){"/x"}, .free_bytes = 5 * GIB,
		     .total_inodes = 30}},
	  .disk_count = 1},
	 "disk-low /x, system-ready"},
	{"inodes made on demand", {.label = (char[]){""}}, 0,
	 {.disks = {{.path = (char[]){"/x"}, .measured = (char[]){"/"}, .free_bytes = 5 * GIB}},
	  .disk_count = 1},
	 "system-ready"},
	{"one file system is named once", {.label = (char[]){""}}, 0,
	 {.disks = {DISK("/nix", 1, 900, 1), DISK("/tmp", 1, 900, 1), DISK("/work", 1, 900, 2)},
	  .disk_count = 3},
	 "disk-low /nix, disk-low /work, system-ready"},
	{"read-only where nothing must be written", {.label = (char[]){""}}, 0,
	 {.disks = {{.path = (char[]){"/nix"}, .measured = (char[]){"/nix"}, .free_bytes = 5 * GIB,
		     .is_read_only = true}},
	  .disk_count = 1},
	 "system-ready"},
	{"read-only where the job writes", {.label = (char[]){""}}, 0,
	 {.disks = {{.path = (char[]){"/tmp"}, .measured = (char[]){"/tmp"}, .free_bytes = 5 * GIB,
		     .is_read_only = true, .must_be_written = true}},
	  .disk_count = 1},
	 "disk-read-only /tmp, system-ready"},
	{"not measured", {.label = (char[]){""}}, 0,
	 {.disks = {{.path = (char[]){"/secret"}, .error = EACCES}}, .disk_count = 1},
	 "disk-not-measured /secret, system-ready"},
};

#define NIX(bits, ...) \
	{.nix = {.is_there = true, .mode = (bits), __VA_ARGS__}, .root_mode = 0755}

static const struct verdict_case nix_cases[] = {
	{"sound", NIX_LANE, LANE_NIX, NIX(0755, .store = SYSTEM_STORE_FILLED), "system-ready"},
	{"missing", NIX_LANE, LANE_NIX, {.root_mode = 0755}, "system-ready"},
	{"0777 on a lane that promises nix", NIX_LANE, LANE_NIX, NIX(0777, .owner = 0),
	 "nix-dir-world-writable /nix"},
	{"01777", NIX_LANE, LANE_NIX, NIX(01777, .owner = 0), "nix-dir-world-writable /nix"},
	{"0777 root", NIX_LANE, LANE_NIX, {.nix = {.is_there = true, .mode = 0755}, .root_mode = 0777},
	 "nix-dir-world-writable /"},
	{"0777 on an unknown lane", {.label = (char[]){""}, .status = LANE_STATUS_UNKNOWN}, 0,
	 NIX(0777, .owner = 0), "nix-dir-permissions /nix, system-ready"},
	{"0777 where nix is not promised", {.label = (char[]){"tinyland-docker"}}, 0,
	 NIX(0777, .owner = 0), "system-ready"},
	{"this user's own", NIX_LANE, LANE_NIX, NIX(0755, .owner = 1001), "system-ready"},
	{"somebody else's", NIX_LANE, LANE_NIX, NIX(0755, .owner = 33),
	 "nix-dir-permissions /nix, system-ready"},
	{"a volume over the image's store", NIX_LANE, LANE_NIX,
	 NIX(0755, .is_mount_point = true, .store = SYSTEM_STORE_MISSING, .evidence = (char[]){"x"}),
	 "nix-store-hidden /nix, system-ready"},
	{"the same with an empty store", NIX_LANE, LANE_NIX,
	 NIX(0755, .is_mount_point = true, .store = SYSTEM_STORE_EMPTY, .evidence = (char[]){"x"}),
	 "nix-store-hidden /nix, system-ready"},
	{"a volume that waits", NIX_LANE, LANE_NIX,
	 NIX(0755, .is_mount_point = true, .store = SYSTEM_STORE_EMPTY),
	 "nix-volume-empty /nix, system-ready"},
	{"a volume with a store", NIX_LANE, LANE_NIX,
	 NIX(0755, .is_mount_point = true, .store = SYSTEM_STORE_FILLED), "system-ready"},
	{"a store that cannot be read", NIX_LANE, LANE_NIX,
	 NIX(0755, .is_mount_point = true, .store = SYSTEM_STORE_UNKNOWN), "system-ready"},
	{"no volume, no store", NIX_LANE, LANE_NIX,
	 NIX(0755, .store = SYSTEM_STORE_EMPTY, .evidence = (char[]){"x"}), "system-ready"},
};
/* clang-format on */

static void check(const struct verdict_case *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(4096);
		const struct job job = {
			.lane = cases[i].lane,
			.required = cases[i].required,
			.contract = {.heavy_memory_bytes = 8 * GIB},
			.context = {.uid = 1001},
		};
		struct heard judged;

		judge(&cases[i].facts, &job, &judged);
		add_ids(&found, &judged.findings);
		if (strcmp(found.data, cases[i].expected) != 0)
			print_error("%s\n", cases[i].name);
		assert_string_equal(found.data, cases[i].expected);
		heard_release(&judged);
	}
}

static void judge_envelope(void **state)
{
	(void)state;
	check(envelope_cases, COUNT(envelope_cases));
}

static void judge_disks(void **state)
{
	(void)state;
	check(disk_cases, COUNT(disk_cases));
}

static void judge_nix(void **state)
{
	(void)state;
	check(nix_cases, COUNT(nix_cases));
}

static void facts_are_sent(void **state)
{
	const struct system_facts facts = {
		ENVELOPE,
		.disks = {DISK("/nix", 53 * GIB, 900, 1)},
		.disk_count = 1,
		.nix = {.is_there = true, .mode = 01775, .owner = 7, .store = SYSTEM_STORE_FILLED},
	};
	const struct job job = {.lane = {.label = (char[]){""}}};
	struct heard judged;
	int64_t number;

	(void)state;
	judge(&facts, &job, &judged);
	assert_string_equal(facts_string(&judged.facts, FACT_SYSTEM), "x86_64-linux");
	assert_true(facts_integer(&judged.facts, FACT_MEMORY_LIMIT, &number));
	assert_int_equal(number, 8 * GIB);
	assert_true(facts_integer(&judged.facts, FACT_CPU_LIMIT, &number));
	assert_int_equal(number, 4000);
	assert_string_equal(facts_string(&judged.facts, "system.disk.0.path"), "/nix");
	assert_true(facts_integer(&judged.facts, "system.disk.0.free_bytes", &number));
	assert_int_equal(number, 53 * GIB);
	assert_string_equal(facts_string(&judged.facts, "system.nix.mode"), "1775");
	assert_string_equal(findings_find(&judged.findings, FINDING_SYSTEM_READY)->detail,
			    "Linux 6.18.1, x86_64-linux, 4 CPUs, 8 GiB, 53 GiB free at /nix");
	heard_release(&judged);
}

/* ---- collect over fixtures/system/CASE: root/ is the machine, expected what is found there */

static void add_collected(struct strbuf *out, const struct system_facts *facts)
{
	static const char *const stores[] = {"unknown", "missing", "empty", "filled"};

	strbuf_printf(out, "kernel %s\nsystem %s\n", facts->kernel, facts->system);
	strbuf_printf(out, "cpu_millis %" PRId64 "\nmemory_bytes %" PRId64 "\n",
		      system_cpu_millis(facts), system_memory(facts));
	strbuf_printf(out, "nix %s\nstore %s\nevidence %s\n", facts->nix.is_there ? "yes" : "no",
		      stores[facts->nix.store], facts->nix.evidence ? facts->nix.evidence : "none");
	for (size_t i = 0; i < facts->disk_count; i++)
		strbuf_printf(out, "disk %s on %s\n", facts->disks[i].path,
			      facts->disks[i].measured ? facts->disks[i].measured : "nothing");
}

static void check_fixture(const char *name)
{
	CLEANUP_STRBUF struct strbuf path = STRBUF_INIT(512);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(4096);
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(4096);
	struct expect_disk disks[] = {{.path = (char[]){"/nix"}}, {.path = (char[]){"build"}}};
	char *environment[] = {(char[]){"PATH=/usr/bin:/bin"}, NULL};
	struct job job = {
		.context = {.temp = (char[]){"/runner/_temp"},
			    .workspace = (char[]){"/runner/work"},
			    .nix_home = (char[]){"/home/runner"},
			    .environment = environment},
		.expect = {.disks = disks, .disk_count = COUNT(disks)},
	};
	struct system_facts facts;

	strbuf_printf(&path, "fixtures/system/%s", name);
	assert_int_equal(root_open_directory(&job.context.root, path.data, NULL), 0);
	assert_int_equal(root_read(&job.context.root, "/expected", &expected), 0);
	root_close(&job.context.root);
	strbuf_puts(&path, "/root");
	assert_int_equal(root_open_directory(&job.context.root, path.data, NULL), 0);
	system_collect(&facts, &job);
	root_close(&job.context.root);
	add_collected(&found, &facts);
	system_facts_release(&facts);
	if (strcmp(found.data, expected.data) != 0)
		print_error("%s\n", name);
	assert_string_equal(found.data, expected.data);
}

static void collect_fixtures(void **state)
{
	static const char *const names[] = {"pod", "hidden-store", "fresh-image", "bare",
					    "odd-status"};

	(void)state;
	for (size_t i = 0; i < COUNT(names); i++)
		check_fixture(names[i]);
}

/* Modes and read-only ends of a real directory. */
static void collect_modes(void **state)
{
	char directory[] = "/tmp/spinup-system-XXXXXX";
	CLEANUP_STRBUF struct strbuf nix = STRBUF_INIT(128);
	struct job job = {.context = {.temp = (char[]){"/tmp"}}};
	struct system_facts facts;

	(void)state;
	assert_non_null(mkdtemp(directory));
	strbuf_printf(&nix, "%s/nix", directory);
	assert_int_equal(mkdir(nix.data, 0700), 0);
	assert_int_equal(chmod(nix.data, 0777), 0);
	assert_int_equal(root_open_directory(&job.context.root, directory, NULL), 0);
	system_collect(&facts, &job);
	root_close(&job.context.root);
	assert_int_equal(facts.nix.mode, 0777);
	assert_int_equal(facts.nix.owner, geteuid());
	assert_int_equal(facts.root_mode, 0700);
	assert_false(facts.nix.is_mount_point);
	assert_int_equal(facts.nix.store, SYSTEM_STORE_MISSING);
	assert_int_equal(facts.disk_count, 2);
	assert_string_equal(facts.disks[1].measured, "/");
	assert_true(facts.disks[1].free_bytes > 0);
	system_facts_release(&facts);
	assert_int_equal(rmdir(nix.data), 0);
	assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judge_envelope),   cmocka_unit_test(judge_disks),
		cmocka_unit_test(judge_nix),        cmocka_unit_test(facts_are_sent),
		cmocka_unit_test(collect_fixtures), cmocka_unit_test(collect_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
