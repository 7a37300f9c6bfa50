# SPDX-License-Identifier: Zlib
"""An installation that is killed at any call that changes something, one that runs out of space or gets errors, and
two at the same time: each time the next run ends with a working Nix, every path as it was registered."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import stepping
from lab import CONTRACT
from test_install import PROFILE_BIN, _leftovers, assert_whole, build, ids, install, thin

ARCHIVE = "nix-2.26.3"
COMMAND = ["spinup", "install", "--label", "tinyland-nix", "--contract", CONTRACT]
POINTS = 300
WORKERS = 2
IN_MEMORY = {"tmpfs": ["/nix:0755:0:0"]}
# Calls that may be told apart from the rest: what is around them is tried one by one.
DECISIVE = ("rename", "renameat", "renameat2", "mkdir", "mkdirat", "execve", "bind", "unlink", "unlinkat", "chmod",
            "fchmod", "chown", "fchown", "fchownat", "symlink", "symlinkat", "link", "linkat", "listen")


def chosen(steps):
    """At least POINTS of them: every one that decides something, and of the others each so many-th."""
    few = [step.number for step in steps if step.call in DECISIVE]
    rest = [step.number for step in steps if step.call not in DECISIVE]
    stride = max(1, len(rest) // max(1, POINTS - len(few)))
    numbers = sorted({*few, *rest[::stride], steps[-1].number})
    assert len(numbers) >= min(POINTS, len(steps)), (len(numbers), len(steps))
    return numbers


def recovers(lab, source, number):
    """Kills at one point and installs again; what is wrong afterwards, or None."""
    with lab.pod(image="thin", contract=lab.contract(install=[source]), **IN_MEMORY) as pod:
        run = stepping.killed(pod, number, COMMAND)
        # The last call may be a child's of the daemon, when the command has ended by itself.
        if run.result.rc != 137 and run.calls >= number:
            return f"{number}: not killed: {run}"
        at = run.steps[0] if run.steps else None
        result = pod.exec(COMMAND, user="root", timeout=60)
        if result.rc != 0:
            return f"{number} {at}: {result.rc}\n{result.stdout}{result.stderr}"
        problems = pod.verify_store() + pod.visit(_leftovers)
        if not pod.exec([f"{PROFILE_BIN}/nix-store", "--version"], user="runner").rc == 0:
            problems.append("nix does not start")
        return f"{number} {at}: {problems}" if problems else None


def test_killed_at_any_point(lab, spinup):
    """SIGKILL for every process of it, the daemon included, before the chosen call runs."""
    assert spinup
    source = lab.source(ARCHIVE)
    with lab.pod(image="thin", contract=lab.contract(install=[source]), **IN_MEMORY) as pod:
        run = stepping.listed(pod, COMMAND)
        assert run.status == 0, run.result
    points = chosen(run.steps)
    with ThreadPoolExecutor(WORKERS) as pool:
        failures = [text for text in pool.map(lambda number: recovers(lab, source, number), points) if text]
    assert not failures, f"{len(failures)} of {len(points)}:\n" + "\n".join(failures[:10])


# ---- errors at a chosen point

def calls_of(lab, name, *options):
    """How many calls of a name an installation makes, and what they are."""
    with lab.pod(image="thin", contract=lab.contract(install=[lab.source(ARCHIVE)]), **IN_MEMORY) as pod:
        return stepping.listed(pod, COMMAND, "--call", name, *options).steps


@pytest.mark.parametrize("call, error", [
    ("write", "ENOSPC"), ("write", "EIO"), ("mkdirat", "ENOSPC"), ("symlinkat", "ENOSPC"), ("renameat", "EIO"),
    ("openat", "EROFS"), ("fchmod", "EIO"), ("unlinkat", "EIO"),
])
def test_an_error_at_any_point(lab, spinup, call, error):
    """It is said, and the next run, without it, installs."""
    assert spinup
    steps = calls_of(lab, call)
    if not steps:
        pytest.skip(f"an installation makes no {call}")
    numbers = sorted({1, len(steps) // 3 + 1, len(steps) // 2 + 1, len(steps)})
    for number in numbers:
        with lab.pod(image="thin", contract=lab.contract(install=[lab.source(ARCHIVE)]), **IN_MEMORY) as pod:
            run = stepping.failed(pod, number, error, COMMAND, "--call", call)
            assert run.status in (0, 1, 3, 137), (number, run)
            install(pod)
            assert_whole(pod, lab.archives[ARCHIVE])


def test_a_full_disk(lab, spinup):
    """A volume that is too small: said with the file, and nothing is left in staging."""
    assert spinup
    with thin(lab, lab.source(ARCHIVE), tmpfs=["/nix:0755:0:0:size=20m"]) as pod:
        report = install(pod, rc=1)
        texts = " ".join(row["detail"] for row in report["findings"])
        assert "No space left on device" in texts
        assert [path for path in pod.visit(_leftovers) if "staging" in path] == []


def test_a_read_only_root(lab, spinup):
    """The kernel's word is in the finding."""
    assert spinup
    with thin(lab, lab.source(ARCHIVE), tmpfs=["/nix:0755:0:0:ro"]) as pod:
        report = install(pod, rc=1)
        assert "Read-only file system" in " ".join(row["detail"] for row in report["findings"])


# ---- at the same time

def test_two_at_the_same_time(lab, spinup):
    """One installs, the other waits and then proves: one download, one daemon."""
    assert spinup
    archive = lab.archives[ARCHIVE]
    with thin(lab, lab.source(ARCHIVE)) as pod:
        before = len(lab.fetches(archive.path.name))
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda _: install(pod), range(2)))
        assert len(lab.fetches(archive.path.name)) == before + 1
        assert all(report["facts"]["nix"]["state"] == "daemon" for report in reports)
        assert any("repaired" in ids(report) for report in reports)
        assert_whole(pod, archive)
        assert build(pod) in range(30001, 30033)
        masters = [process for process in pod.processes()
                   if process.argv and process.argv[0].endswith("nix-daemon") and process.parent == 1]
        assert len(masters) <= 1, masters


def test_killed_while_the_other_waits(lab, spinup):
    """The lock goes with the process that held it."""
    assert spinup
    with thin(lab, lab.source(ARCHIVE, "dl-stall", "downloads.nix-cache.svc.cluster.local")) as pod:
        first = pod.start(COMMAND)
        pod.exec(["sh", "-c", "until test -e /nix/.spinup/staging; do sleep 0.01; done"], user="root",
                 timeout=20).check()
        pod.place({CONTRACT: lab.contract(install=[lab.source(ARCHIVE)])})
        with ThreadPoolExecutor(1) as pool:
            second = pool.submit(install, pod)
            pod.exec(["pkill", "-KILL", "-f", "spinup install --label"], user="root")
            os.kill(first.pid, 0) if first.poll() is None else None
            try:
                second.result(timeout=60)
            except AssertionError:
                install(pod)  # it was killed as well
        assert_whole(pod, lab.archives[ARCHIVE])
