# SPDX-License-Identifier: Zlib
"""The contract as a judge: how Bazel is attached, and what is out of contract in files, in the job's environment and
in Nix's configuration."""

import json
import os
import random
import shutil
import subprocess

import pytest
from conftest import skip
from report import BAD, COMMAND, CONTROLS, prove, taken, together
from runner_files import WORKSPACE

CACHE = {"BAZEL_REMOTE_CACHE": "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"}
EXECUTOR = {"BAZEL_REMOTE_EXECUTOR": "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"}
SHARED = {"GF_BAZEL_SUBSTRATE_MODE": "shared-cache-backed"}
LOCAL = {"GF_BAZEL_SUBSTRATE_MODE": "compatibility-local-only"}
CI_LABELS = {"GF_BAZEL_RUNNER_LABELS": "ubuntu-latest"}
MANIFEST = "tinyland.repo.json"
STEP = {"GITHUB_ACTIONS": "true", "GITHUB_ENV": "/tmp/env", "GITHUB_ACTION": "__run"}
OLD = "https://attic.tinyland.dev"
NEW = "https://nix-cache.tinyland.dev"


def call(spinup, *words, cwd, env=None):
    """`spinup contract WORDS`, outside the lab: nothing here needs a network or a machine."""
    return subprocess.run([spinup, "contract", *words], cwd=cwd, env=env or {}, capture_output=True, text=True,
                          timeout=60, check=False)


def assert_harmless(text):
    """No line is a command of the runner's but a whole annotation of ours."""
    assert not CONTROLS.search(text), repr(text)
    for line in text.splitlines():
        assert not COMMAND.match(line) or line.startswith(("::error file=", "::error title=spinup%3A ")), line


# ---- attach

ATTACH = {
    "nothing": ({}, [], 0, None),
    "a cache": (CACHE, [], 0, None),
    "declared": ({**SHARED, **CACHE}, ["--strict"], 0, None),
    "declared, not there": (SHARED, [], 1, "attachment-mode-differs"),
    "strict, nothing there": ({}, ["--strict"], 1, "attachment-no-cache"),
    "strict by variable": ({"SPINUP_STRICT": "true"}, [], 1, "attachment-no-cache"),
    "hosted": ({**CACHE, **CI_LABELS}, ["--strict"], 1, "attachment-runner"),
    "hosted, and allowed": ({**CACHE, **CI_LABELS, "GF_BAZEL_ALLOW_HOSTED_RUNNER": "true"}, ["--strict"], 0, None),
    "hosted, not strict": ({**CACHE, **CI_LABELS}, [], 0, None),
    "hosted by the runner's own word": ({**CACHE, "RUNNER_ENVIRONMENT": "github-hosted"}, ["--strict"], 1,
                                        "attachment-runner"),
    "a fossil by flag": (CACHE, ["--strict", "--label", "chapel-nix"], 1, "attachment-runner"),
    "placeholder": ({"BAZEL_REMOTE_CACHE": "grpc://${HOST}:9092"}, [], 1, "attachment-placeholder"),
    "scheme": ({"BAZEL_REMOTE_CACHE": "redis://cache.svc"}, [], 1, "attachment-endpoint-not-valid"),
    "localhost": ({"BAZEL_REMOTE_CACHE": "grpc://localhost:9092"}, [], 1, "attachment-localhost"),
    "executor unproven": ({**CACHE, **EXECUTOR}, [], 1, "attachment-executor-unproven"),
    "executor alone": ({**EXECUTOR, "GF_BAZEL_REAPI_PROOF_IMAGE_DIGEST": "sha256:x"}, [], 1,
                       "attachment-executor-alone"),
    "profile": ({"GF_FLYWHEEL_PROFILE_STATE": "shared-cache-backed"}, [], 1, "attachment-profile-differs"),
    "unknown profile": ({"GF_FLYWHEEL_PROFILE_STATE": "attached"}, [], 1, "attachment-profile-unknown"),
}


@pytest.mark.parametrize("name", ATTACH)
def test_the_attachment_is_judged(spinup, tmp_path, name):
    env, words, status, id_ = ATTACH[name]
    page = call(spinup, "attach", *words, cwd=tmp_path, env=env)
    assert (page.returncode, page.stderr) == (status, "")
    assert page.stdout.splitlines()[-1].split()[0] == ("REFUSED" if status else "HOLDS")
    document = json.loads(call(spinup, "attach", "--json", *words, cwd=tmp_path, env=env).stdout)
    assert document["refused"] == bool(status)
    assert [row["id"] for row in document["findings"]] == [id_ or "attachment-agrees"]
    assert not id_ or f"[{id_}]" in page.stdout


