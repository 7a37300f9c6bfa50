/* SPDX-License-Identifier: Zlib */
/* Where Vulkan loaders and dynamic loaders look, in the image and in nixpkgs, and what they make of
 * what they find. */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "probes/gpu.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

#if defined(__x86_64__)
#define OWN EM_X86_64
#define FOREIGN EM_AARCH64
#define GLIBC_LOADER "ld-linux-x86-64.so.2"
#else
#define OWN EM_AARCH64
#define FOREIGN EM_X86_64
#define GLIBC_LOADER "ld-linux-aarch64.so.1"
#endif

#define MANIFEST(library) "{\"ICD\": {\"library_path\": \"" library "\", \"api_version\": \"1.4\"}}"
#define HASH "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-"

struct stage {
	struct machine machine;
	struct context context;
	char *variables[8];
};

static void stage_make(struct stage *stage)
{
	static char home[] = "/home/runner";

	*stage = (struct stage){.context.nix_home = home};
	stage->context.environment = stage->variables;
	machine_make(&stage->machine);
	assert_int_equal(root_open_directory(&stage->context.root, stage->machine.directory, NULL),
			 0);
}

static void stage_release(struct stage *stage)
{
	root_close(&stage->context.root);
	machine_remove(&stage->machine);
}

/* Variables of a row: text that outlives the stage. */
static void stage_set(struct stage *stage, const char *const *variables)
{
	for (size_t i = 0; i < 7; i++)
		stage->variables[i] = (char *)(uintptr_t)variables[i];
}

static void add_library(const struct stage *stage, const char *path, uint16_t machine)
{
	Elf64_Ehdr header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64},
			     .e_type = ET_DYN,
			     .e_machine = machine};
	CLEANUP_FREE char *full = mem_format("%s%s", stage->machine.directory, path);
	FILE *file;

	machine_file(&stage->machine, path, "");
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(&header, sizeof(header), 1, file), 1);
	assert_int_equal(fclose(file), 0);
}

/* ---- places */

static const struct {
	const char *variables[7];
	enum gpu_userland userland;
	const char *expected;
} place_cases[] = {
	{{NULL}, GPU_USERLAND_IMAGE, "/etc/xdg /etc /usr/local/share /usr/share"},
	{{NULL}, GPU_USERLAND_NIX, "/etc/xdg /run/opengl-driver/share /usr/local/share /usr/share"},
	{{"HOME=/h"},
	 GPU_USERLAND_IMAGE,
	 "/h/.config /etc/xdg /etc /h/.local/share /usr/local/share /usr/share"},
	{{"HOME=/h", "XDG_CONFIG_HOME=/c", "XDG_DATA_HOME=/d"},
	 GPU_USERLAND_IMAGE,
	 "/c /etc/xdg /etc /d /usr/local/share /usr/share"},
	{{"XDG_DATA_DIRS=/a:/b", "XDG_CONFIG_DIRS=/x:/etc"}, GPU_USERLAND_IMAGE, "/x /etc /a /b"},
	{{"XDG_DATA_DIRS=/usr/local/share/:/usr/share/:/usr/share"},
	 GPU_USERLAND_IMAGE,
	 "/etc/xdg /etc /usr/local/share /usr/share"},
	{{"XDG_DATA_DIRS=relative:/b"}, GPU_USERLAND_IMAGE, "/etc/xdg /etc /b"},
};

static void check_places(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(place_cases); i++) {
		CLEANUP(stage_release) struct stage stage;
		CLEANUP(gpu_search_release) struct gpu_search search;
		CLEANUP_STRBUF struct strbuf places = STRBUF_INIT(1024);

		stage_make(&stage);
		stage_set(&stage, place_cases[i].variables);
		gpu_search_collect(&search, &stage.context, place_cases[i].userland);
		for (size_t n = 0; n < search.places.count; n++) {
			const char *place = search.places.items[n];
			size_t length = strlen(place) - strlen("/vulkan/icd.d");

			assert_string_equal(place + length, "/vulkan/icd.d");
			strbuf_printf(&places, "%s%.*s", n ? " " : "", (int)length, place);
		}
		assert_string_equal(places.data, place_cases[i].expected);
	}
}

