/* SPDX-License-Identifier: Zlib */
/* The users that Nix builds with, made without useradd: members of a group in /etc/group, each a user
 * of /etc/passwd (Nix: libstore/build/user-lock.cc). */
#pragma once

#include <stdbool.h>

#include "agent/words.h"

struct error;
struct root;

#define ACCOUNTS_BUILD_GROUP "nixbld"
#define ACCOUNTS_BUILDERS 32u     /* as many as Nix's installers make */
#define ACCOUNTS_FIRST_ID 30000ul /* of the group; builder N is user 30000 + N */

/* What was made. The texts are the machine's own lines: they may go through a file, and come back. */
struct accounts_change {
	char *group;          /* its name */
	bool is_group_new;    /* else only members were added, or none */
	unsigned long gid;    /* of the group, whoever made it */
	struct words users;   /* /etc/passwd's lines of the users that were made */
	struct words members; /* names that the group's list got */
};
void accounts_change_release(struct accounts_change *change);
bool accounts_change_is_empty(const struct accounts_change *change);

/* What accounts_add_builders would make now, as its RET. Nothing is changed. It stays so for whoever
 * holds accounts_lock.h's lock, which accounts_add_builders of the same process takes as well, and gives
 * back. Returns 0, or -1 with ERROR and RET as it was. */
int accounts_plan_builders(const struct root *root, const char *group, struct accounts_change *ret,
			   struct error *error);

/* Makes what GROUP lacks to build, and only that:
 * - no group: the group, with a number from 30000 on that is free, and its members;
 * - a group that lists nobody: its members, nixbld1 to nixbld32; which of them are users already stay
 *   as they are;
 * - a member that is no user: that user.
 * Numbers that are taken are passed over. A group whose members are all users is left alone, without a
 * lock or a right to write.
 *
 * Under accounts_lock.h's lock. /etc/shadow and /etc/gshadow are kept in step where they exist. The
 * users are written first and the group's list last: a kill in between leaves users that no group
 * lists, which do no harm, and the next call goes on from there (its RET then leaves them out).
 * For files that are a mount of their own see system_file.h.
 * Returns 0, or -1 with ERROR, RET as it was and the files as they were. */
int accounts_add_builders(const struct root *root, const char *group, struct accounts_change *ret,
			  struct error *error);

/* Takes back exactly WHAT, where it was made: no user whose line in /etc/passwd or /etc/shadow has changed meanwhile, and
 * the group only when it is new by WHAT and nobody has it any more. What is gone already is no error,
 * and where nothing of it is left neither a lock nor a right to write is needed.
 * Returns 0, or -1 with ERROR and the files as they were. */
int accounts_remove(const struct root *root, const struct accounts_change *what,
		    struct error *error);
