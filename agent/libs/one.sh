#!/usr/bin/env bash
# Builds one static library from its Debian source package into the sysroot, unless it is there.
# SPDX-License-Identifier: Zlib
# usage: one.sh PACKAGE   (the recipe is recipes/PACKAGE.sh: `needs`, `licence` and a function `recipe`)
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"

package=$1
work=$out/libs/$package
stamp=$sysroot/.built/$package
# shellcheck disable=SC2034 # the recipes use it
make=("${MAKE:-make}" --no-print-directory)
needs=() defines=()
# shellcheck source=/dev/null
. "$libs/recipes/$package.sh"

# The hash of all that goes into the library: recipe, flags, sources, compiler, what it is built on.
key() {
	local need
	{
		cat "$libs/env.sh" "$libs/one.sh" "$libs/recipes/$package.sh"
		cat "$sources/$package/.sums"
		"${tools}gcc" -v 2>&1
		echo "$sysroot" "$arch"
		for need in "${needs[@]}"; do cat "$sysroot/.built/$need"; done
	} | sha256sum | cut -d' ' -f1
}

# Unpacks with the Debian patches applied; the files' hashes are checked once more against the .dsc.
# (The .dsc's own signature is its uploader's; the archive's signature covers it, see fetch.sh.)
unpack() {
	rm -rf "$work" && mkdir -p "$work"
	dpkg-source --no-check-signature -x "$sources/$package"/*.dsc "$work/src"
	SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$work/src/debian/changelog" -STimestamp)
	export SOURCE_DATE_EPOCH
}

# configure as every autoconf library here wants it; the timestamps of patched files must not
# send make after autoconf and its kind.
configure() {
	find . -exec touch -r configure {} +
	./configure --host="$arch-linux-musl" --prefix="$sysroot" --libdir="$sysroot/lib" \
		--disable-shared --enable-static --disable-dependency-tracking \
		CC="$cc" CFLAGS="${cflags[*]}" PKG_CONFIG_LIBDIR="$sysroot/lib/pkgconfig" "$@"
}

# A library of a few files: compile them all and pack them, without its build system.
archive() {
	local library=$1 f
	shift
	for f in "$@"; do "$cc" "${cflags[@]}" "${defines[@]}" -c "$f" -o "$work/$(basename "$f" .c).o"; done
	"$AR" rcs "$sysroot/lib/$library" "$work"/*.o
}

main() {
	local key started=$SECONDS
	key=$(key)
	[ "$(cat "$stamp" 2>/dev/null)" != "$key" ] || return 0
	rm -f "$stamp"
	mkdir -p "$sysroot/.built" "$sysroot/lib" "$sysroot/include" "$out/libs"
	if ! (unpack && cd "$work/src" && set -e && recipe) >"$out/libs/$package.log" 2>&1; then
		tail -n 25 "$out/libs/$package.log" >&2
		die "$package does not build; the whole log is ${out#"$repo"/}/libs/$package.log"
	fi
	install -D -m 644 "$work/src/debian/copyright" "$sysroot/share/licences/$package"
	rm -rf "$work"
	echo "$key" >"$stamp"
	say "built $package $(cat "$sources/$package/.version") ($((SECONDS - started)) s)"
}

main
