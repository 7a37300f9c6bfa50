/* SPDX-License-Identifier: Zlib */
/* The list of hosts without a proxy, as libcurl reads it (lib/noproxy.c). */
#include "agent/no_proxy.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/text.h"
#include "agent/words.h"

#define SEPARATORS ", \t"

struct address {
	uint8_t bytes[16];
	unsigned int bits; /* 32 or 128 */
};

static bool read_address(const char *text, struct address *ret)
{
	ret->bits = inet_pton(AF_INET, text, ret->bytes) == 1    ? 32
		    : inet_pton(AF_INET6, text, ret->bytes) == 1 ? 128
								 : 0;
	return ret->bits;
}

static bool begins_alike(const struct address *left, const struct address *right, unsigned int bits)
{
	unsigned int whole = bits / 8, rest = bits % 8;

	return memcmp(left->bytes, right->bytes, whole) == 0 &&
	       (!rest || (left->bytes[whole] ^ right->bytes[whole]) >> (8 - rest) == 0);
}

static bool block_holds(const char *block, const struct address *address)
{
	const char *slash = strchr(block, '/');
	CLEANUP_FREE char *text = mem_strndup(block, strcspn(block, "/"));
	struct address network;
	unsigned long bits = address->bits;

	if (!read_address(text, &network) || network.bits != address->bits)
		return false;
	if (slash && !text_to_number(slash + 1, 0, address->bits, &bits))
		return false;
	/* To libcurl, no bits at all are no block. */
	return begins_alike(&network, address, bits ? (unsigned int)bits : address->bits);
}

static size_t length_without_dot(const char *name)
{
	size_t length = strlen(name);

	return length && name[length - 1] == '.' ? length - 1 : length;
}

static bool name_holds(const char *name, const char *host)
{
	const char *tail;
	size_t length, host_length = length_without_dot(host);

	name += *name == '.';
	length = length_without_dot(name);
	if (!length || length > host_length)
		return false;
	tail = host + host_length - length;
	return strncasecmp(tail, name, length) == 0 && (tail == host || tail[-1] == '.');
}

bool no_proxy_holds(const char *list, const char *host)
{
	CLEANUP_WORDS struct words words = {0};
	struct address address;
	bool is_address = read_address(host, &address);

	if (strcmp(list, "*") == 0)
		return true;
	words_split(&words, list, SEPARATORS);
	for (size_t i = 0; i < words.count; i++)
		if (is_address ? block_holds(words.items[i], &address)
			       : name_holds(words.items[i], host))
			return true;
	return false;
}

/* ---- what is added to one */

char *no_proxy_entry(const char *host)
{
	const char *suffix = strstr(host, ".svc.");

	return mem_strndup(suffix ? suffix : host, length_without_dot(suffix ? suffix : host));
}

/* Line breaks part words too: none gets into the list. */
static void add_words(struct words *all, const char *list)
{
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, list ? list : "", SEPARATORS "\r\n");
	for (size_t i = 0; i < words.count; i++)
		if (!words_contain(all, words.items[i]))
			words_add(all, words.items[i]);
}

char *no_proxy_with(const struct context *context, const char *entry)
{
	CLEANUP_WORDS struct words all = {0};

	add_words(&all, context_env(context, "no_proxy"));
	add_words(&all, context_env(context, "NO_PROXY"));
	add_words(&all, entry);
	return words_join(&all, ',');
}