/* What replaces the places, what adds to them, and what hides files. */
static const struct {
	const char *variables[7];
	const char *expected; /* of the manifests found, in order: file names and states */
} choice_cases[] = {
	{{NULL}, "etc.json usable, share.json usable"},
	{{"VK_DRIVER_FILES=/opt/one.json"}, "one.json usable"},
	{{"VK_ICD_FILENAMES=/opt"}, "one.json usable, two.json usable"},
	{{"VK_DRIVER_FILES=/opt/one.json", "VK_ICD_FILENAMES=/opt"}, "one.json usable"},
	{{"VK_DRIVER_FILES=/nowhere.json"}, ""},
	{{"VK_ADD_DRIVER_FILES=/opt/two.json"},
	 "two.json usable, etc.json usable, share.json usable"},
	{{"VK_DRIVER_FILES=/opt/one.json", "VK_ADD_DRIVER_FILES=/opt/two.json"}, "one.json usable"},
	{{"VK_LOADER_DRIVERS_DISABLE=etc*"}, "etc.json filtered, share.json usable"},
	{{"VK_LOADER_DRIVERS_DISABLE=~all~"}, "etc.json filtered, share.json filtered"},
	{{"VK_LOADER_DRIVERS_DISABLE=~all~", "VK_LOADER_DRIVERS_SELECT=*share*"},
	 "etc.json filtered, share.json usable"},
	{{"VK_LOADER_DRIVERS_SELECT=none*,etc.json"}, "etc.json usable, share.json filtered"},
};

static void print_manifests(const struct gpu_search *search, struct strbuf *out)
{
	for (size_t i = 0; i < search->count; i++)
		strbuf_printf(out, "%s%s %s", i ? ", " : "",
			      strrchr(search->manifests[i].path, '/') + 1,
			      gpu_manifest_state_name(search->manifests[i].state));
}

static void check_choices(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(choice_cases); i++) {
		CLEANUP(stage_release) struct stage stage;
		CLEANUP(gpu_search_release) struct gpu_search search;
		CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(1024);

		stage_make(&stage);
		add_library(&stage, "/lib/a.so", OWN);
		machine_file(&stage.machine, "/etc/vulkan/icd.d/etc.json", MANIFEST("/lib/a.so"));
		machine_file(&stage.machine, "/etc/vulkan/icd.d/README", "");
		machine_file(&stage.machine, "/usr/share/vulkan/icd.d/share.json",
			     MANIFEST("/lib/a.so"));
		machine_file(&stage.machine, "/opt/one.json", MANIFEST("/lib/a.so"));
		machine_file(&stage.machine, "/opt/two.json", MANIFEST("/lib/a.so"));
		stage_set(&stage, choice_cases[i].variables);
		gpu_search_collect(&search, &stage.context, GPU_USERLAND_IMAGE);
		print_manifests(&search, &found);
		assert_string_equal(found.data, choice_cases[i].expected);
	}
}

/* ---- one manifest */

