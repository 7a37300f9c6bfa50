# SPDX-License-Identifier: Zlib
"""The image "bazel": a real Bazel (Debian's bazel-bootstrap 7.7.1, which needs a newer release than the others) with a
Java runtime. Made by the first pod that asks for it (225 MB of packages), and kept under build/lab/images."""

import re
import shutil

from archive import Archive, unpack
from images import BASE_PACKAGES, BUILD, HERE, make_bare, write
from places import build_lock, digest

SUITE = "forky"
RECIPE = [HERE / name for name in ("bazel_image.py", "images.py", "archive.py")]
# What a build by genrules never calls: compilers, and the 350 MB of a JDK beside its runtime.
WITHOUT = re.compile(r"(openjdk-\d+-jdk|gcc-\d|g\+\+|cpp|lib[a-z]+san|lib(stdc\+\+|gcc)-\d+-dev|binutils|libperl|perl|"
                     r"libpython|python3|libc6-dev|linux-libc-dev|make|build-essential|dpkg-dev|libisl|libmp(c|fr)\d)")
# Bazel takes a folder for a JDK by this file, and never runs it here.
JAVAC = "#!/bin/sh\necho 'a stand-in of the lab: there is no compiler here' >&2; exit 1\n"


def make(log=lambda text: None):
    """Makes it where it is missing; returns the folder of its one layer."""
    with build_lock():
        final = BUILD / "images" / f"bazel-{digest(SUITE, *RECIPE)}"
        if final.exists():
            return final
        log(f"making the image bazel in {final}")
        fresh = final.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        archive = Archive(SUITE)
        base = archive.fetch(BASE_PACKAGES)
        unpack(set(archive.fetch(["bazel-bootstrap"], WITHOUT)) - set(base), fresh)
        make_bare(fresh, base)
        home = next((fresh / "usr/lib/jvm").glob("java-*-openjdk-amd64")).relative_to(fresh)
        write(fresh, home / "bin/javac", JAVAC, 0o755)
        (fresh / "usr/bin/javac").symlink_to(f"/{home}/bin/javac")
        fresh.rename(final)
        return final
