# shellcheck shell=bash disable=SC2034,SC2154
# libarchive: reads tar under gzip, xz and zstd; writing and disk access stay in for tests.
# SPDX-License-Identifier: Zlib
licence=BSD-2-Clause
needs=(musl zlib libzstd xz-utils)

recipe() {
	configure --disable-bsdtar --disable-bsdcpio --disable-bsdcat --disable-bsdunzip \
		--disable-acl --disable-xattr --without-openssl --without-nettle --without-mbedtls \
		--without-xml2 --without-expat --without-lz4 --without-bz2lib --without-libb2 \
		--without-iconv --without-cng
	"${make[@]}" libarchive.la
	"${make[@]}" install-libLTLIBRARIES install-includeHEADERS
}
