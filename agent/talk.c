/* SPDX-License-Identifier: Zlib */
/* Lines on stderr for whoever waits. */
#include "agent/talk.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/text.h"

#define MAX_BYTES 2000u

void talk(const char *format, ...)
{
	struct pollfd log = {.fd = STDERR_FILENO, .events = POLLOUT};
	CLEANUP_FREE char *text = NULL;
	CLEANUP_FREE char *shown = NULL;
	va_list args;

	va_start(args, format);
	text = mem_vformat(format, args);
	va_end(args);
	shown = text_cleaned(text, MAX_BYTES);
	if (poll(&log, 1, 0) > 0)
		(void)fprintf(stderr, "spinup: %s\n", shown);
}
