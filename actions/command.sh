#!/bin/sh
# SPDX-License-Identifier: Zlib
# Becomes the user's command (WITH_COMMAND), run as a step of its own would be: a script file, by bash
# that stops at the first failure, also in a pipe; by sh where the image has no bash.
set -eu

die() {
	printf '::error title=spinup%%3A command::The command was not started: %s\n' "$1"
	exit 3
}

folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/spinup-command.XXXXXX") || die 'RUNNER_TEMP takes no folder'
script=$folder/command
printf '%s\n' "$WITH_COMMAND" >"$script" || die 'RUNNER_TEMP takes no file'
unset WITH_COMMAND
if command -v bash >/dev/null; then
	exec bash --noprofile --norc -eo pipefail "$script"
fi
exec sh -e "$script"
