/* SPDX-License-Identifier: Zlib */
/* One pass over the bytes, whatever the number of needles. */
#include "agent/check_filter.h"

#include <ctype.h>
#include <string.h>

#include "agent/check_setting.h"
#include "agent/cleanup.h"
#include "agent/contract.h"
#include "agent/mem.h"

char *check_filter_core(const char *pattern)
{
	const char *best = pattern;
	size_t length = 0;

	while (*pattern) {
		size_t part = strcspn(pattern, "*");

		if (part > length) {
			best = pattern;
			length = part;
		}
		pattern += part + strspn(pattern + part, "*");
	}
	return mem_strndup(best, length);
}

static unsigned int lower(char c)
{
	return (unsigned int)tolower((unsigned char)c);
}

static unsigned int pair_at(const char *bytes)
{
	return lower(bytes[0]) << 8 | lower(bytes[1]);
}

static void add_needle(struct check_filter *filter, const char *text)
{
	CLEANUP_FREE char *needle = mem_strdup(text);
	unsigned int pair;

	if (strlen(needle) < 2) {
		filter->is_open |= *needle != '\0';
		return;
	}
	for (char *c = needle; *c; c++)
		*c = (char)lower(*c);
	pair = pair_at(needle);
	filter->pairs[pair / 8] |= (uint8_t)(1u << pair % 8);
	words_add(&filter->needles, needle);
}

void check_filter_make(struct check_filter *ret, const struct contract *contract)
{
	*ret = (struct check_filter){0};
	for (size_t i = 0; i < contract->out_of_contract_count; i++) {
		const char *match = contract->out_of_contract[i].match;
		CLEANUP_FREE char *core = match ? check_filter_core(match) : NULL;

		/* "${" is judged in settings alone. */
		if (core && !strstr(match, "${"))
			add_needle(ret, core);
	}
	for (size_t i = 0; check_setting_name(i); i++)
		add_needle(ret, check_setting_name(i));
	add_needle(ret, CHECK_PROOF_VARIABLE);
}

void check_filter_release(struct check_filter *filter)
{
	words_release(&filter->needles);
}

static bool begins_with_any(const struct check_filter *filter, const char *bytes, size_t length)
{
	for (size_t i = 0; i < filter->needles.count; i++) {
		const char *needle = filter->needles.items[i];
		size_t needed = strlen(needle);

		if (needed <= length && strncasecmp(bytes, needle, needed) == 0)
			return true;
	}
	return false;
}

bool check_filter_holds(const struct check_filter *filter, const char *bytes, size_t length)
{
	if (filter->is_open)
		return true;
	for (size_t i = 0; i + 1 < length; i++) {
		unsigned int pair = pair_at(bytes + i);

		if (filter->pairs[pair / 8] & 1u << pair % 8 &&
		    begins_with_any(filter, bytes + i, length - i))
			return true;
	}
	return false;
}
