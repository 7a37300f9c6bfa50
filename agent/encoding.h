/* SPDX-License-Identifier: Zlib */
/* Text encodings: base64, base64url, base16, and Nix's own base 32. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct strbuf;

/* Strict decoders of LENGTH characters. Return the number of bytes written to RET (at most SIZE),
 * or -1: a foreign character, bad padding, too long. base64url takes missing padding. */
ptrdiff_t encoding_base64_decode(const char *text, size_t length, uint8_t *ret, size_t size);
ptrdiff_t encoding_base64url_decode(const char *text, size_t length, uint8_t *ret, size_t size);
ptrdiff_t encoding_base16_decode(const char *text, size_t length, uint8_t *ret, size_t size);
/* Nix's base 32 (alphabet 0123456789abcdfghijklmnpqrsvwxyz, last byte first). */
ptrdiff_t encoding_nix32_decode(const char *text, size_t length, uint8_t *ret, size_t size);

/* A digest of SIZE bytes as Nix writes it: base16, its base 32, or base64, which the length tells
 * apart. False for anything else. */
bool encoding_digest_decode(const char *text, size_t length, uint8_t *ret, size_t size);

void encoding_base64_encode(const uint8_t *bytes, size_t length, struct strbuf *out);
void encoding_base16_encode(const uint8_t *bytes, size_t length, struct strbuf *out);
void encoding_nix32_encode(const uint8_t *bytes, size_t length, struct strbuf *out);
