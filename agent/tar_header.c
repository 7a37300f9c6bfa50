/* SPDX-License-Identifier: Zlib */
/* One block of 512 bytes, and pax records ("LENGTH KEY=VALUE\n"). */
#include "agent/tar_header.h"

#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/text.h"

/* The fields of a header, in their order. */
struct block {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char target[100];
	char magic[6]; /* "ustar\0"; GNU's "ustar " has other fields where the prefix is */
	char version[2];
	char uname[32];
	char gname[32];
	char device_major[8];
	char device_minor[8];
	char prefix[155];
	char padding[12];
};
_Static_assert(sizeof(struct block) == TAR_BLOCK_BYTES, "a field has a wrong length");

bool tar_block_is_zero(const uint8_t block[TAR_BLOCK_BYTES])
{
	static const uint8_t zeros[TAR_BLOCK_BYTES];

	return memcmp(block, zeros, sizeof(zeros)) == 0;
}

/* GNU's numbers that octal digits cannot hold: the first byte is 0x80, the rest big-endian. */
static bool parse_binary(const char *field, size_t length, uint64_t *ret)
{
	uint64_t value = 0;

	if ((uint8_t)field[0] != 0x80)
		return false;
	for (size_t i = 1; i < length; i++) {
		if (value >> 55)
			return false;
		value = value << 8 | (uint8_t)field[i];
	}
	*ret = value;
	return true;
}

/* Octal digits, with blanks before them and a blank or NUL behind. */
static bool parse_number(const char *field, size_t length, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = 0;

	if ((uint8_t)field[0] & 0x80)
		return parse_binary(field, length, ret);
	while (i < length && field[i] == ' ')
		i++;
	for (; i < length && field[i] >= '0' && field[i] <= '7'; i++)
		value = value << 3 | (uint64_t)(field[i] - '0');
	if (i < length && field[i] != ' ' && field[i] != '\0')
		return false;
	*ret = value;
	return true;
}

/* The sum of all bytes, with the checksum itself taken for blanks. */
static bool has_right_checksum(const struct block *block)
{
	const uint8_t *bytes = (const uint8_t *)block;
	uint64_t sum = sizeof(block->checksum) * ' ', stated;

	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += bytes[i];
	for (size_t i = 0; i < sizeof(block->checksum); i++)
		sum -= (uint8_t)block->checksum[i];
	return parse_number(block->checksum, sizeof(block->checksum), &stated) && stated == sum;
}

static enum tar_type type_of(char letter)
{
	switch (letter) {
	case '0':
	case '7': /* "contiguous" */
	case '\0':
		return TAR_FILE;
	case '1':
		return TAR_HARD_LINK;
	case '2':
		return TAR_SYMLINK;
	case '3':
	case '4':
		return TAR_DEVICE;
	case '5':
		return TAR_DIRECTORY;
	case '6':
		return TAR_FIFO;
	case 'S':
		return TAR_SPARSE;
	case 'L':
		return TAR_LONG_NAME;
	case 'K':
		return TAR_LONG_TARGET;
	case 'x':
		return TAR_EXTENDED;
	case 'g':
		return TAR_GLOBAL;
	default:
		return TAR_OTHER;
	}
}

static void join_name(const struct block *block, char ret[TAR_NAME_BYTES])
{
	bool has_prefix =
		memcmp(block->magic, "ustar", sizeof(block->magic)) == 0 && block->prefix[0];

	(void)snprintf(ret, TAR_NAME_BYTES, "%.*s%s%.*s",
		       has_prefix ? (int)sizeof(block->prefix) : 0, block->prefix,
		       has_prefix ? "/" : "", (int)sizeof(block->name), block->name);
}

int tar_header_parse(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *ret,
		     struct error *error)
{
	struct tar_header header = {0};
	struct block fields;
	uint64_t mode;

	memcpy(&fields, block, sizeof(fields));
	if (!has_right_checksum(&fields))
		return error_set(error, ERROR_AGENT,
				 "what should be a tar header has a wrong checksum");
	if (!parse_number(fields.mode, sizeof(fields.mode), &mode) ||
	    !parse_number(fields.size, sizeof(fields.size), &header.size))
		return error_set(error, ERROR_AGENT,
				 "a tar header has a mode or a size that is no number");
	header.type = type_of(fields.type);
	header.letter = fields.type > ' ' && fields.type < 0x7f ? fields.type : '?';
	header.mode = (unsigned int)mode & 07777;
	join_name(&fields, header.name);
	(void)snprintf(header.target, sizeof(header.target), "%.*s", (int)sizeof(fields.target),
		       fields.target);
	*ret = header;
	return 0;
}

void tar_records_release(struct tar_records *records)
{
	free(records->name);
	free(records->target);
	*records = (struct tar_records){0};
}

static int set_text(char **slot, const char *value, size_t length, struct error *error)
{
	if (memchr(value, '\0', length))
		return error_set(error, ERROR_AGENT, "a pax header has a name with a NUL");
	free(*slot);
	*slot = mem_strndup(value, length);
	return 0;
}

static int set_size(struct tar_records *records, const char *value, size_t length,
		    struct error *error)
{
	CLEANUP_FREE char *text = mem_strndup(value, length);
	unsigned long size;

	if (strlen(text) != length || !text_to_number(text, 0, INT64_MAX, &size))
		return error_set(error, ERROR_AGENT, "a pax header has a size that is no number");
	records->has_size = true;
	records->size = size;
	return 0;
}

/* The record's line feed lies at END, so that no comparison runs past it. */
static int apply(struct tar_records *records, const char *key, const char *end, struct error *error)
{
	const char *value = memchr(key, '=', (size_t)(end - key));
	size_t length;

	if (!value || value == key)
		return error_set(error, ERROR_AGENT, "a pax header has a record without a key");
	value++;
	length = (size_t)(end - value);
	if (text_starts_with(key, "path="))
		return set_text(&records->name, value, length, error);
	if (text_starts_with(key, "linkpath="))
		return set_text(&records->target, value, length, error);
	if (text_starts_with(key, "size="))
		return set_size(records, value, length, error);
	if (text_starts_with(key, "GNU.sparse.") || text_starts_with(key, "SUN.holesdata=") ||
	    text_starts_with(key, "SCHILY.realsize="))
		records->is_sparse = true;
	return 0;
}

/* The length of the record at BYTES, counted over all of it, or 0 where there is no record. */
static size_t record_length(const char *bytes, size_t left, const char **ret_key)
{
	size_t length = 0, i = 0;

	for (; i < left && bytes[i] >= '0' && bytes[i] <= '9' && length <= left; i++)
		length = length * 10 + (size_t)(bytes[i] - '0');
	if (i == 0 || i == left || bytes[i] != ' ' || length > left || length < i + 2 ||
	    bytes[length - 1] != '\n')
		return 0;
	*ret_key = bytes + i + 1;
	return length;
}

int tar_records_parse(const char *bytes, size_t length, struct tar_records *ret,
		      struct error *error)
{
	while (length > 0) {
		const char *key;
		size_t record = record_length(bytes, length, &key);

		if (!record)
			return error_set(error, ERROR_AGENT, "a pax header has no proper records");
		if (apply(ret, key, bytes + record - 1, error) < 0)
			return -1;
		bytes += record;
		length -= record;
	}
	return 0;
}
