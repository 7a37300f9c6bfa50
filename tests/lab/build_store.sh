#!/bin/bash
# SPDX-License-Identifier: Zlib
# Runs as root in a pod of the image that has Debian's nix: builds the lab's closures and signed paths by
# the real nix, and fills under /out: nix/ and determinate/ (whole /nix trees), cache/main (a binary cache),
# keys/ and names (NAME PATH, a line each).
set -euo pipefail
export HOME=/root NIX_CONFIG='experimental-features = nix-command flakes
substituters =
sandbox = false
build-users-group ='
cd /tmp
version=$(nix --version) version=${version##* }

build() { nix-build --no-out-link --quiet "$@" 2>build.log || { cat build.log >&2; return 1; }; }

mkdir -p /out/keys /out/cache
nix key generate-secret --key-name main >/out/keys/main.sec
nix key generate-secret --key-name main >/out/keys/other.sec
for key in main other; do
	nix key convert-secret-to-public </out/keys/$key.sec >/out/keys/$key.pub
done

signed=()
for name in dep hello big; do
	path=$(build /recipe/signed.nix -A $name)
	signed+=("$path")
	echo "$name $path" >>/out/names
done
for layer in nix:nix-"$version" determinate:determinate-nix-3.0.0; do
	image=${layer%%:*} pname=${layer#*:}
	profile=$(build /recipe/closure.nix --argstr pname "$pname" -A profile)
	echo "$image $(build /recipe/closure.nix --argstr pname "$pname" -A nix)" >>/out/names
	echo "$image-profile $profile" >>/out/names
	signed+=("$profile")
	nix copy --no-check-sigs --to "local?root=/out/$image" "$profile"
	state=/out/$image/nix/var/nix
	mkdir -p "$state/profiles/per-user" "$state/gcroots"
	ln -s "$profile" "$state/profiles/default-1-link"
	ln -s default-1-link "$state/profiles/default"
	ln -sfn /nix/var/nix/profiles "$state/gcroots/profiles"
	chgrp 30000 "/out/$image/nix/store"
	chmod 1775 "/out/$image/nix/store"
done
nix copy --to 'file:///out/cache/main?secret-key=/out/keys/main.sec&compression=zstd' "${signed[@]}"
