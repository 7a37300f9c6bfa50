/* SPDX-License-Identifier: Zlib */
/* .gitignore: its lines become rules, and paths are held against them. Patterns come with the checkout,
 * so matching goes back to the last star alone: it never takes exponential time. */
#include "agent/ignore.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/text.h"

#define PATTERN_MAX_BYTES 1024u

/* ---- one name between slashes */

/* Whether C is in the class at *AT, which stands behind its '['; moves *AT behind the ']'. A class that
 * never ends fits nothing. */
static bool class_holds(const char **at, const char *end, char c)
{
	const char *p = *at;
	bool is_negated = p < end && (*p == '!' || *p == '^');
	bool holds = false;
	const char *first;

	p += is_negated;
	for (first = p; p < end && (*p != ']' || p == first); p++) {
		char from, to;

		if (*p == '\\' && p + 1 < end)
			p++;
		from = to = *p;
		if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			to = p[2];
			p += 2;
		}
		holds |= (unsigned char)c >= (unsigned char)from &&
			 (unsigned char)c <= (unsigned char)to;
	}
	*at = p < end ? p + 1 : end;
	return p < end && holds != is_negated;
}

/* Whether C fits the pattern's element at *AT, which is no star; moves *AT behind it. */
static bool element_fits(const char **at, const char *end, char c)
{
	char element = *(*at)++;

	if (element == '?')
		return true;
	if (element == '[')
		return class_holds(at, end, c);
	if (element == '\\' && *at < end)
		element = *(*at)++;
	return element == c;
}

static bool name_fits(const char *pattern, const char *pattern_end, const char *name,
		      const char *name_end)
{
	const char *star = NULL, *retry = NULL;

	while (name < name_end) {
		const char *next = pattern;

		if (pattern < pattern_end && *pattern == '*') {
			star = ++pattern;
			retry = name;
		} else if (pattern < pattern_end && element_fits(&next, pattern_end, *name)) {
			pattern = next;
			name++;
		} else if (star) {
			pattern = star;
			name = ++retry;
		} else {
			return false;
		}
	}
	while (pattern < pattern_end && *pattern == '*')
		pattern++;
	return pattern == pattern_end;
}

/* ---- whole paths: names are to them what characters are to a name */

static const char *end_of_name(const char *text)
{
	return text + strcspn(text, "/");
}

static const char *next_name(const char *end)
{
	return *end ? end + 1 : end;
}

static bool is_double_star(const char *pattern)
{
	return pattern[0] == '*' && pattern[1] == '*' && (!pattern[2] || pattern[2] == '/');
}

bool ignore_glob(const char *pattern, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		const char *pattern_end = end_of_name(pattern);
		const char *text_end = end_of_name(text);

		if (is_double_star(pattern)) {
			if (!*pattern_end)
				return true; /* everything inside */
			star = pattern = next_name(pattern_end);
			retry = text;
		} else if (*pattern && name_fits(pattern, pattern_end, text, text_end)) {
			pattern = next_name(pattern_end);
			text = next_name(text_end);
		} else if (star) {
			pattern = star;
			text = retry = next_name(end_of_name(retry));
		} else {
			return false;
		}
	}
	return !*pattern;
}

/* ---- rules */

/* Blanks at the end do not count, unless a backslash stands before the last. */
static size_t without_blanks(const char *line, size_t length)
{
	while (length && line[length - 1] == ' ' && (length < 2 || line[length - 2] != '\\'))
		length--;
	return length;
}

static void add_rule(struct ignore *ignore, const char *line, size_t length)
{
	struct ignore_rule rule = {.is_negated = length && *line == '!'};

	line += rule.is_negated;
	length -= rule.is_negated;
	rule.is_for_directories = length && line[length - 1] == '/';
	length -= rule.is_for_directories;
	rule.is_anchored = length && memchr(line, '/', length);
	if (length && *line == '/') {
		line++;
		length--;
	}
	if (!length || length > PATTERN_MAX_BYTES)
		return;
	rule.pattern = mem_strndup(line, length);
	ignore->rules = mem_grow(ignore->rules, ignore->count + 1, sizeof(*ignore->rules));
	ignore->rules[ignore->count++] = rule;
}

void ignore_parse(struct ignore *ignore, const char *text)
{
	static const char mark[] = "\xef\xbb\xbf";

	if (text_starts_with(text, mark))
		text += strlen(mark);
	while (*text && ignore->count < IGNORE_MAX_RULES) {
		size_t line = strcspn(text, "\n");
		size_t length = line && text[line - 1] == '\r' ? line - 1 : line;

		if (*text != '#')
			add_rule(ignore, text, without_blanks(text, length));
		text += line + (text[line] == '\n');
	}
}

void ignore_release(struct ignore *ignore)
{
	for (size_t i = 0; i < ignore->count; i++)
		free(ignore->rules[i].pattern);
	free(ignore->rules);
	*ignore = (struct ignore){0};
}

static bool rule_fits(const struct ignore_rule *rule, const char *path, bool is_directory)
{
	const char *slash = strrchr(path, '/');

	if (rule->is_for_directories && !is_directory)
		return false;
	return ignore_glob(rule->pattern, rule->is_anchored || !slash ? path : slash + 1);
}

bool ignore_matches(const struct ignore *innermost, const char *path, bool is_directory)
{
	for (const struct ignore *ignore = innermost; ignore; ignore = ignore->outer)
		for (size_t i = ignore->count; i-- > 0;)
			if (rule_fits(&ignore->rules[i], path + ignore->skipped, is_directory))
				return !ignore->rules[i].is_negated;
	return false;
}
