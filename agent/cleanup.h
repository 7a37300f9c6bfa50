/* SPDX-License-Identifier: Zlib */
/* Scope-bound release of locals: memory and descriptors leave a function only through TAKE. */
#pragma once

#include <dirent.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_free_impl(void *pointer)
{
	void **slot = pointer;

	free(*slot);
}

static inline void cleanup_close_impl(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_dir_impl(DIR **directory)
{
	if (*directory)
		(void)closedir(*directory);
}

/* Runs FUNCTION(&variable) when the variable's scope ends. */
#define CLEANUP(function) __attribute__((cleanup(function)))
#define CLEANUP_FREE CLEANUP(cleanup_free_impl)
#define CLEANUP_CLOSE CLEANUP(cleanup_close_impl)
#define CLEANUP_DIR CLEANUP(cleanup_dir_impl)

/* Hands a pointer or a descriptor out of its scope and disarms the cleanup. */
#define TAKE(pointer)                                                                              \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})
#define TAKE_FD(fd)                                                                                \
	({                                                                                         \
		int taken_ = (fd);                                                                 \
		(fd) = -1;                                                                         \
		taken_;                                                                            \
	})
