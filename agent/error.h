/* SPDX-License-Identifier: Zlib */
/* Errors are about us (usage, files, the agent); findings are about the machine. */
#pragma once

/* The codes are the exit statuses that they lead to. */
enum error_code {
	ERROR_NONE = 0,
	ERROR_USAGE = 2, /* flags, contract or expectations are wrong */
	ERROR_AGENT = 3, /* the agent itself failed */
};

/* Owned by the caller, passed last, untouched on success. Zero-initialise it. */
struct error {
	enum error_code code;
	char message[1024];
};

/* ERROR_USAGE for the errno of a file that a person named; ERROR_AGENT where it tells of this process's limits
 * instead, whatever the file is. */
enum error_code error_code_for(int number);

/* Fills ERROR (NULL is allowed) and returns -1, so that `return error_set(…)` reads well. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts "context: " before the message and returns -1. */
int error_prefix(struct error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
