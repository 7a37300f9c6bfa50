# SPDX-License-Identifier: Zlib
"""Which label routed the job: every source, every kind of lane, and names that nobody should trust."""

import json

import pytest
from report import COMMAND, CONTROLS, OUR_COMMAND, assert_harmless, prove, taken, together
from runner_files import RunnerFiles, parse
from visit import File

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
ALONE = ["--skip", "attic", "--skip", "bazel", "--skip", "kvm"]
PODINFO = "/etc/podinfo/annotations"
ANNOTATIONS = ('kubernetes.io/config.source="api"\nactions.github.com/runner-group-name="Default"\n'
               'actions.github.com/runner-scale-set-name="tinyland-nix"\n')
DOCKER = File("#!/bin/sh\necho 'Docker version 28.0.1, build abc'\n", 0o755)
RANDOM = "bcdfg-runner-hjklm"
LONG = "tinyland-nix-with-a-name-of-exactly-45-letter"  # the chart's longest


def machine(*, host="box", runner=None, **env):
    """A pod whose names say nothing but what is given."""
    return {"hostname": host, "env": {"RUNNER_NAME": runner, **env}}


# what is given: (words, place, label, source, confidence)
SOURCES = {
    "flag": (["--label", "tinyland-nix"], machine(), "tinyland-nix", "--label", "explicit"),
    "variable": ([], machine(SPINUP_LABEL="Tinyland-Nix"), "tinyland-nix", "SPINUP_LABEL", "explicit"),
    "flag over variable": (["--label", "tinyland-nix"], machine(SPINUP_LABEL="tinyland-docker"), "tinyland-nix",
                           "--label", "explicit"),
    "empty variable": ([], machine(SPINUP_LABEL="", runner=f"tinyland-nix-{RANDOM}"), "tinyland-nix", "RUNNER_NAME",
                       "matched"),
    "downward API": ([], machine(SPINUP_SCALE_SET="tinyland-nix"), "tinyland-nix", "SPINUP_SCALE_SET", "explicit"),
    "downward API's file": ([], {**machine(), "files": {PODINFO: ANNOTATIONS}}, "tinyland-nix", PODINFO, "explicit"),
    "downward API over names": ([], machine(SPINUP_SCALE_SET="tinyland-nix", runner=f"tinyland-dind-{RANDOM}"),
                                "tinyland-nix", "SPINUP_SCALE_SET", "explicit"),
    "runner's name": ([], machine(runner=f"tinyland-nix-{RANDOM}"), "tinyland-nix", "RUNNER_NAME", "matched"),
    "runner's name, newest form": ([], machine(runner="tinyland-nix-runner-hjklm"), "tinyland-nix", "RUNNER_NAME",
                                   "matched"),
    "runner's name, cut form": ([], machine(runner=f"{LONG}-bcdfg-runnerhjklm"), LONG, "RUNNER_NAME", "inferred"),
    "runner's name over host": ([], machine(runner=f"tinyland-nix-{RANDOM}", host=f"tinyland-dind-{RANDOM}"),
                                "tinyland-nix", "RUNNER_NAME", "matched"),
    "pod's name": ([], machine(ACTIONS_RUNNER_POD_NAME=f"tinyland-nix-{RANDOM}"), "tinyland-nix",
                   "ACTIONS_RUNNER_POD_NAME", "matched"),
    "host": ([], machine(host=f"tinyland-nix-{RANDOM}"), "tinyland-nix", "host name", "matched"),
    "host, newest form": ([], machine(host="tinyland-nix-runner-hjklm"), "tinyland-nix", "host name", "matched"),
    "host of a job's pod": ([], machine(host=f"tinyland-nix-{RANDOM}-workflow"), "tinyland-nix", "host name",
                            "matched"),
    "the longer label": ([], machine(host=f"tinyland-nix-kvm-{RANDOM}"), "tinyland-nix-kvm", "host name", "matched"),
    "another pool": ([], machine(runner=f"acme-nix-{RANDOM}"), "acme-nix", "RUNNER_NAME", "inferred"),
    "GitLab": ([], machine(CI_RUNNER_TAGS='["linux", "gl-nix"]'), "gl-nix", "CI_RUNNER_TAGS", "explicit"),
    "GitLab, older": ([], machine(CI_RUNNER_TAGS="gl-nix, linux"), "gl-nix", "CI_RUNNER_TAGS", "explicit"),
    "GitLab, two lanes": ([], machine(CI_RUNNER_TAGS='["gl-nix","gl-docker"]'), "gl-nix", "CI_RUNNER_TAGS",
                          "ambiguous"),
    "GitHub's own": ([], machine(RUNNER_ENVIRONMENT="github-hosted", runner="GitHub Actions 7"), "github-hosted",
                     "RUNNER_ENVIRONMENT", "explicit"),
    "no generated name": ([], machine(runner="tinyland-nix-abcde-runner-fghij"), "", "", "unknown"),
    "nothing": ([], machine(), "", "", "unknown"),
}
# label: (finding, severity, outcome); the machine is a healthy nix pod
KINDS = {
    "tinyland-nix": (None, None, "ready"),
    "tinyland-nix-kvm": ("promise-not-checked", "warning", "degraded"),
    "tinyland-nix-gpu": ("gpu-absent", "error", "failed"),
    "tinyland-dind": (None, None, "ready"),
    "nix-vm-test-kvm": ("lane-proof-only", "notice", "degraded"),
    "chapel-nix": ("lane-fossil", "notice", "ready"),
    "massageithaca-dind": ("lane-fossil", "notice", "ready"),
    "tinyland-nix-darwin": ("lane-not-supported", "warning", "degraded"),
    "tinyland-nix-macos": ("lane-not-supported", "warning", "degraded"),
    "tinyland-nix-browser": (None, None, "ready"),
    "frobnicate": ("lane-unknown", "warning", "degraded"),
    "self-hosted": ("lane-unknown", "warning", "degraded"),
}
PROMISES = {
    "tinyland-nix": ["nix", "attic", "bazel"], "tinyland-docker": ["bazel"], "tinyland-dind": ["docker", "bazel"],
    "tinyland-nix-heavy": ["nix", "heavy", "attic", "bazel"], 
    "acme-nix-vm-webgpu": ["nix", "kvm", "gpu", "attic", "bazel"],
    "chapel-nix": [], "frobnicate": [], "tinyland-nix-darwin": [],
}
HOSTILE = {
    "newline": "tinyland-nix\n::set-env name=LD_PRELOAD::/tmp/x", "carriage return": "x\r::error::boo",
    "ANSI": "\x1b[2J\x1b]0;owned\x07tinyland-nix", "old command": "##[group]tinyland-nix",
    "command": "::add-mask::e", "10 kB": "tinyland-" * 1138, "markdown": "`|<script>alert(1)</script>|`",
    "percent": "%0A::error::%25%s%n%d", "NEL and separators": "a\u0085b\u2028c\u2029d\u202ee",
    "latin1": b"tinyland-\xe9\xff".decode("utf-8", "surrogateescape"), "dots": "../../../etc/passwd", "blank": " ",
}
PLACES = ("--label", "SPINUP_LABEL", "SPINUP_SCALE_SET", "RUNNER_NAME", "CI_RUNNER_TAGS", "annotations",
          "ACTIONS_RUNNER_POD_NAME")


