# SPDX-License-Identifier: Zlib
"""What a repository expects of its lane, in .github/spinup.json: each mismatch, and each way to write it wrongly."""

import json

import pytest
from report import taken, together
from runner_files import WORKSPACE
from visit import File, Folder, Link

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
ALONE = ["--skip", "attic", "--skip", "bazel"]
PLACE = f"{WORKSPACE}/.github/spinup.json"
HEAD = {f"{WORKSPACE}/.git/HEAD": "ref: refs/heads/main\n"}


def tool(text):
    """A program that only knows its version."""
    return File(f"#!/bin/sh\necho '{text}'\n", 0o755)


BAZEL = {"/usr/local/bin/bazel": tool("bazel 8.1.0")}
DOCKER = {"/usr/local/bin/docker": tool("Docker version 26.1.5, build abc")}

# what is expected: (document, files, finding, its detail)
MISMATCHES = {
    "lane": ({"lane": "tinyland-nix-kvm"}, {}, "expected-lane-differs",
             "expected tinyland-nix-kvm, found tinyland-nix"),
    "nix": ({"toolchain": {"nix": ">=2.40"}}, {}, "expected-version-differs", "expected nix >=2.40, found 2.35.2"),
    "determinate": ({"toolchain": {"determinate": ">=3.1 <4"}}, {}, "expected-version-differs",
                    "expected determinate >=3.1 <4, found 3.0.0"),
    "bazel": ({"toolchain": {"bazel": "7"}}, BAZEL, "expected-version-differs", "expected bazel 7, found 8.1.0"),
    "docker": ({"toolchain": {"docker": ">=27"}}, DOCKER, "expected-version-differs",
               "expected docker >=27, found 26.1.5"),
    "bazel that is not there": ({"toolchain": {"bazel": "8"}}, {}, "toolchain-tool-missing", "no bazel on PATH"),
    "docker that is not there": ({"toolchain": {"docker": ">=27"}}, {}, "toolchain-tool-missing", "no docker on PATH"),
    "flavour": ({"flavour": "lix"}, {}, "expected-flavour-differs", "expected lix, found determinate"),
    "system": ({"system": "aarch64-darwin"}, {}, "expected-system-differs", "expected aarch64-darwin, found "),
    "memory": ({"resources": {"memory": "16GiB"}}, {}, "expected-memory-missing",
               "expected at least 16 GiB, found 8 GiB"),
    "cpus": ({"resources": {"cpus": 64}}, {}, "expected-cpus-missing", "expected at least 64, found 4"),
    "disk": ({"resources": {"disk": {"/nix": "900TiB"}}}, {}, "expected-disk-missing",
             "expected at least 900 TiB, found "),
    "disk of the job": ({"resources": {"disk": {"$RUNNER_TEMP": "900TiB"}}}, {}, "expected-disk-missing",
                        "expected at least 900 TiB, found "),
    "feature": ({"features": ["big-parallel", "gccarch-znver9"]}, {}, "expected-feature-missing",
                "expected the feature gccarch-znver9, found "),
}
MET = {
    "$schema": "https://example.invalid/expectations.json", "lane": "tinyland-nix", "flavour": "determinate",
    "toolchain": {"nix": ">=2.18 <3", "determinate": "3.0", "bazel": "file:.bazelversion", "docker": ">=26"},
    "resources": {"memory": "8GiB", "cpus": 4, "disk": {"/nix": "1MiB", "$GITHUB_WORKSPACE": 4096}},
    "features": ["big-parallel"], "require": ["nix"],
}
# the text: what stderr says behind "spinup: .github/spinup.json"
REFUSED = {
    '{"lanes": "tinyland-nix"}': ": /lanes: unknown key; allowed here: $schema, lane, toolchain,",
    '{"resources": {"ram": 1}}': ": /resources/ram: unknown key; allowed here: memory, cpus, disk",
    '{"lane": "a-nix", "lane": "b-nix"}': ": /lane: this key occurs twice",
    '{"toolchain": {"nix": "2", "\\u006eix": "3"}}': ": /toolchain/nix: this key occurs twice",
    '{\n  "lane": "x",,\n}': ":2:15: expected a key",
    '{"lane": "x"': ":1:13: ",
    '{} x': ":1:4: text after the end",
    '': ":1:1: expected a value",
    '[' * 40: ":1:33: nested too deep",
    '["lane"]': ": /: must be an object",
    '{"lane": 3}': ": /lane: must be a label",
    '{"lane": "a b"}': ": /lane: must be a label",
    '{"lane": "a\\u0000b"}': ":1:18: \\u0000 is not allowed",
    '{"toolchain": {"nix": 3}}': ": /toolchain/nix: must be a string: a range",
    '{"toolchain": {"nix": "^2"}}': ": /toolchain/nix: must be a range such as",
    '{"toolchain": {"nix": "file:.nix"}}': ": /toolchain/nix: only bazel's version may come from a file",
    '{"toolchain": {"bazel": "file:../../../etc/passwd"}}': ": /toolchain/bazel: the file must be named relative",
    '{"toolchain": {"bazel": "file:/etc/passwd"}}': ": /toolchain/bazel: the file must be named relative",
    '{"toolchain": {"bazel": "file:.bazelversion"}}': ": /toolchain/bazel: .bazelversion: there is no such file",
    '{"toolchain": {"bazel": "file:leak"}}': ": /toolchain/bazel: leak: there is no such file in the checkout",
    '{"resources": {"memory": "8 gigs"}}': ": /resources/memory: must be an amount",
    '{"resources": {"cpus": 0}}': ": /resources/cpus: must be a whole number, 1 or more",
    '{"resources": {"disk": {"nix": "1GiB"}}}': ": /resources/disk/nix: must be an absolute path",
    '{"resources": {"disk": {"/nix/../etc": 1}}}': ": /resources/disk/~1nix~1..~1etc: must be an absolute path",
    '{"require": ["speed"]}': ": /require/0: must be one of: nix, kvm, gpu, docker, heavy, attic, bazel",
    '{"features": ["kvm", "kvm"]}': ": /features/1: occurs twice",
    '{"flavour": "nixos"}': ": /flavour: must be one of: determinate, upstream, lix, distribution",
    '{"substrate": "magic"}': ": /substrate: must be one of: ",
    '{"attic": {"cluster_url": "http://evil"}}': ": /attic: unknown key",  # the checkout configures nothing
    '{"lane": "' + "x" * 70000 + '"}': ": larger than 64 KiB",
}


