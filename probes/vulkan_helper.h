/* SPDX-License-Identifier: Zlib */
/* The Vulkan helper's program, an ELF file that is carried inside (vulkan_helper.S). */
#pragma once

#include <stdint.h>

extern const unsigned char vulkan_helper[];
extern const uint32_t vulkan_helper_length; /* bytes */
