/* SPDX-License-Identifier: Zlib */
/* Resolving against a real server on this machine, which misbehaves by the left-most label. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/dns_message.h"
#include "agent/resolve.h"
#include "agent/root.h"
#include "agent/run.h"
#include "tests/unit/check.h"
#include "tests/unit/tiny_server.h"

#define DEADLINE_MS 600u
#define NXDOMAIN 3u

/* ---- the server */

static const char *label_of(const uint8_t *query, char label[64])
{
	size_t length = query[12] & 63;

	memcpy(label, query + 13, length);
	label[length] = '\0';
	return label;
}

/* Header and question of QUERY, as an answer with RCODE and COUNT records. */
static size_t begin_answer(const uint8_t *query, size_t length, uint8_t *answer, unsigned int rcode,
			   unsigned int count)
{
	memcpy(answer, query, length);
	answer[2] = 0x81;
	answer[3] = (uint8_t)(0x80 | rcode);
	answer[7] = (uint8_t)count;
	return length;
}

static size_t add_record(uint8_t *answer, size_t length, unsigned int type, uint8_t last)
{
	const uint8_t v4[] = {0xc0, 0x0c, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 10, 43, 0, last};
	const uint8_t v6[] = {0xc0, 0x0c, 0, 28, 0, 1, 0, 0, 0, 5, 0, 16, 0xfd, 0x43,
			      0,    0,    0, 0,  0, 0, 0, 0, 0, 0, 0, 0,  0,    last};
	const void *record = type == DNS_A ? (const void *)v4 : (const void *)v6;
	size_t size = type == DNS_A ? sizeof(v4) : sizeof(v6);

	memcpy(answer + length, record, size);
	return length + size;
}

/* What the whole server is like, for tests with several. */
struct habit {
	const char *label; /* instead of the query's own */
};

static size_t answer_fault(const char *label, const uint8_t *query, size_t length, uint8_t *answer)
{
	if (strcmp(label, "drop") == 0)
		return 0;
	if (strcmp(label, "garbage") == 0) {
		memset(answer, 0xff, 40);
		memcpy(answer, query, 2);
		return 40;
	}
	if (strcmp(label, "wrongid") == 0) {
		length = begin_answer(query, length, answer, 0, 1);
		answer[0] ^= 0xff;
		return add_record(answer, length, DNS_A, 66);
	}
	if (strcmp(label, "wrongname") == 0) {
		length = begin_answer(query, length, answer, 0, 1);
		answer[13] ^= 1;
		return add_record(answer, length, DNS_A, 66);
	}
	if (strcmp(label, "slow") == 0)
		usleep(300000);
	return 1;
}

/* An honest answer: "v6" has an AAAA record alone, "none" no record, "nx" does not exist. */
static size_t answer_honestly(const char *label, const uint8_t *query, size_t length,
			      uint8_t *answer)
{
	static const struct {
		const char *label;
		unsigned int rcode;
	} faults[] = {{"servfail", 2}, {"nx", NXDOMAIN}, {"notimp", 4}, {"refused", 5}};
	bool is_v6 = query[length - 3] == DNS_AAAA;
	bool has_record = strcmp(label, "none") != 0 && (strncmp(label, "v6", 2) == 0) == is_v6;

	for (size_t i = 0; i < COUNT(faults); i++)
		if (strcmp(label, faults[i].label) == 0)
			return begin_answer(query, length, answer, faults[i].rcode, 0);
	if (strcmp(label, "v6fault") == 0 && is_v6)
		return begin_answer(query, length, answer, 2, 0);
	length = begin_answer(query, length, answer, 0,
			      strcmp(label, "twice") == 0 ? 2 : has_record);
	length = has_record ? add_record(answer, length, is_v6 ? DNS_AAAA : DNS_A, 20) : length;
	if (strcmp(label, "twice") == 0)
		length = add_record(answer, length, DNS_A, 20);
	return length;
}

/* Only names below "lab" exist; "*.wild" have an address of their own. */
static bool is_below(const uint8_t *query, size_t length, const char *zone)
{
	size_t size = strlen(zone);

	return length > 17 + size && memcmp(query + length - 5 - size, zone, size) == 0;
}

