/* SPDX-License-Identifier: Zlib */
/* The headers of a tar archive: ustar and pax (POSIX.1-2017, pax) and GNU's. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define TAR_BLOCK_BYTES 512u
#define TAR_NAME_BYTES 257u /* prefix, slash, name, NUL */

enum tar_type {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_SYMLINK,
	TAR_HARD_LINK,
	TAR_DEVICE, /* character or block */
	TAR_FIFO,
	TAR_SPARSE, /* a regular file with holes, in any of GNU's four formats */
	TAR_OTHER,
	/* For the entry behind them: */
	TAR_LONG_NAME,
	TAR_LONG_TARGET,
	TAR_EXTENDED, /* pax records for one entry */
	TAR_GLOBAL,   /* pax records for all that follow */
};

struct tar_header {
	enum tar_type type;
	char letter;       /* as the archive spells the type; '?' where it is not printable */
	unsigned int mode; /* 07777 and below */
	uint64_t size;     /* of the content that follows */
	char name[TAR_NAME_BYTES];
	char target[101]; /* of a link */
};

/* Whether a block holds only zeros; two of them end an archive. */
bool tar_block_is_zero(const uint8_t block[TAR_BLOCK_BYTES]);

/* Returns 0, or -1 with ERROR: a wrong checksum, or a number that is none. */
int tar_header_parse(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *ret,
		     struct error *error);

/* What pax records say of an entry; what is left out here (times, owners, attributes) is passed over. */
struct tar_records {
	char *name;   /* NULL: not said */
	char *target; /* likewise */
	bool has_size;
	bool is_sparse;
	uint64_t size;
};

void tar_records_release(struct tar_records *records);

/* Reads LENGTH bytes of records; a later one of the same key wins. Returns 0, or -1 with ERROR, and what
 * was read so far in RET either way. A name with a NUL is an error. */
int tar_records_parse(const char *bytes, size_t length, struct tar_records *ret,
		      struct error *error);
