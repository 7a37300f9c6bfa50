# shellcheck shell=bash disable=SC2034
# What the library scripts share: where things lie, which libraries there are, how they are compiled.
# SPDX-License-Identifier: Zlib
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
libs=$repo/agent/libs
build=$repo/build
sources=$build/sources
lock=$repo/deps.lock

# Debian's names of the source packages, in an order in which each comes after what it needs.
packages=(musl zlib libzstd xz-utils cjson libseccomp nghttp2 openssl libarchive curl)

cflags=(-Os -pipe -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections)
cc=musl-gcc

# The libraries are for this machine, or for $TARGET: then Debian's cross compiler makes them, in a place of
# their own.
arch=${TARGET:-$(uname -m)}
tools='' out=$build
[ "$arch" = "$(uname -m)" ] || tools=$arch-linux-gnu- out=$build/$arch
sysroot=$out/sysroot
export LC_ALL=C PATH=$sysroot/bin:$PATH AR=${tools}ar NM=${tools}nm RANLIB=${tools}ranlib

say() { printf '%s\n' "$*" >&2; }
die() { say "build.sh: $*"; exit 1; }
