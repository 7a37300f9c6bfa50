/* SPDX-License-Identifier: Zlib */
/* Reads what the Vulkan helper said, and how it ended, into an answer. Trusts neither. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct spawn_result;
struct vulkan_answer;

/* What came of one start. */
struct vulkan_said {
	const struct spawn_result *result;
	const uint8_t *frames;
	size_t length;
	const char *output; /* of loader and driver */
};

/* Fills all of RET but the interpreter, the retry and the time. The end is VULKAN_NOT_STARTED where
 * not even the first phase was named. */
void vulkan_answer_read(struct vulkan_answer *ret, const struct vulkan_said *said);

/* An answer of VULKAN_NOT_STARTED with this detail. */
void vulkan_answer_explain(struct vulkan_answer *ret, const char *detail);
