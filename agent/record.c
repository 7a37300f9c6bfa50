/* SPDX-License-Identifier: Zlib */
/* The frames between a probe's process and the parent: encoder and decoder. */
#include "agent/record.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/strbuf.h"
#include "agent/text.h"

#define MAX_FINDINGS 64u
#define MAX_FACT_TEXT 32768u
#define MAX_LINE 1024u

/* ---- the child's end */

static void send_frame(struct channel *channel, enum record_type type, uint8_t flags,
		       const struct strbuf *payload)
{
	uint8_t frame[RECORD_HEADER_BYTES + RECORD_MAX_PAYLOAD];
	size_t length = payload->length;
	size_t done = 0;

	if (length > RECORD_MAX_PAYLOAD || channel->frames >= RECORD_MAX_FRAMES ||
	    channel->bytes + RECORD_HEADER_BYTES + length > RECORD_MAX_BYTES)
		return;
	record_put_header(frame, type, flags, length);
	memcpy(frame + RECORD_HEADER_BYTES, payload->data, length);
	length += RECORD_HEADER_BYTES;
	channel->frames++;
	channel->bytes += length;
	while (done < length) {
		ssize_t written = write(channel->fd, frame + done, length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		done += (size_t)written;
	}
}

void channel_lock(struct channel *channel)
{
	CLEANUP_STRBUF struct strbuf payload = STRBUF_INIT(1);

	strbuf_putc(&payload, (char)sandbox_enter(channel->sandbox, channel->profile));
	send_frame(channel, RECORD_SANDBOX, 0, &payload);
}

void channel_phase(struct channel *channel, const char *phase)
{
	CLEANUP_STRBUF struct strbuf payload = STRBUF_INIT(RECORD_MAX_PAYLOAD);

	strbuf_puts(&payload, phase);
	send_frame(channel, RECORD_PHASE, 0, &payload);
}

void channel_finding(struct channel *channel, enum finding_id id, const char *subject,
		     const char *remedy, const char *detail_format, ...)
{
	CLEANUP_STRBUF struct strbuf payload = STRBUF_INIT(RECORD_MAX_PAYLOAD);
	CLEANUP_FREE char *detail = NULL;
	va_list args;

	va_start(args, detail_format);
	detail = mem_vformat(detail_format, args);
	va_end(args);
	strbuf_putc(&payload, (char)(id & 0xff));
	strbuf_putc(&payload, (char)(id >> 8));
	text_clean(&payload, subject ? subject : "", MAX_LINE);
	strbuf_putc(&payload, '\0');
	text_clean(&payload, detail, MAX_LINE);
	strbuf_putc(&payload, '\0');
	text_clean(&payload, remedy ? remedy : "", MAX_LINE);
	send_frame(channel, RECORD_FINDING, 0, &payload);
}

static void start_fact(struct strbuf *payload, enum fact_type type, const char *key)
{
	strbuf_clear(payload);
	strbuf_putc(payload, (char)type);
	strbuf_puts(payload, key);
	strbuf_putc(payload, '\0');
}

static void send_text(struct channel *channel, enum fact_type type, const char *key,
		      const char *text)
{
	CLEANUP_STRBUF struct strbuf payload = STRBUF_INIT(RECORD_MAX_PAYLOAD);
	size_t left = text ? strnlen(text, MAX_FACT_TEXT) : 0;

	if (!text)
		return;
	do {
		size_t room, part;

		start_fact(&payload, type, key);
		room = RECORD_MAX_PAYLOAD - payload.length;
		part = left < room ? left : room;
		strbuf_add(&payload, text, part);
		text += part;
		left -= part;
		send_frame(channel, RECORD_FACT, left ? RECORD_FLAG_MORE : 0, &payload);
	} while (left);
}

static void send_number(struct channel *channel, enum fact_type type, const char *key,
			int64_t number)
{
	CLEANUP_STRBUF struct strbuf payload = STRBUF_INIT(RECORD_MAX_PAYLOAD);

	start_fact(&payload, type, key);
	strbuf_add(&payload, &number, sizeof(number));
	send_frame(channel, RECORD_FACT, 0, &payload);
}

void channel_string(struct channel *channel, const char *key, const char *text)
{
	send_text(channel, FACT_STRING, key, text);
}

void channel_integer(struct channel *channel, const char *key, int64_t number)
{
	send_number(channel, FACT_INTEGER, key, number);
}

void channel_boolean(struct channel *channel, const char *key, bool value)
{
	send_number(channel, FACT_BOOLEAN, key, value);
}

void channel_list(struct channel *channel, const char *key, const char *newline_separated)
{
	send_text(channel, FACT_LIST, key, newline_separated);
}

/* ---- the parent's end */

void record_decoder_init(struct record_decoder *decoder, const char *probe, int task_index,
			 struct facts *facts, struct findings *findings)
{
	*decoder = (struct record_decoder){
		.probe = probe,
		.task_index = task_index,
		.facts = facts,
		.findings = findings,
	};
}

/* Splits NUL-separated texts; the last one ends with the payload. Returns NULL beyond the end. */
static const char *next_text(const char **cursor, const char *end)
{
	const char *text = *cursor;

	if (!text || text > end)
		return NULL;
	*cursor = text + strlen(text) + 1;
	return text;
}

static int take_finding(struct record_decoder *decoder, const char *payload, size_t length)
{
	const char *end = payload + length, *cursor = payload + 2;
	const char *subject, *detail, *remedy;
	struct finding *finding;
	unsigned int id;

	if (length < 2 || decoder->found >= MAX_FINDINGS)
		return -1;
	id = (uint8_t)payload[0] | (unsigned int)(uint8_t)payload[1] << 8;
	subject = next_text(&cursor, end);
	detail = next_text(&cursor, end);
	remedy = next_text(&cursor, end);
	if (id >= FINDING_COUNT || !subject || !detail || !remedy)
		return -1;
	finding = findings_add(decoder->findings, (enum finding_id)id, decoder->probe, subject,
			       detail);
	finding->task_index = decoder->task_index;
	if (*remedy)
		finding_set_remedy(finding, remedy);
	decoder->found++;
	return 0;
}

static bool key_is_ours(const struct record_decoder *decoder, const char *key)
{
	size_t length = strlen(decoder->probe);

	return facts_key_is_valid(key) && strncmp(key, decoder->probe, length) == 0 &&
	       key[length] == '.';
}

static int take_text(struct record_decoder *decoder, enum fact_type type, const char *key,
		     const char *text)
{
	CLEANUP_STRBUF struct strbuf whole = STRBUF_INIT(MAX_FACT_TEXT);
	const char *before = facts_string(decoder->facts, key);

	if (decoder->more_key[0]) {
		if (strcmp(decoder->more_key, key) != 0 || !before)
			return -1;
		strbuf_puts(&whole, before);
	}
	strbuf_puts(&whole, text);
	facts_set_text(decoder->facts, key, type, whole.data);
	return 0;
}

static int take_number(struct record_decoder *decoder, enum fact_type type, const char *key,
		       const char *bytes)
{
	int64_t number;

	memcpy(&number, bytes, sizeof(number));
	if (type == FACT_BOOLEAN && number != 0 && number != 1)
		return -1;
	facts_set_number(decoder->facts, key, type, number);
	return 0;
}

static int take_fact(struct record_decoder *decoder, uint8_t flags, const char *payload,
		     size_t length)
{
	const char *key = payload + 1, *value;
	bool is_text;
	int status;

	if (length < 2 || (uint8_t)payload[0] > FACT_LIST || !key_is_ours(decoder, key))
		return -1;
	value = key + strlen(key) + 1;
	if (value > payload + length)
		return -1;
	is_text = payload[0] == FACT_STRING || payload[0] == FACT_LIST;
	if (is_text)
		status = take_text(decoder, (enum fact_type)payload[0], key, value);
	else if (value + sizeof(int64_t) == payload + length && !decoder->more_key[0])
		status = take_number(decoder, (enum fact_type)payload[0], key, value);
	else
		status = -1;
	if (status == 0)
		(void)snprintf(decoder->more_key, sizeof(decoder->more_key), "%s",
			       is_text && (flags & RECORD_FLAG_MORE) ? key : "");
	return status;
}

static int take_frame(struct record_decoder *decoder, const uint8_t *frame, size_t length)
{
	char payload[RECORD_MAX_PAYLOAD + 1];

	if (++decoder->frames > RECORD_MAX_FRAMES)
		return -1;
	memcpy(payload, frame + RECORD_HEADER_BYTES, length);
	payload[length] = '\0';
	if (decoder->more_key[0] && frame[0] != RECORD_FACT)
		return -1;
	switch (frame[0]) {
	case RECORD_PHASE: {
		CLEANUP_FREE char *phase = text_cleaned(payload, sizeof(decoder->phase) - 4);

		(void)snprintf(decoder->phase, sizeof(decoder->phase), "%s", phase);
		return 0;
	}
	case RECORD_SANDBOX:
		if (length != 1 || (uint8_t)payload[0] > SANDBOX_LEVEL_LANDLOCK)
			return -1;
		decoder->sandbox = (enum sandbox_level)payload[0];
		return 0;
	case RECORD_FINDING:
		return take_finding(decoder, payload, length);
	case RECORD_FACT:
		return take_fact(decoder, frame[1], payload, length);
	default:
		return -1;
	}
}

static size_t payload_length(const uint8_t *header)
{
	return header[2] | (size_t)header[3] << 8;
}

int record_feed(struct record_decoder *decoder, const uint8_t *bytes, size_t length)
{
	decoder->bytes += length;
	if (decoder->bytes > RECORD_MAX_BYTES)
		return -1;
	while (length) {
		size_t wanted = RECORD_HEADER_BYTES, part;

		if (decoder->pending_length >= RECORD_HEADER_BYTES)
			wanted += payload_length(decoder->pending);
		part = wanted - decoder->pending_length;
		part = part < length ? part : length;
		memcpy(decoder->pending + decoder->pending_length, bytes, part);
		decoder->pending_length += part;
		bytes += part;
		length -= part;
		if (decoder->pending_length < RECORD_HEADER_BYTES)
			return 0;
		if (payload_length(decoder->pending) > RECORD_MAX_PAYLOAD)
			return -1;
		if (decoder->pending_length <
		    RECORD_HEADER_BYTES + payload_length(decoder->pending))
			continue;
		decoder->pending_length = 0;
		if (take_frame(decoder, decoder->pending, payload_length(decoder->pending)) < 0)
			return -1;
	}
	return 0;
}

bool record_is_complete(const struct record_decoder *decoder)
{
	return decoder->pending_length == 0 && decoder->more_key[0] == '\0';
}