static const struct {
	const char *text;
	enum gpu_manifest_state state;
	const char *problem; /* a part of it; NULL: none is told */
} manifest_cases[] = {
	{MANIFEST("/lib/own.so"), GPU_MANIFEST_USABLE, NULL},
	{MANIFEST("own.so"), GPU_MANIFEST_USABLE, NULL},
	{MANIFEST("../../../lib/own.so"), GPU_MANIFEST_USABLE, NULL},
	{MANIFEST("./own.so"), GPU_MANIFEST_LIBRARY_MISSING, "/etc/vulkan/icd.d/./own.so is not"},
	{MANIFEST("/lib/none.so"), GPU_MANIFEST_LIBRARY_MISSING, "/lib/none.so is not there"},
	{MANIFEST("none.so"), GPU_MANIFEST_LIBRARY_MISSING, "none.so is not there"},
	{MANIFEST("/lib/foreign.so"), GPU_MANIFEST_LIBRARY_FOREIGN, "architecture"},
	{MANIFEST("/lib/text.so"), GPU_MANIFEST_LIBRARY_FOREIGN, "architecture"},
	{MANIFEST("/lib"), GPU_MANIFEST_LIBRARY_UNREADABLE, "/lib cannot be read"},
	{"", GPU_MANIFEST_BROKEN, "json:1:1"},
	{"{\"ICD\": {\"library_path\": ", GPU_MANIFEST_BROKEN, "json:1:"},
	{"[]", GPU_MANIFEST_BROKEN, "no object ICD"},
	{"{\"ICD\": 7}", GPU_MANIFEST_BROKEN, "no object ICD"},
	{"{\"ICD\": {\"api_version\": \"1.0\"}}", GPU_MANIFEST_BROKEN, "library_path"},
	{"{\"ICD\": {\"library_path\": 7, \"api_version\": \"1\"}}", GPU_MANIFEST_BROKEN,
	 "library_path"},
	{"{\"ICD\": {\"library_path\": \"/lib/own.so\"}}", GPU_MANIFEST_BROKEN, "api_version"},
	{"{\"ICD\": {\"library_path\": \"own.so\", \"api_version\": \"1\", \"library_arch\": \"32\"}}",
	 GPU_MANIFEST_OTHER_WIDTH, "32-bit"},
	{"{\"ICD\": {\"library_path\": \"own.so\", \"api_version\": \"1\", \"library_arch\": \"64\"}}",
	 GPU_MANIFEST_USABLE, NULL},
	{"{\"ICD\": {\"library_path\": \"own.so\", \"api_version\": \"1\","
	 " \"is_portability_driver\": true}}",
	 GPU_MANIFEST_PORTABILITY, "portability"},
	{"{\"ICD\": {\"library_path\": \"\\u001b[2J::error::x\", \"api_version\": \"1\"}}",
	 GPU_MANIFEST_LIBRARY_MISSING, "::error::x is not there"},
};

static void check_manifests(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(manifest_cases); i++) {
		CLEANUP(stage_release) struct stage stage;
		CLEANUP(gpu_search_release) struct gpu_search search;
		const struct gpu_manifest *found;

		stage_make(&stage);
		add_library(&stage, "/lib/own.so", OWN);
		add_library(&stage, "/lib/foreign.so", FOREIGN);
		machine_file(&stage.machine, "/lib/text.so", "INPUT(own.so)\n");
		machine_file(&stage.machine, "/etc/vulkan/icd.d/x.json", manifest_cases[i].text);
		gpu_search_collect(&search, &stage.context, GPU_USERLAND_IMAGE);
		assert_int_equal(search.count, 1);
		found = &search.manifests[0];
		if (found->state != manifest_cases[i].state)
			print_error("%s: %s\n", manifest_cases[i].text,
				    gpu_manifest_state_name(found->state));
		assert_int_equal(found->state, manifest_cases[i].state);
		if (!manifest_cases[i].problem) {
			assert_null(found->problem);
			continue;
		}
		assert_non_null(strstr(found->problem, manifest_cases[i].problem));
		assert_null(strchr(found->problem, '\x1b'));
	}
}

/* What is no file, too large, or may not be read is told from what is broken. */
static void check_odd_files(void **state)
{
	CLEANUP(stage_release) struct stage stage;
	CLEANUP(gpu_search_release) struct gpu_search search;
	CLEANUP_STRBUF struct strbuf large = STRBUF_INIT(1u << 20);
	CLEANUP_STRBUF struct strbuf found = STRBUF_INIT(1024);
	CLEANUP_FREE char *fifo = NULL;

	(void)state;
	while (large.length < 100000)
		strbuf_puts(&large, "[[[[[[[[[[");
	stage_make(&stage);
	machine_directory(&stage.machine, "/etc/vulkan/icd.d/a-directory.json");
	machine_link(&stage.machine, "/etc/vulkan/icd.d/b-dangling.json", "/nowhere");
	machine_file(&stage.machine, "/etc/vulkan/icd.d/c-large.json", large.data);
	fifo = mem_format("%s/etc/vulkan/icd.d/d-fifo.json", stage.machine.directory);
	assert_int_equal(mkfifo(fifo, 0666), 0);
	machine_link(&stage.machine, "/etc/vulkan/icd.d/e-loop.json", "e-loop.json");
	gpu_search_collect(&search, &stage.context, GPU_USERLAND_IMAGE);
	print_manifests(&search, &found);
	assert_string_equal(found.data, "a-directory.json unreadable, b-dangling.json unreadable, "
					"c-large.json broken, d-fifo.json unreadable, "
					"e-loop.json unreadable");
}

