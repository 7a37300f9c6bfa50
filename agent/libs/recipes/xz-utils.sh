# shellcheck shell=bash disable=SC2034,SC2154
# liblzma: xz for libarchive.
# SPDX-License-Identifier: Zlib
licence=0BSD
needs=(musl)

recipe() {
	configure --disable-xz --disable-xzdec --disable-lzmadec --disable-lzmainfo --disable-scripts \
		--disable-doc --disable-nls --disable-lzip-decoder --disable-microlzma --enable-threads=no
	"${make[@]}" -C src/liblzma install
}
