/* SPDX-License-Identifier: Zlib */
/* Records: what a probe says arrives; what breaks the rules is refused. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/record.h"
#include "agent/strbuf.h"
#include "tests/unit/check.h"

struct ends {
	struct channel channel;
	struct record_decoder decoder;
	struct facts facts;
	struct findings findings;
	int fd;
};

static void open_ends(struct ends *ends)
{
	int fds[2];

	memset(ends, 0, sizeof(*ends));
	assert_int_equal(pipe(fds), 0);
	(void)fcntl(fds[1], F_SETPIPE_SZ, 1 << 20);
	ends->channel.fd = fds[1];
	ends->fd = fds[0];
	record_decoder_init(&ends->decoder, "probe", 3, &ends->facts, &ends->findings);
}

/* Feeds all that the channel sent, STEP bytes at a time. */
static int deliver(struct ends *ends, size_t step)
{
	uint8_t bytes[8192];
	ssize_t length;
	int status = 0;

	close(ends->channel.fd);
	while (status == 0 && (length = read(ends->fd, bytes, step)) > 0)
		status = record_feed(&ends->decoder, bytes, (size_t)length);
	close(ends->fd);
	return status;
}

static void release_ends(struct ends *ends)
{
	facts_release(&ends->facts);
	findings_release(&ends->findings);
}

static void everything_arrives(void **state)
{
	static const size_t steps[] = {1, 3, 7, 4096};

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		struct ends ends;
		int64_t number = 0;

		open_ends(&ends);
		channel_phase(&ends.channel, "connect");
		channel_finding(&ends.channel, FINDING_TASK_CRASHED, "subject", NULL, "seen %d", 7);
		channel_finding(&ends.channel, FINDING_TASK_SILENT, "", "own remedy", "x");
		channel_string(&ends.channel, "probe.text", "a\nb");
		channel_string(&ends.channel, "probe.none", NULL);
		channel_list(&ends.channel, "probe.list", "one\ntwo");
		channel_integer(&ends.channel, "probe.number", -5);
		channel_boolean(&ends.channel, "probe.flag", true);
		assert_int_equal(deliver(&ends, steps[i]), 0);
		assert_true(record_is_complete(&ends.decoder));
		assert_string_equal(ends.decoder.phase, "connect");
		assert_int_equal(ends.findings.count, 2);
		assert_string_equal(ends.findings.items[0].detail, "seen 7");
		assert_string_equal(ends.findings.items[0].probe, "probe");
		assert_int_equal(ends.findings.items[0].task_index, 3);
		assert_string_equal(ends.findings.items[0].remedy,
				    finding_kind(FINDING_TASK_CRASHED)->remedy);
		assert_string_equal(ends.findings.items[1].remedy, "own remedy");
		assert_string_equal(facts_string(&ends.facts, "probe.text"), "a\nb");
		assert_null(facts_string(&ends.facts, "probe.none"));
		assert_string_equal(facts_string(&ends.facts, "probe.list"), "one\ntwo");
		assert_true(facts_integer(&ends.facts, "probe.number", &number));
		assert_int_equal(number, -5);
		assert_int_equal(facts_boolean(&ends.facts, "probe.flag"), 1);
		assert_int_equal(facts_boolean(&ends.facts, "probe.other"), -1);
		release_ends(&ends);
	}
}

static void long_text_goes_in_parts(void **state)
{
	char text[20001];
	struct ends ends;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[12345] = 'y';
	open_ends(&ends);
	channel_string(&ends.channel, "probe.long", text);
	channel_integer(&ends.channel, "probe.after", 1);
	assert_int_equal(deliver(&ends, 4096), 0);
	assert_string_equal(facts_string(&ends.facts, "probe.long"), text);
	release_ends(&ends);
}

static void sender_stays_within_the_bounds(void **state)
{
	struct ends ends;

	(void)state;
	open_ends(&ends);
	for (int i = 0; i < 2000; i++)
		channel_phase(&ends.channel, "again");
	assert_int_equal(deliver(&ends, 4096), 0);
	assert_int_equal(ends.decoder.frames, RECORD_MAX_FRAMES);
	release_ends(&ends);
}

/* A frame by hand. */
#define FRAME(type, flags, text) {type, flags, sizeof(text) - 1, 0}, text, sizeof(text) - 1

