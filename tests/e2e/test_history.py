# SPDX-License-Identifier: Zlib
"""What an earlier surface of a job found reaches the later ones, beside what is so now."""

import json
import re

import pytest
from report import assert_harmless, validator
from runner_files import TEMP, RunnerFiles, parse
from test_exec import CONTRACT, RUNNER, runner, variables
from visit import File, Folder, Link

def test_what_the_entrypoint_found_is_shown_in_the_step(lab, spinup):
    """Attic was dead when the pod started and is back; Nix's absence is still there. Both are shown, and judged now."""
    with lab.pod(image="bare", files=runner()) as pod:
        dead = ["--attic", "http://attic.faults.svc.cluster.local"]
        begun = pod.exec(["spinup", "exec", "--label", "tinyland-nix", *dead, "--", f"{RUNNER}/run.sh"], env=CONTRACT)
        runner_env = variables(begun.stdout)
        step = RunnerFiles("runner")
        result = pod.exec(["spinup", "run", "--label", "tinyland-nix", "--json"], runner=step,
                          env={**CONTRACT, "SPINUP_REPORT_PATH": runner_env["SPINUP_REPORT_PATH"]})
        page = pod.exec(["spinup", "run", "--label", "tinyland-nix"], runner=RunnerFiles("runner"),
                        env={**CONTRACT, "SPINUP_REPORT_PATH": runner_env["SPINUP_REPORT_PATH"]})
    report = json.loads(result.stdout)
    validator().validate(report)
    past, = report["history"]
    assert (past["surface"], past["outcome"], past["lane"]) == ("entrypoint", "failed", "tinyland-nix")
    now = {finding["id"]: finding["is_still_there"] for finding in past["findings"]}
    assert now["nix-absent"] is True
    assert [id_ for id_ in now if id_.startswith("attic-") and now[id_] is False], now
    assert {task["probe"] for task in past["tasks"]} >= {"nix", "attic", "bazel", "system"}
    summary = result.files["GITHUB_STEP_SUMMARY"]
    assert "### Earlier in this runner" in summary and "| **still there** |" in summary and "| gone |" in summary
    assert "    section entrypoint\n" in summary and "    section step, now\n" in summary
    assert "Earlier in this runner" in page.stdout and re.search(r"^ +gone +warning ", page.stdout, re.M)
    assert re.search(r"^ +still there +error nix: no nix program, and no /nix \[nix-absent\]$", page.stdout, re.M)
    assert "| nix-absent |  | `no nix program, and no /nix` | **still there** |" in summary
    assert_harmless(page)


def test_entrypoint_then_step_then_step(lab, spinup):
    """Through real environments: the runner's shell under exec is the parent of two steps; the second has the same
    environment and the same history as the first."""
    step = RunnerFiles("runner")
    script = """
        spinup run >/tmp/first.log; cp "$GITHUB_ENV" /tmp/first
        cp $RUNNER_TEMP/spinup/report.json /tmp/first.json
        export SPINUP_REPORT_PATH=$RUNNER_TEMP/spinup/report.json; : >"$GITHUB_ENV"
        spinup run >/tmp/second.log; cp "$GITHUB_ENV" /tmp/second
        cp $RUNNER_TEMP/spinup/report.json /tmp/second.json"""
    with lab.pod(image="determinate", daemon="determinate", files={**step.files(), **runner(script)}) as pod:
        job = " ".join(f"{name}='{value}'" for name, value in step.environment(pod.hostname).items())
        pod.place({f"{RUNNER}/run.sh": File(f"#!/bin/sh\nexport {job}\n{script}\n", 0o755, "runner")})
        pod.exec(["spinup", "exec", "--", f"{RUNNER}/run.sh"], env=CONTRACT).check()
        texts = pod.read("/tmp/first", "/tmp/second", "/tmp/first.json", "/tmp/second.json")
    first, second = (dict(parse(texts[f"/tmp/{name}"])) for name in ("first", "second"))
    assert first == second and first["SPINUP_REPORT_PATH"] == f"{TEMP}/spinup/report.json"
    histories = [json.loads(texts[f"/tmp/{name}.json"])["history"] for name in ("first", "second")]
    assert histories[0] == histories[1] and [entry["surface"] for entry in histories[0]] == ["entrypoint"]


def past_report(**changes):
    """An entrypoint's report with one finding."""
    finding = {"id": "attic-unreachable", "probe": "attic", "subject": "s", "severity": "warning", "detail": "d",
               "remedy": "r", "took_ms": 1}
    return {"schema": "spinup-report-1", "surface": "entrypoint", "started": "2026-01-01T00:00:00Z",
            "outcome": "degraded", "lane": {"label": "tinyland-nix"}, "elapsed_ms": 5, "findings": [finding],
            "tasks": [], "history": [], **changes}


def step_with(lab, item, path="/tmp/old/report.json", **more):
    """A step on a healthy lane whose SPINUP_REPORT_PATH names this file: (report, result)."""
    files = {"/tmp/old": Folder(0o755, "runner"), **({path: item} if item else {})}
    result = lab.exec(["spinup", "run", "--json"], image="determinate", daemon="determinate", runner=True, files=files,
                      env={**CONTRACT, "SPINUP_REPORT_PATH": path, **more})
    assert result.rc == 0
    assert_harmless(result)
    report = json.loads(result.stdout)
    validator().validate(report)
    return report, result


