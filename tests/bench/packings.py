# SPDX-License-Identifier: Zlib
"""Closure archives that only the benchmark wants: the bulk one packed in other ways, and one that is as large, and
needs as large a window, as any that is let through. Made once and kept beside the lab's."""

import dataclasses
import hashlib
import pathlib
import random
import subprocess
import tempfile

import archives

# how it is said in the tables: (the file's ending, the program that packs); upstream's xz makes one block too
PACKINGS = {"zstd -3": (".tar.zst", "zstd -3 -T2"), "zstd -19": (".tar.zst", "zstd -19 -T2"),
            "xz -6": (".tar.xz", "xz -6 -T1")}
# 32 MiB, the largest that spinup takes.
WIDEST = "zstd -1 --long=25 -T2"
BALLAST = "/nix/store/00000000000000000000000000000000-ballast"
BALLAST_MB = 285  # of noise, which no packing makes smaller


def _nar(content):
    """The NAR of one file that is not executable, as pieces."""
    for word in (b"nix-archive-1", b"(", b"type", b"regular", b"contents", content, b")"):
        yield len(word).to_bytes(8, "little")
        yield word
        yield bytes(-len(word) % 8)


def _registration(path, content):
    """What --load-db reads of a path that is one file and refers to nothing."""
    pieces = list(_nar(content))
    digest = hashlib.sha256(b"".join(pieces)).hexdigest()
    return f"{path}\n{digest}\n{sum(map(len, pieces))}\n\n0\n"


def _pack(archive, label, folder):
    ending, program = PACKINGS[label]
    name = f"{archive.name}-{label.replace(' -', '-')}"
    target = folder / (name + ending)
    subprocess.run(["bash", "-o", "pipefail", "-c", f'zstd -dc "$0" | {program} >"$1"', archive.path, target],
                   check=True, timeout=600)
    return dataclasses.replace(archive, name=name, path=target, sha256=archives.hash_of(target))


def packed(archive, label, log=lambda text: None):
    """The same archive, packed like one of PACKINGS."""
    def fill(folder):
        log(f"packing {archive.name} with {label}")
        return [_pack(archive, label, folder)]

    made = archives.kept(label.replace(" ", ""), fill, archive.sha256, PACKINGS[label])
    return next(iter(made.values()))


def _widest(archive, folder):
    noise = random.Random(5)
    content = b"".join(noise.randbytes(1_000_000) for _ in range(BALLAST_MB))
    target = folder / f"{archive.name}-widest.tar.zst"
    with tempfile.TemporaryDirectory(dir=folder) as name:
        root = pathlib.Path(name)
        subprocess.run(["tar", "-xf", archive.path, "-C", root], check=True, timeout=120)
        (root / BALLAST[1:]).write_bytes(content)
        with open(root / "registration", "a", encoding="ascii") as stream:
            stream.write(_registration(BALLAST, content))
        archives.pack(target, WIDEST, (root, sorted(path.name for path in root.iterdir())))
    return dataclasses.replace(archive, name="widest", path=target, sha256=archives.hash_of(target),
                               paths=tuple(sorted([*archive.paths, BALLAST])))


def widest(archive, log=lambda text: None):
    """An archive of 300 MB: this one with ballast in its store, in a window of 32 MiB."""
    def fill(folder):
        log("making an archive of 300 MB")
        return [_widest(archive, folder)]

    return archives.kept("widest", fill, archive.sha256, WIDEST, BALLAST, BALLAST_MB)["widest"]
