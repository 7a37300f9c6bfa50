# SPDX-License-Identifier: Zlib
"""Jobs with hostile inputs, and jobs that are cancelled, run by a real Actions engine."""

import re
import signal
import time
from pathlib import Path

import act
import pytest
from jobs import LEFT, NO_BASH, exists, left, look, ours, use, workflow
from places import REPOSITORY
from visit import File

pytestmark = pytest.mark.usefixtures("engine", "spinup")


CANARY = f"{LEFT}/canary"
HOSTILE = {
    "quotes": f"'; touch {CANARY}; '\" ; touch {CANARY} ; \"",
    "substitution": f"$(touch {CANARY}) `touch {CANARY}` ${{HOME}} $HOME",
    "newlines": f"a\ntouch {CANARY}\n\n:\n",
    "commands": "x\n::set-env name=LD_PRELOAD::/tmp/x\n##[set-env name=A;]b\n::add-path::/tmp\n::stop-commands::t",
    "heredoc": "EOF\nA<<EOF\n1\nEOF\n",
    "carriage return": "a\r::error::boo\rb",
    "separators": f"; touch {CANARY} & touch {CANARY} | touch {CANARY} > {CANARY} && touch {CANARY}",
    "globs": "* ? [a-z] ~ {a,b} !! \\ \\n \\0 %s %n %0A -rf -- --help",
    "control": "\x1b]0;owned\x07\x1b[31mred \u202e\u2028 \x01",
    "100 kB": "a'\"$(x)`y`\n" * 10000,
}
# Stands in for the agent, and leaves what it was given.
WITNESS = f"""#!/bin/sh
[ "$1" != version ] || {{ echo spinup 99.0.0; exit; }}
env -0 >{LEFT}/agent; printf '%s\\n' "$@" >{LEFT}/arguments
"""


def handed_on(action):
    """{input: the agent's variable} of an action, by its first step."""
    text = (REPOSITORY / f"actions/{action}/action.yml").read_text()
    return {name: f"SPINUP_{variable}" for variable, name in re.findall(r"WITH_(\w+): \$\{\{ inputs\.([a-z-]+)", text)
            if name not in ("command", "require-cache-push", "push-timeout")}  # which are no names of the agent's


@pytest.mark.parametrize("action", ["setup-flywheel", "nix-job", "docker-job"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_inputs_arrive_unchanged(lab, name, action):
    """Every input at once; nothing in them is executed on the way, nor obeyed as a command."""
    text, inputs = HOSTILE[name], handed_on(action)
    if len(text) > 10000:
        inputs = {"label": inputs["label"]}
    with act.pod(lab, files={"/usr/local/bin/spinup": File(WITNESS, 0o755)}) as pod:
        done = act.run(pod, workflow(use(action, **{key: text for key in inputs}), look()))
        seen = left(pod, "agent")
        assert {variable: seen[variable] for variable in inputs.values()} == dict.fromkeys(inputs.values(), text)
        assert pod.read(f"{LEFT}/arguments")[f"{LEFT}/arguments"] == "run\n"
        assert not exists(pod, "canary") and "LD_PRELOAD" not in left(pod)
        assert not done.commands("set-env") and not done.commands("add-path")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_inputs_hurt_nothing(lab, name):
    """The real agent, one input at a time: an error or a notice, never a command, a crash or a leak into ENV."""
    keys = [*handed_on("nix-job"), "require-cache-push", "push-timeout"]
    with act.pod(lab) as pod:
        for number, key in enumerate(keys):
            look_name = f"look{number}"
            done = act.run(pod, workflow(use("nix-job", command=":", **{key: HOSTILE[name]}), look(look_name)))
            assert done.endings <= {"exit status 1", "exit status 2"} and not exists(pod, "canary"), str(done)
            assert not done.commands("set-env") and not done.commands("add-path"), key
            seen = ours(left(pod, look_name))
            assert not [key for key, value in seen.items() if "touch" in value or "LD_PRELOAD" in value], key


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "carriage return"])
def test_a_hostile_command_arrives_unchanged(lab, name):
    """The script that is run is the input, byte for byte."""
    text = f'cat "$0" >{LEFT}/script; exit 0\n{HOSTILE[name]}'
    with act.pod(lab) as pod:
        act.run(pod, workflow(use("nix-job", command=text))).check()
        assert pod.read(f"{LEFT}/script")[f"{LEFT}/script"].rstrip("\n") == text.rstrip("\n")
        assert not exists(pod, "canary")


# ---- cancelled jobs

def processes():
    """In a pod: {pid: command line}."""
    found = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                found[int(path.name)] = path.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                pass
    return found


def until(pod, is_so, limit_s=10):
    """Waits until something is so of the pod's processes; returns them."""
    end = time.monotonic() + limit_s
    while not is_so(found := pod.visit(processes)):
        assert time.monotonic() < end, found
        time.sleep(0.01)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("bash", ["bash", "no bash"])
def test_a_cancelled_command_leaves_no_process(lab, number, bash):
    """Neither the command nor what it started, and no step goes on."""
    command = f"sleep 1000 & sleep 1001 | sleep 1002; touch {LEFT}/after"
    with act.pod(lab, terminal=True, files={} if bash == "bash" else NO_BASH) as pod:
        before = set(pod.visit(processes))
        running = act.Running(pod, workflow(use("nix-job", command=command), look(condition="success()")))
        until(pod, lambda found: sum("sleep" in line for line in found.values()) >= 3)
        running.signal(number)
        done = running.wait(timeout=20)
        until(pod, lambda found: set(found) <= before)
        assert done.rc == 1 and not exists(pod, "after") and left(pod) is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_cancelled_proof_leaves_no_process(lab, number):
    """While the agent waits for endpoints that never answer; it is killed without a word, and its tasks go with it."""
    with act.pod(lab, down={"attic": "blackhole", "bazel": "blackhole"}) as pod:
        before = set(pod.visit(processes))
        running = act.Running(pod, workflow(use("nix-job", command=f"touch {LEFT}/ran", deadline="60")))
        until(pod, lambda found: sum("spinup run" in line for line in found.values()) >= 3)
        running.signal(number)
        done = running.wait(timeout=20)
        until(pod, lambda found: set(found) <= before)
        assert done.rc == 1 and not exists(pod, "ran") and not done.summary
