/* SPDX-License-Identifier: Zlib */
/* .setup_info in the runner's root, which the runner shows in the "Set up job" of every job
 * (actions/runner: docs/adrs/0354-runner-machine-info.md). */
#pragma once

#include <stdbool.h>

struct error;
struct result;
struct strbuf;

/* Puts the group "spinup" into the file, in the place of an earlier one of ours or behind the
 * others, which stay as they are. The file is in --runner-root, else in the directory of the command
 * if that is a runner's (it holds bin/Runner.Listener); else nothing is written. Returns 0, or -1
 * with ERROR: a file that is broken, or belongs to somebody else, is left alone. */
int setup_info_write(const struct result *result, struct error *error);

/* What the group says: a line for the outcome, two for each finding that is not ok. */
void setup_info_detail(const struct result *result, struct strbuf *out);

/* Appends TEXT (the file's content, "" for none) with our group's DETAIL to OUT, as JSON. Returns 0,
 * or -1 with ERROR when TEXT is no list of groups. */
int setup_info_merge(const char *text, const char *detail, struct strbuf *out, struct error *error);
