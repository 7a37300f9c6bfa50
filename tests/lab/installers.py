# SPDX-License-Identifier: Zlib
"""Stand-ins for Determinate's nix-installer: one self-contained program each, which carries a whole closure.

standins/nix-installer is what it does, self_script.c what runs that; the variants fail in a way of their own."""

import os
import stat
import struct

import archives
import images
from archives import SYSTEM, Archive, hash_of
from places import HERE, LabError

VERSION = "3.0.0"
VARIANTS = {
    "": "installs",
    "fails-late": "fails when nearly everything is in place, and leaves a receipt that says so",
    "hangs": "never comes back from unpacking",
    "needs-useradd": "makes no user where there is neither useradd nor adduser, as the real one",
}
CALLS = "/opt/lab/nix-installer.calls"


def _entries(root, paths):
    """(manifest line without its end, the file's bytes or b"") of everything at and below some paths of a root,
    renamed as the real one's tarball has them."""
    for path in paths:
        for base, folders, names in os.walk(root / path[1:]):
            folders.sort()
            inside = [base, *(os.path.join(base, name) for name in sorted(names)),
                      *(os.path.join(base, name) for name in folders if os.path.islink(os.path.join(base, name)))]
            for item in inside:
                name = os.path.relpath(item, root / "nix")
                mode = os.lstat(item).st_mode
                if stat.S_ISLNK(mode):
                    yield f"l nix-{VERSION}/{name} {os.readlink(item)}", b""
                elif stat.S_ISDIR(mode):
                    yield f"d {stat.S_IMODE(mode):o} nix-{VERSION}/{name}", b""
                else:
                    with open(item, "rb") as stream:
                        data = stream.read()
                    yield f"f {stat.S_IMODE(mode):o} {len(data)} nix-{VERSION}/{name}", data


def _data(built, paths):
    """(the manifest, the files' bytes)."""
    nixd, reginfo = images.DETERMINATE_NIXD.read_bytes(), (built / "registration/determinate").read_bytes()
    rows = [(f"f 555 {len(nixd)} determinate-nixd", nixd), (f"d 755 nix-{VERSION}", b""),
            (f"d 755 nix-{VERSION}/store", b""), (f"f 644 {len(reginfo)} nix-{VERSION}/.reginfo", reginfo)]
    rows += _entries(built / "determinate", paths)
    return "".join(line + "\n" for line, _ in rows).encode(), b"".join(data for _, data in rows)


def make(variant="", log=lambda text: None):
    """The installer, or one of VARIANTS, as an Archive."""
    if variant not in VARIANTS:
        raise LabError(f"no installer {variant!r}: {', '.join(VARIANTS)}")
    closure = archives.make(log)["determinate-nix-3.0.0"]
    built, stub = images.make(log=log), images.make_program("self_script")
    name = f"nix-installer-{variant}" if variant else "nix-installer"

    def fill(folder):
        manifest, content = _data(built, closure.paths)
        script = (HERE / "standins/nix-installer").read_text()
        for mark, value in {"VARIANT": variant, "MANIFEST_BYTES": len(manifest), "NIX": closure.nix_store_path,
                            "PROFILE": closure.profile_store_path, "VERSION": VERSION}.items():
            script = script.replace(f"@{mark}@", str(value))
        program, text = stub.read_bytes(), script.encode()
        path = folder / f"{name}-{SYSTEM}"
        path.write_bytes(program + text + manifest + content + b"labshell" + struct.pack("QQ", len(program), len(text)))
        path.chmod(0o755)
        return [Archive(name, path, hash_of(path), "determinate", VERSION, closure.nix_store_path,
                        closure.profile_store_path, closure.paths, kind="determinate-installer")]

    recipe = [HERE / "installers.py", HERE / "standins/nix-installer", HERE / "self_script.c", images.DETERMINATE_NIXD]
    return archives.kept(name, fill, built.name, closure.sha256, *recipe)[name]
