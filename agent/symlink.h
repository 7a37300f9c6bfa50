/* SPDX-License-Identifier: Zlib */
/* Symbolic links that change in one step. */
#pragma once

/* Makes DIRECTORY/NAME a symlink to TARGET, in the place of whatever file or link is there, by a link of
 * another name and a rename. Returns 0, or -1 with errno and everything as it was. */
int symlink_replace(int directory, const char *name, const char *target);
