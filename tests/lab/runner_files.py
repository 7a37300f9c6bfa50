# SPDX-License-Identifier: Zlib
"""The runner's side of a step: its files and environment as actions/runner makes them."""

import sys
import uuid
from pathlib import Path

from visit import File, Folder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

import file_commands  # noqa: E402  pylint: disable=wrong-import-position,import-error

WORK = "/home/runner/_work"
TEMP = f"{WORK}/_temp"
WORKSPACE = f"{WORK}/app/app"
KINDS = {"GITHUB_ENV": "set_env", "GITHUB_PATH": "add_path", "GITHUB_OUTPUT": "set_output",
         "GITHUB_STATE": "save_state", "GITHUB_STEP_SUMMARY": "step_summary"}


class RunnerFiles:
    """The file commands of one step: what to place, what to set, what to read afterwards."""

    def __init__(self, owner="runner", contents=None):
        """contents: what is already in a file, by its variable's name (a step's earlier lines)."""
        self.owner = owner
        self.contents = contents or {}
        self.paths = {name: f"{TEMP}/_runner_file_commands/{kind}_{uuid.uuid4()}" for name, kind in KINDS.items()}

    def files(self):
        """For Pod.place."""
        folders = [WORK, TEMP, f"{TEMP}/_runner_file_commands", f"{WORK}/_tool", f"{WORK}/app", WORKSPACE]
        return {**{path: Folder(owner=self.owner) for path in folders},
                **{path: File(self.contents.get(name, b""), owner=self.owner) for name, path in self.paths.items()}}

    def environment(self, runner_name="tinyland-nix-bcdfg-runner-hjklm"):
        """A step's environment on a self-hosted runner, as far as programs look at it."""
        return {
            "CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_ACTION": "__run", "GITHUB_ACTOR": "octocat",
            "GITHUB_API_URL": "https://api.github.com", "GITHUB_EVENT_NAME": "push", "GITHUB_JOB": "build",
            "GITHUB_REF": "refs/heads/main", "GITHUB_REPOSITORY": "tinyland-inc/app",
            "GITHUB_REPOSITORY_OWNER": "tinyland-inc", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_RUN_ID": "1658821493",
            "GITHUB_RUN_NUMBER": "3", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_SHA": "f" * 40,
            "GITHUB_WORKFLOW": "ci", "GITHUB_WORKSPACE": WORKSPACE, "RUNNER_ARCH": "X64",
            "RUNNER_ENVIRONMENT": "self-hosted", "RUNNER_NAME": runner_name, "RUNNER_OS": "Linux",
            "RUNNER_TEMP": TEMP, "RUNNER_TOOL_CACHE": f"{WORK}/_tool", "RUNNER_WORKSPACE": f"{WORK}/app",
            "RUNNER_TRACKING_ID": f"github_{uuid.uuid4()}",
            "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT": "actions-runner-controller/0.13.1", **self.paths,
        }


def parse(text):
    """The (name, value) pairs of GITHUB_ENV or GITHUB_OUTPUT as the runner on Linux reads them; a
    file_commands.Broken where the runner would fail the step."""
    return list(file_commands.pairs(text.removeprefix("\ufeff")))


def next_environment(environment, files):
    """The environment of the step after one that left these files (Result.files)."""
    changed = dict(environment)
    changed.update(pair for pair in parse(files.get("GITHUB_ENV") or "") if pair[0].upper() != "NODE_OPTIONS")
    added = [line for line in (files.get("GITHUB_PATH") or "").splitlines() if line]
    if added:
        changed["PATH"] = ":".join([*reversed(added), changed.get("PATH", "")])
    return changed
