# SPDX-License-Identifier: Zlib
"""Where the lab's files are: sources beside this file, everything made under build/lab."""

import fcntl
import hashlib
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
BUILD = REPOSITORY / "build" / "lab"
BOX = BUILD / "bin" / "box"
SPINUP = REPOSITORY / "build" / "spinup"
GO_PROGRAMS = REPOSITORY / "build" / "go" / "bin"
CERTIFICATES = BUILD / "tls"
MOUNT_POINT = BUILD / "mnt"  # pods and the cluster mount a tmpfs here, each in its own namespace


class LabError(Exception):
    """The lab itself cannot work; the message says what the machine lacks."""


def digest(*parts):
    """Twelve hex digits that change when one of the files (Path) or texts does."""
    sum_ = hashlib.sha256()
    for part in parts:
        data = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        sum_.update(b"%d:" % len(data) + data)
    return sum_.hexdigest()[:12]


@contextmanager
def build_lock():
    """Held by whoever makes something under build/lab, so that two runs do not make it twice."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / "lock", "w", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
