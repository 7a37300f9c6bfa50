/* SPDX-License-Identifier: Zlib */
/* The frames between a probe's process and the parent: one encoder, one decoder, side by side. The
 * parent trusts nothing in them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/facts.h"
#include "agent/finding.h"
#include "agent/record_format.h"
#include "agent/sandbox.h"

/* The child's end. One channel per task; write errors are ignored (the parent is gone then). */
struct channel {
	int fd;
	unsigned int frames;
	size_t bytes;
	const struct sandbox *sandbox; /* for channel_lock */
	enum sandbox_profile profile;
};

/* Enters the task's sandbox for good and tells the parent which level was reached. The runner calls
 * it before the probe's run(), unless the probe opens something first and calls it itself. */
void channel_lock(struct channel *channel);

/* Names the step that comes next, so that a kill says where: "resolve", "connect", … */
void channel_phase(struct channel *channel, const char *phase);

/* Reports a finding. REMEDY NULL takes the catalogue's. */
void channel_finding(struct channel *channel, enum finding_id id, const char *subject,
		     const char *remedy, const char *detail_format, ...)
	__attribute__((format(printf, 5, 6)));

/* Facts; the key's first segment must be the probe's name. A NULL text is not sent. Text beyond
 * 32 KiB is cut; text longer than one frame is sent in several (the "more" flag). */
void channel_string(struct channel *channel, const char *key, const char *text);
void channel_integer(struct channel *channel, const char *key, int64_t number);
void channel_boolean(struct channel *channel, const char *key, bool value);
void channel_list(struct channel *channel, const char *key, const char *newline_separated);

/* The parent's end. */
struct record_decoder {
	const char *probe; /* facts must lie below this name; findings carry it */
	int task_index;    /* findings carry it */
	struct facts *facts;
	struct findings *findings;
	char phase[RECORD_PHASE_BYTES]; /* the last phase named */
	enum sandbox_level sandbox;     /* the level that the child says it reached */
	unsigned int frames;
	unsigned int found; /* findings accepted */
	size_t bytes;
	uint8_t pending[4 + RECORD_MAX_PAYLOAD]; /* an incomplete frame */
	size_t pending_length;
	char more_key[97]; /* the fact that is being continued, or "" */
};

void record_decoder_init(struct record_decoder *decoder, const char *probe, int task_index,
			 struct facts *facts, struct findings *findings);

/* Takes bytes as they come. Returns 0, or -1 when the stream breaks the rules (bad type, length,
 * ID, key, too much): the task is to be killed and reported; what was accepted stays. */
int record_feed(struct record_decoder *decoder, const uint8_t *bytes, size_t length);

/* True when no frame is left half-read. */
bool record_is_complete(const struct record_decoder *decoder);
