/* SPDX-License-Identifier: Zlib */
/* The other side of one HTTP/2 request (RFC 9113), by hand. */
#include "tests/unit/h2_server.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/tiny_server.h"

#define PREFACE_BYTES 24u
#define HEAD_BYTES 9u

enum frame_type { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4 };

struct buffer {
	uint8_t bytes[16384];
	size_t length;
};

static void add_frame(struct buffer *out, enum frame_type type, int flags, const void *payload,
		      size_t length)
{
	const uint8_t head[HEAD_BYTES] = {(uint8_t)(length >> 16),
					  (uint8_t)(length >> 8),
					  (uint8_t)length,
					  (uint8_t)type,
					  (uint8_t)flags,
					  0,
					  0,
					  0,
					  type == SETTINGS ? 0 : 1};

	memcpy(out->bytes + out->length, head, HEAD_BYTES);
	memcpy(out->bytes + out->length + HEAD_BYTES, payload, length);
	out->length += HEAD_BYTES + length;
}

/* "name: value\n" lines as literals without indexing and without Huffman coding (RFC 7541, 6.2.2). */
static size_t pack_headers(const char *lines, uint8_t *ret)
{
	size_t used = 0;

	while (*lines) {
		size_t name = 1 + strcspn(lines + 1, ":"); /* ":status" begins with one */
		size_t value = strcspn(lines + name + 2, "\n");

		ret[used++] = 0;
		ret[used++] = (uint8_t)name;
		memcpy(ret + used, lines, name);
		used += name;
		ret[used++] = (uint8_t)value;
		memcpy(ret + used, lines + name + 2, value);
		used += value;
		lines += name + 2 + value + 1;
	}
	return used;
}

static void add_headers(struct buffer *out, const char *lines, int flags)
{
	uint8_t block[4096];

	add_frame(out, HEADERS, END_HEADERS | flags, block, pack_headers(lines, block));
}

static void add_answer(struct buffer *out, const struct h2_answer *answer)
{
	static const uint8_t internal_error[4] = {0, 0, 0, 2}, no_error[4] = {0};
	int is_open = answer->is_reset || answer->is_cut || answer->is_stalled;
	int end = is_open ? 0 : END_STREAM;

	add_headers(out, answer->headers, answer->data || answer->trailers ? 0 : end);
	if (answer->data)
		add_frame(out, DATA, answer->trailers ? 0 : end, answer->data, answer->data_length);
	if (answer->trailers)
		add_headers(out, answer->trailers, end);
	if (answer->is_reset)
		add_frame(out, RST_STREAM, 0, internal_error, sizeof(internal_error));
	if (answer->is_confirmed)
		add_frame(out, RST_STREAM, 0, no_error, sizeof(no_error));
}

/* Whether the request is whole: a frame of stream 1 that ends it. */
static int has_request(const struct buffer *in)
{
	size_t at = PREFACE_BYTES;

	while (at + HEAD_BYTES <= in->length) {
		const uint8_t *head = in->bytes + at;
		size_t length = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];

		if (at + HEAD_BYTES + length > in->length)
			return 0;
		if (head[3] <= HEADERS && head[4] & END_STREAM)
			return 1;
		at += HEAD_BYTES + length;
	}
	return 0;
}

void h2_serve(const struct h2_wire *wire, const struct h2_answer *answer)
{
	struct buffer in = {.length = 0}, out = {.length = 0};
	char byte;

	while (!has_request(&in)) {
		ssize_t length =
			wire->read(wire->data, in.bytes + in.length, sizeof(in.bytes) - in.length);

		if (length <= 0)
			return;
		in.length += (size_t)length;
	}
	add_frame(&out, SETTINGS, 0, "", 0);
	add_frame(&out, SETTINGS, ACK, "", 0);
	add_answer(&out, answer);
	wire->write(wire->data, out.bytes, out.length);
	if (answer->is_cut)
		return;
	while (wire->read(wire->data, &byte, 1) > 0)
		; /* until the client has heard it all */
}

static ssize_t read_fd(void *data, void *bytes, size_t length)
{
	return read(*(int *)data, bytes, length);
}

static void write_fd(void *data, const void *bytes, size_t length)
{
	tiny_write(*(int *)data, bytes, length);
}

void h2_serve_fd(int fd, const struct h2_answer *answer)
{
	const struct h2_wire wire = {read_fd, write_fd, &fd};

	h2_serve(&wire, answer);
}
