/* SPDX-License-Identifier: Zlib */
/* Settings that name an endpoint, in a line of a file: what the contract's rules say of their values.
 * Known to check_text.c and check_filter.c alone. */
#pragma once

#include <stddef.h>

struct check_text;
struct out_of_contract;

/* By this a file declares that its endpoint on localhost is a proof. */
#define CHECK_PROOF_VARIABLE "GF_BAZEL_ALLOW_LOCALHOST_PROOF"

/* The name of the setting with this index, or NULL behind the last. */
const char *check_setting_name(size_t index);

/* Judges every setting in LINE (BAZEL_REMOTE_CACHE=…, --remote_cache=…, "KEY: value"). A value that is
 * computed when the file is used says nothing here, but a placeholder where nothing expands it does. */
void check_setting_line(struct check_text *text, const char *line);

/* Adds a hit; COLUMN is counted from 0, in the piece that is being looked at. */
void check_text_hit(struct check_text *text, size_t column, const char *value,
		    const struct out_of_contract *row);
