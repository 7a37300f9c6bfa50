/* SPDX-License-Identifier: Zlib */
/* What to do where mending did not succeed, by what was in its way. */
#pragma once

/* The remedy for MESSAGE, or NULL: then the catalogue's holds. */
const char *repair_remedy(const char *message);