/* A bound, not a stall: what is beyond it is left out, and that is known. */
static void check_thousands(void **state)
{
	CLEANUP(stage_release) struct stage stage;
	CLEANUP(gpu_search_release) struct gpu_search search;

	(void)state;
	stage_make(&stage);
	for (unsigned int i = 0; i < GPU_MAX_MANIFESTS + 5; i++) {
		CLEANUP_FREE char *path = mem_format("/etc/vulkan/icd.d/%u.json", i);

		machine_link(&stage.machine, path, "nowhere");
	}
	gpu_search_collect(&search, &stage.context, GPU_USERLAND_IMAGE);
	assert_int_equal(search.count, GPU_MAX_MANIFESTS);
	assert_true(search.is_cut);
}

/* ---- libraries */

struct cache {
	char bytes[512];
	size_t length;
};

/* A cache as glibc's ldconfig writes it: PATHS behind COUNT entries. */
static void cache_make(struct cache *cache, const char *const *paths, uint32_t count)
{
	const size_t header = 48, entry = 24;
	uint32_t at = (uint32_t)(header + count * entry);

	memset(cache, 0, sizeof(*cache));
	memcpy(cache->bytes, "glibc-ld.so.cache1.1", 20);
	memcpy(cache->bytes + 20, &count, sizeof(count));
	for (uint32_t i = 0; i < count; i++) {
		size_t length = strlen(paths[i]) + 1;

		memcpy(cache->bytes + header + i * entry + 8, &at, sizeof(at));
		memcpy(cache->bytes + at, paths[i], length);
		at += (uint32_t)length;
	}
	cache->length = at;
}

static const char *const cached[] = {"/opt/32/libx.so.0", "/opt/64/libx.so.0", "/opt/liby.so"};

static void check_cache(void **state)
{
	struct cache cache;

	(void)state;
	cache_make(&cache, cached, 3);
	/* Cut anywhere: no path that is not whole, and nothing read beyond. */
	for (size_t length = 0; length <= cache.length; length++) {
		CLEANUP_FREE char *bytes = mem_alloc(length ? length : 1, 1);
		CLEANUP_WORDS struct words words = {0};

		memcpy(bytes, cache.bytes, length);
		gpu_library_cache_read(bytes, length, &words);
		for (size_t i = 0; i < words.count && i < COUNT(cached); i++)
			assert_string_equal(words.items[i], cached[i]);
		assert_int_equal(words.count == 3, length == cache.length);
	}
}

/* Entries that all name one long path would make much of little. That some share theirs is usual:
 * ldconfig finds one path at the end of another. */
static void check_greedy_cache(void **state)
{
	const size_t header = 48, entry = 24, count = 1000, length = 65536;
	const uint32_t at = (uint32_t)(header + count * entry), number = (uint32_t)count;
	CLEANUP_FREE char *bytes = mem_alloc(at + length, 1);
	CLEANUP_WORDS struct words words = {0};
	size_t sum = 0;

	(void)state;
	memcpy(bytes, "glibc-ld.so.cache1.1", 20);
	memcpy(bytes + 20, &number, sizeof(number));
	for (size_t i = 0; i < count; i++)
		memcpy(bytes + header + i * entry + 8, &at, sizeof(at));
	memset(bytes + at, '/', length - 1);
	gpu_library_cache_read(bytes, at + length, &words);
	for (size_t i = 0; i < words.count; i++)
		sum += strlen(words.items[i]);
	assert_true(sum <= 8u << 20);
	assert_true(words.count > 100);
}

