#!/usr/bin/env bash
# Fetches and builds all static libraries into the sysroot; at once where nothing has changed.
# SPDX-License-Identifier: Zlib
# usage: [TARGET=aarch64] make.sh [--locked | --lock]
#   --locked  take exactly what deps.lock names, or stop
#   --lock    take the newest that the archive has, and write deps.lock
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"
# shellcheck source=lock.sh
. "$libs/lock.sh"

# Two builds at once would overwrite each other's libraries.
mkdir -p "$build"
exec {guard}>"$build/libs.lock"
flock "$guard"

case ${1:-} in
--lock)
	"$libs/fetch.sh" --newest
	lock_write
	say "lock: deps.lock is written"
	exit
	;;
--locked)
	"$libs/fetch.sh" --locked
	lock_check || die "the sources are not those of deps.lock"
	;;
*)
	"$libs/fetch.sh"
	lock_check || say "lock: going on; build/sbom.json records it (\`./build.sh build --locked\` stops here)"
	;;
esac
make --no-print-directory -j"$(nproc)" -f "$libs/libs.mk"
"$libs/sbom.sh" >"$out/sbom.json"
