/* SPDX-License-Identifier: Zlib */
/* Who this process is, and which rights it has. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct context;

/* Fills uid, gid, groups, user_name, home, host_name, has_no_new_privs and privilege; root and
 * environment must be there already. What cannot be read stays NULL, empty or false. */
void context_read_identity(struct context *context);

/* Whether TEXT (of a passwd file) has a line for UID; its name and home are copied, and the caller
 * frees them. Malformed lines are passed over. */
bool passwd_find(const char *text, uid_t uid, char **ret_name, char **ret_home);
