#!/bin/sh
# The runner's hook before a job: proves the lane, then goes on to the hook that was there before.
# SPDX-License-Identifier: Zlib
#
# Set ACTIONS_RUNNER_HOOK_JOB_STARTED to this file's path, outside the runner's own directory. The runner
# starts it with `bash -e` (or `sh -e`) and no time limit, and fails the job when it fails. It fails:
#   - with 1, when SPINUP_MODE=enforce and spinup found the lane broken, or could not prove it;
#   - with the status of the hook that SPINUP_NEXT_HOOK names, which runs whatever spinup found.
# SPINUP_AGENT names another spinup than the image's. No agent is started that somebody but root may change.
set -f

say() { printf '::%s title=spinup::%s\n' "$1" "$2"; }

is_enforced() { [ "${SPINUP_MODE-}" = enforce ]; }

# What is wrong with the agent itself stops a job only where the proof was demanded.
complain() {
	if is_enforced; then
		say error "$1"
		failed=1
	else
		say warning "$1 The job goes on without the proof of its lane."
	fi
}

# Whether root alone can change what stands at an absolute path without symlinks: each part of it is
# root's, and writable for nobody else (the group's bits show what an ACL grants, too). In a sticky
# directory others cannot touch what is root's.
is_roots() {
	part=$1
	while [ "$part" != / ]; do
		part=${part%/*}
		part=${part:-/}
		set -- "$@" "$part"
	done
	# shellcheck disable=SC2012 # the names, which may be odd, are not read
	ls -ldn "$@" 2>/dev/null | {
		seen=0
		while read -r mode _ owner _; do
			[ "$owner" = 0 ] || exit 1
			case $mode in
			d????????[tT]*) ;;
			?????w* | ????????w*) exit 1 ;;
			esac
			seen=$((seen + 1))
		done
		[ "$seen" -eq $# ]
	}
}

# Settles $agent; empty where there is none that may be started.
find_agent() {
	for place in "${SPINUP_AGENT-}" /usr/local/bin/spinup /opt/spinup/spinup; do
		agent=
		case $place in
		/*) agent=$(readlink -f "$place") || agent= ;;
		esac
		[ -z "$agent" ] || { [ -f "$agent" ] && [ -x "$agent" ] && is_roots "$agent"; } || agent=
		[ -z "$agent" ] || return 0
		[ -z "$place" ] || [ "$place" != "${SPINUP_AGENT-}" ] ||
			say warning "SPINUP_AGENT is not used: it is no program that root alone can change."
	done
}

# The shell must hear of a cancelled job while the agent runs, and take the agent with it. $! is set in
# the moment in which there is somebody to stop.
stop() {
	trap '' INT TERM HUP
	[ -z "$!" ] || kill -TERM "$!" 2>/dev/null || :
	wait
	exit "$1"
}

# Runs a command in the background; its status is in $status.
await() {
	trap 'stop 130' INT
	trap 'stop 143' TERM HUP
	"$@" </dev/null &
	status=0
	wait "$!" || status=$?
	trap - INT TERM HUP
}

# spinup keeps its own deadline; this one is for a spinup that does not. (busybox's timeout leaves a process
# behind that holds the log open.)
prove() {
	limit=${SPINUP_DEADLINE-}
	case $limit in
	'' | *[!0-9]* | ?????*) limit=10 ;;
	esac
	limit=$((limit + 60))
	if timeout --version >/dev/null 2>&1; then
		await timeout -k 5 "$limit" "$agent" hook started
	else
		await "$agent" hook started
	fi
	case $status in
	0) ;;
	1) failed=1 ;;
	2 | 3) ! is_enforced || failed=1 ;; # spinup has said why
	124 | 137) complain "spinup did not end within $limit s, and was stopped." ;;
	*) complain "spinup ended with status $status." ;;
	esac
}

# The runner's own node lies beside the worker that started this hook.
find_node() {
	worker=$(readlink "/proc/$PPID/exe") || worker=
	for folder in "${worker%/bin/*}" "${RUNNER_TEMP%/_work/_temp}"; do
		for version in node24 node20 node16; do
			node=$folder/externals/$version/bin/node
			[ ! -x "$node" ] || return 0
		done
	done
	node=node
}

# As the runner treats a hook of its own: one that cannot be started fails the job.
refuse() {
	say error "The hook that SPINUP_NEXT_HOOK names was not run: $1"
	exit 1
}

# Where nothing has failed the next hook takes this shell's place, and hears the runner's signals itself.
hand_over() {
	[ -z "$failed" ] || { await "$@"; exit 1; }
	exec "$@"
}

run_next() {
	next=$SPINUP_NEXT_HOOK
	unset SPINUP_NEXT_HOOK
	case $next in
	/*) ;;
	*) refuse "it is no absolute path." ;;
	esac
	if [ ! -f "$next" ] || [ ! -r "$next" ]; then
		refuse "it is no file that this user can read."
	fi
	case $next in
	*.sh)
		shell="bash"
		command -v bash >/dev/null 2>&1 || shell="sh"
		hand_over "$shell" -e "$next"
		;;
	*.js)
		find_node
		command -v "$node" >/dev/null 2>&1 || refuse "there is no node to run it with."
		hand_over "$node" "$next"
		;;
	*.ps1)
		command -v pwsh >/dev/null 2>&1 || refuse "there is no pwsh to run it with."
		hand_over pwsh -File "$next"
		;;
	*) refuse "its name ends neither in .sh nor in .js nor in .ps1." ;;
	esac
}

failed=
find_agent
if [ -n "$agent" ]; then
	prove
else
	complain "There is no spinup at /usr/local/bin/spinup or /opt/spinup/spinup that root alone can change."
fi
[ -z "${SPINUP_NEXT_HOOK-}" ] || run_next
[ -z "$failed" ] || exit 1
