# SPDX-License-Identifier: Zlib
"""A command interrupted at a chosen point in a pod: what stepper (stepper.c) does, for tests.

  steps = stepping.listed(pod, ["spinup", "install"]).steps      what it changes, call by call
  stepping.killed(pod, 57, ["spinup", "install"])                every process is gone before call 57 runs
  stepping.failed(pod, 57, "ENOSPC", ["spinup", "install"])      call 57 fails
  stepping.failed(pod, 3, "EIO", ["cat"], "--call", "read")      the third read fails
"""

import re
from dataclasses import dataclass

STEPPER = "/opt/lab/stepper"
REPORT = "/opt/lab/stepper.report"


@dataclass
class Step:
    """One call: its number, which process (from 1), the system call's name, the paths that it names."""
    number: int
    process: int
    call: str
    paths: list


@dataclass
class Run:
    """What became of a command: result (a pod.Result), how many calls it came to, its own exit status, how many
    processes it left running (they were killed), and the steps: all that were listed, or the one at which it was
    interrupted; none where it had ended before."""
    result: object
    calls: int
    status: int
    left: int
    steps: list


def _unescape(word):
    return re.sub(r"\\x(..)", lambda found: chr(int(found[1], 16)), word)


def parse(text):
    """(steps, calls, status, left) of stepper's report."""
    *lines, last = [line.split(" ") for line in text.splitlines()]
    steps = [Step(int(line[0]), int(line[1]), line[2], [_unescape(word) for word in line[3:]]) for line in lines]
    return steps, int(last[1]), int(last[3]), int(last[5])


def _run(pod, verb, argv, options, places):
    words = [STEPPER, *verb, *options, "--report", REPORT, "--", *argv]
    result = pod.exec(words, collect=[REPORT], **{"user": "root", "timeout": 120, **places})
    steps, calls, status, left = parse(result.files[REPORT])
    return Run(result, calls, status, left, steps)


def listed(pod, argv, *options, **places):
    """Runs it whole. options: stepper's own; places: Pod.exec's arguments (user: root where none is named)."""
    return _run(pod, ["list"], argv, options, places)


def killed(pod, number, argv, *options, **places):
    """Runs it until just before a call."""
    return _run(pod, ["kill", str(number)], argv, options, places)


def failed(pod, number, error, argv, *options, **places):
    """Runs it whole, but one call fails."""
    return _run(pod, ["fail", str(number), error], argv, options, places)
