#!/usr/bin/env bash
# Every shell script of the tree passes shellcheck, whatever the script is called.
# SPDX-License-Identifier: Zlib
set -euo pipefail

is_shell() { [[ $1 == *.sh ]] || head -n 1 "$1" | grep -qaE '^#!.*\b(ba|da)?sh\b'; }

scripts=()
while IFS= read -r -d '' file; do
	is_shell "$file" && scripts+=("$file")
done < <(find . \( -path ./build -o -path ./.git \) -prune -o -type f -print0)
shellcheck -x -S style "${scripts[@]}"
