/* SPDX-License-Identifier: Zlib */
/* DNS messages: honest answers are read, and every way to lie is refused. */
#include <stdlib.h>
#include <string.h>

#include "agent/dns_message.h"
#include "agent/encoding.h"
#include "tests/unit/check.h"

#define ID 0x1234
#define NAME "a.bc"

/* "a.bc" as labels, then type A and class IN. */
#define QUESTION "0161026263000001 0001"
#define HEAD(flags, answers) "1234" flags "0001" answers "00000000"
#define A_RECORD "c00c 0001 0001 00000005 0004 0a2b0014"

static size_t from_hex(const char *hex, uint8_t *ret, size_t size)
{
	char packed[8192];
	size_t length = 0;
	ptrdiff_t bytes;

	for (; *hex; hex++)
		if (*hex != ' ')
			packed[length++] = *hex;
	bytes = encoding_base16_decode(packed, length, ret, size);
	assert_true(bytes >= 0);
	return (size_t)bytes;
}

static const struct answer_case {
	const char *what, *hex;
	enum dns_verdict verdict;
	unsigned int rcode;
	bool is_truncated;
	size_t addresses;
} answer_cases[] = {
	{"one address", HEAD("8180", "0001") QUESTION A_RECORD, DNS_ANSWER, 0, false, 1},
	{"two addresses", HEAD("8180", "0002") QUESTION A_RECORD A_RECORD, DNS_ANSWER, 0, false, 2},
	{"no address", HEAD("8180", "0000") QUESTION, DNS_ANSWER, 0, false, 0},
	{"NXDOMAIN", HEAD("8183", "0000") QUESTION, DNS_ANSWER, 3, false, 0},
	{"SERVFAIL", HEAD("8182", "0000") QUESTION, DNS_ANSWER, 2, false, 0},
	{"REFUSED without the question", "1234 8185 0000 0000 0000 0000", DNS_ANSWER, 5, false, 0},
	{"NXDOMAIN without the question", "1234 8183 0000 0000 0000 0000", DNS_MALFORMED, 0, false,
	 0},
	{"truncated", HEAD("8380", "0000") QUESTION, DNS_ANSWER, 0, true, 0},
	{"truncated in a record", HEAD("8380", "0001") QUESTION "c00c 0001", DNS_ANSWER, 0, true,
	 0},
	{"the question in capitals", HEAD("8180", "0001") "0141024243000001 0001" A_RECORD,
	 DNS_ANSWER, 0, false, 1},
	{"a CNAME and its address",
	 HEAD("8180", "0002") QUESTION "c00c 0005 0001 00000005 0004 017a c00e"
				       "017a c00e 0001 0001 00000005 0004 0a2b0014",
	 DNS_ANSWER, 0, false, 1},
	{"the address before its CNAME",
	 HEAD("8180", "0002") QUESTION "017a c00e 0001 0001 00000005 0004 0a2b0014"
				       "c00c 0005 0001 00000005 0004 017a c00e",
	 DNS_ANSWER, 0, false, 1},
	{"a CNAME to nowhere",
	 HEAD("8180", "0001") QUESTION "c00c 0005 0001 00000005 0004 017a c00e", DNS_ANSWER, 0,
	 false, 0},
	{"a CNAME to itself", HEAD("8180", "0001") QUESTION "c00c 0005 0001 00000005 0002 c00c",
	 DNS_MALFORMED, 0, false, 0},
	{"another name's address",
	 HEAD("8180", "0001") QUESTION "017a c00e 0001 0001 00000005 0004 01020304", DNS_ANSWER, 0,
	 false, 0},
	{"another class", HEAD("8180", "0001") QUESTION "c00c 0001 0003 00000005 0004 01020304",
	 DNS_ANSWER, 0, false, 0},
	{"another type", HEAD("8180", "0001") QUESTION "c00c 0010 0001 00000005 0002 0161",
	 DNS_ANSWER, 0, false, 0},
	{"nine addresses",
	 HEAD("8180", "0009") QUESTION A_RECORD A_RECORD A_RECORD A_RECORD A_RECORD A_RECORD
		 A_RECORD A_RECORD A_RECORD,
	 DNS_ANSWER, 0, false, DNS_MAX_ADDRESSES},
	{"another ID", "1235 8180 0001 0001 00000000" QUESTION A_RECORD, DNS_FOREIGN, 0, false, 0},
	{"another name in the question", HEAD("8180", "0001") "0161026264000001 0001" A_RECORD,
	 DNS_FOREIGN, 0, false, 0},
	{"another type in the question", HEAD("8180", "0001") "016102626300001c 0001" A_RECORD,
	 DNS_FOREIGN, 0, false, 0},
	{"a query, not an answer", HEAD("0100", "0000") QUESTION, DNS_MALFORMED, 0, false, 0},
	{"nothing", "", DNS_FOREIGN, 0, false, 0},
	{"an ID alone", "1234", DNS_MALFORMED, 0, false, 0},
	{"four bytes", "1234 8180", DNS_MALFORMED, 0, false, 0},
	{"no question", "1234 8180 0000 0001 00000000" A_RECORD, DNS_MALFORMED, 0, false, 0},
	{"two questions", "1234 8180 0002 0000 00000000" QUESTION QUESTION, DNS_MALFORMED, 0, false,
	 0},
	{"a question that ends early", HEAD("8180", "0000") "0161", DNS_MALFORMED, 0, false, 0},
	{"more answers said than sent", HEAD("8180", "0002") QUESTION A_RECORD, DNS_MALFORMED, 0,
	 false, 0},
	{"a pointer to itself",
	 HEAD("8180", "0001") QUESTION "c016 0001 0001 00000005 0004 0a2b0014", DNS_MALFORMED, 0,
	 false, 0},
	{"a pointer forwards",
	 HEAD("8180", "0001") QUESTION "c020 0001 0001 00000005 0004 0a2b0014", DNS_MALFORMED, 0,
	 false, 0},
	{"two pointers in a ring",
	 HEAD("8180", "0001") QUESTION "0162 c018 c016 0001 0001 00000005 0000", DNS_MALFORMED, 0,
	 false, 0},
	{"a pointer cut in two", HEAD("8180", "0001") QUESTION "c0", DNS_MALFORMED, 0, false, 0},
	{"a label of 64 bytes", HEAD("8180", "0001") QUESTION "40 61", DNS_MALFORMED, 0, false, 0},
	{"a record longer than the message",
	 HEAD("8180", "0001") QUESTION "c00c 0001 0001 00000005 ffff 0a2b0014", DNS_MALFORMED, 0,
	 false, 0},
	{"an address of three bytes",
	 HEAD("8180", "0001") QUESTION "c00c 0001 0001 00000005 0003 0a2b00", DNS_MALFORMED, 0,
	 false, 0},
};

