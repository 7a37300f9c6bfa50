/* SPDX-License-Identifier: Zlib */
/* Which proxy a URL goes through, and what is said where none can be used. */
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/proxy.h"
#include "agent/url.h"
#include "tests/unit/check.h"

static const struct choice {
	const char *what, *url;
	const char *environment[4];
	const char *text, *host, *shown; /* NULL: no proxy */
} choices[] = {
	{"no variable", "https://h.test", {NULL}, NULL, NULL, NULL},
	{"https, lower case first",
	 "https://h.test",
	 {"HTTPS_PROXY=http://upper:1", "https_proxy=http://lower:2"},
	 "http://lower:2",
	 "lower",
	 "http://lower:2 (https_proxy)"},
	{"https, upper case",
	 "https://h.test",
	 {"https_proxy=", "HTTPS_PROXY=http://upper:1/"},
	 "http://upper:1",
	 "upper",
	 "http://upper:1 (HTTPS_PROXY)"},
	{"http, lower case alone",
	 "http://h.test",
	 {"HTTP_PROXY=http://upper:1", "https_proxy=http://other:2"},
	 NULL,
	 NULL,
	 NULL},
	{"http",
	 "http://h.test",
	 {"http_proxy=http://p:3128"},
	 "http://p:3128",
	 "p",
	 "http://p:3128 (http_proxy)"},
	{"https has a variable of its own",
	 "https://h.test",
	 {"http_proxy=http://p:3128"},
	 NULL,
	 NULL,
	 NULL},
	{"one for all",
	 "http://h.test",
	 {"ALL_PROXY=http://upper:1", "all_proxy=http://p:2"},
	 "http://p:2",
	 "p",
	 "http://p:2 (all_proxy)"},
	{"one for all, upper case",
	 "https://h.test",
	 {"ALL_PROXY=https://p"},
	 "https://p:443",
	 "p",
	 "https://p:443 (ALL_PROXY)"},
	{"without scheme and port",
	 "https://h.test",
	 {"https_proxy=Proxy.Test"},
	 "http://proxy.test:1080",
	 "proxy.test",
	 "http://proxy.test:1080 (https_proxy)"},
	{"user info",
	 "https://h.test",
	 {"https_proxy=http://us%40er:p%3aw@p:8080/x"},
	 "http://us%40er:p%3aw@p:8080",
	 "p",
	 "http://p:8080 (https_proxy)"},
	{"an IPv6 address",
	 "https://h.test",
	 {"https_proxy=http://u@[fd00::1]:8080"},
	 "http://u@[fd00::1]:8080",
	 "fd00::1",
	 "http://[fd00::1]:8080 (https_proxy)"},
	{"an excepted host",
	 "https://h.test",
	 {"https_proxy=http://p:1", "no_proxy=x,h.test"},
	 NULL,
	 NULL,
	 NULL},
	{"an excepted host, upper case",
	 "https://h.test",
	 {"https_proxy=http://p:1", "no_proxy=", "NO_PROXY=test"},
	 NULL,
	 NULL,
	 NULL},
	{"lower case hides upper case",
	 "https://h.test",
	 {"https_proxy=http://p:1", "no_proxy=x", "NO_PROXY=h.test"},
	 "http://p:1",
	 "p",
	 "http://p:1 (https_proxy)"},
	{"an exception from what is not understood",
	 "https://h.test",
	 {"https_proxy=socks5://p:1", "no_proxy=*"},
	 NULL,
	 NULL,
	 NULL},
};

static const char *or_none(const char *text)
{
	return text ? text : "(none)";
}

static void chooses_a_proxy(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(choices); i++) {
		const struct choice *wanted = &choices[i];
		const struct context context = {.environment = (char **)wanted->environment};
		struct url url;
		struct proxy proxy;
		struct error error = {0};

		assert_int_equal(url_parse(wanted->url, &url, NULL), 0);
		if (proxy_for(&context, &url, &proxy, &error) ||
		    strcmp(or_none(proxy.text), or_none(wanted->text)) != 0 ||
		    strcmp(or_none(proxy.host), or_none(wanted->host)) != 0 ||
		    strcmp(or_none(proxy.shown), or_none(wanted->shown)) != 0)
			fail_msg("%s: %s, %s, %s (%s)", wanted->what, or_none(proxy.text),
				 or_none(proxy.host), or_none(proxy.shown), error.message);
		proxy_release(&proxy);
		url_release(&url);
	}
}

static void says_what_cannot_be_used(void **state)
{
	static const struct {
		const char *variable, *message;
	} rows[] = {
		{"https_proxy=socks5h://u:secret@p:1", "https_proxy names a SOCKS proxy, which"},
		{"all_proxy=SOCKS4://p:1", "all_proxy names a SOCKS proxy, which"},
		{"ALL_PROXY=grpc://p:1", "ALL_PROXY names a proxy that is neither http://"},
		{"HTTPS_PROXY=ftp://u:secret@p:1", "HTTPS_PROXY: the URL does not begin with"},
		{"https_proxy=http://u:secret@", "https_proxy: the URL has no host"},
		{"https_proxy=http://u:secret@p:99999", "https_proxy: the URL's port"},
		{"https_proxy=http://${PROXY}", "https_proxy: the URL holds an unexpanded"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *environment[] = {rows[i].variable, NULL};
		const struct context context = {.environment = (char **)environment};
		const struct url url = {.host = (char[]){"h.test"}, .is_tls = true};
		struct proxy proxy;
		struct error error = {0};

		assert_int_equal(proxy_for(&context, &url, &proxy, &error), -1);
		assert_null(proxy.text);
		if (!strstr(error.message, rows[i].message) || strstr(error.message, "secret"))
			fail_msg("%s: %s", rows[i].variable, error.message);
		proxy_release(&proxy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chooses_a_proxy),
		cmocka_unit_test(says_what_cannot_be_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
