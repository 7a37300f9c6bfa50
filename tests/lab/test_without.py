# SPDX-License-Identifier: Zlib
"""The lab's tools that take something from a command: what is gone is gone, and for nobody else."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

from places import BOX  # noqa: E402  pylint: disable=wrong-import-position

pytestmark = pytest.mark.skipif(not all((BOX.parent / name).exists() for name in ("without", "clock")),
                                reason="build/lab/bin/without or clock is not built (make lab-tools)")

# What `without` takes away: (a command that shows it, what it prints there, what it prints with everything in place)
LACKING = {
    "proc": ("ls /proc", "", None),
    "strangers": ("setpriv --reuid=1001 --regid=1001 --clear-groups sh -c 'ls /proc | grep -cx 1'", "0\n", "1\n"),
    "dev": ("ls /dev", "", None),
    "writing": ("for place in / /tmp /dev/shm; do touch $place/x 2>/dev/null; echo $?; done", "1\n1\n1\n", "0\n0\n0\n"),
    "network": ("tail -n +3 /proc/net/dev | grep -vc ' lo:'", "0\n", None),
    "directory": ("ls -a | grep -c .", "0\n", None),
}


@pytest.mark.parametrize("thing", LACKING)
def test_what_is_taken_away(lab, thing):
    """Of the command alone."""
    script, lacking, complete = LACKING[thing]
    with lab.pod(daemon="none") as pod:
        assert pod.exec(["/opt/lab/without", thing, "--", "sh", "-c", script], user="root").stdout == lacking
        before = pod.exec(["sh", "-c", script], user="root").stdout
        assert before == complete if complete else before not in ("", lacking)


def test_no_arguments(lab):
    """Since Linux 5.18 the kernel puts an empty name where there is none."""
    result = lab.exec(["/opt/lab/without", "arguments", "--", "/usr/bin/tr"], user="root", daemon="none")
    assert result.rc != 0 and "missing operand" in result.stderr


@pytest.mark.parametrize("seconds, day", [(0, "1970-01-01"), (4_070_908_800, "2099-01-01"), (-86_400, "1969-12-31")])
def test_another_time(lab, seconds, day):
    """For the command and what it starts."""
    script = "date +%F; sh -c 'date +%F'; exit 7"
    with lab.pod(daemon="none") as pod:
        result = pod.exec(["/opt/lab/clock", str(seconds), "--", "sh", "-c", script], user="root")
        assert (result.rc, result.stdout) == (7, f"{day}\n{day}\n")
        assert pod.exec(["date", "+%F"]).stdout > "2025"
