/* SPDX-License-Identifier: Zlib */
/* Where a dynamic loader finds a shared library: LD_LIBRARY_PATH, glibc's cache, its own
 * directories (ld.so(8)); and whether what lies there is one for this machine. */
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/gpu_loader.h"

#define CACHE_MAX_BYTES (8u << 20)
#define CACHE_MAX_FILES 100000u

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#define MULTIARCH "x86_64-linux-gnu"
#else
#define OWN_MACHINE EM_AARCH64
#define MULTIARCH "aarch64-linux-gnu"
#endif

/* Debian's and Fedora's, both with and without a merged /usr; and musl's. */
static const char *const fixed_directories[] = {
	"/lib/" MULTIARCH, "/usr/lib/" MULTIARCH, "/lib64", "/usr/lib64", "/lib", "/usr/lib",
};

/* ---- glibc's cache (elf/cache.c, sysdeps/generic/dl-cache.h), in this machine's byte order */

struct cache_header {
	char magic[20]; /* "glibc-ld.so.cache" "1.1" */
	uint32_t count, string_bytes;
	uint8_t flags, padding[3];
	uint32_t extension, unused[3];
};

struct cache_entry {
	int32_t flags;
	uint32_t name, path; /* offsets from the header */
	uint32_t os_version;
	uint64_t hardware;
};

#define CACHE_MAGIC "glibc-ld.so.cache1.1"

void gpu_library_cache_read(const char *bytes, size_t length, struct words *ret)
{
	/* An older table may stand before it. */
	const char *start = memmem(bytes, length, CACHE_MAGIC, strlen(CACHE_MAGIC));
	struct cache_header header;
	size_t left, room, sum = 0;

	if (!start)
		return;
	left = length - (size_t)(start - bytes);
	if (left < sizeof(header))
		return;
	memcpy(&header, start, sizeof(header));
	room = (left - sizeof(header)) / sizeof(struct cache_entry);
	for (size_t i = 0; i < header.count && i < room && i < CACHE_MAX_FILES; i++) {
		struct cache_entry entry;

		memcpy(&entry, start + sizeof(header) + i * sizeof(entry), sizeof(entry));
		if (entry.path >= left || start[entry.path] != '/' ||
		    !memchr(start + entry.path, '\0', left - entry.path))
			continue;
		sum += strlen(start + entry.path);
		if (sum > CACHE_MAX_BYTES) /* thousands of entries that name one long text */
			return;
		words_add(ret, start + entry.path);
	}
}

/* ---- the places */

void gpu_library_paths_collect(struct gpu_library_paths *ret, const struct context *context,
			       enum gpu_userland userland)
{
	CLEANUP_STRBUF struct strbuf cache = STRBUF_INIT(CACHE_MAX_BYTES);
	const char *asked = context_env(context, "LD_LIBRARY_PATH");

	*ret = (struct gpu_library_paths){.root = &context->root};
	words_split(&ret->asked, asked ? asked : "", ":;");
	if (userland == GPU_USERLAND_NIX) /* its glibc knows neither /usr nor that cache */
		return;
	if (root_read(&context->root, "/etc/ld.so.cache", &cache) == 0)
		gpu_library_cache_read(cache.data, cache.length, &ret->cached);
	else
		words_add(&ret->fixed, "/usr/local/lib"); /* of musl's own */
	for (size_t i = 0; i < sizeof(fixed_directories) / sizeof(fixed_directories[0]); i++)
		words_add(&ret->fixed, fixed_directories[i]);
}

void gpu_library_paths_release(struct gpu_library_paths *paths)
{
	words_release(&paths->asked);
	words_release(&paths->cached);
	words_release(&paths->fixed);
}

/* ---- one library */

static enum gpu_library_state state_of(const struct root *root, const char *path)
{
	CLEANUP_CLOSE int fd = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	struct stat status;
	Elf64_Ehdr header;

	if (fd < 0)
		return root_stat(root, path, &status) < 0 ? GPU_LIBRARY_MISSING
							  : GPU_LIBRARY_UNREADABLE;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return GPU_LIBRARY_UNREADABLE;
	if (pread(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_machine != OWN_MACHINE)
		return GPU_LIBRARY_FOREIGN;
	return GPU_LIBRARY_FOUND;
}

/* "libGLX_nvidia.so.0" leads to "libGLX_nvidia.so.570.124.06". */
static void read_version(struct gpu_library *library, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf target = STRBUF_INIT(PATH_MAX);
	const char *version;

	if (root_resolve(root, library->path, &target) < 0)
		return;
	version = strstr(strrchr(target.data, '/'), ".so.");
	if (!version)
		return;
	version += strlen(".so.");
	if (strchr(version, '.') && strspn(version, "0123456789.") == strlen(version))
		(void)snprintf(library->version, sizeof(library->version), "%s", version);
}

/* Takes the file at PATH if it is better than what was found before. */
static void try_path(struct gpu_library *library, const struct root *root, const char *path)
{
	enum gpu_library_state state =
		library->state == GPU_LIBRARY_FOUND ? GPU_LIBRARY_MISSING : state_of(root, path);

	if (state <= library->state)
		return;
	free(library->path);
	library->path = mem_strdup(path);
	library->state = state;
}

static void try_directories(struct gpu_library *library, const struct gpu_library_paths *paths,
			    const struct words *directories, const char *name)
{
	for (size_t i = 0; i < directories->count && library->state != GPU_LIBRARY_FOUND; i++) {
		CLEANUP_FREE char *path = mem_format("%s/%s", directories->items[i], name);

		try_path(library, paths->root, path);
	}
}

void gpu_library_find(const struct gpu_library_paths *paths, const char *name,
		      struct gpu_library *ret)
{
	*ret = (struct gpu_library){0};
	if (strchr(name, '/')) {
		try_path(ret, paths->root, name);
	} else {
		CLEANUP_FREE char *end = mem_format("/%s", name);

		try_directories(ret, paths, &paths->asked, name);
		for (size_t i = 0; i < paths->cached.count; i++)
			if (text_ends_with(paths->cached.items[i], end))
				try_path(ret, paths->root, paths->cached.items[i]);
		try_directories(ret, paths, &paths->fixed, name);
	}
	if (ret->state == GPU_LIBRARY_FOUND)
		read_version(ret, paths->root);
}

void gpu_library_release(struct gpu_library *library)
{
	free(library->path);
	*library = (struct gpu_library){0};
}
