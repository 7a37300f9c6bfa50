/* SPDX-License-Identifier: Zlib */
/* The process that mends, called: a child where this process is root, else one entry by sudo. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct findings;
struct job;

enum repair_call_end {
	REPAIR_CALL_DONE,      /* it said how each row ended, in FINDINGS */
	REPAIR_CALL_NO_RIGHTS, /* neither root nor a sudo that asks no password: see ERROR */
	REPAIR_CALL_FAILED,    /* it could not be started, broke off, or took too long: see ERROR */
};

struct repair_wish {
	const bool *is_asked; /* by the index of the table's row */
	int64_t end_us; /* run_clock_us() when time is over; the same for every call of a run */
	/* For root's own downloads, and for a daemon that it starts; NULL: the job's own. By sudo there
	 * are no proxies at all. */
	const char *no_proxy;
};

/* Has the rows tried, and waits for the end. What it says on stderr goes to stderr, cleaned, line by
 * line. */
enum repair_call_end repair_call(const struct job *job, const struct repair_wish *wish,
				 struct findings *findings, struct error *error);
