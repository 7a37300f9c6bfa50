/* SPDX-License-Identifier: Zlib */
/* The contract: the one that is compiled in, and a fixture for each way of being wrong. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

#define GIB ((int64_t)1 << 30)

static void read_built_in(struct contract *contract)
{
	struct error error = {0};

	assert_int_equal(contract_read(contract, NULL, NULL, &error), 0);
}

static const struct lane *find_lane(const struct contract *contract, const char *label)
{
	for (size_t i = 0; i < contract->lane_count; i++)
		if (strcmp(contract->lanes[i].label, label) == 0)
			return &contract->lanes[i];
	return NULL;
}

#define NIX_CACHES (LANE_ATTIC | LANE_BAZEL)

static const struct {
	const char *label;
	enum lane_status status;
	unsigned int promises;
	int64_t cpus, memory_bytes;
	const char *flavour;
	bool has_cluster_endpoints;
} lanes[] = {
	{"tinyland-nix", LANE_STATUS_BASELINE, LANE_NIX | NIX_CACHES, 4, 8 * GIB, "determinate",
	 true},
	{"tinyland-docker", LANE_STATUS_BASELINE, LANE_BAZEL, 2, 4 * GIB, NULL, true},
	{"tinyland-dind", LANE_STATUS_BASELINE, LANE_DOCKER | LANE_BAZEL, 4, 8 * GIB, NULL, true},
	{"tinyland-nix-heavy", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_HEAVY | NIX_CACHES, 0, 0,
	 "determinate", true},
	{"tinyland-nix-kvm", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_KVM | NIX_CACHES, 0, 0,
	 "determinate", true},
	{"tinyland-nix-gpu", LANE_STATUS_ADDITIVE, LANE_NIX | LANE_GPU | NIX_CACHES, 0, 0,
	 "determinate", true},
	{"gl-nix", LANE_STATUS_COMPATIBILITY, LANE_NIX | NIX_CACHES, 0, 0, NULL, false},
	{"gl-docker", LANE_STATUS_COMPATIBILITY, LANE_BAZEL, 0, 0, NULL, false},
	{"gl-dind", LANE_STATUS_COMPATIBILITY, LANE_DOCKER | LANE_BAZEL, 0, 0, NULL, false},
	{"nix-vm-test-kvm", LANE_STATUS_PROOF_ONLY, LANE_NIX | LANE_KVM, 0, 0, NULL, false},
};

static void the_label_table_is_the_platform_s(void **state)
{
	struct contract contract = {0};

	(void)state;
	read_built_in(&contract);
	assert_int_equal(contract.lane_count, COUNT(lanes));
	for (size_t i = 0; i < COUNT(lanes); i++) {
		const struct lane *lane = find_lane(&contract, lanes[i].label);

		print_message("%s\n", lanes[i].label);
		assert_non_null(lane);
		assert_int_equal(lane->status, lanes[i].status);
		assert_int_equal(lane->promises, lanes[i].promises);
		assert_int_equal(lane->cpus, lanes[i].cpus);
		assert_int_equal(lane->memory_bytes, lanes[i].memory_bytes);
		assert_int_equal(lane->has_cluster_endpoints, lanes[i].has_cluster_endpoints);
		assert_string_equal(lane->flavour ? lane->flavour : "",
				    lanes[i].flavour ? lanes[i].flavour : "");
	}
	contract_release(&contract);
}

static void the_endpoints_are_the_platform_s(void **state)
{
	struct contract contract = {0};

	(void)state;
	read_built_in(&contract);
	assert_int_equal(contract.version, 1);
	assert_string_equal(contract.source, "built in");
	assert_string_equal(contract.attic_cluster_url, "http://attic.nix-cache.svc.cluster.local");
	assert_string_equal(contract.attic_public_url, "https://nix-cache.tinyland.dev");
	assert_string_equal(contract.attic_cache, "main");
	assert_null(contract.attic_canary);
	assert_string_equal(contract.attic_keys[0],
			    "main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=");
	assert_null(contract.attic_keys[1]);
	assert_string_equal(contract.attic_retired_keys[0],
			    "main:l/gpjG5GLg1Gczmn5K97n5iSIRcsaWerICzdXqiBYT8=");
	assert_string_equal(contract.bazel_cluster_url,
			    "grpc://bazel-cache.nix-cache.svc.cluster.local:9092");
	assert_int_equal(contract.heavy_memory_bytes, 8 * GIB);
	assert_string_equal(contract.fossils[0], "dollhouse-farm-nix");
	contract_release(&contract);
}

static void what_is_installed_is_pinned(void **state)
{
	struct contract contract = {0};

	(void)state;
	read_built_in(&contract);
	assert_int_equal(contract.install_count, 1);
	for (size_t i = 0; i < contract.install_count; i++) {
		const struct install_source *source = &contract.install[i];
		const struct install_file *file = install_source_file(source, "x86_64-linux");

		assert_string_equal(source->flavour, "determinate");
		assert_non_null(file);
		assert_non_null(install_source_file(source, "aarch64-linux"));
		assert_null(install_source_file(source, "riscv64-linux"));
		assert_int_equal(file->sha256[0], 0x9e);
		assert_int_equal(file->sha256[DIGEST_SHA256_BYTES - 1], 0x5c);
		assert_true(source->is_unverified);
	}
	contract_release(&contract);
}

static const struct {
	const char *value;
	const char *replacement; /* NULL: within the contract */
} values[] = {
	{"http://attic.nix-cache.svc.cluster.local", NULL},
	{"https://nix-cache.tinyland.dev", NULL},
	{"grpc://bazel-cache.nix-cache.svc.cluster.local:9092", NULL},
	{"https://attic.example.org", NULL},
	{"", NULL},
	{"not a url", NULL},
	{"https://attic.tinyland.dev", "https://nix-cache.tinyland.dev"},
	{"https://ATTIC.tinyland.dev:443/main", "https://nix-cache.tinyland.dev"},
	{"https://u:p@attic.tinyland.dev", "https://nix-cache.tinyland.dev"},
	{"https://my-attic.tinyland.dev", NULL},
	{"https://attic.tinyland.dev.example.org", NULL},
	{"https://attic.dev-cluster.example.com/main", "http://attic.nix-cache.svc.cluster.local"},
	{"http://attic.attic-cache-dev.svc.cluster.local",
	 "http://attic.nix-cache.svc.cluster.local"},
	{"http://cache.fuzzy-dev.example", "http://attic.nix-cache.svc.cluster.local"},
	{"http://attic-api.nix-cache.svc.cluster.local:8080",
	 "http://attic.nix-cache.svc.cluster.local"},
	{"http://attic-api.nix-cache:8080", "http://attic.nix-cache.svc.cluster.local"},
	{"http://${ATTIC_HOST}/", "the value itself"},
	{"TF_HTTP_ADDRESS", "the S3-compatible state of those stacks"},
};

