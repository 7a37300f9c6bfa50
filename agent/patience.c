/* SPDX-License-Identifier: Zlib */
/* Pauses that grow, within a deadline. */
#include "agent/patience.h"

#include <limits.h>
#include <poll.h>

#include "agent/run.h"

#define FIRST_PAUSE_MS 2
#define LONGEST_PAUSE_MS 50

struct patience patience_until(int64_t deadline_us)
{
	return (struct patience){.deadline_us = deadline_us, .pause_ms = FIRST_PAUSE_MS};
}

unsigned int patience_left_ms(int64_t deadline_us, unsigned int most_ms)
{
	int64_t left_ms = (deadline_us - run_clock_us() + 999) / 1000;

	if (left_ms <= 0)
		return 0;
	return left_ms < most_ms ? (unsigned int)left_ms : most_ms;
}

bool patience_pause(struct patience *patience)
{
	unsigned int left_ms = patience_left_ms(patience->deadline_us, INT_MAX);

	if (left_ms == 0)
		return false;
	(void)poll(NULL, 0, (int)left_ms < patience->pause_ms ? (int)left_ms : patience->pause_ms);
	patience->pause_ms *= 2;
	if (patience->pause_ms > LONGEST_PAUSE_MS)
		patience->pause_ms = LONGEST_PAUSE_MS;
	return true;
}
