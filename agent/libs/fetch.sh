#!/usr/bin/env bash
# Fetches the libraries' Debian source packages, with apt's own client in a private state under build/.
# SPDX-License-Identifier: Zlib
# apt verifies the archive's signature against Debian's key ring, the index against the signature,
# and every file against the index: nothing that is unpacked later is unsigned.
# usage: fetch.sh [--locked | --newest]
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"
# shellcheck source=lock.sh
. "$libs/lock.sh"

suite=trixie
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
apt=$build/apt
mode=${1:-}

# One "URI suite" line for each entry of the machine's own apt sources, in both of apt's formats.
machine_sources() {
	local files=() f
	for f in /etc/apt/sources.list.d/*.sources; do [ -r "$f" ] && files+=("$f"); done
	[ ${#files[@]} -eq 0 ] || awk '
		function flush(  i, j, n, m) {
			n = split(uris, u); m = split(suites, s)
			if (enabled != "no")
				for (i = 1; i <= n; i++) for (j = 1; j <= m; j++) print u[i], s[j]
			uris = suites = enabled = ""
		}
		FNR == 1 || /^[[:space:]]*$/ { flush() }
		{ key = tolower($1) }
		key == "uris:" { $1 = ""; uris = $0 }
		key == "suites:" { $1 = ""; suites = $0 }
		key == "enabled:" { enabled = tolower($2) }
		END { flush() }' "${files[@]}"
	files=()
	for f in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do [ -r "$f" ] && files+=("$f"); done
	[ ${#files[@]} -eq 0 ] || sed -nE \
		's/^[[:blank:]]*deb(-src)?[[:blank:]]+(\[[^]]*\][[:blank:]]+)?([^[:blank:]]+)[[:blank:]]+([^[:blank:]]+).*/\3 \4/p' \
		"${files[@]}"
}

# The machine's address for Debian's main archive, or for its security archive.
archive() {
	local release='(buster|bullseye|bookworm|trixie|forky|duke|sid|oldoldstable|oldstable|stable|testing|unstable)'
	case $1 in
	main) machine_sources | awk -v r="^$release\$" '$2 ~ r { print $1; exit }' ;;
	security) machine_sources | awk -v r="^$release(-security|/updates)\$" '$2 ~ r { print $1; exit }' ;;
	esac
}

# A private apt configuration; the machine's proxies and authentication still hold, its hooks do not.
write_apt_conf() {
	mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/suites"
	: >"$apt/status"
	cat >"$apt/apt.conf" <<-CONF
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::State "$apt";
		Dir::State::lists "$apt/lists";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Etc::SourceList "$apt/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::Log "$apt";
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	CONF
}

# Reads one suite's signed index; a suite that this mirror lacks is named and left out.
add_suite() {
	local uri=$1 name=$2
	echo "deb-src [signed-by=$keyring] $uri $name main" >"$apt/suites/$name"
	if ! apt-get -c "$apt/apt.conf" -o Dir::Etc::SourceList="$apt/suites/$name" \
		update -qq >"$apt/$name.log" 2>&1; then
		say "fetch: the archive has no usable $name (build/apt/$name.log); going on without it"
		rm "$apt/suites/$name"
	fi
}

update() {
	local main security
	[ -r "$keyring" ] || die "Debian's key ring is missing: install debian-archive-keyring"
	main=${DEBIAN_ARCHIVE:-$(archive main)}
	[ -n "$main" ] || die "no Debian archive in /etc/apt: set DEBIAN_ARCHIVE to a mirror's address"
	security=${DEBIAN_SECURITY_ARCHIVE:-$(archive security)}
	write_apt_conf
	rm -f "$apt/suites"/*
	add_suite "$main" "$suite"
	add_suite "$main" "$suite-updates"
	if [ -n "$security" ]; then
		add_suite "$security" "$suite-security"
	else
		say "fetch: the machine names no security archive; going on without $suite-security"
	fi
	[ -e "$apt/suites/$suite" ] || die "cannot read Debian $suite; see build/apt/$suite.log"
	cat "$apt/suites"/* >"$apt/sources.list"
	apt-cache -c "$apt/apt.conf" gencaches >/dev/null
}

# The versions that the archive offers, newest first; with --locked only the one of deps.lock.
versions() {
	if [ "$mode" = --locked ]; then
		awk -v p="$1" '$1 == p { print $2; exit }' "$lock"
	else
		apt-cache -c "$apt/apt.conf" showsrc --only-source "$1" |
			awk '$1 == "Version:" { print $2 }' | sort -Vru
	fi
}

# A mirror can lack a file of the newest version: the next version that is whole is taken.
fetch_package() {
	local package=$1 version dir=$sources/$1
	for version in $(versions "$package"); do
		rm -rf "$dir.part" && mkdir -p "$dir.part"
		if (cd "$dir.part" && apt-get -c "$apt/apt.conf" source -qq --download-only \
			--only-source "$package=$version") >"$dir.log" 2>&1; then
			(cd "$dir.part" && sha256sum -- *) >"$dir.sums.part"
			mv "$dir.sums.part" "$dir.part/.sums"
			echo "$version" >"$dir.part/.version"
			rm -rf "$dir" && mv "$dir.part" "$dir"
			say "fetch: $package $version"
			return
		fi
		say "fetch: $package $version is not whole in this archive; trying the next version"
	done
	die "no whole version of $package in the archive; see build/sources/$package.log"
}

# Does the package at hand differ from deps.lock?
differs() {
	[ -e "$lock" ] && ! cmp -s <(lock_lines "$1") <(locked_lines "$1")
}

# Source packages to fetch: those that are not here; all for --newest; those that differ from
# deps.lock for --locked, and once after deps.lock has changed.
wanted() {
	local package
	for package in "${packages[@]}"; do
		if [ ! -e "$sources/$package/.version" ] || [ "$mode" = --newest ]; then
			echo "$package"
		elif [ "$mode" = --locked ] || [ "$lock" -nt "$sources/$package/.version" ]; then
			! differs "$package" || echo "$package"
		fi
	done
}

main() {
	local list package pids=() pid
	mapfile -t list < <(wanted)
	[ ${#list[@]} -gt 0 ] || return 0
	mkdir -p "$sources"
	update
	for package in "${list[@]}"; do
		fetch_package "$package" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do wait "$pid"; done
}

main
