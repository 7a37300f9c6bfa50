/* SPDX-License-Identifier: Zlib */
/* A file of a checkout, held against the contract; the input's first line is the file's name. */
#include "agent/check_text.h"

#include <stdlib.h>
#include <string.h>

#include "agent/check_filter.h"
#include "agent/contract.h"
#include "tests/fuzz/fuzz.h"

static const struct contract *contract(void)
{
	static struct contract made;

	if (!made.text && contract_read(&made, fuzz_root(), NULL, NULL) < 0)
		abort();
	return &made;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	char *line = text + strcspn(text, "\n");
	struct check_hits hits = {0};
	struct check_text check = {.contract = contract(), .hits = &hits};
	struct check_filter filter;

	check_filter_make(&filter, check.contract);
	if (*line)
		*line++ = '\0';
	check_text_begin(&check, text);
	for (char *next; *line; line = next) {
		size_t found = hits.found;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		check_text_line(&check, line);
		if (hits.found > found)
			fuzz_expect(check_filter_holds(&filter, line, strlen(line)),
				    "no hit is passed over");
		check.line++;
	}
	check_text_end(&check);
	fuzz_expect(hits.count <= hits.found, "what is kept was found");
	for (size_t i = 0; i < hits.count; i++)
		fuzz_expect(hits.items[i].row && !strpbrk(hits.items[i].value, "\n\r\033"),
			    "a value is one printable line");
	check_filter_release(&filter);
	check_hits_release(&hits);
	free(text);
	return 0;
}
