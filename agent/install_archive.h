/* SPDX-License-Identifier: Zlib */
/* What an archive brought into the staging directory becomes a store: its paths by rename, then the
 * database, the profile and Determinate's daemon. Each step may have been done before, by a process that
 * was killed behind it. */
#pragma once

struct error;
struct installation;
struct install_source;

/* Returns 0, or -1 with ERROR; what has come to its place stays there for the next try. */
int install_archive_place(struct installation *installation, const struct install_source *source,
			  struct error *error);
