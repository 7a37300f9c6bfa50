/* SPDX-License-Identifier: Zlib */
/* The table of options: one row a flag or variable. */
#pragma once

#include <stddef.h>

enum option_type {
	OPTION_STRING,
	OPTION_SWITCH,
	OPTION_TRUE, /* a variable of others: only "true" counts, anything else is ignored */
	OPTION_NAMES,
	OPTION_SECONDS,
	OPTION_MODE,
	OPTION_FORMAT,
};

struct option_row {
	const char *flag;     /* NULL: a variable only */
	const char *argument; /* how the help names it; NULL for a switch */
	const char *variable; /* NULL: a flag only */
	const char *help;     /* NULL: hidden */
	unsigned int commands;
	enum option_type type;
	size_t offset;
	size_t source_offset; /* 0: the source is not kept */
};

/* In the order of the help. */
extern const struct option_row option_rows[];

#define OPTION_ROWS_MAX 64u

/* How many there are. */
size_t option_row_count(void);
