# SPDX-License-Identifier: Zlib
"""A job of GitLab's, run as its runner runs one: before_script and script as lines of one bash with -eo pipefail, the
variables that it sets, the log and the reports read by GitLab's own rules."""

import json
import re

import pytest
from lab import CONTRACT
from report import CONTROLS, Report
from visit import File, Folder

WORK = "/builds/acme/app"
HOST = "runner-t1a2b3-project-7-concurrent-0"
ATTIC = "http://attic.nix-cache.svc.cluster.local"
BAZEL = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
# The contract has no endpoints for GitLab's pools: theirs set these in the runner's own configuration.
JOB = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": WORK, "CI_RUNNER_TAGS": '["linux", "gl-nix"]',
       "CI_PIPELINE_SOURCE": "push", "SPINUP_CONTRACT": CONTRACT, "ATTIC_SERVER": ATTIC, "ATTIC_CACHE": "main",
       "BAZEL_REMOTE_CACHE": BAZEL}
# As the README has it.
BEFORE = ["spinup run", "spinup_dir=$(mktemp -d)", 'spinup env --write-files "$spinup_dir" >"$spinup_dir/env"',
          '. "$spinup_dir/env"']
START = re.compile(r"\x1b\[0Ksection_start:(\d+):([a-z_]+)(\[collapsed=true\])?\r\x1b\[0K(.+)\n")
END = re.compile(r"\x1b\[0Ksection_end:(\d+):([a-z_]+)\r\x1b\[0K\n")
MERGE = {"CI_PIPELINE_SOURCE": "merge_request_event", "CI_MERGE_REQUEST_PROJECT_ID": "7"}


def job(lab, *lines, before=(), env=None, files=None, user="trusted", **place):
    """Runs a job's lines; its Result."""
    files = {WORK: Folder(owner=user), WORK + "/.git/HEAD": File("ref: refs/heads/main\n"), **(files or {})}
    place = {"image": "determinate", "daemon": "real", "hostname": HOST, **place}
    script = "\n".join(["set -eo pipefail", f"cd {WORK}", *before, *lines])
    return lab.exec(["/bin/bash", "-c", script], user=user, files=files, env={**JOB, **(env or {})}, timeout=30, **place)


def sections(log):
    """[(name, is folded, title, text)] of a log, and the text outside of them."""
    found, outside, at = [], "", 0
    for start in START.finditer(log):
        end = END.search(log, start.end())
        assert end and end[2] == start[2], "a section is not ended by its own end"
        assert int(start[1]) <= int(end[1])
        outside += log[at:start.start()]
        at = end.end()
        found.append((start[2], bool(start[3]), start[4], log[start.end():end.start()]))
    return found, outside + log[at:]


def dotenv(text):
    """A dotenv report as GitLab takes it: a name, the first '=', and the rest of the line as it stands."""
    assert len(text.encode()) <= 5120
    variables = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        assert equals and re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", name) and name not in variables, line
        variables[name] = value.strip()
    return variables


def test_a_job_as_the_readme_has_it(lab, spinup):
    """The lane is proven, and the script fetches through its caches."""
    assert spinup
    path = lab.paths["hello"]
    done = job(lab, f"nix-store --realise {path}", "echo fetched", before=BEFORE)
    assert done.rc == 0, done.stdout + done.stderr
    assert done.stdout.endswith("fetched\n") and "a GitLab job" in done.stdout


def test_what_the_script_gets(lab, spinup):
    """The same as a step's environment, by the shell."""
    assert spinup
    done = job(lab, "env", before=[*BEFORE, "echo =====", 'cat "$SPINUP_BAZELRC_PATH"', "echo ====="])
    assert done.rc == 0, done.stderr
    _, rc, env = done.stdout.split("=====\n")
    assert f"ATTIC_SERVER={ATTIC}\n" in env and f"BAZEL_REMOTE_CACHE={BAZEL}\n" in env
    assert "SPINUP_LANE=gl-nix\n" in env and "\nextra-substituters = " in env and "SPINUP_REPORT_PATH" not in env
    assert f"--remote_cache={BAZEL}" in rc


@pytest.mark.parametrize("lane, down, status, folded", [
    ("ready", {}, 0, True), ("degraded", {"attic": "refused"}, 0, False), ("failed", {}, 1, False)])
def test_the_log_folds(lab, spinup, lane, down, status, folded):
    """What was proven is folded where all is well; the verdict never is, and is the last word of the job."""
    assert spinup
    done = job(lab, "spinup run", "echo built", down=down, daemon="none" if lane == "failed" else "real",
               user="runner" if lane == "failed" else "trusted")
    found, outside = sections(done.stdout)
    assert done.rc == status
    assert [(name, is_folded) for name, is_folded, _, _ in found] == \
        [("spinup_proofs", folded), ("spinup_environment", True)]
    assert lane.upper() in outside and ("built" in outside) == (status == 0)
    assert not CONTROLS.search(outside) and not any(CONTROLS.search(text) for *_, text in found)
    assert "attic" in found[0][3] and "SPINUP_LANE" in found[1][3]


def test_a_hostile_server_makes_no_section(lab, spinup):
    """Its words stand in the log, without what GitLab would obey."""
    assert spinup
    done = job(lab, "spinup run", down={"attic": "json-hostile", "bazel": "grpc-hostile"})
    found, outside = sections(done.stdout)
    assert len(found) == 2 and "\x1b" not in outside and "\r" not in outside


