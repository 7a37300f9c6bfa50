/* SPDX-License-Identifier: Zlib */
/* Protocol Buffers' wire format: fields as they are, and messages that break the rules. */
#include <stdlib.h>
#include <string.h>

#include "agent/protobuf.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

#define BYTES(text) (text), sizeof(text) - 1

static const struct message_case {
	const char *bytes;
	size_t length;
	const char *fields; /* "number/wire=value"; ends in "!" where the message is broken */
} cases[] = {
	{BYTES(""), ""},
	{BYTES("\x08\x01"), "1/0=1 "},
	{BYTES("\x08\x96\x01\x10\x00"), "1/0=150 2/0=0 "},
	{BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "1/0=18446744073709551615 "},
	{BYTES("\x12\x03"
	       "abc\x08\x05"),
	 "2/2=abc 1/0=5 "},
	{BYTES("\x12\x00"), "2/2= "},
	{BYTES("\x09"
	       "12345678\x15"
	       "1234"),
	 "1/1 2/5 "},
	{BYTES("\xfa\xff\xff\xff\x0f\x00"), "536870911/2= "},
	/* broken */
	{BYTES("\x08"), "!"},
	{BYTES("\x08\x80"), "!"},
	{BYTES("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "!"},
	{BYTES("\x12\x04"
	       "abc"),
	 "!"},
	{BYTES("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	       "abc"),
	 "!"},
	{BYTES("\x09"
	       "1234567"),
	 "!"},
	{BYTES("\x15"
	       "123"),
	 "!"},
	{BYTES("\x00\x01"), "!"},                 /* field number 0 */
	{BYTES("\x0b\x08\x01\x0c"), "!"},         /* a group */
	{BYTES("\x0e\x01"), "!"},                 /* wire type 6 */
	{BYTES("\x80\x80\x80\x80\x10\x01"), "!"}, /* a field number beyond 29 bits */
	{BYTES("\x08\x01\x12\x09"), "1/0=1 !"},
};

static void describe(const struct protobuf_field *field, struct strbuf *out)
{
	strbuf_printf(out, "%u/%d", field->number, field->wire);
	if (field->wire == PROTOBUF_VARINT)
		strbuf_printf(out, "=%llu", (unsigned long long)field->value);
	if (field->wire == PROTOBUF_BYTES)
		strbuf_printf(out, "=%.*s", (int)field->length, (const char *)field->bytes);
	strbuf_putc(out, ' ');
}

static void reads_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		/* A copy of the exact length, so that the sanitizer sees a byte too many. */
		uint8_t *exact = malloc(cases[i].length ? cases[i].length : 1);
		struct strbuf text = STRBUF_INIT(1024);
		struct protobuf_reader reader;
		struct protobuf_field field;

		memcpy(exact, cases[i].bytes, cases[i].length);
		protobuf_begin(&reader, exact, cases[i].length);
		while (protobuf_next(&reader, &field))
			describe(&field, &text);
		if (reader.is_broken)
			strbuf_putc(&text, '!');
		assert_string_equal(text.data, cases[i].fields);
		assert_false(protobuf_next(&reader, &field)); /* and it stays so */
		strbuf_release(&text);
		free(exact);
	}
}

static void reads_packed_fields(void **state)
{
	struct protobuf_reader reader;
	uint64_t value, sum = 0;

	(void)state;
	protobuf_begin(&reader, (const uint8_t *)"\x01\x96\x01\x02", 4);
	while (protobuf_next_packed(&reader, &value))
		sum += value;
	assert_int_equal(sum, 153);
	assert_false(reader.is_broken);
	protobuf_begin(&reader, (const uint8_t *)"\x01\x96", 2);
	assert_true(protobuf_next_packed(&reader, &value));
	assert_false(protobuf_next_packed(&reader, &value));
	assert_true(reader.is_broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_messages),
		cmocka_unit_test(reads_packed_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
