#!/bin/sh
# SPDX-License-Identifier: Zlib
# Pushes to Attic what a command built: `push.sh snapshot` before it, `push.sh push` after it.
#
# What was built is what is new in /nix/store; paths that were only substituted are among it, and the
# client leaves out what the server has. It is Attic's own client that pushes, with a configuration of our
# own: the token in a private file, never in an argument. It knows no time limit, so it gets one, and a
# server that has died since the lane was proven is told by a proof of two seconds before.
#
# A push that does not succeed is a warning; where it is required, an error.
set -eu
umask 077
export LC_ALL=C # the grammar of names is ASCII

store=/nix/store
before=${RUNNER_TEMP:-/tmp}/spinup/store-before
batch=64 # the client takes paths as arguments, and asks the server once for all of them
private=
client=

# ---- what is said

say() { printf 'spinup: %s\n' "$*"; }

annotate() {
	printf '::%s title=spinup%%3A push::%s\n' "$1" "$(printf '%s' "$2" | tr '\000-\037\177' ' ' | sed 's/%/%25/g')"
}

# What keeps from pushing: ends the step, and under require-cache-push the job.
give_up() {
	if [ "${WITH_REQUIRE_CACHE_PUSH-}" = true ] && [ "${WITH_MODE-}" != warn ]; then
		annotate error "$1"
		leave 1
	fi
	annotate warning "$1"
	leave 0
}

# Where a command that should never fail has failed (no space, no rights), its own words are in the log.
stop_short() {
	[ "$1" -ne 0 ] || leave 0
	give_up "nothing more is pushed: the step itself failed; what failed is in the log"
}

# Text of a server or of another program: no line of it can become a workflow command.
show() { tail -c 65536 "$1" | tr -d '\000-\010\013-\037\177' | sed 's/##\[/# #[/g; s/^/  | /'; }

leave() {
	trap - EXIT INT TERM HUP
	[ -z "$client" ] || kill "$client" 2>/dev/null || :
	[ -z "$private" ] || rm -rf "$private"
	exit "$1"
}

# ---- what was built

# Store paths by their names; .drv and -source hold what a build is made from, and may be what the
# job's own checkout holds. Locks and other leftovers fail the question whether they are valid.
names() {
	# shellcheck disable=SC2010 # each name is held against the grammar, and then asked about
	ls -A "$store" | grep -E '^[0-9a-df-np-sv-z]{32}-[0-9A-Za-z+._?=-]+$' | grep -Ev '(\.drv|-source)$'
}

# The lines of stdin that file $1 has not; comm(1) is not in every busybox.
only_in() { sort - "$1" "$1" | uniq -u; }

# The new ones that Nix vouches for, a whole path a line.
built() {
	names | only_in "$before" | sed "s|^|$store/|" >"$private/new"
	[ -s "$private/new" ] || return 0
	xargs -n 500 nix-store --check-validity --print-invalid <"$private/new" >"$private/invalid" || return 1
	only_in "$private/invalid" <"$private/new"
}

# ---- how it is pushed

# Whether the server answers now, and still lets this job push.
is_proven() {
	SPINUP_ATTIC=$ATTIC_SERVER SPINUP_ATTIC_CACHE=$ATTIC_CACHE SPINUP_ATTIC_PUBLIC_KEY=${ATTIC_PUBLIC_KEY-} \
		SPINUP_REQUIRE=attic-push SPINUP_SKIP='' SPINUP_STRICT='' SPINUP_REPORT='' SPINUP_JSON='' \
		"$WITH_AGENT" probe attic </dev/null >"$private/proof" 2>&1
}

configure_client() {
	mkdir "$private/attic"
	if [ -n "${ATTIC_TOKEN-}" ]; then
		printf '%s\n' "$ATTIC_TOKEN" >"$private/token"
	elif [ -n "${ATTIC_TOKEN_FILE-}" ]; then
		cat "$ATTIC_TOKEN_FILE" >"$private/token"
	fi
	{
		printf "default-server = 'spinup'\n\n[servers.spinup]\nendpoint = '%s/'\n" "${ATTIC_SERVER%/}"
		[ ! -f "$private/token" ] || printf "token-file = '%s'\n" "$private/token"
	} >"$private/attic/config.toml"
	# The client reads Nix's configuration too, where the user has it.
	export NIX_USER_CONF_FILES="${NIX_USER_CONF_FILES-${XDG_CONFIG_HOME:-${HOME-}/.config}/nix/nix.conf}"
	unset ATTIC_TOKEN
}

# In the background, as a shell that waits for a command in the foreground obeys no signal meanwhile.
push_batch() {
	left=$((end - $(date +%s)))
	[ "$left" -gt 0 ] || return 1
	XDG_CONFIG_HOME=$private timeout -s KILL "$left" attic push "spinup:$ATTIC_CACHE" "$@" \
		</dev/null >>"$private/log" 2>&1 &
	client=$!
	status=0
	wait "$client" || status=$?
	client=
	return $status
}

# A batch that fails keeps no other from being tried, as long as there is time.
push_all() {
	failed=0
	set --
	while read -r path; do
		set -- "$@" "$path"
		[ $# -eq $batch ] || continue
		push_batch "$@" || failed=1
		set --
	done <"$private/paths"
	[ $# -eq 0 ] || push_batch "$@" || failed=1
	return $failed
}

# ---- the two steps

check_limit() {
	case $limit in
	*[!0-9]* | ??????* | 0*) annotate error 'push-timeout is no number of seconds from 1 to 99999' && leave 2 ;;
	esac
}

snapshot() {
	for program in attic timeout; do
		command -v $program >/dev/null ||
			give_up "nothing will be pushed: there is no program $program on PATH. Put it into the runner's image$advice"
	done
	names >"$before" || give_up "nothing will be pushed: what is in the store cannot be kept in $before"
}

push() {
	[ -f "$before" ] || leave 0 # what the first step has said
	private=$(mktemp -d "${RUNNER_TEMP:-/tmp}/spinup-push.XXXXXX")
	built >"$private/paths" || give_up "nothing was pushed: nix-store does not say which of the new paths are valid"
	count=$(wc -l <"$private/paths")
	if [ "$count" -eq 0 ]; then
		say 'nothing new in the store, so there is nothing to push'
		leave 0
	fi
	if ! is_proven; then
		show "$private/proof"
		give_up "nothing was pushed: the Attic server no longer lets this job push, as it did before the command"
	fi
	configure_client
	begun=$(date +%s)
	end=$((begun + limit))
	if push_all; then
		say "pushed $count new store paths to $ATTIC_CACHE, in $(($(date +%s) - begun)) s"
		leave 0
	fi
	show "$private/log"
	[ "$(date +%s)" -lt "$end" ] || give_up "the push to Attic was stopped after $limit s (push-timeout); not all new store paths are in the cache"
	give_up 'the push to Attic failed; not all new store paths are in the cache. What the client said is in the log'
}

trap 'stop_short $?' EXIT
trap 'leave 130' INT
trap 'leave 143' TERM HUP
limit=${WITH_PUSH_TIMEOUT:-600}
advice=" (nixpkgs' attic-client is the client)"
check_limit
case ${1-} in
snapshot) rm -f "$before" && snapshot ;;
push) push ;;
*) say 'usage: push.sh snapshot | push' >&2 && leave 2 ;;
esac
