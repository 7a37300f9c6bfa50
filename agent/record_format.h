/* SPDX-License-Identifier: Zlib */
/* What a frame looks like: for the encoder and decoder (record.c), and for the helper program
 * (probes/vulkan/), which has no C library.
 *
 * A frame is: type (1 byte), flags (1 byte), payload length (2 bytes, little-endian), payload. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define RECORD_HEADER_BYTES 4u
#define RECORD_MAX_PAYLOAD 4080u
#define RECORD_MAX_FRAMES 512u
#define RECORD_MAX_BYTES 65536u
#define RECORD_PHASE_BYTES 112u /* of a phase's name, its end included */

enum record_type {
	RECORD_PHASE = 1, /* text */
	RECORD_FINDING =
		2,       /* ID (2 bytes), subject NUL detail NUL remedy ("" is the catalogue's) */
	RECORD_FACT = 3, /* fact type (1 byte), key NUL, then text, or a number of 8 bytes */
	RECORD_SANDBOX = 4, /* level (1 byte) */
};

enum record_flag { RECORD_FLAG_MORE = 1 }; /* RECORD_FACT: the next frame continues this text */

static inline void record_put_header(uint8_t *frame, enum record_type type, uint8_t flags,
				     size_t payload_length)
{
	frame[0] = (uint8_t)type;
	frame[1] = flags;
	frame[2] = (uint8_t)(payload_length & 0xff);
	frame[3] = (uint8_t)(payload_length >> 8);
}