def test_a_step_reads_the_repository(spinup, tmp_path):
    """The manifest and the expectations declare, in a step alone; and a step gets an annotation."""
    step = {**STEP, "GITHUB_WORKSPACE": str(tmp_path)}
    (tmp_path / MANIFEST).write_text('{"enrollment": {"substrateMode": "shared-cache-backed"}}')
    refused = call(spinup, "attach", cwd=tmp_path, env=step)
    assert refused.returncode == 1 and f"({MANIFEST})" in refused.stdout
    assert refused.stdout.splitlines()[-1].startswith("::error title=spinup%3A attachment-mode-differs::tinyland.repo")
    assert call(spinup, "attach", cwd=tmp_path, env={**step, **CACHE}).returncode == 0
    assert call(spinup, "attach", cwd=tmp_path, env={**step, **LOCAL}).returncode == 0  # the environment comes first
    assert call(spinup, "attach", cwd=tmp_path, env={"GITHUB_WORKSPACE": str(tmp_path)}).returncode == 0
    (tmp_path / MANIFEST).write_text('{"enrollment": ')
    broken = call(spinup, "attach", cwd=tmp_path, env=step)
    assert broken.returncode == 2 and broken.stderr.startswith(f"spinup: {MANIFEST}:1:16: ")
    (tmp_path / MANIFEST).unlink()
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/spinup.json").write_text('{"substrate": "shared-cache-backed"}')
    assert call(spinup, "attach", cwd=tmp_path, env=step).returncode == 1


def test_an_attachment_shows_no_secret(spinup, tmp_path):
    env = {"BAZEL_REMOTE_CACHE": "grpc://user:hunter2@localhost:1", "BAZEL_REMOTE_EXECUTOR": "hunter2",
           "GF_BAZEL_SUBSTRATE_MODE": "::error::x\n::error::y\x1b[31m", "GITHUB_ACTIONS": "true"}
    for words in [], ["--json"]:
        result = call(spinup, "attach", *words, cwd=tmp_path, env=env)
        assert result.returncode == 1 and "hunter2" not in result.stdout
        assert_harmless(result.stdout)


# ---- run

