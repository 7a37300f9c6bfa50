#!/usr/bin/env bash
# The composite actions keep the rules that no YAML parser knows (actions.py). Each rule can fail: the
# self-test plants a violation of every one and demands that it is found.
# SPDX-License-Identifier: Zlib
set -euo pipefail

for python in python3 /usr/bin/python3; do
	! "$python" -c 'import yaml' 2>/dev/null || exec "$python" tests/lint/actions.py
done
echo "actions.sh: no python3 with PyYAML: install python3-yaml" >&2
exit 1
