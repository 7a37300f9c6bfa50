# SPDX-License-Identifier: Zlib
"""The text that nix-store --load-db reads and --dump-db writes: per path the lines path, NAR hash, NAR size, deriver,
number of references, references."""


def paths(text):
    """The store paths that it registers, sorted."""
    lines, found, at = text.splitlines(), [], 0
    while at < len(lines):
        found.append(lines[at])
        at += 5 + int(lines[at + 4])
    return tuple(sorted(found))
