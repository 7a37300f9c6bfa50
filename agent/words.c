/* SPDX-License-Identifier: Zlib */
/* A list of words. */
#include "agent/words.h"

#include <string.h>

#include "agent/mem.h"

void words_release(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->items[i]);
	free(words->items);
	*words = (struct words){0};
}

void words_add_bytes(struct words *words, const char *text, size_t length)
{
	words->items = mem_grow(words->items, words->count + 1, sizeof(*words->items));
	words->items[words->count++] = mem_strndup(text, length);
}

void words_add(struct words *words, const char *text)
{
	words_add_bytes(words, text, strlen(text));
}

void words_end(struct words *words)
{
	words->items = mem_grow(words->items, words->count + 1, sizeof(*words->items));
	words->items[words->count] = NULL;
}

void words_split(struct words *words, const char *text, const char *separators)
{
	while (*(text += strspn(text, separators))) {
		size_t length = strcspn(text, separators);

		words_add_bytes(words, text, length);
		text += length;
	}
}

bool words_contain(const struct words *words, const char *text)
{
	for (size_t i = 0; i < words->count; i++)
		if (strcmp(words->items[i], text) == 0)
			return true;
	return false;
}

char *words_join(const struct words *words, char separator)
{
	size_t length = 1;
	char *text, *end;

	for (size_t i = 0; i < words->count; i++)
		length += strlen(words->items[i]) + 1;
	text = end = mem_alloc(length, 1);
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			*end++ = separator;
		end = stpcpy(end, words->items[i]);
	}
	return text;
}