def checkout(document, files=None):
    """A checkout with these expectations."""
    text = document if isinstance(document, str) else json.dumps(document)
    return {"files": {**HEAD, PLACE: text, **(files or {})}}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every repository, side by side."""
    assert spinup
    rows = {name: (ALONE, checkout(document, files)) for name, (document, files, _, _) in MISMATCHES.items()}
    rows["met"] = ALONE, checkout(MET, {**BAZEL, **DOCKER, f"{WORKSPACE}/.bazelversion": "8.1.0\n"})
    rows["unpinned"] = ALONE, checkout({"toolchain": {"bazel": "file:.bazelversion"}},
                                       {f"{WORKSPACE}/.bazelversion": "8.1.0\n"})
    rows["required attic"] = ["--skip", "bazel"], {**checkout({"require": ["attic"]}), "down": "attic=refused"}
    rows["substrate"] = ["--skip", "attic"], {**checkout({"substrate": "shared-cache-backed"}), "down": "bazel=refused"}
    rows["required kvm"] = ALONE, checkout({"require": ["kvm"]}, {"/dev/kvm": "no device"})
    rows["no checkout"] = ALONE, {}
    rows["no file"] = ALONE, {"files": HEAD}
    rows["named"] = [*ALONE, "--expect", "/opt/e.json"], {"files": {"/opt/e.json": '{"lane": "x-nix"}'}}
    rows["variable"] = ALONE, {"files": {"/opt/e.json": '{"lane": "x-nix"}'}, "env": {"SPINUP_EXPECT": "/opt/e.json"}}
    return together(lab, rows)


@pytest.mark.parametrize("name", MISMATCHES)
def test_a_mismatch_stops_the_job(reports, name):
    """Expected, found and remedy side by side."""
    report = taken(reports, name)
    _, _, id_, text = MISMATCHES[name]
    finding = report.finding(id_)
    assert finding["severity"] == "error" and text in finding["detail"] and len(finding["remedy"]) > 20
    assert report.outcome == "failed" and report.result.rc == 1 and report.result.files["GITHUB_ENV"] == ""


def test_what_is_met_is_said(reports):
    report = taken(reports, "met")
    assert report.outcome == "ready" and not report.bad()
    met = [finding["detail"] for finding in report.document["findings"] if finding["id"] == "expectation-met"]
    assert len(met) >= 10
    assert any("nix >=2.18 <3" in text and "2.35.2" in text for text in met), met


@pytest.mark.parametrize("name, id_, outcome", [
    ("required attic", "attic-refused", "failed"),
    ("substrate", "bazel-refused", "failed"), ("required kvm", "kvm-node-wrong", "failed"),
    ("named", "expected-lane-differs", "failed"), ("variable", "expected-lane-differs", "failed")])
def test_a_demand_beyond_the_lane(reports, name, id_, outcome):
    report = taken(reports, name)
    assert report.outcome == outcome and id_ in report.bad()


def test_a_pin_alone_is_told(reports):
    """A later step may bring the tool."""
    assert taken(reports, "unpinned").finding("toolchain-pinned-only")["severity"] == "notice"


def test_before_the_checkout_it_is_said(reports):
    assert taken(reports, "no checkout").finding("expectations-not-checked-out")["severity"] == "notice"
    assert "expectations-not-checked-out" not in taken(reports, "no file").ids()


def test_the_page_shows_both_sides(lab, spinup):
    assert spinup
    result = lab.exec(["spinup", "run", *ALONE], image="determinate", user="trusted", runner=True, env=CONTRACT,
                      **checkout({"toolchain": {"nix": ">=2.30"}}))
    assert result.rc == 1 and "expected nix >=2.30, found 2.26.3" in result.stdout
    annotations = [line for line in result.stdout.splitlines() if line.startswith("::error")]
    assert len(annotations) == 1 and "expected nix >=2.30, found 2.26.3" in annotations[0]


def test_a_wrong_file_is_refused_with_its_place(lab, spinup):
    """Status 2, one line that names file and pointer (or line and column), once more as an annotation for the
    job's author, and nothing written."""
    assert spinup
    with lab.pod(image="determinate", daemon="determinate",
                 files={**HEAD, f"{WORKSPACE}/leak": Link("/etc/passwd")}) as pod:
        for text, words in REFUSED.items():
            pod.place({PLACE: text})
            result = pod.exec(["spinup", "run", *ALONE], user="trusted", runner=True, env=CONTRACT)
            assert result.rc == 2, (text[:80], result.stdout)
            assert result.stderr.count("\n") == 1
            assert result.stderr.startswith(f"spinup: .github/spinup.json{words}"), result.stderr
            said = result.stderr.removeprefix("spinup: ").replace("%", "%25")
            assert result.stdout == f"::error title=spinup%3A usage::{said}"
            assert not any(result.files.values())


@pytest.mark.parametrize("files, words", [
    ({PLACE: Folder()}, "directory"), ({PLACE: File("{}", 0)}, "ermission denied"), ({PLACE: Link("/dev/zero")}, ""),
    ({f"{WORKSPACE}/.github": Link("/etc"), "/etc/spinup.json": "{}"}, "")])
def test_a_file_that_is_none(lab, spinup, files, words):
    """Said, or left alone; never waited for, never a crash."""
    assert spinup
    result = lab.exec(["spinup", "run", *ALONE], image="determinate", daemon="determinate", user="trusted", runner=True,
                      env=CONTRACT, files={**HEAD, **files}, timeout=20)
    assert result.rc in (0, 2) and result.elapsed < 5
    assert result.rc == 0 or (words in result.stderr and result.stderr.count("\n") == 1)


def test_a_named_file_must_be_there(lab, spinup):
    assert spinup
    result = lab.exec(["spinup", "run", "--expect", "/gone.json"], env=CONTRACT, runner=True, daemon="none")
    assert result.rc == 2 and result.stderr == "spinup: --expect /gone.json: there is no such file\n"
