/* SPDX-License-Identifier: Zlib */
/* What the helper says and vulkan_answer.c reads: keys of facts, and the lines of a device. */
#pragma once

#define SAID_LIBRARY "vulkan.library"   /* the path that the dynamic loader found */
#define SAID_INSTANCE "vulkan.instance" /* the loader's version, packed */
#define SAID_MISSING "vulkan.missing"   /* lines: a library, a space, why it is missing */
#define SAID_COUNT "vulkan.devices"     /* as listed */
#define SAID_DEVICE "vulkan.device-"    /* and its index; lines: enum said_line */
#define SAID_CHOSEN "vulkan.chosen"
#define SAID_TRAITS "vulkan.traits" /* lines: numbers in the order of probes/webgpu.def */
#define SAID_END "vulkan.end"       /* enum vulkan_end */
#define SAID_CODE "vulkan.code"     /* VkResult */
#define SAID_DETAIL "vulkan.detail"

/* Of a device. */
enum said_line {
	SAID_NAME,
	SAID_TYPE,
	SAID_IS_SOFTWARE,
	SAID_VENDOR_ID,
	SAID_DEVICE_ID,
	SAID_API_VERSION,
	SAID_DRIVER_VERSION,
	SAID_DRIVER_ID,
	SAID_DRIVER_NAME,
	SAID_DRIVER_INFO,
	SAID_LINES
};
