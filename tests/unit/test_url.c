/* SPDX-License-Identifier: Zlib */
/* URLs: taken apart, refused, shown. */
#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "agent/url.h"
#include "tests/unit/check.h"

struct good {
	const char *text, *scheme, *user, *password, *host, *path, *shown;
	unsigned int port;
	bool is_tls, is_ip;
};

static const struct good good_urls[] = {
	{"http://attic.nix-cache.svc.cluster.local", "http", NULL, NULL,
	 "attic.nix-cache.svc.cluster.local", "", "http://attic.nix-cache.svc.cluster.local", 80,
	 false, false},
	{"HTTPS://Host.Example/A/b//", "https", NULL, NULL, "host.example", "/A/b",
	 "https://host.example/A/b", 443, true, false},
	{"grpc://cache:9092/", "grpc", NULL, NULL, "cache", "", "grpc://cache:9092", 9092, false,
	 false},
	{"grpcs://u%40x:p%3Aq@h/instance", "grpcs", "u@x", "p:q", "h", "/instance",
	 "grpcs://h/instance", 443, true, false},
	{"http://token@h:8080", "http", "token", NULL, "h", "", "http://h:8080", 8080, false,
	 false},
	{"http://10.0.0.1:80", "http", NULL, NULL, "10.0.0.1", "", "http://10.0.0.1:80", 80, false,
	 true},
	{"http://[FD00::1]:81/x", "http", NULL, NULL, "fd00::1", "/x", "http://[fd00::1]:81/x", 81,
	 false, true},
	{"http://[::1]", "http", NULL, NULL, "::1", "", "http://[::1]", 80, false, true},
	{"http://host.", "http", NULL, NULL, "host.", "", "http://host.", 80, false, false},
	{"https://flakehub.com/f/tinyland-inc/GloriousFlywheel/*", "https", NULL, NULL,
	 "flakehub.com", "/f/tinyland-inc/GloriousFlywheel/*",
	 "https://flakehub.com/f/tinyland-inc/GloriousFlywheel/*", 443, true, false},
	{"unix:/run/x.sock", "unix", NULL, NULL, "", "/run/x.sock", "unix:/run/x.sock", 0, false,
	 false},
	{"unix:///run/x.sock", "unix", NULL, NULL, "", "/run/x.sock", "unix:/run/x.sock", 0, false,
	 false},
};

static void assert_same(const char *got, const char *wanted)
{
	if (!wanted)
		assert_null(got);
	else
		assert_string_equal(got, wanted);
}

static void good_urls_come_apart(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good_urls); i++) {
		const struct good *row = &good_urls[i];
		struct error error = {0};
		struct url url;
		char *shown;

		print_message("%s\n", row->text);
		assert_int_equal(url_parse(row->text, &url, &error), 0);
		assert_same(url.scheme, row->scheme);
		assert_same(url.user, row->user);
		assert_same(url.password, row->password);
		assert_same(url.host, row->host);
		assert_same(url.path, row->path);
		assert_int_equal(url.port, row->port);
		assert_int_equal(url.is_tls, row->is_tls);
		assert_int_equal(url.is_ip_address, row->is_ip);
		shown = url_display(&url);
		assert_string_equal(shown, row->shown);
		free(shown);
		url_release(&url);
	}
}

static const struct {
	const char *text, *why;
} bad_urls[] = {
	{"", "empty"},
	{"host:9092", "begin with"},
	{"ftp://host", "begin with"},
	{"http:host", "\"//\""},
	{"http://", "no host"},
	{"http:///path", "no host"},
	{"http://:80", "no host"},
	{"http://host:", "port"},
	{"http://host:0", "port"},
	{"http://host:65536", "port"},
	{"http://host:8o", "port"},
	{"http://host:80:80", "neither"},
	{"http://ho st", "white space"},
	{"http://host\n", "white space"},
	{"http://host/\"x", "quote"},
	{"http://host/'x", "quote"},
	{"http://${HOST}", "unexpanded"},
	{"http://$HOST", "neither"},
	{"http://host/?q", "query"},
	{"http://host/#f", "query"},
	{"http://host/%zz", "hexadecimal"},
	{"http://host/%2", "hexadecimal"},
	{"http://u:%00@host", "control"},
	{"http://u:%0a@host", "control"},
	{"http://h%6fst", "neither"},
	{"http://127.1", "neither"},
	{"http://0x7f.1", "neither"},
	{"http://1.2.3.4.5", "neither"},
	{"http://a..b", "neither"},
	{"http://[::1", "neither"},
	{"http://[::g]", "neither"},
	{"http://[1.2.3.4]", "neither"},
	{"http://::1/", "neither"},
	{"http://h\xc3\xb6st", "ASCII"},
	{"http://host/a/../b", "segment"},
	{"http://host/..", "segment"},
	{"unix:relative", "absolute"},
	{"unix:/", "absolute"},
	{"unix://host/path", "absolute"},
};

static void bad_urls_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad_urls); i++) {
		struct error error = {0};
		struct url url = {0};

		print_message("%s\n", bad_urls[i].text);
		assert_int_equal(url_parse(bad_urls[i].text, &url, &error), -1);
		assert_int_equal(error.code, ERROR_USAGE);
		assert_non_null(strstr(error.message, bad_urls[i].why));
		assert_null(url.host);
	}
}

static void messages_hold_no_password(void **state)
{
	static const char *const urls[] = {
		"http://u:hunter2@host:x", "http://u:hunter2@ho st", "http://u:hunter2",
		"ftp://u:hunter2@host",    "http://u:hunter2%0a@h",  "http://u:hunter2@127.1",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(urls); i++) {
		struct error error = {0};
		struct url url = {0};

		assert_int_equal(url_parse(urls[i], &url, &error), -1);
		assert_null(strstr(error.message, "hunter2"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_urls_come_apart),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(messages_hold_no_password),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