@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every job, side by side."""
    assert spinup
    checkout = {f"{WORKSPACE}/.git/HEAD": "x"}
    manifest = {**checkout, f"{WORKSPACE}/{MANIFEST}": '{"enrollment": {"substrateMode": "shared-cache-backed"}}'}
    alone = ["--skip", "attic"]
    return together(lab, {
        "undeclared, dead": (alone, {"files": checkout, "down": "bazel=refused"}),
        "declared, proven": (alone, {"files": manifest}),
        "declared, dead": (alone, {"files": manifest, "down": "bazel=refused"}),
        "state, dead": (alone, {"files": checkout, "down": "bazel=refused",
                                "env": {"GF_FLYWHEEL_PROFILE_STATE": "shared-cache-backed"}}),
        "declared, localhost": (alone, {"files": manifest, "env": {"BAZEL_REMOTE_CACHE": "grpc://localhost:1"}}),
        "declared, another pool": ([*alone, "--label", "acme-nix"], {"files": manifest}),
        "local": (alone, {"files": checkout, "env": LOCAL}),
        "executor": (alone, {"files": checkout, "env": {"BAZEL_REMOTE_EXECUTOR": "grpcs://reapi.example.org"}}),
        "state of GitLab": ([*alone, "--skip", "bazel"],
                            {"files": checkout, "env": {"TF_HTTP_ADDRESS": "https://x", "TF_HTTP_PASSWORD": "hunter2"}}),
        "substituters": ([*alone, "--skip", "bazel"],
                         {"files": checkout, "env": {"NIX_CONFIG": f"extra-substituters = {OLD}/main"}}),
    })


@pytest.mark.parametrize("name, outcome, bad", [
    ("undeclared, dead", "degraded", {"bazel-refused": "warning"}),
    ("declared, proven", "ready", {}),
    ("declared, dead", "failed", {"bazel-refused": "error"}),
    ("state, dead", "failed", {"bazel-refused": "error"}),
    ("declared, localhost", "failed", {"attachment-localhost": "error", "out-of-contract-ignored": "warning"}),
    ("declared, another pool", "failed", {"attachment-mode-differs": "error"}),
    ("local", "ready", {}),
    ("executor", "degraded", {"out-of-contract-ignored": "warning"}),
    ("state of GitLab", "ready", {}),
    ("substituters", "degraded", {"out-of-contract-ignored": "warning"}),
])
def test_a_job_is_held_to_what_it_declares(reports, name, outcome, bad):
    report = taken(reports, name)
    found = {id_: severity for id_, severity in report.bad().items() if not id_.startswith("lane-")}
    assert (report.outcome, found) == (outcome, bad)


def test_what_a_job_gets_of_it(reports):
    proven = taken(reports, "declared, proven")
    assert proven.finding("attachment-agrees")["severity"] == "ok"
    assert proven.exported()["BAZEL_REMOTE_CACHE"] == CACHE["BAZEL_REMOTE_CACHE"]
    assert "BAZEL_REMOTE_CACHE" not in taken(reports, "local").exported()
    assert taken(reports, "executor").exported()["BAZEL_REMOTE_EXECUTOR"] == ""
    state = taken(reports, "state of GitLab")
    assert state.finding("out-of-contract-state")["subject"] == "TF_HTTP_ADDRESS, TF_HTTP_PASSWORD"
    assert "hunter2" not in json.dumps(state.document)


def test_a_cache_out_of_contract_is_not_asked_and_left_out(reports):
    report = taken(reports, "substituters")
    assert OLD in report.finding("out-of-contract-ignored")["detail"]
    assert NEW in report.finding("out-of-contract-ignored")["remedy"]
    assert not {"substituter-dead", "substituter-not-cache"} & set(report.ids(severities=BAD))
    config = report.exported()["NIX_CONFIG"].splitlines()
    effective = [line for line in config if line.startswith("substituters =")]
    assert len(effective) == 1 and OLD not in effective[0]
    assert config.index(effective[0]) > config.index(f"extra-substituters = {OLD}/main")


def test_the_other_proofs_do_not_mind(lab, spinup):
    """A proof that was asked for alone is not held to what the whole lane is."""
    assert spinup
    assert prove(lab, "system", command="probe", env=SHARED, runner=False).outcome == "ready"


# ---- check

@pytest.fixture
def repository(tmp_path):
    """A repository with hits in some of its files."""
    files = {
        ".git/config": f"url = {OLD}\n", ".gitignore": "out/\n*.log\n", "README.md": "fine\n",
        "out/x": OLD, "a.log": OLD, "src/.gitignore": "!keep.log\n", "src/keep.log": f"\n  {OLD}/main\n",
        ".github/workflows/ci.yml": "env:\n  BAZEL_REMOTE_CACHE: ${CACHE}\n", "bin": f"\0{OLD}",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_a_clean_tree(spinup, repository):
    result = call(spinup, "check", "README.md", cwd=repository)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "nothing out of contract; 1 file read\n"


def test_hits_for_people(spinup, repository):
    result = call(spinup, "check", ".", cwd=repository)
    assert (result.returncode, result.stderr) == (1, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("./.github/workflows/ci.yml:2:23: ${CACHE} is out of contract: a variable that was never")
    assert lines[2].startswith(f"./src/keep.log:2:3: {OLD}/main is out of contract: ")
    assert lines[3] == f"    -> Use instead: {NEW}"
    assert lines[-1] == "2 out of contract; 5 files read"


def test_hits_for_programs(spinup, repository):
    for words in ["--format", "json"], ["--json"], ["--format=json"]:
        result = call(spinup, "check", *words, "src", "a.log", cwd=repository)
        document = json.loads(result.stdout)
        assert result.returncode == 1 and (document["files"], document["unread"], document["found"]) == (3, 0, 2)
        hit = document["hits"][0]
        assert (hit["file"], hit["line"], hit["column"], hit["value"]) == ("src/keep.log", 2, 3, f"{OLD}/main")
        assert hit["replacement"] == NEW and hit["reason"] and document["hits"][1]["file"] == "a.log"
    clean = call(spinup, "check", "--json", "README.md", cwd=repository)
    assert clean.returncode == 0 and json.loads(clean.stdout)["hits"] == []


def test_hits_for_a_runner(spinup, repository):
    """Names are told from the workspace's root, wherever the check was started."""
    env = {"GITHUB_WORKSPACE": str(repository)}
    for cwd, path in (repository, "src"), (repository / "src", "."), (repository, str(repository / "src")):
        result = call(spinup, "check", "--format", "github", path, cwd=cwd, env=env)
        assert result.returncode == 1
        assert result.stdout == (
            f"::error file=src/keep.log,line=2,col=3,title=spinup%3A out of contract::{OLD}/main is out of contract: not "
            f"the public name of the cache. Use instead: {NEW}\n")
    assert call(spinup, "check", "--format", "github", "README.md", cwd=repository).stdout == ""


HOSTILE = ["::error::x", "##[error]y", "a\n::error::z", "b\x1b[31m", "c%0A,line=9::", " ::warning::w", "\u202ed"]


def test_hostile_names_and_lines(spinup, tmp_path):
    for name in HOSTILE:
        (tmp_path / name).write_text(f"{OLD}/\x1b[31m ::error::{OLD}\n::error::attic-cache-dev\n")
    for words in [], ["--format", "github"]:
        result = call(spinup, "check", *words, ".", cwd=tmp_path)
        assert result.returncode == 1
        assert_harmless(result.stdout)
        assert "##[" not in result.stdout
    found = json.loads(call(spinup, "check", "--json", ".", cwd=tmp_path).stdout)
    assert {hit["file"] for hit in found["hits"]} == set(HOSTILE) and found["found"] == 3 * len(HOSTILE)


