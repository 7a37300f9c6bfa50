# SPDX-License-Identifier: Zlib
"""A whole job: what `spinup run` writes for the next step, byte for byte, and what that step can do with it."""

import json
import re

import pytest
from pod import PATH
from report import validator
from runner_files import RunnerFiles, next_environment, parse

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
TEMP = "/home/runner/_work/_temp"
REPORT = f"{TEMP}/spinup/report.json"
ATTIC = "http://attic.nix-cache.svc.cluster.local"
BAZEL = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"


def run(lab, *words, env=None, user="trusted", image="determinate", runner=None, **pod):
    """`spinup run` as a step of a job; the report that it leaves fits the schema."""
    result = lab.exec(["spinup", "run", *words], image=image, user=user, runner=runner or RunnerFiles(user),
                      env={**CONTRACT, **(env or {})}, collect=[REPORT], **pod)
    validator().validate(json.loads(result.files[REPORT]))
    return result


def without_delimiters(text):
    """GITHUB_ENV with its random heredoc delimiters replaced by one name."""
    return re.sub(r"spinup_[0-9a-f]{32}", "DELIMITER", text)


def test_a_healthy_lane_writes_exactly_this(lab, spinup):
    """The whole file, byte for byte."""
    result = run(lab)
    assert result.rc == 0, result.stdout
    assert without_delimiters(result.files["GITHUB_ENV"]) == f"""\
ATTIC_SERVER={ATTIC}
ATTIC_CACHE=main
ATTIC_PUBLIC_KEY={lab.public_key}
BAZEL_REMOTE_CACHE={BAZEL}
SPINUP_BAZELRC_PATH={TEMP}/spinup/bazelrc
NIX_CONFIG<<DELIMITER
# spinup begin
fallback = true
connect-timeout = 15
extra-substituters = {ATTIC}/main
extra-trusted-public-keys = {lab.public_key}
# spinup end
DELIMITER
NIX_SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
NIX_PROFILES=/nix/var/nix/profiles/default /home/trusted/.nix-profile
SPINUP_LANE=tinyland-nix
SPINUP_REPORT_PATH={TEMP}/spinup/report.json
"""
    assert result.files["GITHUB_PATH"] == "/home/trusted/.nix-profile/bin\n/nix/var/nix/profiles/default/bin\n"
    outputs = dict(parse(result.files["GITHUB_OUTPUT"]))
    assert outputs["outcome"] == "ready"
    assert outputs["lane"] == outputs["runner_class"] == "tinyland-nix"
    assert outputs["nix-version"] == "2.26.3"
    assert outputs["determinate-version"] == "3.0.0"
    assert outputs["attic_reachable"] == outputs["bazel_cache_reachable"] == "true"
    assert outputs["attic_public_key"] == lab.public_key
    assert outputs["report-path"] == f"{TEMP}/spinup/report.json"


def test_running_twice_is_running_once(lab, spinup):
    """A second run sees what the first one wrote; the step after it has the same environment."""
    with lab.pod(image="determinate") as pod:
        first, second = RunnerFiles("trusted"), RunnerFiles("trusted")
        before = {"PATH": PATH, **first.environment(pod.hostname), **CONTRACT}
        once = next_environment(before, pod.exec(["spinup", "run"], user="trusted", runner=first, env=CONTRACT).files)
        result = pod.exec(["spinup", "run"], user="trusted", runner=second, env={**once, **second.paths})
        assert result.rc == 0
        twice = next_environment(once, result.files)
        assert twice.pop("PATH").split(":")[:2] == once.pop("PATH").split(":")[:2]
        assert twice == once


def test_the_next_step_fetches_through_it(lab, spinup):
    """The real nix takes a signed path from the lab's Attic with nothing but what was written."""
    with lab.pod(image="determinate") as pod:
        runner = RunnerFiles("trusted")
        result = pod.exec(["spinup", "run"], user="trusted", runner=runner, env=CONTRACT)
        environment = next_environment(runner.environment(pod.hostname), result.files)
        fetched = pod.exec(["nix-store", "--realise", lab.paths["hello"]], user="trusted", env=environment)
        assert fetched.rc == 0, fetched.stderr
        assert f"from '{ATTIC}/main'" in fetched.stderr


def test_an_untrusted_user_is_told_what_the_administrator_must_add(lab, spinup):
    """The daemon would ignore the substituter: it is not written, and the finding names the lines."""
    result = run(lab, user="runner")
    assert result.rc == 0
    config = dict(parse(result.files["GITHUB_ENV"]))["NIX_CONFIG"]
    assert "extra-substituters" not in config and "fallback = true" in config
    assert "nix-cache-not-allowed" in result.stdout
    assert "trusted-substituters" in result.stdout


def test_the_jobs_own_nix_config_stays_as_it_is(lab, spinup):
    """The job's text stands unchanged between ours, and its own settings win."""
    own = "experimental-features = nix-command flakes\nfallback = false # ours\n"
    result = run(lab, env={"NIX_CONFIG": own})
    config = dict(parse(result.files["GITHUB_ENV"]))["NIX_CONFIG"]
    assert own.rstrip("\n") in config
    assert "fallback = true" not in config
    assert config.count("# spinup begin") == config.count("# spinup end")


