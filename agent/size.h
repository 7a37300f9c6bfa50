/* SPDX-License-Identifier: Zlib */
/* Amounts of bytes as people write them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct strbuf;

/* Reads "8GiB", "8 GiB", "500Mi" or "1048576": a whole number of bytes, KiB, MiB, GiB or TiB, as
 * binary units ("Ki" is Kubernetes' spelling). False for anything else, and beyond 2^63-1. */
bool size_parse(const char *text, int64_t *ret_bytes);

/* Appends BYTES in the largest unit that shows it with at most one decimal: "8 GiB", "1.5 GiB". */
void size_format(struct strbuf *out, int64_t bytes);
