# shellcheck shell=bash disable=SC2034,SC2154
# musl: the C library, and the compiler wrapper for it.
# SPDX-License-Identifier: Zlib
licence=MIT

recipe() {
	./configure --prefix="$sysroot" --syslibdir="$sysroot/lib" --disable-shared \
		CFLAGS="${cflags[*]/-fstack-protector-strong/}"
	"${make[@]}" install
	link_kernel_headers
}

# musl brings no kernel headers; they are the machine's own.
link_kernel_headers() {
	local multiarch
	multiarch=$(gcc -print-multiarch)
	ln -sfn /usr/include/linux "$sysroot/include/linux"
	ln -sfn /usr/include/asm-generic "$sysroot/include/asm-generic"
	ln -sfn "/usr/include/$multiarch/asm" "$sysroot/include/asm"
}
