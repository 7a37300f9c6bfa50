#!/bin/sh
# SPDX-License-Identifier: Zlib
# The first step of every action: finds a spinup that may be trusted, and becomes `spinup run`.
#
# Inputs come as WITH_* variables and go on as SPINUP_*, but only those that are not empty: an empty
# SPINUP_LABEL of the step would hide the one that the runner's pod was given.
#
# A binary is run unverified only where nobody but root can have put it there. Every other one is copied
# into a directory of our own first, and it is the copy whose digest must be the one in release.json.
set -eu

inputs='LABEL EXPECT REQUIRE ALLOW_SOFTWARE_GPU SKIP MODE DEADLINE
	INSTALL_DEADLINE NO_REPAIR VERIFY_STORE STRICT ATTIC ATTIC_CACHE ATTIC_PUBLIC_KEY
	ATTIC_PUBLIC_READ ATTIC_PUSH BAZEL BAZEL_UPLOAD BAZEL_HOME_RC'
baked_paths='/usr/local/bin/spinup /opt/spinup/spinup'
connect_seconds=5
download_seconds=60
max_mebibytes=32

release_file=${0%/*}/release.json
private=
child=
reasons=
line_feed='
'

# ---- what is said

# One bounded line without control characters, as it may stand in a workflow command.
cleaned() {
	printf '%s' "$1" | LC_ALL=C tr '\000-\037\177' ' ' | LC_ALL=C cut -b 1-3000 |
		sed 's/%/%25/g; s/##\[/# #[/g'
}

# A source that is not used: said at once, and again should no other be found.
pass_over() {
	printf 'spinup: %s\n' "$(cleaned "$1")"
	reasons="$reasons$1. "
}

# Nothing was proven, which `mode: warn` lets pass: the outputs stay empty.
die() {
	status=3 kind=error
	[ "${SPINUP_MODE-}" != warn ] || status=0 kind=warning
	printf '::%s title=spinup%%3A not started::%s\n' "$kind" "$(cleaned "$*")"
	remove_private
	exit $status
}

# What the workflow says wrong fails the job in any mode, as with the agent itself.
die_of_usage() {
	printf '::error title=spinup%%3A usage::%s\n' "$(cleaned "$1")"
	exit 2
}

remove_private() { [ -z "$private" ] || rm -rf "$private"; }

# Ends as a signal would end us, and leaves nothing behind.
stop() {
	[ -z "$child" ] || kill "$child"
	remove_private
	exit "$1"
}

# ---- what is given

take_inputs() {
	for name in $inputs; do
		eval "value=\${WITH_$name-}"
		unset "WITH_$name"
		[ -z "$value" ] || export "SPINUP_$name=$value"
	done
	case ${WITH_REQUIRE_CACHE_PUSH-} in
	'' | false) ;;
	true)
		export SPINUP_ATTIC_PUSH=true
		export SPINUP_REQUIRE="${SPINUP_REQUIRE:+$SPINUP_REQUIRE,}attic-push"
		;;
	*) die_of_usage "require-cache-push: '$WITH_REQUIRE_CACHE_PUSH' is neither true nor false" ;;
	esac
	unset WITH_REQUIRE_CACHE_PUSH
}

check_system() {
	case ${RUNNER_OS:-Linux} in
	Linux) ;;
	*)
		die "spinup proves Linux runners, and this one is $RUNNER_OS: leave this step out here" \
			"(if: runner.os == 'Linux')"
		;;
	esac
}

# ---- release.json, which has exactly this form, a key a line

# Three numbers, short enough for the shell's arithmetic.
is_version() {
	case $1 in
	*[!0-9.]* | .* | *. | *..* | *.*.*.* | ????????????????????*) return 1 ;;
	*.*.*) return 0 ;;
	esac
	return 1
}

is_digest() {
	case $1 in
	*[!0-9a-f]*) return 1 ;;
	esac
	[ ${#1} -eq 64 ]
}

bad_release() { die "$release_file is not as it was published: $1. Is the action's reference complete?"; }

# The next line's $value, between what stands before it and after it.
next_value() {
	IFS= read -r line || bad_release "it ends where '$1' belongs"
	case $line in
	"$1"*"$2") value=${line#"$1"} value=${value%"$2"} ;;
	*) bad_release "where '$1' belongs it has '$line'" ;;
	esac
}

next_line() {
	next_value "$1" ''
	[ -z "$value" ] || bad_release "where '$1' belongs it has '$line'"
}

read_release() {
	next_line '{'
	next_value '  "version": "' '",' && version=$value
	next_value '  "min_agent": "' '",' && min_agent=$value
	next_value '  "url": "' '",' && url=$value
	next_line '  "sha256": {'
	next_value '    "x86_64": "' '",' && sha256_x86_64=$value
	next_value '    "aarch64": "' '"' && sha256_aarch64=$value
	next_line '  }'
	next_line '}'
	! IFS= read -r line || bad_release "it goes on with '$line'"
	is_version "$min_agent" || bad_release "min_agent '$min_agent' is no version"
	[ -n "$version" ] || return 0
	is_version "$version" || bad_release "version '$version' is no version"
	[ -z "$sha256_x86_64" ] || is_digest "$sha256_x86_64" || bad_release "x86_64 '$sha256_x86_64' is no SHA-256"
	[ -z "$sha256_aarch64" ] || is_digest "$sha256_aarch64" || bad_release "aarch64 '$sha256_aarch64' is no SHA-256"
	case $url in
	https://*) ;;
	*) bad_release "url '$url' is not https" ;;
	esac
}

# The steps after this one may ask the same agent once more.
become() {
	[ ! -w "${GITHUB_OUTPUT-}" ] || printf 'agent-path=%s\n' "$1" >>"$GITHUB_OUTPUT"
	exec "$1" run
}

# ---- a binary in the runner's image

# Whether version $1 is at least $2.
is_at_least() {
	have=$1. want=$2.
	while [ -n "$have" ]; do
		[ "${have%%.*}" -eq "${want%%.*}" ] || break
		have=${have#*.} want=${want#*.}
	done
	[ -z "$have" ] || [ "${have%%.*}" -gt "${want%%.*}" ]
}

# The version that a program says it is, in $found; whether it runs and is spinup.
ask_version() {
	found=$("$1" version 2>/dev/null </dev/null) || return 1
	found=${found%%"$line_feed"*}
	[ "$found" != "${found#spinup }" ] && found=${found#spinup } && is_version "$found"
}

# Whether nobody but root can change what runs under this path, which has no symlinks; if not, $why.
# Where the sticky bit is set (/nix/store) root's own entries cannot be replaced by others.
is_roots_own() {
	path=$1 part='' rest=${1#/}
	set -- /
	while [ "$rest" != "${rest#*/}" ]; do
		part=$part/${rest%%/*} rest=${rest#*/}
		set -- "$@" "$part"
	done
	listed=$(LC_ALL=C ls -ldn "$@" "$path" 2>&1) || { why=$listed && return 1; }
	while read -r mode _ owner _ _ _ _ _ entry; do
		[ "$owner" = 0 ] || { why="$entry belongs to user $owner, not to root" && return 1; }
		case $mode in
		d????????[tT]*) ;;
		?????w* | ????????w*) why="$entry may be written by others than root ($mode)" && return 1 ;;
		esac
	done <<-LISTED
		$listed
	LISTED
}