/* The first that this machine can load counts, in the dynamic loader's order. */
static void check_order(void **state)
{
	static const char *const variables[] = {
		"LD_LIBRARY_PATH=/own", NULL, NULL, NULL, NULL, NULL, NULL};
	static const struct {
		const char *name, *image, *nix;
	} rows[] = {
		{"libx.so.0", "/opt/64/libx.so.0", NULL},
		{"liby.so", "/own/liby.so", "/own/liby.so"},
		{"libz.so", "/usr/lib/libz.so", NULL},
		{"libnone.so", NULL, NULL},
		{"/usr/lib/libz.so", "/usr/lib/libz.so", "/usr/lib/libz.so"},
	};
	CLEANUP(stage_release) struct stage stage;
	CLEANUP_FREE char *path = NULL;
	struct cache cache;
	FILE *file;

	(void)state;
	stage_make(&stage);
	stage_set(&stage, variables);
	cache_make(&cache, cached, 3);
	machine_file(&stage.machine, "/etc/ld.so.cache", "");
	path = mem_format("%s/etc/ld.so.cache", stage.machine.directory);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(cache.bytes, 1, cache.length, file), cache.length);
	assert_int_equal(fclose(file), 0);
	add_library(&stage, "/opt/32/libx.so.0", FOREIGN);
	add_library(&stage, "/opt/64/libx.so.0", OWN);
	add_library(&stage, "/opt/liby.so", OWN);
	add_library(&stage, "/own/liby.so", OWN);
	add_library(&stage, "/usr/lib/libz.so", OWN);
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (unsigned int u = 0; u < GPU_USERLAND_COUNT; u++) {
			const char *expected = u == GPU_USERLAND_NIX ? rows[i].nix : rows[i].image;
			struct gpu_library_paths paths;
			struct gpu_library library;

			gpu_library_paths_collect(&paths, &stage.context, (enum gpu_userland)u);
			gpu_library_find(&paths, rows[i].name, &library);
			assert_int_equal(library.state == GPU_LIBRARY_FOUND, expected != NULL);
			assert_string_equal(library.path ? library.path : "-",
					    expected ? expected : "-");
			gpu_library_release(&library);
			gpu_library_paths_release(&paths);
		}
	}
}

/* ---- Nix */

static void check_nix(void **state)
{
	static const char library[] = HASH "vulkan-loader-1.4/lib/libvulkan.so.1";
	static const char loader[] = HASH "glibc-2.40-66/lib/" GLIBC_LOADER;
	CLEANUP(stage_release) struct stage stage;
	CLEANUP(gpu_nix_release) struct gpu_nix nix;

	(void)state;
	stage_make(&stage);
	gpu_nix_collect(&nix, &stage.context);
	assert_false(nix.has_store);
	gpu_nix_release(&nix);
	machine_file(&stage.machine, library,
		     "\177ELF " HASH "missing-1/lib:" HASH "glibc-2.40-66/lib:/nix/store/");
	machine_file(&stage.machine, loader, "");
	machine_link(&stage.machine, "/nix/var/nix/profiles/default/lib/libvulkan.so.1",
		     "libvulkan.so.1.4");
	gpu_nix_collect(&nix, &stage.context);
	assert_true(nix.has_store);
	assert_null(nix.library);
	gpu_nix_release(&nix);
	machine_link(&stage.machine, "/nix/var/nix/profiles/default/lib/libvulkan.so.1.4", library);
	gpu_nix_collect(&nix, &stage.context);
	assert_string_equal(nix.library, library);
	assert_string_equal(nix.interpreter, loader);
}

/* The user's own profile and the shell's variable come before everybody's; the image's library is none
 * of Nix. */
static void check_nix_order(void **state)
{
	static const char *const variables[] = {
		"LD_LIBRARY_PATH=/usr/lib:" HASH "shell/lib", NULL, NULL, NULL, NULL, NULL, NULL};
	CLEANUP(stage_release) struct stage stage;
	CLEANUP(gpu_nix_release) struct gpu_nix nix;

	(void)state;
	stage_make(&stage);
	machine_file(&stage.machine, "/usr/lib/libvulkan.so.1", "");
	machine_file(&stage.machine, HASH "shell/lib/libvulkan.so.1", "");
	machine_file(&stage.machine, HASH "own/lib/libvulkan.so.1", "");
	machine_link(&stage.machine, "/home/runner/.nix-profile", HASH "own");
	gpu_nix_collect(&nix, &stage.context);
	assert_string_equal(nix.library, HASH "own/lib/libvulkan.so.1");
	assert_null(nix.interpreter);
	gpu_nix_release(&nix);
	stage_set(&stage, variables);
	gpu_nix_collect(&nix, &stage.context);
	assert_string_equal(nix.library, HASH "shell/lib/libvulkan.so.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_places),    cmocka_unit_test(check_choices),
		cmocka_unit_test(check_manifests), cmocka_unit_test(check_odd_files),
		cmocka_unit_test(check_thousands), cmocka_unit_test(check_cache),
		cmocka_unit_test(check_order),     cmocka_unit_test(check_nix),
		cmocka_unit_test(check_nix_order), cmocka_unit_test(check_greedy_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
