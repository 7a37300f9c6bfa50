/* SPDX-License-Identifier: Zlib */
/* Strict reading of JSON objects by tables of members: what is not in the table is an error, and
 * each error names the file and the JSON pointer (RFC 6901). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/strbuf.h"

struct error;
struct json;

/* Where the reader is. Make one with JSON_READER_INIT; json_reader_release releases it. */
struct json_reader {
	const char *name;      /* of the file, for messages */
	struct strbuf pointer; /* "" or "/lanes/tinyland-nix" */
	struct error *error;
};
#define JSON_READER_INIT(name_, error_)                                                            \
	{                                                                                          \
		.name = (name_), .pointer = STRBUF_INIT(512), .error = (error_)                    \
	}
void json_reader_release(struct json_reader *reader);

/* One member that an object may have. READ puts VALUE into SLOT, which lies OFFSET bytes into the
 * target, and returns 0, or -1 with the reader's error. */
struct json_field {
	const char *name;
	int (*read)(struct json_reader *reader, const struct json *value, void *slot);
	size_t offset;
	bool is_required;
};

/* Reads OBJECT's members into TARGET by FIELDS, whose last row has no name. */
int json_read_fields(struct json_reader *reader, const struct json *object,
		     const struct json_field *fields, void *target);

/* Calls READ(reader, element, data) for each element of ARRAY or member of OBJECT, with the pointer
 * at it. */
int json_read_each(struct json_reader *reader, const struct json *array_or_object,
		   int (*read)(struct json_reader *reader, const struct json *value, void *data),
		   void *data);

/* READ functions for plain slots. A slot that is set already is never overwritten: keys are unique. */
int json_read_text(struct json_reader *reader, const struct json *value, void *slot); /* char * */
int json_read_boolean(struct json_reader *reader, const struct json *value, void *slot); /* bool */
int json_read_integer(struct json_reader *reader, const struct json *value,
		      void *slot); /* int64_t, 1 or more */
int json_read_texts(struct json_reader *reader, const struct json *value,
		    void *slot); /* char **, NULL-terminated; each once, none empty */

/* The index of the text VALUE in ALLOWED (NULL-terminated), or -1 with the reader's error, which lists
 * them. */
int json_read_word(struct json_reader *reader, const struct json *value,
		   const char *const *allowed);

/* Fills the error with "NAME: POINTER: …" and returns -1. */
int json_read_fail(struct json_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
