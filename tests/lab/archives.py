# SPDX-License-Identifier: Zlib
"""Closure archives: real Nix closures as the files that an installation downloads, made once and kept under
build/lab/archives. Their bits are those of the lab's images (closure.nix); each has the registration that the real
nix-store printed of exactly its paths."""

import hashlib
import json
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import images
import nix_images
import registration
from archive import Archive as Packages
from places import BUILD, HERE, build_lock, digest

ARCHIVES = BUILD / "archives"
SYSTEM = "x86_64-linux"
OLD = "nix-old"  # the image with the second real version
BULK_PACKAGES = ["git", "linux-libc-dev"]  # with what they depend on: 160 MB in 7,700 files and folders
RECIPE = ["archives.py", "images.py", "archive.py", "closure.nix", "build_store.sh"]
# The programs of upstream's tarball that this one has only by name.
INSTALL_SCRIPTS = ["install", "install-multi-user", "install-systemd-multi-user.sh", "install-darwin-multi-user.sh",
                   "install-freebsd-multi-user.sh", "create-darwin-volume.sh"]
ZSTD = "zstd -12 -T2"
# Quick, but with the dictionary of xz's own default, which is what a reader must have room for.
XZ = "xz --threads=1 --lzma2=preset=1,dict=8MiB"


@dataclass(frozen=True)
class Archive:
    """One archive; name is its file's, as far as the ending."""
    name: str
    path: Path
    sha256: str              # 64 hex digits
    flavour: str             # determinate or upstream
    version: str             # of the flavour: Determinate's own, else Nix's
    nix_store_path: str
    profile_store_path: str  # …-user-environment; "" where it has none
    paths: tuple             # every store path in it, sorted
    system: str = SYSTEM
    kind: str = "archive"

    def source(self, *urls, **changes):
        """The entry of a contract's `install.sources` for it."""
        files = {self.system: {"sha256": self.sha256, "urls": list(urls)}}
        return {"name": self.name, "kind": self.kind, "flavour": self.flavour, "version": self.version,
                "verified": True, "files": files, **changes}


