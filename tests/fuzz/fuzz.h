/* SPDX-License-Identifier: Zlib */
/* What the fuzz targets share: each reads one outside format, from the fixtures of the same name and
 * from whatever libFuzzer makes of them. A false promise of a parser is a crash, as a bad access is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct root;

/* libFuzzer's entry. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The input as a string that ends where its memory ends; what follows a NUL is out of reach. The
 * caller frees. */
char *fuzz_text(const uint8_t *bytes, size_t length);

/* The machine's own root, opened once. */
const struct root *fuzz_root(void);

/* A path at which the input can be read as a regular file; valid until the next call. */
const char *fuzz_file(const uint8_t *bytes, size_t length);

/* Fills the COUNT files at PATHS below the directory AT from the input, in which they stand one after
 * another, a NUL between them. */
void fuzz_files(int at, const char *const *paths, size_t count, const uint8_t *bytes,
		size_t length);

/* Aborts where a promise does not hold, which libFuzzer reports with the input. */
void fuzz_expect(bool holds, const char *promise);
