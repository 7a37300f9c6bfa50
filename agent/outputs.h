/* SPDX-License-Identifier: Zlib */
/* What a step hands to its workflow. */
#pragma once

struct error;
struct result;
struct strbuf;

/* Appends all outputs as a block for GITHUB_OUTPUT; what is not known has an empty value. Returns 0,
 * or -1 with ERROR. */
int outputs_print(const struct result *result, struct strbuf *out, struct error *error);
