/* SPDX-License-Identifier: Zlib */
/* Decompression: what the usual tools packed, and streams that are cut, damaged or too large. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/archive.h"
#include "agent/cleanup.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/tarball.h"
#include "tests/unit/zstd_raw.h"

/* 2,000 times "spinup\n", as zstd -19, xz -6 and gzip -9 packed it. */
#define TEXT "spinup\n"
#define TIMES 2000u

static const struct stream {
	const char *name, *base64;
} streams[] = {
	{"zstd", "KLUv/QRofQAAOHNwaW51cAoBAKZWfDECDd7RIw=="},
	{"xz",
	 "/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4DavADtdADmcCVaMGu0aJTKbrav2NyEeo5Gkmh9PWNHhn25csepNFZivMUZIc7edqe3DSippSfWCRdX66/+azTAAAACO1kvohFBcmAABV7BtAAAAWMtVC7HEZ/sCAAAAAARZWg=="},
	{"gzip",
	 "H4sIAAAAAAACA+3FoQkAAAgAsO6nFhHE/z3CupVNZ23HSJIkSZIkSZIkSZIkSZIkSZIkSZL06QBVdiDFsDYAAA=="},
};

struct packed {
	uint8_t *bytes; /* of the exact length, so that the sanitizer sees a byte too many */
	size_t length;
};

static void unpack_text(const char *base64, struct packed *ret)
{
	uint8_t bytes[1024];
	ptrdiff_t length = encoding_base64_decode(base64, strlen(base64), bytes, sizeof(bytes));

	assert_true(length > 0);
	ret->length = (size_t)length;
	ret->bytes = malloc(ret->length);
	memcpy(ret->bytes, bytes, ret->length);
}

static void unpacks(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct strbuf out = STRBUF_INIT(TIMES * strlen(TEXT)); /* exactly enough */
		struct packed packed;
		struct error error = {0};

		unpack_text(streams[i].base64, &packed);
		if (archive_decompress(packed.bytes, packed.length, &out, &error) != 0)
			fail_msg("%s: %s", streams[i].name, error.message);
		assert_int_equal(out.length, TIMES * strlen(TEXT));
		for (size_t j = 0; j < TIMES; j++)
			assert_memory_equal(out.data + j * strlen(TEXT), TEXT, strlen(TEXT));
		strbuf_release(&out);
		free(packed.bytes);
	}
}

static void bounds_output(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct strbuf out = STRBUF_INIT(TIMES * strlen(TEXT) - 1);
		struct packed packed;
		struct error error = {0};

		unpack_text(streams[i].base64, &packed);
		assert_int_equal(archive_decompress(packed.bytes, packed.length, &out, &error), -1);
		assert_non_null(strstr(error.message, "more than 13999 bytes"));
		strbuf_release(&out);
		free(packed.bytes);
	}
}

/* The reader may be content before the last checksum, but never before the last byte of the text. */
static void check_cut(const struct stream *stream, const struct packed *packed, size_t length)
{
	struct strbuf out = STRBUF_INIT(1u << 20);
	int result = archive_decompress(packed->bytes, length, &out, NULL);

	if (result == 0 && out.length != TIMES * strlen(TEXT))
		fail_msg("%s cut to %zu bytes: %zu came", stream->name, length, out.length);
	if (length < packed->length / 2)
		assert_int_equal(result, -1);
	strbuf_release(&out);
}

static void refuses_cut_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct packed packed;

		unpack_text(streams[i].base64, &packed);
		for (size_t length = 0; length < packed.length; length++)
			check_cut(&streams[i], &packed, length);
		free(packed.bytes);
	}
}

static void refuses_other_things(void **state)
{
	static const char *const others[] = {"", "x", "plain text, packed by nobody", "\x1f\x8b"};

	(void)state;
	for (size_t i = 0; i < COUNT(others); i++) {
		struct strbuf out = STRBUF_INIT(1000);
		struct error error = {0};

		assert_int_equal(archive_decompress(others[i], strlen(others[i]), &out, &error),
				 -1);
		assert_true(*error.message);
		strbuf_release(&out);
	}
}

static void refuses_damaged_streams(void **state)
{
	unsigned int refused = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct packed packed;

		unpack_text(streams[i].base64, &packed);
		for (size_t at = 0; at < packed.length; at++) {
			struct strbuf out = STRBUF_INIT(1u << 20);

			packed.bytes[at] ^= 0x10;
			refused += archive_decompress(packed.bytes, packed.length, &out, NULL) != 0;
			packed.bytes[at] ^= 0x10;
			strbuf_release(&out);
		}
		free(packed.bytes);
	}
	assert_true(refused > 50); /* bytes such as gzip's time stamp mean nothing */
}

/* ---- the same from a descriptor */

