/* SPDX-License-Identifier: Zlib */
/* What is said to the runner: NAME=VALUE blocks and workflow commands, as its parsers read them. */
#include "agent/github.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define DELIMITER_PREFIX "spinup_"
#define DELIMITER_RANDOM_BYTES 16u
#define ANNOTATION_MAX_BYTES 4000u /* the runner cuts at 4096 characters */
#define MASK_MIN_BYTES 4u

bool github_env_name_is_allowed(const char *name)
{
	return text_is_variable_name(name) && strcasecmp(name, "NODE_OPTIONS") != 0 &&
	       strcasecmp(name, "CI") != 0 && strncasecmp(name, "GITHUB_", 7) != 0 &&
	       strncasecmp(name, "RUNNER_", 7) != 0;
}

/* Letters, digits, '_' and '-', as `steps.ID.outputs.NAME` can name them. */
static bool is_output_name(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";

	return *name && strchr(letters, *name) &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
				 "0123456789-")] == '\0';
}

const char *github_value_problem(const char *value)
{
	if (strlen(value) > GITHUB_MAX_VALUE_BYTES)
		return "it is longer than 32 KiB, which breaks every later step's start";
	if (strchr(value, '\r'))
		return "it has a carriage return, which stays in the value or breaks the file";
	if (*value == '\n')
		return "it begins with a newline, which not every runner keeps";
	return NULL;
}

/* A line that VALUE does not have: 128 random bits, so that nobody who chooses a value knows it. */
static char *fresh_delimiter(const char *value)
{
	for (;;) {
		struct strbuf delimiter = STRBUF_INIT(64);
		uint8_t random[DELIMITER_RANDOM_BYTES];

		digest_random(random, sizeof(random));
		strbuf_puts(&delimiter, DELIMITER_PREFIX);
		encoding_base16_encode(random, sizeof(random), &delimiter);
		if (!strstr(value, delimiter.data))
			return strbuf_take(&delimiter);
		strbuf_release(&delimiter);
	}
}

/* Adds a pair whose name and value are known to be good. */
static int add_pair(struct strbuf *block, const char *name, const char *value, struct error *error)
{
	CLEANUP_STRBUF struct strbuf pair = STRBUF_INIT(GITHUB_MAX_BLOCK_BYTES);

	if (strchr(value, '\n')) {
		CLEANUP_FREE char *delimiter = fresh_delimiter(value);

		strbuf_printf(&pair, "%s<<%s\n", name, delimiter);
		strbuf_puts(&pair, value);
		strbuf_printf(&pair, "\n%s\n", delimiter);
	} else {
		strbuf_printf(&pair, "%s=", name);
		strbuf_puts(&pair, value);
		strbuf_putc(&pair, '\n');
	}
	if (block->length + pair.length > GITHUB_MAX_BLOCK_BYTES ||
	    block->length + pair.length > block->max_bytes)
		return error_set(error, ERROR_AGENT,
				 "%s: all values together are longer than 128 KiB", name);
	strbuf_add(block, pair.data, pair.length);
	return 0;
}

int github_block_add(struct strbuf *block, const char *name, const char *value, struct error *error)
{
	const char *problem = github_value_problem(value);

	if (!github_env_name_is_allowed(name))
		return error_set(error, ERROR_AGENT, "%.64s: not a name for GITHUB_ENV", name);
	if (problem)
		return error_set(error, ERROR_AGENT, "%s: the value cannot be written: %s", name,
				 problem);
	return add_pair(block, name, value, error);
}

int github_output_add(struct strbuf *block, const char *name, const char *value,
		      struct error *error)
{
	const char *problem = github_value_problem(value);

	if (!is_output_name(name))
		return error_set(error, ERROR_AGENT, "%.64s: not a name for GITHUB_OUTPUT", name);
	if (problem)
		return error_set(error, ERROR_AGENT, "%s: the value cannot be written: %s", name,
				 problem);
	return add_pair(block, name, value, error);
}

/* The data of a command, or a property's value (which ':' and ',' would end). */
static void escape(struct strbuf *out, const char *text, bool is_property)
{
	for (; *text; text++) {
		if (*text == '%')
			strbuf_puts(out, "%25");
		else if (*text == '\r')
			strbuf_puts(out, "%0D");
		else if (*text == '\n')
			strbuf_puts(out, "%0A");
		else if (is_property && *text == ':')
			strbuf_puts(out, "%3A");
		else if (is_property && *text == ',')
			strbuf_puts(out, "%2C");
		else
			strbuf_putc(out, *text);
	}
}

/* A copy of at most MAX_BYTES that does not end within a UTF-8 character. */
static char *cut(const char *text, size_t max_bytes)
{
	size_t length = strlen(text);

	if (length > max_bytes) {
		length = max_bytes;
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	}
	return mem_strndup(text, length);
}

static void add_property(struct strbuf *out, const char **before, const char *name,
			 const char *value)
{
	strbuf_printf(out, "%s%s=", *before, name);
	escape(out, value, true);
	*before = ",";
}

static void add_number(struct strbuf *out, const char **before, const char *name,
		       unsigned int number)
{
	if (!number)
		return;
	strbuf_printf(out, "%s%s=%u", *before, name, number);
	*before = ",";
}

void github_file_annotation(struct strbuf *out, const char *level, const struct github_place *place,
			    const char *title, const char *message)
{
	CLEANUP_FREE char *data = cut(message, ANNOTATION_MAX_BYTES);
	const char *before = " ";

	strbuf_printf(out, "::%s", level);
	if (place->file)
		add_property(out, &before, "file", place->file);
	add_number(out, &before, "line", place->line);
	add_number(out, &before, "col", place->column);
	if (title && *title)
		add_property(out, &before, "title", title);
	strbuf_puts(out, "::");
	escape(out, data, false);
	strbuf_putc(out, '\n');
}

void github_annotation(struct strbuf *out, const char *level, const char *title,
		       const char *message)
{
	github_file_annotation(out, level, &(struct github_place){0}, title, message);
}

/* The length of the line at TEXT, without its '\n' or "\r\n"; moves *NEXT behind it. */
static size_t line_length(const char *text, const char **next)
{
	size_t length = strcspn(text, "\n");

	*next = text + length + (text[length] == '\n');
	if (length && text[length - 1] == '\r')
		length--;
	return length;
}

static bool is_blank(const char *text, size_t length)
{
	return strspn(text, " \t\r\n") >= length;
}

bool github_can_mask(const char *secret)
{
	const char *next = secret;

	for (const char *line = secret; *line; line = next) {
		size_t length = line_length(line, &next);

		if (length < MASK_MIN_BYTES && !is_blank(line, length))
			return false;
	}
	return !is_blank(secret, strlen(secret));
}

void github_mask(struct strbuf *out, const char *secret)
{
	const char *next = secret;

	for (const char *line = secret; *line; line = next) {
		size_t length = line_length(line, &next);
		CLEANUP_FREE char *copy = mem_strndup(line, length);

		if (length < MASK_MIN_BYTES || is_blank(line, length))
			continue;
		strbuf_puts(out, "::add-mask::");
		escape(out, copy, false);
		strbuf_putc(out, '\n');
	}
}
