/* SPDX-License-Identifier: Zlib */
/* The hash that Nix gives to a file or a whole tree: SHA-256 of its archive format NAR (Nix:
 * libutil/archive.cc). */
#pragma once

#include <stdint.h>

#include "agent/digest.h"

struct error;

#define NAR_MAX_DEPTH 64u        /* of directories in each other */
#define NAR_MAX_ENTRIES 1000000u /* of one directory */

struct nar_digest {
	uint8_t sha256[DIGEST_SHA256_BYTES];
	uint64_t size; /* of the archive, in bytes */
};

/* Hashes NAME of DIRECTORY, a descriptor. No symlink is followed, NAME itself included: a link counts
 * as what it is. What is no file, directory or link is an error, and so is a file whose size changes
 * while it is read. Returns 0, or -1 with ERROR, which names the path from NAME on. */
int nar_hash(int directory, const char *name, struct nar_digest *ret, struct error *error);
