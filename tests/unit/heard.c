/* SPDX-License-Identifier: Zlib */
/* What a probe says, taken in as the parent takes it. */
#include "tests/unit/heard.h"

#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "tests/unit/check.h"

void heard_open(struct heard *heard, struct channel *ret)
{
	int ends[2];

	*heard = (struct heard){0};
	assert_int_equal(pipe(ends), 0);
	heard->fd = ends[0];
	*ret = (struct channel){.fd = ends[1]};
}

void heard_close(struct heard *heard, const struct channel *channel, const char *probe)
{
	CLEANUP_FREE struct record_decoder *decoder = mem_alloc(1, sizeof(*decoder));
	uint8_t bytes[4096];
	ssize_t length;

	close(channel->fd);
	record_decoder_init(decoder, probe, 0, &heard->facts, &heard->findings);
	while ((length = read(heard->fd, bytes, sizeof(bytes))) > 0)
		assert_int_equal(record_feed(decoder, bytes, (size_t)length), 0);
	close(heard->fd);
	assert_true(record_is_complete(decoder));
}

void heard_release(struct heard *heard)
{
	facts_release(&heard->facts);
	findings_release(&heard->findings);
}

void heard_print_facts(const struct heard *heard, const char *but, struct strbuf *out)
{
	for (size_t i = 0; i < heard->facts.count; i++) {
		const struct fact *fact = &heard->facts.items[i];

		if (but && text_starts_with(fact->key, but))
			continue;
		strbuf_printf(out, "%s = ", fact->key);
		if (!fact->text)
			strbuf_printf(out, "%lld", (long long)fact->number);
		for (const char *c = fact->text; c && *c; c++)
			strbuf_putc(out, *c == '\n' ? ' ' : *c);
		strbuf_putc(out, '\n');
	}
}

void heard_print(const struct heard *heard, struct strbuf *out)
{
	for (size_t i = 0; i < heard->findings.count; i++) {
		const struct finding *finding = &heard->findings.items[i];

		strbuf_printf(out, "%s %s [%s] %s\n", severity_name(finding->severity),
			      finding_kind(finding->id)->id, finding->subject, finding->detail);
	}
	heard_print_facts(heard, NULL, out);
}
