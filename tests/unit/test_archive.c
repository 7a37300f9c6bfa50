/* SPDX-License-Identifier: Zlib */
/* Decompression: what the usual tools packed, and streams that are cut, damaged or too large. */
#include <stdlib.h>
#include <string.h>

#include "agent/archive.h"
#include "agent/encoding.h"
#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

/* 2,000 times "spinup\n", as zstd -19, xz -9 and gzip -9 packed it. */
#define TEXT "spinup\n"
#define TIMES 2000u

static const struct stream {
	const char *name, *base64;
} streams[] = {
	{"zstd", "KLUv/QRofQAAOHNwaW51cAoBAKZWfDECDd7RIw=="},
	{"xz",
	 "/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4DavADtdADmcCVaMGu0aJTKbrav2NyEeo5Gkmh9PWNHhn25csepNFZivMUZIc7edqe3DSippSfWCRdX66/+azTAAAACO1kvohFBcmAABV7BtAAAAWMtVC7HEZ/sCAAAAAARZWg=="},
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
		cmocka_unit_test(knows_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
