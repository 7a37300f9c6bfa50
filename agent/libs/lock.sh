# shellcheck shell=bash disable=SC2154
# deps.lock: which source packages, and which files of theirs, the libraries were built from.
# SPDX-License-Identifier: Zlib

# The rows of one package as it lies in build/sources: package, version, SHA-256, file.
lock_lines() {
	awk -v p="$1" -v v="$(cat "$sources/$1/.version")" '{ print p, v, $1, $2 }' "$sources/$1/.sums"
}

# The same rows as deps.lock has them.
locked_lines() {
	awk -v p="$1" '$1 == p' "$lock"
}

# Writes deps.lock anew from what lies in build/sources.
lock_write() {
	local package
	{
		echo "# The Debian source packages of the static libraries; ./build.sh lock writes this file."
		echo '# package version SHA-256 file'
		for package in "${packages[@]}"; do lock_lines "$package"; done
	} >"$lock.part"
	mv "$lock.part" "$lock"
}

# One word and one sentence on a package: "same", or what differs.
lock_verdict() {
	local package=$1 version locked
	version=$(cat "$sources/$package/.version")
	locked=$(locked_lines "$package" | awk 'NR == 1 { print $2 }')
	if [ -z "$locked" ]; then
		echo "not in deps.lock"
	elif [ "$version" != "$locked" ]; then
		echo "deps.lock has $locked"
	elif ! cmp -s <(lock_lines "$package") <(locked_lines "$package"); then
		echo "deps.lock has the same version with other SHA-256 sums"
	else
		echo "same"
	fi
}

# Says what differs; returns 1 where something does.
lock_check() {
	local package verdict result=0
	for package in "${packages[@]}"; do
		verdict=$(lock_verdict "$package")
		[ "$verdict" = same ] && continue
		say "lock: $package $(cat "$sources/$package/.version"): $verdict"
		result=1
	done
	return $result
}
