/* SPDX-License-Identifier: Zlib */
/* Flavour and version from where the nix program lies. */
#include <string.h>

#include "agent/nix_profile.h"
#include "tests/unit/check.h"

#define HASH "/nix/store/0123456789abcdfghijklmnpqrsvwxyz"

static const struct {
	const char *program, *flavour, *version, *determinate, *store_path;
} cases[] = {
	{HASH "-determinate-nix-3.22.2/bin/nix", "determinate", "", "3.22.2",
	 HASH "-determinate-nix-3.22.2"},
	{HASH "-nix-2.26.3/bin/nix", "upstream", "2.26.3", "", HASH "-nix-2.26.3"},
	{HASH "-nix-2.31.0pre20250701_b7f5c1e/bin/nix", "upstream", "2.31.0pre20250701_b7f5c1e", "",
	 HASH "-nix-2.31.0pre20250701_b7f5c1e"},
	{HASH "-nix-2.18.1-x86_64-unknown-linux-musl/bin/nix", "upstream", "2.18.1", "",
	 HASH "-nix-2.18.1-x86_64-unknown-linux-musl"},
	{HASH "-nix-everything-2.26.3/bin/nix", "upstream", "2.26.3", "",
	 HASH "-nix-everything-2.26.3"},
	{HASH "-lix-2.93.3/bin/nix", "lix", "2.93.3", "", HASH "-lix-2.93.3"},
	{HASH "-lix-2.94.0-dev-pre20250807-dirty/bin/nix", "lix", "2.94.0", "",
	 HASH "-lix-2.94.0-dev-pre20250807-dirty"},
	{HASH "-nix/bin/nix", "upstream", "", "", HASH "-nix"},
	{HASH "-wrapped-nix-2.26.3/bin/nix", "unknown", "", "", HASH "-wrapped-nix-2.26.3"},
	{HASH "-nixos-25.05/bin/nix", "unknown", "", "", HASH "-nixos-25.05"},
	{HASH "-user-environment/bin/nix", "unknown", "", "", HASH "-user-environment"},
	{"/usr/bin/nix", "distribution", "", "", NULL},
	{"/bin/nix", "distribution", "", "", NULL},
	{"/usr/local/bin/nix", "distribution", "", "", NULL},
	{"/home/u/nix", "unknown", "", "", NULL},
	{"/nix/store/short-nix-2.26.3/bin/nix", "unknown", "", "", NULL},
	{"/nix/store/0123456789abcdefghijklmnpqrsvwxyz-nix-2.26.3/bin/nix", "unknown", "", "",
	 NULL}, /* 'e' is no digit of base 32 */
	{"/nix/store/", "unknown", "", "", NULL},
	{"", "unknown", "", "", NULL},
};

static void check_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct nix_profile profile;

		nix_profile_of(cases[i].program, &profile);
		print_message("%s\n", cases[i].program);
		assert_string_equal(profile.flavour, cases[i].flavour);
		assert_string_equal(profile.version, cases[i].version);
		assert_string_equal(profile.determinate, cases[i].determinate);
		if (cases[i].store_path)
			assert_string_equal(profile.store_path, cases[i].store_path);
		else
			assert_null(profile.store_path);
		nix_profile_release(&profile);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(check_cases)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
