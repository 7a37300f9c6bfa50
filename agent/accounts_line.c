/* SPDX-License-Identifier: Zlib */
/* The lines of build users. */
#include "agent/accounts_line.h"

#include <string.h>

#include "agent/accounts_text.h"
#include "agent/mem.h"
#include "agent/text.h"

#define USER_END ":/var/empty:/sbin/nologin" /* no home, no shell */
#define MAX_NAME_BYTES 32u

bool accounts_name_is_valid(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_-");

	/* A name of digits alone would be taken for a number. */
	return length && !name[length] && length <= MAX_NAME_BYTES && *name != '-' &&
	       strspn(name, "0123456789") < length;
}

char *accounts_user_line(const char *name, unsigned long uid, unsigned long gid,
			 unsigned long number)
{
	return mem_format("%s:x:%lu:%lu:Nix build user %lu" USER_END, name, uid, gid, number);
}

/* No password; changed on day 1, since 0 would demand another. */
char *accounts_shadow_line(const char *name)
{
	return mem_format("%s:!:1::::::", name);
}

char *accounts_group_line(const struct accounts_change *change)
{
	return mem_format("%s:x:%lu:", change->group, change->gid);
}

char *accounts_gshadow_line(const struct accounts_change *change)
{
	return mem_format("%s:!::", change->group);
}

char *accounts_line_name(const char *line)
{
	return mem_strndup(line, strcspn(line, ":"));
}

bool accounts_is_user_line(const char *line)
{
	CLEANUP_WORDS struct words fields = {0};
	CLEANUP_FREE char *name = accounts_line_name(line);
	unsigned long uid;

	return accounts_name_is_valid(name) && !strchr(line, '\n') &&
	       accounts_find(line, name, &fields) == 1 && text_ends_with(line, USER_END) &&
	       text_to_number(accounts_field(&fields, ACCOUNTS_FIELD_ID), ACCOUNTS_FIRST_ID,
			      ACCOUNTS_LAST_ID, &uid);
}
