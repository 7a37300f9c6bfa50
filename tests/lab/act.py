# SPDX-License-Identifier: Zlib
"""Workflows run by act (nektos/act, a real Actions engine) in a pod of the lab, as its host is a runner.

What act does otherwise than actions/runner: ACT=true, no RUNNER_TRACKING_ID and no masks, RUNNER_TEMP and the
workspace are folders of one run, a cancelled step gets SIGKILL at once."""

import json
import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache

import go_programs
from lab import CONTRACT
from places import GO_PROGRAMS, REPOSITORY
from runner_files import RunnerFiles
from visit import File, Folder

ACTION = "tinyland-inc/spinup"
REF = "v1"
BIN = "/opt/go"
HOME = "/home/act"
CHECKOUT = f"{HOME}/app"
WORKFLOW = f"{CHECKOUT}/.github/workflows/test.yml"
EVENT = f"{HOME}/event.json"
LEFT = f"{HOME}/left"  # where a workflow leaves what a test reads; act removes all its own
DOWNLOADED = "/opt/downloaded"
LABEL = "tinyland-nix"
MAX_OUTPUT = 1 << 24
COMMIT = "5b1ce4f0a2a0d7a3b4c9e6f8d1027364859af0be"
# Enough of a repository for act and for spinup's look at a checkout; no program git is needed.
GIT = {"HEAD": "ref: refs/heads/main\n", "refs/heads/main": f"{COMMIT}\n", "objects/info/alternates": "",
       "config": "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[remote \"origin\"]\n"
                 "\turl = https://github.com/tinyland-inc/app.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"}


@dataclass
class Job:
    """What a run of act said and did."""
    rc: int
    elapsed: float
    events: list  # act's own log, a dictionary a line
    stderr: str

    @property
    def log(self):
        """What the steps printed, but for the lines that act took for commands."""
        return "\n".join(event["msg"] for event in self.events if event.get("raw_output"))

    @property
    def steps(self):
        """{name or ID of a step: success, failure}; those that were skipped are not in it."""
        return {event["step"]: event["stepResult"] for event in self.events
                if event.get("stepResult") and event.get("stage") == "Main" and len(event["stepID"]) == 1}

    @property
    def inner(self):
        """{ID of a step inside a composite: success, failure}."""
        return {event["stepID"][-1]: event["stepResult"] for event in self.events
                if event.get("stepResult") and event.get("stage") == "Main" and len(event["stepID"]) > 1}

    @property
    def summary(self):
        """The step summaries, joined; act shows a composite's twice."""
        return "\n".join(dict.fromkeys(event["content"] for event in self.events if event.get("command") == "summary"))

    @property
    def endings(self):
        """How steps that failed ended: "exit status 1", "signal: killed", ..."""
        return {event["msg"] for event in self.events if event["msg"].startswith(("exit status ", "signal: "))}

    def commands(self, name):
        """The texts of the workflow commands of this name that act obeyed."""
        return [event["arg"] for event in self.events if event.get("command") == name and "raw" in event]

    def check(self):
        """The job itself, or an error with everything that act said."""
        if self.rc:
            raise AssertionError(f"act: exit status {self.rc}\n{self}")
        return self

    def __str__(self):
        return "".join(f"{event.get('level', '')[:4]:4} {event['msg'].rstrip()}\n" for event in self.events) + \
            self.stderr


@cache
def downloaded():
    """The repository as a runner downloads it for `uses:`; only what actions need."""
    folder = REPOSITORY / "actions"
    return {f"{DOWNLOADED}/{path.relative_to(REPOSITORY)}": File(path.read_bytes(), path.stat().st_mode & 0o755)
            for path in sorted(folder.rglob("*")) if path.is_file()}


