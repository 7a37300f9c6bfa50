/* SPDX-License-Identifier: Zlib */
/* narinfo files, store paths and Nix's signing keys (Nix: libstore/path-info.cc,
 * nar-info.cc). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/digest.h"

struct error;

#define NIX_STORE_DIRECTORY "/nix/store"
#define NIX_HASH_PART_LENGTH 32u
#define NARINFO_MAX_BYTES 65536u

/* A public key "name:base64". */
struct nix_key {
	char name[65];
	uint8_t bytes[DIGEST_ED25519_KEY_BYTES];
};

/* False for anything that is not name:base64 of 32 bytes. */
bool nix_key_parse(const char *text, struct nix_key *ret);

/* "/nix/store/<32 characters>-<name>", nothing below it. */
bool nix_store_path_is_valid(const char *path);

/* The store path that PATH lies in ("/nix/store/x…-nix/bin/nix" gives "/nix/store/x…-nix"); the
 * caller frees. NULL when it lies in none. */
char *nix_store_path_of(const char *path);

struct narinfo {
	char *store_path;
	char *url; /* of the NAR, as written: relative to the cache, or absolute */
	bool has_nar_hash;
	uint8_t nar_hash[DIGEST_SHA256_BYTES];
	int64_t nar_size;
	char **references; /* base names, sorted, each once; NULL-terminated */
	char **signatures; /* "name:base64" as written; NULL-terminated */
};

/* Parses LENGTH bytes of hostile text. Unknown fields are ignored, as Nix does. Returns 0, or -1
 * with ERROR. */
int narinfo_parse(const char *text, size_t length, struct narinfo *ret, struct error *error);
void narinfo_release(struct narinfo *narinfo);

/* What a signature covers: "1;path;sha256:nix32;size;references"; the caller frees. */
char *narinfo_fingerprint(const struct narinfo *narinfo);

enum narinfo_trust {
	NARINFO_SIGNED,        /* a signature by KEY verifies */
	NARINFO_UNSIGNED,      /* no signature at all */
	NARINFO_OTHER_KEY,     /* signatures, none under KEY's name */
	NARINFO_BAD_SIGNATURE, /* one under KEY's name, and none of those verifies */
};
enum narinfo_trust narinfo_verify(const struct narinfo *narinfo, const struct nix_key *key);
