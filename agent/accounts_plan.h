/* SPDX-License-Identifier: Zlib */
/* Which lines the build users need: from the files' texts to their new texts. Pure. */
#pragma once

#include "agent/accounts.h"
#include "agent/strbuf.h"

/* In the order in which an addition writes them; a removal goes backwards. */
enum accounts_file {
	ACCOUNTS_FILE_SHADOW,
	ACCOUNTS_FILE_PASSWD,
	ACCOUNTS_FILE_GSHADOW,
	ACCOUNTS_FILE_GROUP,
	ACCOUNTS_FILE_COUNT,
};

/* What GROUP lacks (accounts_add_builders). BEFORE has a text for each file; NULL stands for a shadow or
 * gshadow that does not exist. Returns 0, or -1 with ERROR and RET as it was. */
int accounts_plan(const char *const before[ACCOUNTS_FILE_COUNT], const char *group,
		  struct accounts_change *ret, struct error *error);

/* Appends the new texts to AFTER; nothing where BEFORE has NULL. What is there already is not added
 * again, so that an addition that was cut off can go on. */
void accounts_plan_add(const char *const before[ACCOUNTS_FILE_COUNT],
		       const struct accounts_change *change,
		       struct strbuf after[ACCOUNTS_FILE_COUNT]);

/* The same for accounts_remove. Returns 0, or -1 with ERROR where WHAT names what we never make. */
int accounts_plan_remove(const char *const before[ACCOUNTS_FILE_COUNT],
			 const struct accounts_change *what,
			 struct strbuf after[ACCOUNTS_FILE_COUNT], struct error *error);
