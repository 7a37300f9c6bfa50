/* SPDX-License-Identifier: Zlib */
/* Windows: what headers say, header by header, however the bytes are cut. */
#include <string.h>

#include "agent/archive_window.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define ZSTD "\x28\xB5\x2F\xFD"
#define XZ                                                                                         \
	"\xFD"                                                                                     \
	"7zXZ\0"
#define CRC "\0\0\0\0" /* is left to the decoder */
#define BYTES(text) (text), sizeof(text) - 1

static int feed(enum packing packing, const void *bytes, size_t length, size_t piece,
		struct error *error)
{
	struct archive_window window;
	const char *next = bytes;

	archive_window_init(&window, packing);
	for (size_t at = 0; at < length; at += piece) {
		size_t count = length - at < piece ? length - at : piece;

		if (archive_window_feed(&window, next + at, count, error) < 0)
			return -1;
	}
	return 0;
}

static void tells_packings(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		enum packing expected;
	} cases[] = {
		{BYTES(ZSTD), PACKING_ZSTD},
		{BYTES("\x50\x2A\x4D\x18"), PACKING_ZSTD}, /* a frame to be skipped */
		{BYTES("\x5F\x2A\x4D\x18"), PACKING_ZSTD},
		{BYTES("\x60\x2A\x4D\x18"), PACKING_NONE},
		{BYTES("\x28\xB5\x2F"), PACKING_NONE},
		{BYTES("\x27\xB5\x2F\xFD"), PACKING_NONE}, /* zstd 0.7 */
		{BYTES(XZ), PACKING_XZ},
		{BYTES("\xFD"
		       "7zXZ"),
		 PACKING_NONE},
		{BYTES("\x1F\x8B"), PACKING_GZIP},
		{BYTES("\x1F"), PACKING_NONE},
		{BYTES("BZh91A"), PACKING_NONE},
		{BYTES(""), PACKING_NONE},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_int_equal(packing_of(cases[i].bytes, cases[i].length), cases[i].expected);
}

