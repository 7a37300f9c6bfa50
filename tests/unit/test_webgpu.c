/* SPDX-License-Identifier: Zlib */
/* WebGPU's requirements: each row of the table alone decides, by its own name. */
#include <string.h>

#include "agent/strbuf.h"
#include "probes/vulkan_run.h"
#include "probes/webgpu.h"
#include "tests/unit/check.h"

enum kind { FLAG, LEAST, MOST, WGPU };

static const struct {
	enum kind kind;
	const char *name;
	int64_t core, compatibility;
} rows[] = {
#define TRAIT(kind, name, value, core, compatibility) {kind, name, core, compatibility},
#include "probes/webgpu.def"
#undef TRAIT
};

/* A device that is just good enough for core. */
static struct vulkan_answer exact_device(void)
{
	struct vulkan_answer answer = {.chosen = 0, .trait_count = COUNT(rows)};

	for (size_t i = 0; i < COUNT(rows); i++)
		answer.traits[i] = rows[i].core;
	return answer;
}

static int64_t worse(enum kind kind, int64_t needed)
{
	return kind == MOST ? needed + 1 : needed - 1;
}

static void exact_device_is_core(void **state)
{
	struct vulkan_answer answer = exact_device();
	struct strbuf core = STRBUF_INIT(4096), compatibility = STRBUF_INIT(4096);
	struct strbuf wgpu = STRBUF_INIT(4096);

	(void)state;
	assert_int_equal(webgpu_judge(&answer, &core, &compatibility), WEBGPU_CORE);
	webgpu_wgpu_reasons(&answer, &wgpu);
	assert_string_equal(core.data, "");
	assert_string_equal(compatibility.data, "");
	assert_string_equal(wgpu.data, "");
}

static void each_requirement_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vulkan_answer answer = exact_device();
		struct strbuf core = STRBUF_INIT(4096), compatibility = STRBUF_INIT(4096);
		struct strbuf wgpu = STRBUF_INIT(4096);
		enum webgpu_level level;

		answer.traits[i] = worse(rows[i].kind, rows[i].core);
		level = webgpu_judge(&answer, &core, &compatibility);
		webgpu_wgpu_reasons(&answer, &wgpu);
		if (rows[i].kind == WGPU) {
			assert_int_equal(level, WEBGPU_CORE);
			assert_string_equal(wgpu.data, rows[i].name);
		} else {
			assert_memory_equal(core.data, rows[i].name, strlen(rows[i].name));
			assert_null(strchr(core.data, '\n'));
			assert_string_equal(wgpu.data, "");
			assert_int_equal(level, rows[i].core != rows[i].compatibility
							? WEBGPU_COMPATIBILITY
							: WEBGPU_NONE);
		}
		strbuf_release(&core);
		strbuf_release(&compatibility);
		strbuf_release(&wgpu);
	}
}

static void compatibility_has_its_own_limits(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct vulkan_answer answer = exact_device();
		struct strbuf core = STRBUF_INIT(4096), compatibility = STRBUF_INIT(4096);

		if (rows[i].kind == WGPU || rows[i].kind == FLAG)
			continue;
		answer.traits[i] = worse(rows[i].kind, rows[i].compatibility);
		assert_int_equal(webgpu_judge(&answer, &core, &compatibility), WEBGPU_NONE);
		assert_non_null(strstr(compatibility.data, rows[i].name));
		assert_non_null(strstr(compatibility.data, ", needs "));
		strbuf_release(&core);
		strbuf_release(&compatibility);
	}
}

/* As people and the report read it. */
static void words_of_what_is_missing(void **state)
{
	struct vulkan_answer answer = exact_device();
	struct strbuf core = STRBUF_INIT(4096), compatibility = STRBUF_INIT(4096);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (strcmp(rows[i].name, "sampleRateShading") == 0)
			answer.traits[i] = 0;
		else if (strcmp(rows[i].name, "maxImageDimension2D") == 0)
			answer.traits[i] = 4096;
	assert_int_equal(webgpu_judge(&answer, &core, &compatibility), WEBGPU_COMPATIBILITY);
	assert_string_equal(core.data, "sampleRateShading\nmaxImageDimension2D 4096, needs 8192");
	assert_string_equal(compatibility.data, "");
	strbuf_release(&core);
}

static void unknown_is_not_none(void **state)
{
	struct vulkan_answer answer = exact_device();
	struct strbuf core = STRBUF_INIT(64), compatibility = STRBUF_INIT(64);

	(void)state;
	answer.chosen = -1;
	assert_int_equal(webgpu_judge(&answer, &core, &compatibility), WEBGPU_UNKNOWN);
	answer = exact_device();
	answer.trait_count--; /* of another version, or cut */
	assert_int_equal(webgpu_judge(&answer, &core, &compatibility), WEBGPU_UNKNOWN);
	assert_null(webgpu_level_name(WEBGPU_UNKNOWN));
	assert_string_equal(core.data, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_device_is_core),
		cmocka_unit_test(each_requirement_counts),
		cmocka_unit_test(compatibility_has_its_own_limits),
		cmocka_unit_test(words_of_what_is_missing),
		cmocka_unit_test(unknown_is_not_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