@pytest.mark.parametrize("words, message", [
    (["check"], "contract check needs a PATH, such as ."),
    (["check", "gone"], "contract check gone: No such file or directory"),
    (["check", "--format", "xml", "."], "--format: 'xml' is none of text, json, github and gitlab"),
    (["attach", "x"], "x: one argument too many; see `spinup contract --help`"),
    (["validate", "x"], "x: one argument too many; see `spinup contract --help`"),
    (["frob"], "contract frob: print (no word), validate, attach or check"),
    (["check", "--strict=x", "."], "--strict: 'x' is neither true nor false"),
])
def test_wrong_usage(spinup, tmp_path, words, message):
    result = call(spinup, *words, cwd=tmp_path)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"spinup: {message}\n")


def test_what_cannot_be_read_proves_nothing(lab, spinup):
    """A file that this user may not read, as root could; the hits beside it are told first."""
    assert spinup
    with lab.pod(image="bare", daemon="none") as pod:
        pod.place({"/opt/tree/a": "fine", "/opt/tree/b": "secret"})
        pod.exec(["chmod", "600", "/opt/tree/b"], user="root").check()
        result = pod.exec(["spinup", "contract", "check", "/opt/tree"])
        assert result.rc == 3 and result.stdout == "nothing out of contract; 1 file read, 1 could not be\n"
        assert result.stderr == ("spinup: contract check: 1 could not be read, the first is /opt/tree/b: Permission "
                                 "denied\n")
        pod.place({"/opt/tree/a": OLD})
        assert pod.exec(["spinup", "contract", "check", "/opt/tree"]).rc == 1


def test_many_paths(spinup, tmp_path):
    """As many as a commit's hook hands over."""
    names = [f"f{number}" for number in range(1000)]
    for name in names:
        (tmp_path / name).write_text(OLD if name == "f777" else "")
    result = call(spinup, "check", *names, cwd=tmp_path)
    assert result.returncode == 1 and result.stdout.startswith("./f777:1:1: ")


# ---- .gitignore, beside git itself

NAMES = ["a", "b", "ab", "a.log", "keep.log", "x y", "#a", "[a]", "out"]
PARTS = ["a", "b", "*", "?", "**", "*.log", "!keep.log", "!a", "[ab]", "[!a]", "out", "\\#a", "#a", "a*", "*b", "\\[a]",
         "x y", "b ", "**b"]


def grow(choose, folder, depth):
    """A tree of files, some directories with rules of their own."""
    for name in choose.sample(NAMES, choose.randint(2, 5)):
        if depth < 3 and choose.random() < 0.5:
            (folder / name).mkdir()
            grow(choose, folder / name, depth + 1)
        else:
            (folder / name).write_text(OLD)
    if depth == 0 or choose.random() < 0.3:
        (folder / ".gitignore").write_text("".join(rule(choose) + "\n" for _ in range(choose.randint(1, 4))))


def rule(choose):
    """One line of a .gitignore."""
    parts = "/".join(choose.choice(PARTS) for _ in range(choose.choice([1, 1, 1, 2, 3])))
    return choose.choice(["", "", "", "/", "!"]) + parts + choose.choice(["", "", "", "/", "  "])


@pytest.mark.parametrize("seed", range(40))
def test_git_ignores_the_same(spinup, tmp_path, seed):
    git = shutil.which("git")
    if not git:
        skip("git")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    top = tmp_path / "top"
    top.mkdir()
    grow(random.Random(seed), top, 0)
    subprocess.run([git, "init", "-q", str(top)], check=True, env=env)
    listed = subprocess.run([git, "ls-files", "-z", "--others", "--exclude-standard"], cwd=top, env=env, check=True,
                            capture_output=True, text=True).stdout.split("\0")
    expected = {name for name in listed if name and not name.endswith(".gitignore")}
    found = json.loads(call(spinup, "check", "--json", ".", cwd=top).stdout)["hits"]
    assert {hit["file"] for hit in found} == expected


def test_a_checkout_configures_nothing(spinup, repository):
    """What git would run for the asking, were it asked."""
    mark = repository / "ran"
    script = repository / "hook"
    script.write_text(f"#!/bin/sh\ntouch {mark}\n")
    script.chmod(0o755)
    (repository / ".git/config").write_text(f"[core]\n\tfsmonitor = {script}\n\tpager = {script}\n")
    assert call(spinup, "check", ".", cwd=repository, env={"PATH": os.environ["PATH"]}).returncode == 1
    assert not mark.exists()
