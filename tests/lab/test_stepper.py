# SPDX-License-Identifier: Zlib
"""stepper interrupts a command, and all that it started, at any of its changing calls, and at that one alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

import stepping  # noqa: E402  pylint: disable=wrong-import-position
from places import BOX  # noqa: E402  pylint: disable=wrong-import-position

STEPPER, DENY = BOX.parent / "stepper", BOX.parent / "deny"
# Eight calls: mkdir, the file's creation, rename and rmdir, each program but the shell with its start and end.
SCRIPT = "mkdir a; : >a/b; mv a/b a/c; exit 3"
CALLS = ["execve", "mkdir", "exit_group", "openat", "execve", "renameat2", "exit_group", "exit_group"]

pytestmark = pytest.mark.skipif(not STEPPER.exists(), reason="build/lab/bin/stepper is not built (make lab-tools)")


def step(folder, *words):
    """(exit status, steps, calls, left) of stepper WORDS, run in a folder of this machine."""
    report = folder.parent / "report"
    folder.mkdir(exist_ok=True)
    cut = words.index("--")
    done = subprocess.run([STEPPER, *words[:cut], "--report", report, *words[cut:]], cwd=folder, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60)
    steps, calls, status, left = stepping.parse(report.read_text())
    assert done.returncode == status
    return status, steps, calls, left


def test_it_names_each_call(tmp_path):
    status, steps, calls, left = step(tmp_path / "in", "list", "--", "sh", "-c", SCRIPT)
    assert (status, calls, left) == (3, 8, 0)
    assert [step.call for step in steps] == CALLS
    assert [step.number for step in steps] == list(range(1, 9))
    assert [step.paths for step in steps if step.call in ("mkdir", "openat", "renameat2")] == [
        ["a"], ["a/b"], ["a/b", "a/c"]]
    assert [step.process for step in steps] == [2, 2, 2, 1, 3, 3, 3, 1]


@pytest.mark.parametrize("number", range(1, 9))
def test_what_is_killed_stays_undone(tmp_path, number):
    folder = tmp_path / "in"
    status, steps, calls, _ = step(folder, "kill", str(number), "--", "sh", "-c", SCRIPT)
    assert (status, calls, [step.call for step in steps]) == (137, number, [CALLS[number - 1]])
    found = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert found == ([] if number <= 2 else ["a"] if number <= 4 else ["a", "a/b"] if number <= 6 else ["a", "a/c"])


def test_what_is_not_reached_is_not_killed(tmp_path):
    assert step(tmp_path / "in", "kill", "9", "--", "sh", "-c", SCRIPT)[:3] == (3, [], 8)


def test_one_call_fails_and_the_next_does_not(tmp_path):
    folder = tmp_path / "in"
    script = "mkdir a; mkdir b; mkdir c; exit 0"
    status, steps, _, _ = step(folder, "fail", "2", "ENOSPC", "--call", "mkdir", "--", "sh", "-c", script)
    assert (status, [(step.call, step.paths) for step in steps]) == (0, [("mkdir", ["b"])])
    assert sorted(os.listdir(folder)) == ["a", "c"]
    script = "echo one >a.txt; echo two >>a.txt || exit 9"
    assert step(folder, "fail", "2", "EIO", "--call", "write", "--", "sh", "-c", script)[0] == 9
    assert (folder / "a.txt").read_text() == "one\n"


def test_writes_are_counted_when_asked(tmp_path):
    plain, writes = (step(tmp_path / "in", "count", *option, "--", "sh", "-c", "echo x >a")[2]
                     for option in ([], ["--writes"]))
    assert writes == plain + 1


def test_under_filters_of_their_own_and_undumpable(tmp_path):
    """A call that the command's own filter forbids does not run, so it is none; memory is read all the same."""
    words = [str(DENY), "mkdir=EPERM", "--", "/bin/sh", "-c", "mkdir a; : >b"]
    calls = [step.call for step in step(tmp_path / "in", "list", "--", *words)[1]]
    assert calls == ["execve", "execve", "exit_group", "openat", "exit_group"]
    undumpable = "import ctypes, os; ctypes.CDLL(None).prctl(4, 0, 0, 0, 0); os.mkdir('hidden')"
    steps = step(tmp_path / "in", "list", "--", sys.executable, "-S", "-c", undumpable)[1]
    assert [step.paths for step in steps if step.call == "mkdir"] == [["hidden"]]


def test_threads_and_openat2(tmp_path):
    script = "import ctypes, os, struct, threading\nlibc = ctypes.CDLL(None)\n" \
        "def opened(flags):\n" \
        "    how = struct.pack('QQQ', flags, 0o600 if flags & os.O_CREAT else 0, 0)\n" \
        "    libc.syscall(437, -100, b'new', how, len(how))\n" \
        "thread = threading.Thread(target=opened, args=(os.O_CREAT | os.O_WRONLY,))\n" \
        "thread.start(); thread.join(); opened(os.O_RDONLY)"
    steps = step(tmp_path / "in", "list", "--", sys.executable, "-S", "-c", script)[1]
    assert [(step.process, step.paths) for step in steps if step.call == "openat2"] == [(2, ["new"])]


def test_a_daemon_that_left_its_session_dies_too(lab):
    """Killed, because it is a descendant; where the command just ends, because its calls are still looked at."""
    script = "(setsid sh -c 'echo $$ >/tmp/pid; exec sleep 1000' >/dev/null 2>&1 &); " \
        "until read -r pid </tmp/pid && read -r name </proc/$pid/comm && test $name = sleep; do :; done 2>/dev/null; " \
        "mkdir /tmp/last"
    with lab.pod(image="thin") as pod:
        last = [step for step in stepping.listed(pod, ["sh", "-c", script]).steps if step.paths == ["/tmp/last"]]
        pod.exec(["sh", "-c", "rm -r /tmp/pid /tmp/last"], user="root").check()
        run = stepping.killed(pod, last[0].number, ["sh", "-c", script])
        assert (run.status, run.result.rc, run.steps[0].paths) == (137, 137, ["/tmp/last"])
        assert [process for process in pod.processes() if "1000" in process.argv] == []
        assert pod.exec(["ls", "/tmp"]).stdout == "pid\n"
        pod.exec(["rm", "/tmp/pid"], user="root").check()
        run = stepping.listed(pod, ["sh", "-c", script])
        assert (run.status, run.left) == (0, 1)
        assert [process for process in pod.processes() if "1000" in process.argv] == []


def test_sudo_under_it(lab):
    with lab.pod(image="thin", sudo=True) as pod:
        run = stepping.listed(pod, ["setpriv", "--reuid=1001", "--regid=1001", "--clear-groups", "sudo", "-n", "mkdir",
                                    "/root/made"])
        assert run.status == 0, run.result
        assert [step.paths for step in run.steps if step.call == "mkdir"][-1:] == [["/root/made"]]


def test_mistakes_are_named(tmp_path):
    for words in (["count"], ["kill", "0", "--", "true"], ["fail", "1", "EWHAT", "--", "true"],
                  ["count", "--call", "frob", "--", "true"], ["frob", "--", "true"]):
        done = subprocess.run([STEPPER, *words], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 125 and "usage: stepper" in done.stderr, words
    done = subprocess.run([STEPPER, "count", "--", "./nothing"], capture_output=True, text=True, cwd=tmp_path,
                          check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (127, "stepper: ./nothing: No such file or directory")
