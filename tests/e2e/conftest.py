# SPDX-License-Identifier: Zlib
"""What every end-to-end test starts from: the lab, up once a session, and the release binary."""

import os
import signal
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lab"))

import go_programs  # noqa: E402  pylint: disable=wrong-import-position,import-error
import nix_images  # noqa: E402  pylint: disable=wrong-import-position,import-error
from lab import Lab, missing  # noqa: E402  pylint: disable=wrong-import-position,import-error
from places import SPINUP, LabError  # noqa: E402  pylint: disable=wrong-import-position,import-error


# Started in the background, or by nohup, the tests would have every process of theirs ignore these.
for number in signal.SIGINT, signal.SIGHUP, signal.SIGQUIT:
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)


def skip(lacking):
    """Skips with the name of what the machine lacks; under SPINUP_MUST_RUN=1 that is a failure."""
    if os.environ.get("SPINUP_MUST_RUN") == "1":
        pytest.fail(f"this machine lacks {lacking}, and SPINUP_MUST_RUN=1", pytrace=False)
    pytest.skip(f"this machine lacks {lacking}")


@pytest.fixture(scope="session")
def lab():
    """The cluster in a box: see tests/lab/README.md."""
    lacking = missing()
    if lacking:
        skip(", ".join(lacking))
    try:
        made = Lab()
    except LabError as failure:
        skip(str(failure))
    with made:
        yield made


@pytest.fixture(scope="session")
def spinup():
    """The path of build/spinup; in a pod of the lab it is /usr/local/bin/spinup."""
    if not SPINUP.exists():
        skip("build/spinup (./build.sh)")
    return SPINUP


@pytest.fixture(scope="session")
def engine():
    """act, which runs workflows: see tests/lab/act.py."""
    try:
        return go_programs.make("act")
    except LabError as failure:
        skip(str(failure))


@pytest.fixture(scope="session")
def nix_versions():
    """The images with an older and a newer Nix, which need more of Debian than the others; their names."""
    try:
        for image in nix_images.SUITES:
            nix_images.make(image)
    except LabError as failure:
        skip(str(failure))
    return list(nix_images.SUITES)