use_baked() {
	for place in $baked_paths; do
		[ -f "$place" ] || continue
		program=$(readlink -f "$place") || continue
		if ! is_roots_own "$program"; then
			pass_over "$place is not used: $why, so it may be any program"
		elif ! ask_version "$program"; then
			pass_over "$place is not used: it does not run, or is no spinup"
		elif ! is_at_least "$found" "$min_agent"; then
			pass_over "$place is not used: it is spinup $found, and this action needs $min_agent or newer"
		else
			become "$program"
		fi
	done
}

# ---- any other binary: a copy of our own, checked

bake_it="Put spinup into the runner's image as /usr/local/bin/spinup, owned by root and writable by nobody else"

prepare_copy() {
	[ -n "$version" ] || die "${reasons}No release of spinup has been published yet. $bake_it"
	case $(uname -m) in
	x86_64 | amd64) arch=x86_64 expected=$sha256_x86_64 ;;
	aarch64 | arm64) arch=aarch64 expected=$sha256_aarch64 ;;
	*) die "${reasons}spinup is released for x86_64 and aarch64, and this machine is $(uname -m)" ;;
	esac
	[ -n "$expected" ] || die "${reasons}spinup $version was not released for $arch. $bake_it"
	command -v sha256sum >/dev/null || command -v shasum >/dev/null || command -v openssl >/dev/null ||
		die "${reasons}A download cannot be checked here: there is neither sha256sum, shasum nor openssl. $bake_it"
	private=$(mktemp -d "${RUNNER_TEMP:-/tmp}/spinup-action.XXXXXX" 2>&1) ||
		{ why=$private private='' && die "${reasons}No private directory can be made in RUNNER_TEMP: $why"; }
	trap 'stop 130' INT
	trap 'stop 143' TERM HUP
	copy=$private/spinup
}

