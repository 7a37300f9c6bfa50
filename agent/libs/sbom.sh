#!/usr/bin/env bash
# Prints the binary's bill of materials as CycloneDX 1.5: each library, its sources' SHA-256 sums,
# its licence, and how it compares with deps.lock.
# SPDX-License-Identifier: Zlib
# shellcheck source-path=SCRIPTDIR source=env.sh
. "$(dirname "$0")/env.sh"
# shellcheck source=lock.sh
. "$libs/lock.sh"

# A string for JSON; the values here hold no control characters.
quote() {
	local text=${1//\\/\\\\}
	printf '"%s"' "${text//\"/\\\"}"
}

# The package URL's version: + and : are percent-encoded.
purl() {
	local version=${2//+/%2B}
	printf 'pkg:deb/debian/%s@%s?arch=source&distro=trixie' "$1" "${version//:/%3A}"
}

files() {
	local sum file comma=
	while read -r sum file; do
		printf '%s\n        {"type": "distribution", "url": %s, "hashes": [{"alg": "SHA-256", "content": "%s"}]}' \
			"$comma" "$(quote "$file")" "$sum"
		comma=,
	done <"$sources/$1/.sums"
}

component() (
	package=$1 licence=
	version=$(cat "$sources/$package/.version")
	# shellcheck source=/dev/null
	. "$libs/recipes/$package.sh"
	cat <<-JSON
		    {
		      "type": "library",
		      "bom-ref": $(quote "$package"),
		      "name": $(quote "$package"),
		      "version": $(quote "$version"),
		      "purl": $(quote "$(purl "$package" "$version")"),
		      "licenses": [{"license": {"id": $(quote "$licence")}}],
		      "externalReferences": [$(files "$package")
		      ],
		      "properties": [
		        {"name": "spinup:deps.lock", "value": $(quote "$(lock_verdict "$package")")}
		      ]
		    },
	JSON
)

main() {
	local package compiler version
	compiler=$("${tools}gcc" -dumpfullversion)
	version=$(sed -n 's/^#define SPINUP_VERSION "\(.*\)"/\1/p' "$repo/agent/version.h")
	cat <<-JSON
		{
		  "bomFormat": "CycloneDX",
		  "specVersion": "1.5",
		  "version": 1,
		  "metadata": {
		    "component": {"type": "application", "bom-ref": "spinup", "name": "spinup", "version": $(quote "$version"), "licenses": [{"license": {"id": "Zlib"}}]}
		  },
		  "components": [
	JSON
	for package in "${packages[@]}"; do component "$package"; done
	cat <<-JSON
		    {
		      "type": "library",
		      "bom-ref": "libgcc",
		      "name": "libgcc",
		      "version": $(quote "$compiler"),
		      "description": "the compiler's own runtime, from the machine that built",
		      "licenses": [{"expression": "GPL-3.0-or-later WITH GCC-exception-3.1"}]
		    }
		  ]
		}
	JSON
}

main