static size_t reply(const uint8_t *query, size_t length, uint8_t *answer, const void *data)
{
	const struct habit *habit = data;
	char own[64];
	const char *label = habit && habit->label ? habit->label : label_of(query, own);

	if (is_below(query, length, "\4wild")) {
		length = begin_answer(query, length, answer, 0, query[length - 3] == DNS_A);
		return answer[7] ? add_record(answer, length, DNS_A, 99) : length;
	}
	if (!is_below(query, length, "\3lab") && !is_below(query, length, "\5local"))
		return begin_answer(query, length, answer, NXDOMAIN, 0);
	if (strncmp(label, "tc", 2) == 0) {
		begin_answer(query, length, answer, 0, 0);
		answer[2] |= 0x02;
		return length;
	}
	if (!answer_fault(label, query, length, answer))
		return 0;
	if (strncmp(label, "garbage", 7) == 0 || strncmp(label, "wrong", 5) == 0)
		return answer_fault(label, query, length, answer);
	return answer_honestly(label, query, length, answer);
}

/* TCP: "tc" gets its answer, "tcdrop" silence, "tcclose" the end. */
static void serve(int fd, const void *data)
{
	uint8_t query[512], answer[4096];
	char label[64];
	size_t length;

	(void)data;
	if (read(fd, query, 2) != 2 || query[1] < 17 || read(fd, query, query[1]) < 17)
		return;
	length = strlen((const char *)query + 12) + 17; /* no label has a NUL */
	label_of(query, label);
	if (strcmp(label, "tcclose") == 0)
		return;
	if (strcmp(label, "tcdrop") == 0)
		(void)read(fd, query, sizeof(query));
	length = answer_honestly(label, query, length, answer + 2);
	answer[0] = (uint8_t)(length >> 8);
	answer[1] = (uint8_t)length;
	tiny_write(fd, answer, 1); /* in two pieces, as a network may */
	usleep(2000);
	tiny_write(fd, answer + 1, length + 1);
}

/* ---- the tests */

static struct tiny_server server;

static int start_server(void **state)
{
	(void)state;
	tiny_server_start(&server, serve, reply, NULL);
	return 0;
}

static int stop_server(void **state)
{
	(void)state;
	tiny_server_stop(&server);
	return 0;
}

static void make_resolver(struct resolver *resolver, const char *text)
{
	memset(resolver, 0, sizeof(*resolver));
	resolver_parse(resolver, text);
	resolver->port = server.port;
}

#define ONE "nameserver 127.0.0.1\n"
#define POD ONE "search ns.svc.lab svc.lab lab\noptions ndots:5\n"

