/* SPDX-License-Identifier: Zlib */
/* The walk from header to header. Blocks are handed on where the decoder left them: content is never
 * copied. */
#include "agent/tar.h"

#include <stdbool.h>
#include <string.h>

#include "agent/archive.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_SHOWN_NAME 200u

struct tar_reader {
	struct archive_stream *stream;
	const uint8_t *bytes; /* unpacked and not yet used */
	size_t length;
	uint64_t total;   /* unpacked so far */
	uint64_t left;    /* content of this entry that nobody has asked for */
	uint64_t padding; /* and what fills its last block */
	bool has_ended;
	struct tar_header header;
	struct tar_records records; /* what was said before the header */
	struct strbuf body;         /* of a long name or pax header */
};

struct tar_reader *tar_reader_new(struct archive_stream *stream)
{
	struct tar_reader *reader = mem_alloc(1, sizeof(*reader));

	reader->stream = stream;
	strbuf_init(&reader->body, TAR_MAX_HEADER_BYTES);
	return reader;
}

void tar_reader_free(struct tar_reader *reader)
{
	if (!reader)
		return;
	tar_records_release(&reader->records);
	strbuf_release(&reader->body);
	free(reader);
}

/* Sees to it that there are bytes: 1, 0 at the end of the stream, or -1. */
static int fill(struct tar_reader *reader, struct error *error)
{
	const void *bytes;
	int result;

	if (reader->length > 0)
		return 1;
	result = archive_stream_read(reader->stream, &bytes, &reader->length, error);
	if (result <= 0) {
		reader->length = 0;
		return result;
	}
	reader->bytes = bytes;
	reader->total += reader->length;
	if (reader->total > TAR_MAX_BYTES)
		return error_set(error, ERROR_AGENT, "the archive has more than %llu GiB unpacked",
				 (unsigned long long)(TAR_MAX_BYTES >> 30));
	return 1;
}

/* The next piece of at most LIMIT bytes. */
static const uint8_t *use(struct tar_reader *reader, uint64_t limit, size_t *ret)
{
	const uint8_t *bytes = reader->bytes;

	*ret = reader->length < limit ? reader->length : (size_t)limit;
	reader->bytes += *ret;
	reader->length -= *ret;
	return bytes;
}

static int is_cut(struct error *error)
{
	return error_set(error, ERROR_AGENT, "the archive ends before its end mark: it is cut");
}

static int pass_over(struct tar_reader *reader, uint64_t count, struct error *error)
{
	while (count > 0) {
		int result = fill(reader, error);
		size_t used;

		if (result <= 0)
			return result < 0 ? -1 : is_cut(error);
		(void)use(reader, count, &used);
		count -= used;
	}
	return 0;
}

static int take_block(struct tar_reader *reader, uint8_t ret[TAR_BLOCK_BYTES], struct error *error)
{
	size_t have = 0;

	while (have < TAR_BLOCK_BYTES) {
		int result = fill(reader, error);
		const uint8_t *bytes;
		size_t used;

		if (result <= 0)
			return result < 0 ? -1 : is_cut(error);
		bytes = use(reader, TAR_BLOCK_BYTES - have, &used);
		memcpy(ret + have, bytes, used);
		have += used;
	}
	return 0;
}

static uint64_t padding_of(uint64_t size)
{
	return -size % TAR_BLOCK_BYTES;
}

static int take_body(struct tar_reader *reader, struct error *error)
{
	uint64_t left = reader->header.size;

	if (left > TAR_MAX_HEADER_BYTES)
		return error_set(error, ERROR_AGENT,
				 "a long name or pax header of %llu bytes; at most %u are allowed",
				 (unsigned long long)left, TAR_MAX_HEADER_BYTES);
	strbuf_clear(&reader->body);
	while (left > 0) {
		int result = fill(reader, error);
		const uint8_t *bytes;
		size_t used;

		if (result <= 0)
			return result < 0 ? -1 : is_cut(error);
		bytes = use(reader, left, &used);
		strbuf_add(&reader->body, bytes, used);
		left -= used;
	}
	return pass_over(reader, padding_of(reader->header.size), error);
}

/* GNU's long names end in a NUL. */
static int set_long_text(const struct strbuf *body, char **slot, struct error *error)
{
	size_t length = strlen(body->data);

	if (body->length > length + 1)
		return error_set(error, ERROR_AGENT, "a long name has a NUL in it");
	free(*slot);
	*slot = mem_strndup(body->data, length);
	return 0;
}

