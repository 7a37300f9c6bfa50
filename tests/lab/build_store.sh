#!/bin/bash
# SPDX-License-Identifier: Zlib
# build_store.sh [NAME:PNAME...]: runs as root in a pod of an image that has Debian's nix: builds the lab's closures
# by the real nix, and fills under /out: for each NAME a whole /nix tree, registration/NAME (what --load-db reads, of
# the profile's closure), registration/NAME-upstream (that of nix and the CA bundle alone, as upstream's tarball has
# it), and names (NAME PATH, a line each). Folders in /bulk become store paths of their own beside it. PNAME may end with VERSION, which is the program's. Without a NAME: nix and
# determinate, and the signed paths, cache/main (a binary cache) and keys/ too.
set -euo pipefail
export HOME=/root NIX_CONFIG='experimental-features = nix-command flakes
substituters =
sandbox = false
build-users-group ='
cd /tmp
version=$(nix --version) version=${version##* }
glibc=$(getconf GNU_LIBC_VERSION)
signed=()
mkdir -p /out/registration

build() { nix-build --no-out-link --quiet "$@" 2>build.log || { cat build.log >&2; return 1; }; }

# The lines that closureInfo of nixpkgs writes for the closure of these paths.
closure_info() {
	local path references
	for path in $(nix-store -qR "$@" | sort -u); do
		mapfile -t references < <(nix-store -q --references "$path")
		printf '%s\n' "$path" "$(nix-store -q --hash "$path")" "$(nix-store -q --size "$path")" '' \
			${#references[@]} "${references[@]}"
	done
}

build_closure() {
	local name=$1 recipe=(/recipe/closure.nix --argstr pname "${2/VERSION/$version}" --argstr glibcName "${glibc/ /-}")
	local profile nix cacert bulk=() state=/out/$1/nix/var/nix
	profile=$(build "${recipe[@]}" -A profile)
	nix=$(build "${recipe[@]}" -A nix)
	cacert=$(build "${recipe[@]}" -A cacert)
	printf '%s\n' "$name $nix" "$name-profile $profile" "$name-cacert $cacert" >>/out/names
	[ ! -d /bulk ] || mapfile -t bulk < <(build /recipe/bulk.nix)
	signed+=("$profile")
	nix copy --no-check-sigs --to "local?root=/out/$name" "$profile" "${bulk[@]}"
	nix-store -qR "$profile" "${bulk[@]}" | xargs nix-store --dump-db >"/out/registration/$name"
	closure_info "$nix" "$cacert" >"/out/registration/$name-upstream"
	mkdir -p "$state/profiles/per-user" "$state/gcroots"
	ln -s "$profile" "$state/profiles/default-1-link"
	ln -s default-1-link "$state/profiles/default"
	ln -sfn /nix/var/nix/profiles "$state/gcroots/profiles"
	chgrp 30000 "/out/$name/nix/store"
	chmod 1775 "/out/$name/nix/store"
}

make_keys() {
	local key
	mkdir -p /out/keys
	for key in main other; do
		nix key generate-secret --key-name main >/out/keys/$key.sec
		nix key convert-secret-to-public </out/keys/$key.sec >/out/keys/$key.pub
	done
}

make_cache() {
	local name path
	mkdir -p /out/cache
	for name in dep hello big; do
		path=$(build /recipe/signed.nix -A $name)
		signed+=("$path")
		echo "$name $path" >>/out/names
	done
	nix copy --to 'file:///out/cache/main?secret-key=/out/keys/main.sec&compression=zstd' "${signed[@]}"
}

if [ $# -gt 0 ]; then
	for closure; do build_closure "${closure%%:*}" "${closure#*:}"; done
else
	make_keys
	build_closure nix nix-VERSION
	build_closure determinate determinate-nix-3.0.0
	make_cache
fi
