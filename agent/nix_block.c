/* SPDX-License-Identifier: Zlib */
/* Our marked lines in NIX_CONFIG. */
#include "agent/nix_block.h"

#include "agent/cleanup.h"
#include "agent/marked_block.h"
#include "agent/mem.h"
#include "agent/strbuf.h"

static const struct block_markers markers = {NIX_BLOCK_BEGIN, NIX_BLOCK_END};

void nix_block_strip(const char *text, struct strbuf *out)
{
	(void)marked_block_strip(&markers, text, out);
}

void nix_block_join(const char *first, const char *own, const char *last, struct strbuf *out)
{
	if (!*own) {
		CLEANUP_FREE char *both = mem_format("%s%s", first, last);

		marked_block_add(&markers, both, out);
		return;
	}
	marked_block_add(&markers, first, out);
	strbuf_puts(out, own);
	marked_block_add(&markers, last, out);
}