static void old_values_are_out_of_contract(void **state)
{
	struct contract contract = {0};

	(void)state;
	read_built_in(&contract);
	for (size_t i = 0; i < COUNT(values); i++) {
		const struct out_of_contract *row = contract_forbids(&contract, values[i].value);

		print_message("%s\n", values[i].value);
		if (!values[i].replacement) {
			assert_null(row);
			continue;
		}
		assert_non_null(row);
		assert_string_equal(row->replacement, values[i].replacement);
		assert_true(*row->reason);
	}
	assert_non_null(contract_rule(&contract, CONTRACT_RULE_PUBLIC_BAZEL));
	assert_non_null(contract_rule(&contract, CONTRACT_RULE_LOCALHOST));
	assert_null(contract_rule(&contract, "other"));
	contract_release(&contract);
}

/* The fixture's folder holds contract.json and the end of the message that is expected, or "ok". */
static void check_fixture(const struct root *root, const char *name)
{
	CLEANUP_FREE char *path = mem_format("/contract/%s/contract.json", name);
	CLEANUP_FREE char *expected_path = mem_format("/contract/%s/expected", name);
	CLEANUP_FREE char *wanted = NULL;
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(4096);
	struct contract contract = {0};
	struct error error = {0};
	int status;

	assert_int_equal(root_read(root, expected_path, &expected), 0);
	strbuf_truncate(&expected, strcspn(expected.data, "\n"));
	status = contract_read(&contract, root, path, &error);
	print_message("%s -> %s\n", name, status ? error.message : "ok");
	wanted = mem_format("%s%s", path, expected.data);
	if (strcmp(expected.data, "ok") == 0) {
		assert_int_equal(status, 0);
		assert_string_equal(contract.source, path);
		contract_release(&contract);
		return;
	}
	assert_int_equal(status, -1);
	assert_int_equal(error.code, ERROR_USAGE);
	assert_memory_equal(error.message, wanted, strlen(wanted));
}

static void each_fault_is_named(void **state)
{
	struct root root;
	DIR *directory = opendir("fixtures/contract");
	unsigned int count = 0;

	(void)state;
	assert_non_null(directory);
	assert_int_equal(root_open_directory(&root, "fixtures", NULL), 0);
	for (struct dirent *entry; (entry = readdir(directory));) {
		if (entry->d_name[0] == '.')
			continue;
		check_fixture(&root, entry->d_name);
		count++;
	}
	assert_true(count >= 50);
	root_close(&root);
	(void)closedir(directory);
}

static void a_missing_file_is_named(void **state)
{
	struct contract contract = {0};
	struct error error = {0};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, "fixtures", NULL), 0);
	assert_int_equal(contract_read(&contract, &root, "/contract/none.json", &error), -1);
	assert_string_equal(error.message, "--contract /contract/none.json: there is no such file");
	root_close(&root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_label_table_is_the_platform_s),
		cmocka_unit_test(the_endpoints_are_the_platform_s),
		cmocka_unit_test(what_is_installed_is_pinned),
		cmocka_unit_test(old_values_are_out_of_contract),
		cmocka_unit_test(each_fault_is_named),
		cmocka_unit_test(a_missing_file_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
