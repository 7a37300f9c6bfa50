# SPDX-License-Identifier: Zlib
"""Many agents at once against one lab: each a step of its own job, with its own files, some to a pod (crowd.c); and
what the servers counted of them."""

import collections
import contextlib
import json
import re
import subprocess
from dataclasses import dataclass

from lab import CONTRACT
from runner_files import KINDS, RunnerFiles
from visit import File, Folder

HOME = "/crowd"
USER = "trusted"
COMMAND = ["spinup", "run", "--json"]
END_LIMIT_S = 300


@dataclass
class Agent:
    """What became of one."""
    wall_ms: float  # since all began
    cpu_ms: float
    rss_mib: float  # of its largest process
    status: int
    report: dict
    env: str        # what it wrote into GITHUB_ENV

    def severity(self, id_):
        """Of its finding; None where it has none."""
        return next((found["severity"] for found in self.report["findings"] if found["id"] == id_), None)


class Group:
    """The agents of one pod, which wait until let_go."""

    def __init__(self, lab, first, count, place):
        self.numbers = range(first, first + count)
        self.pod = lab.pod(files=self._files(), **place)
        runner = RunnerFiles(USER).environment(self.pod.hostname)
        env = {**runner, **{kind: f"{HOME}/{{n}}/{kind}" for kind in KINDS}, "RUNNER_TEMP": f"{HOME}/{{n}}",
               "SPINUP_CONTRACT": CONTRACT}
        words = ["/opt/lab/crowd", count, "--first", first, "--output", f"{HOME}/{{n}}/report", *COMMAND]
        self.process = subprocess.Popen(
            self.pod.command(words, user=USER), env=self.pod.environment(USER, env), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)

    def _files(self):
        folders = [f"{HOME}/{number}" for number in self.numbers]
        return {**RunnerFiles(USER).files(), **{folder: Folder(owner=USER) for folder in folders},
                **{f"{folder}/{kind}": File(owner=USER) for folder in folders for kind in KINDS}}

    def let_go(self):
        """Opens the gate."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def agents(self):
        """Waits for all of them."""
        lines = self.process.communicate(timeout=END_LIMIT_S)[0].splitlines()
        texts = self.pod.read(*(f"{HOME}/{number}/{name}" for number in self.numbers
                                for name in ("report", "GITHUB_ENV")))
        for number, wall_us, cpu_us, rss_kib, status in (map(int, line.split()) for line in lines):
            yield Agent(wall_us / 1000, cpu_us / 1000, rss_kib / 1024, status,
                        json.loads(texts[f"{HOME}/{number}/report"]), texts[f"{HOME}/{number}/GITHUB_ENV"])


def run(lab, count, pods=1, **place):
    """COUNT agents (a multiple of PODS) that begin at the same moment; a list of Agent. place: lab.pod's arguments."""
    each = count // pods
    with contextlib.ExitStack() as stack:
        groups = []
        for number in range(pods):
            groups.append(Group(lab, number * each, each, place))
            stack.enter_context(groups[-1].pod)
        for group in groups:
            assert group.process.stdout.readline() == "ready\n"
        for group in groups:
            group.let_go()
        return [agent for group in groups for agent in group.agents()]


class Counts:
    """What came to the servers since this was made: requests to Attic by path, calls to the Bazel cache, questions to
    the name server by name."""

    LOGS = {"attic": ("nginx.log", r'"(?:GET|POST) (\S+) [^"]*" .*agent="spinup/'),
            "bazel": ("bazel-remote.log", r"GRPC (\w+)$"), "names": ("dnsmasq.log", r"query\[A+\] (\S+) from ")}

    def __init__(self, lab):
        self.lab = lab
        self.marks = {log: len(lab.log(log)) for log, _ in self.LOGS.values()}

    def take(self, server):
        """A Counter."""
        log, pattern = self.LOGS[server]
        return collections.Counter(re.findall(pattern, self.lab.log(log)[self.marks[log]:], re.M))