def test_a_dotenv_report(lab, spinup):
    """What one line can hold, as it is; of the rest a word on stderr."""
    assert spinup
    done = job(lab, "spinup env --format dotenv >spinup.env", "cat spinup.env")
    assert done.rc == 0, done.stderr
    variables = dotenv(done.stdout)
    assert variables["ATTIC_SERVER"] == ATTIC and variables["BAZEL_REMOTE_CACHE"] == BAZEL
    assert variables["ATTIC_PUBLIC_KEY"] == lab.public_key and variables["SPINUP_LANE"] == "gl-nix"
    assert "NIX_CONFIG" not in variables and "PATH" not in variables
    assert "spinup: NIX_CONFIG is not in the dotenv file: it has several lines" in done.stderr


def test_a_dotenv_report_empties_a_dead_cache(lab, spinup):
    """A later job would stall on it otherwise."""
    assert spinup
    done = job(lab, "spinup env --format dotenv 2>/dev/null", down={"attic": "refused", "bazel": "nxdomain"})
    variables = dotenv(done.stdout)
    assert variables["ATTIC_SERVER"] == "" and variables["BAZEL_REMOTE_CACHE"] == ""


def test_annotations_are_links(lab, spinup):
    """One error and three warnings at most, as GitLab's schema of the report has them; no secret in them."""
    assert spinup
    token = lab.tokens["expired"]
    done = job(lab, "spinup run --attic-push --gitlab-annotations links.json >/dev/null || :", "cat links.json",
               down={"attic": "json-hostile", "bazel": "grpc-hostile"}, env={"ATTIC_TOKEN": token})
    assert done.rc == 0, done.stderr
    assert token not in done.stdout and not CONTROLS.search(done.stdout)
    document = json.loads(done.stdout)
    assert [*document] == ["spinup"] and 1 < len(document["spinup"]) <= 4
    for entry in document["spinup"]:
        assert [*entry] == ["external_link"] and {*entry["external_link"]} == {"label", "url"}
        assert re.fullmatch(r"(warning|error), [a-z0-9-]+: .{1,200}", entry["external_link"]["label"])
        assert re.fullmatch(r"https://\S+/REFERENCE\.md#findings", entry["external_link"]["url"])


def test_a_healthy_lane_has_no_annotation(lab, spinup):
    """The report is there all the same: GitLab warns of a file that is not."""
    assert spinup
    done = job(lab, "spinup run --gitlab-annotations links.json >/dev/null", "cat links.json")
    assert json.loads(done.stdout) == {"spinup": []}


def test_expectations_of_the_checkout(lab, spinup):
    """GitLab's runner has checked out before any script of the job."""
    assert spinup
    wanted = File(json.dumps({"toolchain": {"nix": ">=9"}}))
    done = job(lab, "spinup run", files={WORK + "/.github/spinup.json": wanted})
    assert done.rc == 1 and ">=9" in done.stdout and "toolchain.nix in .github/spinup.json" in done.stdout
    declared = File(json.dumps({"enrollment": {"substrateMode": "shared-cache-backed"}}))
    done = job(lab, "spinup run", files={WORK + "/tinyland.repo.json": declared}, down={"bazel": "refused"})
    assert done.rc == 1 and "bazel-refused" in done.stdout


@pytest.mark.parametrize("source, uploads", [("7", True), ("8", False), (None, False)])
def test_no_uploads_for_a_fork(lab, spinup, source, uploads):
    """Whatever the merge request's own .gitlab-ci.yml asks for; GitLab tells who it comes from."""
    assert spinup
    env = {**JOB, **MERGE, "GF_BAZEL_REMOTE_UPLOAD": "true",
           **({"CI_MERGE_REQUEST_SOURCE_PROJECT_ID": source} if source else {})}
    result = lab.exec(["spinup", "run", "--json"], image="determinate", daemon="determinate", hostname=HOST,
                      user="trusted", env=env)
    report = Report(result)
    assert ("bazel-upload-off" in report.ids()) == (not uploads)
    assert report.document["surface"] == "gitlab" and report.document["lane"]["label"] == "gl-nix"


def test_a_code_quality_report(lab, spinup):
    """contract check, for a merge request: the fingerprint stays where a line is put before, and no two are equal."""
    assert spinup
    line = "ATTIC_SERVER=https://attic.tinyland.dev\n"
    done = job(lab, "spinup contract check --format gitlab . >/tmp/1.json || :", "sed -i '1i # moved' a.env",
               "spinup contract check --format gitlab . >/tmp/2.json || :", "cat /tmp/1.json; echo =====; cat /tmp/2.json",
               files={WORK + "/a.env": File(line + line, 0o666)})
    assert done.rc == 0, done.stderr
    before, after = map(json.loads, done.stdout.split("=====\n"))
    for report, first in ((before, 1), (after, 2)):
        assert [row["location"] for row in report] == \
            [{"path": "a.env", "lines": {"begin": first + i}} for i in (0, 1)]
        assert all({*row} == {"description", "check_name", "fingerprint", "severity", "location"} for row in report)
        assert all(row["severity"] == "major" and "attic.tinyland.dev" in row["description"] for row in report)
    assert [row["fingerprint"] for row in before] == [row["fingerprint"] for row in after]
    assert before[0]["fingerprint"] != before[1]["fingerprint"]
