# SPDX-License-Identifier: Zlib
"""Secrets that a job holds, looked for in everything that spinup says, writes or passes on."""

import base64
import itertools
import json

import pytest
from runner_files import TEMP, RunnerFiles, parse
from visit import File, listing

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
ATTIC = "attic.nix-cache.svc.cluster.local"
BAZEL = "bazel-auth.nix-cache.svc.cluster.local"
PASSWORD = "lab-password"  # what bazel-auth takes
GITHUB = "ghp_Uq7Zr3xS0mKc5tVbNw1y"
NETRC = "netrc-Pw8rTq2LsX"
FLAG = "flagPw9dKe4JhG"


def forms(secret):
    """A secret as it is, and how base64 would carry it at any offset."""
    yield secret
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + secret.encode()).decode()
        yield text[4 if shift else 0:-4]


def job(lab):
    """A step whose environment is full of secrets; returns (secrets, environment, files)."""
    token = lab.tokens["push"]
    secrets = {"ATTIC_TOKEN": token, "its signature": token.rpartition(".")[2], "Bazel's password": PASSWORD,
               "GitHub's token": GITHUB, "netrc's password": NETRC}
    env = {"ATTIC_TOKEN": token, "BAZEL_REMOTE_CACHE": f"grpc://job:{PASSWORD}@{BAZEL}:9092",
           "NIX_CONFIG": f"access-tokens = github.com={GITHUB}\nextra-experimental-features = flakes"}
    files = {"/nix/var/determinate/netrc": File(f"machine example.org login me password {NETRC}\n", 0o644)}
    return secrets, env, files


def assert_hidden(secrets, texts):
    """No form of a secret is in any text."""
    for (name, secret), (where, text) in itertools.product(secrets.items(), texts.items()):
        for form in forms(secret):
            assert form not in (text or ""), f"{name} is in {where}"


def without_masks(result):
    """Takes the mask commands from the start of the outputs (of stderr, where stdout is a document)."""
    masks = []
    for name in ("stdout", "stderr"):
        lines = getattr(result, name).splitlines(keepends=True)
        first = list(itertools.takewhile(lambda line: line.startswith("::add-mask::"), lines))
        masks += [line.removeprefix("::add-mask::").rstrip("\n") for line in first]
        setattr(result, name, "".join(lines[len(first):]))
    assert "::add-mask::" not in result.stdout + result.stderr
    return masks


def shown(result, pod):
    """Everything that other people may read."""
    report = f"{TEMP}/spinup/report.json"
    return {"stdout": result.stdout, "stderr": result.stderr, "the report": pod.read(report)[report],
            **{name: result.files[name] for name in ("GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_PATH",
                                                      "GITHUB_STATE")}}


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["page", "json"])
@pytest.mark.parametrize("down", ["", "attic=refused", "attic=status-401", "attic=captive", "attic=json-hostile",
                                  f"{BAZEL}=grpc-unauthenticated",
                                  f"{BAZEL}=grpc-hostile"])
def test_no_output_holds_a_secret(lab, spinup, words, down):
    """Healthy, and in each way of failing that makes a server's or our own words longer."""
    assert spinup
    secrets, env, files = job(lab)
    with lab.pod(image="determinate", daemon="determinate", down=down, files=files) as pod:
        result = pod.exec(["spinup", "run", *words], user="trusted", runner=True, env={**CONTRACT, **env})
        masks = without_masks(result)
        assert result.rc == 0
        assert_hidden(secrets, shown(result, pod))
        for name, value in parse(result.files["GITHUB_ENV"]):
            for secret in secrets.values():
                assert secret not in value or any(secret in mask for mask in masks), f"{name} is written unmasked"
        assert GITHUB in dict(parse(result.files["GITHUB_ENV"]))["NIX_CONFIG"]
        assert GITHUB in masks or any(GITHUB in mask for mask in masks)


def test_files_with_secrets_are_the_owners_alone(lab, spinup):
    """The netrc and the bazelrc carry what Nix and Bazel need, and nobody else may read them."""
    assert spinup
    secrets, env, files = job(lab)
    with lab.pod(image="determinate", daemon="determinate", files=files) as pod:
        pod.exec(["spinup", "run", "--attic-cache", "private"], user="trusted", runner=True,
                 env={**CONTRACT, **env}).check()
        found = pod.visit(listing, f"{TEMP}/spinup")
        assert found and all(kind == "-rw-------" and owner == 1002 for kind, owner, *_ in found.values()), found
        texts = pod.read(*found)
        assert any(NETRC in text and secrets["ATTIC_TOKEN"] in text for text in texts.values())
        assert pod.visit(listing, TEMP)[f"{TEMP}/spinup"][0] == "drwx------"


def test_no_command_line_holds_a_secret(lab, spinup):
    """While every endpoint is slow, all processes of the pod are looked at."""
    assert spinup
    secrets, env, files = job(lab)
    script = """spinup run >/dev/null 2>&1 & pid=$!
        until [ "$(pgrep -c spinup)" -ge 3 ]; do :; done
        n=0; while kill -0 $pid 2>/dev/null && [ $n -lt 40 ]; do
            for i in /proc/[0-9]*; do tr '\\0' ' ' <$i/cmdline; cat $i/comm; echo; done 2>/dev/null
            n=$((n+1))
        done; wait $pid"""
    with lab.pod(image="determinate", daemon="slow", files=files,
                 down=f"attic=slow-head,{BAZEL}=grpc-slow") as pod:
        step = RunnerFiles("trusted")
        pod.place(step.files())
        result = pod.exec(["/bin/sh", "-c", script], user="trusted",
                          env={**step.environment(), **CONTRACT, **env}, timeout=20)
        assert result.stdout.count("spinup run") > 20
        assert_hidden(secrets, {"a command line": result.stdout, "stderr": result.stderr})