def test_a_report_in_good_order_is_history(lab, spinup):
    """The base of the hostile rows below: this one is read. It never changes the verdict."""
    report, _ = step_with(lab, File(json.dumps(past_report(outcome="failed")), 0o600, "runner"))
    assert [entry["outcome"] for entry in report["history"]] == ["failed"] and report["outcome"] == "ready"
    report, _ = step_with(lab, File(json.dumps(past_report(surface="hook", history=[
        {**past_report(), "lane": "x", "findings": []}])), 0o600, "runner"))
    assert [entry["surface"] for entry in report["history"]] == ["entrypoint", "hook"]


GOOD = json.dumps(past_report())


@pytest.mark.parametrize("item, why", [
    (None, "No such file"),
    (File(GOOD, 0o644, "runner"), "its mode is 0644 instead of 0600"),
    (File(GOOD, 0o620, "runner"), "its mode is 0620"),
    (File(GOOD, 0o600, "trusted"), "Permission denied"),
    (File(GOOD, 0o644, "trusted"), "it belongs to user 1002"),
    (Link("/tmp/old/real"), "it is a symbolic link"),
    (Folder(0o600, "runner"), "it is no regular file"),
    (File(b" " * 10_000_000 + GOOD.encode(), 0o600, "runner"), "it is longer than 1 MiB"),
    (File("", 0o600, "runner"), "it:1:1"),
    (File(GOOD[:-20], 0o600, "runner"), "it:1:"),
    (File(GOOD.replace('"schema"', '"lane": 1, "schema"'), 0o600, "runner"), "it"),
    (File("[1]", 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(schema="spinup-report-2")), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(surface="attic")), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(started="##[error]x")), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(elapsed_ms=-1)), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(findings=[{"id": "##[x]"}])), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(tasks={})), 0o600, "runner"), "the form of a report"),
    (File(json.dumps(past_report(history=[past_report()] * 3)), 0o600, "runner"), "the form of a report"),
])
def test_a_report_that_is_not_read(lab, spinup, item, why):
    """A notice says why; the outcome is what was proven now."""
    report, _ = step_with(lab, item)
    finding, = [finding for finding in report["findings"] if finding["id"] == "history-ignored"]
    assert why in finding["detail"] and finding["severity"] == "notice", finding
    assert report["history"] == [] and report["outcome"] == "ready"


def test_hostile_words_in_history_are_cleaned(lab, spinup):
    """They come out in page, summary and report as any text from outside: step_with looks at all of them."""
    words = "\x1b[31m##[error]x\n::error::y \u202e`|<b> " + "A" * 10_000
    finding = {"id": "attic-x", "severity": "error", "probe": words, "subject": words, "detail": words}
    past = past_report(lane={"label": words}, findings=[finding] * 100)
    report, result = step_with(lab, File(json.dumps({**past, "findings": past["findings"][:8]}), 0o600, "runner"))
    found = report["history"][0]["findings"]
    assert len(found) == 8 and all(len(row["detail"]) <= 500 for row in found)
    summary = result.files["GITHUB_STEP_SUMMARY"]
    assert summary.count("::error::") == summary.count("# #[error]x ::error::y") > 0


def test_entrypoint_then_hook_then_step(lab, spinup):
    """Each hands on what those before it found."""
    with lab.pod(image="determinate", daemon="determinate", files=runner()) as pod:
        env = variables(pod.exec(["spinup", "exec", "--", f"{RUNNER}/run.sh"], env=CONTRACT).stdout)
        env = {name: env[name] for name in ("SPINUP_REPORT_PATH", "SPINUP_CONTRACT")}
        hook = pod.exec(["spinup", "hook", "started"], runner=True, env={**env, "GITHUB_ACTION": ""}).check()
        env["SPINUP_REPORT_PATH"] = dict(parse(hook.files["GITHUB_ENV"]))["SPINUP_REPORT_PATH"]
        step = pod.exec(["spinup", "run", "--json"], runner=True, env=env).check()
    assert "Earlier in this runner" in hook.stdout and "\n  entrypoint, " in hook.stdout
    assert [entry["surface"] for entry in json.loads(step.stdout)["history"]] == ["entrypoint", "hook"]


def test_root_in_a_job_container_reads_the_hooks_report(lab, spinup):
    """The runner's user wrote it, into the RUNNER_TEMP that is the user's as well."""
    path = f"{TEMP}/spinup/report.json"
    with lab.pod(image="determinate") as pod:
        step = RunnerFiles("runner")
        pod.place({**step.files(), f"{TEMP}/spinup": Folder(0o700, "runner"),
                   path: File(json.dumps(past_report(surface="hook")), 0o600, "runner")})
        result = pod.exec(["spinup", "run", "--json"], user="root", runner=step,
                          env={**CONTRACT, "SPINUP_REPORT_PATH": path}).check()
    assert [entry["surface"] for entry in json.loads(result.stdout)["history"]] == ["hook"]


def test_later_surfaces_are_no_history(lab, spinup):
    """A step's own report, and a job container that cannot see the runner's files, say nothing."""
    own = past_report(surface="step", history=[{**past_report(), "lane": ""}])
    report, _ = step_with(lab, File(json.dumps(own), 0o600, "runner"))
    assert [entry["surface"] for entry in report["history"]] == ["entrypoint"]
    result = lab.exec(["spinup", "run", "--json"], image="determinate", runner=True,
                      env={**CONTRACT, "GITHUB_WORKSPACE": "/__w/app/app", "SPINUP_REPORT_PATH": "/nonexistent"},
                      cwd="/")
    assert "history-ignored" not in result.stdout and json.loads(result.stdout)["history"] == []
