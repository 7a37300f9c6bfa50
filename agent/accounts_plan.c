/* SPDX-License-Identifier: Zlib */
/* What the build users need. */
#include "agent/accounts_plan.h"

#include <string.h>

#include "agent/accounts_line.h"
#include "agent/accounts_text.h"
#include "agent/error.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_MEMBERS 1024u
#define MAX_SHOWN_BYTES 32u

struct ids {
	bool is_taken[ACCOUNTS_LAST_ID + 1 - ACCOUNTS_FIRST_ID];
};

/* ---- numbers */

static void take(struct ids *ids, const char *number)
{
	unsigned long id;

	if (text_to_number(number, ACCOUNTS_FIRST_ID, ACCOUNTS_LAST_ID, &id))
		ids->is_taken[id - ACCOUNTS_FIRST_ID] = true;
}

static bool take_id(void *data, const struct words *fields)
{
	take(data, accounts_field(fields, ACCOUNTS_FIELD_ID));
	return true;
}

/* A group without an entry may still be a user's. Builders are none of those: an addition that was cut
 * off before the group has left them. */
static bool take_group_of_user(void *data, const struct words *fields)
{
	if (!text_starts_with(accounts_field(fields, ACCOUNTS_FIELD_NAME), ACCOUNTS_USER_PREFIX))
		take(data, accounts_field(fields, ACCOUNTS_FIELD_GID));
	return true;
}

/* The first free number from ID on; it is taken then. */
static int find_free(struct ids *ids, unsigned long id, unsigned long *ret, struct error *error)
{
	for (; id <= ACCOUNTS_LAST_ID; id++) {
		if (ids->is_taken[id - ACCOUNTS_FIRST_ID])
			continue;
		ids->is_taken[id - ACCOUNTS_FIRST_ID] = true;
		*ret = id;
		return 0;
	}
	return error_set(error, ERROR_AGENT,
			 "no number from %lu to %lu is free for a build user or its group",
			 ACCOUNTS_FIRST_ID, ACCOUNTS_LAST_ID);
}

/* ---- planning */

static int check_number(const struct words *fields, const char *path, size_t line,
			struct error *error)
{
	unsigned long id;

	if (fields->count > ACCOUNTS_FIELD_ID &&
	    text_to_number(fields->items[ACCOUNTS_FIELD_ID], 0, ACCOUNTS_MAX_ID, &id))
		return 0;
	return error_set(error, ERROR_AGENT,
			 "%s: line %zu: %s has no number there: mend the line, or take it out",
			 path, line, fields->items[ACCOUNTS_FIELD_NAME]);
}

static void list_builders(struct words *names)
{
	for (unsigned int i = 1; i <= ACCOUNTS_BUILDERS; i++) {
		CLEANUP_FREE char *name = mem_format(ACCOUNTS_USER_PREFIX "%u", i);

		words_add(names, name);
	}
}

/* Each name once. */
static void list_members(const char *text, struct words *ret)
{
	CLEANUP_WORDS struct words names = {0};

	words_split(&names, text, ",");
	for (size_t i = 0; i < names.count && ret->count <= MAX_MEMBERS; i++)
		if (!words_contain(ret, names.items[i]))
			words_add(ret, names.items[i]);
}

/* The group's number and members, as they are or as they are to be. */
static int plan_group(const char *const before[], struct accounts_change *change,
		      struct words *members, struct error *error)
{
	CLEANUP_WORDS struct words fields = {0};
	struct ids gids = {0};
	size_t line = accounts_find(before[ACCOUNTS_FILE_GROUP], change->group, &fields);

	if (line) {
		if (check_number(&fields, "/etc/group", line, error) < 0)
			return -1;
		(void)text_to_number(fields.items[ACCOUNTS_FIELD_ID], 0, ACCOUNTS_MAX_ID,
				     &change->gid);
		list_members(accounts_field(&fields, ACCOUNTS_FIELD_MEMBERS), members);
	} else {
		accounts_each(before[ACCOUNTS_FILE_GROUP], take_id, &gids);
		accounts_each(before[ACCOUNTS_FILE_PASSWD], take_group_of_user, &gids);
		if (find_free(&gids, ACCOUNTS_FIRST_ID, &change->gid, error) < 0)
			return -1;
		change->is_group_new = true;
	}
	if (members->count == 0) {
		list_builders(members);
		list_builders(&change->members);
	}
	return 0;
}

/* Of "nixbld7" 7; else its place in the list. */
static unsigned long builder_number(const char *name, size_t place)
{
	unsigned long number = place;

	if (text_starts_with(name, ACCOUNTS_USER_PREFIX))
		(void)text_to_number(name + strlen(ACCOUNTS_USER_PREFIX), 1, MAX_MEMBERS, &number);
	return number;
}

