/* SPDX-License-Identifier: Zlib */
/* What the probes measured: typed values under dotted keys, shown in the report as nested objects. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fact_type { FACT_STRING, FACT_INTEGER, FACT_BOOLEAN, FACT_LIST };

struct fact {
	char *key; /* "nix.daemon.version": segments of [a-z0-9_-], at most 96 bytes in all */
	enum fact_type type;
	char *text;     /* FACT_STRING; FACT_LIST: items separated by '\n' */
	int64_t number; /* FACT_INTEGER; FACT_BOOLEAN: 0 or 1 */
};

struct facts {
	struct fact *items; /* sorted by key */
	size_t count;
};

void facts_release(struct facts *facts);

/* A valid key; whether it may be stored is the caller's question. */
bool facts_key_is_valid(const char *key);

/* Store a copy; an earlier value of the same key is replaced. */
void facts_set_text(struct facts *facts, const char *key, enum fact_type type, const char *text);
void facts_set_number(struct facts *facts, const char *key, enum fact_type type, int64_t number);

/* Forgets every key that equals PREFIX or lies below it ("nix" forgets "nix.version"). */
void facts_forget(struct facts *facts, const char *prefix);

/* Look-ups. "Not known" is never "false": facts_boolean returns -1 for an absent key. */
const struct fact *facts_find(const struct facts *facts, const char *key);
const char *facts_string(const struct facts *facts,
			 const char *key); /* NULL when absent; lists too */
bool facts_integer(const struct facts *facts, const char *key, int64_t *ret_value);
int facts_boolean(const struct facts *facts, const char *key);