def test_a_program_of_the_same_user_cannot_look_into_it(lab, spinup):
    """The checkout's own tools may run while spinup holds the token; its environment and memory stay closed."""
    assert spinup
    script = """export ATTIC_TOKEN=look-at-me; sleep 9 & other=$!
        spinup run >/dev/null 2>&1 & pid=$!
        until [ "$(pgrep -c spinup)" -ge 2 ]; do :; done
        cat /proc/$pid/environ /proc/$pid/mem; for i in $(pgrep spinup); do cat /proc/$i/environ; done
        echo of another; cat /proc/$other/environ; kill $other; wait $pid"""
    result = lab.exec(["/bin/sh", "-c", script], user="trusted", image="determinate", env=CONTRACT,
                      down={"attic": "slow-head"}, timeout=20)
    spinups, other = result.stdout.split("of another")
    assert "look-at-me" in other and "look-at-me" not in spinups
    assert result.stderr.count("Permission denied") >= 3, result.stderr


@pytest.mark.parametrize("where", ["step", "terminal", "act", "GitLab"])
def test_masks_are_for_runners_alone(lab, spinup, where):
    """Elsewhere the line would be the leak: so the secret's variable is not written either."""
    assert spinup
    secrets, env, files = job(lab)
    with lab.pod(image="determinate", daemon="determinate", files=files) as pod:
        step = RunnerFiles("trusted")
        pod.place(step.files())
        surface = {"step": step.environment(), "act": {**step.environment(), "ACT": "true", "RUNNER_NAME": "act"},
                   "terminal": {}, "GitLab": {"CI": "true", "GITLAB_CI": "true", "CI_RUNNER_TAGS": "gl-nix"}}[where]
        result = pod.exec(["spinup", "run", "--label", "tinyland-nix"], user="trusted",
                          env={**surface, **CONTRACT, **env})
        masks = without_masks(result)
        assert result.rc == 0, result.stderr
        assert bool(masks) == (where == "step")
        assert_hidden(secrets, {"stdout": result.stdout, "stderr": result.stderr})
        written = pod.read(step.paths["GITHUB_ENV"])[step.paths["GITHUB_ENV"]]
        if where != "step":
            assert_hidden(secrets, {"GITHUB_ENV": written})
            assert "secret-left-out" in result.stdout


@pytest.mark.parametrize("command", [["doctor"], ["doctor", "--json"], ["plan"], ["plan", "--json"], ["env"],
                                     ["env", "--format", "sh"], ["probe", "attic"], ["probe", "bazel", "--json"],
                                     ["probe", "nix", "--json"]])
def test_other_commands_show_none(lab, spinup, command):
    """What an operator pastes into an issue."""
    assert spinup
    secrets, env, files = job(lab)
    with lab.pod(image="determinate", daemon="determinate", files=files) as pod:
        result = pod.exec(["spinup", *command], user="trusted", env={**CONTRACT, **env})
        assert result.rc in (0, 2), result.stderr
        assert_hidden(secrets, {"stdout": result.stdout, "stderr": result.stderr})


@pytest.mark.parametrize("flag, name, value", [
    ("--attic", "ATTIC_SERVER", f"http://me:{FLAG}@{ATTIC}"), ("--attic", "ATTIC_SERVER", f"https//me:{FLAG}@x"),
    ("--bazel", "BAZEL_REMOTE_CACHE", f"grpc://me:{FLAG}@{BAZEL}:9092"),
    ("--bazel", "BAZEL_REMOTE_CACHE", f"grpc://me:{FLAG}@ {BAZEL}"),
    ("--attic-public-key", "ATTIC_PUBLIC_KEY", f"main:{FLAG}")])
def test_secrets_in_flags_and_variables(lab, spinup, flag, name, value):
    """Used or refused, they are not repeated."""
    assert spinup
    with lab.pod(image="determinate", daemon="determinate") as pod:
        for argv, env in (([flag, value], {}), ([], {name: value})):
            result = pod.exec(["spinup", "run", *argv], user="trusted", runner=True, env={**CONTRACT, **env})
            masks = without_masks(result)
            assert result.rc in (0, 2), result.stderr
            assert_hidden({"the password": FLAG}, shown(result, pod))
            assert FLAG not in result.files["GITHUB_ENV"] or any(FLAG in mask for mask in masks)


def test_a_token_from_a_file(lab, spinup):
    """ATTIC_TOKEN_FILE works as ATTIC_TOKEN does; what is no token is not shown either."""
    assert spinup
    token = lab.tokens["push"]
    files = {"/run/token": File(token + "\n", 0o644), "/run/other": File(f"two lines\n{FLAG}\n", 0o644)}
    with lab.pod(image="determinate", daemon="determinate", files=files) as pod:
        good = pod.exec(["spinup", "run", "--json", "--attic-push"], user="trusted", runner=True,
                        env={**CONTRACT, "ATTIC_TOKEN_FILE": "/run/token"})
        assert token in without_masks(good)
        assert "attic-push-allowed" in {finding["id"] for finding in json.loads(good.stdout)["findings"]}
        assert_hidden({"the token": token}, shown(good, pod))
        for path in ("/run/other", "/gone", "/run"):
            bad = pod.exec(["spinup", "run"], user="trusted", runner=True,
                           env={**CONTRACT, "ATTIC_TOKEN_FILE": path})
            assert bad.rc in (0, 2), bad.stderr
            assert_hidden({"what is no token": FLAG}, shown(bad, pod))
