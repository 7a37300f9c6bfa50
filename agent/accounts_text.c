/* SPDX-License-Identifier: Zlib */
/* Reading and editing the texts of accounts. */
#include "agent/accounts_text.h"

#include <string.h>

#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

/* ---- reading */

const char *accounts_field(const struct words *fields, size_t index)
{
	return index < fields->count ? fields->items[index] : "";
}

/* Splits at each colon: a field may be empty. */
static void split_fields(const char *line, size_t length, struct words *ret)
{
	const char *end = line + length;

	while (line <= end) {
		const char *colon = memchr(line, ':', (size_t)(end - line));
		const char *stop = colon ? colon : end;

		words_add_bytes(ret, line, (size_t)(stop - line));
		line = stop + 1;
	}
}

void accounts_each(const char *text, bool (*on_entry)(void *data, const struct words *fields),
		   void *data)
{
	bool goes_on = true;

	while (*text && goes_on) {
		size_t length = strcspn(text, "\n");
		CLEANUP_WORDS struct words fields = {0};

		split_fields(text, length, &fields);
		goes_on = on_entry(data, &fields);
		text += length + (text[length] == '\n');
	}
}

/* The line of NAME's first entry, or NULL; its number, where that is asked for. */
static const char *find_line(const char *text, const char *name, size_t *ret_number)
{
	size_t length = strlen(name);

	for (size_t number = 1; *text; number++) {
		if (strncmp(text, name, length) == 0 && text[length] == ':') {
			if (ret_number)
				*ret_number = number;
			return text;
		}
		text += strcspn(text, "\n");
		text += *text == '\n';
	}
	return NULL;
}

size_t accounts_find(const char *text, const char *name, struct words *ret_fields)
{
	size_t number = 0;
	const char *line = find_line(text, name, &number);

	if (line)
		split_fields(line, strcspn(line, "\n"), ret_fields);
	return number;
}

bool accounts_has(const char *text, const char *name)
{
	return find_line(text, name, NULL) != NULL;
}

/* ---- lines */

/* Where entries are added: at the first line of NIS, or at the end. */
static size_t place_for_entries(const char *text)
{
	const char *at = text;

	while (*at && *at != '+' && *at != '-') {
		at += strcspn(at, "\n");
		at += *at == '\n';
	}
	return (size_t)(at - text);
}

void accounts_add_lines(const char *text, const struct words *lines, struct strbuf *out)
{
	size_t place = place_for_entries(text);
	bool lacks_newline = place > 0 && text[place - 1] != '\n';

	strbuf_add(out, text, place);
	for (size_t i = 0; i < lines->count; i++)
		strbuf_printf(out, lacks_newline ? "\n%s" : "%s\n", lines->items[i]);
	strbuf_puts(out, text + place);
}

static bool is_one_of(const struct words *lines, const char *line, size_t length)
{
	for (size_t i = 0; i < lines->count; i++)
		if (strlen(lines->items[i]) == length && memcmp(lines->items[i], line, length) == 0)
			return true;
	return false;
}

void accounts_remove_lines(const char *text, const struct words *lines, struct strbuf *out)
{
	size_t start = out->length;

	while (*text) {
		size_t length = strcspn(text, "\n");
		size_t whole = length + (text[length] == '\n');

		if (!is_one_of(lines, text, length))
			strbuf_add(out, text, whole);
		else if (whole == length && out->length > start)
			strbuf_truncate(out, out->length - 1); /* the end still lacks its newline */
		text += whole;
	}
}

/* ---- members */

/* Where the fourth field of LINE begins, or the end of the line where that is missing. */
static const char *members_at(const char *line)
{
	for (size_t colons = 0; colons < ACCOUNTS_FIELD_MEMBERS && *line && *line != '\n'; line++)
		colons += *line == ':';
	return line;
}

/* TEXT with other MEMBERS for the entry at LINE, which has at least three fields. */
static void replace_members(const char *text, const char *line, const struct words *members,
			    struct strbuf *out)
{
	CLEANUP_FREE char *joined = words_join(members, ',');
	const char *at = members_at(line);

	strbuf_add(out, text, (size_t)(at - text));
	if (at[-1] != ':')
		strbuf_putc(out, ':');
	strbuf_puts(out, joined);
	strbuf_puts(out, at + strcspn(at, ":\n"));
}

/* The line of NAME's first entry with the members that it has, or NULL. */
static const char *find_members(const char *text, const char *name, struct words *ret)
{
	CLEANUP_WORDS struct words fields = {0};
	const char *line = find_line(text, name, NULL);

	if (line) {
		split_fields(line, strcspn(line, "\n"), &fields);
		words_split(ret, accounts_field(&fields, ACCOUNTS_FIELD_MEMBERS), ",");
	}
	return line;
}

void accounts_add_members(const char *text, const char *name, const struct words *names,
			  struct strbuf *out)
{
	CLEANUP_WORDS struct words members = {0};
	const char *line = find_members(text, name, &members);
	size_t old_count = members.count;

	for (size_t i = 0; i < names->count; i++)
		if (!words_contain(&members, names->items[i]))
			words_add(&members, names->items[i]);
	if (line && members.count > old_count)
		replace_members(text, line, &members, out);
	else
		strbuf_puts(out, text);
}

void accounts_remove_members(const char *text, const char *name, const struct words *names,
			     struct strbuf *out)
{
	CLEANUP_WORDS struct words members = {0};
	CLEANUP_WORDS struct words left = {0};
	const char *line = find_members(text, name, &members);

	for (size_t i = 0; i < members.count; i++)
		if (!words_contain(names, members.items[i]))
			words_add(&left, members.items[i]);
	if (line && left.count < members.count)
		replace_members(text, line, &left, out);
	else
		strbuf_puts(out, text);
}
