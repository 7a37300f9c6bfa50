# shellcheck shell=bash disable=SC2034,SC2154
# cJSON: one file.
# SPDX-License-Identifier: Zlib
licence=MIT
needs=(musl)

recipe() {
	archive libcjson.a cJSON.c
	install -D -m 644 cJSON.h "$sysroot/include/cjson/cJSON.h"
}
