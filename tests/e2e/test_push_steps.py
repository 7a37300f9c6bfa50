# SPDX-License-Identifier: Zlib
"""The steps of a push, one at a time: what they show, what they leave behind, and how they end."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import act
import pytest
from conftest import skip
from jobs import LEFT
from lab import CONTRACT
from runner_files import RunnerFiles, next_environment, parse
from test_push import CLIENT, HANGS, STAND_IN, building
from visit import File, Folder, Link

pytestmark = pytest.mark.usefixtures("engine", "spinup")

PUSH = f"{act.DOWNLOADED}/actions/push.sh"
AGENT = f"{act.DOWNLOADED}/actions/agent.sh"
BUSYBOX = Path("/usr/bin/busybox")
APPLETS = ("busybox cat date grep ls mkdir mktemp rm sed sort tail timeout tr uniq wc xargs").split()


class Steps:
    """The steps of a nix-job that pushes, one at a time, as a runner would start them."""

    def __init__(self, lab, pod, *, user="trusted", shell=("sh",), path=None, **env):
        self.pod, self.user, self.shell = pod, user, shell
        env = {"ATTIC_TOKEN": lab.tokens["push"], "SPINUP_CONTRACT": CONTRACT, **env}
        first = pod.exec(["sh", AGENT], user=user, runner=RunnerFiles(user), env={**env, "WITH_ATTIC_PUSH": "true"})
        first.check()
        outputs = dict(parse(first.files["GITHUB_OUTPUT"]))
        assert outputs["attic-push"] == "allowed"
        files = RunnerFiles(user)
        pod.place(files.files())
        env = next_environment({**files.environment(), **pod.environment(user), **env}, first.files)
        env["PATH"] = f"{path}:{env['PATH']}" if path else env["PATH"]
        self.env = {**env, "WITH_AGENT": outputs["agent-path"]}

    def push(self, verb, **env):
        """push.sh, to its end."""
        return self.pod.exec([*self.shell, PUSH, verb], user=self.user, env={**self.env, **env},
                             cwd=self.env["GITHUB_WORKSPACE"])

    def build(self, name):
        """Builds something new."""
        self.pod.exec(["sh", "-c", building(name)], user=self.user, env=self.env).check()
        return self.pod.read(f"{LEFT}/path")[f"{LEFT}/path"].strip()

    def start(self, verb, **env):
        """push.sh in the background: (box's process, the shell's process ID)."""
        box = subprocess.Popen(self.pod.command([*self.shell, PUSH, verb], user=self.user), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=self.pod.environment(self.user, {**self.env, **env}))
        return box, int(wait_for(lambda: Path(f"/proc/{box.pid}/task/{box.pid}/children").read_text().split())[0])


def wait_for(condition, limit_s=10):
    """What condition() gives, once it gives something."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError("it did not come to pass")


def command_lines():
    """Every process's arguments, on this machine."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_bytes())
        except OSError:
            pass
    return found


def left_behind(text):
    """Files of a pod that hold a text, and private folders of the push; run inside the pod."""
    found = []
    for folder in ("/tmp", "/home", "/root", "/var/tmp", "/run"):
        for base, folders, names in os.walk(folder):
            found += [os.path.join(base, name) for name in folders if name.startswith("spinup-push.")]
            for name in names:
                path = os.path.join(base, name)
                if os.path.isfile(path) and text.encode() in Path(path).read_bytes():
                    found.append(path)
    return found


def watching_client():
    """The stand-in, after it has left behind what it was given and what it may see."""
    return File('#!/bin/bash\nprintf "%s\\0" "$@" >>' + LEFT + '/arguments\n'
                'cd "$XDG_CONFIG_HOME"; ls -ld . * attic/config.toml >' + LEFT + '/seen\n'
                'cat attic/config.toml >>' + LEFT + '/seen\n'
                'env >' + LEFT + '/environment\nexec /opt/attic "$@"\n', 0o755)


@pytest.fixture(name="watched")
def _watched(lab):
    files = {CLIENT: watching_client(), "/opt/attic": STAND_IN[CLIENT]}
    with act.pod(lab, files=files, terminal=True) as pod:
        yield pod


def test_the_token_is_in_a_private_file_alone(lab, watched):
    """In no argument of any process, no output, and in no file afterwards; the user's own configuration stays."""
    own = "/home/trusted/.config/attic/config.toml"
    watched.place({own: File("mine", owner="trusted")})
    steps, token, seen = Steps(lab, watched), lab.tokens["push"], set()
    done = threading.Event()

    def sample():
        while not done.is_set():
            seen.update(command_lines())

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        steps.push("snapshot").check()
        path = steps.build("lab-secret")
        result = steps.push("push").check()
    finally:
        done.set()
        sampler.join()
    assert any(b"attic\0push\0spinup:main\0" + path.encode() in line for line in seen)
    assert not any(token.encode() in line for line in seen)
    assert token not in result.stdout + result.stderr and watched.visit(left_behind, token) == []
    found = watched.read(f"{LEFT}/seen", f"{LEFT}/environment", own)
    assert found[own] == "mine" and token not in found[f"{LEFT}/environment"] + found[f"{LEFT}/seen"]
    modes = [line.split()[0] for line in found[f"{LEFT}/seen"].splitlines() if line.startswith(("drw", "-rw"))]
    assert len(modes) >= 5 and all(mode[4:10] == "------" for mode in modes), found[f"{LEFT}/seen"]


def test_a_token_file_serves_too(lab, watched):
    watched.place({"/tmp/it's a token": File(lab.tokens["push"] + "\n", 0o400, owner="trusted")})
    steps = Steps(lab, watched, ATTIC_TOKEN="", ATTIC_TOKEN_FILE="/tmp/it's a token")
    steps.push("snapshot").check()
    path = steps.build("lab-token-file")
    assert "pushed 1 new" in steps.push("push").check().stdout
    assert lab.upload("main", path)


