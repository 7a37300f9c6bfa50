/* SPDX-License-Identifier: Zlib */
/* The keys that a file of expectations may hold (agent/schemas/expectations.json says the same).
 * The file comes with the checkout, so from whoever wrote the change: it demands, never configures. */
#include "agent/expect_keys.h"

#include <stdlib.h>
#include <string.h>

#include "agent/attachment.h"
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/expect.h"
#include "agent/expect_file.h"
#include "agent/json.h"
#include "agent/json_read.h"
#include "agent/lane.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"
#include "agent/size.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define CHOICES_MAX_BYTES 256u
#define MAX_WORD_LENGTH 64u
#define MAX_CPUS 65536
#define MAX_PATHS 16u

/* What every reading function gets as its slot. */
struct reading {
	struct expectations *expect;
	const struct context *context;
};

/* ---- values */

/* A text out of CHOICES (NULL-terminated). */
static int read_choice(struct json_reader *reader, const struct json *value,
		       const char *const *choices, char **slot)
{
	CLEANUP_STRBUF struct strbuf known = STRBUF_INIT(CHOICES_MAX_BYTES);
	const char *text = json_string(value);

	for (; *choices; choices++) {
		if (text && strcmp(text, *choices) == 0) {
			*slot = mem_strdup(text);
			return 0;
		}
		strbuf_printf(&known, "%s%s", known.length ? ", " : "", *choices);
	}
	return json_read_fail(reader, "must be one of: %s", known.data);
}

/* A name of Nix's, as systems and features are. */
static bool is_word(const char *text)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789_.-";
	size_t length = strspn(text, alphabet);

	return length && length <= MAX_WORD_LENGTH && !text[length];
}

static int read_size(struct json_reader *reader, const struct json *value, int64_t *slot)
{
	const char *text = json_string(value);
	int64_t bytes;

	if (!(text ? size_parse(text, &bytes) : json_integer(value, &bytes)) || bytes <= 0)
		return json_read_fail(reader, "must be an amount such as \"8GiB\" (KiB, MiB, GiB, "
					      "TiB) or a whole number of bytes, above 0");
	*slot = bytes;
	return 0;
}

/* ---- keys */

/* "$schema" is for editors. */
static int read_schema(struct json_reader *reader, const struct json *value, void *slot)
{
	(void)slot;
	return json_string(value) ? 0 : json_read_fail(reader, "must be a string");
}

static int read_lane(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;
	const char *label = json_string(value);

	if (!label || !lane_label_is_valid(label))
		return json_read_fail(reader, "must be a label, such as \"tinyland-nix\"");
	reading->expect->lane = mem_strdup(label);
	return 0;
}

static int read_flavour(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;

	return read_choice(reader, value, nix_flavours, &reading->expect->flavour);
}

static int read_substrate(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;

	if (read_choice(reader, value, attachment_modes, &reading->expect->substrate) < 0)
		return -1;
	/* A declared attachment is a promise: without its cache the build is not what it claims. */
	if (strcmp(reading->expect->substrate, attachment_modes[ATTACHMENT_LOCAL]) != 0)
		reading->expect->require |= LANE_BAZEL;
	return 0;
}

static int read_system(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;
	const char *system = json_string(value);

	if (!system || !is_word(system) || !strchr(system, '-'))
		return json_read_fail(reader, "must be a system as Nix names it, such as "
					      "\"x86_64-linux\"");
	reading->expect->system = mem_strdup(system);
	return 0;
}

/* Fills *RET with the range that TEXT is, or with what the file says that it names. */
static int read_range(struct json_reader *reader, const struct reading *reading, bool may_be_file,
		      const char *text, char **ret)
{
	struct error why = {0};

	if (!text_starts_with(text, EXPECT_FILE_PREFIX)) {
		if (version_in_range("0", text) < 0)
			return json_read_fail(reader, "must be a range such as \">=2.28 <3\" or "
						      "\"2.31\" (no ^, ~ or *)");
		*ret = mem_strdup(text);
		return 0;
	}
	if (!may_be_file)
		return json_read_fail(reader, "only bazel's version may come from a file");
	if (expect_file_version(reading->context, text, ret, &why) < 0)
		return json_read_fail(reader, "%s", why.message);
	return 0;
}

