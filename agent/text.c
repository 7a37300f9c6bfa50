/* SPDX-License-Identifier: Zlib */
/* Cleaning and matching of text that came from outside. */
#include "agent/text.h"

#include <stdint.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/strbuf.h"

#define REPLACEMENT_CHARACTER "\xef\xbf\xbd" /* U+FFFD */

/* How many bytes the code point has that begins with BYTE; 0: none begins so. */
static size_t utf8_length(unsigned char byte)
{
	if (byte < 0x80)
		return 1;
	if (byte < 0xc2 || byte > 0xf4)
		return 0;
	return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

size_t text_utf8_decode(const char *text, uint32_t *ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = utf8_length((unsigned char)text[0]);
	uint32_t point = (unsigned char)text[0];

	if (length > 1)
		point &= 0xffu >> (length + 1);
	for (size_t i = 1; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		if ((byte & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (byte & 0x3fu);
	}
	if (point < least[length] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
		return 0;
	*ret = point;
	return length;
}

void text_add_utf8(struct strbuf *out, const char *text)
{
	while (*text) {
		uint32_t point;
		size_t length = text_utf8_decode(text, &point);

		if (length)
			strbuf_add(out, text, length);
		else
			strbuf_puts(out, REPLACEMENT_CHARACTER);
		text += length ? length : 1;
	}
}

/* Zero-width characters, bidirectional controls, the byte order mark, tags. */
static bool is_invisible(uint32_t point)
{
	return point == 0xad || point == 0x61c || point == 0x180e ||
	       (point >= 0x200b && point <= 0x200f) || (point >= 0x202a && point <= 0x202e) ||
	       (point >= 0x2060 && point <= 0x206f) || point == 0xfeff ||
	       (point >= 0xe0000 && point <= 0xe007f);
}

/* C0, C1, DEL, the line and paragraph separators, and white space. */
static bool is_blank(uint32_t point)
{
	return point <= 0x20 || (point >= 0x7f && point <= 0xa0) || point == 0x2028 ||
	       point == 0x2029;
}

/* Length of the escape sequence at TEXT (ECMA-48: CSI, OSC and other strings, two-byte ones), or 0. */
static size_t escape_length(const char *text)
{
	size_t i = 2;

	if (text[0] != '\x1b')
		return 0;
	if (!text[1])
		return 1;
	if (text[1] == '[') {
		while (text[i] >= 0x20 && text[i] < 0x40)
			i++;
		return text[i] >= 0x40 && text[i] <= 0x7e ? i + 1 : i;
	}
	if (!strchr("]PX^_", text[1]))
		return text[1] >= 0x20 && text[1] <= 0x7e ? 2 : 1;
	/* A string ends at BEL or ESC \; an unfinished one must not swallow what follows its line. */
	while (text[i] && text[i] != '\a' && text[i] != '\x1b' && text[i] != '\n')
		i++;
	if (text[i] == '\a')
		return i + 1;
	return text[i] == '\x1b' && text[i + 1] == '\\' ? i + 2 : i;
}

/* Where the cleaned text goes, and what came before. */
struct cleaner {
	struct strbuf *out;
	size_t room;
	size_t start;
	bool is_space_due;
	bool is_full;
};

static void cleaner_add(struct cleaner *cleaner, const char *bytes, size_t length)
{
	size_t needed = length + (cleaner->is_space_due ? 1 : 0);

	if (cleaner->is_full || needed > cleaner->room) {
		cleaner->is_full = true;
		return;
	}
	if (cleaner->is_space_due)
		strbuf_putc(cleaner->out, ' ');
	strbuf_add(cleaner->out, bytes, length);
	cleaner->is_space_due = false;
	cleaner->room -= needed;
}

/* The runner reads "##[" anywhere in a line as a command of its old syntax. */
static void cleaner_add_point(struct cleaner *cleaner, const char *bytes, size_t length)
{
	const struct strbuf *out = cleaner->out;
	size_t added = out->length - cleaner->start;

	if (*bytes == '[' && !cleaner->is_space_due && added >= 2 &&
	    memcmp(out->data + out->length - 2, "##", 2) == 0) {
		if (cleaner->room < 2) {
			cleaner->is_full = true;
			return;
		}
		strbuf_truncate(cleaner->out, out->length - 1);
		strbuf_puts(cleaner->out, " #");
		cleaner->room--;
	}
	cleaner_add(cleaner, bytes, length);
}

/* Takes one code point, escape sequence or stray byte; returns how many bytes it was. */
static size_t cleaner_step(struct cleaner *cleaner, const char *text)
{
	uint32_t point = 0;
	size_t length = escape_length(text);

	if (length)
		return length;
	length = text_utf8_decode(text, &point);
	if (!length) {
		cleaner_add_point(cleaner, REPLACEMENT_CHARACTER, 3);
		return 1;
	}
	if (is_blank(point))
		cleaner->is_space_due = cleaner->out->length > cleaner->start;
	else if (!is_invisible(point))
		cleaner_add_point(cleaner, text, length);
	return length;
}

/* Shortens to at most LENGTH bytes after START, at a whole code point. */
static void cut(struct strbuf *out, size_t start, size_t length)
{
	size_t end = start + length;

	if (end >= out->length)
		return;
	while (end > start && ((unsigned char)out->data[end] & 0xc0) == 0x80)
		end--;
	strbuf_truncate(out, end);
}

void text_clean(struct strbuf *out, const char *text, size_t max_bytes)
{
	static const char ellipsis[] = "…";
	struct cleaner cleaner = {.out = out, .room = max_bytes, .start = out->length};

	while (*text && !cleaner.is_full)
		text += cleaner_step(&cleaner, text);
	if (!cleaner.is_full || max_bytes < sizeof(ellipsis) - 1)
		return;
	cut(out, cleaner.start, max_bytes - (sizeof(ellipsis) - 1));
	strbuf_puts(out, ellipsis);
}

char *text_cleaned(const char *text, size_t max_bytes)
{
	struct strbuf out = STRBUF_INIT(max_bytes);

	if (!text)
		return NULL;
	text_clean(&out, text, max_bytes);
	return strbuf_take(&out);
}

/* Whether the colon in LENGTH bytes of authority begins something that is no port: then it begins a
 * password that holds a slash or the like unescaped. */
static bool has_odd_port(const char *authority, size_t length)
{
	const char *colon = memrchr(authority, ':', length);
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;

	return colon && !memchr(colon, ']', length - (size_t)(colon - authority)) &&
	       digits < length - (size_t)(colon + 1 - authority);
}

/* The '@' that ends the user info of AUTHORITY (what follows "://"), or NULL. The last one counts:
 * a password may hold others. */
static const char *user_info_end(const char *authority)
{
	size_t word = strcspn(authority, " \t\r\n\"'<>`");
	size_t length = strcspn(authority, "/?#\\ \t\r\n\"'<>`");
	const char *at = memrchr(authority, '@', length);

	if (!at && has_odd_port(authority, length))
		at = memrchr(authority, '@', word);
	return at;
}

void text_redact_urls(struct strbuf *out, const char *text)
{
	const char *mark;

	while ((mark = strstr(text, "://"))) {
		const char *authority = mark + 3;
		const char *at = user_info_end(authority);
		const char *colon = at ? memchr(authority, ':', (size_t)(at - authority)) : NULL;

		strbuf_add(out, text, (size_t)(authority - text));
		if (at && colon)
			strbuf_add(out, authority, (size_t)(colon + 1 - authority));
		if (at)
			strbuf_puts(out, "***");
		text = at ? at : authority;
	}
	strbuf_puts(out, text);
}

bool text_starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool text_ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), suffix_length = strlen(suffix);

	return length >= suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

bool text_matches_wildcard(const char *text, const char *pattern)
{
	const char *star = NULL, *retry = NULL;

	/* Greedy with one step back: linear for one star, quadratic at worst, never exponential. */
	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			retry = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static bool is_name_start(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool text_is_variable_name(const char *text)
{
	if (!is_name_start(*text))
		return false;
	while (is_name_start(*text) || (*text >= '0' && *text <= '9'))
		text++;
	return !*text;
}

bool text_to_number(const char *text, unsigned long min, unsigned long max, unsigned long *ret)
{
	unsigned long number = 0;

	if (!*text)
		return false;
	for (; *text; text++) {
		unsigned long digit = (unsigned long)(*text - '0');

		if (*text < '0' || *text > '9' || __builtin_mul_overflow(number, 10ul, &number) ||
		    __builtin_add_overflow(number, digit, &number))
			return false;
	}
	if (number < min || number > max)
		return false;
	*ret = number;
	return true;
}

void text_shell_quote(struct strbuf *out, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789_-./:@%+,";

	if (*text && !text[strspn(text, plain)]) {
		strbuf_puts(out, text);
		return;
	}
	strbuf_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			strbuf_puts(out, "'\\''");
		else
			strbuf_putc(out, *text);
	}
	strbuf_putc(out, '\'');
}
