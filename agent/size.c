/* SPDX-License-Identifier: Zlib */
/* Amounts of bytes as people write them. */
#include "agent/size.h"

#include <inttypes.h>
#include <string.h>

#include "agent/strbuf.h"

#define MAX_DIGITS 18u

static const char *const units[] = {"", "K", "M", "G", "T"};
#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static int64_t unit_bytes(size_t unit)
{
	return (int64_t)1 << (10 * unit);
}

/* "", "B", "GiB" or "Gi"; false for a unit that is none, decimal ones among them. */
static bool read_unit(const char *text, size_t *ret_unit)
{
	if (strcmp(text, "") == 0 || strcmp(text, "B") == 0) {
		*ret_unit = 0;
		return true;
	}
	for (size_t i = 1; i < UNIT_COUNT; i++) {
		if (*text != *units[i])
			continue;
		*ret_unit = i;
		return strcmp(text + 1, "i") == 0 || strcmp(text + 1, "iB") == 0;
	}
	return false;
}

bool size_parse(const char *text, int64_t *ret_bytes)
{
	size_t digits = strspn(text, "0123456789");
	int64_t number = 0;
	size_t unit;

	if (digits == 0 || digits > MAX_DIGITS)
		return false;
	for (size_t i = 0; i < digits; i++)
		number = number * 10 + (text[i] - '0');
	text += digits;
	text += *text == ' ';
	if (!read_unit(text, &unit) || number > INT64_MAX / unit_bytes(unit))
		return false;
	*ret_bytes = number * unit_bytes(unit);
	return true;
}

void size_format(struct strbuf *out, int64_t bytes)
{
	size_t unit = 0;
	int64_t tenths;

	while (unit + 1 < UNIT_COUNT && bytes >= unit_bytes(unit + 1))
		unit++;
	/* Cut, not rounded: what is there is never shown as more than it is. */
	tenths = bytes / unit_bytes(unit) * 10 + bytes % unit_bytes(unit) * 10 / unit_bytes(unit);
	strbuf_printf(out, "%" PRId64, tenths / 10);
	if (tenths % 10)
		strbuf_printf(out, ".%" PRId64, tenths % 10);
	strbuf_printf(out, " %s%s", units[unit], unit ? "iB" : "bytes");
}
