# shellcheck shell=bash disable=SC2034,SC2154
# libzstd: decompression for libarchive; the compressor is left out by the linker.
# SPDX-License-Identifier: Zlib
licence=BSD-3-Clause
needs=(musl)

recipe() {
	"${make[@]}" -C lib libzstd.a CC="$cc" CFLAGS="${cflags[*]/-Os/-O2}" \
		ZSTD_LEGACY_SUPPORT=0 ZSTD_LIB_DICTBUILDER=0 ZSTD_LIB_DEPRECATED=0
	install -m 644 lib/libzstd.a "$sysroot/lib"
	install -m 644 lib/zstd.h lib/zstd_errors.h "$sysroot/include"
}
