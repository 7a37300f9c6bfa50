# SPDX-License-Identifier: Zlib
"""The machine beneath the lane: its envelope, its space, its architecture and the state of /nix."""

import platform

import pytest
from report import taken, together
from visit import Folder

GIB = 1 << 30
ALONE = ["--skip", "attic", "--skip", "bazel", "--no-repair"]
WORK = "/home/runner/_work"
HEAVY = ["--label", "tinyland-nix-heavy"]
DOCKER = ["--label", "tinyland-docker"]
DOCKER_POD = {"image": "bare", "daemon": "none", "memory": 4 * GIB, "cpus": 2}
OTHER = "aarch64" if platform.machine() == "x86_64" else "x86_64"

# (words, place, {bad finding: severity}, detail of the first)
STATES = {
    "its envelope": ([], {}, {}, ""),
    "half the memory": ([], {"memory": 4 * GIB}, {"envelope-differs": "warning"},
                        "tinyland-nix has 8 GiB, the limit here is 4 GiB"),
    "twice the memory": ([], {"memory": 16 * GIB}, {"envelope-differs": "warning"},
                         "tinyland-nix has 8 GiB, the limit here is 16 GiB"),
    "decimal gigabytes": ([], {"memory": 8_000_000_000}, {"envelope-differs": "warning"}, "the limit here is 7.4 GiB"),
    "one CPU": ([], {"cpus": 1}, {"envelope-differs": "warning"}, "tinyland-nix has 4 CPUs, the limit here is 1 CPU"),
    "a part of a CPU": ([], {"cpus": 1.5}, {"envelope-differs": "warning"}, "the limit here is 1.5 CPUs"),
    "another label's envelope": (DOCKER, {"image": "bare", "daemon": "none", "cpus": 2},
                                 {"envelope-differs": "warning"}, "tinyland-docker has 4 GiB, the limit here is 8 GiB"),
    "docker's envelope": (DOCKER, DOCKER_POD, {}, ""),
    "heavy with 8 GiB": (HEAVY, {}, {"heavy-memory-missing": "error"}, "promised more than 8 GiB, found 8 GiB"),
    "heavy with 6 GiB": (HEAVY, {"memory": 6 * GIB}, {"heavy-memory-missing": "error"},
                         "promised more than 8 GiB, found 6 GiB"),
    "heavy with 16 GiB": (HEAVY, {"memory": 16 * GIB}, {}, ""),
    "heavy by requirement": (["--require", "heavy"], {}, {"heavy-memory-missing": "error"}, "promised more than 8 GiB"),
    "another architecture": (["--label", f"tinyland-nix-{OTHER}"], {}, {"architecture-differs": "error"},
                             f"tinyland-nix-{OTHER} promises {OTHER}-linux, this machine is"),
    "an architecture of docker's": (["--label", "tinyland-docker-riscv"], DOCKER_POD, {"architecture-differs": "error"},
                                    "promises riscv64-linux, this machine is"),
    "its own architecture": (["--label", f"tinyland-nix-{platform.machine()}"], {}, {}, ""),
    "a small disk": ([], {"tmpfs": [f"{WORK}:0755:1001:1001:size=1m"]}, {"disk-low": "warning"},
                     f"{WORK}/_temp has 1 MiB and "),
    "no inodes": (DOCKER, {**DOCKER_POD, "tmpfs": ["/nix:0755:0:0:nr_inodes=1"]}, {"disk-low": "warning"},
                  "0 of 1 inodes free"),
    "everybody may write to /nix": ([], {"files": {"/nix": Folder(0o777)}}, {"nix-dir-world-writable": "error"},
                                    "/nix has mode 0777: everybody may write to it"),
    "sticky is no better": ([], {"files": {"/nix": Folder(0o1777)}}, {"nix-dir-world-writable": "error"}, "mode 1777"),
    "/nix of another user": ([], {"files": {"/nix": Folder(0o755, "runner")}},
                             {"nix-dir-permissions": "warning", "nix-tree-foreign": "error"},
                             "/nix belongs to user 1001, neither root nor this user (1002)"),
    "/nix where nothing is promised of it": (DOCKER, {**DOCKER_POD, "files": {"/nix": Folder(0o777)}}, {}, ""),
    "an empty volume": ([], {"image": "bare", "daemon": "none", "tmpfs": ["/nix:0755:0:0"]},
                        {"nix-absent": "error"}, "/nix is a directory without a store"),
}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every state, side by side."""
    assert spinup
    rows = {name: ([*ALONE, *words], place) for name, (words, place, _, _) in STATES.items()}
    rows["no limits"] = (ALONE, {"memory": None, "cpus": None})
    return together(lab, rows)


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_named(reports, name):
    report = taken(reports, name)
    _, _, expected, text = STATES[name]
    assert report.bad() == expected
    if expected:
        assert text in report.finding(next(iter(expected)))["detail"]
    outcome = "failed" if "error" in expected.values() else "degraded" if expected else "ready"
    assert report.outcome == outcome and report.result.rc == (outcome == "failed")


def test_the_healthy_machine_is_described(reports):
    report = taken(reports, "its envelope")
    detail = report.finding("system-ready")["detail"]
    assert detail.startswith("Linux ") and f"{platform.machine()}-linux, 4 CPUs, 8 GiB" in detail
    assert report.fact("system.cgroup.memory_bytes") == 8 * GIB


def test_without_limits_the_machines_own_size_counts(reports):
    """A pod without limits may take what the others need: said, and no failure."""
    report = taken(reports, "no limits")
    assert report.fact("system.cgroup.memory_bytes") is None and report.result.rc == 0
    assert {"envelope-not-set", "envelope-differs"} & set(report.ids("system"))


def test_an_empty_volume_is_told_from_a_hidden_store(reports):
    assert taken(reports, "an empty volume").finding("nix-volume-empty")["severity"] == "notice"