static const struct host_case {
	const char *conf, *host;
	enum resolve_outcome outcome;
	const char *address, *queried;
	unsigned int packets;
	bool is_by_search, was_truncated;
} host_cases[] = {
	{ONE, "a.lab", RESOLVE_OK, "10.43.0.20", "a.lab", 1, false, false},
	{ONE, "a.lab.", RESOLVE_OK, "10.43.0.20", "a.lab", 1, false, false},
	{ONE, "a.elsewhere", RESOLVE_NXDOMAIN, "", "a.elsewhere", 1, false, false},
	{ONE, "twice.lab", RESOLVE_OK, "10.43.0.20", "twice.lab", 1, false, false},
	{ONE, "v6.lab", RESOLVE_OK, "fd43::14", "v6.lab", 2, false, false},
	{ONE, "v6fault.lab", RESOLVE_NODATA, "", "v6fault.lab", 2, false, false},
	{ONE, "none.lab", RESOLVE_NODATA, "", "none.lab", 2, false, false},
	{ONE, "servfail.lab", RESOLVE_SERVFAIL, "", "servfail.lab", 1, false, false},
	{ONE, "refused.lab", RESOLVE_REFUSED, "", "refused.lab", 1, false, false},
	{ONE, "notimp.lab", RESOLVE_OTHER_RCODE, "", "notimp.lab", 1, false, false},
	{ONE, "drop.lab", RESOLVE_TIMEOUT, "", "drop.lab", 2, false, false},
	{ONE, "garbage.lab", RESOLVE_MALFORMED, "", "garbage.lab", 1, false, false},
	{ONE, "wrongid.lab", RESOLVE_MALFORMED, "", "wrongid.lab", 2, false, false},
	{ONE, "wrongname.lab", RESOLVE_MALFORMED, "", "wrongname.lab", 2, false, false},
	{ONE, "tc.lab", RESOLVE_OK, "10.43.0.20", "tc.lab", 2, false, true},
	{ONE, "tcdrop.lab", RESOLVE_TRUNCATED, "", "tcdrop.lab", 2, false, true},
	{ONE, "tcclose.lab", RESOLVE_TRUNCATED, "", "tcclose.lab", 2, false, true},
	{ONE "options attempts:1\n", "slow.lab", RESOLVE_OK, "10.43.0.20", "slow.lab", 1, false,
	 false},
	/* search list and ndots */
	{POD, "attic", RESOLVE_OK, "10.43.0.20", "attic.ns.svc.lab", 1, true, false},
	{POD, "attic.", RESOLVE_NXDOMAIN, "", "attic", 1, false, false},
	{POD, "a.lab", RESOLVE_OK, "10.43.0.20", "a.lab.ns.svc.lab", 1, true, false},
	{POD, "nx", RESOLVE_NXDOMAIN, "", "nx", 4, false, false},
	{POD, "none", RESOLVE_NODATA, "", "none.ns.svc.lab", 7, false, false},
	{POD, "servfail", RESOLVE_SERVFAIL, "", "servfail.ns.svc.lab", 4, false, false},
	{POD, "drop", RESOLVE_TIMEOUT, "", "drop.ns.svc.lab", 2, false, false},
	/* a full name of the cluster is asked as it is, whatever ndots says */
	{POD, "a.ns.svc.cluster.local", RESOLVE_OK, "10.43.0.20", "a.ns.svc.cluster.local", 1,
	 false, false},
	{POD, "nx.ns.svc.cluster.local", RESOLVE_NXDOMAIN, "", "nx.ns.svc.cluster.local", 4, false,
	 false},
	{ONE "search wild\noptions ndots:5\n", "nx.ns.svc.cluster.local", RESOLVE_OK, "10.43.0.99",
	 "nx.ns.svc.cluster.local.wild", 2, true, false},
	/* none of these asks anybody */
	{ONE, "10.1.2.3", RESOLVE_OK, "10.1.2.3", "10.1.2.3", 0, false, false},
	{ONE, "fd43::1", RESOLVE_OK, "fd43::1", "fd43::1", 0, false, false},
	{ONE, "a b", RESOLVE_BAD_NAME, "", "", 0, false, false},
	{ONE, "", RESOLVE_BAD_NAME, "", "", 0, false, false},
	{ONE, "a..b", RESOLVE_BAD_NAME, "", "", 0, false, false},
	{"", "a.lab", RESOLVE_NO_SERVER, "", "a.lab", 0, false, false},
};

static void resolves(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(host_cases); i++) {
		const struct host_case *wanted = &host_cases[i];
		struct resolver resolver;
		struct resolve_answer answer;
		int64_t start_us = run_clock_us();

		make_resolver(&resolver, wanted->conf);
		resolve_host(&resolver, wanted->host, DEADLINE_MS, &answer);
		if (answer.outcome != wanted->outcome ||
		    strcmp(answer.addresses[0], wanted->address) != 0 ||
		    answer.address_count != (*wanted->address != '\0') ||
		    strcmp(answer.queried, wanted->queried) != 0 ||
		    answer.packets != wanted->packets ||
		    answer.is_from_search_list != wanted->is_by_search ||
		    answer.was_truncated != wanted->was_truncated)
			fail_msg("%s: %s, %s, queried %s, %u packets, search %d, tc %d",
				 wanted->host, resolve_outcome_name(answer.outcome),
				 answer.addresses[0], answer.queried, answer.packets,
				 answer.is_from_search_list, answer.was_truncated);
		assert_true(run_clock_us() - start_us < (DEADLINE_MS + 300) * INT64_C(1000));
		resolver_release(&resolver);
	}
}

