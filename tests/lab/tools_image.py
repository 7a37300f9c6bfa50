# SPDX-License-Identifier: Zlib
"""The image "tools": bare with zstd, xz and Debian's programs that make users, which the shell's ways of installing
Nix count on. Made by the first pod that asks for it, and kept under build/lab/images."""

import shutil
import subprocess

import images
from archive import Archive
from places import BUILD, HERE, build_lock, digest

PACKAGES = ["zstd", "xz-utils", "passwd"]
RECIPE = [HERE / name for name in ("tools_image.py", "images.py", "archive.py")]


def _write_shadows(root):
    """The files that a bare image does without, and a real one does not: useradd keeps them too."""
    names = [name for name, *_ in images.USERS]
    images.write(root, "etc/shadow", "".join(f"{name}:*:20000:0:99999:7:::\n" for name in names), 0o640)
    images.write(root, "etc/gshadow", "".join(f"{name}:*::\n" for name in names), 0o640)


def make(log=lambda text: None):
    """Makes it where it is missing; returns its layers, as box wants them."""
    bare = images.make(log=log) / "bare"
    with build_lock():
        final = BUILD / "images" / f"tools-{digest(images.SUITE, *RECIPE)}"
        if not final.exists():
            log(f"making the image tools in {final}")
            fresh = final.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            archive = Archive(images.SUITE)
            base = archive.fetch(images.BASE_PACKAGES)
            # archive.unpack leaves out the very packages that are wanted here.
            for package in set(archive.fetch(images.BASE_PACKAGES + PACKAGES)) - set(base):
                subprocess.run(["dpkg-deb", "-x", package, fresh], check=True, timeout=60)
            _write_shadows(fresh)
            fresh.rename(final)
    return f"{final}:{bare}"