static void reads_answers(void **state)
{
	uint8_t query[DNS_MAX_QUERY], message[4096];
	size_t query_length = dns_write_query(query, ID, NAME, DNS_A);

	(void)state;
	for (size_t i = 0; i < COUNT(answer_cases); i++) {
		const struct answer_case *wanted = &answer_cases[i];
		size_t length = from_hex(wanted->hex, message, sizeof(message));
		struct dns_answer answer = {0};
		/* A copy of the exact length, so that the sanitizer sees a byte too many. */
		uint8_t *exact = malloc(length ? length : 1);
		enum dns_verdict verdict;

		memcpy(exact, message, length);
		verdict = dns_read_answer(exact, length, query, query_length, &answer);
		free(exact);
		if (verdict != wanted->verdict || answer.rcode != wanted->rcode ||
		    answer.is_truncated != wanted->is_truncated ||
		    answer.address_count != wanted->addresses)
			fail_msg("%s: verdict %d, rcode %u, truncated %d, %zu addresses",
				 wanted->what, verdict, answer.rcode, answer.is_truncated,
				 answer.address_count);
		if (wanted->addresses)
			assert_memory_equal(answer.addresses[0], "\x0a\x2b\x00\x14", 4);
	}
}

static void survives_every_cut(void **state)
{
	uint8_t query[DNS_MAX_QUERY], message[4096];
	size_t query_length = dns_write_query(query, ID, NAME, DNS_A);
	size_t length =
		from_hex(HEAD("8180", "0002") QUESTION "c00c 0005 0001 00000005 0004 017a c00e"
						       "017a c00e 0001 0001 00000005 0004 0a2b0014",
			 message, sizeof(message));

	(void)state;
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		struct dns_answer answer = {0};

		memcpy(exact, message, cut);
		assert_int_not_equal(dns_read_answer(exact, cut, query, query_length, &answer),
				     DNS_ANSWER);
		free(exact);
	}
}

static void writes_queries(void **state)
{
	uint8_t query[DNS_MAX_QUERY], wanted[64];
	char longest[254];

	(void)state;
	assert_int_equal(dns_write_query(query, ID, NAME, DNS_A),
			 from_hex("1234 0100 0001 0000 00000000" QUESTION, wanted, sizeof(wanted)));
	assert_memory_equal(query, wanted, 22);
	assert_int_equal(dns_write_query(query, ID, "a.bc.", DNS_AAAA), 22);
	assert_memory_equal(query + 18, "\0\x1c\0\x01", 4);
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 63; i < 253; i += 64)
		longest[i] = '.';
	longest[253] = '\0';
	assert_true(dns_name_is_valid(longest));
	assert_true(dns_write_query(query, ID, longest, DNS_A) <= sizeof(query));
}

static void knows_host_names(void **state)
{
	static const struct {
		const char *text;
		bool is_valid;
	} cases[] = {
		{"a", true},
		{"attic.nix-cache.svc.cluster.local", true},
		{"a.b.", true},
		{"_srv.a", true},
		{"", false},
		{".", false},
		{".a", false},
		{"a..b", false},
		{"a b", false},
		{"a/b", false},
		{"a\nb", false},
		{"\303\244.de", false},
		{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg.x", true},
		{"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggg.x", false},
	};
	char long_name[300];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (dns_name_is_valid(cases[i].text) != cases[i].is_valid)
			fail_msg("%s", cases[i].text);
	memset(long_name, 'a', sizeof(long_name));
	for (size_t i = 1; i < sizeof(long_name); i += 2)
		long_name[i] = '.';
	long_name[254] = '\0'; /* 253 bytes and a dot */
	assert_true(dns_name_is_valid(long_name));
	long_name[254] = 'a';
	long_name[255] = '\0';
	assert_false(dns_name_is_valid(long_name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_answers),
		cmocka_unit_test(survives_every_cut),
		cmocka_unit_test(writes_queries),
		cmocka_unit_test(knows_host_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
