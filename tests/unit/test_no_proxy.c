/* SPDX-License-Identifier: Zlib */
/* Which hosts a list excepts, and how one is made longer. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/no_proxy.h"
#include "tests/unit/check.h"

static void reads_exceptions(void **state)
{
	static const struct {
		const char *list, *host;
		bool is_held;
	} rows[] = {
		{"*", "h.test", true},
		{"*", "10.0.0.1", true},
		{"*,x", "h.test", false}, /* a star is no pattern */
		{"*.test", "h.test", false},
		{"", "h.test", false},
		{" , ,", "h.test", false},
		{"h.test", "h.test", true},
		{"H.Test", "h.test", true},
		{"h.test.", "h.test", true},
		{"h.test", "h.test.", true},
		{".test", "h.test", true},
		{".h.test", "h.test", true},
		{"test", "h.test", true},
		{"est", "h.test", false},
		{"a.h.test", "h.test", false},
		{".", "h.test", false},
		{"a, h.test", "h.test", true},
		{"a h.test\tb", "h.test", true},
		{"h.test:80", "h.test", false},
		{"10.0.0.1", "10.0.0.1", true},
		{"10.0.0.10", "10.0.0.1", false},
		{"0.1", "10.0.0.1", false}, /* an address has no suffixes */
		{"10.0.0.1", "10.0.0.1.test", false},
		{"10.96.0.0/12", "10.100.3.4", true},
		{"10.96.0.0/12", "10.112.0.1", false},
		{"10.0.0.0/8", "10.0.0.1.test", false},
		{"10.0.0.1/32", "10.0.0.1", true},
		{"10.0.0.1/32", "10.0.0.2", false},
		{"10.0.0.0/33", "10.0.0.0", false},
		{"10.0.0.0/", "10.0.0.0", false},
		{"10.0.0.0/8x", "10.0.0.0", false},
		{"10.0.0.0/0", "10.0.0.1", false},
		{"10/8", "10.0.0.1", false},
		{"::/1", "10.0.0.1", false},
		{"fd00::/8", "fd12::1", true},
		{"fd00::/8", "fe80::1", false},
		{"fd00::10/125", "fd00::17", true},
		{"fd00::10/125", "fd00::18", false},
		{"fd00:0::1", "fd00::1", true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (no_proxy_holds(rows[i].list, rows[i].host) != rows[i].is_held)
			fail_msg("%s: %s", rows[i].list, rows[i].host);
}

static void a_host_is_excepted_with_its_cluster(void **state)
{
	static const struct {
		const char *host, *entry;
	} rows[] = {
		{"attic.nix-cache.svc.cluster.local", ".svc.cluster.local"},
		{"attic.nix-cache.svc.cluster.local.", ".svc.cluster.local"},
		{"attic.nix-cache.svc.east.example", ".svc.east.example"},
		{"attic.nix-cache.svc", "attic.nix-cache.svc"},
		{"attic.svchost.example", "attic.svchost.example"},
		{"nix-cache.tinyland.dev.", "nix-cache.tinyland.dev"},
		{"10.43.0.20", "10.43.0.20"},
		{"fd43::20", "fd43::20"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CLEANUP_FREE char *entry = no_proxy_entry(rows[i].host);

		assert_string_equal(entry, rows[i].entry);
		assert_true(no_proxy_holds(entry, rows[i].host));
	}
}

static void lists_are_joined(void **state)
{
	static const struct {
		const char *environment[3];
		const char *joined;
	} rows[] = {
		{{NULL}, ".svc.x"},
		{{"no_proxy=", "NO_PROXY="}, ".svc.x"},
		{{"no_proxy=a,b"}, "a,b,.svc.x"},
		{{"NO_PROXY=a,b"}, "a,b,.svc.x"},
		{{"no_proxy=a,b", "NO_PROXY=b,c"}, "a,b,c,.svc.x"},
		{{"no_proxy=a,b,.svc.x", "NO_PROXY=a,b,.svc.x"}, "a,b,.svc.x"}, /* once more */
		{{"no_proxy=.svc.x , a", "NO_PROXY=\tb,, a"}, ".svc.x,a,b"},
		{{"no_proxy=a\nHOME=/root\r\nb"}, "a,HOME=/root,b,.svc.x"},
		{{"no_proxy=a", "NO_PROXY=*"}, "a,*,.svc.x"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct context context = {.environment = (char **)rows[i].environment};
		CLEANUP_FREE char *joined = no_proxy_with(&context, ".svc.x");

		assert_string_equal(joined, rows[i].joined);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_exceptions),
		cmocka_unit_test(a_host_is_excepted_with_its_cluster),
		cmocka_unit_test(lists_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
