/* SPDX-License-Identifier: Zlib */
/* narinfo: what is read, what is refused, and whose signature holds. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/narinfo.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"
#include "tests/unit/fixture.h"

#define KEY "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="
#define FINGERPRINT                                                                                \
	"1;/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-hello-2.10;"                                \
	"sha256:16mvl7v0ylzcg2n3xzjn41qhzbmgcn5iyarx16nn5l2r36n2kqci;206104;"                      \
	"/nix/store/563528481rvhc5kxwipjmg6rqrl95mdx-glibc-2.33-56,"                               \
	"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-hello-2.10"

static const char *const trust_names[] = {
	[NARINFO_SIGNED] = "signed",
	[NARINFO_UNSIGNED] = "unsigned",
	[NARINFO_OTHER_KEY] = "other",
	[NARINFO_BAD_SIGNATURE] = "bad",
};

static void check_case(const char *name)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	CLEANUP_STRBUF struct strbuf expected = STRBUF_INIT(1000);
	struct narinfo narinfo = {0};
	struct error error = {0};
	struct nix_key key;

	fixture_read("narinfo", name, "narinfo", &text);
	fixture_expected("narinfo", name, &expected);
	assert_true(nix_key_parse(KEY, &key));
	if (narinfo_parse(text.data, text.length, &narinfo, &error)) {
		assert_memory_equal(expected.data, "error: ", 7);
		assert_string_equal(error.message, expected.data + 7);
		assert_null(narinfo.store_path);
		return;
	}
	assert_string_equal(trust_names[narinfo_verify(&narinfo, &key)], expected.data);
	narinfo_release(&narinfo);
}

static void each_case_is_judged(void **state)
{
	(void)state;
	fixture_each("narinfo", 38, check_case);
}

static void the_fingerprint_is_nix_s(void **state)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(100000);
	CLEANUP_FREE char *fingerprint = NULL;
	struct narinfo narinfo = {0};

	(void)state;
	fixture_read("narinfo", "references-unsorted-and-twice", "narinfo", &text);
	assert_int_equal(narinfo_parse(text.data, text.length, &narinfo, NULL), 0);
	fingerprint = narinfo_fingerprint(&narinfo);
	assert_string_equal(fingerprint, FINGERPRINT);
	assert_string_equal(narinfo.url, "nar/xcp9cav49dmsjbwdjlmkjxj10gkpx553.nar");
	narinfo_release(&narinfo);
}

static void keys_are_read_strictly(void **state)
{
	static const struct {
		const char *text;
		bool is_key;
	} rows[] = {
		{KEY, true},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", true},
		{"", false},
		{"main", false},
		{"main:", false},
		{":eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", false},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA", false},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA==", false},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+X=", false},
		{"main:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA= x", false},
		{"main :eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", false},
		{"ma\nin:eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=", false},
		{"a123456789012345678901234567890123456789012345678901234567890123456:"
		 "eaUydxuDu7xBoy5cCo3MdknYAkVyTIASQ7DGuwxa+XA=",
		 false},
	};
	struct nix_key key;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(nix_key_parse(rows[i].text, &key), rows[i].is_key);
	assert_true(nix_key_parse(KEY, &key));
	assert_string_equal(key.name, "cache.nixos.org-1");
}

static void store_paths_are_found(void **state)
{
	static const struct {
		const char *path, *store_path;
	} rows[] = {
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-nix-2.26.3/bin/nix",
		 "/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-nix-2.26.3"},
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-nix",
		 "/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-nix"},
		{"/usr/bin/nix", NULL},
		{"/nix/store", NULL},
		{"/nix/store/", NULL},
		{"/nix/store/short-nix/bin/nix", NULL},
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553", NULL},
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-", NULL},
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx55e-nix", NULL}, /* no 'e' */
		{"/nix/store/xcp9cav49dmsjbwdjlmkjxj10gkpx553-n ix", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *found = nix_store_path_of(rows[i].path);

		print_message("%s\n", rows[i].path);
		if (rows[i].store_path)
			assert_string_equal(found, rows[i].store_path);
		else
			assert_null(found);
	}
	assert_false(nix_store_path_is_valid(rows[0].path));
	assert_true(nix_store_path_is_valid(rows[1].path));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_is_judged),
		cmocka_unit_test(the_fingerprint_is_nix_s),
		cmocka_unit_test(keys_are_read_strictly),
		cmocka_unit_test(store_paths_are_found),
	};

	digest_initialise();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
