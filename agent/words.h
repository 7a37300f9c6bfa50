/* SPDX-License-Identifier: Zlib */
/* A list of words: substituters, keys, features, users. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/cleanup.h"

struct words {
	char **items; /* owned copies */
	size_t count;
};

#define CLEANUP_WORDS CLEANUP(words_release)
void words_release(struct words *words);

/* Appends a copy. */
void words_add(struct words *words, const char *text);
void words_add_bytes(struct words *words, const char *text, size_t length);

/* Puts a NULL behind the last word, as execve(2) wants it; it is not counted. */
void words_end(struct words *words);

/* Appends each part of TEXT that lies between bytes of SEPARATORS; empty parts are no words. */
void words_split(struct words *words, const char *text, const char *separators);

bool words_contain(const struct words *words, const char *text);

/* All words with SEPARATOR between them, "" for none; the caller frees. */
char *words_join(const struct words *words, char separator);
