/* SPDX-License-Identifier: Zlib */
/* NVIDIA's driver in the kernel, its libraries here, and how its container toolkit brought both in
 * (nvidia-container-toolkit, internal/modifier). */
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
#include "agent/words.h"
#include "probes/gpu.h"

#define PROC "/proc/driver/nvidia"
#define GLX "libGLX_nvidia.so.0"
#define MAX_FILE_BYTES 16384u
#define MAX_VARIABLE_BYTES 256u

const char *gpu_injection_name(enum gpu_injection injection)
{
	static const char *const names[] = {
		[GPU_INJECTION_NONE] = "none",
		[GPU_INJECTION_LEGACY] = "legacy",
		[GPU_INJECTION_CDI] = "cdi",
	};

	return names[injection];
}

/* "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.124.06  Tue Feb …", or for the open modules
 * "… Open Kernel Module for x86_64  570.124.06  Release Build …". */
bool gpu_nvidia_version(const char *text, char ret[32])
{
	const char *tail = strstr(text, "Kernel Module");
	CLEANUP_FREE char *line = tail ? mem_strndup(tail, strcspn(tail, "\n")) : NULL;
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, line ? line : "", " \t");
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.items[i];
		size_t length = strlen(word);

		if (length < 32 && strchr(word, '.') && strspn(word, "0123456789.") == length) {
			(void)snprintf(ret, 32, "%s", word);
			return true;
		}
	}
	return false;
}

/* "Model: \t\t NVIDIA H100" of a GPU's information. */
static void read_model(struct gpu_nvidia *nvidia, const struct root *root, const char *bus)
{
	CLEANUP_FREE char *path = mem_format(PROC "/gpus/%s/information", bus);
	CLEANUP_STRBUF struct strbuf text = STRBUF_INIT(MAX_FILE_BYTES);
	CLEANUP_FREE char *line = NULL, *model = NULL;
	const char *at;

	if (root_read(root, path, &text) < 0 || !(at = strstr(text.data, "Model:")))
		return;
	at += strlen("Model:");
	at += strspn(at, " \t");
	line = mem_strndup(at, strcspn(at, "\n"));
	model = text_cleaned(line, sizeof(nvidia->model) - 1);
	(void)snprintf(nvidia->model, sizeof(nvidia->model), "%s", model);
}

static void collect_gpus(struct gpu_nvidia *nvidia, const struct root *root)
{
	CLEANUP_WORDS struct words buses = {0};

	(void)gpu_directory_list(root, PROC "/gpus", &buses);
	nvidia->gpu_count = (unsigned int)buses.count;
	if (buses.count > 0)
		read_model(nvidia, root, buses.items[0]);
}

/* The first two nodes are for configuring slices; each further one gives a slice's use. */
static bool has_slice(const struct context *context, const char *visible)
{
	CLEANUP_WORDS struct words names = {0};
	unsigned long number;

	if (visible && strstr(visible, "MIG-"))
		return true;
	(void)gpu_directory_list(&context->root, "/dev/nvidia-caps", &names);
	for (size_t i = 0; i < names.count; i++)
		if (text_starts_with(names.items[i], "nvidia-cap") &&
		    text_to_number(names.items[i] + strlen("nvidia-cap"), 3, 99999, &number))
			return true;
	return false;
}

static bool has_node(const struct gpu_nodes *nodes)
{
	for (size_t i = 0; i < nodes->count; i++)
		if (nodes->items[i].kind == GPU_NODE_NVIDIA ||
		    nodes->items[i].kind == GPU_NODE_NVIDIA_CONTROL)
			return true;
	return false;
}

/* In CDI's mode the toolkit says where its libraries are, and newer versions set the list of visible
 * devices to "void", so that no hook runs a second time. That the variable is set says little: CUDA's
 * images do it themselves. */
static enum gpu_injection injection_of(const struct context *context, bool has_nodes,
				       bool has_libraries)
{
	const char *visible = context_env(context, "NVIDIA_VISIBLE_DEVICES");

	if (context_env(context, "NVIDIA_CTK_LIBCUDA_DIR"))
		return GPU_INJECTION_CDI;
	if (!visible || !has_nodes || !has_libraries)
		return GPU_INJECTION_NONE;
	return strcmp(visible, "void") == 0 ? GPU_INJECTION_CDI : GPU_INJECTION_LEGACY;
}

static bool grants_graphics(const char *capabilities)
{
	CLEANUP_WORDS struct words words = {0};

	words_split(&words, capabilities ? capabilities : "", ", ");
	return words_contain(&words, "graphics") || words_contain(&words, "display") ||
	       words_contain(&words, "all");
}

/* Pools that mount the driver in one folder leave it to the image to search that. */
static void look_outside(struct gpu_nvidia *nvidia, const struct root *root)
{
	static const char *const paths[] = {
		"/usr/local/nvidia/lib64/" GLX,
		"/usr/local/nvidia/lib/" GLX,
	};
	struct stat status;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]) && !nvidia->outside; i++)
		if (root_stat(root, paths[i], &status) == 0)
			nvidia->outside = mem_strdup(paths[i]);
}

/* Returns whether any part of the driver is here. */
static bool collect_libraries(struct gpu_nvidia *nvidia, const struct context *context)
{
	struct gpu_library_paths paths;
	struct gpu_library management;
	bool has_any;

	gpu_library_paths_collect(&paths, context, GPU_USERLAND_IMAGE);
	gpu_library_find(&paths, GLX, &nvidia->glx);
	gpu_library_find(&paths, "libcuda.so.1", &nvidia->cuda);
	gpu_library_find(&paths, "libnvidia-ml.so.1", &management);
	has_any = nvidia->glx.state == GPU_LIBRARY_FOUND ||
		  nvidia->cuda.state == GPU_LIBRARY_FOUND || management.state == GPU_LIBRARY_FOUND;
	gpu_library_release(&management);
	if (nvidia->glx.state != GPU_LIBRARY_FOUND)
		look_outside(nvidia, &context->root);
	gpu_library_paths_release(&paths);
	return has_any;
}

void gpu_nvidia_collect(struct gpu_nvidia *ret, const struct context *context,
			const struct gpu_nodes *nodes)
{
	CLEANUP_STRBUF struct strbuf version = STRBUF_INIT(MAX_FILE_BYTES);
	const char *visible = context_env(context, "NVIDIA_VISIBLE_DEVICES");
	const char *capabilities = context_env(context, "NVIDIA_DRIVER_CAPABILITIES");

	*ret = (struct gpu_nvidia){
		.visible = text_cleaned(visible, MAX_VARIABLE_BYTES),
		.capabilities = text_cleaned(capabilities, MAX_VARIABLE_BYTES),
		.has_graphics = grants_graphics(capabilities),
		.is_mig = has_slice(context, visible),
	};
	if (root_read(&context->root, PROC "/version", &version) == 0)
		(void)gpu_nvidia_version(version.data, ret->kernel_version);
	collect_gpus(ret, &context->root);
	ret->injection = injection_of(context, has_node(nodes), collect_libraries(ret, context));
}

void gpu_nvidia_release(struct gpu_nvidia *nvidia)
{
	free(nvidia->visible);
	free(nvidia->capabilities);
	free(nvidia->outside);
	gpu_library_release(&nvidia->glx);
	gpu_library_release(&nvidia->cuda);
}
