# SPDX-License-Identifier: Zlib
"""The image "docker": Debian's Docker, both the daemon and its client, as a runner's image has the one and the daemon's
container beside it the other. Made by the first pod that asks for it (80 MB of packages), and kept under
build/lab/images."""

import re
import shutil

import certificates
from archive import Archive, unpack
from images import BASE_PACKAGES, BUILD, HERE, SUITE, make_bare
from places import build_lock, digest

PACKAGES = ["docker.io", "docker-cli"]
# What only a daemon with networks of its own calls, or what scripts do that never run here.
WITHOUT = re.compile(r"(adduser|iptables|lib(ip[46]tc|xtables|nft|nfnetlink|mnl|netfilter)|netbase)")
RECIPE = [HERE / name for name in ("docker_image.py", "images.py", "archive.py")]
GROUP = 123  # as in the runner's own image


def make(log=lambda text: None):
    """Makes it where it is missing; returns the folder of its one layer."""
    recipe = digest(SUITE, certificates.make() / "ca.crt", *RECIPE)
    with build_lock():
        final = BUILD / "images" / f"docker-{recipe}"
        if final.exists():
            return final
        log(f"making the image docker in {final}")
        for old in final.parent.glob("docker-*"):
            shutil.rmtree(old)
        fresh = final.with_suffix(".new")
        archive = Archive(SUITE)
        base = archive.fetch(BASE_PACKAGES)
        make_bare(fresh, base)
        unpack([path for path in archive.fetch(BASE_PACKAGES + PACKAGES, WITHOUT) if path not in base], fresh)
        with open(fresh / "etc/group", "a", encoding="ascii") as groups:
            groups.write(f"docker:x:{GROUP}:\n")
        fresh.rename(final)
        return final
