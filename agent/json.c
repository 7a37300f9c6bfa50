/* SPDX-License-Identifier: Zlib */
/* JSON by cJSON, made strict. The text's grammar is checked first (json_syntax.h), because cJSON
 * takes much that is no JSON; what only the tree can tell (duplicate keys, numbers beyond a double)
 * is checked afterwards. The only file that names cJSON. */
#include "agent/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/json_syntax.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_TEXT_BYTES (16u << 20)
#define MAX_POINTER_BYTES 1024u
/* Whole numbers up to here are exact in a double. */
#define MAX_EXACT 9007199254740992.0

static const cJSON *item_of(const struct json *value)
{
	return (const cJSON *)value;
}

static struct json *value_of(cJSON *item)
{
	return (struct json *)item;
}

static int compare_keys(const void *a, const void *b)
{
	const char *const *left = a, *const *right = b;

	return strcmp(*left, *right);
}

/* A key that occurs twice in OBJECT, or NULL. */
static const char *duplicate_key(const cJSON *object)
{
	size_t count = (size_t)cJSON_GetArraySize(object), i = 0;
	CLEANUP_FREE const char **keys = mem_alloc(count, sizeof(*keys));
	const cJSON *member;

	cJSON_ArrayForEach(member, object)
		keys[i++] = member->string;
	qsort(keys, count, sizeof(*keys), compare_keys);
	for (i = 1; i < count; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			return keys[i];
	return NULL;
}

size_t json_pointer_push(struct strbuf *pointer, const char *key, size_t index)
{
	size_t length = pointer->length;
	CLEANUP_FREE char *shown = key ? text_cleaned(key, 100) : NULL;

	strbuf_putc(pointer, '/');
	if (!key)
		strbuf_printf(pointer, "%zu", index);
	for (const char *c = shown; c && *c; c++) {
		if (*c == '~' || *c == '/')
			strbuf_puts(pointer, *c == '~' ? "~0" : "~1");
		else
			strbuf_putc(pointer, *c);
	}
	return length;
}

/* Depth is bounded by the syntax check. Returns what is wrong, at POINTER, or NULL. */
static const char *find_fault(const cJSON *item, struct strbuf *pointer)
{
	const char *twice = cJSON_IsObject(item) ? duplicate_key(item) : NULL;
	const char *fault = NULL;
	const cJSON *child;
	size_t index = 0;

	if (twice) {
		(void)json_pointer_push(pointer, twice, 0);
		return "this key occurs twice in one object";
	}
	if (cJSON_IsNumber(item) && !isfinite(item->valuedouble))
		return "a number that is too large";
	cJSON_ArrayForEach(child, item) {
		size_t length = json_pointer_push(pointer, child->string, index++);

		fault = find_fault(child, pointer);
		if (fault)
			break;
		strbuf_truncate(pointer, length);
	}
	return fault;
}

static void *allocate(size_t size)
{
	return mem_alloc(1, size);
}

/* Out of memory ends the process, as everywhere: cJSON would call it a fault of the text. */
static void use_our_memory(void)
{
	cJSON_Hooks hooks = {allocate, free};

	cJSON_InitHooks(&hooks);
}

int json_parse(const char *text, size_t length, const char *name, struct json **ret,
	       struct error *error)
{
	struct json_fault fault;
	CLEANUP_JSON struct json *document = NULL;
	CLEANUP_STRBUF struct strbuf pointer = STRBUF_INIT(MAX_POINTER_BYTES);
	const char *wrong;

	if (length > MAX_TEXT_BYTES)
		return error_set(error, ERROR_USAGE, "%s: larger than 16 MiB", name);
	if (json_syntax_check(text, length, &fault))
		return error_set(error, ERROR_USAGE, "%s:%zu:%zu: %s", name, fault.line,
				 fault.column, fault.what);
	use_our_memory();
	document = value_of(cJSON_ParseWithLength(text, length));
	if (!document)
		return error_set(error, ERROR_USAGE, "%s: cannot be read as JSON", name);
	wrong = find_fault(item_of(document), &pointer);
	if (wrong)
		return error_set(error, ERROR_USAGE, "%s: %s: %s", name,
				 pointer.length ? pointer.data : "/", wrong);
	*ret = TAKE(document);
	return 0;
}

void json_free(struct json *document)
{
	cJSON_Delete((cJSON *)document);
}

void json_cleanup(struct json **document)
{
	json_free(*document);
}

const struct json *json_member(const struct json *object, const char *name)
{
	if (!json_is_object(object))
		return NULL;
	return value_of(cJSON_GetObjectItemCaseSensitive(item_of(object), name));
}

const struct json *json_at(const struct json *array_or_object, size_t index)
{
	const cJSON *child = array_or_object ? item_of(array_or_object)->child : NULL;

	while (child && index--)
		child = child->next;
	return (const struct json *)child;
}

const struct json *json_next(const struct json *value)
{
	return value ? (const struct json *)item_of(value)->next : NULL;
}

size_t json_count(const struct json *array_or_object)
{
	return array_or_object ? (size_t)cJSON_GetArraySize(item_of(array_or_object)) : 0;
}

const char *json_key(const struct json *member)
{
	return member ? item_of(member)->string : NULL;
}

bool json_is_object(const struct json *value)
{
	return cJSON_IsObject(item_of(value));
}

bool json_is_array(const struct json *value)
{
	return cJSON_IsArray(item_of(value));
}

bool json_is_null(const struct json *value)
{
	return cJSON_IsNull(item_of(value));
}

const char *json_string(const struct json *value)
{
	return cJSON_IsString(item_of(value)) ? item_of(value)->valuestring : NULL;
}

int json_boolean(const struct json *value)
{
	return cJSON_IsBool(item_of(value)) ? cJSON_IsTrue(item_of(value)) : -1;
}

bool json_integer(const struct json *value, int64_t *ret)
{
	double number;

	if (!cJSON_IsNumber(item_of(value)))
		return false;
	number = item_of(value)->valuedouble;
	if (!(number >= -MAX_EXACT && number <= MAX_EXACT) || (double)(int64_t)number != number)
		return false;
	*ret = (int64_t)number;
	return true;
}

static struct json *add(struct json *object, const char *name, cJSON *item)
{
	(void)cJSON_AddItemToObject((cJSON *)object, name, item);
	return value_of(item);
}

static struct json *append(struct json *array, cJSON *item)
{
	(void)cJSON_AddItemToArray((cJSON *)array, item);
	return value_of(item);
}

static cJSON *new_string(const char *text)
{
	struct strbuf CLEANUP_STRBUF valid = STRBUF_INIT(MAX_TEXT_BYTES);

	if (!text)
		return cJSON_CreateNull();
	text_add_utf8(&valid, text);
	return cJSON_CreateString(valid.data);
}

struct json *json_new_object(void)
{
	use_our_memory();
	return value_of(cJSON_CreateObject());
}

struct json *json_new_array(void)
{
	use_our_memory();
	return value_of(cJSON_CreateArray());
}

struct json *json_add_object(struct json *object, const char *name)
{
	return add(object, name, cJSON_CreateObject());
}

struct json *json_add_array(struct json *object, const char *name)
{
	return add(object, name, cJSON_CreateArray());
}

void json_add_string(struct json *object, const char *name, const char *text)
{
	(void)add(object, name, new_string(text));
}

void json_add_integer(struct json *object, const char *name, int64_t number)
{
	/* cJSON keeps numbers as doubles: as text, none loses its last digits. */
	CLEANUP_FREE char *text = mem_format("%lld", (long long)number);

	(void)add(object, name, cJSON_CreateRaw(text));
}

void json_add_boolean(struct json *object, const char *name, bool value)
{
	(void)add(object, name, cJSON_CreateBool(value));
}

struct json *json_append_object(struct json *array)
{
	return append(array, cJSON_CreateObject());
}

void json_append_string(struct json *array, const char *text)
{
	(void)append(array, new_string(text));
}

void json_append_copy(struct json *array, const struct json *value)
{
	(void)append(array, cJSON_Duplicate(item_of(value), true));
}

static bool is_escaped(unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

static void print_string(const char *text, struct strbuf *out)
{
	strbuf_putc(out, '"');
	while (*text) {
		size_t plain = 0;

		while (!is_escaped((unsigned char)text[plain]))
			plain++;
		strbuf_add(out, text, plain);
		text += plain;
		if (!*text)
			break;
		if (*text == '"' || *text == '\\')
			strbuf_printf(out, "\\%c", *text);
		else if (*text == '\n')
			strbuf_puts(out, "\\n");
		else
			strbuf_printf(out, "\\u%04x", (unsigned char)*text);
		text++;
	}
	strbuf_putc(out, '"');
}

static void print_break(struct strbuf *out, bool is_compact, unsigned int depth)
{
	if (!is_compact)
		strbuf_printf(out, "\n%*s", (int)depth * 2, "");
}

static void print_item(const cJSON *item, bool is_compact, unsigned int depth, struct strbuf *out);

static void print_children(const cJSON *parent, bool is_compact, unsigned int depth,
			   struct strbuf *out)
{
	const cJSON *child;

	cJSON_ArrayForEach(child, parent) {
		print_break(out, is_compact, depth);
		if (cJSON_IsObject(parent)) {
			print_string(child->string, out);
			strbuf_puts(out, is_compact ? ":" : ": ");
		}
		print_item(child, is_compact, depth, out);
		if (child->next)
			strbuf_putc(out, ',');
	}
	if (parent->child)
		print_break(out, is_compact, depth - 1);
}

/* Not cJSON_Print: its layout is its own, and it prints DEL as it is. */
static void print_item(const cJSON *item, bool is_compact, unsigned int depth, struct strbuf *out)
{
	if (cJSON_IsObject(item) || cJSON_IsArray(item)) {
		strbuf_putc(out, cJSON_IsObject(item) ? '{' : '[');
		print_children(item, is_compact, depth + 1, out);
		strbuf_putc(out, cJSON_IsObject(item) ? '}' : ']');
	} else if (cJSON_IsString(item)) {
		print_string(item->valuestring, out);
	} else if (cJSON_IsRaw(item)) {
		strbuf_puts(out, item->valuestring);
	} else if (cJSON_IsNumber(item)) {
		strbuf_printf(out, "%.17g", item->valuedouble);
	} else if (cJSON_IsBool(item)) {
		strbuf_puts(out, cJSON_IsTrue(item) ? "true" : "false");
	} else {
		strbuf_puts(out, "null");
	}
}

void json_print(const struct json *document, bool is_compact, struct strbuf *out)
{
	print_item(item_of(document), is_compact, 0, out);
	strbuf_putc(out, '\n');
}

const char *json_library_version(void)
{
	return cJSON_Version();
}
