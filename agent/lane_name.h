/* SPDX-License-Identifier: Zlib */
/* Names that ARC and Kubernetes generate for runners and pods, read backwards to their scale set. */
#pragma once

#include <stdbool.h>

/* Whether NAME (of a runner, a pod or a host) was generated for the scale set LABEL, in any of the
 * three generations of the grammar:
 *   S-xxxxx-runner-yyyyy   chart 0.14.2 and older
 *   S-xxxxx-runneryyyyy    the same, where S has 45 characters and the base was cut to 58
 *   S-runner-yyyyy         later charts
 * and, for the job pods of the container hooks, any of them cut to 54 characters plus "-workflow". */
bool lane_name_fits(const char *name, const char *label);

/* The scale set that NAME was generated for, by that grammar alone, or NULL; the caller frees.
 * *RET_IS_AMBIGUOUS says that the rest still ends like a random part: the name has two readings. */
char *lane_name_infer(const char *name, bool *ret_is_ambiguous);
