/* SPDX-License-Identifier: Zlib */
/* The command line by which sudo starts this very program as `spinup repair`. */
#pragma once

#include <stdbool.h>

#include "agent/private_dir.h"
#include "agent/words.h"

struct error;
struct job;
struct repair_wish;

struct repair_sudo {
	struct words arguments; /* sudo's path first; ends with NULL */
	struct private_dir directory;
	char *copy; /* its name in DIRECTORY; removed by repair_sudo_release; NULL: none was needed */
};

/* Names this program by its own path where root alone can change that, else by a copy in our private
 * directory, held against the running program. Returns 0, or -1 with ERROR; repair_sudo_release is owed
 * in both cases. */
int repair_sudo_prepare(struct repair_sudo *ret, const struct job *job,
			const struct repair_wish *wish, struct error *error);
void repair_sudo_release(struct repair_sudo *sudo);