/* What holds for all entries behind it may be a comment, but nothing that changes them. */
static int judge_global(const struct strbuf *body, struct error *error)
{
	CLEANUP(tar_records_release) struct tar_records records = {0};

	if (tar_records_parse(body->data, body->length, &records, error) < 0)
		return -1;
	if (records.name || records.target || records.has_size || records.is_sparse)
		return error_set(error, ERROR_AGENT,
				 "a global pax header gives a name or a size to all entries");
	return 0;
}

static int apply_special(struct tar_reader *reader, struct error *error)
{
	struct tar_records *records = &reader->records;

	if (take_body(reader, error) < 0)
		return -1;
	if (reader->header.type == TAR_LONG_NAME)
		return set_long_text(&reader->body, &records->name, error);
	if (reader->header.type == TAR_LONG_TARGET)
		return set_long_text(&reader->body, &records->target, error);
	if (reader->header.type == TAR_GLOBAL)
		return judge_global(&reader->body, error);
	return tar_records_parse(reader->body.data, reader->body.length, records, error);
}

/* Fills the last record: nothing but zeros, up to the end of the stream. */
static int finish(struct tar_reader *reader, struct error *error)
{
	static const uint8_t zeros[4096];
	uint8_t block[TAR_BLOCK_BYTES];
	uint64_t trailer = 0;
	int result;

	if (take_block(reader, block, error) < 0)
		return -1;
	if (!tar_block_is_zero(block))
		return error_set(error, ERROR_AGENT,
				 "only half of the archive's end mark is there");
	while ((result = fill(reader, error)) > 0) {
		size_t used;
		const uint8_t *bytes = use(reader, sizeof(zeros), &used);

		trailer += used;
		if (memcmp(bytes, zeros, used) != 0 || trailer > TAR_MAX_TRAILER)
			return error_set(error, ERROR_AGENT,
					 "something follows the end of the archive");
	}
	reader->has_ended = result == 0;
	return result;
}

static int complete(struct tar_reader *reader, struct tar_item *ret, struct error *error)
{
	const struct tar_header *header = &reader->header;
	const struct tar_records *records = &reader->records;
	struct tar_item item = {
		.type = header->type,
		.letter = header->letter,
		.mode = header->mode,
		.size = records->has_size ? records->size : header->size,
		.name = records->name ? records->name : header->name,
		.target = records->target ? records->target : header->target,
	};

	if (records->is_sparse)
		item.type = TAR_SPARSE;
	if (item.type != TAR_SYMLINK && item.type != TAR_HARD_LINK)
		item.target = "";
	if (item.type != TAR_FILE && item.type != TAR_SPARSE && item.type != TAR_OTHER &&
	    item.size > 0) {
		CLEANUP_FREE char *name = text_cleaned(item.name, MAX_SHOWN_NAME);

		return error_set(error, ERROR_AGENT,
				 "archive entry \"%s\": it has content, and is no regular file",
				 name);
	}
	reader->left = item.size;
	reader->padding = padding_of(item.size);
	*ret = item;
	return 1;
}

int tar_reader_next(struct tar_reader *reader, struct tar_item *ret, struct error *error)
{
	uint8_t block[TAR_BLOCK_BYTES];
	unsigned int specials = 0;

	if (reader->has_ended)
		return 0;
	if (pass_over(reader, reader->left, error) < 0 ||
	    pass_over(reader, reader->padding, error) < 0)
		return -1;
	reader->left = 0;
	reader->padding = 0;
	tar_records_release(&reader->records);
	for (;;) {
		if (take_block(reader, block, error) < 0)
			return -1;
		if (tar_block_is_zero(block))
			return specials ? is_cut(error) : finish(reader, error);
		if (tar_header_parse(block, &reader->header, error) < 0)
			return -1;
		if (reader->header.type < TAR_LONG_NAME)
			return complete(reader, ret, error);
		if (++specials > TAR_MAX_HEADERS)
			return error_set(error, ERROR_AGENT,
					 "more than %u long names or pax headers before one entry",
					 TAR_MAX_HEADERS);
		if (apply_special(reader, error) < 0)
			return -1;
	}
}

int tar_reader_read(struct tar_reader *reader, const void **ret_bytes, size_t *ret_length,
		    struct error *error)
{
	int result;

	if (reader->left == 0)
		return 0;
	result = fill(reader, error);
	if (result <= 0)
		return result < 0 ? -1 : is_cut(error);
	*ret_bytes = use(reader, reader->left, ret_length);
	reader->left -= *ret_length;
	return 1;
}
