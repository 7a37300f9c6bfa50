/* SPDX-License-Identifier: Zlib */
/* Reads what the Vulkan helper said, and how it ended, into an answer. */
#include "probes/vulkan_answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/sandbox.h"
#include "agent/spawn.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"
#include "probes/vulkan/said.h"
#include "probes/vulkan_run.h"

/* TEXT, cleaned and cut; NULL is "". */
static void keep(char *ret, size_t size, const char *text)
{
	CLEANUP_FREE char *cleaned = text_cleaned(text ? text : "", size - sizeof("…"));

	(void)snprintf(ret, size, "%s", cleaned);
}

/* A number that the helper wrote; what is none is 0. */
static int64_t to_number(const char *text)
{
	return strtoll(text, NULL, 10);
}

static uint32_t to_word(const char *text)
{
	return (uint32_t)to_number(text);
}

/* Lines keep their places: an empty one is one too. */
static void split_lines(const char *text, struct words *ret)
{
	while (text && *text) {
		size_t length = strcspn(text, "\n");

		words_add_bytes(ret, text, length);
		text += length;
		text += *text == '\n';
	}
}

/* ---- what was said */

static void read_device(struct vulkan_device *ret, const struct words *lines)
{
	char *const *line = lines->items;
	int64_t type = to_number(line[SAID_TYPE]);

	keep(ret->name, sizeof(ret->name), line[SAID_NAME]);
	ret->type = type >= 0 && type <= VULKAN_TYPE_CPU ? (enum vulkan_device_type)type
							 : VULKAN_TYPE_OTHER;
	ret->is_software = to_number(line[SAID_IS_SOFTWARE]) != 0;
	ret->vendor_id = to_word(line[SAID_VENDOR_ID]);
	ret->device_id = to_word(line[SAID_DEVICE_ID]);
	ret->api_version = to_word(line[SAID_API_VERSION]);
	ret->driver_version = to_word(line[SAID_DRIVER_VERSION]);
	ret->driver_id = to_word(line[SAID_DRIVER_ID]);
	keep(ret->driver_name, sizeof(ret->driver_name), line[SAID_DRIVER_NAME]);
	keep(ret->driver_info, sizeof(ret->driver_info), line[SAID_DRIVER_INFO]);
}

/* Returns how many are described. */
static size_t read_devices(struct vulkan_answer *ret, const struct facts *facts)
{
	int64_t count = 0;

	if (facts_integer(facts, SAID_COUNT, &count) && count > 0)
		ret->device_count = (size_t)count;
	for (size_t i = 0; i < VULKAN_MAX_DEVICES && i < ret->device_count; i++) {
		CLEANUP_FREE char *key = mem_format(SAID_DEVICE "%zu", i);
		CLEANUP_WORDS struct words lines = {0};

		split_lines(facts_string(facts, key), &lines);
		if (lines.count != SAID_LINES)
			return i;
		read_device(&ret->devices[i], &lines);
	}
	return ret->device_count < VULKAN_MAX_DEVICES ? ret->device_count : VULKAN_MAX_DEVICES;
}

static void read_missing(struct vulkan_answer *ret, const char *text)
{
	CLEANUP_WORDS struct words lines = {0};

	split_lines(text, &lines);
	for (size_t i = 0; i < lines.count && i < VULKAN_MAX_MISSING; i++) {
		char *line = lines.items[i];
		size_t name = strcspn(line, " ");
		bool has_reason = line[name] == ' ';

		line[name] = '\0';
		keep(ret->missing[i].name, sizeof(ret->missing[i].name), line);
		keep(ret->missing[i].why, sizeof(ret->missing[i].why),
		     has_reason ? line + name + 1 : "");
		ret->missing_count++;
	}
}

static void read_traits(struct vulkan_answer *ret, const char *text)
{
	CLEANUP_WORDS struct words lines = {0};

	split_lines(text, &lines);
	if (lines.count > VULKAN_MAX_TRAITS)
		return;
	for (size_t i = 0; i < lines.count; i++)
		ret->traits[ret->trait_count++] = to_number(lines.items[i]);
}

static void read_facts(struct vulkan_answer *ret, const struct facts *facts)
{
	size_t described = read_devices(ret, facts);
	int64_t number;

	keep(ret->detail, sizeof(ret->detail), facts_string(facts, SAID_DETAIL));
	keep(ret->library, sizeof(ret->library), facts_string(facts, SAID_LIBRARY));
	read_missing(ret, facts_string(facts, SAID_MISSING));
	read_traits(ret, facts_string(facts, SAID_TRAITS));
	if (facts_integer(facts, SAID_INSTANCE, &number))
		ret->instance_version = (uint32_t)number;
	if (facts_integer(facts, SAID_CODE, &number))
		ret->code = (int)number;
	if (facts_integer(facts, SAID_CHOSEN, &number) && number >= 0 &&
	    (uint64_t)number < described)
		ret->chosen = (int)number;
}

/* ---- how it ended */

/* The loader's or driver's last error, else its last word. */
static void keep_log(struct vulkan_answer *ret, const char *output)
{
	CLEANUP_WORDS struct words lines = {0};
	const char *chosen = NULL;
	bool is_error = false;

	words_split(&lines, output, "\r\n");
	for (size_t i = 0; i < lines.count; i++) {
		bool says_error = strcasestr(lines.items[i], "error");

		if (is_error && !says_error)
			continue;
		chosen = lines.items[i];
		is_error = says_error;
	}
	keep(ret->log, sizeof(ret->log), chosen);
}

