/* SPDX-License-Identifier: Zlib */
/* The probes. Adding one is its file, and its line in table.c. */
#pragma once

#include <stddef.h>

#include "probes/probe.h"

extern const struct probe *const probe_table[]; /* NULL-terminated */

/* NULL when there is none of that name. */
const struct probe *probe_find(const char *name);
