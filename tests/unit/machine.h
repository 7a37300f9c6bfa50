/* SPDX-License-Identifier: Zlib */
/* A fake machine for --root: a directory below TMPDIR with the files that a test puts there. */
#pragma once

#include <sys/types.h>

struct machine {
	char directory[256];
};

/* Each of these fails the running test when it cannot be done. Paths are absolute, inside the
 * machine; the directories before them are made. */
void machine_make(struct machine *machine);
void machine_directory(const struct machine *machine, const char *path);
void machine_file(const struct machine *machine, const char *path, const char *content);
void machine_mode(const struct machine *machine, const char *path, mode_t mode);
void machine_link(const struct machine *machine, const char *path, const char *target);

/* The path as others see it, outside the machine; valid until the next call. */
const char *machine_path(const struct machine *machine, const char *path);

/* Removes it with all that is in it. */
void machine_remove(const struct machine *machine);