@pytest.mark.parametrize("down", ["attic=refused,bazel=refused", "attic=blackhole,bazel=blackhole",
                                  "attic=nxdomain,bazel=nxdomain"])
def test_dead_caches_are_emptied_and_the_job_goes_on(lab, spinup, down):
    """What the pod injected would make the build stall: it is emptied."""
    result = run(lab, env={"ATTIC_SERVER": ATTIC, "BAZEL_REMOTE_CACHE": BAZEL}, down=down)
    assert result.rc == 0
    values = dict(parse(result.files["GITHUB_ENV"]))
    assert values["ATTIC_SERVER"] == values["BAZEL_REMOTE_CACHE"] == ""
    assert "extra-substituters" not in values.get("NIX_CONFIG", "")
    assert "DEGRADED" in result.stdout
    assert result.elapsed < 5  # a hang, not a measurement: bench measures


def test_a_dead_substituter_that_the_image_lists_is_left_out(lab, spinup):
    """nix.conf already names the dead cache: the whole list is written without it."""
    result = run(lab, down="attic=refused", env={"NIX_CONFIG": f"substituters = {ATTIC}/main https://other.invalid"})
    config = dict(parse(result.files["GITHUB_ENV"]))["NIX_CONFIG"]
    written = [line for line in config.splitlines() if line.startswith("substituters =")]
    assert ATTIC not in written[-1]


def test_a_failed_lane_leaves_env_and_path_untouched(lab, spinup):
    """Nothing of a lane that is broken reaches the next step; what happened is told all the same."""
    result = run(lab, image="bare")
    assert result.rc == 1
    assert result.files["GITHUB_ENV"] == "" and result.files["GITHUB_PATH"] == ""
    assert dict(parse(result.files["GITHUB_OUTPUT"]))["outcome"] == "failed"
    assert "nix-absent" in result.files["GITHUB_STEP_SUMMARY"]
    assert result.stdout.count("::error ") == 1
    assert result.stdout.count("::warning ") <= 3


def test_failed_under_warn_writes_what_was_proven(lab, spinup):
    """The job goes on, with the caches that answer, and the outcome says failed."""
    result = run(lab, "--mode", "warn", image="bare")
    assert result.rc == 0
    values = dict(parse(result.files["GITHUB_ENV"]))
    assert values["BAZEL_REMOTE_CACHE"] == BAZEL
    assert dict(parse(result.files["GITHUB_OUTPUT"]))["outcome"] == "failed"


def test_a_wrong_toolchain_stops_the_job_at_once(lab, spinup):
    """Expected, found and remedy stand side by side."""
    expectations = json.dumps({"toolchain": {"nix": ">=2.30"}})
    result = run(lab, files={f"/home/runner/_work/app/app/.github/spinup.json": expectations,
                             "/home/runner/_work/app/app/.git/HEAD": "ref: refs/heads/main\n"})
    assert result.rc == 1
    assert "expected nix >=2.30, found 2.26.3" in result.stdout
    assert result.files["GITHUB_ENV"] == ""


def test_a_docker_lane_starts_no_nix_probe(lab, spinup):
    """A lane that promises nothing about Nix pays nothing for it."""
    result = run(lab, "--label", "tinyland-docker", image="bare", daemon="none")
    assert result.rc == 0, result.stdout
    report = json.loads(lab.exec(["spinup", "plan", "--json", "--label", "tinyland-docker"], image="bare",
                                 env=CONTRACT).stdout)
    assert {"nix", "attic"}.isdisjoint(task["probe"] for task in report["tasks"])


def test_what_was_in_the_file_stays(lab, spinup):
    """An earlier line without its newline is mended; nothing of it is lost."""
    runner = RunnerFiles("trusted", contents={"GITHUB_ENV": b"BEFORE=1"})
    result = run(lab, runner=runner)
    assert result.files["GITHUB_ENV"].startswith("BEFORE=1\nATTIC_SERVER=")


def test_a_file_that_somebody_broke_is_named_and_not_written_to(lab, spinup):
    """An unterminated heredoc would swallow our block."""
    runner = RunnerFiles("trusted", contents={"GITHUB_ENV": b"A<<EOF\nhalf\n"})
    result = run(lab, runner=runner)
    assert result.rc == 3
    assert result.files["GITHUB_ENV"] == "A<<EOF\nhalf\n"
    assert "GITHUB_ENV" in result.stderr


def test_no_names_of_ours_are_read_back_as_options(lab, spinup):
    """What the agent exports has other names than what it reads."""
    text = lab.exec(["spinup", "run", "--help"]).stdout
    read = set(re.findall(r"\[(SPINUP_[A-Z_]+)\]", text))
    written = {name for name, _ in parse(run(lab).files["GITHUB_ENV"])}
    assert read and not read & written
