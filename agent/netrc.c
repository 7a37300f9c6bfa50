/* SPDX-License-Identifier: Zlib */
/* Reading, merging and writing netrc files. */
#include "agent/netrc.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"

#define BLANKS " \t\r\n"

static void entry_release(struct netrc_entry *entry)
{
	free(entry->machine);
	free(entry->login);
	free(entry->password);
	*entry = (struct netrc_entry){0};
}

void netrc_release(struct netrc *netrc)
{
	for (size_t i = 0; i < netrc->count; i++)
		entry_release(&netrc->entries[i]);
	free(netrc->entries);
	*netrc = (struct netrc){0};
}

static struct netrc_entry *add_entry(struct netrc *netrc, char *machine)
{
	netrc->entries = mem_grow(netrc->entries, netrc->count + 1, sizeof(*netrc->entries));
	netrc->entries[netrc->count] = (struct netrc_entry){.machine = machine};
	return &netrc->entries[netrc->count++];
}

/* ---- reading */

/* A word in double quotes, with \n, \r, \t and \X as escapes. Returns the end, or NULL. */
static const char *read_quoted(const char *text, struct strbuf *ret)
{
	while (*text && *text != '"') {
		char c = *text++;

		if (c == '\\') {
			c = *text ? *text++ : '\0';
			c = c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
		}
		strbuf_putc(ret, c);
	}
	return *text == '"' ? text + 1 : NULL;
}

/* Reads the next word. Returns what follows it; NULL for an unended quote or a word too long. At
 * the end of the text *RET_FOUND is false. */
static const char *read_word(const char *text, struct strbuf *ret, bool *ret_found)
{
	size_t length;

	strbuf_clear(ret);
	text += strspn(text, BLANKS);
	*ret_found = *text != '\0';
	if (*text == '"') {
		text = read_quoted(text + 1, ret);
	} else {
		length = strcspn(text, BLANKS);
		strbuf_add(ret, text, length);
		text += length;
	}
	return ret->is_truncated ? NULL : text;
}

/* A macro lasts until an empty line. */
static const char *skip_macro(const char *text)
{
	const char *end = strstr(text, "\n\n");

	return end ? end + 2 : text + strlen(text);
}

static const char *skip_line(const char *text)
{
	return text + strcspn(text, "\n");
}

struct reader {
	struct netrc *netrc;
	struct netrc_entry *entry; /* the one that words belong to, or NULL */
	const char *next;
	struct strbuf word;
};

/* The word behind a keyword, in memory of its own; NULL when there is none. */
static char *read_value(struct reader *reader)
{
	bool is_found;

	reader->next = read_word(reader->next, &reader->word, &is_found);
	return reader->next && is_found ? mem_strdup(reader->word.data) : NULL;
}

static int read_field(struct reader *reader, char **slot)
{
	char *value = read_value(reader);

	if (!value)
		return -1;
	free(*slot);
	*slot = value;
	return 0;
}

static int take_keyword(struct reader *reader, const char *keyword)
{
	CLEANUP_FREE char *ignored = NULL;
	char *machine;

	if (strcasecmp(keyword, "machine") == 0) {
		machine = read_value(reader);
		reader->entry = machine ? add_entry(reader->netrc, machine) : NULL;
		return machine ? 0 : -1;
	}
	if (strcasecmp(keyword, "default") == 0) {
		reader->entry = add_entry(reader->netrc, NULL);
		return 0;
	}
	if (strcasecmp(keyword, "macdef") == 0) {
		reader->next = skip_macro(reader->next);
		return 0;
	}
	if (reader->entry && strcasecmp(keyword, "login") == 0)
		return read_field(reader, &reader->entry->login);
	if (reader->entry && strcasecmp(keyword, "password") == 0)
		return read_field(reader, &reader->entry->password);
	if (strcasecmp(keyword, "account") == 0)
		return read_field(reader, &ignored);
	return -1; /* a stray word: whose it is cannot be told */
}

