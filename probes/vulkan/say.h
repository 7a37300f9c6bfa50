/* SPDX-License-Identifier: Zlib */
/* How the helper speaks: frames (agent/record_format.h) on descriptor 3, one write each, so that what
 * was said before a crash has been said. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "probes/vulkan_run.h"

/* A text in the making; what does not fit is cut. */
struct text {
	char bytes[3072];
	size_t length;
};

void text_add(struct text *text, const char *more);      /* control characters become spaces */
void text_add_line(struct text *text, const char *line); /* likewise, and ends the line */
void text_add_number(struct text *text, int64_t number);
void text_add_number_line(struct text *text, int64_t number);

void say_phase(const char *phase);
void say_text(const char *key, const struct text *text);
void say_list(const char *key, const struct text *lines);
void say_number(const char *key, int64_t number);

/* Tells how it ended, and ends the process at once: no destructor of a driver runs. */
_Noreturn void finish(enum vulkan_end end, int code, const char *detail);
