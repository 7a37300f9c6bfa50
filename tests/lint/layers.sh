#!/usr/bin/env bash
# The layering rules of the design, and the limits that no compiler checks. Each rule here can fail:
# `layers.sh --self-test` plants a violation of every one and demands that it is found.
# SPDX-License-Identifier: Zlib
set -euo pipefail

# A third-party library, as its header is included, and the one source file that may do so.
libraries='
curl/       agent/http.c
openssl/    agent/digest.c
archive     agent/archive.c
cjson/      agent/json.c
seccomp.h   agent/sandbox.c
vulkan/     probes/vulkan/calls.h
'
max_lines=400

fail() { printf '%s\n' "$*"; }

# Our own sources; vulkan/ is a helper program of its own.
sources() { find agent probes -name '*.[ch]' -not -path 'probes/vulkan/*' 2>/dev/null | sort; }

# "file:line:header" for every include of our own sources.
includes() {
	sources | xargs -r grep -HnoE '^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"][^>"]+' |
		sed -E 's/:[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]/:/'
}

check_libraries() {
	local prefix owner file line header
	while read -r prefix owner; do
		[ -n "$prefix" ] || continue
		while IFS=: read -r file line header; do
			[[ $header == "$prefix"* && $file != "$owner" ]] || continue
			fail "$file:$line: <$header> belongs to $owner alone"
		done < <(includes)
	done <<<"$libraries"
}

# A probe's files share the first word of their names: attic.c, attic_judge.c, attic.h. What runs the
# Vulkan helper and judges its answer belongs to the probe of the GPU.
family() { sed -E 's|probes/(vulkan[/_][a-z_]*\|webgpu)\.|probes/gpu.|; s|probes/([^_.]*).*|\1|' <<<"$1"; }

check_probes() {
	local file line header
	while IFS=: read -r file line header; do
		case $file:$header in
		probes/table.c:*) ;;
		probes/*:probes/probe.h) ;;
		probes/*:probes/*)
			[[ $(family "$file") == $(family "$header") ]] || fail "$file:$line: a probe includes no other's $header"
			;;
		agent/*:probes/table.h) ;;
		agent/*:probes/*) fail "$file:$line: the core knows probes only through probes/table.h, not $header" ;;
		esac
	done < <(includes)
}

# gRPC is spoken over http.h, and over nothing below it.
check_grpc() {
	local file line header
	while IFS=: read -r file line header; do
		[[ $file == agent/grpc.c ]] || continue
		case $header in
		sys/socket.h | netinet/* | netdb.h | arpa/*) fail "$file:$line: grpc.c speaks through http.h, not $header" ;;
		agent/resolve.h | agent/sandbox.h) fail "$file:$line: grpc.c speaks through http.h, not $header" ;;
		esac
	done < <(includes)
}

check_includes_are_rooted() {
	{ sources; find tests -name '*.[ch]'; } | xargs -r grep -HnE '^#include "[^/]*"' |
		sed 's/:#include/: includes are written from the root of the repository:/' || true
}

check_length() {
	local file lines
	while read -r file; do
		lines=$(wc -l <"$file")
		[ "$lines" -le "$max_lines" ] || fail "$file: $lines lines; at most $max_lines"
	done < <(sources)
}

# The list is banned.h's own; the compiler enforces it too, but only where it includes that file.
check_banned() {
	local names
	names=$(sed -nE 's/^#pragma GCC poison //p; s/^#define ([a-z_]+)\(.*/\1/p' agent/banned.h |
		tr -s ' ' '|' | paste -sd'|')
	[ -n "$names" ] || { fail "agent/banned.h bans nothing"; return; }
	{ sources; find tests -name '*.[ch]'; } | grep -v '^agent/banned.h$' |
		xargs -r grep -HnE "(^|[^A-Za-z0-9_.>\"])($names)[[:space:]]*\\(" |
		sed -E 's/^([^:]+:[0-9]+):.*[^A-Za-z0-9_]?\b('"$names"')[[:space:]]*\(.*/\1: \2() is banned (agent\/banned.h)/' || true
}

check_spdx() {
	local file
	while IFS= read -r file; do
		head -n 5 "$file" | grep -q 'SPDX-License-Identifier: Zlib' || fail "$file: no SPDX line at its top"
	done < <(find agent probes tests -type f -size +0 \( -name '*.[chS]' -o -name '*.sh' -o -name '*.py' \))
}

check_all() {
	check_libraries
	check_probes
	check_grpc
	check_includes_are_rooted
	check_length
	check_banned
	check_spdx
}

# Plants one violation at a time in a tree of its own and demands that its check speaks.
self_test() {
	local broken=0
	tree=$(mktemp -d)
	trap 'rm -rf "$tree"' EXIT
	cp -r --parents agent/banned.h "$tree"
	cd "$tree"
	mkdir probes tests
	planted check_libraries agent/x.c '#include <curl/curl.h>' || broken=1
	planted check_libraries probes/x.c '#include <openssl/evp.h>' || broken=1
	planted check_libraries agent/json_syntax.c '#include <cjson/cJSON.h>' || broken=1
	planted check_libraries agent/x.h '# include <seccomp.h>' || broken=1
	planted check_libraries agent/x.c '#include <archive_entry.h>' || broken=1
	planted check_libraries probes/x.c '#include <vulkan/vulkan_core.h>' || broken=1
	planted check_probes probes/x.c '#include "probes/y.h"' || broken=1
	planted check_probes probes/x_judge.c '#include "probes/xy.h"' || broken=1
	planted check_probes agent/x.c '#include "probes/probe.h"' || broken=1
	planted check_grpc agent/grpc.c '#include <sys/socket.h>' || broken=1
	planted check_length probes/x.c "$(seq 401)" || broken=1
	planted check_banned agent/x.c '	strcpy(a, b);' || broken=1
	planted check_banned tests/x.c '	n = atoi (a);' || broken=1
	planted check_spdx agent/x.c 'int x;' || broken=1
	planted check_includes_are_rooted agent/x.c '#include "y.h"' || broken=1
	return $broken
}

planted() {
	local check=$1 file=$2 text=$3 found
	printf '%s\n' "$text" >"$file"
	found=$($check)
	rm "$file"
	[ -n "$found" ] || { echo "layers.sh: $check does not find: $file: ${text:0:40}"; return 1; }
}

if [ "${1:-}" = --self-test ]; then
	self_test
else
	"$0" --self-test
	found=$(check_all)
	[ -z "$found" ] || { printf '%s\n' "$found" >&2; exit 1; }
fi
