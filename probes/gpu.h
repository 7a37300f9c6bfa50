/* SPDX-License-Identifier: Zlib */
/* The gpu probe's facts: what collect fills and judge reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "probes/gpu_loader.h"
#include "probes/vulkan_run.h"

struct channel;
struct context;
struct job;
struct root;
struct strbuf;

#define GPU_MAX_NODES 64u
#define GPU_MAX_CONTROLLERS 32u

/* ---- device nodes */

enum gpu_node_kind {
	GPU_NODE_RENDER,         /* /dev/dri/renderD128: what Mesa's drivers open */
	GPU_NODE_NVIDIA_CONTROL, /* /dev/nvidiactl */
	GPU_NODE_NVIDIA,         /* /dev/nvidia0 */
	GPU_NODE_NVIDIA_MODESET,
	GPU_NODE_NVIDIA_UVM,
	GPU_NODE_KFD, /* AMD's compute interface: ROCm needs it, Vulkan does not */
};

struct gpu_node {
	char path[64];
	enum gpu_node_kind kind;
	bool is_device; /* a character device with the right major number */
	int error;      /* of opening it to read and write; 0: it opened */
	mode_t mode;
	uid_t owner;
	gid_t group;
	char driver[32];  /* GPU_NODE_RENDER: the kernel driver; "" where it could not be told */
	char version[32]; /* its interface's, as the driver itself says; "" likewise */
};

struct gpu_nodes {
	struct gpu_node items[GPU_MAX_NODES]; /* by kind, then by number */
	size_t count;
};

/* Finds and opens the nodes below /dev (a fake machine's are not opened). Needs the right to open
 * files for writing: before the sandbox. */
void gpu_nodes_collect(struct gpu_nodes *ret, const struct root *root);

/* Whether a GPU stands behind it: no vgem or vkms, which only share memory. */
bool gpu_node_is_gpu(const struct gpu_node *node);

/* ---- the machine beneath: a container sees all of its PCI devices, and none of their nodes */

struct gpu_controller {
	char address[16]; /* "0000:01:00.0" */
	unsigned int vendor, device;
	char driver[32]; /* "" for none */
};

struct gpu_machine {
	struct gpu_controller controllers[GPU_MAX_CONTROLLERS]; /* PCI display controllers */
	size_t controller_count;
	bool has_drm; /* the kernel's list of devices has it, whatever the container may see */
	bool has_nvidia;
	bool has_amdgpu; /* the module is loaded */
};

void gpu_machine_collect(struct gpu_machine *ret, const struct root *root);

/* "NVIDIA", "AMD", … or NULL. */
const char *gpu_vendor_name(unsigned int vendor);

/* A maker of GPUs, no display for a server's console. */
bool gpu_vendor_makes_gpus(unsigned int vendor);

/* ---- NVIDIA: driver, and how its container toolkit brought the GPU in */

enum gpu_injection {
	GPU_INJECTION_NONE,
	GPU_INJECTION_LEGACY, /* the hook: heeds NVIDIA_DRIVER_CAPABILITIES */
	GPU_INJECTION_CDI,    /* a CDI specification: does not */
};

struct gpu_nvidia {
	char kernel_version[32]; /* of the driver in the kernel; "": none is loaded */
	char model[64];          /* of the first GPU; "": not told */
	unsigned int gpu_count;  /* as /proc/driver/nvidia tells */
	enum gpu_injection injection;
	char *visible;           /* NVIDIA_VISIBLE_DEVICES, cleaned; or NULL */
	char *capabilities;      /* NVIDIA_DRIVER_CAPABILITIES, cleaned; or NULL */
	bool has_graphics;       /* they contain graphics, display or all */
	bool is_mig;             /* a slice of a GPU: it has no graphics interfaces */
	struct gpu_library glx;  /* libGLX_nvidia.so.0, the Vulkan driver */
	struct gpu_library cuda; /* libcuda.so.1 */
	char *outside; /* the Vulkan driver, in a place that no dynamic loader searches; or NULL */
};

void gpu_nvidia_collect(struct gpu_nvidia *ret, const struct context *context,
			const struct gpu_nodes *nodes);
void gpu_nvidia_release(struct gpu_nvidia *nvidia);

/* "none", "legacy", "cdi". */
const char *gpu_injection_name(enum gpu_injection injection);

/* The version in /proc/driver/nvidia/version's text; false where there is none. Pure. */
bool gpu_nvidia_version(const char *text, char ret[32]);

/* ---- programs of nixpkgs have a dynamic loader, a C library and a Vulkan loader of their own */

struct gpu_nix {
	bool has_store;
	char *library;     /* libvulkan.so.1 that the job's programs would open; or NULL */
	char *interpreter; /* the dynamic loader of its C library; or NULL */
};

void gpu_nix_collect(struct gpu_nix *ret, const struct context *context);
void gpu_nix_release(struct gpu_nix *nix);

/* ---- all of it */

struct gpu_facts {
	struct gpu_nodes nodes;
	struct gpu_machine machine;
	struct gpu_nvidia nvidia;
	struct gpu_nix nix;
	struct gpu_search searches[GPU_USERLAND_COUNT];
	bool was_run[GPU_USERLAND_COUNT]; /* answers has what the proof said */
	struct vulkan_answer answers[GPU_USERLAND_COUNT];
};

/* Facts into findings and the report's facts. Pure. */
void gpu_judge(const struct gpu_facts *facts, const struct job *job, struct channel *channel);

/* The judge's parts for a GPU that proved nothing: each says what it found, and returns whether that
 * is the reason. */
bool gpu_judge_nodes(const struct gpu_facts *facts, const struct job *job, struct channel *channel);
bool gpu_judge_nvidia(const struct gpu_facts *facts, const struct gpu_search *search,
		      const struct vulkan_answer *answer, struct channel *channel);
bool gpu_judge_drivers(const struct gpu_facts *facts, const struct gpu_search *search,
		       struct channel *channel);

/* The report's facts. */
void gpu_tell_facts(const struct gpu_facts *facts, struct channel *channel);

/* Whether the proof in USERLAND held: on hardware, or on a CPU where that was allowed. */
bool gpu_is_proven(const struct gpu_facts *facts, enum gpu_userland userland);

/* The device that computed, or was to; NULL: none was chosen. */
const struct vulkan_device *gpu_chosen(const struct vulkan_answer *answer);

/* Appends how ANSWER ended, in words: "create the instance: VK_ERROR_…, log line". */
void gpu_describe_end(struct strbuf *out, const struct vulkan_answer *answer);