static int read_all(struct reader *reader)
{
	bool is_found = true;

	while (is_found) {
		CLEANUP_FREE char *keyword = NULL;

		reader->next += strspn(reader->next, BLANKS);
		if (*reader->next == '#') {
			reader->next = skip_line(reader->next);
			continue;
		}
		reader->next = read_word(reader->next, &reader->word, &is_found);
		if (!reader->next)
			return -1;
		keyword = mem_strdup(reader->word.data);
		if (is_found && take_keyword(reader, keyword) < 0)
			return -1;
	}
	return 0;
}

int netrc_parse(struct netrc *netrc, const char *text, struct error *error)
{
	struct reader reader = {
		.netrc = netrc,
		.next = text,
		.word = STRBUF_INIT(NETRC_MAX_TOKEN_BYTES),
	};
	int status = read_all(&reader);

	strbuf_release(&reader.word);
	if (status < 0)
		return error_set(error, ERROR_AGENT, "it is no netrc file that libcurl can read");
	return 0;
}

/* ---- changing and writing */

/* Control characters could be written only by escapes that older versions of libcurl lack. */
static bool can_hold(const char *word)
{
	size_t length = strlen(word);

	if (length == 0 || length > NETRC_MAX_TOKEN_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)word[i] < ' ' || word[i] == 0x7f)
			return false;
	return true;
}

static void drop_machine(struct netrc *netrc, const char *machine)
{
	size_t kept = 0;

	for (size_t i = 0; i < netrc->count; i++) {
		struct netrc_entry *entry = &netrc->entries[i];

		if (entry->machine && strcasecmp(entry->machine, machine) == 0)
			entry_release(entry);
		else
			netrc->entries[kept++] = *entry;
	}
	netrc->count = kept;
}

int netrc_set(struct netrc *netrc, const char *machine, const char *login, const char *password,
	      struct error *error)
{
	struct netrc_entry *added, first;

	if (!can_hold(machine) || !can_hold(login) || !can_hold(password))
		return error_set(error, ERROR_AGENT,
				 "a netrc file holds words of 1 to %u printable bytes",
				 NETRC_MAX_TOKEN_BYTES);
	drop_machine(netrc, machine);
	added = add_entry(netrc, mem_strdup(machine));
	added->login = mem_strdup(login);
	added->password = mem_strdup(password);
	first = *added;
	memmove(netrc->entries + 1, netrc->entries, (netrc->count - 1) * sizeof(first));
	netrc->entries[0] = first;
	return 0;
}

/* The letter that stands for C behind a backslash; 0: C needs none. */
static char escape_of(char c)
{
	switch (c) {
	case '\n':
		return 'n';
	case '\r':
		return 'r';
	case '\t':
		return 't';
	case '"':
	case '\\':
		return c;
	default:
		return 0;
	}
}

static void print_word(const char *word, struct strbuf *out)
{
	bool is_plain = *word && *word != '#' && !strpbrk(word, BLANKS "\"\\");

	if (is_plain) {
		strbuf_puts(out, word);
		return;
	}
	strbuf_putc(out, '"');
	for (; *word; word++) {
		char letter = escape_of(*word);

		if (letter)
			strbuf_putc(out, '\\');
		strbuf_putc(out, letter ? letter : *word);
	}
	strbuf_putc(out, '"');
}

static void print_entry(const struct netrc_entry *entry, struct strbuf *out)
{
	const char *const names[] = {entry->machine ? "machine" : NULL, "login", "password"};
	const char *const words[] = {entry->machine, entry->login, entry->password};

	if (!entry->machine)
		strbuf_puts(out, "default");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!words[i])
			continue;
		strbuf_printf(out, "%s%s ", i > 0 ? " " : "", names[i]);
		print_word(words[i], out);
	}
	strbuf_putc(out, '\n');
}

void netrc_print(const struct netrc *netrc, struct strbuf *out)
{
	/* libcurl takes the first entry that fits, and "default" fits every host. */
	for (size_t i = 0; i < netrc->count; i++)
		if (netrc->entries[i].machine)
			print_entry(&netrc->entries[i], out);
	for (size_t i = 0; i < netrc->count; i++)
		if (!netrc->entries[i].machine)
			print_entry(&netrc->entries[i], out);
}
