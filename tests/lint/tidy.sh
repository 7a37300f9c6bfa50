#!/usr/bin/env bash
# clang-tidy over every source, in parallel; what was clean is not checked again until it changes.
# SPDX-License-Identifier: Zlib
# usage: tidy.sh [FILE...]   (the checks and the reasons for what is left out are in .clang-tidy)
set -euo pipefail

cache=build/lint/tidy
flags=(-std=gnu17 -D_GNU_SOURCE -I.)

# The hash of all that a verdict depends on: the source with everything that it includes, the checks.
key() {
	{
		clang "${flags[@]}" -E "$1" 2>/dev/null
		cat "$1" .clang-tidy "$0"
		clang-tidy --version
	} | sha256sum | cut -d' ' -f1
}

check() {
	local file=$1 key before=()
	# Tests, and the Vulkan helper, which has no C library, are compiled without it.
	[[ $file == tests/* || $file == probes/vulkan/* ]] || before=(-include agent/banned.h)
	key=$(key "$file")
	[ ! -e "$cache/$key" ] || return 0
	if clang-tidy --quiet "$file" -- "${flags[@]}" "${before[@]}" >"$cache/$key.log" 2>&1; then
		rm "$cache/$key.log"
		touch "$cache/$key"
	else
		grep -vE '^[0-9]+ warnings?( |$)|^Suppressed |^Use -header-filter' "$cache/$key.log" >&2
		return 1
	fi
}

mkdir -p "$cache"
if [ "${1:-}" = --one ]; then
	check "$2"
	exit
fi
files=("$@")
[ ${#files[@]} -gt 0 ] || mapfile -t files < <(find agent probes tests -name '*.c' | sort)
printf '%s\0' "${files[@]}" | xargs -0r -n 1 -P "$(nproc)" "$0" --one
