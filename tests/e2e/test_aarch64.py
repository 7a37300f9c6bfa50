# SPDX-License-Identifier: Zlib
"""The cross-compiled binary under qemu-user: it says what this machine's says, byte for byte, and its filters let
through what it calls there. (Its unit and static tests: ./build.sh aarch64.)"""

import json
import platform
import re
import shutil
import subprocess

import pytest
from conftest import skip
from places import REPOSITORY
from test_cli import COMMANDS, USAGE
from test_contract import ATTACH

BUILD = REPOSITORY / "build/aarch64"
MEASURED = re.compile(r'^ *"(sandbox|started|elapsed_ms|took_ms|start_ms|free_bytes|free_inodes)": .*\n', re.MULTILINE)
NOTHING = {"PATH": "/nowhere"}
# The libraries in those of the GPU are another machine's, and what is run there as well. qemu has no execveat.
LEFT_OUT = {"gpu", "toolchain"}
READ_BY = {"cgroup": "system", "nix-conf": "nix"}  # the probe, where it is called otherwise than the fixtures
ROOTS = sorted(path for path in (REPOSITORY / "fixtures").glob("*/*/root") if path.parts[-3] not in LEFT_OUT)

pytestmark = pytest.mark.skipif(platform.machine() == "aarch64", reason="this machine is one")


def comparable(report):
    """It without the machine's name, and without what is measured, which would differ here too the next time."""
    return re.sub(r"(x86_64|aarch64)(?=-linux)|[\d.]+ [A-Z]iB free", "", MEASURED.sub("", report))


class Pair:
    """The same command, here and there."""

    def __init__(self, here, there):
        self.here, self.there = here, there

    def call(self, *words, env=None, cwd=REPOSITORY):
        """What both said: (here, there)."""
        return [subprocess.run([*program, *words], env={**NOTHING, **(env or {})}, cwd=cwd, capture_output=True,
                               text=True, timeout=60, check=False) for program in (self.here, self.there)]

    def same(self, *words, **more):
        """What both said, once it is the same."""
        here, there = self.call(*words, **more)
        assert (there.stdout, there.stderr, there.returncode) == (here.stdout, here.stderr, here.returncode)
        return here


def qemu(*options):
    """The command before a program of aarch64."""
    program = shutil.which("qemu-aarch64")
    if not program:
        skip("qemu-aarch64 (package qemu-user)")
    if not (BUILD / "emulated").exists():
        skip("build/aarch64 (./build.sh aarch64)")
    return [program, *options]


@pytest.fixture
def released(spinup):
    """The binary of the release."""
    return Pair([spinup], [*qemu(), BUILD / "spinup"])


@pytest.fixture
def watched(spinup, tmp_path):
    """The one for qemu-user; at the end its filters have let everything through. Returns also who reads them."""
    log = tmp_path / "filters"

    def lines():
        return log.read_bytes()[8:].rstrip(b"\0").decode().splitlines()

    yield Pair([spinup], [*qemu("-plugin", f"{BUILD}/filters.so,log={log}"), BUILD / "emulated"]), lines
    assert not [line for line in lines() if not line.startswith("filter: ")]


def test_it_is_what_is_released(released):
    """Static, for any address, with a stack that is not run; and what it has inside is the same."""
    told = subprocess.run(["readelf", "--file-header", "--program-headers", "--dynamic", "--wide", BUILD / "spinup"],
                          check=True, capture_output=True, text=True, timeout=20).stdout
    assert "AArch64" in told and "DYN" in told and "INTERP" not in told and "NEEDED" not in told
    assert re.search(r"GNU_STACK.* RW +0x", told)
    assert released.same("version").returncode == 0
    mine, theirs = (json.loads((REPOSITORY / path / "sbom.json").read_text()) for path in ("build", "build/aarch64"))
    assert [row["name"] for row in mine["components"]] == [row["name"] for row in theirs["components"]]


@pytest.mark.parametrize("words", [
    *([*words] for name in COMMANDS for words in (["help", name], [name, "--help"])),
    ["version", "--json"], ["explain"], ["explain", "--json"], ["contract"],
    ["contract", "check", "README.md", "agent"], ["probe"], ["plan", "--json"],
    *(["plan", "--label", label] for label in ("tinyland-nix", "tinyland-dind", "tinyland-nix-gpu", "ubuntu-latest")),
    ["env", "--label", "tinyland-docker", "--skip", "system", "--skip", "dns", "--skip", "bazel", "--format", "json"],
], ids=" ".join)
def test_what_needs_no_machine(released, words):
    assert released.same(*words).stdout


@pytest.mark.parametrize("words", USAGE, ids=" ".join)
def test_usage_errors(released, words):
    assert released.same(*words).stderr


@pytest.mark.parametrize("name", ATTACH)
def test_the_attachment(released, tmp_path, name):
    env, words, status, _ = ATTACH[name]
    assert released.same("contract", "attach", "--json", *words, env=env, cwd=tmp_path).returncode == status


@pytest.mark.parametrize("root", ROOTS, ids=lambda path: "/".join(path.parts[-3:-1]))
def test_a_fake_machine(watched, root):
    """Every local probe over its fixtures."""
    pair, lines = watched
    probe = READ_BY.get(root.parts[-3], root.parts[-3])
    here, there = pair.call("probe", probe, "--json", "--root", root)
    assert comparable(there.stdout) == comparable(here.stdout)
    assert (there.stderr, there.returncode) == (here.stderr, here.returncode)
    assert len(lines()) == 1 and json.loads(there.stdout)["sandbox"] == "seccomp"


@pytest.mark.parametrize("name", ["system", "nix", "docker", "kvm", "gpu", "toolchain"])
def test_this_machine(watched, name):
    """What the probes call where nothing is fake: a filter that is too narrow would kill."""
    pair, lines = watched
    there = pair.call("probe", name, "--json", "--allow-software-gpu", env={"PATH": "/usr/bin:/bin"})[1]
    findings = json.loads(there.stdout)["findings"]
    assert not [row for row in findings if row["id"].startswith("task-")] and lines()
    assert name != "system" or json.loads(there.stdout)["facts"]["system"]["system"] == "aarch64-linux"


def test_a_call_that_no_filter_allows_is_seen(tmp_path):
    """The watch itself: the trials of what each profile forbids are killings."""
    log = tmp_path / "filters"
    program = BUILD / "static-tests/sandbox_denials"
    done = subprocess.run([*qemu("-plugin", f"{BUILD}/filters.so,log={log}"), program], capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0 and " 0 failed" in done.stdout
    assert log.read_bytes().count(b"killed: system call ") > 200
