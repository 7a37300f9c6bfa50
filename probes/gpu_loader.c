/* SPDX-License-Identifier: Zlib */
/* The Vulkan loader's search for drivers (loader.c, read_data_files_in_search_paths). */
#include "probes/gpu_loader.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/text.h"

#define BELOW "/vulkan/icd.d"

const char *gpu_userland_name(enum gpu_userland userland)
{
	static const char *const names[] = {
		[GPU_USERLAND_IMAGE] = "image",
		[GPU_USERLAND_NIX] = "nix",
	};

	return names[userland];
}

/* Where the loader was built to find the machine's own: nixpkgs sets SYSCONFDIR, and one that is set
 * is all there is. */
static const char *const own_places[] = {
	[GPU_USERLAND_IMAGE] = "/etc",
	[GPU_USERLAND_NIX] = "/run/opengl-driver/share",
};

/* ---- places */

static void add_below(struct words *places, const char *directory)
{
	size_t length = strlen(directory);
	CLEANUP_FREE char *place = NULL;

	while (length > 1 && directory[length - 1] == '/')
		length--;
	place = mem_format("%.*s" BELOW, (int)length, directory);
	if (directory[0] == '/' && !words_contain(places, place))
		words_add(places, place);
}

/* The XDG variables: one directory of the user's own (below HOME where it is not set), then a list. */
static void add_own(struct words *places, const struct context *context, const char *variable,
		    const char *below_home)
{
	const char *value = context_env(context, variable);
	const char *home = context_env(context, "HOME");
	CLEANUP_FREE char *own = home ? mem_format("%s/%s", home, below_home) : NULL;

	if (value)
		add_below(places, value);
	else if (own)
		add_below(places, own);
}

static void add_list(struct words *places, const struct context *context, const char *variable,
		     const char *otherwise)
{
	const char *value = context_env(context, variable);
	CLEANUP_WORDS struct words directories = {0};

	words_split(&directories, value ? value : otherwise, ":");
	for (size_t i = 0; i < directories.count; i++)
		add_below(places, directories.items[i]);
}

static void add_standard(struct words *places, const struct context *context,
			 enum gpu_userland userland)
{
	add_own(places, context, "XDG_CONFIG_HOME", ".config");
	add_list(places, context, "XDG_CONFIG_DIRS", "/etc/xdg");
	add_below(places, own_places[userland]);
	add_own(places, context, "XDG_DATA_HOME", ".local/share");
	add_list(places, context, "XDG_DATA_DIRS", "/usr/local/share:/usr/share");
}

static void choose_places(struct gpu_search *search, const struct context *context,
			  enum gpu_userland userland)
{
	static const char *const replacing[] = {"VK_DRIVER_FILES", "VK_ICD_FILENAMES"};
	const char *added = context_env(context, "VK_ADD_DRIVER_FILES");

	for (size_t i = 0; i < sizeof(replacing) / sizeof(replacing[0]); i++) {
		const char *value = context_env(context, replacing[i]);

		if (!value)
			continue;
		search->replaced_by = replacing[i];
		words_split(&search->places, value, ":");
		return;
	}
	words_split(&search->places, added ? added : "", ":");
	add_standard(&search->places, context, userland);
}

/* ---- what lies there */

struct searcher {
	struct gpu_search *search;
	const struct context *context;
	struct gpu_library_paths libraries;
};

static void add_manifest(struct searcher *searcher, const char *path)
{
	struct gpu_search *search = searcher->search;

	if (search->count == GPU_MAX_MANIFESTS) {
		search->is_cut = true;
		return;
	}
	/* Doubled each time: there may be thousands. */
	if ((search->count & (search->count - 1)) == 0)
		search->manifests =
			mem_grow(search->manifests, search->count ? search->count * 2 : 1,
				 sizeof(*search->manifests));
	gpu_manifest_read(&search->manifests[search->count++], path, searcher->context,
			  &searcher->libraries);
}

/* A variable may name a file as well as a folder. */
static void look_into(struct searcher *searcher, const char *place)
{
	const struct root *root = &searcher->context->root;
	CLEANUP_WORDS struct words names = {0};
	struct stat status;

	if (place[0] != '/' || root_stat(root, place, &status) < 0)
		return;
	if (!S_ISDIR(status.st_mode)) {
		add_manifest(searcher, place);
		return;
	}
	searcher->search->is_cut |= gpu_directory_list(root, place, &names);
	for (size_t i = 0; i < names.count; i++) {
		CLEANUP_FREE char *path = mem_format("%s/%s", place, names.items[i]);

		if (text_ends_with(path, ".json"))
			add_manifest(searcher, path);
	}
}

/* Where drivers' packages and GPU pools put manifests, whether or not this search leads there. */
static void look_outside(struct gpu_search *search, const struct root *root)
{
	static const char *const places[] = {
		"/usr/local/nvidia/share" BELOW,
		"/usr/local/nvidia" BELOW,
		"/etc" BELOW,
		"/usr/share" BELOW,
	};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !search->outside; i++) {
		CLEANUP_WORDS struct words names = {0};

		if (words_contain(&search->places, places[i]))
			continue;
		(void)gpu_directory_list(root, places[i], &names);
		for (size_t n = 0; n < names.count && !search->outside; n++)
			if (text_ends_with(names.items[n], ".json"))
				search->outside = mem_format("%s/%s", places[i], names.items[n]);
	}
}

void gpu_search_collect(struct gpu_search *ret, const struct context *context,
			enum gpu_userland userland)
{
	struct searcher searcher = {.search = ret, .context = context};

	*ret = (struct gpu_search){0};
	gpu_library_paths_collect(&searcher.libraries, context, userland);
	choose_places(ret, context, userland);
	for (size_t i = 0; i < ret->places.count; i++)
		look_into(&searcher, ret->places.items[i]);
	look_outside(ret, &context->root);
	gpu_library_paths_release(&searcher.libraries);
}

void gpu_search_release(struct gpu_search *search)
{
	words_release(&search->places);
	for (size_t i = 0; i < search->count; i++)
		gpu_manifest_release(&search->manifests[i]);
	free(search->manifests);
	free(search->outside);
}

size_t gpu_search_count(const struct gpu_search *search, enum gpu_manifest_state state)
{
	size_t count = 0;

	for (size_t i = 0; i < search->count; i++)
		count += search->manifests[i].state == state;
	return count;
}

const struct gpu_manifest *gpu_search_usable(const struct gpu_search *search,
					     enum gpu_driver_kind kind)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->manifests[i].state == GPU_MANIFEST_USABLE &&
		    search->manifests[i].driver == kind)
			return &search->manifests[i];
	return NULL;
}
