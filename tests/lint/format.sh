#!/usr/bin/env bash
# Every C file is in the house's format (.clang-format).
# SPDX-License-Identifier: Zlib
set -euo pipefail

mapfile -t files < <(find agent probes tests -name '*.[ch]' | sort)
clang-format --dry-run --Werror "${files[@]}"
