/* SPDX-License-Identifier: Zlib */
/* A closure archive is unpacked into a staging directory, and nowhere else. The archive is hostile until its
 * digest was compared, which is done by whoever moves the store paths on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

#define UNPACK_MAX_ENTRIES 1000000u
#define UNPACK_MAX_STORE_PATHS 10000u
#define UNPACK_MAX_FILE_BYTES (UINT64_C(4) << 30)
#define UNPACK_MAX_BYTES (UINT64_C(8) << 30) /* of content */
#define UNPACK_MAX_TARGET 4095u              /* of a symlink, as Linux has it */

struct unpack_counts {
	uint64_t entries; /* all of them, also those that are passed over */
	uint64_t store_paths;
	uint64_t bytes; /* of content */
	bool has_nixd;
};

/* Reads ARCHIVE_FD to its end: a tar archive (ustar, pax, GNU) under zstd, xz or gzip, in one of the layouts
 * of unpack_name.h, with exactly one registration and at least one store path. Makes in STAGING_FD (a fresh
 * directory of this user, without default ACLs; neither descriptor is owned)
 *
 *   store/<hash>-<name>/…   in Nix's form (unpack_tree.h); store/ itself is 0755
 *   registration            0444
 *   determinate-nixd        0755, where the archive has it
 *
 * Directories may be missing, and may come twice; nothing else may. Hard links lead to regular files of the
 * store paths before them. Owners, times, extended attributes and ACLs are passed over. Refused, with the
 * entry's name in ERROR: everything else, above all devices, FIFOs, holes, set-id and sticky bits (the two
 * directories of the layout may have them: nothing is made of these), entries below a file or a symlink, and
 * more than the bounds above.
 *
 * Memory stays below 40 MB. Sets the umask while it runs: call it in a process of one thread, best behind
 * sandbox_enter_directory. Returns 0, or -1 with ERROR; STAGING_FD then holds whatever came before, and
 * is for the caller to remove. */
int unpack(int archive_fd, int staging_fd, struct unpack_counts *ret, struct error *error);
