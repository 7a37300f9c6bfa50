/* SPDX-License-Identifier: Zlib */
/* What the Vulkan helper is started with: its program in memory, the file that it speaks to, and the
 * environment that loaders and drivers read. */
#pragma once

#include "agent/words.h"

/* The helper in a sealed memory file, or -1 with errno. */
int vulkan_program_open(void);

/* A memory file of a fixed size for the helper's frames, or -1 with errno: nothing waits for a reader,
 * what was said before a crash is there, and a library that writes to all descriptors does not get
 * beyond its end. */
int vulkan_channel_open(void);

/* NAME=value words, with a NULL behind the last: those of ENVIRONMENT that a Vulkan loader or driver
 * reads, and our own. LIBRARY_PATH, unless NULL, replaces LD_LIBRARY_PATH. */
void vulkan_environment(char *const *environment, const char *library_path, struct words *ret);
