/* SPDX-License-Identifier: Zlib */
/* The grammar of JSON (RFC 8259), checked strictly before the library sees the text. */
#pragma once

#include <stddef.h>

#define JSON_MAX_DEPTH 32u
/* Each takes some 80 bytes of memory, and two bytes of text are enough for it. */
#define JSON_MAX_VALUES 65536u
#define JSON_MAX_NUMBER_LENGTH 60u

struct json_fault {
	size_t line, column; /* from 1; columns are code points */
	const char *what;    /* "expected ':' after a key"; static */
};

/* Returns 0 when TEXT is one whole JSON value, else -1 with FAULT. Refused beyond the grammar:
 * invalid UTF-8, a byte order mark, \u0000, lone surrogates, too deep, too many values, overlong numbers. */
int json_syntax_check(const char *text, size_t length, struct json_fault *fault);
