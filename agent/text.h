/* SPDX-License-Identifier: Zlib */
/* Cleaning and matching of text that came from outside. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Decodes the code point at TEXT (RFC 3629: no overlong forms, no surrogates); reads no byte beyond
 * the first that does not belong. Returns its length, or 0 for a byte that begins none. */
size_t text_utf8_decode(const char *text, uint32_t *ret);

/* Appends TEXT with U+FFFD for every byte that is no UTF-8. */
void text_add_utf8(struct strbuf *out, const char *text);

/* Appends TEXT fit for one printed line: control characters, DEL and invalid UTF-8 become spaces
 * or U+FFFD, runs of white space one space, ANSI escape sequences nothing, "##[" becomes "# #[",
 * bidirectional overrides and zero-width characters nothing. At most MAX_BYTES are added; a cut
 * is shown by "…". */
void text_clean(struct strbuf *out, const char *text, size_t max_bytes);

/* text_clean into fresh memory (the caller frees); NULL stays NULL. */
char *text_cleaned(const char *text, size_t max_bytes);

/* Hides what is secret in a URL: the password (or a lone user name) before '@' becomes "***".
 * Works on text that merely contains URLs. */
void text_redact_urls(struct strbuf *out, const char *text);

bool text_starts_with(const char *text, const char *prefix);
bool text_ends_with(const char *text, const char *suffix);

/* Shell-style match with '*' alone as wildcard, as Attic's tokens and the contract use it. */
bool text_matches_wildcard(const char *text, const char *pattern);

/* An environment variable's name: [A-Za-z_][A-Za-z0-9_]*. */
bool text_is_variable_name(const char *text);

/* A decimal whole number in MIN..MAX with nothing around it. */
bool text_to_number(const char *text, unsigned long min, unsigned long max, unsigned long *ret);

/* Appends TEXT as one word for a POSIX shell, in single quotes where it needs them. */
void text_shell_quote(struct strbuf *out, const char *text);
