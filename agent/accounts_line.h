/* SPDX-License-Identifier: Zlib */
/* The lines that build users have in /etc/passwd, shadow, group and gshadow. Each text is without its
 * newline, and the caller frees. */
#pragma once

#include <stdbool.h>

#include "agent/accounts.h"

#define ACCOUNTS_USER_PREFIX "nixbld"
#define ACCOUNTS_LAST_ID 65533ul /* 65534 is nobody */

/* A name that useradd and the C libraries agree on. */
bool accounts_name_is_valid(const char *name);

/* NUMBER is the builder's, from 1 on. */
char *accounts_user_line(const char *name, unsigned long uid, unsigned long gid,
			 unsigned long number);
char *accounts_shadow_line(const char *name);

/* Of a new group that has no members yet. */
char *accounts_group_line(const struct accounts_change *change);
char *accounts_gshadow_line(const struct accounts_change *change);

/* The name that a line begins with. */
char *accounts_line_name(const char *line);

/* Whether LINE could be one of accounts_user_line's. */
bool accounts_is_user_line(const char *line);
