/* SPDX-License-Identifier: Zlib */
/* Waiting for what gives no sign when it comes: short pauses at first, longer ones later, and an end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct patience {
	int64_t deadline_us; /* run_clock_us() when it ends */
	int pause_ms;        /* the next one */
};

struct patience patience_until(int64_t deadline_us);

/* Pauses for 2 ms, then for twice as long each time, up to 50 ms. Returns false, without a pause, when
 * the time is over. */
bool patience_pause(struct patience *patience);

/* Milliseconds until DEADLINE_US, at most MOST_MS; 0 when it is past. */
unsigned int patience_left_ms(int64_t deadline_us, unsigned int most_ms);
