/* SPDX-License-Identifier: Zlib */
/* Taking build users back. */
#include <string.h>

#include "agent/accounts_line.h"
#include "agent/accounts_plan.h"
#include "agent/accounts_text.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_SHOWN_BYTES 200u

/* Lines that go, one list a file. */
struct leaving {
	struct words users, shadows;
};

static void leaving_release(struct leaving *leaving)
{
	words_release(&leaving->users);
	words_release(&leaving->shadows);
}

/* WHAT may come from a file, and takes nobody else's line away. */
static int check_change(const struct accounts_change *what, struct error *error)
{
	if (!what->group || !accounts_name_is_valid(what->group))
		return error_set(error, ERROR_AGENT,
				 "what was made of build users names no group for them");
	for (size_t i = 0; i < what->users.count; i++) {
		CLEANUP_FREE char *shown = text_cleaned(what->users.items[i], MAX_SHOWN_BYTES);

		if (!accounts_is_user_line(what->users.items[i]))
			return error_set(error, ERROR_AGENT,
					 "\"%s\" is no line of a build user that was made here: "
					 "it stays in /etc/passwd",
					 shown);
	}
	return 0;
}

/* Whether the first entry of NAME is LINE. */
static bool has_line(const char *text, const char *name, const char *line)
{
	CLEANUP_WORDS struct words fields = {0};
	CLEANUP_FREE char *found = NULL;

	if (!accounts_find(text, name, &fields))
		return false;
	found = words_join(&fields, ':');
	return strcmp(found, line) == 0;
}

static void find_leaving(const char *const before[], const struct accounts_change *what,
			 struct leaving *ret)
{
	const char *shadow = before[ACCOUNTS_FILE_SHADOW];

	for (size_t i = 0; i < what->users.count; i++) {
		const char *line = what->users.items[i];
		CLEANUP_FREE char *name = accounts_line_name(line);
		CLEANUP_FREE char *shadow_line = accounts_shadow_line(name);
		bool has_shadow = shadow && accounts_has(shadow, name);
		bool is_gone = !accounts_has(before[ACCOUNTS_FILE_PASSWD], name);

		if (!is_gone && !has_line(before[ACCOUNTS_FILE_PASSWD], name, line))
			continue;
		if (has_shadow && !has_line(shadow, name, shadow_line))
			continue;
		words_add(&ret->users, line);
		words_add(&ret->shadows, shadow_line);
	}
}

struct search {
	unsigned long gid;
	bool is_found;
};

static bool find_user_of_group(void *data, const struct words *fields)
{
	struct search *search = data;
	unsigned long gid;

	search->is_found = text_to_number(accounts_field(fields, ACCOUNTS_FIELD_GID), 0,
					  ACCOUNTS_MAX_ID, &gid) &&
			   gid == search->gid;
	return !search->is_found;
}

/* Takes the members out, and the entry too where it is then nothing but HEAD and may go. Returns whether
 * no entry is left. */
static bool remove_entry(const char *before, const struct accounts_change *what, const char *head,
			 bool may_go, struct strbuf *after)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(after->max_bytes);
	CLEANUP_WORDS struct words lines = {0};

	accounts_remove_members(before, what->group, &what->members, &text);
	if (may_go && has_line(text.data, what->group, head))
		words_add(&lines, head);
	accounts_remove_lines(text.data, &lines, after);
	return !accounts_has(after->data, what->group);
}

static bool remove_group(const char *const before[], const struct accounts_change *what,
			 struct strbuf after[])
{
	CLEANUP_FREE char *head = accounts_group_line(what);
	struct search user_left = {.gid = what->gid};

	accounts_each(after[ACCOUNTS_FILE_PASSWD].data, find_user_of_group, &user_left);
	return remove_entry(before[ACCOUNTS_FILE_GROUP], what, head,
			    what->is_group_new && !user_left.is_found, &after[ACCOUNTS_FILE_GROUP]);
}

static void remove_gshadow(const char *before, const struct accounts_change *what, bool may_go,
			   struct strbuf *after)
{
	CLEANUP_FREE char *head = accounts_gshadow_line(what);

	(void)remove_entry(before, what, head, what->is_group_new && may_go, after);
}

int accounts_plan_remove(const char *const before[ACCOUNTS_FILE_COUNT],
			 const struct accounts_change *what,
			 struct strbuf after[ACCOUNTS_FILE_COUNT], struct error *error)
{
	CLEANUP(leaving_release) struct leaving leaving = {0};
	bool goes;

	if (check_change(what, error) < 0)
		return -1;
	find_leaving(before, what, &leaving);
	if (before[ACCOUNTS_FILE_SHADOW])
		accounts_remove_lines(before[ACCOUNTS_FILE_SHADOW], &leaving.shadows,
				      &after[ACCOUNTS_FILE_SHADOW]);
	accounts_remove_lines(before[ACCOUNTS_FILE_PASSWD], &leaving.users,
			      &after[ACCOUNTS_FILE_PASSWD]);
	goes = remove_group(before, what, after);
	if (before[ACCOUNTS_FILE_GSHADOW])
		remove_gshadow(before[ACCOUNTS_FILE_GSHADOW], what, goes,
			       &after[ACCOUNTS_FILE_GSHADOW]);
	return 0;
}
