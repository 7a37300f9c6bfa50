/* SPDX-License-Identifier: Zlib */
/* Build users: the files, under their lock. */
#include "agent/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "agent/accounts_lock.h"
#include "agent/accounts_plan.h"
#include "agent/cleanup.h"
#include "agent/error.h"
#include "agent/new_file.h"
#include "agent/strbuf.h"
#include "agent/system_file.h"

static const struct {
	const char *path;
	bool is_optional; /* left alone where it does not exist */
} places[ACCOUNTS_FILE_COUNT] = {
	[ACCOUNTS_FILE_SHADOW] = {"/etc/shadow", true},
	[ACCOUNTS_FILE_PASSWD] = {"/etc/passwd", false},
	[ACCOUNTS_FILE_GSHADOW] = {"/etc/gshadow", true},
	[ACCOUNTS_FILE_GROUP] = {"/etc/group", false},
};

/* The files as they are, and as they are to be. */
struct edit {
	struct system_file files[ACCOUNTS_FILE_COUNT];
	const char *before[ACCOUNTS_FILE_COUNT]; /* NULL: an optional one that is missing */
	struct strbuf after[ACCOUNTS_FILE_COUNT];
};

void accounts_change_release(struct accounts_change *change)
{
	free(change->group);
	words_release(&change->users);
	words_release(&change->members);
	*change = (struct accounts_change){0};
}

bool accounts_change_is_empty(const struct accounts_change *change)
{
	return !change->is_group_new && change->users.count == 0 && change->members.count == 0;
}

static void edit_release(struct edit *edit)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++) {
		system_file_close(&edit->files[i]);
		strbuf_release(&edit->after[i]);
	}
}

/* edit_release releases in any case. */
static int edit_open(struct edit *ret, const struct root *root, struct error *error)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++) {
		ret->files[i] = (struct system_file){.directory = -1};
		strbuf_init(&ret->after[i], SYSTEM_FILE_MAX_BYTES);
	}
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++) {
		struct system_file *file = &ret->files[i];

		if (system_file_open(file, root, places[i].path, error) < 0)
			return -1;
		if (file->is_there || !places[i].is_optional)
			ret->before[i] = file->text.data;
	}
	return 0;
}

/* An error in the middle takes back what was written before it. */
static void put_back(const struct edit *edit, const bool was_written[])
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++) {
		const struct system_file *file = &edit->files[i];

		if (was_written[i] && file->is_there)
			(void)system_file_replace(file, edit->before[i], NULL);
		else if (was_written[i])
			(void)system_file_remove(file, NULL);
	}
}

static bool is_changed(const struct edit *edit, size_t file)
{
	return edit->before[file] && strcmp(edit->before[file], edit->after[file].data) != 0;
}

static int edit_write(const struct edit *edit, bool is_backwards, struct error *error)
{
	bool was_written[ACCOUNTS_FILE_COUNT] = {false};

	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		if (edit->after[i].is_truncated)
			return error_set(error, ERROR_AGENT, "%s would be larger than %u MiB",
					 places[i].path, SYSTEM_FILE_MAX_BYTES >> 20);
	for (size_t n = 0; n < ACCOUNTS_FILE_COUNT; n++) {
		size_t i = is_backwards ? ACCOUNTS_FILE_COUNT - 1 - n : n;

		if (!is_changed(edit, i))
			continue;
		if (system_file_replace(&edit->files[i], edit->after[i].data, error) < 0) {
			put_back(edit, was_written);
			return -1;
		}
		was_written[i] = true;
	}
	return 0;
}

int accounts_plan_builders(const struct root *root, const char *group, struct accounts_change *ret,
			   struct error *error)
{
	CLEANUP(edit_release) struct edit edit = {0};

	if (edit_open(&edit, root, error) < 0)
		return -1;
	return accounts_plan(edit.before, group, ret, error);
}

/* Under the lock. */
static int add(const struct root *root, const char *group, struct accounts_change *ret,
	       struct error *error)
{
	CLEANUP(accounts_change_release) struct accounts_change change = {0};
	CLEANUP(edit_release) struct edit edit = {0};

	if (edit_open(&edit, root, error) < 0 ||
	    accounts_plan(edit.before, group, &change, error) < 0)
		return -1;
	accounts_plan_add(edit.before, &change, edit.after);
	if (edit_write(&edit, false, error) < 0)
		return -1;
	*ret = change;
	change = (struct accounts_change){0};
	return 0;
}

int accounts_add_builders(const struct root *root, const char *group, struct accounts_change *ret,
			  struct error *error)
{
	CLEANUP(accounts_change_release) struct accounts_change wish = {0};
	CLEANUP_CLOSE int lock = -1;

	/* Where all is there, as in an image that cannot be written, no lock is asked for. */
	if (accounts_plan_builders(root, group, &wish, error) < 0)
		return -1;
	if (accounts_change_is_empty(&wish)) {
		*ret = wish;
		wish = (struct accounts_change){0};
		return 0;
	}
	lock = accounts_lock_take(root, ACCOUNTS_LOCK_WAIT_MS, error);
	return lock < 0 ? -1 : add(root, group, ret, error);
}

/* A call that was killed may have left copies of the files, and have done nothing else. */
static void clear_leftovers(const struct edit *edit)
{
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		if (edit->files[i].directory >= 0)
			new_file_clear(edit->files[i].directory, edit->files[i].name);
}

static int edit_remove(struct edit *edit, const struct root *root,
		       const struct accounts_change *what, struct error *error)
{
	if (edit_open(edit, root, error) < 0)
		return -1;
	return accounts_plan_remove(edit->before, what, edit->after, error);
}

/* Returns 1 where something of WHAT is there, 0 where nothing is, -1 with ERROR. */
static int is_there(const struct root *root, const struct accounts_change *what,
		    struct error *error)
{
	CLEANUP(edit_release) struct edit edit = {0};

	if (edit_remove(&edit, root, what, error) < 0)
		return -1;
	clear_leftovers(&edit);
	for (size_t i = 0; i < ACCOUNTS_FILE_COUNT; i++)
		if (is_changed(&edit, i))
			return 1;
	return 0;
}

/* Under the lock. */
static int take_away(const struct root *root, const struct accounts_change *what,
		     struct error *error)
{
	CLEANUP(edit_release) struct edit edit = {0};

	return edit_remove(&edit, root, what, error) < 0 ? -1 : edit_write(&edit, true, error);
}

int accounts_remove(const struct root *root, const struct accounts_change *what,
		    struct error *error)
{
	CLEANUP_CLOSE int lock = -1;
	int found;

	if (accounts_change_is_empty(what))
		return 0;
	found = is_there(root, what, error);
	if (found <= 0)
		return found;
	lock = accounts_lock_take(root, ACCOUNTS_LOCK_WAIT_MS, error);
	return lock < 0 ? -1 : take_away(root, what, error);
}
