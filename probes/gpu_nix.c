/* SPDX-License-Identifier: Zlib */
/* The Vulkan loader of the job's Nix profile or shell, and the dynamic loader that it is linked to:
 * a program of nixpkgs runs with these, and with none of the image's. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/nix_profile.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "agent/words.h"
#include "probes/gpu.h"

#define STORE "/nix/store/"
#define LIBRARY "libvulkan.so.1"
#define LIBRARY_MAX_BYTES (16u << 20)
#define STORE_NAME_BYTES                                                                           \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._?=" /* of store paths */

#if defined(__x86_64__)
#define MACHINE "x86_64"
#define GLIBC_LOADER "ld-linux-x86-64.so.2"
#else
#define MACHINE "aarch64"
#define GLIBC_LOADER "ld-linux-aarch64.so.1"
#endif

static const char *const loaders[] = {"/lib/" GLIBC_LOADER, "/lib/ld-musl-" MACHINE ".so.1"};

/* Takes DIRECTORY's Vulkan loader where it leads into the store. */
static void try_directory(struct gpu_nix *nix, const struct root *root, const char *directory)
{
	CLEANUP_FREE char *path = mem_format("%s/" LIBRARY, directory);
	CLEANUP_STRBUF struct strbuf target = STRBUF_INIT(PATH_MAX);

	if (!nix->library && directory[0] == '/' && root_resolve(root, path, &target) == 0 &&
	    text_starts_with(target.data, STORE))
		nix->library = strbuf_take(&target);
}

/* What a shell of `nix develop` sets comes first, then the profiles, the user's own before all
 * users'. */
static void find_library(struct gpu_nix *nix, const struct context *context)
{
	const char *asked = context_env(context, "LD_LIBRARY_PATH");
	const char *home = context->nix_home ? context->nix_home : "";
	CLEANUP_FREE char *own = mem_format("%s/.nix-profile/lib", home);
	CLEANUP_FREE char *newer = mem_format("%s/.local/state/nix/profile/lib", home);
	const char *const profiles[] = {
		own,
		newer,
		NIX_PROFILE_DEFAULT "/lib",
		"/run/current-system/sw/lib",
	};
	CLEANUP_WORDS struct words directories = {0};

	words_split(&directories, asked ? asked : "", ":;");
	for (size_t i = 0; i < directories.count; i++)
		try_directory(nix, &context->root, directories.items[i]);
	for (size_t i = 0; i < sizeof(profiles) / sizeof(profiles[0]); i++)
		try_directory(nix, &context->root, profiles[i]);
}

/* Takes the dynamic loader of the store path at PATH ("/nix/store/…-glibc-2.40-66/lib:…"). */
static void try_store_path(struct gpu_nix *nix, const struct root *root, const char *path)
{
	size_t length = strlen(STORE) + strspn(path + strlen(STORE), STORE_NAME_BYTES);
	struct stat status;

	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]) && !nix->interpreter; i++) {
		CLEANUP_FREE char *loader = mem_format("%.*s%s", (int)length, path, loaders[i]);

		if (root_stat(root, loader, &status) == 0 && S_ISREG(status.st_mode))
			nix->interpreter = TAKE(loader);
	}
}

/* Which store paths a file needs is told as Nix itself tells it: their names stand in it. */
static void find_interpreter(struct gpu_nix *nix, const struct root *root)
{
	CLEANUP_STRBUF struct strbuf bytes = STRBUF_INIT(LIBRARY_MAX_BYTES);
	const char *at, *end;

	if (!nix->library || root_read(root, nix->library, &bytes) < 0)
		return;
	at = bytes.data;
	end = at + bytes.length;
	while (!nix->interpreter && (at = memmem(at, (size_t)(end - at), STORE, strlen(STORE)))) {
		try_store_path(nix, root, at);
		at += strlen(STORE);
	}
}

void gpu_nix_collect(struct gpu_nix *ret, const struct context *context)
{
	struct stat status;

	*ret = (struct gpu_nix){
		.has_store = root_stat(&context->root, "/nix/store", &status) == 0,
	};
	if (!ret->has_store)
		return;
	find_library(ret, context);
	find_interpreter(ret, &context->root);
}

void gpu_nix_release(struct gpu_nix *nix)
{
	free(nix->library);
	free(nix->interpreter);
}
