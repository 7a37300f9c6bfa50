/* SPDX-License-Identifier: Zlib */
/* What the Vulkan helper is started with. */
#include "probes/vulkan_program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cleanup.h"
#include "agent/mem.h"
#include "agent/record_format.h"
#include "agent/root.h"
#include "agent/strbuf.h"
#include "agent/text.h"
#include "probes/vulkan_helper.h"
#include "probes/vulkan_run.h"

#define HELPER_NAME "spinup-vulkan"
#define MAX_SEGMENTS 64u

/* Linux 6.3 and later; the headers of the machine that builds may be older. */
#define FLAG_NOEXEC_SEAL 0x8u
#define FLAG_EXEC 0x10u

#define SIZE_SEALS (F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)

/* Where the kernel forbids memory files that are run (vm.memfd_noexec=2), a dynamic loader can still
 * map one. */
static int create(const char *name)
{
	int file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | FLAG_EXEC);

	if (file < 0 && errno == EINVAL) /* before 6.3 every memory file could be run */
		file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0)
		file = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | FLAG_NOEXEC_SEAL);
	return file;
}

int vulkan_program_open(void)
{
	CLEANUP_CLOSE int file = create(HELPER_NAME);
	size_t done = 0;

	if (file < 0)
		return -1;
	while (done < vulkan_helper_length) {
		ssize_t written = write(file, vulkan_helper + done, vulkan_helper_length - done);

		if (written <= 0)
			return -1;
		done += (size_t)written;
	}
	(void)fcntl(file, F_ADD_SEALS, F_SEAL_WRITE | SIZE_SEALS);
	return TAKE_FD(file);
}

int vulkan_channel_open(void)
{
	CLEANUP_CLOSE int file = create("spinup-frames");

	if (file < 0 || ftruncate(file, RECORD_MAX_BYTES) < 0 ||
	    fcntl(file, F_ADD_SEALS, SIZE_SEALS) < 0)
		return -1;
	return TAKE_FD(file);
}

/* ---- the environment */

/* Whole names, and beginnings that end in '_'. The rest is none of a driver's business: it holds the
 * job's tokens. */
/* clang-format off */
static const char *const passed[] = {
	"PATH", "HOME", "USER", "LANG", "LD_LIBRARY_PATH", "DISPLAY", "WAYLAND_DISPLAY",
	"CUDA_VISIBLE_DEVICES", "AMD_", "ANV_", "DRI_", "EGL_", "ENABLE_", "DISABLE_", "GALLIUM_",
	"GBM_", "INTEL_", "LIBGL_", "LP_", "MESA_", "NIXGL_", "NVIDIA_", "NVK_", "RADV_", "VK_",
	"XDG_", "__EGL_", "__GLX_", "__GL_", "__NV_",
};
/* clang-format on */

/* Ours: what a loader found wrong is told, no layers stand between (they are not what is proven, and
 * some reorder the devices), nothing is kept on disk, and lavapipe's compiler does not optimise, which
 * takes longer than all the rest. */
static const char *const forced[] = {
	"VK_LOADER_DEBUG=error",    "VK_LOADER_LAYERS_DISABLE=~implicit~",
	"GALLIVM_PERF=nopt",        "MESA_SHADER_CACHE_DISABLE=true",
	"__GL_SHADER_DISK_CACHE=0",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool has_name(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return strncmp(entry, name, length) == 0 && entry[length] == '=';
}

static bool is_forced(const char *entry)
{
	for (size_t i = 0; i < COUNT(forced); i++)
		if (strncmp(entry, forced[i], strcspn(forced[i], "=") + 1) == 0)
			return true;
	return false;
}

/* "NVIDIA_API_KEY": a vendor's own services have names like its driver's. */
static bool is_credential(const char *entry)
{
	static const char *const words[] = {"KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"};
	CLEANUP_FREE char *name = mem_strndup(entry, strcspn(entry, "="));

	for (size_t i = 0; i < COUNT(words); i++)
		if (strstr(name, words[i]))
			return true;
	return false;
}

static bool is_passed(const char *entry)
{
	for (size_t i = 0; i < COUNT(passed); i++)
		if (text_ends_with(passed[i], "_") ? text_starts_with(entry, passed[i])
						   : has_name(entry, passed[i]))
			return !is_forced(entry) && !is_credential(entry);
	return false;
}

void vulkan_environment(char *const *environment, const char *library_path, struct words *ret)
{
	for (; *environment; environment++)
		if (is_passed(*environment) &&
		    !(library_path && has_name(*environment, "LD_LIBRARY_PATH")))
			words_add(ret, *environment);
	for (size_t i = 0; i < COUNT(forced); i++)
		words_add(ret, forced[i]);
	if (library_path) {
		CLEANUP_FREE char *entry = mem_format("LD_LIBRARY_PATH=%s", library_path);

		words_add(ret, entry);
	}
	words_end(ret);
}

/* ---- dynamic loaders */

/* Reads the path that a segment holds. */
static bool read_path(int file, const Elf64_Phdr *segment, struct strbuf *ret)
{
	char path[PATH_MAX];
	ssize_t length;

	if (segment->p_filesz < 2 || segment->p_filesz > sizeof(path))
		return false;
	length = pread(file, path, segment->p_filesz, (off_t)segment->p_offset);
	if (length != (ssize_t)segment->p_filesz || path[0] != '/' || path[length - 1] != '\0')
		return false;
	strbuf_puts(ret, path);
	return !ret->is_truncated;
}

bool vulkan_interpreter_of(const struct root *root, const char *path, struct strbuf *ret)
{
	CLEANUP_CLOSE int file = root_open(root, path, O_RDONLY | O_NONBLOCK, 0);
	Elf64_Ehdr header;

	if (file < 0 || pread(file, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return false;
	for (size_t i = 0; i < header.e_phnum && i < MAX_SEGMENTS; i++) {
		off_t at = (off_t)(header.e_phoff + i * sizeof(Elf64_Phdr));
		Elf64_Phdr segment;

		if (pread(file, &segment, sizeof(segment), at) != sizeof(segment))
			return false;
		if (segment.p_type == PT_INTERP)
			return read_path(file, &segment, ret);
	}
	return false;
}