def pod(lab, *, user="trusted", files=None, actions=None, terminal=False, **kind):
    """A pod that is a runner with act; actions replaces or adds files of the downloaded repository. On a terminal
    (act's own way) a failing step loses the end of its output now and then, and a cancelled one's orphans get
    SIGHUP; without one its output is a pipe, as a runner's is."""
    go_programs.make("act")
    home = [HOME, CHECKOUT, f"{CHECKOUT}/.github", f"{CHECKOUT}/.github/workflows", LEFT]
    placed = {
        **{path: Folder(owner=user) for path in home}, f"{HOME}/.config/act/actrc": "",
        **{f"{CHECKOUT}/.git/{name}": text for name, text in GIT.items()}, **downloaded(),
        **{f"{DOWNLOADED}/{name}": text for name, text in (actions or {}).items()}, **(files or {})}
    made = lab.pod(files=placed, binds=[f"{GO_PROGRAMS}:{BIN}"], **{"image": "determinate", **kind})
    if not terminal:
        made.visit(os.chmod, "/dev/pts/ptmx", 0o600)  # the daemon's builders go on having theirs
    return made


def command(label, secrets, event):
    """act's command line. Nothing of it asks the network, and nothing hides a secret that a step shows."""
    words = [f"{BIN}/act", event, "--eventpath", EVENT, "--json", "--directory", CHECKOUT, "--workflows", WORKFLOW,
             "--platform", f"{label}=-self-hosted", "--local-repository", f"{ACTION}@{REF}={DOWNLOADED}",
             "--action-offline-mode", "--action-cache-path", f"{HOME}/cache", "--no-cache-server",
             "--container-daemon-socket", "-", "--insecure-secrets"]
    return words + [word for name in secrets for word in ("--secret", name)]


def environment(made, env, secrets):
    """A runner pod's, which act hands on to every step; the step's own names are act's to set."""
    runner = RunnerFiles().environment(made.hostname)
    names = ("RUNNER_NAME", "GITHUB_ACTIONS_RUNNER_EXTRA_USER_AGENT", "RUNNER_ENVIRONMENT")
    return {**{name: runner[name] for name in names}, "HOME": HOME, "ACT_DISABLE_VERSION_CHECK": "1",
            "SPINUP_CONTRACT": CONTRACT, **(env or {}), **(secrets or {})}


def read_events(text):
    """act's JSON lines; what is none (a panic) as a message."""
    events = []
    for line in text.splitlines():
        try:
            events.append(json.loads(line))
        except ValueError:
            events.append({"level": "none", "msg": line})
    return events


class Running:
    """A run of act that has begun; see run() for the arguments."""

    def __init__(self, made, workflow, *, user="trusted", label=LABEL, env=None, secrets=None, event="push",
                 payload=None):
        made.place({WORKFLOW: File(workflow, owner=user), EVENT: File(json.dumps(payload or {}), owner=user)})
        self.begun = time.monotonic()
        self.outputs = tempfile.TemporaryFile(), tempfile.TemporaryFile()
        self.box = subprocess.Popen(
            made.command(command(label, secrets or {}, event), user=user, cwd=CHECKOUT), stdin=subprocess.DEVNULL,
            stdout=self.outputs[0], stderr=self.outputs[1], start_new_session=True,
            env=made.environment(user, environment(made, env, secrets)))

    def signal(self, number):
        """Sends act itself a signal, as somebody at its terminal would."""
        with open(f"/proc/{self.box.pid}/task/{self.box.pid}/children", encoding="ascii") as children:
            os.kill(int(children.read().split()[0]), number)

    def wait(self, timeout=60):
        """The Job, once act has ended; an error where it does not."""
        try:
            rc = self.box.wait(timeout)
        except subprocess.TimeoutExpired:
            self.box.send_signal(signal.SIGUSR1)  # box kills act
            self.box.wait(timeout)
            rc = 124
        elapsed, texts = time.monotonic() - self.begun, []
        for stream in self.outputs:
            texts.append(os.pread(stream.fileno(), MAX_OUTPUT, 0).decode("utf-8", "surrogateescape"))
            stream.close()
        return Job(rc, elapsed, read_events(texts[0]), texts[1])


def run(made, workflow, **how):
    """Runs a workflow's text in a pod of pod() to its end.

    user, label  the runner's user, and the label that its jobs' runs-on has
    env          more of the runner's environment; secrets: the repository's, by name
    event        its name; payload: what GitHub tells of it
    """
    return Running(made, workflow, **how).wait()
