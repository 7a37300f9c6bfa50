/* SPDX-License-Identifier: Zlib */
/* Whole directory trees that are taken away. */
#pragma once

struct error;

/* Removes DIRECTORY/NAME and all that is below it, however deep, never following a symlink. A mount at
 * it or below it, also one of the same file system, is somebody's data: it is looked for before anything
 * is removed, and named in ERROR. What is not there is removed already. Returns 0, or -1 with ERROR,
 * whose paths begin at DIRECTORY. */
int tree_remove(int directory, const char *name, struct error *error);

/* Only looks: 0 where tree_remove would find no mount, or -1 with ERROR. */
int tree_check(int directory, const char *name, struct error *error);
