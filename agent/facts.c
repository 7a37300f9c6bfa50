/* SPDX-License-Identifier: Zlib */
/* Typed values under dotted keys, kept sorted. */
#include "agent/facts.h"

#include <stdlib.h>
#include <string.h>

#include "agent/mem.h"

#define MAX_KEY_BYTES 96u

static void fact_release(struct fact *fact)
{
	free(fact->key);
	free(fact->text);
}

void facts_release(struct facts *facts)
{
	for (size_t i = 0; i < facts->count; i++)
		fact_release(&facts->items[i]);
	free(facts->items);
	*facts = (struct facts){0};
}

bool facts_key_is_valid(const char *key)
{
	size_t length = strlen(key);
	size_t span = strspn(key, "abcdefghijklmnopqrstuvwxyz0123456789_-.");

	return length > 0 && length <= MAX_KEY_BYTES && span == length && key[0] != '.' &&
	       key[length - 1] != '.' && !strstr(key, "..");
}

/* The position of KEY, or where it belongs. */
static size_t position(const struct facts *facts, const char *key)
{
	size_t low = 0, high = facts->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(facts->items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct fact *facts_find(const struct facts *facts, const char *key)
{
	size_t at = position(facts, key);

	if (at < facts->count && strcmp(facts->items[at].key, key) == 0)
		return &facts->items[at];
	return NULL;
}

/* An empty slot for KEY; an earlier value is dropped. */
static struct fact *slot(struct facts *facts, const char *key, enum fact_type type)
{
	size_t at = position(facts, key);
	struct fact *fact;

	if (at < facts->count && strcmp(facts->items[at].key, key) == 0) {
		fact_release(&facts->items[at]);
	} else {
		facts->items = mem_grow(facts->items, facts->count + 1, sizeof(*facts->items));
		memmove(&facts->items[at + 1], &facts->items[at],
			(facts->count - at) * sizeof(*facts->items));
		facts->count++;
	}
	fact = &facts->items[at];
	*fact = (struct fact){.key = mem_strdup(key), .type = type};
	return fact;
}

void facts_set_text(struct facts *facts, const char *key, enum fact_type type, const char *text)
{
	char *copy = mem_strdup(text); /* TEXT may belong to the value that is replaced */

	slot(facts, key, type)->text = copy;
}

void facts_set_number(struct facts *facts, const char *key, enum fact_type type, int64_t number)
{
	slot(facts, key, type)->number = number;
}

static bool lies_below(const char *key, const char *prefix)
{
	size_t length = strlen(prefix);

	return strncmp(key, prefix, length) == 0 && (key[length] == '\0' || key[length] == '.');
}

void facts_forget(struct facts *facts, const char *prefix)
{
	size_t kept = 0;

	for (size_t i = 0; i < facts->count; i++) {
		if (lies_below(facts->items[i].key, prefix))
			fact_release(&facts->items[i]);
		else
			facts->items[kept++] = facts->items[i];
	}
	facts->count = kept;
}

const char *facts_string(const struct facts *facts, const char *key)
{
	const struct fact *fact = facts_find(facts, key);

	return fact ? fact->text : NULL;
}

bool facts_integer(const struct facts *facts, const char *key, int64_t *ret_value)
{
	const struct fact *fact = facts_find(facts, key);

	if (!fact || fact->type != FACT_INTEGER)
		return false;
	*ret_value = fact->number;
	return true;
}

int facts_boolean(const struct facts *facts, const char *key)
{
	const struct fact *fact = facts_find(facts, key);

	if (!fact || fact->type != FACT_BOOLEAN)
		return -1;
	return fact->number != 0;
}
