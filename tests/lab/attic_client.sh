#!/bin/bash
# SPDX-License-Identifier: Zlib
# A stand-in for Attic's own client, which no archive that the lab may use has: `attic push SERVER:CACHE PATH...`
# by curl and the pod's nix-store, with the client's configuration, requests, words and exit status, and, like
# it, without any time limit.
set -u
config=${XDG_CONFIG_HOME:-$HOME/.config}/attic/config.toml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() { echo "Error: $*" >&2; exit 1; }
field() { sed -n "s/^$1 = ['\"]\(.*\)['\"]\$/\1/p" "$config"; }

# Asks; the answer is in $work/answer, and a status other than 200 is a failure.
ask() {
	local status
	status=$(curl --silent --show-error --output "$work/answer" --write-out '%{http_code}' \
		--header "@$work/headers" "$@" 2>"$work/complaint") || { cat "$work/complaint"; return 1; }
	[ "$status" = 200 ] || { echo "HTTP $status $(cat "$work/answer")"; return 1; }
}

quoted() { sed 's/.*/"&"/' | paste -sd,; }

upload() {
	local path=$1 name=${1##*/} info
	nix-store --dump "$path" >"$work/nar" || return 1
	info=$(printf '{"cache":"%s","store_path_hash":"%s","store_path":"%s","references":[%s],"system":null,%s' "$cache" \
		"${name:0:32}" "$path" "$(nix-store --query --references "$path" | sed 's|.*/||' | quoted)" \
		"$(printf '"deriver":null,"sigs":[],"ca":null,"nar_hash":"sha256:%s","nar_size":%d}' \
			"$(sha256sum "$work/nar" | cut -c 1-64)" "$(stat -c %s "$work/nar")")")
	ask --upload-file "$work/nar" --header "X-Attic-Nar-Info: $info" "${endpoint}_api/v1/upload-path"
}

if [ "${1-}" != push ] || [ $# -lt 2 ]; then die "this stand-in knows only: attic push SERVER:CACHE PATH..."; fi
cache=${2#*:}
shift 2
[ $# -gt 0 ] || { echo "Nothing specified." >&2; exit 0; }
endpoint=$(field endpoint)
[ -n "$endpoint" ] || die "No servers are available."
touch "$work/headers"
if token_file=$(field token-file) && [ -n "$token_file" ]; then
	[ -r "$token_file" ] || die "Failed to read token from $token_file"
	echo "Authorization: bearer $(tr -d '[:space:]' <"$token_file")" >"$work/headers"
fi
said=$(ask "${endpoint}_api/v1/cache-config/$cache") || die "$said"
closure=$(nix-store --query --requisites "$@" | sort -u) || die "a path is not valid"
hashes=$(sed -E 's|.*/(.{32}).*|\1|' <<<"$closure")
said=$(ask --json "{\"cache\":\"$cache\",\"store_path_hashes\":[$(quoted <<<"$hashes")]}" \
	"${endpoint}_api/v1/get-missing-paths") || die "$said"
missing=$(grep -oE '[0-9a-z]{32}' "$work/answer")
status=0
for path in $closure; do
	name=${path##*/}
	[[ $missing == *"${name:0:32}"* ]] || continue
	if said=$(upload "$path"); then
		echo "✅ $name" >&2
	else
		echo "❌ $name: $said" >&2
		status=1
	fi
done
exit $status
