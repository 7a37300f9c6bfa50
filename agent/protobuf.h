/* SPDX-License-Identifier: Zlib */
/* A bounded reader of Protocol Buffers' wire format (varints and length-delimited fields). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum protobuf_wire {
	PROTOBUF_VARINT = 0,
	PROTOBUF_FIXED64 = 1,
	PROTOBUF_BYTES = 2, /* strings, messages, packed repeated fields */
	PROTOBUF_FIXED32 = 5,
};

struct protobuf_reader {
	const uint8_t *at;
	const uint8_t *end;
	bool is_broken;
};

struct protobuf_field {
	uint32_t number;
	enum protobuf_wire wire;
	uint64_t value;       /* of a varint; fixed-size values are skipped */
	const uint8_t *bytes; /* of PROTOBUF_BYTES, inside the message */
	size_t length;
};

void protobuf_begin(struct protobuf_reader *reader, const uint8_t *bytes, size_t length);

/* The next field. Returns false at the end, and where the message breaks the rules (is_broken):
 * overlong varints, lengths beyond the end, groups, field number 0. */
bool protobuf_next(struct protobuf_reader *reader, struct protobuf_field *ret);

/* The next varint of a packed repeated field, with the same meaning of false. */
bool protobuf_next_packed(struct protobuf_reader *reader, uint64_t *ret);