def hash_of(path):
    """A file's SHA-256 in hex."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def pack(target, compressor, *parts, options=()):
    """Makes a tar whose bytes depend on nothing but its contents. parts: (folder, members below it)."""
    words = ["tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1", *options]
    words += ["-I", compressor, "-cf", target]
    for folder, members in parts:
        words += ["-C", folder, *members]
    subprocess.run(words, check=True, timeout=300, stdin=subprocess.DEVNULL)


class _Maker:
    """Writes archives into a folder that is being made, from a /nix tree and what build_store.sh says of it."""

    def __init__(self, where):
        self.where, self.made = where, []

    def _extra(self, name, files):
        """A folder with the files that stand beside the store."""
        folder = self.where / f"{name}.extra"
        for path, (text, mode) in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
            (folder / path).chmod(mode)
        return folder, sorted(files)

    def _add(self, path, names, image, paths, has_profile):
        pname = names[image].partition("-")[2]
        flavour = "determinate" if pname.startswith("determinate-") else "upstream"
        self.made.append(Archive(
            path.name.removesuffix(".tar.zst").removesuffix(".tar.xz"), path, hash_of(path), flavour,
            pname.rpartition("-")[2], names[image], names[f"{image}-profile"] if has_profile else "", paths))

    def plain(self, root, built, image, name, nixd=None):
        """The store and its registration, with the profile's user environment; nixd: determinate-nixd's text."""
        text = (built / "registration" / image).read_text()
        beside = {"registration": (text, 0o444)}
        beside.update({"determinate-nixd": (nixd, 0o555)} if nixd else {})
        paths = registration.paths(text)
        path = self.where / f"{name}.tar.zst"
        extra = self._extra(name, beside)
        pack(path, ZSTD, (root, [path[1:] for path in paths]), extra)
        shutil.rmtree(extra[0])
        self._add(path, images.store_paths(built), image, paths, True)

    def upstream(self, root, built, image, name):
        """What releases.nixos.org has: NAME/store, NAME/.reginfo, install scripts, and no user environment."""
        text = (built / "registration" / f"{image}-upstream").read_text()
        beside = {script: ("#!/bin/sh\necho 'a stand-in of the lab' >&2\nexit 1\n", 0o755)
                  for script in INSTALL_SCRIPTS}
        paths = registration.paths(text)
        path = self.where / f"{name}.tar.xz"
        extra = self._extra(name, {f"{name}/.reginfo": (text, 0o644),
                                   **{f"{name}/{script}": value for script, value in beside.items()}})
        # The names of members alone are changed, not what symlinks point to; the modes are those of upstream's.
        options = [f"--transform=flags=r;s,^nix/store,{name}/store,", "--mode=u+rw,uga+r"]
        pack(path, XZ, (extra[0], [name]), (root, [path[1:] for path in paths]), options=options)
        shutil.rmtree(extra[0])
        self._add(path, images.store_paths(built), image, paths, False)


def _load(folder):
    rows = json.loads((folder / "index.json").read_text())
    made = [Archive(**{**row, "path": folder / row["path"], "paths": tuple(row["paths"])}) for row in rows]
    return {archive.name: archive for archive in made}


def kept(key, fill, *recipe):
    """What fill(folder) makes and returns as archives, by name; made once a recipe, below ARCHIVES."""
    final = ARCHIVES / f"{key}-{digest(*recipe)}"
    with build_lock():
        if not final.exists():
            fresh = final.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            rows = [{**asdict(archive), "path": archive.path.name} for archive in fill(fresh)]
            (fresh / "index.json").write_text(json.dumps(rows, indent=1))
            fresh.rename(final)
            for old in ARCHIVES.glob(f"{key}-{'[0-9a-f]' * 12}"):
                if old != final and time.time() - old.stat().st_mtime > 86400:
                    shutil.rmtree(old, ignore_errors=True)
    return _load(final)


def make(log=lambda text: None):
    """Makes what is missing: {name: Archive}, the names being nix-2.26.3, nix-2.26.3-x86_64-linux (upstream's
    layout), determinate-nix-3.0.0, determinate-nix-3.0.0-without-nixd and nix-2.8.0."""
    built = images.make(log=log)
    nix = images.store_paths(built)["nix"].partition("-")[2]
    nixd = images.DETERMINATE_NIXD.read_text()

    def closures(folder):
        log(f"making the closure archives in {folder}")
        maker = _Maker(folder)
        maker.plain(built / "nix", built, "nix", nix)
        maker.upstream(built / "nix", built, "nix", f"{nix}-{SYSTEM}")
        maker.plain(built / "determinate", built, "determinate", "determinate-nix-3.0.0", nixd)
        maker.plain(built / "determinate", built, "determinate", "determinate-nix-3.0.0-without-nixd")
        return maker.made

    old = nix_images.make(OLD, log)

    def old_version(folder):
        log(f"making the closure archive of {OLD} in {folder}")
        maker = _Maker(folder)
        maker.plain(old / "nix", old, "nix", images.store_paths(old)["nix"].partition("-")[2])
        return maker.made

    recipe = [HERE / name for name in RECIPE]
    return {**kept("closures", closures, built.name, nixd, *recipe), **kept(OLD, old_version, old.name, *recipe)}


def bulk(log=lambda text: None):
    """An archive as large as a real Nix's (226 MB in 7,900 members), for benchmarks: nix-2.26.3 with a store path for
    each of some Debian packages. Made by the first that asks (half a minute)."""
    built = images.make(log=log)
    nix = images.store_paths(built)["nix"].partition("-")[2]

    def fill(folder):
        log(f"making a bulk archive in {folder}")
        maker, packages, out = _Maker(folder), folder / "packages", folder / "built"
        packages.mkdir()
        for package in Packages(images.SUITE).fetch(BULK_PACKAGES):
            subprocess.run(["dpkg-deb", "-x", package, packages / package.name.partition("_")[0]], check=True,
                           timeout=60)
        images.build_store([built / "distro", built / "bare"], out, "nix:nix-VERSION", bulk=packages)
        maker.plain(out / "nix", out, "nix", f"{nix}-bulk")
        shutil.rmtree(out)
        shutil.rmtree(packages)
        return maker.made

    return kept("bulk", fill, built.name, HERE / "bulk.nix", *(HERE / name for name in RECIPE))[f"{nix}-bulk"]
