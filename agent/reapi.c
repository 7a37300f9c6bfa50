/* SPDX-License-Identifier: Zlib */
/* Messages of Bazel's Remote Execution API, version 2. */
#include "agent/reapi.h"

#include "agent/protobuf.h"
#include "agent/strbuf.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int64_t to_signed(uint64_t value)
{
	return value > INT64_MAX ? 0 : (int64_t)value;
}

/* A repeated enum comes packed from proto3, one by one from others; numbers that are unknown to us
 * do no harm. */
static bool add_to_set(uint32_t *set, const struct protobuf_field *field)
{
	struct protobuf_reader reader;
	uint64_t value;

	if (field->wire == PROTOBUF_VARINT) {
		*set |= field->value < 32 ? 1u << field->value : 0;
		return true;
	}
	if (field->wire != PROTOBUF_BYTES)
		return false;
	protobuf_begin(&reader, field->bytes, field->length);
	while (protobuf_next_packed(&reader, &value))
		*set |= value < 32 ? 1u << value : 0;
	return !reader.is_broken;
}

static bool decode_update(const struct protobuf_field *message, struct reapi_capabilities *ret)
{
	struct protobuf_reader reader;
	struct protobuf_field field;

	if (message->wire != PROTOBUF_BYTES)
		return false;
	protobuf_begin(&reader, message->bytes, message->length);
	while (protobuf_next(&reader, &field))
		if (field.number == 1 && field.wire == PROTOBUF_VARINT)
			ret->is_update_enabled = field.value != 0;
	return !reader.is_broken;
}

/* One field of CacheCapabilities. */
static bool decode_cache_field(const struct protobuf_field *field, struct reapi_capabilities *ret)
{
	switch (field->number) {
	case 1:
		return add_to_set(&ret->digest_functions, field);
	case 2:
		return decode_update(field, ret);
	case 4:
		ret->max_batch_bytes = to_signed(field->value);
		return field->wire == PROTOBUF_VARINT;
	case 6:
		return add_to_set(&ret->compressors, field);
	case 7:
		return add_to_set(&ret->batch_compressors, field);
	case 8:
		ret->max_blob_bytes = to_signed(field->value);
		return field->wire == PROTOBUF_VARINT;
	default:
		return true;
	}
}

static bool decode_cache(const struct protobuf_field *message, struct reapi_capabilities *ret)
{
	struct protobuf_reader reader;
	struct protobuf_field field;

	if (message->wire != PROTOBUF_BYTES)
		return false;
	ret->has_cache = true;
	protobuf_begin(&reader, message->bytes, message->length);
	while (protobuf_next(&reader, &field))
		if (!decode_cache_field(&field, ret))
			return false;
	return !reader.is_broken;
}

static bool decode_version(const struct protobuf_field *message, struct reapi_version *ret)
{
	struct protobuf_reader reader;
	struct protobuf_field field;
	int64_t *const parts[] = {&ret->major, &ret->minor, &ret->patch};

	if (message->wire != PROTOBUF_BYTES)
		return false;
	ret->is_present = true;
	protobuf_begin(&reader, message->bytes, message->length);
	while (protobuf_next(&reader, &field))
		if (field.number <= COUNT(parts) && field.wire == PROTOBUF_VARINT)
			*parts[field.number - 1] = to_signed(field.value);
	return !reader.is_broken;
}

static bool decode_server_field(const struct protobuf_field *field, struct reapi_capabilities *ret)
{
	switch (field->number) {
	case 1:
		return decode_cache(field, ret);
	case 2:
		ret->has_execution = true;
		return field->wire == PROTOBUF_BYTES;
	case 4:
		return decode_version(field, &ret->low);
	case 5:
		return decode_version(field, &ret->high);
	default:
		return true;
	}
}

int reapi_decode_capabilities(const uint8_t *bytes, size_t length, struct reapi_capabilities *ret)
{
	struct reapi_capabilities found = {0};
	struct protobuf_reader reader;
	struct protobuf_field field;

	protobuf_begin(&reader, bytes, length);
	while (protobuf_next(&reader, &field))
		if (!decode_server_field(&field, &found))
			return -1;
	if (reader.is_broken)
		return -1;
	*ret = found;
	return 0;
}

int reapi_decode_health(const uint8_t *bytes, size_t length, const char **ret_name)
{
	static const char *const names[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
	struct protobuf_reader reader;
	struct protobuf_field field;
	uint64_t status = 0;

	protobuf_begin(&reader, bytes, length);
	while (protobuf_next(&reader, &field))
		if (field.number == 1 && field.wire == PROTOBUF_VARINT)
			status = field.value;
	if (reader.is_broken || status >= COUNT(names))
		return -1;
	*ret_name = names[status];
	return 0;
}

static void add_names(uint32_t set, const char *const *names, size_t count, struct strbuf *out)
{
	for (size_t i = 0; i < count; i++)
		if (set & 1u << i && names[i])
			strbuf_printf(out, "%s%s", out->length ? "\n" : "", names[i]);
}

void reapi_digest_names(uint32_t digest_functions, struct strbuf *out)
{
	static const char *const names[] = {
		NULL,     "sha256",  "sha1",       "md5",    "vso",     "sha384",
		"sha512", "murmur3", "sha256tree", "blake3", "gitsha1",
	};

	add_names(digest_functions, names, COUNT(names), out);
}

void reapi_compressor_names(uint32_t compressors, struct strbuf *out)
{
	static const char *const names[] = {NULL, "zstd", "deflate", "brotli"};

	add_names(compressors, names, COUNT(names), out);
}
