/* SPDX-License-Identifier: Zlib */
/* The keys that a file of expectations may hold. */
#pragma once

struct context;
struct error;
struct expectations;
struct json;

/* Reads DOCUMENT into EXPECT, whose source names the file in messages. Returns 0, or -1 with ERROR
 * (ERROR_USAGE: file and JSON pointer); expect_release is owed in both cases. */
int expect_read_document(struct expectations *expect, const struct context *context,
			 const struct json *document, struct error *error);
