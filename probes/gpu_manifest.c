/* SPDX-License-Identifier: Zlib */
/* One driver's manifest: read, and judged as a Vulkan loader would (Vulkan-Loader, loader.c,
 * loader_parse_icd_manifest). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cleanup.h"
#include "agent/context.h"
#include "agent/error.h"
#include "agent/json.h"
#include "agent/mem.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/gpu_loader.h"

#define MAX_FILE_BYTES 65536u
#define MAX_TEXT_BYTES 256u

const char *gpu_manifest_state_name(enum gpu_manifest_state state)
{
	static const char *const names[] = {
		[GPU_MANIFEST_USABLE] = "usable",
		[GPU_MANIFEST_LIBRARY_MISSING] = "library missing",
		[GPU_MANIFEST_LIBRARY_UNREADABLE] = "library unreadable",
		[GPU_MANIFEST_LIBRARY_FOREIGN] = "library foreign",
		[GPU_MANIFEST_UNREADABLE] = "unreadable",
		[GPU_MANIFEST_BROKEN] = "broken",
		[GPU_MANIFEST_OTHER_WIDTH] = "for 32 bits",
		[GPU_MANIFEST_PORTABILITY] = "portability",
		[GPU_MANIFEST_FILTERED] = "filtered",
	};

	return names[state];
}

static void set_state(struct gpu_manifest *manifest, enum gpu_manifest_state state,
		      const char *problem)
{
	manifest->state = state;
	free(manifest->problem);
	manifest->problem = text_cleaned(problem, MAX_TEXT_BYTES);
}

/* ---- filters: VK_LOADER_DRIVERS_SELECT, VK_LOADER_DRIVERS_DISABLE */

static bool matches_any(const char *name, const char *globs)
{
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, globs ? globs : "", ",");
	for (size_t i = 0; i < words.count; i++)
		if (strcmp(words.items[i], "~all~") == 0 ||
		    text_matches_wildcard(name, words.items[i]))
			return true;
	return false;
}

static const char *filter_of(const struct context *context, const char *path)
{
	static const char select[] = "VK_LOADER_DRIVERS_SELECT";
	static const char disable[] = "VK_LOADER_DRIVERS_DISABLE";
	const char *selected = context_env(context, select);
	const char *name = strrchr(path, '/') + 1;

	if (selected)
		return matches_any(name, selected) ? NULL : select;
	return matches_any(name, context_env(context, disable)) ? disable : NULL;
}

/* ---- the driver's library */

static enum gpu_driver_kind kind_of(const char *library)
{
	static const struct {
		const char *part;
		enum gpu_driver_kind kind;
	} parts[] = {
		{"nvidia", GPU_DRIVER_NVIDIA},
		{"libvulkan_lvp", GPU_DRIVER_SOFTWARE},
		{"swiftshader", GPU_DRIVER_SOFTWARE},
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strstr(library, parts[i].part))
			return parts[i].kind;
	return GPU_DRIVER_MESA;
}

/* A bare name is the dynamic loader's to find; a path that is not absolute begins at the manifest. */
static void find_library(struct gpu_manifest *manifest, const struct gpu_library_paths *paths,
			 const char *library)
{
	static const struct {
		enum gpu_manifest_state state;
		const char *problem;
	} states[] = {
		[GPU_LIBRARY_MISSING] = {GPU_MANIFEST_LIBRARY_MISSING, "is not there"},
		[GPU_LIBRARY_UNREADABLE] = {GPU_MANIFEST_LIBRARY_UNREADABLE, "cannot be read"},
		[GPU_LIBRARY_FOREIGN] = {GPU_MANIFEST_LIBRARY_FOREIGN,
					 "is no library for this machine's architecture"},
		[GPU_LIBRARY_FOUND] = {GPU_MANIFEST_USABLE, NULL},
	};
	int directory = (int)(strrchr(manifest->path, '/') - manifest->path);
	CLEANUP_FREE char *path =
		strchr(library, '/') && library[0] != '/'
			? mem_format("%.*s/%s", directory, manifest->path, library)
			: mem_strdup(library);
	CLEANUP_FREE char *problem = NULL;

	gpu_library_find(paths, path, &manifest->found);
	if (states[manifest->found.state].problem)
		problem = mem_format("%s %s", manifest->found.path ? manifest->found.path : path,
				     states[manifest->found.state].problem);
	set_state(manifest, states[manifest->found.state].state, problem);
}

/* ---- the document */

static void judge_document(struct gpu_manifest *manifest, const struct json *document,
			   const struct gpu_library_paths *paths)
{
	const struct json *icd = json_member(document, "ICD");
	const char *library = json_string(json_member(icd, "library_path"));
	const char *width = json_string(json_member(icd, "library_arch"));

	if (library)
		manifest->library = text_cleaned(library, MAX_TEXT_BYTES);
	if (!json_is_object(icd))
		set_state(manifest, GPU_MANIFEST_BROKEN, "it has no object ICD");
	else if (!library || !*library)
		set_state(manifest, GPU_MANIFEST_BROKEN, "ICD.library_path is missing");
	else if (!json_string(json_member(icd, "api_version")))
		set_state(manifest, GPU_MANIFEST_BROKEN, "ICD.api_version is missing");
	else if (width && strcmp(width, "32") == 0)
		set_state(manifest, GPU_MANIFEST_OTHER_WIDTH, "it is for 32-bit programs");
	else if (json_boolean(json_member(icd, "is_portability_driver")) == 1)
		set_state(manifest, GPU_MANIFEST_PORTABILITY,
			  "programs must ask for portability drivers");
	else
		find_library(manifest, paths, library);
	if (library)
		manifest->driver = kind_of(library);
}

static void read_document(struct gpu_manifest *manifest, const struct root *root,
			  const struct gpu_library_paths *paths)
{
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	CLEANUP_JSON struct json *document = NULL;
	struct error error = {0};

	if (root_read(root, manifest->path, &text) < 0) {
		set_state(manifest, errno == EFBIG ? GPU_MANIFEST_BROKEN : GPU_MANIFEST_UNREADABLE,
			  strerror(errno));
		return;
	}
	if (json_parse(text.data, text.length, "json", &document, &error) < 0) {
		set_state(manifest, GPU_MANIFEST_BROKEN, error.message);
		return;
	}
	judge_document(manifest, document, paths);
}

void gpu_manifest_read(struct gpu_manifest *ret, const char *path, const struct context *context,
		       const struct gpu_library_paths *paths)
{
	const char *filter = filter_of(context, path);

	*ret = (struct gpu_manifest){.path = mem_strdup(path)};
	read_document(ret, &context->root, paths);
	if (filter && ret->state != GPU_MANIFEST_OTHER_WIDTH)
		set_state(ret, GPU_MANIFEST_FILTERED, filter);
}

void gpu_manifest_release(struct gpu_manifest *manifest)
{
	free(manifest->path);
	free(manifest->library);
	free(manifest->problem);
	gpu_library_release(&manifest->found);
}
