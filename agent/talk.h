/* SPDX-License-Identifier: Zlib */
/* Lines on stderr for whoever waits: what takes longer than a moment says what it does. */
#pragma once

/* Prints "spinup: " and one line; what is formatted is cleaned (text_clean). A log that nobody reads
 * does not block: what does not fit is not said. */
void talk(const char *format, ...) __attribute__((format(printf, 1, 2)));
