/* SPDX-License-Identifier: Zlib */
/* A closure's registration: which store paths there are, with their hashes and references, in the form
 * that `nix-store --load-db` reads and closureInfo and `.reginfo` have (Nix: libstore/store-api.cc,
 * decodeValidPathInfo). --load-db believes it, so it is checked before. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "agent/digest.h"
#include "agent/words.h"

struct error;
struct strbuf;

#define REGISTRATION_MAX_BYTES (64u << 20)
#define REGISTRATION_MAX_PATHS 100000u

struct registered_path {
	char *path;
	uint8_t nar_hash[DIGEST_SHA256_BYTES];
	uint64_t nar_size; /* bytes; never 0 */
	char *deriver;     /* NULL where none is named */
	struct words references;
	size_t line; /* where it begins, from 1 on */
};

struct registration {
	struct registered_path *paths; /* sorted by path, each once */
	size_t count;
};

/* Parses LENGTH bytes of hostile text; SOURCE names them in messages. Every reference is one of the
 * paths: a closure is closed. Returns 0, or -1 with ERROR, which names the line, and RET as it was. */
int registration_parse(const char *text, size_t length, const char *source,
		       struct registration *ret, struct error *error);
void registration_release(struct registration *registration);
#define CLEANUP_REGISTRATION CLEANUP(registration_release)

/* The entry of PATH, or NULL. */
const struct registered_path *registration_find(const struct registration *registration,
						const char *path);

/* Appends what every `nix-store --load-db` from Nix 2.3 on reads: what is loaded is then what was
 * checked, and nothing else. At most a little more than twice what was parsed; see is_truncated. */
void registration_print(const struct registration *registration, struct strbuf *out);
