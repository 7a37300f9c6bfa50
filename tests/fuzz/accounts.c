/* SPDX-License-Identifier: Zlib */
/* Build users in whatever /etc/group and /etc/passwd hold (a form feed between them): what was added is
 * complete, comes away again, and comes back the same. */
#include "agent/accounts_plan.h"

#include <stdlib.h>
#include <string.h>

#include "agent/error.h"
#include "tests/fuzz/fuzz.h"

#define MAX_TEXT_BYTES (8u << 20)

struct files {
	struct strbuf texts[ACCOUNTS_FILE_COUNT];
	const char *read[ACCOUNTS_FILE_COUNT];
};

static void files_init(struct files *files)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		strbuf_init(&files->texts[i], MAX_TEXT_BYTES);
}

/* The texts as a plan takes them: without shadow and gshadow. */
static const char *const *files_read(struct files *files)
{
	files->read[ACCOUNTS_FILE_PASSWD] = files->texts[ACCOUNTS_FILE_PASSWD].data;
	files->read[ACCOUNTS_FILE_GROUP] = files->texts[ACCOUNTS_FILE_GROUP].data;
	files->read[ACCOUNTS_FILE_SHADOW] = files->read[ACCOUNTS_FILE_GSHADOW] = NULL;
	return files->read;
}

static void files_release(struct files *files)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		strbuf_release(&files->texts[i]);
}

static bool is_same(const struct files *left, const struct files *right, size_t file)
{
	return strcmp(left->texts[file].data, right->texts[file].data) == 0;
}

static void expect_round(const char *const *before, const struct accounts_change *change,
			 const struct files *original)
{
	struct files added, removed, again;
	struct accounts_change rest = {0}, second = {0};

	files_init(&added);
	files_init(&removed);
	files_init(&again);
	accounts_plan_add(before, change, added.texts);
	fuzz_expect(accounts_plan(files_read(&added), "nixbld", &rest, NULL) == 0 &&
			    accounts_change_is_empty(&rest),
		    "nothing is missing then");
	fuzz_expect(accounts_plan_remove(files_read(&added), change, removed.texts, NULL) == 0,
		    "what was made can be removed");
	fuzz_expect(is_same(&removed, original, ACCOUNTS_FILE_PASSWD), "no user comes or goes");
	fuzz_expect(accounts_plan(files_read(&removed), "nixbld", &second, NULL) == 0,
		    "it can be planned again");
	accounts_plan_add(files_read(&removed), &second, again.texts);
	fuzz_expect(is_same(&again, &added, ACCOUNTS_FILE_PASSWD) &&
			    is_same(&again, &added, ACCOUNTS_FILE_GROUP),
		    "it comes back the same");
	accounts_change_release(&rest);
	accounts_change_release(&second);
	files_release(&added);
	files_release(&removed);
	files_release(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *text = fuzz_text(bytes, length);
	char *passwd = strchr(text, '\f');
	struct accounts_change change = {0};
	struct error error = {0};
	struct files original;

	files_init(&original);
	if (passwd)
		*passwd++ = '\0';
	strbuf_puts(&original.texts[ACCOUNTS_FILE_GROUP], text);
	strbuf_puts(&original.texts[ACCOUNTS_FILE_PASSWD], passwd ? passwd : "");
	if (accounts_plan(files_read(&original), "nixbld", &change, &error) == 0)
		expect_round(files_read(&original), &change, &original);
	accounts_change_release(&change);
	files_release(&original);
	free(text);
	return 0;
}