digest() {
	if command -v sha256sum >/dev/null; then
		sha256sum
	elif command -v shasum >/dev/null; then
		shasum -a 256
	else
		openssl dgst -sha256 -r
	fi
}

# Becomes the copy if it is the release, to the bit; if not, $why.
use_copy() {
	chmod 0500 "$copy"
	actual=$(digest <"$copy") || actual=
	actual=${actual%% *}
	if [ "$actual" != "$expected" ]; then
		begin=$(head -c 60 "$copy" | LC_ALL=C tr -cd '\040-\176')
		why="expected the SHA-256 $expected of spinup $version for $arch, but it has ${actual:-none}"
		why="$why ($(wc -c <"$copy") bytes that begin with '$begin')"
		rm -f "$copy"
		return 1
	fi
	ask_version "$copy" ||
		die "${reasons}$copy is the right spinup, but it cannot be run: may files in RUNNER_TEMP be executed?"
	become "$copy"
}

use_tool_cache() {
	cached=${RUNNER_TOOL_CACHE-}/spinup/$version/$arch/spinup
	[ -n "${RUNNER_TOOL_CACHE-}" ] && [ -f "$cached" ] || return 0
	bounded cp "$cached" "$copy" || { pass_over "$cached is not used: $(last_words)" && return 0; }
	use_copy || pass_over "$cached is not used: $why"
}

# Runs a command in the background, as a shell that waits for one in the foreground obeys no signal
# meanwhile. It writes no file larger than a release can be; what it complains about is kept.
bounded() {
	(trap '' XFSZ && ulimit -f $((max_mebibytes * 2048)) && exec "$@") </dev/null >/dev/null 2>"$private/words" &
	child=$!
	status=0
	wait "$child" || status=$?
	child=
	return $status
}

# The line with the cause out of what a command complained about; wget's end in what it does about it.
last_words() {
	words=$(grep '^curl: (' "$private/words" ||
		sed 's/[[:space:]]*Retrying\.$//; /^[[:space:]]*$/d' "$private/words") || words=
	words=${words##*"$line_feed"}
	case $words in
	'') words="it ended with status $status and without a word" ;;
	*" $no_proxy_at"*) words='it leads to http, where nothing is fetched from' ;;
	esac
	printf '%s' "${words%.}"
}

# The digest is what protects; https alone, on redirects too, keeps others from reading along.
with_curl() {
	bounded curl -q --fail --silent --show-error --location --max-redirs 5 --proto =https --proto-redir =https \
		--connect-timeout $connect_seconds --max-time $download_seconds --retry 2 \
		--retry-max-time $download_seconds --max-filesize $((max_mebibytes << 20)) --output "$copy" "$1"
}

# Only a proxy that does not exist keeps GNU Wget from following a redirect to http.
no_proxy_at=127.0.0.1:1
with_wget() {
	set -- wget -t 3 -T $connect_seconds -O "$copy" "$1"
	case $(wget --version 2>&1) in
	GNU*) set -- env -u no_proxy -u NO_PROXY http_proxy=http://$no_proxy_at/ "$@" ;;
	esac
	! command -v timeout >/dev/null || set -- timeout $download_seconds "$@"
	bounded "$@"
}

use_download() {
	address=${url%/}/spinup-$version-$arch-linux
	if command -v curl >/dev/null; then
		with_curl "$address" || die "$reasons$address: $(last_words). $bake_it"
	elif command -v wget >/dev/null; then
		with_wget "$address" || die "$reasons$address: $(last_words). $bake_it"
	else
		die "${reasons}spinup cannot be downloaded from $address: there is neither curl nor wget. $bake_it"
	fi
	use_copy || die "$reasons$address: $why. Nothing of it was run"
}

take_inputs
check_system
[ -r "$release_file" ] || bad_release "it is not there"
read_release <"$release_file"
use_baked
prepare_copy
use_tool_cache
use_download
