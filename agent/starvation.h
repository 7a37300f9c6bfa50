/* SPDX-License-Identifier: Zlib */
/* Time in which a process was ready to run and was not let: a pod that has used up its CPU quota, or a
 * machine with more to do than its processors can. Such time speaks against nobody: the answer that
 * was waited for may lie there unread. So it is given back to whoever has a deadline. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How long process PID (0: this one) was kept from running, in microseconds, but for the wait that it
 * may be in; 0 where the kernel does not tell (/proc/PID/schedstat). */
int64_t starvation_us(pid_t pid);

/* What is given back for it, at most 20 s: the time itself, and as much again for each time that the other
 * side has to be woken, whose processes starve as well where they share the machine. Nothing to another
 * process that has computed for as long as one that goes round in circles. */
int64_t starvation_given_us(pid_t pid);

/* When a budget is over that begins now, and the microseconds until then (below 0 when it is past): on
 * run_clock_us(), set back by what has been given back. */
int64_t starvation_end_us(int64_t budget_us);
int64_t starvation_left_us(int64_t end_us);

/* How long may be waited for END_US until it is asked again: no more than what is left, and the kernel is
 * not troubled as long as the clock says so much. 0 or less when it is past. */
int64_t starvation_wait_us(int64_t end_us);

/* Whether PID could go on now, or waits in the kernel of a machine on which this process had to wait too,
 * and has not computed for as long as one that goes round in circles. */
bool starvation_is_now(pid_t pid);
