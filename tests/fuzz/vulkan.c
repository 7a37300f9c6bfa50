/* SPDX-License-Identifier: Zlib */
/* What the Vulkan helper said: its end, its status, how much of the rest are frames (by 256 bytes),
 * and behind these what loader and driver printed. */
#include "probes/vulkan_answer.h"

#include <stdlib.h>
#include <string.h>

#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "probes/vulkan_run.h"
#include "probes/webgpu.h"
#include "tests/fuzz/fuzz.h"

#define HEAD 3u
#define MAX_BYTES 65536u

static void expect_clean(const char *text)
{
	fuzz_expect(!strpbrk(text, "\n\r\033"), "a text of the answer is one plain line");
	fuzz_expect(!strstr(text, "##["), "a text of the answer holds no workflow command");
}

static void expect_bounded(const struct vulkan_answer *answer)
{
	expect_clean(answer->phase);
	expect_clean(answer->detail);
	expect_clean(answer->log);
	expect_clean(answer->library);
	fuzz_expect(answer->chosen < (int)VULKAN_MAX_DEVICES &&
			    (answer->chosen < 0 || (size_t)answer->chosen < answer->device_count),
		    "the chosen device is one of those described");
	fuzz_expect(answer->end != VULKAN_COMPUTED || answer->chosen >= 0, "a device computed");
	fuzz_expect(answer->trait_count <= VULKAN_MAX_TRAITS &&
			    answer->missing_count <= VULKAN_MAX_MISSING,
		    "lists are bounded");
	for (size_t i = 0; i < VULKAN_MAX_DEVICES; i++) {
		expect_clean(answer->devices[i].name);
		expect_clean(answer->devices[i].driver_info);
		fuzz_expect(vulkan_type_name(answer->devices[i].type) != NULL, "a type has a name");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct strbuf core = STRBUF_INIT(MAX_BYTES), compatibility = STRBUF_INIT(MAX_BYTES);
	struct spawn_result result;
	struct vulkan_answer answer;
	struct vulkan_said said;
	char *output;

	if (length < HEAD)
		return 0;
	result = (struct spawn_result){(enum spawn_end)(bytes[0] % (SPAWN_NOT_STARTED + 1)),
				       bytes[1]};
	said = (struct vulkan_said){.result = &result, .frames = bytes + HEAD};
	said.length = length - HEAD < bytes[2] * 256u ? length - HEAD : bytes[2] * 256u;
	output = fuzz_text(bytes + HEAD + said.length, length - HEAD - said.length);
	said.output = output;
	vulkan_answer_read(&answer, &said);
	expect_bounded(&answer);
	(void)vulkan_result_name(answer.code);
	(void)webgpu_judge(&answer, &core, &compatibility);
	strbuf_release(&core);
	strbuf_release(&compatibility);
	free(output);
	return 0;
}