/* clang-format off */
static const struct {
	enum packing packing;
	const char *bytes;
	size_t length;
	const char *expected; /* part of the error */
} header_cases[] = {
	/* Frame_Header_Descriptor, Window_Descriptor. */
	{PACKING_ZSTD, BYTES(ZSTD "\x00\x00"), ""},
	{PACKING_ZSTD, BYTES(ZSTD "\x00\x78"), ""},                 /* 2^25 */
	{PACKING_ZSTD, BYTES(ZSTD "\x00\x79"), "36 MiB; at most 32"}, /* 9/8 of it */
	{PACKING_ZSTD, BYTES(ZSTD "\x00\x80"), "64 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\x00\x88"), "128 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\x00\xFF"), "3932160 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\x04\x88"), "128 MiB"},             /* a checksum */
	{PACKING_ZSTD, BYTES(ZSTD "\x03\x88\1\2\3\4"), "128 MiB"},     /* a dictionary */
	{PACKING_ZSTD, BYTES(ZSTD "\x80\x88\1\2\3\4"), "128 MiB"},     /* a size */
	{PACKING_ZSTD, BYTES(ZSTD "\x08\x00"), "damaged"},               /* a reserved bit */
	/* A single segment: its size is its window. */
	{PACKING_ZSTD, BYTES(ZSTD "\x20\xFF"), ""},
	{PACKING_ZSTD, BYTES(ZSTD "\x60\xFF\xFF"), ""},
	{PACKING_ZSTD, BYTES(ZSTD "\xA0\0\0\0\x02"), ""},
	{PACKING_ZSTD, BYTES(ZSTD "\xA0\1\0\0\x02"), "33 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\xE1\7\0\0\0\0\1\0\0\0"), "4096 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\xE0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
	 "17592186044416 MiB"},
	/* Behind a frame of one block; behind one with a checksum; behind what is skipped. */
	{PACKING_ZSTD, BYTES(ZSTD "\0\0\x11\0\0ab" ZSTD "\0\x88"), "128 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\0\0\x10\0\0ab\x03\xFF\xFFx" ZSTD "\0\x88"), "128 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\4\0\x11\0\0abSUMS" ZSTD "\0\x88"), "128 MiB"},
	{PACKING_ZSTD, BYTES("\x51\x2A\x4D\x18\3\0\0\0abc" ZSTD "\0\x88"), "128 MiB"},
	{PACKING_ZSTD, BYTES(ZSTD "\0\0\x11\0\0abZSTD"), "damaged"},
	{PACKING_ZSTD, BYTES(ZSTD "\0\0\x07\0\0"), "damaged"}, /* a reserved type */

	/* Stream flags; a block's size, flags, filters; the dictionary is 2^25, then 3 * 2^24. */
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\x1A\0\0\0" CRC), ""},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\x1B\0\0\0" CRC), "48 MiB; at most 32"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\x1C\0\0\0" CRC), "64 MiB"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\x28\0\0\0" CRC), "4096 MiB"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\x29\0\0\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\xC0\x81\1\5\x21\1\x1C" CRC), "64 MiB"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\1\4\0\x21\1\x1C\0" CRC), "64 MiB"}, /* x86 */
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\1\3\1\0\x21\1\x1C" CRC), "64 MiB"}, /* delta */
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\1\x21\1\0\x21\1\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\3\1\0\0\0\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\x7F\0\0\0\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\1\0\x21\1" CRC), "damaged"}, /* too short */
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\4\x21\1\0\0\0\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\1\1" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\x10" CRC), "damaged"},
	{PACKING_XZ, BYTES("\xFD" "7zXY\0\0\1" CRC), "damaged"},
	/* Chunks: three bytes as they are, two packed with their properties; then a CRC32 and a
	 * second block. */
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\0\0\0\0" CRC "\1\0\2abc"
			      "\xC0\0\0\0\1pab" "\0\0" CRC "\2\0\x21\1\x1C\0\0\0" CRC),
	 "64 MiB"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\0\0\0\0" CRC "\3"), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\1" CRC "\2\0\x21\1\0\0\0\0" CRC "\x7F"), "damaged"},
	/* An index of one record, the footer, four zeros, and a second stream. */
	{PACKING_XZ, BYTES(XZ "\0\0" CRC "\0\1\x81\1\5\0\0\0" CRC "FOOTERFOOTER" "\0\0\0\0"
			      XZ "\0\1" CRC "\2\0\x21\1\x1C\0\0\0" CRC),
	 "64 MiB"},
	{PACKING_XZ, BYTES(XZ "\0\0" CRC "\0\0\0\0" CRC "FOOTERFOOTER" XZ "\1\0" CRC), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\0" CRC "\0\0\0\0" CRC "FOOTERFOOTER" "garbage garb"), "damaged"},
	{PACKING_XZ, BYTES(XZ "\0\0" CRC "\0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), "damaged"},

	{PACKING_GZIP, BYTES("anything at all"), ""},
};
/* clang-format on */

static void judges_headers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(header_cases); i++)
		for (size_t piece = 1; piece <= 8; piece *= 2) {
			struct error error = {0};
			int result = feed(header_cases[i].packing, header_cases[i].bytes,
					  header_cases[i].length, piece, &error);

			if (result != (*header_cases[i].expected ? -1 : 0) ||
			    !strstr(error.message, header_cases[i].expected))
				fail_msg("case %zu, pieces of %zu: %d, \"%s\"", i, piece, result,
					 error.message);
		}
}

/* Real streams, with all that follows their headers. */
static void check_fixture(const char *name)
{
	CLEANUP_STRBUF struct strbuf archive = STRBUF_INIT(65536);
	struct error error = {0};

	fixture_read("unpack", name, "archive", &archive);
	for (size_t piece = 1; piece < 2000; piece = piece * 3 + 1) {
		enum packing packing = packing_of(archive.data, archive.length);

		assert_int_not_equal(packing, PACKING_NONE);
		if (feed(packing, archive.data, archive.length, piece, &error) < 0)
			fail_msg("%s, pieces of %zu: %s", name, piece, error.message);
	}
}

static void walks_through_what_tools_packed(void **state)
{
	(void)state;
	fixture_each("unpack", 4, check_fixture);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_packings),
		cmocka_unit_test(judges_headers),
		cmocka_unit_test(walks_through_what_tools_packed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
