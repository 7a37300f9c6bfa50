# shellcheck shell=bash disable=SC2034,SC2154
# libseccomp: compiles the sandbox's filters.
# SPDX-License-Identifier: Zlib
licence=LGPL-2.1-only
needs=(musl)

recipe() {
	configure GPERF=true
	"${make[@]}" -C include install
	"${make[@]}" -C src install-libLTLIBRARIES
}
