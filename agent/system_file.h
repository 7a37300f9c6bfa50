/* SPDX-License-Identifier: Zlib */
/* A text file of the machine's configuration, such as /etc/passwd: read, then replaced whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/strbuf.h"

struct error;
struct root;

#define SYSTEM_FILE_MAX_BYTES (4u << 20)

struct system_file {
	char *path;       /* for messages */
	const char *name; /* its last component */
	int directory;    /* that it lies in; -1 where that is missing, too */
	bool is_there;
	struct stat status; /* of what is not there: mode 0644, this user's */
	struct strbuf text; /* without NUL bytes */
};

/* Reads PATH, which may be missing; its directory may be reached by links. A symlink at PATH itself,
 * a pipe, a device, a text with NUL bytes or of more than SYSTEM_FILE_MAX_BYTES is refused.
 * Returns 0, or -1 with ERROR. system_file_close releases in any case. */
int system_file_open(struct system_file *ret, const struct root *root, const char *path,
		     struct error *error);
void system_file_close(struct system_file *file);
#define CLEANUP_SYSTEM_FILE CLEANUP(system_file_close)

/* Puts TEXT in the place of the file: a new one with the same owner and mode, on the disk before it is
 * renamed. A file that is a mount of its own (CRI-O and Podman mount /etc/passwd so) cannot be replaced:
 * there TEXT is written into it, from the first byte on that differs, with one write, and what was
 * there is put back when that fails; only a kill or a loss of power in that moment leaves a part.
 * Returns 0, or -1 with ERROR and the file as it was. */
int system_file_replace(const struct system_file *file, const char *text, struct error *error);

/* Removes it. Returns 0, or -1 with ERROR. */
int system_file_remove(const struct system_file *file, struct error *error);
