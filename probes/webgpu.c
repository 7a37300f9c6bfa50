/* SPDX-License-Identifier: Zlib */
/* Which WebGPU a Vulkan device can carry. */
#include "probes/webgpu.h"

#include <stddef.h>
#include <stdint.h>

#include "agent/strbuf.h"
#include "probes/vulkan_run.h"

enum need_kind { FLAG, LEAST, MOST, WGPU };

struct need {
	enum need_kind kind;
	const char *name;
	int64_t core, compatibility;
};

#define TRAIT(kind, name, value, core, compatibility) {kind, name, core, compatibility},
static const struct need needs[] = {
#include "probes/webgpu.def"
};
#undef TRAIT
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

_Static_assert(NEEDS <= VULKAN_MAX_TRAITS, "an answer holds fewer");

static bool is_met(const struct need *need, int64_t has, int64_t wanted)
{
	return need->kind == MOST ? has <= wanted : has >= wanted;
}

static void add_missing(struct strbuf *out, const struct need *need, int64_t has, int64_t wanted)
{
	strbuf_printf(out, "%s%s", out->length ? "\n" : "", need->name);
	if (need->kind == LEAST || need->kind == MOST)
		strbuf_printf(out, " %lld, needs %lld", (long long)has, (long long)wanted);
}

static bool is_known(const struct vulkan_answer *answer)
{
	return answer->chosen >= 0 && answer->trait_count == NEEDS;
}

enum webgpu_level webgpu_judge(const struct vulkan_answer *answer, struct strbuf *ret_core_missing,
			       struct strbuf *ret_compatibility_missing)
{
	bool is_core = true, is_compatible = true;

	if (!is_known(answer))
		return WEBGPU_UNKNOWN;
	for (size_t i = 0; i < NEEDS; i++) {
		const struct need *need = &needs[i];
		int64_t has = answer->traits[i];

		if (need->kind == WGPU)
			continue;
		if (!is_met(need, has, need->core)) {
			add_missing(ret_core_missing, need, has, need->core);
			is_core = false;
		}
		if (!is_met(need, has, need->compatibility)) {
			add_missing(ret_compatibility_missing, need, has, need->compatibility);
			is_compatible = false;
		}
	}
	if (is_core)
		return WEBGPU_CORE;
	return is_compatible ? WEBGPU_COMPATIBILITY : WEBGPU_NONE;
}

void webgpu_wgpu_reasons(const struct vulkan_answer *answer, struct strbuf *ret)
{
	for (size_t i = 0; i < NEEDS && is_known(answer); i++)
		if (needs[i].kind == WGPU && !answer->traits[i])
			add_missing(ret, &needs[i], 0, 1);
}

const char *webgpu_level_name(enum webgpu_level level)
{
	static const char *const names[] = {
		[WEBGPU_NONE] = "none",
		[WEBGPU_COMPATIBILITY] = "compatibility",
		[WEBGPU_CORE] = "core",
	};

	return names[level];
}
