/* SPDX-License-Identifier: Zlib */
/* Hashes and signatures by OpenSSL, and OpenSSL's one initialisation. */
#include "agent/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"

struct digest_sha256 {
	EVP_MD_CTX *context;
	bool is_good;
};

static void free_key(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
}

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

void digest_initialise(void)
{
	/* Loading the configuration runs once per process, so nothing loads it after this call.
	 * A failure shows later, where something is hashed or connected. */
	(void)OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
}

bool digest_sha256(const void *bytes, size_t length, uint8_t ret[DIGEST_SHA256_BYTES])
{
	return EVP_Digest(bytes, length, ret, NULL, EVP_sha256(), NULL) == 1;
}

struct digest_sha256 *digest_sha256_new(void)
{
	struct digest_sha256 *digest = mem_alloc(1, sizeof(*digest));

	digest->context = EVP_MD_CTX_new();
	digest->is_good =
		digest->context && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1;
	return digest;
}

void digest_sha256_add(struct digest_sha256 *digest, const void *bytes, size_t length)
{
	digest->is_good = digest->is_good && EVP_DigestUpdate(digest->context, bytes, length) == 1;
}

bool digest_sha256_finish(struct digest_sha256 *digest, uint8_t ret[DIGEST_SHA256_BYTES])
{
	bool is_good = digest->is_good && EVP_DigestFinal_ex(digest->context, ret, NULL) == 1;

	EVP_MD_CTX_free(digest->context);
	free(digest);
	return is_good;
}

bool digest_ed25519_verify(const uint8_t key[DIGEST_ED25519_KEY_BYTES],
			   const uint8_t signature[DIGEST_ED25519_SIGNATURE_BYTES],
			   const void *bytes, size_t length)
{
	CLEANUP(free_key)
	EVP_PKEY *public_key =
		EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, DIGEST_ED25519_KEY_BYTES);
	CLEANUP(free_context) EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!public_key || !context)
		return false;
	if (EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) != 1)
		return false;
	return EVP_DigestVerify(context, signature, DIGEST_ED25519_SIGNATURE_BYTES, bytes,
				length) == 1;
}

/* An old kernel, or a filter that is older than the call, knows the device alone. */
static ssize_t get_random(void *ret, size_t count)
{
	CLEANUP_CLOSE int device = -1;
	ssize_t got = getrandom(ret, count, 0);

	if (got >= 0 || errno == EINTR)
		return got;
	device = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	return device < 0 ? -1 : read(device, ret, count);
}

void digest_random(void *ret, size_t count)
{
	static const char message[] = "spinup: no random numbers: getrandom(2) is refused, and "
				      "/dev/urandom cannot be read\n";
	unsigned char *at = ret;

	while (count) {
		ssize_t got = get_random(at, count);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) { /* predictable numbers would be worse */
			(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
			_exit(ERROR_AGENT);
		}
		at += got;
		count -= (size_t)got;
	}
}

const char *digest_library_version(void)
{
	return OpenSSL_version(OPENSSL_VERSION_STRING);
}
