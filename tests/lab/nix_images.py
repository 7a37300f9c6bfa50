# SPDX-License-Identifier: Zlib
"""Images with an older and a newer Nix than trixie's, each as a real store path behind the default profile. Made by
the first pod that asks for one (ten seconds), and kept under build/lab/images.

nix-old is Debian 12's 2.8.0: protocol 1.34, which says nothing of trust. nix-new is what Debian testing has today, so
that nothing may count on its number: 2.29 at least, from where Nix has a connect-timeout of its own. Testing may be
without Nix for a while; then it is unstable's."""

import shutil

import images
from archive import Archive
from places import BUILD, HERE, LabError, build_lock, digest

SUITES = {"nix-old": ["bookworm"], "nix-new": ["forky", "sid"]}  # image: releases, of which the first that has it counts
RECIPE = [HERE / name for name in ("nix_images.py", "images.py", "archive.py", "closure.nix", "build_store.sh")]


def _merge_usr(root):
    """Debian 12's C library still comes in /lib, beside the /usr/lib where the recipe looks."""
    if not (root / "lib").is_symlink():
        shutil.copytree(root / "lib", root / "usr/lib", symlinks=True, dirs_exist_ok=True)


def _fetch(suites):
    failures = []
    for suite in suites:
        try:
            return Archive(suite).fetch(images.BASE_PACKAGES + images.DISTRO_PACKAGES)
        except LabError as failure:
            failures.append(f"{suite}: {failure}")
    raise LabError(f"no Nix of Debian {' or '.join(suites)}: {'; '.join(failures)}")


def _build(fresh, suites):
    """Builds the closure in a root of that release, which goes away again."""
    root, built = fresh / "root", fresh / "built"
    images.make_bare(root, _fetch(suites))
    _merge_usr(root)
    images.make_distro(root)
    images.build_store([root], built, "nix:nix-VERSION")
    images.make_nix(fresh / "nix", built / "nix")
    for name in ("names", "registration"):
        (built / name).rename(fresh / name)
    shutil.rmtree(root)
    shutil.rmtree(built)


def make(image, log=lambda text: None):
    """Makes it where it is missing; returns the folder with its layer `nix`, `names` and `registration`."""
    base = images.make(log=log)
    with build_lock():
        final = BUILD / "images" / f"{image}-{digest(*SUITES[image], base.name, *RECIPE)}"
        if not final.exists():
            log(f"making the image {image} in {final}")
            for old in final.parent.glob(f"{image}-*"):
                shutil.rmtree(old)
            fresh = final.with_suffix(".new")
            fresh.mkdir()
            _build(fresh, SUITES[image])
            fresh.rename(final)
    return final


def layers(image, log=lambda text: None):
    """Its layers, as box wants them: a runner's root of trixie below, which the closure needs nothing of."""
    return f"{make(image, log) / 'nix'}:{images.make(log=log) / 'bare'}"
