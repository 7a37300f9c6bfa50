# SPDX-License-Identifier: Zlib
"""What peaks says of processes whose memory is known."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

HELD = 40_000_000
# tail keeps what it may have to print: the first until the second has taken all of it.
TWO = f"head -c {HELD} /dev/zero | tail -c {HELD} | tail -c {HELD}"


def peaks(lab, *words):
    """The largest process and the highest sum, in bytes; the exit status."""
    result = lab.exec(["/opt/lab/peaks", *words], user="root", image="bare")
    largest, together = (1024 * int(word) for word in result.stdout.split())
    return largest, together, result.rc


def test_largest_and_together(lab):
    """One holds the bytes once, both hold them twice; what they are made of comes on top."""
    largest, together, rc = peaks(lab, "sh", "-c", TWO)
    assert rc == 0
    assert HELD < largest < 1.4 * HELD and 2 * HELD < together < 2.8 * HELD


@pytest.mark.parametrize("name, least, most", [("tail", 2 * HELD, 2.8 * HELD), ("head", 1, HELD / 2), ("cat", 0, 0)])
def test_only(lab, name, least, most):
    """Programs of other names count for nothing."""
    assert least <= peaks(lab, "--only", name, "sh", "-c", TWO)[1] <= most


def test_status(lab):
    """The command's own."""
    assert peaks(lab, "sh", "-c", "exit 7")[2] == 7
    assert peaks(lab, "sh", "-c", "kill -9 $$")[2] == 137
    assert peaks(lab, "/nothing")[2] == 127
