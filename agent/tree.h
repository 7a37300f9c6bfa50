/* SPDX-License-Identifier: Zlib */
/* Whole directory trees that are taken away. */
#pragma once

struct error;

/* Removes DIRECTORY/NAME and all that is below it, never following a symlink and never leaving the
 * file system that NAME is on. What is not there is removed already. Returns 0, or -1 with ERROR. */
int tree_remove(int directory, const char *name, struct error *error);
