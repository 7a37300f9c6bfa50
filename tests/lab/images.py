# SPDX-License-Identifier: Zlib
"""The runner images of the lab: Debian roots as overlay layers, made once and kept under build/lab/images."""

import os
import shutil
import stat
import subprocess
import time
from pathlib import Path

import certificates
from archive import Archive, unpack
from places import BOX, BUILD, HERE, MOUNT_POINT, LabError, build_lock, digest

SUITE = "trixie"
BASE_PACKAGES = ["base-files", "bash", "dash", "coreutils", "grep", "sed", "findutils", "util-linux", "tar",
                 "ca-certificates", "curl", "wget", "libc-bin", "openssl", "sudo", "libpam-modules", "procps"]
DISTRO_PACKAGES = ["nix-bin", "patchelf"]

# image: its layers, the uppermost first
IMAGES = {"nix": ["nix", "bare"], "determinate": ["determinate", "bare"], "distro": ["distro", "bare"],
          "bare": ["bare"], "thin": ["thin", "bare"]}
WITHOUT_NIX = ("bare", "thin")
# What `thin` hides of `bare`, where that has it: whatever could download, unpack, or make users.
THIN_LACKS = ["curl", "wget", "tar", "gzip", "gunzip", "zcat", "bzip2", "xz", "unxz", "xzcat", "zstd", "unzstd",
              "unzip", "openssl", "c_rehash", "useradd", "groupadd", "adduser", "addgroup", "busybox", "perl"]

USERS = [("root", 0, 0, "/root"), ("runner", 1001, 1001, "/home/runner"), ("trusted", 1002, 1002, "/home/trusted"),
         ("nobody", 65534, 65534, "/nonexistent")]
BUILD_USERS = [(f"nixbld{i}", 30000 + i, 30000, "/var/empty") for i in range(1, 5)]

# Without `substituters =` every command would first stall on cache.nixos.org, which the lab does not have.
NIX_CONF = """build-users-group = nixbld
trusted-users = root trusted
experimental-features = nix-command flakes
substituters =
sandbox = false
"""
DETERMINATE_NIXD = HERE / "standins/determinate-nixd"


def _recipe(suite):
    certificate = certificates.make() / "ca.crt"
    return digest(suite, certificate, *(HERE / name for name in (
        "images.py", "archive.py", "closure.nix", "signed.nix", "build_store.sh")), DETERMINATE_NIXD)


def folder(suite=SUITE):
    """Where the layers of a suite are, whether they have been made or not."""
    return BUILD / "images" / f"{suite}-{_recipe(suite)}"


def write(root, path, text, mode=0o644):
    """Writes one file of a root that is being made."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(mode)


def _write_users(root, users, build_users):
    write(root, "etc/passwd", "".join(
        f"{name}:x:{uid}:{gid}::{home}:/bin/bash\n" for name, uid, gid, home in users + build_users))
    groups = [f"{name}:x:{gid}:\n" for name, _, gid, _ in users if name != "nobody"] + ["nogroup:x:65534:\n"]
    if build_users:
        groups.append(f"nixbld:x:30000:{','.join(name for name, *_ in build_users)}\n")
    write(root, "etc/group", "".join(groups))


def _write_certificates(root):
    """Debian's bundle and the hashed directory that update-ca-certificates makes, with the lab's CA in both."""
    store = root / "etc/ssl/certs"
    store.mkdir(parents=True, exist_ok=True)
    write(root, "usr/local/share/ca-certificates/lab.crt", (certificates.make() / "ca.crt").read_text())
    authorities = sorted((root / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    authorities.append(root / "usr/local/share/ca-certificates/lab.crt")
    (store / "ca-certificates.crt").write_text("".join(path.read_text() for path in authorities))
    for path in authorities:
        (store / path.with_suffix(".pem").name).symlink_to("/" + str(path.relative_to(root)))
    for path in authorities:
        hashed = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", path], check=True, text=True,
                                capture_output=True, timeout=20).stdout.strip()
        number = next(n for n in range(100) if not os.path.lexists(store / f"{hashed}.{n}"))
        (store / f"{hashed}.{number}").symlink_to(path.with_suffix(".pem").name)


def make_bare(root, packages):
    """A runner image's root: the packages' files, users, certificates, no Nix."""
    unpack(packages, root)
    for name in ("dev", "proc", "sys", "run", "root", "home/runner", "home/trusted", "var/empty", "mnt", "opt",
                 "usr/local/bin", "etc/sudoers.d"):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name).chmod(0o1777)
    for link, target in (("bin", "usr/bin"), ("lib", "usr/lib"), ("lib64", "usr/lib64"), ("sbin", "usr/sbin"),
                         ("usr/bin/sh", "dash"), ("var/run", "/run")):
        if not os.path.lexists(root / link):
            (root / link).symlink_to(target)
    (root / "root").chmod(0o700)
    for name, uid, gid, home in USERS[1:3]:
        os.chown(root / home[1:], uid, gid)
    _write_users(root, USERS, [])
    write(root, "etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    write(root, "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    write(root, "etc/sudoers", "Defaults env_reset, !use_pty\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\n",
          0o440)
    for kind in ("auth", "account", "session", "session-noninteractive", "password"):
        # What pam-auth-update would write; every account here is a test's.
        write(root, f"etc/pam.d/common-{kind}", f"{kind.partition('-')[0]} required pam_permit.so\n")
    _write_certificates(root)


def make_distro(root):
    """What the layer with Debian's nix needs beside its packages."""
    _write_users(root, USERS, BUILD_USERS)
    write(root, "etc/nix/nix.conf", NIX_CONF)