/* A second server is asked when the first one fails; what says more decides when both do. */
static void asks_several_servers(void **state)
{
	static const struct {
		const char *first, *second;
		enum resolve_outcome outcome;
		int server; /* who decided: 1 or 2 */
	} cases[] = {
		{"drop", NULL, RESOLVE_OK, 2},
		{"servfail", NULL, RESOLVE_OK, 2},
		{"refused", NULL, RESOLVE_OK, 2},
		{"garbage", NULL, RESOLVE_OK, 2},
		{NULL, "drop", RESOLVE_OK, 1},
		{"nx", NULL, RESOLVE_NXDOMAIN, 1},
		{"drop", "servfail", RESOLVE_SERVFAIL, 2},
		{"servfail", "drop", RESOLVE_SERVFAIL, 1},
		{"garbage", "drop", RESOLVE_MALFORMED, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct habit habits[] = {{cases[i].first}, {cases[i].second}};
		struct tiny_server servers[2];
		struct resolver resolver;
		struct resolve_answer answer;

		/* Both must listen on one port, so the second is on another address. */
		tiny_server_start(&servers[0], serve, reply, &habits[0]);
		tiny_server_start_at(&servers[1], "127.0.0.2", servers[0].port, reply, &habits[1]);
		make_resolver(&resolver, ONE "nameserver 127.0.0.2\n");
		resolver.port = servers[0].port;
		resolve_host(&resolver, "a.lab", DEADLINE_MS, &answer);
		if (answer.outcome != cases[i].outcome ||
		    answer.server[strlen(answer.server) - 1] != '0' + cases[i].server)
			fail_msg("%s, %s: %s from %s", cases[i].first ? cases[i].first : "honest",
				 cases[i].second ? cases[i].second : "honest",
				 resolve_outcome_name(answer.outcome), answer.server);
		tiny_server_stop(&servers[0]);
		tiny_server_stop(&servers[1]);
	}
}

static void tells_closed_ports(void **state)
{
	struct resolver resolver;
	struct resolve_answer answer;

	(void)state;
	make_resolver(&resolver, ONE);
	resolver.port = tiny_unused_port();
	resolve_host(&resolver, "a.lab", DEADLINE_MS, &answer);
	assert_int_equal(answer.outcome, RESOLVE_UNREACHABLE);
	make_resolver(&resolver, "nameserver not-an-address\nnameserver fe80::1%eth0\n");
	resolve_host(&resolver, "a.lab", DEADLINE_MS, &answer);
	assert_int_equal(answer.outcome, RESOLVE_UNREACHABLE);
}

/* No time is no reason to hang, nor to wait for what comes later. */
static void keeps_deadlines(void **state)
{
	static const unsigned int deadlines_ms[] = {0, 1, 50};
	struct resolver resolver;
	struct resolve_answer answer;

	(void)state;
	make_resolver(&resolver, POD);
	for (size_t i = 0; i < COUNT(deadlines_ms); i++) {
		int64_t start_us = run_clock_us();

		resolve_host(&resolver, "slow.lab.", deadlines_ms[i], &answer);
		assert_int_equal(answer.outcome, RESOLVE_TIMEOUT);
		assert_true(run_clock_us() - start_us < 250000);
	}
}

static void reads_hosts_file(void **state)
{
	static const char hosts[] = "# comment 10.0.0.9 attic\n"
				    "127.0.0.1\tlocalhost\n"
				    "::1 localhost ip6-localhost # other\n"
				    "fd43::1 both\n"
				    "  10.0.0.1  Attic.Example  attic # not-this\n"
				    "10.0.0.2 both attic\n"
				    "nonsense attic\n"
				    "10.0.0.3 atti\r\n"
				    "10.0.0.4 last";
	static const struct {
		const char *host, *first, *second;
	} cases[] = {
		{"localhost", "127.0.0.1", "::1"},
		{"attic", "10.0.0.1", "10.0.0.2"},
		{"ATTIC.example.", "10.0.0.1", ""},
		{"both", "10.0.0.2", "fd43::1"},
		{"atti", "10.0.0.3", ""},
		{"last", "10.0.0.4", ""},
		{"not-this", "", ""},
		{"10.0.0.1", "10.0.0.1", ""},
		{"example", "", ""},
	};
	struct resolver resolver;

	(void)state;
	memset(&resolver, 0, sizeof(resolver));
	resolver_parse(&resolver, "");
	resolver_set_hosts(&resolver, hosts);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct resolve_answer answer;

		resolve_host(&resolver, cases[i].host, DEADLINE_MS, &answer);
		if (strcmp(answer.addresses[0], cases[i].first) != 0 ||
		    strcmp(answer.addresses[1], cases[i].second) != 0)
			fail_msg("%s: %s %s", cases[i].host, answer.addresses[0],
				 answer.addresses[1]);
		assert_int_equal(answer.is_from_hosts_file,
				 *cases[i].first && cases[i].host[0] != '1');
	}
	resolver_release(&resolver);
}

