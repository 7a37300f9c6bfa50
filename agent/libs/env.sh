# shellcheck shell=bash disable=SC2034
# What the library scripts share: where things lie, which libraries there are, how they are compiled.
# SPDX-License-Identifier: Zlib
set -euo pipefail

repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
libs=$repo/agent/libs
build=$repo/build
sysroot=$build/sysroot
sources=$build/sources
lock=$repo/deps.lock

# Debian's names of the source packages, in an order in which each comes after what it needs.
packages=(musl zlib libzstd xz-utils cjson libseccomp nghttp2 openssl libarchive curl)

cflags=(-Os -pipe -fPIE -fstack-protector-strong -ffunction-sections -fdata-sections)
cc=musl-gcc
arch=$(uname -m)
export LC_ALL=C PATH=$sysroot/bin:$PATH

say() { printf '%s\n' "$*" >&2; }
die() { say "build.sh: $*"; exit 1; }
