/* SPDX-License-Identifier: Zlib */
/* The grammar of JSON (RFC 8259), by recursive descent; the recursion is bounded by JSON_MAX_DEPTH. */
#include "agent/json_syntax.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "agent/text.h"

struct scanner {
	const char *at, *end;
	unsigned int depth, values;
	const char *what; /* the first fault */
};

static bool fail(struct scanner *scanner, const char *what)
{
	scanner->what = what;
	return false;
}

static char peek(const struct scanner *scanner)
{
	return scanner->at < scanner->end ? *scanner->at : '\0';
}

static bool take(struct scanner *scanner, char c)
{
	if (scanner->at == scanner->end || *scanner->at != c)
		return false;
	scanner->at++;
	return true;
}

static void skip_blanks(struct scanner *scanner)
{
	while (scanner->at < scanner->end && strchr(" \t\r\n", *scanner->at) && *scanner->at)
		scanner->at++;
}

static bool take_digits(struct scanner *scanner)
{
	const char *start = scanner->at;

	while (peek(scanner) >= '0' && peek(scanner) <= '9')
		scanner->at++;
	return scanner->at > start;
}

static bool scan_number(struct scanner *scanner)
{
	const char *start = scanner->at;

	(void)take(scanner, '-');
	if (!take(scanner, '0') && !take_digits(scanner))
		return fail(scanner, "expected a value");
	if (take(scanner, '.') && !take_digits(scanner))
		return fail(scanner, "expected a digit after the decimal point");
	if (take(scanner, 'e') || take(scanner, 'E')) {
		if (!take(scanner, '+'))
			(void)take(scanner, '-');
		if (!take_digits(scanner))
			return fail(scanner, "expected a digit in the exponent");
	}
	if ((size_t)(scanner->at - start) > JSON_MAX_NUMBER_LENGTH)
		return fail(scanner, "the number is too long");
	return true;
}

/* Four hexadecimal digits. */
static bool scan_hex(struct scanner *scanner, uint32_t *ret)
{
	*ret = 0;
	for (unsigned int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef0123456789ABCDEF";
		const char *digit = peek(scanner) ? strchr(digits, peek(scanner)) : NULL;

		if (!digit)
			return fail(scanner, "expected four hexadecimal digits after \\u");
		*ret = *ret << 4 | ((uint32_t)(digit - digits) & 15u);
		scanner->at++;
	}
	return true;
}

static bool scan_unicode_escape(struct scanner *scanner)
{
	uint32_t unit, low;

	if (!scan_hex(scanner, &unit))
		return false;
	if (!unit)
		return fail(scanner, "\\u0000 is not allowed");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit > 0xdbff || !take(scanner, '\\') || !take(scanner, 'u'))
		return fail(scanner, "half of a surrogate pair");
	if (!scan_hex(scanner, &low))
		return false;
	return (low >= 0xdc00 && low <= 0xdfff) || fail(scanner, "half of a surrogate pair");
}

static bool scan_escape(struct scanner *scanner)
{
	char c = peek(scanner);

	if (take(scanner, 'u'))
		return scan_unicode_escape(scanner);
	if (!c || !strchr("\"\\/bfnrt", c))
		return fail(scanner, "unknown escape in a string");
	scanner->at++;
	return true;
}

/* A code point may not reach beyond the end: the bytes after it are not ours. */
static bool scan_point(struct scanner *scanner)
{
	char window[5] = "";
	size_t left = (size_t)(scanner->end - scanner->at);
	uint32_t point;
	size_t length;

	memcpy(window, scanner->at, left < 4 ? left : 4);
	length = text_utf8_decode(window, &point);
	if (!length)
		return fail(scanner, "invalid UTF-8 in a string");
	scanner->at += length;
	return true;
}

static bool scan_string(struct scanner *scanner)
{
	scanner->at++;
	while (scanner->at < scanner->end) {
		unsigned char c = (unsigned char)*scanner->at;

		if (take(scanner, '"'))
			return true;
		if (c < 0x20)
			return fail(scanner, "control character in a string");
		if (take(scanner, '\\') ? !scan_escape(scanner) : !scan_point(scanner))
			return false;
	}
	return fail(scanner, "the string has no end");
}

static bool scan_value(struct scanner *scanner);

static bool scan_member(struct scanner *scanner)
{
	skip_blanks(scanner);
	if (peek(scanner) != '"')
		return fail(scanner, "expected a key in double quotes");
	if (!scan_string(scanner))
		return false;
	skip_blanks(scanner);
	if (!take(scanner, ':'))
		return fail(scanner, "expected ':' after a key");
	return scan_value(scanner);
}

/* An object or an array: items between OPEN (already seen) and CLOSE. */
static bool scan_items(struct scanner *scanner, char close, bool (*scan)(struct scanner *),
		       const char *expected)
{
	if (++scanner->depth > JSON_MAX_DEPTH)
		return fail(scanner, "nested too deep (32 levels are allowed)");
	scanner->at++;
	skip_blanks(scanner);
	if (take(scanner, close)) {
		scanner->depth--;
		return true;
	}
	do {
		if (!scan(scanner))
			return false;
		skip_blanks(scanner);
	} while (take(scanner, ','));
	scanner->depth--;
	return take(scanner, close) || fail(scanner, expected);
}

static bool scan_word(struct scanner *scanner, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(scanner->end - scanner->at) < length || memcmp(scanner->at, word, length) != 0)
		return fail(scanner, "expected a value");
	scanner->at += length;
	return true;
}

static bool scan_value(struct scanner *scanner)
{
	if (++scanner->values > JSON_MAX_VALUES)
		return fail(scanner, "too many values (65536 are allowed)");
	skip_blanks(scanner);
	switch (peek(scanner)) {
	case '{':
		return scan_items(scanner, '}', scan_member, "expected ',' or '}'");
	case '[':
		return scan_items(scanner, ']', scan_value, "expected ',' or ']'");
	case '"':
		return scan_string(scanner);
	case 't':
		return scan_word(scanner, "true");
	case 'f':
		return scan_word(scanner, "false");
	case 'n':
		return scan_word(scanner, "null");
	default:
		return scan_number(scanner);
	}
}

static void locate(const char *text, const char *at, struct json_fault *fault)
{
	fault->line = fault->column = 1;
	for (; text < at; text++) {
		if (*text == '\n') {
			fault->line++;
			fault->column = 1;
		} else if (((unsigned char)*text & 0xc0) != 0x80) {
			fault->column++;
		}
	}
}

int json_syntax_check(const char *text, size_t length, struct json_fault *fault)
{
	struct scanner scanner = {.at = text, .end = text + length};
	bool is_whole = scan_value(&scanner);

	if (is_whole)
		skip_blanks(&scanner);
	if (is_whole && scanner.at == scanner.end)
		return 0;
	fault->what = is_whole ? "text after the end of the JSON value" : scanner.what;
	locate(text, scanner.at, fault);
	return -1;
}
