/* SPDX-License-Identifier: Zlib */
/* Versions and ranges of versions, as the repository's expectations write them:
 *   range   = all { "||" all }          all = part { " " part }
 *   part    = [ ">=" | ">" | "<=" | "<" | "==" | "=" | "!=" ] version
 * A version without an operator is a prefix: "2.31" holds for 2.31.4. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "agent/expect.h"

#define MAX_PARTS 8u
#define MAX_DIGITS 9u
#define MAX_VERSION_LENGTH 64u
#define MAX_RANGE_LENGTH 256u

struct version {
	unsigned long parts[MAX_PARTS];
	size_t count;
	const char *suffix; /* "rc1", "-dev"; a build ("+dfsg") is none */
	size_t suffix_length;
};

static bool read_part(const char **text, const char *end, struct version *ret)
{
	size_t digits = 0;
	unsigned long number = 0;

	for (; *text < end && isdigit((unsigned char)**text); (*text)++, digits++)
		number = number * 10 + (unsigned long)(**text - '0');
	if (digits == 0 || digits > MAX_DIGITS || ret->count == MAX_PARTS)
		return false;
	ret->parts[ret->count++] = number;
	return true;
}

/* Semantic versioning puts a build behind '+': it says nothing about the order. */
static bool read_suffix(const char *text, const char *end, struct version *ret)
{
	for (const char *c = text; c < end; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+~-", *c))
			return false;
	if (text < end && *text != '+') {
		ret->suffix = text;
		ret->suffix_length = strcspn(text, "+");
		if (ret->suffix_length > (size_t)(end - text))
			ret->suffix_length = (size_t)(end - text);
	}
	return true;
}

/* False unless TEXT begins with numbers that dots separate. */
static bool version_read(const char *text, size_t length, struct version *ret)
{
	const char *end = text + length;

	*ret = (struct version){.suffix = ""};
	if (length > MAX_VERSION_LENGTH || !read_part(&text, end, ret))
		return false;
	while (end - text > 1 && *text == '.' && isdigit((unsigned char)text[1])) {
		text++;
		if (!read_part(&text, end, ret))
			return false;
	}
	/* "2.x", "2." and "2.*" are wildcards of other tools. */
	return (text == end || *text != '.') && read_suffix(text, end, ret);
}

/* "rc9" before "rc10": runs of digits compare as numbers. */
static int suffix_compare(const struct version *a, const struct version *b)
{
	char left[MAX_VERSION_LENGTH + 1] = "";
	char right[MAX_VERSION_LENGTH + 1] = "";

	if (!a->suffix_length || !b->suffix_length)
		return (a->suffix_length == 0) - (b->suffix_length == 0);
	memcpy(left, a->suffix, a->suffix_length);
	memcpy(right, b->suffix, b->suffix_length);
	return strverscmp(left, right);
}

static int version_compare(const struct version *a, const struct version *b)
{
	for (size_t i = 0; i < MAX_PARTS; i++)
		if (a->parts[i] != b->parts[i])
			return a->parts[i] < b->parts[i] ? -1 : 1;
	return suffix_compare(a, b);
}

/* A prefix that names every part names the suffix too: "8.0.0" is not 8.0.0rc1. */
static bool version_has_prefix(const struct version *version, const struct version *prefix)
{
	for (size_t i = 0; i < prefix->count; i++)
		if (version->parts[i] != prefix->parts[i])
			return false;
	if (prefix->count < version->count && !prefix->suffix_length)
		return true;
	return suffix_compare(version, prefix) == 0;
}

enum operator{ AT_LEAST, ABOVE, AT_MOST, BELOW, EQUAL, NOT_EQUAL, PREFIX };

/* Longer ones first. */
static const struct {
	const char *text;
	enum operator operator;
} operators[] = {
	{">=", AT_LEAST}, {"<=", AT_MOST}, {"==", EQUAL}, {"!=", NOT_EQUAL},
	{">", ABOVE},     {"<", BELOW},    {"=", EQUAL},
};

static enum operator read_operator(const char **text)
{
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i].text);

		if (strncmp(*text, operators[i].text, length) == 0) {
			*text += length;
			return operators[i].operator;
		}
	}
	return PREFIX;
}

static bool is_in(const struct version *version, enum operator operator,
		  const struct version * bound)
{
	int order = version_compare(version, bound);

	switch (operator) {
	case AT_LEAST:
		return order >= 0;
	case ABOVE:
		return order > 0;
	case AT_MOST:
		return order <= 0;
	case BELOW:
		return order < 0;
	case EQUAL:
		return order == 0;
	case NOT_EQUAL:
		return order != 0;
	case PREFIX:
		return version_has_prefix(version, bound);
	}
	return false;
}

/* Judges the parts up to "||" or the end and moves *TEXT there: 1, 0, or -1. */
static int judge_all(const struct version *version, const char **text)
{
	bool holds = true;
	size_t count = 0;

	for (;; count++) {
		struct version bound;
		enum operator operator;
		size_t length;

		*text += strspn(*text, " \t");
		if (!**text || **text == '|')
			return count ? holds : -1;
		operator= read_operator(text);
		*text += strspn(*text, " \t");
		length = strcspn(*text, " \t|<>=!");
		if (!version_read(*text, length, &bound))
			return -1;
		holds &= is_in(version, operator, & bound);
		*text += length;
	}
}

int version_in_range(const char *version, const char *range)
{
	struct version found;
	bool holds = false;

	if (strnlen(range, MAX_RANGE_LENGTH + 1) > MAX_RANGE_LENGTH ||
	    !version_read(version, strlen(version), &found))
		return -1;
	for (;;) {
		int verdict = judge_all(&found, &range);

		if (verdict < 0)
			return -1;
		holds |= verdict;
		if (!*range)
			return holds;
		if (strncmp(range, "||", 2) != 0)
			return -1;
		range += 2;
	}
}
