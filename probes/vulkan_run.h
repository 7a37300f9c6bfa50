/* SPDX-License-Identifier: Zlib */
/* Vulkan proven by use: runs the embedded helper program (probes/vulkan/) with the dynamic libraries
 * of the machine or of a Nix profile, and tells how far it came. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VULKAN_MAX_DEVICES 8u     /* more are counted, not described */
#define VULKAN_MAX_MISSING 4u     /* libraries that NVIDIA's driver needs and never names */
#define VULKAN_MAX_TRAITS 80u     /* of a device, see probes/webgpu.def */
#define VULKAN_MAX_TEXT 160u      /* bytes of a name, with the NUL */
#define VULKAN_MAX_LONG_TEXT 512u /* bytes of a message or path, with the NUL */

struct root;
struct sandbox;
struct strbuf;

struct vulkan_ask {
	const struct root *root;       /* the machine's own: a test's fake root runs nothing */
	const struct sandbox *sandbox; /* with SANDBOX_DRIVER prepared; NULL: none */
	char *const *environment; /* the job's; only what loaders and drivers read is passed on */
	const char
		*interpreter; /* dynamic loader (ld.so) to run under; NULL: whichever works here */
	const char *library;  /* path of libvulkan.so.1; NULL: as the dynamic loader finds it */
	const char *library_path;         /* replaces LD_LIBRARY_PATH; NULL: the job's own */
	bool is_software_allowed;         /* a CPU device may be chosen where there is no other */
	bool are_nvidia_libraries_wanted; /* an NVIDIA device is here: say which libraries are missing */
	unsigned int timeout_ms;          /* for everything, the retry included */
};

enum vulkan_end {
	VULKAN_COMPUTED,     /* a shader ran, and every word of its result is right */
	VULKAN_WRONG_RESULT, /* it ran and computed something else: detail says what */
	VULKAN_ERROR,        /* the loader or driver said no: code and phase */
	VULKAN_NO_LIBRARY, /* libvulkan.so.1 cannot be opened: detail is the dynamic loader's text */
	VULKAN_NO_DEVICE,  /* the loader works and lists no device */
	VULKAN_ONLY_SOFTWARE, /* every device is a CPU, and none was allowed */
	VULKAN_INCOMPLETE,  /* a function or a capability is missing that every driver must have */
	VULKAN_EXITED,      /* a library ended the process: status */
	VULKAN_KILLED,      /* it crashed: status is the signal */
	VULKAN_TIMEOUT,     /* it passed its time, in the phase named */
	VULKAN_NOT_STARTED, /* unknown: no dynamic loader here runs the helper; detail says why */
	VULKAN_BROKE_RULES, /* what the helper sent is no answer: a library wrote over it */
};

/* VkPhysicalDeviceType's values. */
enum vulkan_device_type {
	VULKAN_TYPE_OTHER,
	VULKAN_TYPE_INTEGRATED,
	VULKAN_TYPE_DISCRETE,
	VULKAN_TYPE_VIRTUAL,
	VULKAN_TYPE_CPU,
};

struct vulkan_device {
	char name[VULKAN_MAX_TEXT];
	enum vulkan_device_type type;
	bool is_software; /* by type, or by the driver's ID (SwiftShader, LLVMpipe) */
	uint32_t vendor_id, device_id;
	uint32_t api_version;    /* as Vulkan packs it; vulkan_version() prints it */
	uint32_t driver_version; /* packed as the vendor likes */
	uint32_t driver_id;      /* VkDriverId; 0: the driver is too old to tell */
	char driver_name[VULKAN_MAX_TEXT], driver_info[VULKAN_MAX_TEXT]; /* "" likewise */
};

struct vulkan_answer {
	enum vulkan_end end;
	int status;     /* VULKAN_EXITED: the exit status; VULKAN_KILLED: the signal */
	int code;       /* VULKAN_ERROR: the VkResult; vulkan_result_name() names it */
	char phase[48]; /* the last step begun: "open the loader", "create the instance", … */
	char detail
		[VULKAN_MAX_LONG_TEXT]; /* one line in the helper's or ld.so's words; may be "" */
	char log[VULKAN_MAX_LONG_TEXT]; /* the loader's or driver's last error line; may be "" */
	char interpreter[VULKAN_MAX_LONG_TEXT]; /* that it ran under; "": as the kernel chose */
	char library[VULKAN_MAX_LONG_TEXT];     /* the libvulkan that was opened; "" none */
	uint32_t instance_version;              /* of the loader */

	/* With sandbox level "none" where it worked only without, or where the kernel has none. */
	const char *sandbox; /* sandbox_level_name() of the attempt that this answer tells of */
	bool is_retry;       /* inside the sandbox it failed; this is the attempt without */
	enum vulkan_end sandboxed_end; /* how that ended, where is_retry */
	char sandboxed_phase[48];

	size_t device_count; /* as listed; only the first VULKAN_MAX_DEVICES are described */
	struct vulkan_device devices[VULKAN_MAX_DEVICES];
	int chosen; /* index of the device that computed, or was to; -1: none */

	size_t missing_count; /* only where are_nvidia_libraries_wanted */
	struct {
		char name[32];
		char why[VULKAN_MAX_TEXT]; /* the dynamic loader's text */
	} missing[VULKAN_MAX_MISSING];

	/* The chosen device's features and limits in the order of probes/webgpu.def. */
	size_t trait_count; /* 0: not known */
	int64_t traits[VULKAN_MAX_TRAITS];
	unsigned int took_ms;
};

/* Runs the helper: in the sandbox first, then once without where that did not compute (not after a
 * timeout, and not where no sandbox could matter). Texts are cleaned. Never fails: what cannot be run
 * is VULKAN_NOT_STARTED. */
void vulkan_run(const struct vulkan_ask *ask, struct vulkan_answer *ret);

/* Appends the dynamic loader (PT_INTERP) that the ELF program at PATH asks for. Returns false where
 * there is none to read. */
bool vulkan_interpreter_of(const struct root *root, const char *path, struct strbuf *ret);

/* "VK_ERROR_DEVICE_LOST", or "VkResult -1234" in thread-local storage. */
const char *vulkan_result_name(int code);

/* "discrete GPU", "integrated GPU", "virtual GPU", "CPU", "other". */
const char *vulkan_type_name(enum vulkan_device_type type);

/* Appends "1.3.239". */
void vulkan_version(struct strbuf *out, uint32_t version);
