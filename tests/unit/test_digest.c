/* SPDX-License-Identifier: Zlib */
/* Hashes and signatures by published vectors, and an OpenSSL that no configuration can change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/digest.h"
#include "agent/encoding.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/machine.h"

static void hashes(void **state)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
		/* FIPS 180-2 */
		{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		uint8_t digest[DIGEST_SHA256_BYTES];
		struct strbuf hex = STRBUF_INIT(64);

		assert_true(digest_sha256(cases[i].text, strlen(cases[i].text), digest));
		encoding_base16_encode(digest, sizeof(digest), &hex);
		assert_string_equal(hex.data, cases[i].hex);
		strbuf_release(&hex);
	}
}

/* Cut anywhere, it is the same hash. */
static void hashes_in_pieces(void **state)
{
	static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
	size_t length = strlen(text);

	(void)state;
	for (size_t cut = 0; cut <= length; cut++) {
		uint8_t whole[DIGEST_SHA256_BYTES], pieces[DIGEST_SHA256_BYTES];
		struct digest_sha256 *digest = digest_sha256_new();

		digest_sha256_add(digest, text, cut);
		digest_sha256_add(digest, text + cut, length - cut);
		assert_true(digest_sha256_finish(digest, pieces));
		assert_true(digest_sha256(text, length, whole));
		assert_memory_equal(pieces, whole, sizeof(whole));
	}
}

/* The signature of a real narinfo by cache.nixos.org. */
static const char cache_key[] = "6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
static const char narinfo_signature[] =
	"lo9EfNIL4eGRuNh7DTbAAffWPpI2SlYC/8uP7JnhgmfRIUNGhSbFe8qEaKN0mFS02TuhPpXFPNtRkFcCp0hGAQ==";
static const char fingerprint[] =
	"1;/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-hello-2.10;"
	"sha256:16mvl7v0ylzcg2n3xzjn41qhzbmgcn5iyarx16nn5l2r36n2kqci;206104;"
	"/nix/store/563528481rvhc5kxwipjmg6rqrl95mdx-glibc-2.33-56,"
	"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-hello-2.10";

static void verifies_signatures(void **state)
{
	uint8_t key[DIGEST_ED25519_KEY_BYTES], signature[DIGEST_ED25519_SIGNATURE_BYTES];
	size_t length = strlen(fingerprint);

	(void)state;
	assert_int_equal(encoding_base64_decode(cache_key, strlen(cache_key), key, sizeof(key)),
			 sizeof(key));
	assert_int_equal(encoding_base64_decode(narinfo_signature, strlen(narinfo_signature),
						signature, sizeof(signature)),
			 sizeof(signature));
	assert_true(digest_ed25519_verify(key, signature, fingerprint, length));
	assert_false(digest_ed25519_verify(key, signature, fingerprint, length - 1));
	signature[0] ^= 1;
	assert_false(digest_ed25519_verify(key, signature, fingerprint, length));
	signature[0] ^= 1;
	key[31] ^= 1;
	assert_false(digest_ed25519_verify(key, signature, fingerprint, length));
	memset(key, 0xff, sizeof(key)); /* no point on the curve */
	assert_false(digest_ed25519_verify(key, signature, fingerprint, length));
}

static void gives_random_bytes(void **state)
{
	uint8_t a[64] = {0}, b[64] = {0};

	(void)state;
	digest_random(a, sizeof(a));
	digest_random(b, sizeof(b));
	assert_true(memcmp(a, b, sizeof(a)) != 0);
	digest_random(a, 0);
}

/* A process of its own, since OpenSSL is initialised once: 0 where SHA-256 still works. */
static int hash_with_config(const char *path, bool is_initialised)
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv("OPENSSL_CONF", path, 1);
		if (is_initialised)
			digest_initialise();
		_exit(digest_sha256("", 0, digest) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* Runs first: here nothing has initialised OpenSSL yet. */
static void ignores_configuration(void **state)
{
	/* The job's configuration would take every algorithm away. */
	static const char config[] = "openssl_conf = start\n[start]\nalg_section = algorithms\n"
				     "[algorithms]\ndefault_properties = provider=nobody\n";
	struct machine machine;
	char path[512];

	(void)state;
	machine_make(&machine);
	machine_file(&machine, "/openssl.cnf", config);
	(void)snprintf(path, sizeof(path), "%s/openssl.cnf", machine.directory);
	assert_int_not_equal(hash_with_config(path, false), 0); /* it would have an effect */
	assert_int_equal(hash_with_config(path, true), 0);
	machine_remove(&machine);
}

static void knows_its_version(void **state)
{
	(void)state;
	assert_int_equal(digest_library_version()[0], '3');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ignores_configuration), cmocka_unit_test(hashes),
		cmocka_unit_test(hashes_in_pieces),      cmocka_unit_test(verifies_signatures),
		cmocka_unit_test(gives_random_bytes),    cmocka_unit_test(knows_its_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
