# SPDX-License-Identifier: Zlib
"""Work on a pod's files from outside: a forked child changes its root to the pod's, so that no path and no
symlink can lead anywhere else, does what it is asked, and hands the result back."""

import os
import pickle
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

USERS = {"root": (0, 0), "runner": (1001, 1001), "trusted": (1002, 1002)}


@dataclass
class File:
    """A file to be placed in a pod."""
    content: object = b""  # str or bytes
    mode: int = 0o644
    owner: str = "root"


@dataclass
class Folder:
    """A folder to be placed in a pod."""
    mode: int = 0o755
    owner: str = "root"


@dataclass
class Link:
    """A symbolic link to be placed in a pod."""
    target: str
    owner: str = "root"


def to_bytes(content):
    """Bytes of a str or bytes content."""
    return content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content


def _remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_symlink() or path.exists():
        path.unlink()


def place(files):
    """Writes files: path to File, Folder, Link, a bare str or bytes, or None to remove what is there."""
    for name, item in files.items():
        path = Path(name)
        if item is None:
            _remove(path)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(item, (str, bytes)):
            item = File(item)
        if isinstance(item, Folder):
            path.mkdir(parents=True, exist_ok=True)
        elif isinstance(item, Link):
            _remove(path)
            path.symlink_to(item.target)
        else:
            path.write_bytes(to_bytes(item.content))
        os.chown(path, *USERS[item.owner], follow_symlinks=False)
        if not isinstance(item, Link):
            path.chmod(item.mode)


def read(paths):
    """Contents of files, lossless as text (surrogateescape); None where there is none."""
    found = {}
    for name in paths:
        try:
            found[name] = Path(name).read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            found[name] = None
    return found


@dataclass
class Process:
    """A process of a pod, as the pod's own /proc shows it."""
    pid: int
    parent: int
    session: int
    uid: int
    state: str  # R, S, D, T, Z …
    argv: list


def processes():
    """Every process but those that ended meanwhile, by number."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent, _, session = (folder / "stat").read_text().rpartition(") ")[2].split()[:4]
            argv = (folder / "cmdline").read_bytes().decode("utf-8", "surrogateescape").split("\0")[:-1]
            uid = os.stat(folder).st_uid
        except OSError:
            continue
        found.append(Process(int(folder.name), int(parent), int(session), uid, state, argv))
    return sorted(found, key=lambda process: process.pid)


def listing(folder):
    """Every path under a folder with type and mode, owner and, for a link, its target; for comparisons."""
    found = {}
    for base, folders, names in os.walk(folder):
        for name in folders + names:
            path = os.path.join(base, name)
            status = os.lstat(path)
            target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else None
            found[path] = (stat.filemode(status.st_mode), status.st_uid, status.st_gid, target)
    return found


def enter(pid):
    """Makes the calling process see the pod's files as its own; there is no way back."""
    os.chroot(f"/proc/{pid}/root")
    os.chdir("/")
    os.umask(0o022)


def visit(pid, function, *words):
    """function(*words) inside the pod of process pid; its result or its exception."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        try:
            enter(pid)
            outcome = True, function(*words)
        except BaseException as failure:  # pylint: disable=broad-except  # handed over, whatever it is
            outcome = False, failure
        with os.fdopen(theirs, "wb") as stream:
            pickle.dump(outcome, stream)
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as stream:
        data = stream.read()
    os.waitpid(child, 0)
    done, result = pickle.loads(data)
    if not done:
        raise result
    return result


