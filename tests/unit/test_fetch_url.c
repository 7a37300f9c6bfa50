/* SPDX-License-Identifier: Zlib */
/* URLs to fetch from, and where a redirect leads. */
#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/fetch_url.h"
#include "agent/mem.h"
#include "tests/unit/check.h"

static void parses_urls(void **state)
{
	static const struct {
		const char *text, *parsed, *message; /* parsed NULL: refused */
	} rows[] = {
		{"https://h.test/a/b.tar.xz", "https://h.test/a/b.tar.xz", NULL},
		{"http://h.test", "http://h.test", NULL},
		{"HTTP://H.test:8080/", "http://H.test:8080/", NULL},
		{"https://h.test?x=1", "https://h.test?x=1", NULL},
		{"https://h.test/a?sig=a%2Fb/../c#part", "https://h.test/a?sig=a%2Fb/../c", NULL},
		{"https://h.test/a/./b/../c", "https://h.test/a/c", NULL},
		{"https://h.test/../../a", "https://h.test/a", NULL},
		{"https://h.test/a/..", "https://h.test/", NULL},
		{"https://h.test/a//b/", "https://h.test/a//b/", NULL},
		{"https://[fd00::1]:8080/x", "https://[fd00::1]:8080/x", NULL},
		{"/a", NULL, "neither http nor https"},
		{"ftp://h.test/a", NULL, "does not begin with"},
		{"grpc://h.test/a", NULL, "neither http nor https"},
		{"unix:///x", NULL, "neither http nor https"},
		{"file:///etc/passwd", NULL, "does not begin with"},
		{"javascript:alert(1)//://h", NULL, "does not begin with"},
		{"https:///a", NULL, "no host"},
		{"https://u:pw@h.test/a", NULL, "user name"},
		{"https://h.test./a", NULL, "ends in a dot"},
		{"https://h.test/a b", NULL, "no URL holds"},
		{"https://h.test/a\nb", NULL, "no URL holds"},
		{"https://h.test/\xc3\xa4", NULL, "no URL holds"},
		{"https://h.test/?\"", NULL, "no URL holds"},
		{"https://h.test:0/", NULL, "port"},
		{"", NULL, "neither http nor https"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fetch_url url;
		struct error error = {0};
		int status = fetch_url_parse(rows[i].text, &url, &error);

		if ((status == 0) != (rows[i].parsed != NULL) ||
		    (rows[i].parsed && strcmp(url.text, rows[i].parsed) != 0) ||
		    (rows[i].message && !strstr(error.message, rows[i].message)))
			fail_msg("%s: %s (%s)", rows[i].text, status ? "-" : url.text,
				 error.message);
		fetch_url_release(&url);
	}
}

static void bounds_lengths(void **state)
{
	char *text = mem_alloc(10000, 1);
	struct fetch_url url;

	(void)state;
	memset(text, 'a', 8192);
	memcpy(text, "https://h.test/?", 16);
	assert_int_equal(fetch_url_parse(text, &url, NULL), 0);
	assert_int_equal(strlen(url.text), 8192);
	fetch_url_release(&url);
	text[8192] = 'a';
	assert_int_equal(fetch_url_parse(text, &url, NULL), -1);
	fetch_url_release(&url);
	free(text);
}

static void resolves_locations(void **state)
{
	static const struct {
		const char *base, *location, *url; /* NULL: refused */
	} rows[] = {
		{"http://h.test/a/b?q", "https://other.test/x?y", "https://other.test/x?y"},
		{"http://h.test/a/b?q", "//other.test/x", "http://other.test/x"},
		{"https://h.test:81/a/b?q", "/x", "https://h.test:81/x"},
		{"http://h.test/a/b?q", "x", "http://h.test/a/x"},
		{"http://h.test/a/b?q", "./x", "http://h.test/a/x"},
		{"http://h.test/a/b?q", "../x", "http://h.test/x"},
		{"http://h.test/a/b/?q", "../x", "http://h.test/a/x"},
		{"http://h.test/a/b", "../../../../x", "http://h.test/x"},
		{"http://h.test/a/b?q/r", "x", "http://h.test/a/x"},
		{"http://h.test/a/b?q", "?r", "http://h.test/a/b?r"},
		{"http://h.test/a/b?q", "#part", "http://h.test/a/b?q"},
		{"http://h.test/a/b?q", "", "http://h.test/a/b?q"},
		{"http://h.test", "x", "http://h.test/x"},
		{"http://h.test?q", "x", "http://h.test/x"},
		{"http://h.test", "?r", "http://h.test?r"},
		{"http://h.test/a", "/x?to=http://h/../y", "http://h.test/x?to=http://h/../y"},
		{"http://h.test/a", "http:x", NULL},
		{"http://h.test/a", "ftp://h.test/x", NULL},
		{"http://h.test/a", "//u@other.test/x", NULL},
		{"http://h.test/a", "@other.test/x", "http://h.test/@other.test/x"},
		{"http://h.test/a", "\\\\other.test/x", NULL},
		{"http://h.test/a", "/x y", NULL},
		{"http://h.test/a", "//", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fetch_url base, url;
		struct error error = {0};
		int status;

		assert_int_equal(fetch_url_parse(rows[i].base, &base, NULL), 0);
		status = fetch_url_resolve(&base, rows[i].location, &url, &error);
		if ((status == 0) != (rows[i].url != NULL) ||
		    (rows[i].url && strcmp(url.text, rows[i].url) != 0))
			fail_msg("%s, %s: %s (%s)", rows[i].base, rows[i].location,
				 status ? "-" : url.text, error.message);
		fetch_url_release(&url);
		fetch_url_release(&base);
	}
}

static void hides_what_may_be_secret(void **state)
{
	static const char *const rows[][2] = {
		{"https://h.test/a?X-Signature=secret", "https://h.test/a"},
		{"https://h.test/a#secret", "https://h.test/a"},
		{"https://user:secret@h.test/a", "https://user:***@h.test/a"},
		{"no URL?secret", "no URL"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char *shown = fetch_url_shown(rows[i][0]);

		assert_string_equal(shown, rows[i][1]);
		free(shown);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_urls),
		cmocka_unit_test(bounds_lengths),
		cmocka_unit_test(resolves_locations),
		cmocka_unit_test(hides_what_may_be_secret),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