static void check_conf(const struct resolver *resolver)
{
	assert_int_equal(resolver->server_count, 3);
	assert_string_equal(resolver->servers[0], "10.43.0.10");
	assert_string_equal(resolver->servers[2], "fd43::a");
	assert_int_equal(resolver->search_count, 3);
	assert_string_equal(resolver->search[0], "nix-cache.svc.cluster.local");
	assert_string_equal(resolver->search[2], "cluster.local");
	assert_int_equal(resolver->ndots, 5);
	assert_int_equal(resolver->timeout_ms, 1000);
	assert_int_equal(resolver->attempts, 3);
	assert_true(resolver->is_file_present);
	assert_non_null(strstr(resolver->hosts, "localhost"));
}

static void reads_resolv_conf(void **state)
{
	struct resolver resolver = {0};
	struct root root;

	(void)state;
	assert_int_equal(root_open_directory(&root, "fixtures/dns/pod", NULL), 0);
	resolver_read(&resolver, &root);
	check_conf(&resolver);
	resolver_release(&resolver);
	root_close(&root);

	assert_int_equal(root_open_directory(&root, "fixtures/dns/empty", NULL), 0);
	resolver_read(&resolver, &root);
	assert_false(resolver.is_file_present);
	assert_int_equal(resolver.server_count, 0);
	assert_int_equal(resolver.ndots, 1);
	assert_int_equal(resolver.attempts, 2);
	assert_int_equal(resolver.timeout_ms, 5000);
	resolver_release(&resolver);
	root_close(&root);
}

static void bounds_resolv_conf(void **state)
{
	struct resolver resolver = {0};

	(void)state;
	resolver_parse(&resolver,
		       "search a b\ndomain c d\noptions ndots:99 timeout:99 attempts:99\n"
		       "options ndots:x timeout:0 attempts:-1 rotate\n"
		       "; nameserver 1.1.1.1\n nameserver\n");
	assert_int_equal(resolver.search_count, 1);
	assert_string_equal(resolver.search[0], "c");
	assert_int_equal(resolver.ndots, 15);
	assert_int_equal(resolver.timeout_ms, 30000);
	assert_int_equal(resolver.attempts, 5);
	assert_int_equal(resolver.server_count, 0);
	resolver_parse(&resolver, "search a. b/c .. ok\nnameserver 1\nnameserver 2\nnameserver "
				  "3\nnameserver 4");
	assert_int_equal(resolver.search_count, 2);
	assert_string_equal(resolver.search[0], "a");
	assert_string_equal(resolver.search[1], "ok");
	assert_int_equal(resolver.server_count, RESOLVE_MAX_SERVERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(resolves),           cmocka_unit_test(asks_several_servers),
		cmocka_unit_test(tells_closed_ports), cmocka_unit_test(keeps_deadlines),
		cmocka_unit_test(reads_hosts_file),   cmocka_unit_test(reads_resolv_conf),
		cmocka_unit_test(bounds_resolv_conf),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
