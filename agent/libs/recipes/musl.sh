# shellcheck shell=bash disable=SC2034,SC2154
# musl: the C library, and the compiler wrapper for it.
# SPDX-License-Identifier: Zlib
licence=MIT

recipe() {
	./configure CC="${tools}gcc" --prefix="$sysroot" --syslibdir="$sysroot/lib" --disable-shared \
		CFLAGS="${cflags[*]/-fstack-protector-strong/}"
	"${make[@]}" install
	link_kernel_headers
}

# musl brings no kernel headers; they are the machine's own, or those that the cross compiler comes with.
link_kernel_headers() {
	local from=/usr/include asm
	asm=$from/$(gcc -print-multiarch)/asm
	[ -z "$tools" ] || from=/usr/${tools%-}/include asm=/usr/${tools%-}/include/asm
	ln -sfn "$from/linux" "$sysroot/include/linux"
	ln -sfn "$from/asm-generic" "$sysroot/include/asm-generic"
	ln -sfn "$asm" "$sysroot/include/asm"
}
