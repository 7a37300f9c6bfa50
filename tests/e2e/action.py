# SPDX-License-Identifier: Zlib
"""Steps of the composite actions, started in a pod as the runner would start them: the action as it is downloaded,
the step's own script and environment out of action.yml, the image's sh."""

import hashlib
import json
import os
import re
import subprocess
import time
from pathlib import Path

import yaml
from places import REPOSITORY
from runner_files import TEMP, WORK, WORKSPACE, RunnerFiles
from visit import File, Folder, Link

ACTIONS = REPOSITORY / "actions"
NAMES = ("setup-flywheel", "nix-job", "docker-job")
DOWNLOADED = f"{WORK}/_actions/tinyland-inc/spinup/v1/actions"
SCRIPT = f"{TEMP}/step.sh"
SHELLS = ("dash", "bash", "busybox")
BUSYBOX_PATH = "/opt/busybox"
APPLETS = ("sh cat chmod cp cut env grep head ls mktemp readlink rm sed sha256sum sleep tail timeout tr uname wc "
           "wget").split()


def manifest(name):
    """action.yml of an action."""
    return yaml.safe_load((ACTIONS / name / "action.yml").read_text())


def release(url="https://downloads.invalid", content=b"", version="9.8.7", min_agent="0.2.0"):
    """release.json of a release whose binary, on every machine, is content."""
    sum_ = hashlib.sha256(content).hexdigest()
    return json.dumps({"version": version, "min_agent": min_agent, "url": url,
                       "sha256": {"x86_64": sum_, "aarch64": sum_}}, indent=2) + "\n"


def program(version="0.2.0", then=""):
    """A stand-in for spinup that tells who was run, and keeps its environment."""
    return f"""#!/bin/sh
case $1 in
version) echo "spinup {version}" ;;
run) echo "RAN $0"; cat /proc/self/environ >"$GITHUB_WORKSPACE/environment"; {then or ':'} ;;
esac
""".encode()


def shell_files(shell):
    """What makes a pod's sh that shell; the busybox one has nothing else on PATH."""
    if shell == "bash":
        return {"/usr/local/sbin/sh": Link("/bin/bash")}
    if shell == "busybox":
        with open("/bin/busybox", "rb") as stream:
            files = {f"{BUSYBOX_PATH}/busybox": File(stream.read(), 0o755)}
        return {**files, **{f"{BUSYBOX_PATH}/{name}": Link("busybox") for name in APPLETS}}
    return {}


class Step:
    """One step of an action, with what a workflow gives it."""

    def __init__(self, action, script, inputs=None, shell="dash", release_json=None):
        """script: agent.sh, command.sh, …; release_json: in place of the action's own."""
        document = manifest(action)
        found = [step for step in document["runs"]["steps"] if script in step["run"]]
        assert len(found) == 1, f"{action} has {len(found)} steps with {script}"
        self.step, self.action, self.shell = found[0], action, shell
        given = {name: str(row.get("default", "")) for name, row in document["inputs"].items()}
        assert set(inputs or {}) <= set(given), "no such input"
        self.inputs = {**given, **(inputs or {})}
        self.release_json = release_json

    def _value(self, text):
        """What the runner makes of an expression in `env:`."""
        return re.sub(r"\$\{\{ inputs\.([a-z-]+) \}\}", lambda found: self.inputs[found[1]], text)

    def environment(self, env=None):
        """The environment beside the runner's own; the step's `env:` covers the job's."""
        path = {"PATH": BUSYBOX_PATH} if self.shell == "busybox" else {}
        return {**path, "GITHUB_ACTION_PATH": f"{DOWNLOADED}/{self.action}", **(env or {}),
                **{name: self._value(text) for name, text in self.step.get("env", {}).items()}}

    def files(self, owner="runner"):
        """For Pod.place: the action, the shell, and the script that the runner makes of `run:`."""
        files = {path: Folder(owner=owner) for path in (WORK, TEMP)}
        files.update({f"{DOWNLOADED}/{path.relative_to(ACTIONS)}": File(path.read_bytes())
                      for path in ACTIONS.rglob("*") if path.is_file()})
        if self.release_json is not None:
            files[f"{DOWNLOADED}/release.json"] = File(self.release_json)
        return {**files, **shell_files(self.shell), SCRIPT: File(self.step["run"] + "\n", owner=owner)}

    @property
    def argv(self):
        """As the runner starts a step with `shell: sh`."""
        return ["sh", "-e", SCRIPT]

    def run(self, lab, *, user="runner", env=None, files=None, collect=(), **place):
        """Runs it in a fresh pod (without Nix unless told); Lab.exec's arguments."""
        return lab.exec(self.argv, user=user, runner=True, env=self.environment(env), collect=collect,
                        files={**self.files(), **(files or {})}, **{"image": "bare", "timeout": 30, **place})

    def start(self, pod, *, user="runner", env=None):
        """Starts it in a pod that was made with its files, and goes on."""
        runner = RunnerFiles(user)
        pod.place(runner.files())
        words = pod.command(self.argv, user=user, cwd=WORKSPACE)
        env = pod.environment(user, {**runner.environment(pod.hostname), **self.environment(env)})
        return Started(pod, subprocess.Popen(words, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                             stderr=subprocess.STDOUT, text=True))


def processes():
    """In a pod: {pid: words of the command line}."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                found[int(path.name)] = path.joinpath("cmdline").read_bytes().decode().split("\0")[:-1]
            except OSError:
                pass
    return found


class Started:
    """A step that runs: what the runner sees of it, and may do to it."""

    def __init__(self, pod, box):
        self.pod, self.box = pod, box

    def until(self, is_so, limit_s=10):
        """Waits until something is so of the pod's processes; returns them."""
        end = time.monotonic() + limit_s
        while not is_so(found := self.pod.visit(processes)):
            assert time.monotonic() < end, found
            time.sleep(0.01)
        return found

    def child(self):
        """The direct child of the runner: the only process that it signals."""
        with open(f"/proc/{self.box.pid}/task/{self.box.pid}/children", encoding="ascii") as children:
            return int(children.read().split()[0])

    def cancel(self, number):
        """The exit status, what was printed, and the seconds that it took."""
        begun = time.monotonic()
        os.kill(self.child(), number)
        output = self.box.communicate(timeout=10)[0]
        return self.box.returncode, output, time.monotonic() - begun
