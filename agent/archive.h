/* SPDX-License-Identifier: Zlib */
/* Decompression by libarchive. The only file that names libarchive is archive.c. */
#pragma once

#include <stddef.h>

struct error;
struct strbuf;

/* Takes one zstd, xz or gzip stream of LENGTH bytes and appends what is in it to OUT, which must
 * have room for all of it. Returns 0, or -1 with ERROR: not such a stream, cut or damaged, or more
 * than OUT may hold (OUT then has a part of it). */
int archive_decompress(const void *bytes, size_t length, struct strbuf *out, struct error *error);

/* The library's version, for `spinup version`. */
const char *archive_library_version(void);
