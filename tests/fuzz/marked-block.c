/* SPDX-License-Identifier: Zlib */
/* Lines of ours in a hostile text: taken out once they are gone, put in they come out again. */
#include "agent/marked_block.h"

#include <stdlib.h>
#include <string.h>

#include "agent/strbuf.h"
#include "tests/fuzz/fuzz.h"

#define MAX_TEXT_BYTES (4u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	static const struct block_markers markers = {"# begin", "# end"};
	char *text = fuzz_text(bytes, length);
	struct strbuf once = STRBUF_INIT(MAX_TEXT_BYTES), twice = STRBUF_INIT(MAX_TEXT_BYTES);
	struct strbuf marked = STRBUF_INIT(MAX_TEXT_BYTES), back = STRBUF_INIT(MAX_TEXT_BYTES);

	(void)marked_block_strip(&markers, text, &once);
	fuzz_expect(once.length <= length, "nothing is made up");
	fuzz_expect(marked_block_strip(&markers, once.data, &twice) == 0, "no marker is left");
	fuzz_expect(strcmp(once.data, twice.data) == 0, "the rest stays");
	strbuf_puts(&marked, once.data);
	marked_block_add(&markers, "a = b\n", &marked);
	fuzz_expect(marked_block_strip(&markers, marked.data, &back) == 0, "the block is whole");
	fuzz_expect(strncmp(back.data, once.data, once.length) == 0 &&
			    back.length <= once.length + 1,
		    "but for a newline all is as before");
	strbuf_release(&once);
	strbuf_release(&twice);
	strbuf_release(&marked);
	strbuf_release(&back);
	free(text);
	return 0;
}
