/* SPDX-License-Identifier: Zlib */
/* DNS messages: a query made, an answer read with suspicion. */
#include "agent/dns_message.h"

#include <ctype.h>
#include <string.h>

#define HEADER_BYTES 12u
#define MAX_LABEL_BYTES 63u
#define MAX_RECORDS 512u
#define MAX_CHAIN 16u /* CNAMEs in one answer */
#define TYPE_CNAME 5u
#define CLASS_IN 1u

struct message {
	const uint8_t *bytes;
	size_t length;
	unsigned int type; /* that was asked for */
};

struct record {
	char owner[DNS_MAX_NAME];
	uint16_t type;
	uint16_t class;
	size_t data;
	size_t data_length;
};

bool dns_name_is_valid(const char *text)
{
	size_t label = 0, i = 0;

	for (; text[i]; i++) {
		char c = text[i];

		if (c == '.' ? !label : !isalnum((unsigned char)c) && c != '-' && c != '_')
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > MAX_LABEL_BYTES)
			return false;
	}
	return i && i - !label <= 253;
}

static size_t put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
	return 2;
}

static unsigned int get16(const uint8_t *at)
{
	return (unsigned int)at[0] << 8 | at[1];
}

size_t dns_write_query(uint8_t ret[DNS_MAX_QUERY], uint16_t id, const char *name,
		       enum dns_type type)
{
	size_t at = HEADER_BYTES;

	memset(ret, 0, HEADER_BYTES);
	put16(ret, id);
	put16(ret + 2, 0x0100); /* recursion desired */
	put16(ret + 4, 1);      /* one question */
	while (*name) {
		size_t label = strcspn(name, ".");

		ret[at++] = (uint8_t)label;
		memcpy(ret + at, name, label);
		at += label;
		name += label + (name[label] == '.');
	}
	ret[at++] = 0;
	at += put16(ret + at, type);
	return at + put16(ret + at, CLASS_IN);
}

/* One label as text, in lower case; bytes that no host name has become '?', so that they match no
 * name of ours. */
static size_t add_label(char *name, size_t used, const uint8_t *label, size_t length)
{
	if (used)
		name[used++] = '.';
	for (size_t i = 0; i < length; i++)
		name[used++] = isalnum(label[i]) || label[i] == '-' || label[i] == '_'
				       ? (char)tolower(label[i])
				       : '?';
	return used;
}

/* Reads the name at *AT, and moves *AT behind it. A compression pointer must lead to before the
 * name's own beginning, and each to before the last, so that no loop can be made of them. */
static bool read_name(const struct message *message, size_t *at, char ret[DNS_MAX_NAME])
{
	size_t here = *at, limit = *at, used = 0;
	bool has_jumped = false;

	while (here < message->length && message->bytes[here]) {
		size_t length = message->bytes[here];

		if (length >= 0xc0) {
			if (here + 2 > message->length)
				return false;
			*at = has_jumped ? *at : here + 2;
			has_jumped = true;
			here = get16(message->bytes + here) & 0x3fff;
			if (here >= limit)
				return false;
			limit = here;
			continue;
		}
		if (length > MAX_LABEL_BYTES || here + 1 + length > message->length ||
		    used + length + 2 > DNS_MAX_NAME)
			return false;
		used = add_label(ret, used, message->bytes + here + 1, length);
		here += 1 + length;
	}
	if (here >= message->length)
		return false;
	*at = has_jumped ? *at : here + 1;
	ret[used] = '\0';
	return true;
}

static bool read_record(const struct message *message, size_t *at, struct record *ret)
{
	if (!read_name(message, at, ret->owner) || message->length - *at < 10)
		return false;
	ret->type = (uint16_t)get16(message->bytes + *at);
	ret->class = (uint16_t)get16(message->bytes + *at + 2);
	ret->data_length = get16(message->bytes + *at + 8);
	ret->data = *at + 10;
	if (ret->data_length > message->length - ret->data)
		return false;
	*at = ret->data + ret->data_length;
	return true;
}

/* One way through the answer section, from AT on, for what NAME owns. Returns false for a malformed
 * section. NAME becomes its alias where it has a CNAME, else "". */
static bool scan(const struct message *message, size_t at, char name[DNS_MAX_NAME],
		 struct dns_answer *answer)
{
	unsigned int count = get16(message->bytes + 6);
	size_t size = message->type == DNS_A ? 4 : 16;
	char alias[DNS_MAX_NAME] = "";
	struct record record;

	for (unsigned int i = 0; i < count && i < MAX_RECORDS; i++) {
		size_t data;

		if (!read_record(message, &at, &record))
			return false;
		data = record.data;
		if (record.class != CLASS_IN || strcmp(record.owner, name) != 0)
			continue;
		if (record.type == TYPE_CNAME && !read_name(message, &data, alias))
			return false;
		if (record.type != message->type || answer->address_count == DNS_MAX_ADDRESSES)
			continue;
		if (record.data_length != size)
			return false;
		memcpy(answer->addresses[answer->address_count++], message->bytes + record.data,
		       size);
	}
	memcpy(name, alias, DNS_MAX_NAME);
	return true;
}

static bool follow_chain(const struct message *message, size_t at, char name[DNS_MAX_NAME],
			 struct dns_answer *answer)
{
	for (unsigned int i = 0; i < MAX_CHAIN; i++) {
		if (!scan(message, at, name, answer))
			return false;
		if (answer->address_count || !*name)
			return true;
	}
	return false;
}

enum dns_verdict dns_read_answer(const uint8_t *bytes, size_t length, const uint8_t *query,
				 size_t query_length, struct dns_answer *ret)
{
	const struct message asked = {query, query_length, 0};
	const struct message message = {bytes, length, get16(query + query_length - 4)};
	char name[DNS_MAX_NAME], asked_name[DNS_MAX_NAME];
	size_t at = HEADER_BYTES, asked_at = HEADER_BYTES;
	struct dns_answer answer = {0};

	if (length < 2 || get16(bytes) != get16(query))
		return DNS_FOREIGN;
	if (length < HEADER_BYTES || !(bytes[2] & 0x80))
		return DNS_MALFORMED;
	answer.rcode = bytes[3] & 0x0f;
	answer.is_truncated = bytes[2] & 0x02;
	/* A server that did not even understand the question may leave it out. */
	if (get16(bytes + 4) == 0 && answer.rcode != DNS_NOERROR && answer.rcode != DNS_NXDOMAIN) {
		*ret = answer;
		return DNS_ANSWER;
	}
	if (get16(bytes + 4) != 1 || !read_name(&message, &at, name) || length - at < 4)
		return DNS_MALFORMED;
	if (!read_name(&asked, &asked_at, asked_name) || strcmp(name, asked_name) != 0 ||
	    memcmp(bytes + at, query + asked_at, 4) != 0)
		return DNS_FOREIGN;
	if (answer.rcode == DNS_NOERROR && !answer.is_truncated &&
	    !follow_chain(&message, at + 4, name, &answer))
		return DNS_MALFORMED;
	*ret = answer;
	return DNS_ANSWER;
}
