/* SPDX-License-Identifier: Zlib */
/* The user's groups by name, and the users that a daemon builds with: by /etc/group and /etc/passwd,
 * which is what a pod's image has. */
#include <stdio.h>
#include <string.h>

#include "agent/accounts.h"
#include "agent/accounts_text.h"
#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/nix_conf_value.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/nix.h"

#define MAX_FILE_BYTES (1u << 20)

/* ---- the user's groups */

struct membership {
	const struct context *context;
	struct words *groups;
	bool has_primary;
};

static bool is_primary(const struct context *context, const char *number)
{
	unsigned long gid;

	return text_to_number(number, 0, ACCOUNTS_MAX_ID, &gid) && context->gid == (gid_t)gid;
}

static bool is_member(const char *members, const char *user)
{
	CLEANUP_WORDS struct words names = {0};

	words_split(&names, members, ",");
	return words_contain(&names, user);
}

/* As a daemon tells them: the group of the peer's credentials, and those that list the user's name.
 * The other groups of the process (a pod's supplementalGroups) it does not see. */
static bool add_own_group(void *data, const struct words *fields)
{
	struct membership *membership = data;
	bool is_own = is_primary(membership->context, accounts_field(fields, ACCOUNTS_FIELD_ID));

	membership->has_primary |= is_own;
	if (is_own || is_member(accounts_field(fields, ACCOUNTS_FIELD_MEMBERS),
				membership->context->user_name))
		words_add(membership->groups, accounts_field(fields, ACCOUNTS_FIELD_NAME));
	return true;
}

/* A group without a name goes by its number. */
static void collect_groups(struct nix_evidence *evidence, const struct context *context,
			   const char *group_file)
{
	struct membership membership = {context, &evidence->groups, false};
	CLEANUP_FREE char *number = mem_format("%u", (unsigned int)context->gid);

	accounts_each(group_file, add_own_group, &membership);
	if (!membership.has_primary)
		words_add(&evidence->groups, number);
}

/* ---- the users that build */

static enum nix_builders judge_members(struct nix_evidence *evidence, const char *members,
				       const char *passwd)
{
	CLEANUP_WORDS struct words names = {0};

	words_split(&names, members, ",");
	evidence->builder_count = (unsigned int)names.count;
	for (size_t i = 0; i < names.count; i++) {
		if (accounts_has(passwd, names.items[i]))
			continue;
		free(evidence->builders_name);
		evidence->builders_name = mem_strdup(names.items[i]);
		return NIX_BUILDERS_MISSING_USER;
	}
	return names.count > 0 ? NIX_BUILDERS_READY : NIX_BUILDERS_EMPTY_GROUP;
}

/* As Nix finds them: the group's members, each a user (build/user-lock.cc). */
static enum nix_builders find_builders(struct nix_evidence *evidence, const char *group,
				       const struct context *context)
{
	CLEANUP_STRBUF struct strbuf passwd = STRBUF_INIT(MAX_FILE_BYTES);
	CLEANUP_WORDS struct words fields = {0};

	if (!accounts_find(group, evidence->builders_name, &fields))
		return NIX_BUILDERS_NO_GROUP;
	if (root_read(&context->root, "/etc/passwd", &passwd) < 0)
		return NIX_BUILDERS_UNKNOWN;
	return judge_members(evidence, accounts_field(&fields, ACCOUNTS_FIELD_MEMBERS),
			     passwd.data);
}

static bool needs_builders(const struct nix_evidence *evidence)
{
	const char *automatic =
		nix_conf_value(&evidence->conf, "auto-allocate-uids", NIX_CONF_SYSTEM, "false");

	if (nix_conf_value_is_true(automatic))
		return false;
	return evidence->route == NIX_ROUTE_DAEMON || evidence->is_root;
}

void nix_collect_users(struct nix_evidence *evidence, const struct context *context)
{
	CLEANUP_STRBUF struct strbuf group = STRBUF_INIT(MAX_FILE_BYTES);
	const char *name = nix_conf_value(&evidence->conf, "build-users-group", NIX_CONF_SYSTEM,
					  ACCOUNTS_BUILD_GROUP);

	evidence->are_groups_known = root_read(&context->root, "/etc/group", &group) == 0;
	collect_groups(evidence, context, group.data);
	if (!needs_builders(evidence)) {
		evidence->builders = NIX_BUILDERS_NOT_NEEDED;
	} else if (!*name) {
		evidence->builders = NIX_BUILDERS_ROOT;
	} else if (!evidence->are_groups_known) {
		evidence->builders = NIX_BUILDERS_UNKNOWN;
	} else {
		evidence->builders_name = mem_strdup(name);
		evidence->builders = find_builders(evidence, group.data, context);
	}
}
