/* SPDX-License-Identifier: Zlib */
/* What a person can do about an errno of a file or directory of ours. */
#pragma once

/* A short sentence for the end of a message, never NULL. NUMBER is what opening, making or writing failed
 * with. */
const char *file_cure(int number);