static void bad_frames_are_refused(void **state)
{
	static const struct {
		uint8_t header[4];
		const char *payload;
		size_t length;
	} frames[] = {
		{FRAME(0, 0, "x")},
		{FRAME(5, 0, "x")},
		{FRAME(2, 0,
		       "\xff\xff"
		       "s\0d\0r")},                               /* no such finding */
		{FRAME(2, 0, "\0")},                              /* cut before the ID's end */
		{FRAME(2, 0, "\0\0only a subject")},              /* texts missing */
		{FRAME(3, 0, "\0other.key\0x")},                  /* not this probe's key */
		{FRAME(3, 0, "\0probe\0x")},                      /* the bare name */
		{FRAME(3, 0, "\0probe.BAD\0x")},                  /* not a key */
		{FRAME(3, 0, "\0probe.key")},                     /* the key does not end */
		{FRAME(3, 0, "\x09probe.key\0x")},                /* no such type */
		{FRAME(3, 0, "\x01probe.key\0\1\0\0")},           /* a number cut short */
		{FRAME(3, 0, "\x02probe.key\0\2\0\0\0\0\0\0\0")}, /* neither true nor false */
		{FRAME(4, 0, "\x09")},                            /* no such sandbox level */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(frames); i++) {
		struct record_decoder decoder;
		struct facts facts = {0};
		struct findings findings = {0};
		int status;

		record_decoder_init(&decoder, "probe", 0, &facts, &findings);
		status = record_feed(&decoder, frames[i].header, 4);
		if (status == 0)
			status = record_feed(&decoder, (const uint8_t *)frames[i].payload,
					     frames[i].length);
		if (status == 0)
			print_error("frame %zu was accepted\n", i);
		assert_int_equal(status, -1);
		facts_release(&facts);
		findings_release(&findings);
	}
}

static void a_broken_continuation_is_refused(void **state)
{
	static const uint8_t first[] = "\x03\x01\x0c\x00\0probe.key\0x";
	static const uint8_t phase[] = "\x01\x00\x01\x00p";
	static const uint8_t other[] = "\x03\x00\x0c\x00\0probe.kez\0x";
	struct record_decoder decoder;
	struct facts facts = {0};
	struct findings findings = {0};

	(void)state;
	record_decoder_init(&decoder, "probe", 0, &facts, &findings);
	assert_int_equal(record_feed(&decoder, first, sizeof(first) - 1), 0);
	assert_false(record_is_complete(&decoder));
	assert_int_equal(record_feed(&decoder, phase, sizeof(phase) - 1), -1);
	record_decoder_init(&decoder, "probe", 0, &facts, &findings);
	assert_int_equal(record_feed(&decoder, first, sizeof(first) - 1), 0);
	assert_int_equal(record_feed(&decoder, other, sizeof(other) - 1), -1);
	facts_release(&facts);
	findings_release(&findings);
}

static void a_payload_beyond_the_maximum_is_refused(void **state)
{
	static const uint8_t header[] = {1, 0, 0xf1, 0x0f}; /* 4081 */
	struct record_decoder decoder;
	struct facts facts = {0};
	struct findings findings = {0};

	(void)state;
	record_decoder_init(&decoder, "probe", 0, &facts, &findings);
	assert_int_equal(record_feed(&decoder, header, sizeof(header)), -1);
}

static void hostile_text_is_cleaned(void **state)
{
	struct ends ends;

	(void)state;
	open_ends(&ends);
	channel_finding(&ends.channel, FINDING_TASK_CRASHED, "a\nb", NULL, "%s",
			"\033[31mred\r\n::error::x ##[set-env name=y]z");
	assert_int_equal(deliver(&ends, 4096), 0);
	assert_null(strchr(ends.findings.items[0].detail, '\n'));
	assert_null(strchr(ends.findings.items[0].detail, '\033'));
	assert_null(strchr(ends.findings.items[0].subject, '\n'));
	assert_null(strstr(ends.findings.items[0].detail, "##["));
	release_ends(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_arrives),
		cmocka_unit_test(long_text_goes_in_parts),
		cmocka_unit_test(sender_stays_within_the_bounds),
		cmocka_unit_test(bad_frames_are_refused),
		cmocka_unit_test(a_broken_continuation_is_refused),
		cmocka_unit_test(a_payload_beyond_the_maximum_is_refused),
		cmocka_unit_test(hostile_text_is_cleaned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
