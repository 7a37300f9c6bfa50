# shellcheck shell=bash disable=SC2034,SC2154
# nghttp2: HTTP/2 for curl. The library is a few plain C files, so no autoreconf is needed.
# SPDX-License-Identifier: Zlib
licence=MIT
needs=(musl)
defines=(-DNGHTTP2_STATICLIB -DBUILDING_NGHTTP2 -DHAVE_ARPA_INET_H -DHAVE_NETINET_IN_H
	-DHAVE_CLOCK_GETTIME -DHAVE_DECL_CLOCK_MONOTONIC=1 -Ilib/includes)

recipe() {
	local version number parts
	version=$(sed -nE 's/^AC_INIT\(\[nghttp2\], \[([0-9.]+).*/\1/p' configure.ac)
	IFS=. read -ra parts <<<"$version"
	number=$(printf '0x%02x%02x%02x' "${parts[@]}")
	sed -e "s/@PACKAGE_VERSION@/$version/" -e "s/@PACKAGE_VERSION_NUM@/$number/" \
		lib/includes/nghttp2/nghttp2ver.h.in >lib/includes/nghttp2/nghttp2ver.h
	archive libnghttp2.a lib/*.c
	mkdir -p "$sysroot/include/nghttp2"
	install -m 644 lib/includes/nghttp2/*.h "$sysroot/include/nghttp2"
}