static int read_tool(struct json_reader *reader, const struct json *value, void *slot)
{
	CLEANUP_FREE char *range = NULL;
	const struct reading *reading = slot;
	struct expectations *expect = reading->expect;
	const char *name = json_key(value);
	const char *text = json_string(value);

	if (!text)
		return json_read_fail(reader, "must be a string: a range of versions");
	if (read_range(reader, reading, strcmp(name, "bazel") == 0, text, &range) < 0)
		return -1;
	expect->tools = mem_grow(expect->tools, expect->tool_count + 1, sizeof(*expect->tools));
	expect->tools[expect->tool_count++] =
		(struct expect_tool){.name = mem_strdup(name), .range = TAKE(range)};
	return 0;
}

static int read_toolchain(struct json_reader *reader, const struct json *value, void *slot)
{
	static const struct json_field tools[] = {
		{"nix", read_tool, 0, false},
		{"determinate", read_tool, 0, false},
		{"bazel", read_tool, 0, false},
		{"docker", read_tool, 0, false},
		{0},
	};

	return json_read_fields(reader, value, tools, slot);
}

static int read_memory(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;

	return read_size(reader, value, &reading->expect->memory_bytes);
}

static int read_cpus(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;

	if (json_read_integer(reader, value, &reading->expect->cpus) < 0)
		return -1;
	if (reading->expect->cpus > MAX_CPUS)
		return json_read_fail(reader, "must be at most %d", MAX_CPUS);
	return 0;
}

static int read_disk_path(struct json_reader *reader, const struct json *value, void *data)
{
	const struct reading *reading = data;
	struct expectations *expect = reading->expect;
	CLEANUP_FREE char *path = expect_file_place(reading->context, json_key(value));
	int64_t bytes;

	if (!path)
		return json_read_fail(reader, "must be an absolute path without \"..\", or "
					      "$GITHUB_WORKSPACE or $RUNNER_TEMP");
	if (expect->disk_count == MAX_PATHS)
		return json_read_fail(reader, "there may be at most %u paths", MAX_PATHS);
	if (read_size(reader, value, &bytes) < 0)
		return -1;
	expect->disks = mem_grow(expect->disks, expect->disk_count + 1, sizeof(*expect->disks));
	expect->disks[expect->disk_count++] =
		(struct expect_disk){.path = TAKE(path), .free_bytes = bytes};
	return 0;
}

static int read_disk(struct json_reader *reader, const struct json *value, void *slot)
{
	if (!json_is_object(value))
		return json_read_fail(reader, "must be an object of paths");
	return json_read_each(reader, value, read_disk_path, slot);
}

static int read_resources(struct json_reader *reader, const struct json *value, void *slot)
{
	static const struct json_field resources[] = {
		{"memory", read_memory, 0, false},
		{"cpus", read_cpus, 0, false},
		{"disk", read_disk, 0, false},
		{0},
	};

	return json_read_fields(reader, value, resources, slot);
}

static int read_features(struct json_reader *reader, const struct json *value, void *slot)
{
	const struct reading *reading = slot;

	if (json_read_texts(reader, value, &reading->expect->features) < 0)
		return -1;
	for (char **feature = reading->expect->features; *feature; feature++)
		if (!is_word(*feature))
			return json_read_fail(reader, "a feature holds letters, digits, '.', '_' "
						      "and '-' alone");
	return 0;
}

static int read_promise(struct json_reader *reader, const struct json *value, void *data)
{
	const struct reading *reading = data;
	const char *name = json_string(value);
	unsigned int promise = name ? lane_promise_by_name(name) : 0;
	CLEANUP_STRBUF struct strbuf known = STRBUF_INIT(CHOICES_MAX_BYTES);

	lane_promise_names(~0u, &known);
	if (!promise)
		return json_read_fail(reader, "must be one of: %s", known.data);
	reading->expect->require |= promise;
	return 0;
}

static int read_require(struct json_reader *reader, const struct json *value, void *slot)
{
	if (!json_is_array(value))
		return json_read_fail(reader, "must be an array of strings");
	return json_read_each(reader, value, read_promise, slot);
}

int expect_read_document(struct expectations *expect, const struct context *context,
			 const struct json *document, struct error *error)
{
	static const struct json_field keys[] = {
		{"$schema", read_schema, 0, false},      {"lane", read_lane, 0, false},
		{"toolchain", read_toolchain, 0, false}, {"flavour", read_flavour, 0, false},
		{"system", read_system, 0, false},       {"resources", read_resources, 0, false},
		{"features", read_features, 0, false},   {"require", read_require, 0, false},
		{"substrate", read_substrate, 0, false}, {0},
	};
	CLEANUP(json_reader_release)
	struct json_reader reader = JSON_READER_INIT(expect->source, error);
	struct reading reading = {.expect = expect, .context = context};

	return json_read_fields(&reader, document, keys, &reading);
}