def hostile_row(where, text):
    """One place with a hostile text in it."""
    place = machine()
    if where == "--label":
        return [*ALONE, "--label", text], place
    if where == "annotations":
        place["files"] = {PODINFO: f'actions.github.com/runner-scale-set-name="{text}"\n'}
    else:
        place["env"][where] = text
    return ALONE, place


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every machine, side by side."""
    assert spinup
    rows = {("source", name): ([*ALONE, *words], place) for name, (words, place, *_) in SOURCES.items()}
    rows.update({("kind", label): ([*ALONE, "--label", label], {"files": {"/usr/local/bin/docker": DOCKER},
                                                                     "docker": "good"}) for label in KINDS})
    rows.update({("hostile", where, name): hostile_row(where, text)
                 for where in PLACES for name, text in HOSTILE.items()})
    return together(lab, rows)


@pytest.mark.parametrize("name", SOURCES)
def test_the_label_and_where_it_came_from(reports, name):
    report = taken(reports, ("source", name))
    _, _, label, source, confidence = SOURCES[name]
    lane = report.document["lane"]
    assert (lane["label"], lane["source"], lane["confidence"]) == (label, source, confidence)
    found = report.ids()
    assert ("lane-unknown" in found) == (confidence == "unknown")
    assert ("lane-inferred" in found) == (confidence == "inferred")
    assert ("lane-ambiguous" in found) == (confidence == "ambiguous")
    assert report.exported().get("SPINUP_LANE", "") == label


@pytest.mark.parametrize("label", KINDS)
def test_a_kind_of_lane(reports, label):
    report = taken(reports, ("kind", label))
    id_, severity, outcome = KINDS[label]
    if id_:
        assert report.finding(id_)["severity"] == severity
    else:
        assert not report.bad()
    assert report.outcome == outcome and report.result.rc == (outcome == "failed")


def test_a_promise_without_a_proof_is_named(reports):
    assert taken(reports, ("kind", "tinyland-nix-kvm")).finding("promise-not-checked")["subject"] == "kvm"


def test_a_docker_lane_without_a_client_fails(lab, spinup):
    assert spinup
    report = prove(lab, *ALONE, "--label", "tinyland-dind", image="bare", daemon="none", docker="good")
    assert report.outcome == "failed" and report.bad("toolchain") == {"toolchain-tool-missing": "error"}


@pytest.mark.parametrize("label", PROMISES)
def test_what_a_label_promises(lab, spinup, label):
    """By the contract, or by the grammar of names."""
    plan = lab.exec(["spinup", "plan", "--json", "--label", label], env=CONTRACT, daemon="none").check()
    assert json.loads(plan.stdout)["lane"]["promises"] == PROMISES[label]


@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_no_label(reports, where, name):
    """Report's constructor has searched every output; here: it was taken for no lane."""
    report = taken(reports, ("hostile", where, name))
    is_tag = (where, name) == ("CI_RUNNER_TAGS", "old command")  # a list whose brackets are odd
    assert report.document["lane"]["label"] == ("tinyland-nix" if is_tag else "") and report.result.rc == 0
    for key, value in parse(report.result.files["GITHUB_ENV"]) + parse(report.result.files["GITHUB_OUTPUT"]):
        assert not CONTROLS.search(key + value) and "::" not in value.replace("::1", "")
    assert HOSTILE[name] not in report.result.files["GITHUB_STEP_SUMMARY"] or name == "blank"


