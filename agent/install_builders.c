/* SPDX-License-Identifier: Zlib */
/* The users that builds run as. In the manifest: "account group NAME", "account new-group NUMBER" where
 * it was made, "account user LINE" (of /etc/passwd) and "account member NAME". */
#include "agent/install_builders.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/accounts.h"
#include "agent/accounts_lock.h"
#include "agent/accounts_text.h"
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/install.h"
#include "agent/mem.h"
#include "agent/nix_conf.h"
#include "agent/text.h"
#include "agent/words.h"

#define GROUP "group "
#define NEW_GROUP "new-group "
#define USER "user "
#define MEMBER "member "

static void note(struct manifest *manifest, const char *kind, const char *text)
{
	CLEANUP_FREE char *value = mem_format("%s%s", kind, text);

	manifest_add(manifest, MANIFEST_ACCOUNT, value);
}

static void note_change(struct manifest *manifest, const struct accounts_change *change)
{
	CLEANUP_FREE char *number = mem_format("%lu", change->gid);

	if (accounts_change_is_empty(change))
		return;
	if (change->is_group_new)
		note(manifest, NEW_GROUP, number);
	note(manifest, GROUP, change->group);
	for (size_t i = 0; i < change->users.count; i++)
		note(manifest, USER, change->users.items[i]);
	for (size_t i = 0; i < change->members.count; i++)
		note(manifest, MEMBER, change->members.items[i]);
}

/* The group that the daemon's configuration names; the caller frees. */
static char *configured_group(const struct root *root)
{
	const struct nix_conf_reader reader = nix_conf_reader_of(root);
	struct nix_conf conf = {0};
	const char *name;
	char *group;

	nix_conf_parse_file(&conf, &reader, "/etc/nix/nix.conf", NIX_CONF_SYSTEM);
	name = nix_conf_value(&conf, "build-users-group", NIX_CONF_SYSTEM, ACCOUNTS_BUILD_GROUP);
	group = mem_strdup(*name ? name : ACCOUNTS_BUILD_GROUP);
	nix_conf_release(&conf);
	return group;
}

/* A kill between the files and the manifest would leave users that nobody takes back: the manifest comes
 * first, and what it says stays true under the lock. */
static int announce(struct installation *installation, const char *group, struct error *error)
{
	CLEANUP(accounts_change_release) struct accounts_change plan = {0};

	if (accounts_plan_builders(&installation->context->root, group, &plan, error) < 0)
		return -1;
	note_change(&installation->manifest, &plan);
	return manifest_write(&installation->manifest, &installation->state.directory, error);
}

int install_builders(struct installation *installation, gid_t *ret, struct error *error)
{
	const struct root *root = &installation->context->root;
	CLEANUP(accounts_change_release) struct accounts_change wish = {0};
	CLEANUP(accounts_change_release) struct accounts_change change = {0};
	CLEANUP_FREE char *group = configured_group(root);
	CLEANUP_CLOSE int lock = -1;

	if (accounts_plan_builders(root, group, &wish, error) < 0)
		return -1;
	*ret = (gid_t)wish.gid;
	if (accounts_change_is_empty(&wish))
		return 0;
	lock = accounts_lock_take(root, ACCOUNTS_LOCK_WAIT_MS, error);
	if (lock < 0 || announce(installation, group, error) < 0 ||
	    accounts_add_builders(root, group, &change, error) < 0)
		return -1;
	*ret = (gid_t)change.gid;
	return !accounts_change_is_empty(&change);
}

static void recall(struct accounts_change *change, const char *value)
{
	if (text_starts_with(value, USER))
		words_add(&change->users, value + strlen(USER));
	if (text_starts_with(value, MEMBER))
		words_add(&change->members, value + strlen(MEMBER));
	if (text_starts_with(value, GROUP)) {
		free(change->group);
		change->group = mem_strdup(value + strlen(GROUP));
	}
	if (text_starts_with(value, NEW_GROUP))
		change->is_group_new =
			text_to_number(value + strlen(NEW_GROUP), 0, ACCOUNTS_MAX_ID, &change->gid);
}

int install_builders_undo(struct installation *installation, struct error *error)
{
	CLEANUP(accounts_change_release)
	struct accounts_change change = {.group = mem_strdup(ACCOUNTS_BUILD_GROUP)};
	CLEANUP_WORDS struct words values = {0};

	manifest_values(&installation->manifest, MANIFEST_ACCOUNT, &values);
	for (size_t i = 0; i < values.count; i++)
		recall(&change, values.items[i]);
	if (values.count == 0)
		return 0;
	return accounts_remove(&installation->context->root, &change, error);
}
