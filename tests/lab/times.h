/* SPDX-License-Identifier: Zlib */
/* Times of the lab's programs that measure, in microseconds. */
#pragma once

#include <sys/time.h>
#include <time.h>

/* Monotonic. */
static inline long long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static inline long long microseconds(struct timeval time)
{
	return time.tv_sec * 1000000LL + time.tv_usec;
}
