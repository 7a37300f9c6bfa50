#!/usr/bin/env bash
# cppcheck over our own sources: what it finds beside clang's analyzer.
# SPDX-License-Identifier: Zlib
set -euo pipefail

# Left out: headers of others, and the distance between an embedded file's two symbols, which it
# takes for pointers into different objects.
mkdir -p build/lint/cppcheck
cppcheck --quiet --language=c --std=c11 --enable=warning,performance,portability --inline-suppr \
	--error-exitcode=1 --cppcheck-build-dir=build/lint/cppcheck -j "$(nproc)" -D_GNU_SOURCE -I . \
	--suppress=missingIncludeSystem --suppress=comparePointers agent probes