/* Reads BYTES as a stream; OUT gets what comes. */
static int read_stream(const void *bytes, size_t length, struct strbuf *out, struct error *error)
{
	CLEANUP_CLOSE int fd = tarball_open_stream(bytes, length);
	struct archive_stream *stream = archive_stream_open(fd, error);
	const void *piece;
	size_t piece_length;
	int result = -1;

	while (stream && (result = archive_stream_read(stream, &piece, &piece_length, error)) > 0)
		strbuf_add(out, piece, piece_length);
	archive_stream_close(stream);
	return result;
}

static void streams_from_a_descriptor(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct strbuf out = STRBUF_INIT(1u << 20);
		struct packed packed;
		struct error error = {0};

		unpack_text(streams[i].base64, &packed);
		if (read_stream(packed.bytes, packed.length, &out, &error) != 0)
			fail_msg("%s: %s", streams[i].name, error.message);
		assert_int_equal(out.length, TIMES * strlen(TEXT));
		assert_memory_equal(out.data + out.length - strlen(TEXT), TEXT, strlen(TEXT));
		strbuf_release(&out);
		free(packed.bytes);
	}
}

/* What archive_decompress may be content with is cut here. */
static void check_other_lengths(const struct stream *stream)
{
	struct strbuf out = STRBUF_INIT(1u << 20), longer = STRBUF_INIT(2048);
	struct packed packed;

	unpack_text(stream->base64, &packed);
	for (size_t length = 0; length < packed.length; length++) {
		struct error error = {0};

		if (read_stream(packed.bytes, length, &out, &error) != -1)
			fail_msg("%s was cut to %zu bytes", stream->name, length);
		assert_true(*error.message);
	}
	strbuf_add(&longer, packed.bytes, packed.length);
	for (size_t more = 1; more < 20; more++) {
		strbuf_putc(&longer, 'x');
		assert_int_equal(read_stream(longer.data, longer.length, &out, NULL), -1);
	}
	strbuf_release(&longer);
	strbuf_release(&out);
	free(packed.bytes);
}

static void refuses_cut_and_longer_streams(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++)
		check_other_lengths(&streams[i]);
}

static void streams_follow_each_other(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(streams); i++) {
		struct strbuf out = STRBUF_INIT(1u << 20), twice = STRBUF_INIT(2048);
		struct packed packed;
		struct error error = {0};

		unpack_text(streams[i].base64, &packed);
		strbuf_add(&twice, packed.bytes, packed.length);
		strbuf_add(&twice, packed.bytes, packed.length);
		if (read_stream(twice.data, twice.length, &out, &error) != 0)
			fail_msg("%s: %s", streams[i].name, error.message);
		assert_int_equal(out.length, 2 * TIMES * strlen(TEXT));
		strbuf_release(&twice);
		strbuf_release(&out);
		free(packed.bytes);
	}
}

/* The second frame is refused before its window is taken; what is packed twice stays packed once. */
static void looks_at_every_window(void **state)
{
	struct strbuf out = STRBUF_INIT(1u << 20), stream = STRBUF_INIT(2048);
	struct strbuf inner = STRBUF_INIT(2048);
	struct error error = {0};

	(void)state;
	zstd_raw_frame(&stream, TEXT, strlen(TEXT));
	zstd_raw_begin(&stream, 0x88);
	zstd_raw_block(&stream, 1, ZSTD_BLOCK_MAX, 1);
	strbuf_putc(&stream, 'x');
	assert_int_equal(read_stream(stream.data, stream.length, &out, &error), -1);
	assert_non_null(strstr(error.message, "a window of 128 MiB; at most 32 MiB are allowed"));

	strbuf_add(&inner, stream.data + stream.length - 10, 10);
	strbuf_clear(&stream);
	strbuf_clear(&out);
	zstd_raw_frame(&stream, inner.data, inner.length);
	assert_int_equal(read_stream(stream.data, stream.length, &out, &error), 0);
	assert_int_equal(out.length, inner.length);
	assert_memory_equal(out.data, inner.data, inner.length);
	strbuf_release(&inner);
	strbuf_release(&stream);
	strbuf_release(&out);
}

static void says_what_cannot_be_read(void **state)
{
	CLEANUP_CLOSE int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct error error = {0};

	(void)state;
	assert_null(archive_stream_open(directory, &error));
	assert_string_equal(error.message, "the archive cannot be read: Is a directory");
	archive_stream_close(NULL);
}

static void knows_its_version(void **state)
{
	(void)state;
	assert_int_equal(archive_library_version()[0], '3');
	assert_int_equal(archive_library_version()[1], '.');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unpacks),
		cmocka_unit_test(bounds_output),
		cmocka_unit_test(refuses_cut_streams),
		cmocka_unit_test(refuses_other_things),
		cmocka_unit_test(refuses_damaged_streams),
		cmocka_unit_test(streams_from_a_descriptor),
		cmocka_unit_test(refuses_cut_and_longer_streams),
		cmocka_unit_test(streams_follow_each_other),
		cmocka_unit_test(looks_at_every_window),
		cmocka_unit_test(says_what_cannot_be_read),
		cmocka_unit_test(knows_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
