/* SPDX-License-Identifier: Zlib */
/* Strict reading of JSON objects by tables of members. */
#include "agent/json_read.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/text.h"

#define MAX_TEXT_BYTES 4096u
#define MAX_ELEMENTS 1024u
#define MAX_WORDS_BYTES 200u

void json_reader_release(struct json_reader *reader)
{
	strbuf_release(&reader->pointer);
}

int json_read_fail(struct json_reader *reader, const char *format, ...)
{
	CLEANUP_FREE char *what = NULL;
	va_list args;

	va_start(args, format);
	what = mem_vformat(format, args);
	va_end(args);
	return error_set(reader->error, ERROR_USAGE, "%s: %s: %s", reader->name,
			 reader->pointer.length ? reader->pointer.data : "/", what);
}

/* Goes one step down; the caller comes back with strbuf_truncate to what this returns. */
static size_t pointer_push(struct json_reader *reader, const char *key, size_t index)
{
	return json_pointer_push(&reader->pointer, key, index);
}

static int fail_unknown_key(struct json_reader *reader, const char *key,
			    const struct json_field *fields)
{
	struct strbuf CLEANUP_STRBUF allowed = STRBUF_INIT(800);

	for (const struct json_field *field = fields; field->name; field++)
		strbuf_printf(&allowed, "%s%s", allowed.length ? ", " : "", field->name);
	(void)pointer_push(reader, key, 0);
	return json_read_fail(reader, "unknown key; allowed here: %s", allowed.data);
}

static const struct json_field *find_field(const struct json_field *fields, const char *name)
{
	while (fields->name && strcmp(fields->name, name) != 0)
		fields++;
	return fields->name ? fields : NULL;
}

static int check_required(struct json_reader *reader, const struct json *object,
			  const struct json_field *fields)
{
	for (; fields->name; fields++)
		if (fields->is_required && !json_member(object, fields->name))
			return json_read_fail(reader, "the key \"%s\" is missing", fields->name);
	return 0;
}

int json_read_fields(struct json_reader *reader, const struct json *object,
		     const struct json_field *fields, void *target)
{
	const struct json *member;

	if (!json_is_object(object))
		return json_read_fail(reader, "must be an object");
	for (size_t i = 0; (member = json_at(object, i)); i++) {
		const struct json_field *field = find_field(fields, json_key(member));
		size_t length;

		if (!field)
			return fail_unknown_key(reader, json_key(member), fields);
		length = pointer_push(reader, field->name, 0);
		if (field->read(reader, member, (char *)target + field->offset))
			return -1;
		strbuf_truncate(&reader->pointer, length);
	}
	return check_required(reader, object, fields);
}

int json_read_each(struct json_reader *reader, const struct json *array_or_object,
		   int (*read)(struct json_reader *reader, const struct json *value, void *data),
		   void *data)
{
	const struct json *value;

	if (json_count(array_or_object) > MAX_ELEMENTS)
		return json_read_fail(reader, "has more than %u elements", MAX_ELEMENTS);
	for (size_t i = 0; (value = json_at(array_or_object, i)); i++) {
		const char *key = json_is_object(array_or_object) ? json_key(value) : NULL;
		size_t length = pointer_push(reader, key, i);

		if (read(reader, value, data))
			return -1;
		strbuf_truncate(&reader->pointer, length);
	}
	return 0;
}

int json_read_text(struct json_reader *reader, const struct json *value, void *slot)
{
	const char *text = json_string(value);

	if (!text || !*text)
		return json_read_fail(reader, "must be a string that is not empty");
	if (strlen(text) > MAX_TEXT_BYTES)
		return json_read_fail(reader, "is longer than %u bytes", MAX_TEXT_BYTES);
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			return json_read_fail(reader, "holds a control character");
	*(char **)slot = mem_strdup(text);
	return 0;
}

int json_read_boolean(struct json_reader *reader, const struct json *value, void *slot)
{
	int truth = json_boolean(value);

	if (truth < 0)
		return json_read_fail(reader, "must be true or false");
	*(bool *)slot = truth;
	return 0;
}

int json_read_integer(struct json_reader *reader, const struct json *value, void *slot)
{
	int64_t number;

	if (!json_integer(value, &number) || number < 1)
		return json_read_fail(reader, "must be a whole number, 1 or more");
	*(int64_t *)slot = number;
	return 0;
}

struct texts {
	char **items;
	size_t count;
};

static int read_element(struct json_reader *reader, const struct json *value, void *data)
{
	struct texts *texts = data;

	if (json_read_text(reader, value, &texts->items[texts->count]))
		return -1;
	for (size_t i = 0; i < texts->count; i++)
		if (strcmp(texts->items[i], texts->items[texts->count]) == 0)
			return json_read_fail(reader, "occurs twice");
	texts->count++;
	return 0;
}

int json_read_texts(struct json_reader *reader, const struct json *value, void *slot)
{
	struct texts texts = {0};

	if (!json_is_array(value))
		return json_read_fail(reader, "must be an array of strings");
	/* The slot owns the list at once: what fails half-way is released with the target. */
	texts.items = mem_alloc(json_count(value) + 1, sizeof(*texts.items));
	*(char ***)slot = texts.items;
	return json_read_each(reader, value, read_element, &texts);
}

int json_read_word(struct json_reader *reader, const struct json *value, const char *const *allowed)
{
	CLEANUP_STRBUF struct strbuf list = STRBUF_INIT(MAX_WORDS_BYTES);
	const char *text = json_string(value);

	for (int i = 0; allowed[i]; i++) {
		if (text && strcmp(text, allowed[i]) == 0)
			return i;
		strbuf_printf(&list, "%s%s", i ? ", " : "", allowed[i]);
	}
	return json_read_fail(reader, "is none of the allowed words: %s", list.data);
}
