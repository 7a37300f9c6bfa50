/* SPDX-License-Identifier: Zlib */
/* Hashes and signatures by OpenSSL, and OpenSSL's one initialisation. The only file that names
 * OpenSSL is digest.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_SHA256_BYTES 32u
#define DIGEST_ED25519_KEY_BYTES 32u
#define DIGEST_ED25519_SIGNATURE_BYTES 64u

/* Initialises OpenSSL without loading a configuration file (the job controls OPENSSL_CONF).
 * Call once in the parent before the first fork. */
void digest_initialise(void);

/* SHA-256 of LENGTH bytes. Returns false when the library fails. */
bool digest_sha256(const void *bytes, size_t length, uint8_t ret[DIGEST_SHA256_BYTES]);

/* SHA-256 of bytes that come one after the other. */
struct digest_sha256;
struct digest_sha256 *digest_sha256_new(void);
void digest_sha256_add(struct digest_sha256 *digest, const void *bytes, size_t length);

/* Frees DIGEST. Returns false when the library failed at any step. */
bool digest_sha256_finish(struct digest_sha256 *digest, uint8_t ret[DIGEST_SHA256_BYTES]);

/* Ed25519 (RFC 8032): whether SIGNATURE by KEY covers the bytes. */
bool digest_ed25519_verify(const uint8_t key[DIGEST_ED25519_KEY_BYTES],
			   const uint8_t signature[DIGEST_ED25519_SIGNATURE_BYTES],
			   const void *bytes, size_t length);

/* COUNT bytes from the kernel's random source; aborts when there is none. */
void digest_random(void *ret, size_t count);

/* The library's version, for `spinup version`. */
const char *digest_library_version(void);
