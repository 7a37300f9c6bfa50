/* SPDX-License-Identifier: Zlib */
/* JSON by cJSON, made strict: duplicate keys, trailing text, NUL escapes, non-finite numbers, invalid
 * UTF-8 and a depth over 32 are refused. The only file that names cJSON is json.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct json; /* a value; members and elements borrow from the document */
struct strbuf;

/* Parses LENGTH bytes. NAME stands in messages ("contract.json:3:14: …", line and column from 1).
 * Returns 0 and a document that json_free frees, or -1 with ERROR (ERROR_USAGE). */
int json_parse(const char *text, size_t length, const char *name, struct json **ret,
	       struct error *error);

/* Appends one step to a JSON pointer (RFC 6901): KEY, cleaned, or INDEX where KEY is NULL. Returns the
 * length before it, for strbuf_truncate. */
size_t json_pointer_push(struct strbuf *pointer, const char *key, size_t index);
void json_free(struct json *document);
#define CLEANUP_JSON CLEANUP(json_cleanup)
void json_cleanup(struct json **document);

/* Look-ups are case-sensitive; NULL in, NULL out; NULL for a missing member. */
const struct json *json_member(const struct json *object, const char *name);
const struct json *json_at(const struct json *array_or_object, size_t index);
const struct json *json_next(const struct json *value); /* its neighbour; NULL behind the last */
size_t json_count(const struct json *array_or_object);
const char *json_key(const struct json *member); /* its name within its object, or NULL */

bool json_is_object(const struct json *value);
bool json_is_array(const struct json *value);
bool json_is_null(const struct json *value);
const char *json_string(const struct json *value); /* NULL when it is no string */
int json_boolean(const struct json *value);        /* 1, 0, or -1 when it is no boolean */
bool json_integer(const struct json *value,
		  int64_t *ret); /* false: no number, not whole, too large */

/* Building: values are owned by the document that they are added to. Text that is not UTF-8 is
 * made so with U+FFFD. */
struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_add_object(struct json *object, const char *name);
struct json *json_add_array(struct json *object, const char *name);
void json_add_string(struct json *object, const char *name, const char *text); /* NULL: null */
void json_add_integer(struct json *object, const char *name, int64_t number);
void json_add_boolean(struct json *object, const char *name, bool value);
struct json *json_append_object(struct json *array);
void json_append_string(struct json *array, const char *text);
void json_append_copy(struct json *array, const struct json *value);

/* Prints with two-space indentation and a final newline, or on one line when COMPACT. */
void json_print(const struct json *document, bool is_compact, struct strbuf *out);

/* cJSON's version, for `spinup version`. */
const char *json_library_version(void);
