/* SPDX-License-Identifier: Zlib */
/* base64, base64url, base16 and Nix's base 32, both ways. */
#include <stdlib.h>
#include <string.h>

#include "agent/encoding.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

typedef ptrdiff_t decoder(const char *text, size_t length, uint8_t *ret, size_t size);

#define BAD NULL

struct decoding {
	decoder *decode;
	const char *text;
	const char *bytes; /* BAD: refused */
};

static const struct decoding decodings[] = {
	/* RFC 4648, section 10 */
	{encoding_base64_decode, "", ""},
	{encoding_base64_decode, "Zg==", "f"},
	{encoding_base64_decode, "Zm8=", "fo"},
	{encoding_base64_decode, "Zm9v", "foo"},
	{encoding_base64_decode, "Zm9vYmFy", "foobar"},
	{encoding_base64_decode, "Zg=", BAD},
	{encoding_base64_decode, "Zg", BAD},
	{encoding_base64_decode, "Zh==", BAD}, /* leftover bits */
	{encoding_base64_decode, "Zm9=", BAD},
	{encoding_base64_decode, "Z===", BAD},
	{encoding_base64_decode, "====", BAD},
	{encoding_base64_decode, "Zm 9", BAD},
	{encoding_base64_decode, "Zm9v\n", BAD},
	{encoding_base64_decode, "Zg==Zg==", BAD},
	{encoding_base64_decode, "-_-_", BAD},
	{encoding_base64url_decode, "Zg", "f"},
	{encoding_base64url_decode, "Zg==", "f"},
	{encoding_base64url_decode, "Zg=", BAD},
	{encoding_base64url_decode, "Zm8", "fo"},
	{encoding_base64url_decode, "-_--", "\xfb\xff\xbe"},
	{encoding_base64url_decode, "Z", BAD},
	{encoding_base64url_decode, "+/+/", BAD},
	{encoding_base16_decode, "666f6f", "foo"},
	{encoding_base16_decode, "666", BAD},
	{encoding_base16_decode, "6G", BAD},
	{encoding_base16_decode, "6F", BAD}, /* Nix writes lower case alone */
	{encoding_nix32_decode, "", ""},
	{encoding_nix32_decode, "36", "f"},
	{encoding_nix32_decode, "6yvv6", "foo"},
	{encoding_nix32_decode, "6yvve", BAD}, /* no 'e' in the alphabet */
	{encoding_nix32_decode, "z6", BAD},    /* leftover bits */
	{encoding_nix32_decode, "6", BAD},     /* no number of bytes has one digit */
};

static void decoders_are_strict(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(decodings); i++) {
		const struct decoding *row = &decodings[i];
		uint8_t bytes[64];
		ptrdiff_t size = row->decode(row->text, strlen(row->text), bytes, sizeof(bytes));

		print_message("%s\n", row->text);
		if (row->bytes == BAD) {
			assert_int_equal(size, -1);
			continue;
		}
		assert_int_equal(size, strlen(row->bytes));
		assert_memory_equal(bytes, row->bytes, strlen(row->bytes));
	}
}

static void the_buffer_is_never_overrun(void **state)
{
	uint8_t bytes[2] = {0};

	(void)state;
	assert_int_equal(encoding_base64_decode("Zm9v", 4, bytes, 2), -1);
	assert_int_equal(encoding_base64url_decode("Zm9v", 4, bytes, 2), -1);
	assert_int_equal(encoding_base16_decode("666f6f", 6, bytes, 2), -1);
	assert_int_equal(encoding_nix32_decode("6yvv6", 5, bytes, 2), -1);
}

static void encoders_come_back(void **state)
{
	uint8_t bytes[33], back[33];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37 + 11);
	for (size_t size = 0; size <= sizeof(bytes); size++) {
		struct strbuf text = STRBUF_INIT(200);

		encoding_base64_encode(bytes, size, &text);
		assert_int_equal(encoding_base64_decode(text.data, text.length, back, 33), size);
		assert_memory_equal(back, bytes, size);
		strbuf_clear(&text);
		encoding_base16_encode(bytes, size, &text);
		assert_int_equal(encoding_base16_decode(text.data, text.length, back, 33), size);
		assert_memory_equal(back, bytes, size);
		strbuf_clear(&text);
		encoding_nix32_encode(bytes, size, &text);
		assert_int_equal(text.length, (size * 8 + 4) / 5);
		assert_int_equal(encoding_nix32_decode(text.data, text.length, back, 33), size);
		assert_memory_equal(back, bytes, size);
		strbuf_release(&text);
	}
}

/* A NAR hash in both of the forms that a narinfo may have. */
static void nix32_is_nix_s(void **state)
{
	static const char base16[] =
		"91e129ac1959d062ad093d2b1f8b65afae0f712056fe3eac78ec530ff6a1bb9a";
	static const char nix32[] = "16mvl7v0ylzcg2n3xzjn41qhzbmgcn5iyarx16nn5l2r36n2kqci";
	struct strbuf text = STRBUF_INIT(100);
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(encoding_base16_decode(base16, 64, bytes, 32), 32);
	encoding_nix32_encode(bytes, 32, &text);
	assert_string_equal(text.data, nix32);
	strbuf_release(&text);
}

/* The same digest in each form that Nix writes. */
static void digests_are_told_apart_by_length(void **state)
{
	static const struct {
		const char *text;
		bool is_digest;
	} rows[] = {
		{"91e129ac1959d062ad093d2b1f8b65afae0f712056fe3eac78ec530ff6a1bb9a", true},
		{"16mvl7v0ylzcg2n3xzjn41qhzbmgcn5iyarx16nn5l2r36n2kqci", true},
		{"keEprBlZ0GKtCT0rH4tlr64PcSBW/j6seOxTD/ahu5o=", true},
		{"keEprBlZ0GKtCT0rH4tlr64PcSBW/j6seOxTD/ahu5o", false},
		{"keEprBlZ0GKtCT0rH4tlr64PcSBW/j6seOxTD/ahuw==", false},
		{"16mvl7v0ylzcg2n3xzjn41qhzbmgcn5iyarx16nn5l2r36n2kqce", false},
		{"91e129ac1959d062ad093d2b1f8b65afae0f712056fe3eac78ec530ff6a1bb9g", false},
		{"91e129ac1959d062ad093d2b1f8b65afae0f712056fe3eac78ec530ff6a1bb", false},
		{"", false},
	};
	uint8_t first[32], bytes[32];

	(void)state;
	assert_int_equal(encoding_base16_decode(rows[0].text, 64, first, 32), 32);
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t length = strlen(rows[i].text);

		print_message("%s\n", rows[i].text);
		assert_int_equal(encoding_digest_decode(rows[i].text, length, bytes, 32),
				 rows[i].is_digest);
		if (rows[i].is_digest)
			assert_memory_equal(bytes, first, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decoders_are_strict),
		cmocka_unit_test(the_buffer_is_never_overrun),
		cmocka_unit_test(encoders_come_back),
		cmocka_unit_test(nix32_is_nix_s),
		cmocka_unit_test(digests_are_told_apart_by_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
