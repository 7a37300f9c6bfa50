# Which library is built after which; run by `build.sh` with one job server for all of them.
# SPDX-License-Identifier: Zlib
packages := zlib libzstd xz-utils cjson libseccomp nghttp2 openssl libarchive curl

all: $(packages)
# openssl first: it is by far the longest.
$(packages): musl
libarchive: zlib libzstd xz-utils
curl: openssl nghttp2

musl $(packages):
	+@MAKE='$(MAKE)' $(dir $(lastword $(MAKEFILE_LIST)))one.sh $@

.PHONY: all musl $(packages)