static int plan_user(const char *name, unsigned long number, struct ids *uids,
		     struct accounts_change *change, struct error *error)
{
	CLEANUP_FREE char *line = NULL;
	unsigned long uid = 0;

	if (!accounts_name_is_valid(name)) {
		CLEANUP_FREE char *shown = text_cleaned(name, MAX_SHOWN_BYTES);

		return error_set(error, ERROR_AGENT,
				 "/etc/group: %s lists \"%s\", which is no user, and no name for "
				 "one: take it out of the list",
				 change->group, shown);
	}
	if (find_free(uids, ACCOUNTS_FIRST_ID + number, &uid, error) < 0)
		return -1;
	line = accounts_user_line(name, uid, change->gid, number);
	words_add(&change->users, line);
	return 0;
}

static int plan_users(const char *const before[], const struct words *members,
		      struct accounts_change *change, struct error *error)
{
	struct ids uids = {0};

	if (members->count > MAX_MEMBERS)
		return error_set(error, ERROR_AGENT, "/etc/group: %s lists more than %u members",
				 change->group, MAX_MEMBERS);
	accounts_each(before[ACCOUNTS_FILE_PASSWD], take_id, &uids);
	for (size_t i = 0; i < members->count; i++) {
		CLEANUP_WORDS struct words fields = {0};
		const char *name = members->items[i];
		size_t line = accounts_find(before[ACCOUNTS_FILE_PASSWD], name, &fields);

		if (line && check_number(&fields, "/etc/passwd", line, error) < 0)
			return -1;
		if (!line && plan_user(name, builder_number(name, i + 1), &uids, change, error) < 0)
			return -1;
	}
	return 0;
}

int accounts_plan(const char *const before[ACCOUNTS_FILE_COUNT], const char *group,
		  struct accounts_change *ret, struct error *error)
{
	CLEANUP(accounts_change_release)
	struct accounts_change change = {.group = mem_strdup(group)};
	CLEANUP_WORDS struct words members = {0};

	if (!accounts_name_is_valid(group)) {
		CLEANUP_FREE char *shown = text_cleaned(group, MAX_SHOWN_BYTES);

		return error_set(error, ERROR_AGENT, "\"%s\" is no name for a group of build users",
				 shown);
	}
	if (plan_group(before, &change, &members, error) < 0 ||
	    plan_users(before, &members, &change, error) < 0)
		return -1;
	*ret = change;
	change = (struct accounts_change){0};
	return 0;
}

/* ---- adding */

static void add_shadow(const char *before, const struct accounts_change *change,
		       struct strbuf *after)
{
	CLEANUP_WORDS struct words lines = {0};

	for (size_t i = 0; i < change->users.count; i++) {
		CLEANUP_FREE char *name = accounts_line_name(change->users.items[i]);
		CLEANUP_FREE char *line = accounts_shadow_line(name);

		if (!accounts_has(before, name))
			words_add(&lines, line);
	}
	accounts_add_lines(before, &lines, after);
}

/* The members, and before them a new group's entry: HEAD and no member. */
static void add_group(const char *before, const struct accounts_change *change, const char *head,
		      struct strbuf *after)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(after->max_bytes);
	CLEANUP_WORDS struct words lines = {0};

	if (change->is_group_new && !accounts_has(before, change->group))
		words_add(&lines, head);
	accounts_add_lines(before, &lines, &text);
	accounts_add_members(text.data, change->group, &change->members, after);
	after->is_truncated = after->is_truncated || text.is_truncated;
}

void accounts_plan_add(const char *const before[ACCOUNTS_FILE_COUNT],
		       const struct accounts_change *change,
		       struct strbuf after[ACCOUNTS_FILE_COUNT])
{
	CLEANUP_FREE char *group = accounts_group_line(change);
	CLEANUP_FREE char *gshadow = accounts_gshadow_line(change);

	if (before[ACCOUNTS_FILE_SHADOW])
		add_shadow(before[ACCOUNTS_FILE_SHADOW], change, &after[ACCOUNTS_FILE_SHADOW]);
	accounts_add_lines(before[ACCOUNTS_FILE_PASSWD], &change->users,
			   &after[ACCOUNTS_FILE_PASSWD]);
	if (before[ACCOUNTS_FILE_GSHADOW])
		add_group(before[ACCOUNTS_FILE_GSHADOW], change, gshadow,
			  &after[ACCOUNTS_FILE_GSHADOW]);
	add_group(before[ACCOUNTS_FILE_GROUP], change, group, &after[ACCOUNTS_FILE_GROUP]);
}
