/* SPDX-License-Identifier: Zlib */
/* Takes back what spinup itself has installed, by its manifest, and nothing else. */
#pragma once

#include <stdbool.h>

struct error;
struct installation;
struct strbuf;

/* Root's alone. Returns 0 and in SAID what was removed (nothing, where nothing of spinup's is there); 1
 * and in SAID why the store was kept: it has grown other paths, and IS_FORCED is not set; or why an
 * installer was not trusted to take its own part back; or -1 with ERROR. A call that broke off, or was
 * killed, can be made again. */
int uninstall(struct installation *installation, bool is_forced, struct strbuf *said,
	      struct error *error);
