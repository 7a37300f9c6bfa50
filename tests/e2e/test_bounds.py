# SPDX-License-Identifier: Zlib
"""Whatever is thrown at a run, it holds little memory: a runner's limits are the job's to use."""

import hostile_files
import pytest
from lab import CONTRACT
from runner_files import RunnerFiles

MOST_MIB = 32  # of all of spinup's processes together; a healthy run holds a third of it
SERVERS = {
    "healthy": {}, "cache-config": {"down": {"attic": "json-big"}}, "headers": {"down": {"attic": "endless-headers"}},
    "trailers": {"down": {"attic": "endless-trailers"}}, "body": {"down": {"attic": "endless-body"}},
    "message": {"down": {"bazel": "grpc-flood"}}, "grpc-trailers": {"down": {"bazel": "grpc-endless-trailers"}},
    "addresses": {"dns": "big"},
}
FILES = {what: (words, env) for what, words, env in hostile_files.ROWS}


def together_mib(lab, words=(), env=None, files=None, **place):
    """The most that all processes of a run held resident at a time."""
    runner = RunnerFiles("trusted")
    with lab.pod(image="determinate", daemon="determinate", files={**runner.files(), **(files or {})}, **place) as pod:
        env = {**runner.environment(pod.hostname), "SPINUP_CONTRACT": CONTRACT, **(env or {})}
        result = pod.exec(["/opt/lab/peaks", "--only", "spinup", "spinup", "run", *words], user="trusted", env=env)
    assert result.rc in (0, 1, 2), result.stderr
    return int(result.stdout.split()[1]) / 1024


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_costs_no_memory(lab, spinup, server):
    assert spinup
    assert 1 < together_mib(lab, **SERVERS[server]) < MOST_MIB


@pytest.mark.parametrize("what", FILES)
def test_a_file_costs_no_memory(lab, spinup, what):
    assert spinup
    words, env = FILES[what]
    assert 1 < together_mib(lab, words, env, hostile_files.files()) < MOST_MIB
