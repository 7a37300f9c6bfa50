#!/usr/bin/env bash
# Prints what runs under qemu-user: a program of the unit or static tests to a line, and the tests of it that are left
# out (left_out.txt).
# SPDX-License-Identifier: Zlib
# usage: programs.sh [NAME...]   (all of them, or those named)
set -euo pipefail

left_out() { awk -v program="$1" '$1 == program { printf " %s", $2 }' tests/aarch64/left_out.txt; }

is_wanted() {
	local wanted=$1
	shift
	[ $# -eq 0 ] || [[ " $* " =~ \ (test_)?${wanted#test_}\  ]]
}

for file in tests/unit/test_*.c tests/static/*.c; do
	name=$(basename "$file" .c)
	names=$(left_out "$name")
	[[ $names != ' *' ]] || continue
	is_wanted "$name" "$@" || continue
	case $file in
	tests/unit/*) echo "build/aarch64/release/unit/$name$names" ;;
	*) echo "build/aarch64/static-tests/$name$names" ;;
	esac
done
