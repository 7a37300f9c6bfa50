/* SPDX-License-Identifier: Zlib */
/* Remote Execution API messages: what bazel-remote says, and what is no such message. */
#include <string.h>

#include "agent/encoding.h"
#include "agent/reapi.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

/* As bazel-remote encodes its answer. */
#define BAZEL_REMOTE                                                                               \
	"0a1f0a0101120208011a020a0028023201013a010140ffffffffffffffff7f5001220208022a0408021003"

static int decode(const char *hex, struct reapi_capabilities *ret)
{
	uint8_t bytes[256];
	ptrdiff_t length = encoding_base16_decode(hex, strlen(hex), bytes, sizeof(bytes));

	assert_true(length >= 0);
	return reapi_decode_capabilities(bytes, (size_t)length, ret);
}

static void decodes_bazel_remote(void **state)
{
	struct reapi_capabilities can;

	(void)state;
	assert_int_equal(decode(BAZEL_REMOTE, &can), 0);
	assert_true(can.has_cache);
	assert_false(can.has_execution);
	assert_true(can.is_update_enabled);
	assert_int_equal(can.digest_functions, 1u << REAPI_SHA256);
	assert_int_equal(can.compressors, 1u << REAPI_ZSTD);
	assert_int_equal(can.batch_compressors, 1u << REAPI_ZSTD);
	assert_int_equal(can.max_batch_bytes, 0);
	assert_true(can.max_blob_bytes == INT64_MAX);
	assert_true(can.low.is_present && can.high.is_present);
	assert_int_equal(can.low.major, 2);
	assert_int_equal(can.low.minor, 0);
	assert_int_equal(can.high.major, 2);
	assert_int_equal(can.high.minor, 3);
}

static void survives_every_cut(void **state)
{
	char hex[] = BAZEL_REMOTE;
	struct reapi_capabilities can;

	(void)state;
	/* A cut between two fields leaves a whole message; inside one it never does. */
	for (size_t length = strlen(hex) - 2; length; length -= 2) {
		bool is_boundary = length == 33 * 2 || length == 37 * 2;

		hex[length] = '\0';
		assert_int_equal(decode(hex, &can), is_boundary ? 0 : -1);
	}
}

static void judges_messages(void **state)
{
	static const struct {
		const char *hex;
		int result;
		uint32_t digests;
		bool is_update_enabled;
	} cases[] = {
		{"", 0, 0, false},
		{"0a00", 0, 0, false},
		{"0a0208010a020809", 0, 1u << 1 | 1u << 9, false}, /* not packed; two parts merge */
		{"0a040a020109", 0, 1u << 1 | 1u << 9, false},
		{"0a0412020801", 0, 0, true},
		{"0a0412020800", 0, 0, false},
		{"0a080a06ffffffff0f01", 0, 1u << 1, false}, /* a number that we do not know */
		{"0805", -1, 0, false},                      /* the cache is no message */
		{"0a021005", -1, 0, false},                  /* nor is the update flag */
		{"0a030a0180", -1, 0, false},                /* a packed list that is cut */
		{"0a022000", 0, 0, false},
		{"0a022200", -1, 0, false}, /* a size that is no number */
		{"2005", -1, 0, false},     /* a version that is no message */
		{"1005", -1, 0, false},     /* an executor that is none */
		{"3c21444f43545950453e", -1, 0, false},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct reapi_capabilities can = {0};

		if (decode(cases[i].hex, &can) != cases[i].result ||
		    can.digest_functions != cases[i].digests ||
		    can.is_update_enabled != cases[i].is_update_enabled)
			fail_msg("%s: digests %x", cases[i].hex, can.digest_functions);
	}
}

static void decodes_health(void **state)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *name; /* NULL: refused */
	} cases[] = {
		{"\x08\x01", 2, "SERVING"},
		{"\x08\x02", 2, "NOT_SERVING"},
		{"\x08\x03", 2, "SERVICE_UNKNOWN"},
		{"", 0, "UNKNOWN"},
		{"\x08\x04", 2, NULL},
		{"\x08", 1, NULL},
		{"\x08\xff\xff\xff\xff\x0f", 6, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const char *name = NULL;
		int result = reapi_decode_health((const uint8_t *)cases[i].bytes, cases[i].length,
						 &name);

		assert_int_equal(result, cases[i].name ? 0 : -1);
		assert_string_equal(name ? name : "-", cases[i].name ? cases[i].name : "-");
	}
}

static void names_sets(void **state)
{
	struct strbuf digests = STRBUF_INIT(256), compressors = STRBUF_INIT(256);

	(void)state;
	reapi_digest_names(1u << 1 | 1u << 9 | 1u << 31, &digests);
	assert_string_equal(digests.data, "sha256\nblake3");
	reapi_compressor_names(1u << 0 | 1u << 1 | 1u << 3, &compressors);
	assert_string_equal(compressors.data, "zstd\nbrotli");
	strbuf_release(&digests);
	strbuf_release(&compressors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_bazel_remote), cmocka_unit_test(survives_every_cut),
		cmocka_unit_test(judges_messages),      cmocka_unit_test(decodes_health),
		cmocka_unit_test(names_sets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