def test_names_in_the_store_are_data(lab, watched):
    """Whatever stands in the store, the client is only given what Nix vouches for."""
    steps = Steps(lab, watched)
    steps.push("snapshot").check()
    path, hash_ = steps.build("lab-hostile"), "0" * 32
    names = ["$(touch pwned)", "`touch pwned`", "-rf", "--help", "a\n::error::forged", "a\n" + hash_ + "-line", "*",
             "' \"", f"{hash_}-$(touch pwned)", f"{hash_}-x;touch pwned", f"{hash_}-a b", f"{hash_}-not-valid",
             f"{hash_}-x.lock", f"{hash_}-x.drv", f"{hash_}-x.chroot", f"{hash_}-source", "tmp-1-2", f"{hash_}-\xff"]
    watched.place({f"/nix/store/{name}": File("") for name in names})
    result = steps.push("push").check()
    assert watched.read(f"{LEFT}/arguments")[f"{LEFT}/arguments"] == f"push\0spinup:main\0{path}\0"
    assert not re.search(r"(?m)^::|##\[", result.stdout + result.stderr)
    assert watched.visit(os.path.exists, f"{steps.env['GITHUB_WORKSPACE']}/pwned") is False


def test_many_paths_go_in_batches(lab, watched):
    """No argument list grows beyond bounds, and one bad batch spoils no other."""
    steps = Steps(lab, watched)
    steps.push("snapshot").check()
    watched.exec(["sh", "-c", "i=0; while [ $i -lt 150 ]; do echo $i >/tmp/many-$i; i=$((i + 1)); done;"
                  " nix-store --add /tmp/many-* >/dev/null"], user="trusted", env=steps.env).check()
    assert "pushed 150 new" in steps.push("push").check().stdout
    words = watched.read(f"{LEFT}/arguments")[f"{LEFT}/arguments"].split("\0")
    assert words.count("push") == 3 and max(len(part.split("\0")) for part in "\0".join(words).split("push\0")) < 70


@pytest.mark.parametrize("required", [False, True])
def test_a_step_that_fails_by_itself(lab, watched, required):
    """No space is left for its files: what fails otherwise is no more than a push that fails."""
    watched.place({"/opt/full/mktemp": File("#!/bin/sh\necho 'mktemp: no space' >&2\nexit 1\n", 0o755)})
    steps = Steps(lab, watched)
    steps.push("snapshot").check()
    result = steps.push("push", PATH="/opt/full:" + steps.env["PATH"], WITH_REQUIRE_CACHE_PUSH=str(required).lower())
    assert result.rc == int(required) and "mktemp: no space" in result.stdout + result.stderr
    assert f"::{'error' if required else 'warning'} title=spinup%3A push::" in result.stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_cancelled_push_leaves_nothing(lab, watched, number):
    """Neither the private files nor the client."""
    steps = Steps(lab, watched)
    watched.place({"/opt/attic": HANGS[CLIENT]})
    steps.push("snapshot").check()
    steps.build("lab-cancelled")
    box, shell = steps.start("push")
    wait_for(lambda: watched.read(f"{LEFT}/environment")[f"{LEFT}/environment"])
    os.kill(shell, number)
    assert box.wait(10) == 128 + number
    assert watched.visit(left_behind, lab.tokens["push"]) == []
    pids = [path for path in Path("/proc").glob("[0-9]*") if is_of(path, watched.pid)]
    wait_for(lambda: not any(b"sleep\x00300" in command_line(path) for path in pids))


def is_of(path, pid):
    """Whether a process is in the PID namespace of a pod's first."""
    try:
        return os.readlink(path / "ns/pid") == os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return False


def command_line(path):
    """Of a process, or nothing."""
    try:
        return (path / "cmdline").read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("user", ["root", "trusted", "runner"])
def test_every_user_can_push(lab, watched, user):
    """By the daemon or, as root, past it; trust plays no part in a push."""
    watched.place({LEFT: Folder(0o777)})
    watched.visit(os.chmod, act.HOME, 0o755)
    steps = Steps(lab, watched, user=user)
    steps.push("snapshot").check()
    path = steps.build(f"lab-user-{user}")
    assert "pushed 1 new" in steps.push("push").check().stdout
    assert lab.upload("main", path)


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
def test_every_shell_can_push(lab, watched, shell):
    """busybox: with its own tools too."""
    if shell == "busybox" and not BUSYBOX.exists():
        skip(f"{BUSYBOX} (busybox-static)")
    tools = {"/opt/busybox/busybox": File(BUSYBOX.read_bytes(), 0o755),
             **{f"/opt/busybox/{name}": Link("busybox") for name in APPLETS if name != "busybox"}}
    watched.place(tools)
    steps = Steps(lab, watched, shell={"busybox": ("/opt/busybox/busybox", "sh")}.get(shell, (shell,)),
                  path="/opt/busybox" if shell == "busybox" else None)
    steps.push("snapshot").check()
    path = steps.build(f"lab-shell-{shell}")
    assert "pushed 1 new" in steps.push("push").check().stdout
    assert lab.upload("main", path)
    watched.place({"/opt/attic": HANGS[CLIENT]})
    steps.build(f"lab-shell-hangs-{shell}")
    result = steps.push("push", WITH_PUSH_TIMEOUT="1", WITH_REQUIRE_CACHE_PUSH="true")
    assert result.rc == 1 and result.elapsed < 10 and not result.held_open
    assert "::error title=spinup%3A push::the push to Attic was stopped after 1 s" in result.stdout
