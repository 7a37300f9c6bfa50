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

/* The same for a stream that is read from a descriptor, block by block, within bounded memory: about 35 MB
 * at most, whatever the stream asks for (archive_window.h). */
struct archive_stream;

/* Reads the first bytes of FD (a pipe or a file, left open and not owned). NULL with ERROR: no such stream,
 * or unreadable. archive_stream_close frees; NULL is allowed. */
struct archive_stream *archive_stream_open(int fd, struct error *error);
void archive_stream_close(struct archive_stream *stream);

/* Returns 1 and the next unpacked bytes, at least one, which stay until the next call; 0 when the stream
 * ended properly and FD did, too; or -1 with ERROR: cut, damaged, a window above 32 MiB (the figure is
 * named, in whichever frame or block), something behind the stream's end. */
int archive_stream_read(struct archive_stream *stream, const void **ret_bytes, size_t *ret_length,
			struct error *error);

/* The library's version, for `spinup version`. */
const char *archive_library_version(void);
