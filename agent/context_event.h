/* SPDX-License-Identifier: Zlib */
/* The event that started the job. */
#pragma once

#include <stdbool.h>

struct context;

/* Whether this is a pull request (GitLab: a merge request) whose head is another repository. Where the
 * event cannot be read, it counts as one: the safe side. */
bool context_is_fork_pull_request(const struct context *context);
