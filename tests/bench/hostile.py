# SPDX-License-Identifier: Zlib
"""Servers that never come to an end and files larger than any honest one: the time that a `run` takes, and all the
memory that its processes ever held together, beside a healthy run."""

import hostile_files
from figures import Figures, aim, measure
from lab import CONTRACT
from places import LabError
from runner_files import RunnerFiles

USER = "trusted"
RUNS = 3
# What the figures are held against; a probe of a server has 2 s, and half a second to say so.
AIMS = {"wall_ms": 2500, "cpu_ms": 200, "together_mib": 32}
# what: lab.pod's arguments
SERVERS = {
    "a healthy lane": {},
    "cache-config of 10 MB": {"down": {"attic": "json-big"}},
    "cache-config 100,000 levels deep": {"down": {"attic": "json-deep"}},
    "Attic: headers without end": {"down": {"attic": "endless-headers"}},
    "Attic: a header of 1 MiB": {"down": {"attic": "long-header"}},
    "Attic: interim answers without end": {"down": {"attic": "early-hints"}},
    "Attic: a body without end": {"down": {"attic": "endless-body"}},
    "Attic: trailers without end": {"down": {"attic": "endless-trailers"}},
    "Attic: a byte a second": {"down": {"attic": "slow-body"}},
    "gRPC: headers without end": {"down": {"bazel": "grpc-continuation"}},
    "gRPC: a message without end": {"down": {"bazel": "grpc-flood"}},
    "gRPC: trailers without end": {"down": {"bazel": "grpc-endless-trailers"}},
    "gRPC: PINGs without end": {"down": {"bazel": "grpc-ping-flood"}},
    "gRPC: a byte a second": {"down": {"bazel": "grpc-slow"}},
    "DNS: a byte a second, by TCP": {"dns": "tcslow"},
    "DNS: 200 addresses by TCP": {"dns": "big"},
    "DNS: no answer at all": {"dns": "drop"},
}


def peaks(pod, command, env):
    """(the largest process, all of spinup's together) in MiB."""
    result = pod.exec(["/opt/lab/peaks", "--only", "spinup", *command], user=USER, env=env)
    if result.rc > 2:
        raise LabError(f"{' '.join(command)}: exit status {result.rc}")
    return [int(word) / 1024 for word in result.stdout.split()]


def row(lab, words, env, **place):
    """(Figures, largest, together) of one case."""
    runner = RunnerFiles(USER)
    with lab.pod(image="determinate", daemon="determinate",
                 files={**runner.files(), **place.pop("files", {})}, **place) as pod:
        env = {**runner.environment(pod.hostname), "SPINUP_CONTRACT": CONTRACT, **env}
        command = ["spinup", "run", *words]
        return (Figures(measure(pod, RUNS, command, env, USER)), *peaks(pod, command, env))


def bounds(lab, _rounds):
    """All cases."""
    cases = {what: ([], {}, place) for what, place in SERVERS.items()}
    files = hostile_files.files()
    cases.update({what: (words, env, {"files": files}) for what, words, env in hostile_files.ROWS})
    found = {}
    print(f"\nspinup run, MiB and ms\n  {'':42}   wall ms    CPU ms   largest  together   status")
    for what, (words, env, place) in cases.items():
        found[what] = row(lab, words, env, **place)
        figures, largest, together = found[what]
        print(f"  {what:42}{figures.wall:10.1f}{figures.cpu:10.1f}{largest:10.1f}{together:10.1f}   {figures.statuses}",
              flush=True)
    aim("wall, ms,", max(figures.wall for figures, _, _ in found.values()), AIMS["wall_ms"])
    aim("CPU, ms,", max(figures.cpu for figures, _, _ in found.values()), AIMS["cpu_ms"])
    aim("all processes together, MiB,", max(together for _, _, together in found.values()), AIMS["together_mib"])
