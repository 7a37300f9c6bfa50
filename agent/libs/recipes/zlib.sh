# shellcheck shell=bash disable=SC2034,SC2154
# zlib: gzip for libarchive.
# SPDX-License-Identifier: Zlib
licence=Zlib
needs=(musl)

recipe() {
	CC=$cc CFLAGS="${cflags[*]}" ./configure --static --prefix="$sysroot"
	"${make[@]}" libz.a
	install -m 644 libz.a "$sysroot/lib"
	install -m 644 zlib.h zconf.h "$sysroot/include"
}
