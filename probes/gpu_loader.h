/* SPDX-License-Identifier: Zlib */
/* Where a Vulkan loader looks for drivers, and what it finds there (Vulkan-Loader,
 * docs/LoaderDriverInterface.md). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "agent/words.h"

struct context;
struct root;

#define GPU_MAX_MANIFESTS 10000u

enum gpu_userland {
	GPU_USERLAND_IMAGE,
	GPU_USERLAND_NIX, /* nixpkgs' loader reads /run/opengl-driver, and never /etc */
	GPU_USERLAND_COUNT
};

/* "image", "nix". */
const char *gpu_userland_name(enum gpu_userland userland);

/* The names in a directory, sorted, at most GPU_MAX_NAMES; none where it cannot be read. Returns
 * whether there were more. */
#define GPU_MAX_NAMES 20000u
bool gpu_directory_list(const struct root *root, const char *path, struct words *ret);

/* ---- a shared library, as a dynamic loader finds it */

enum gpu_library_state {
	GPU_LIBRARY_MISSING,
	GPU_LIBRARY_UNREADABLE,
	GPU_LIBRARY_FOREIGN, /* for another architecture, or no ELF file at all */
	GPU_LIBRARY_FOUND,
};

struct gpu_library {
	enum gpu_library_state state;
	char *path; /* where it, or the best that there was, lies; NULL: nowhere */
	char version
		[32]; /* behind ".so." of the file that it leads to; "" when that is no version */
};

/* Where a userland's dynamic loader looks, in this order. */
struct gpu_library_paths {
	const struct root *root;
	struct words asked;  /* directories of LD_LIBRARY_PATH */
	struct words cached; /* files that glibc's cache names */
	struct words fixed;  /* directories that are built in */
};

void gpu_library_paths_collect(struct gpu_library_paths *ret, const struct context *context,
			       enum gpu_userland userland);
void gpu_library_paths_release(struct gpu_library_paths *paths);

/* NAME is a path when it has a slash. RET is owed a gpu_library_release. */
void gpu_library_find(const struct gpu_library_paths *paths, const char *name,
		      struct gpu_library *ret);
void gpu_library_release(struct gpu_library *library);

/* The paths of files in a glibc cache (version 1.1) of LENGTH bytes, in its order; what breaks its
 * rules is left out. Pure. */
void gpu_library_cache_read(const char *bytes, size_t length, struct words *ret);

/* ---- manifests */

enum gpu_manifest_state {
	GPU_MANIFEST_USABLE,
	GPU_MANIFEST_LIBRARY_MISSING,
	GPU_MANIFEST_LIBRARY_UNREADABLE,
	GPU_MANIFEST_LIBRARY_FOREIGN,
	GPU_MANIFEST_UNREADABLE,
	GPU_MANIFEST_BROKEN,      /* no JSON, or a member is missing */
	GPU_MANIFEST_OTHER_WIDTH, /* for 32-bit programs: passed over, as meant */
	GPU_MANIFEST_PORTABILITY, /* passed over unless a program asks for it */
	GPU_MANIFEST_FILTERED,    /* by VK_LOADER_DRIVERS_SELECT or _DISABLE */
	GPU_MANIFEST_STATE_COUNT
};

enum gpu_driver_kind {
	GPU_DRIVER_UNKNOWN,
	GPU_DRIVER_NVIDIA,
	GPU_DRIVER_MESA, /* and all others that a GPU stands behind */
	GPU_DRIVER_SOFTWARE,
};

struct gpu_manifest {
	char *path;
	char *library; /* as the manifest writes it, cleaned; or NULL */
	char *problem; /* in words, where state is not usable; or NULL */
	enum gpu_manifest_state state;
	enum gpu_driver_kind driver;
	struct gpu_library found;
};

/* Reads and judges the manifest at PATH. */
void gpu_manifest_read(struct gpu_manifest *ret, const char *path, const struct context *context,
		       const struct gpu_library_paths *paths);
void gpu_manifest_release(struct gpu_manifest *manifest);

/* "usable", "library missing", … */
const char *gpu_manifest_state_name(enum gpu_manifest_state state);

/* ---- the search */

struct gpu_search {
	struct words places;     /* directories and files that were looked into, in order */
	const char *replaced_by; /* a variable that replaces all places; NULL: none */
	struct gpu_manifest *manifests;
	size_t count;
	bool is_cut;   /* there were more than GPU_MAX_MANIFESTS */
	char *outside; /* a manifest where this search does not lead; or NULL */
};

/* Looks where USERLAND's loader would for this job. Reads only. */
void gpu_search_collect(struct gpu_search *ret, const struct context *context,
			enum gpu_userland userland);
void gpu_search_release(struct gpu_search *search);

/* How many are in STATE. */
size_t gpu_search_count(const struct gpu_search *search, enum gpu_manifest_state state);

/* The first usable one of KIND, or NULL. */
const struct gpu_manifest *gpu_search_usable(const struct gpu_search *search,
					     enum gpu_driver_kind kind);
