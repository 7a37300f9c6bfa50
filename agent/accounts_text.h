/* SPDX-License-Identifier: Zlib */
/* The texts of /etc/passwd, group, shadow and gshadow (passwd(5), group(5), shadow(5), gshadow(5)): an
 * entry a line, with fields between colons. Whatever an edit is not about stays byte for byte. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/words.h"

struct strbuf;

#define ACCOUNTS_MAX_ID 4294967294ul /* the last one stands for "none" */

/* The fields that all four begin with, or have at the same place. */
enum {
	ACCOUNTS_FIELD_NAME = 0,
	ACCOUNTS_FIELD_ID = 2,      /* passwd: user; group: group */
	ACCOUNTS_FIELD_GID = 3,     /* passwd */
	ACCOUNTS_FIELD_MEMBERS = 3, /* group, gshadow: names with commas between */
};

/* The field's text; "" where the entry has fewer. */
const char *accounts_field(const struct words *fields, size_t index);

/* Calls ON_ENTRY for each line until it returns false. */
void accounts_each(const char *text, bool (*on_entry)(void *data, const struct words *fields),
		   void *data);

/* Appends the fields of the first entry of NAME. Returns its line's number, or 0 for none. */
size_t accounts_find(const char *text, const char *name, struct words *ret_fields);

/* Whether an entry of NAME is there. */
bool accounts_has(const char *text, const char *name);

/* Appends TEXT with LINES: before the first line of NIS ("+…" or "-…"), behind which entries are not
 * looked for; else at the end, which has a newline or has none as before. */
void accounts_add_lines(const char *text, const struct words *lines, struct strbuf *out);

/* Appends TEXT without the lines that are exactly one of LINES; undoes accounts_add_lines. */
void accounts_remove_lines(const char *text, const struct words *lines, struct strbuf *out);

/* Appends TEXT with the members of NAME's first entry changed: those of NAMES that are missing come
 * last, or all of NAMES go. */
void accounts_add_members(const char *text, const char *name, const struct words *names,
			  struct strbuf *out);
void accounts_remove_members(const char *text, const char *name, const struct words *names,
			     struct strbuf *out);