@pytest.mark.parametrize("where", ["--label", "RUNNER_NAME"])
@pytest.mark.parametrize("command", [["run"], ["doctor"], ["plan"], ["env"]])
def test_hostile_names_on_the_page(lab, spinup, command, where):
    """The page for people, in one pod and with everything at once."""
    assert spinup
    with lab.pod(image="determinate", daemon="determinate", hostname="box") as pod:
        for text in HOSTILE.values():
            words = ["--label", text] if where == "--label" else []
            result = pod.exec(["spinup", *command, *ALONE, *words], user="trusted", runner=RunnerFiles("trusted"),
                              env={**CONTRACT, "RUNNER_NAME": text if where != "--label" else "x"})
            assert result.rc == 0, result.stderr
            assert_harmless(result)


@pytest.mark.parametrize("host", ["x" * 63, "tinyland-nix-bcdfg-runner-hjkl\n", "-", "..", "::error::x", "\x1b[31m"])
def test_hostile_host_names(lab, spinup, host):
    assert spinup
    assert prove(lab, *ALONE, hostname=host, env={"RUNNER_NAME": None}).document["lane"]["label"] == ""


def test_plan_shows_what_runs(lab, spinup):
    """Each task with its subject, kind and reason; and nothing has been touched."""
    assert spinup
    result = lab.exec(["spinup", "plan", "--label", "tinyland-nix"], image="determinate", daemon="none", runner=True,
                      env=CONTRACT, down="attic=blackhole,bazel=blackhole").check()
    assert result.elapsed < 1 and not result.files["GITHUB_ENV"] and not result.files["GITHUB_STEP_SUMMARY"]
    for text in ("nix", "the lane promises nix", "attic.nix-cache.svc.cluster.local", "bazel-cache.nix-cache"):
        assert text in result.stdout
    assert not any(COMMAND.match(line) and not OUR_COMMAND.match(line) for line in result.stdout.splitlines())
    kvm = lab.exec(["spinup", "plan", "--label", "tinyland-nix-kvm"], daemon="none", env=CONTRACT).check()
    assert "/dev/kvm" in kvm.stdout and "the lane promises kvm" in kvm.stdout
