/* SPDX-License-Identifier: Zlib */
/* The other side of one HTTP/2 request, by hand: just enough to answer gRPC well or badly. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct h2_answer {
	const char *headers; /* "name: value\n…", in lower case */
	const char *data;    /* NULL: none */
	size_t data_length;
	const char *trailers; /* NULL: the stream ends with what stands before */
	int is_reset;         /* RST_STREAM(INTERNAL_ERROR) instead of an end */
	int is_cut;           /* the connection is closed instead of an end */
	int is_stalled;       /* nothing comes instead of an end */
	int is_confirmed; /* RST_STREAM(NO_ERROR) behind the end, as servers send that read no body */
};

/* Where bytes go and come from: a socket, or TLS on one. */
struct h2_wire {
	ssize_t (*read)(void *data, void *bytes, size_t length);
	void (*write)(void *data, const void *bytes, size_t length);
	void *data;
};

/* Reads one request, and answers it. */
void h2_serve(const struct h2_wire *wire, const struct h2_answer *answer);

/* The same on a plain socket. */
void h2_serve_fd(int fd, const struct h2_answer *answer);
