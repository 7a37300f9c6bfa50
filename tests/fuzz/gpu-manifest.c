/* SPDX-License-Identifier: Zlib */
/* A Vulkan driver's manifest, whose library is looked for on a fake machine. */
#include <stdlib.h>
#include <string.h>

#include "agent/context.h"
#include "agent/error.h"
#include "agent/root.h"
#include "probes/gpu_loader.h"
#include "tests/fuzz/fuzz.h"

#define MACHINE "fixtures/gpu/nvidia-legacy-graphics/root"

static void expect_clean(const char *text)
{
	fuzz_expect(!text || !strpbrk(text, "\n\r\033"), "a text of a manifest is one plain line");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char *variables[] = {NULL};
	const struct context context = {.root = *fuzz_root(), .environment = variables};
	struct context machine = {.root = {.fd = -1}, .environment = variables};
	struct gpu_library_paths paths;
	struct gpu_manifest manifest;

	if (root_open_directory(&machine.root, MACHINE, NULL) < 0)
		abort();
	gpu_library_paths_collect(&paths, &machine, GPU_USERLAND_IMAGE);
	gpu_manifest_read(&manifest, fuzz_file(bytes, length), &context, &paths);
	fuzz_expect(gpu_manifest_state_name(manifest.state) != NULL, "its state has a name");
	fuzz_expect((manifest.state == GPU_MANIFEST_USABLE) == !manifest.problem,
		    "what is not usable says why");
	expect_clean(manifest.library);
	expect_clean(manifest.problem);
	gpu_manifest_release(&manifest);
	gpu_library_paths_release(&paths);
	root_close(&machine.root);
	return 0;
}
