/* SPDX-License-Identifier: Zlib */
/* A bounded reader of Protocol Buffers' wire format. */
#include "agent/protobuf.h"

#define MAX_VARINT_BYTES 10u
#define MAX_FIELD_NUMBER ((UINT64_C(1) << 29) - 1)

void protobuf_begin(struct protobuf_reader *reader, const uint8_t *bytes, size_t length)
{
	*reader = (struct protobuf_reader){.at = bytes, .end = bytes + length};
}

static bool fail(struct protobuf_reader *reader)
{
	reader->is_broken = true;
	return false;
}

static size_t left(const struct protobuf_reader *reader)
{
	return (size_t)(reader->end - reader->at);
}

static bool read_varint(struct protobuf_reader *reader, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < MAX_VARINT_BYTES && left(reader); i++) {
		uint8_t byte = *reader->at++;

		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte & 0x80)
			continue;
		*ret = value;
		return true;
	}
	return fail(reader);
}

static bool skip(struct protobuf_reader *reader, size_t count)
{
	if (left(reader) < count)
		return fail(reader);
	reader->at += count;
	return true;
}

static bool read_bytes(struct protobuf_reader *reader, struct protobuf_field *field)
{
	uint64_t length;

	if (!read_varint(reader, &length))
		return false;
	if (length > left(reader))
		return fail(reader);
	field->bytes = reader->at;
	field->length = (size_t)length;
	return skip(reader, field->length);
}

bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret)
{
	uint64_t tag;

	if (reader->is_broken || !left(reader) || !read_varint(reader, &tag))
		return false;
	if (!(tag >> 3) || tag >> 3 > MAX_FIELD_NUMBER)
		return fail(reader);
	*ret = (struct protobuf_field){.number = (uint32_t)(tag >> 3), .wire = tag & 7};
	switch (tag & 7) {
	case PROTOBUF_VARINT:
		return read_varint(reader, &ret->value);
	case PROTOBUF_FIXED64:
		return skip(reader, 8);
	case PROTOBUF_BYTES:
		return read_bytes(reader, ret);
	case PROTOBUF_FIXED32:
		return skip(reader, 4);
	default: /* groups, and what was never defined */
		return fail(reader);
	}
}

bool protobuf_next_packed(struct protobuf_reader *reader, uint64_t *ret)
{
	return !reader->is_broken && left(reader) && read_varint(reader, ret);
}
