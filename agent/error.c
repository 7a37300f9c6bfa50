/* SPDX-License-Identifier: Zlib */
/* Error values. */
#include "agent/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

enum error_code error_code_for(int number)
{
	return number == EMFILE || number == ENFILE || number == ENOMEM ? ERROR_AGENT : ERROR_USAGE;
}

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
	va_list args;

	if (!error)
		return -1;
	error->code = code;
	va_start(args, format);
	(void)vsnprintf(error->message, sizeof(error->message), format, args);
	va_end(args);
	return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
	struct error old;
	char context[512];
	va_list args;

	if (!error)
		return -1;
	old = *error;
	va_start(args, format);
	(void)vsnprintf(context, sizeof(context), format, args);
	va_end(args);
	return error_set(error, old.code, "%s: %s", context, old.message);
}
