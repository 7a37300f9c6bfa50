#!/usr/bin/env bash
# What exists for aarch64 alone compiles there too, whatever machine this is.
# SPDX-License-Identifier: Zlib
set -euo pipefail

for file in probes/*_aarch64.c; do
	aarch64-linux-gnu-gcc -std=gnu17 -D_GNU_SOURCE -I. -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror -O2 \
		-fPIE -include agent/banned.h -c -o /dev/null "$file"
done
