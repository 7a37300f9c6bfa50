/* SPDX-License-Identifier: Zlib */
/* Which WebGPU a Vulkan device can carry, by the requirements of the specification's default limits
 * and of its implementations (Dawn). Pure. */
#pragma once

#include <stdbool.h>

struct strbuf;
struct vulkan_answer;

enum webgpu_level {
	WEBGPU_UNKNOWN,       /* no device was chosen, or it told nothing */
	WEBGPU_NONE,          /* not even the compatibility level */
	WEBGPU_COMPATIBILITY, /* the compatibility level alone */
	WEBGPU_CORE,
};

/* Appends what the chosen device lacks, one requirement a line: for the core level ("sampleRateShading",
 * "maxImageDimension2D 4096, needs 8192") and for the compatibility level. */
enum webgpu_level webgpu_judge(const struct vulkan_answer *answer, struct strbuf *ret_core_missing,
			       struct strbuf *ret_compatibility_missing);

/* Appends why wgpu, the other implementation, hides a device that Dawn takes, one reason a line. */
void webgpu_wgpu_reasons(const struct vulkan_answer *answer, struct strbuf *ret);

/* "core", "compatibility", "none"; NULL for WEBGPU_UNKNOWN. */
const char *webgpu_level_name(enum webgpu_level level);
