/* SPDX-License-Identifier: Zlib */
/* Takes back what spinup itself has installed, by its manifest, and nothing else. */
#pragma once

#include <stdbool.h>

struct error;
struct installation;
struct strbuf;

/* Root's alone. A store that has grown other paths is kept, and ERROR names one, unless IS_FORCED. SAID
 * gets what was removed. Where nothing of spinup's is there, that is said, and nothing done. Returns 0,
 * or -1 with ERROR; a call that broke off can be made again. */
int uninstall(struct installation *installation, bool is_forced, struct strbuf *said,
	      struct error *error);
