/* SPDX-License-Identifier: Zlib */
/* Our lines in NIX_CONFIG, between markers: replaced by the next run, never repeated. */
#pragma once

struct strbuf;

#define NIX_BLOCK_BEGIN "# spinup begin"
#define NIX_BLOCK_END "# spinup end"

/* Appends TEXT without our blocks. Of a block that never ends only the marker goes: what follows it
 * may be the job's own. */
void nix_block_strip(const char *text, struct strbuf *out);

/* Appends FIRST, the job's OWN text unchanged, and LAST; FIRST and LAST in markers where they say
 * something, in one block where the job says nothing between. Stripping gives OWN back (with a
 * final newline), so doing it twice changes nothing. */
void nix_block_join(const char *first, const char *own, const char *last, struct strbuf *out);