static void explain_start(struct vulkan_answer *ret, const struct spawn_result *result)
{
	CLEANUP_FREE char *detail = NULL;

	switch (result->end) {
	case SPAWN_NOT_STARTED:
		detail = mem_format("the helper program cannot be run: %s",
				    strerror(result->status));
		break;
	case SPAWN_EXITED:
		detail = mem_format("the dynamic loader ended with status %d", result->status);
		break;
	case SPAWN_KILLED:
		detail = mem_format("the dynamic loader was ended by signal %d", result->status);
		break;
	case SPAWN_TIMEOUT:
		detail = mem_strdup("the dynamic loader did not come to an end in time");
		break;
	}
	vulkan_answer_explain(ret, detail);
}

static enum vulkan_end judge_end(const struct spawn_result *result, int *ret_status)
{
	switch (result->end) {
	case SPAWN_EXITED:
		*ret_status = result->status;
		return VULKAN_EXITED;
	case SPAWN_KILLED:
		*ret_status = result->status;
		return VULKAN_KILLED;
	case SPAWN_TIMEOUT:
		return VULKAN_TIMEOUT;
	case SPAWN_NOT_STARTED:
		break;
	}
	return VULKAN_NOT_STARTED;
}

void vulkan_answer_explain(struct vulkan_answer *ret, const char *detail)
{
	*ret = (struct vulkan_answer){
		.end = VULKAN_NOT_STARTED,
		.sandbox = sandbox_level_name(SANDBOX_LEVEL_NONE),
		.chosen = -1,
	};
	keep(ret->detail, sizeof(ret->detail), detail);
}

static void settle_end(struct vulkan_answer *ret, const struct facts *facts,
		       const struct spawn_result *result)
{
	int64_t end;

	if (!facts_integer(facts, SAID_END, &end))
		ret->end = judge_end(result, &ret->status);
	else if (end < 0 || end > VULKAN_INCOMPLETE || (end == VULKAN_COMPUTED && ret->chosen < 0))
		ret->end = VULKAN_BROKE_RULES;
	else
		ret->end = (enum vulkan_end)end;
}

void vulkan_answer_read(struct vulkan_answer *ret, const struct vulkan_said *said)
{
	CLEANUP(findings_release) struct findings findings = {0};
	CLEANUP(facts_release) struct facts facts = {0};
	struct record_decoder decoder;
	bool is_sound;

	record_decoder_init(&decoder, "vulkan", -1, &facts, &findings);
	is_sound = record_feed(&decoder, said->frames, said->length) == 0 &&
		   record_is_complete(&decoder) && !findings.count;
	vulkan_answer_explain(ret, NULL);
	if (decoder.phase[0]) {
		read_facts(ret, &facts);
		memcpy(ret->phase, decoder.phase, sizeof(ret->phase));
		settle_end(ret, &facts, said->result);
		if (!is_sound)
			ret->end = VULKAN_BROKE_RULES;
	} else {
		explain_start(ret, said->result);
	}
	ret->sandbox = sandbox_level_name(decoder.sandbox);
	if (ret->end != VULKAN_COMPUTED)
		keep_log(ret, said->output);
}

/* ---- names */

const char *vulkan_type_name(enum vulkan_device_type type)
{
	static const char *const names[] = {
		[VULKAN_TYPE_OTHER] = "other",
		[VULKAN_TYPE_INTEGRATED] = "integrated GPU",
		[VULKAN_TYPE_DISCRETE] = "discrete GPU",
		[VULKAN_TYPE_VIRTUAL] = "virtual GPU",
		[VULKAN_TYPE_CPU] = "CPU",
	};

	return names[type];
}

void vulkan_version(struct strbuf *out, uint32_t version)
{
	strbuf_printf(out, "%u.%u.%u", version >> 22 & 0x7f, version >> 12 & 0x3ff,
		      version & 0xfff);
}

const char *vulkan_result_name(int code)
{
	static const struct {
		int code;
		const char *name;
	} names[] = {
		{2, "VK_TIMEOUT"},
		{-1, "VK_ERROR_OUT_OF_HOST_MEMORY"},
		{-2, "VK_ERROR_OUT_OF_DEVICE_MEMORY"},
		{-3, "VK_ERROR_INITIALIZATION_FAILED"},
		{-4, "VK_ERROR_DEVICE_LOST"},
		{-5, "VK_ERROR_MEMORY_MAP_FAILED"},
		{-6, "VK_ERROR_LAYER_NOT_PRESENT"},
		{-7, "VK_ERROR_EXTENSION_NOT_PRESENT"},
		{-8, "VK_ERROR_FEATURE_NOT_PRESENT"},
		{-9, "VK_ERROR_INCOMPATIBLE_DRIVER"},
		{-10, "VK_ERROR_TOO_MANY_OBJECTS"},
		{-11, "VK_ERROR_FORMAT_NOT_SUPPORTED"},
		{-12, "VK_ERROR_FRAGMENTED_POOL"},
		{-13, "VK_ERROR_UNKNOWN"},
		{-1000069000, "VK_ERROR_OUT_OF_POOL_MEMORY"},
		{-1000072003, "VK_ERROR_INVALID_EXTERNAL_HANDLE"},
		{-1000174001, "VK_ERROR_NOT_PERMITTED"},
		{-1000257000, "VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS"},
	};
	static _Thread_local char unknown[32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].code == code)
			return names[i].name;
	(void)snprintf(unknown, sizeof(unknown), "VkResult %d", code);
	return unknown;
}
