/* SPDX-License-Identifier: Zlib */
/* resolv.conf(5) and hosts(5), read once. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/dns_message.h"
#include "agent/mem.h"
#include "agent/resolve.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define DNS_PORT 53u
#define MAX_RESOLV_CONF_BYTES 65536u
#define MAX_HOSTS_BYTES (1u << 20)
#define MAX_WORD_BYTES 256u

/* The C library's own limits. */
#define DEFAULT_TIMEOUT_MS 5000u
#define DEFAULT_ATTEMPTS 2u
#define MAX_TIMEOUT_S 30u
#define MAX_ATTEMPTS 5u
#define MAX_NDOTS 15u

/* The next word of the line at *TEXT, cut to MAX_WORD_BYTES; "" at its end. */
static void next_word(const char **text, const char *end, char word[MAX_WORD_BYTES])
{
	size_t length = 0;

	while (*text < end && isspace((unsigned char)**text))
		(*text)++;
	for (; *text < end && !isspace((unsigned char)**text); (*text)++)
		if (length + 1 < MAX_WORD_BYTES)
			word[length++] = **text;
	word[length] = '\0';
}

static void set_option(struct resolver *resolver, const char *word)
{
	const char *value = strchr(word, ':');
	unsigned long number;

	if (!value || !text_to_number(value + 1, 0, 100000, &number))
		return;
	if (text_starts_with(word, "ndots:"))
		resolver->ndots = number < MAX_NDOTS ? (unsigned int)number : MAX_NDOTS;
	if (text_starts_with(word, "timeout:") && number)
		resolver->timeout_ms =
			(number < MAX_TIMEOUT_S ? (unsigned int)number : MAX_TIMEOUT_S) * 1000;
	if (text_starts_with(word, "attempts:") && number)
		resolver->attempts = number < MAX_ATTEMPTS ? (unsigned int)number : MAX_ATTEMPTS;
}

static void add_server(struct resolver *resolver, const char *word)
{
	if (*word && resolver->server_count < RESOLVE_MAX_SERVERS &&
	    strlen(word) < RESOLVE_SERVER_BYTES)
		(void)snprintf(resolver->servers[resolver->server_count++], RESOLVE_SERVER_BYTES,
			       "%s", word);
}

static void add_search(struct resolver *resolver, char *word)
{
	size_t length = strlen(word);

	if (length && word[length - 1] == '.')
		word[length - 1] = '\0';
	if (dns_name_is_valid(word) && resolver->search_count < RESOLVE_MAX_SEARCH)
		(void)snprintf(resolver->search[resolver->search_count++],
			       sizeof(resolver->search[0]), "%s", word);
}

static void parse_line(struct resolver *resolver, const char *line, const char *end)
{
	char keyword[MAX_WORD_BYTES], word[MAX_WORD_BYTES];
	bool is_domain;

	if (line < end && (*line == '#' || *line == ';'))
		return;
	next_word(&line, end, keyword);
	is_domain = strcmp(keyword, "domain") == 0;
	if (is_domain || strcmp(keyword, "search") == 0)
		resolver->search_count = 0; /* the last of these lines counts */
	for (next_word(&line, end, word); *word; next_word(&line, end, word)) {
		if (strcmp(keyword, "nameserver") == 0) {
			add_server(resolver, word);
			return;
		}
		if (is_domain || strcmp(keyword, "search") == 0)
			add_search(resolver, word);
		if (is_domain)
			return;
		if (strcmp(keyword, "options") == 0)
			set_option(resolver, word);
	}
}

void resolver_parse(struct resolver *resolver, const char *resolv_conf)
{
	CLEANUP_FREE char *hosts = TAKE(resolver->hosts);

	*resolver = (struct resolver){
		.ndots = 1,
		.timeout_ms = DEFAULT_TIMEOUT_MS,
		.attempts = DEFAULT_ATTEMPTS,
		.port = DNS_PORT,
		.hosts = TAKE(hosts),
	};
	while (*resolv_conf) {
		const char *end = resolv_conf + strcspn(resolv_conf, "\n");

		parse_line(resolver, resolv_conf, end);
		resolv_conf = end + (*end == '\n');
	}
}

void resolver_set_hosts(struct resolver *resolver, const char *hosts)
{
	free(resolver->hosts);
	resolver->hosts = mem_strdup(hosts);
}

void resolver_read(struct resolver *resolver, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf conf = STRBUF_INIT(MAX_RESOLV_CONF_BYTES);
	CLEANUP_STRBUF struct strbuf hosts = STRBUF_INIT(MAX_HOSTS_BYTES);
	bool is_present = root_read(root, "/etc/resolv.conf", &conf) == 0;

	*resolver = (struct resolver){0};
	resolver_parse(resolver, is_present ? conf.data : "");
	resolver->is_file_present = is_present;
	if (root_read(root, "/etc/hosts", &hosts) == 0)
		resolver_set_hosts(resolver, hosts.data);
}

void resolver_release(struct resolver *resolver)
{
	free(resolver->hosts);
	resolver->hosts = NULL;
}
