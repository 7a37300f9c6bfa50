/* SPDX-License-Identifier: Zlib */
/* The Vulkan helper's program, as it was linked, and its length. */
	.section .rodata
	.balign 16
	.global vulkan_helper
	.type vulkan_helper, %object
vulkan_helper:
	.incbin VULKAN_HELPER
.Lend:
	.size vulkan_helper, . - vulkan_helper
	.balign 4
	.global vulkan_helper_length
	.type vulkan_helper_length, %object
vulkan_helper_length:
	.long .Lend - vulkan_helper
	.size vulkan_helper_length, 4
	.section .note.GNU-stack, "", %progbits