def make_nix(root, built):
    """A layer with this /nix tree, which is moved, and what belongs to it in /etc."""
    root.mkdir()
    (built / "nix").rename(root / "nix")
    _write_users(root, USERS, BUILD_USERS)
    write(root, "etc/nix/nix.conf", NIX_CONF)


def _make_determinate(root, built):
    """As the installer leaves it: determinate-nixd's own nix.conf, and ours in the file that it includes."""
    make_nix(root, built)
    program = DETERMINATE_NIXD.read_text()
    write(root, "usr/local/bin/determinate-nixd", program, 0o555)
    managed = program.partition("<<'END'\n")[2].partition("END\n")[0]
    write(root, "etc/nix/nix.conf", managed)
    write(root, "etc/nix/nix.custom.conf", "# Written by the lab.\n" + NIX_CONF)


def _make_thin(root, bare):
    """Hides files of the layer below, as overlayfs wants them hidden: by character devices 0:0."""
    for name in THIN_LACKS:
        for folder in ("usr/bin", "usr/sbin"):
            if os.path.lexists(bare / folder / name):
                (root / folder).mkdir(parents=True, exist_ok=True)
                os.mknod(root / folder / name, stat.S_IFCHR, os.makedev(0, 0))


def build_store(layers, out, *closures, bulk=None):
    """Runs build_store.sh with these arguments in a pod of an image that has Debian's nix; bulk: its /bulk."""
    out.mkdir()
    MOUNT_POINT.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [BOX, "pod", "--net", "new", "--mount", MOUNT_POINT, "--root", ":".join(map(str, layers)),
         "--bind", f"{out}:/out", "--bind", f"{HERE}:/recipe", *(["--bind", f"{bulk}:/bulk"] if bulk else []),
         "--", "/bin/bash", "/recipe/build_store.sh", *closures],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    if done.returncode:
        raise LabError(f"build_store.sh: {done.stderr.strip()}")


def _lie(cache, name, change, key):
    """A cache beside `main` with the same files whose narinfos went through `change`."""
    twin = cache / name
    shutil.copytree(cache / "main", twin, copy_function=os.link)
    for path in twin.glob("*.narinfo"):
        text = change(path.read_text(), key)
        path.unlink()
        path.write_text(text)


def _make_lies(cache):
    """Caches whose narinfos are unsigned, badly signed, or signed under another key's name."""
    def unsigned(text, _):
        return "".join(line for line in text.splitlines(True) if not line.startswith("Sig:"))

    def spoiled(text, _):
        head, _, tail = text.partition("Sig: main:")
        return head + "Sig: main:" + ("A" if tail[0] != "A" else "B") + tail[1:]

    def renamed(text, _):
        return text.replace("Sig: main:", "Sig: stranger:")

    for name, change in (("unsigned", unsigned), ("badsig", spoiled), ("strangersig", renamed)):
        _lie(cache, name, change, None)


def make_program(name):
    """Compiles one of the lab's programs where the Makefile has not: with the build's musl compiler, else statically
    with gcc; returns its path."""
    source, program = HERE / f"{name}.c", BOX.parent / name
    if program.exists() and program.stat().st_mtime >= source.stat().st_mtime:
        return program
    BOX.parent.mkdir(parents=True, exist_ok=True)
    compiler = next(iter(sorted(BUILD.parent.glob("*/bin/musl-gcc"))), Path("gcc"))
    fresh = program.with_suffix(f".{os.getpid()}")
    subprocess.run([compiler, "-std=gnu17", "-D_GNU_SOURCE", "-static", "-O2", "-o", fresh, source], check=True,
                   timeout=60)
    fresh.rename(program)
    return program


def _remove_old(kept):
    """Removes images of other recipes, but none that a lab of today may still use."""
    for path in kept.parent.iterdir():
        if path != kept and time.time() - path.stat().st_mtime > 86400:
            shutil.rmtree(path, ignore_errors=True)


def make(suite=SUITE, log=lambda text: None):
    """Makes what is missing; returns the folder with one layer a name, `cache`, `keys`, `names` and
    `registration`."""
    with build_lock():
        make_program("box")
        final = folder(suite)
        if final.exists():
            return final
        log(f"making the {suite} images in {final}")
        fresh = final.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        archive = Archive(suite)
        base = archive.fetch(BASE_PACKAGES)
        distro = archive.fetch(BASE_PACKAGES + DISTRO_PACKAGES)
        log(f"unpacking {len(distro)} packages")
        make_bare(fresh / "bare", base)
        _make_thin(fresh / "thin", fresh / "bare")
        unpack([path for path in distro if path not in base], fresh / "distro")
        make_distro(fresh / "distro")
        log("building the closures and the binary cache with the real nix")
        built = fresh / "built"
        build_store([fresh / "distro", fresh / "bare"], built)
        make_nix(fresh / "nix", built / "nix")
        _make_determinate(fresh / "determinate", built / "determinate")
        for name in ("cache", "keys", "names", "registration"):
            (built / name).rename(fresh / name)
        _make_lies(fresh / "cache")
        shutil.rmtree(built)
        fresh.rename(final)
        _remove_old(final)
        return final


def roots(where, image):
    """The overlay layers of an image, as box wants them."""
    return ":".join(str(where / layer) for layer in IMAGES[image])


def store_paths(where):
    """Names of the store paths that the recipe built: dep, hello, big, nix, nix-profile, determinate, …"""
    return dict(line.split() for line in (where / "names").read_text().splitlines())
