# SPDX-License-Identifier: Zlib
"""nix-job with push-cache: what the command built is in Attic afterwards, and whatever keeps it from there is said in
time, costs no more than its limit, and shows no secret."""

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
from jobs import ATTIC, LEFT, assert_hidden, exists, token_env, use, workflow
from lab import CONTRACT
from places import HERE
from runner_files import RunnerFiles, next_environment, parse
from visit import File, Folder, Link

pytestmark = pytest.mark.usefixtures("engine", "spinup")

CLIENT = "/usr/local/bin/attic"
STAND_IN = {CLIENT: File((HERE / "attic_client.sh").read_bytes(), 0o755)}
HANGS = {CLIENT: File("#!/bin/sh\nexec sleep 300\n", 0o755)}  # as the real client on a server that never answers
PUSH = f"{act.DOWNLOADED}/actions/push.sh"
AGENT = f"{act.DOWNLOADED}/actions/agent.sh"
UPLOAD = "PUT /_api/v1/upload-path"
BUSYBOX = Path("/usr/bin/busybox")
APPLETS = ("busybox cat date grep ls mkdir mktemp rm sed sort tail timeout tr uniq wc xargs").split()


def adding(name):
    """A command that puts something new into the store, and leaves its path behind."""
    return f"echo {name} >/tmp/{name}; nix-store --add /tmp/{name} >{LEFT}/path"


def building(name):
    """The same by a builder, which needs a pseudoterminal."""
    expression = ('derivation { name = "%s"; system = builtins.currentSystem; builder = "/bin/bash";'
                  ' args = [ "-euc" "echo %s >$out\\nexit 0" ]; }' % (name, name))
    return f"nix-build --no-out-link -E '{expression}' >{LEFT}/path"


def requests_since(lab, mark):
    """The lines of nginx's log after a length."""
    return lab.log("nginx.log")[mark:]


def run_job(lab, name, *, token="push", command=None, files=None, terminal=False, **inputs):
    """A job that pushes; (Job, whether the command ran, what nginx was asked, the path that was built)."""
    secrets = {"ATTIC_TOKEN": lab.tokens[token]} if token else {}
    with act.pod(lab, files={**STAND_IN, **(files or {})}, terminal=terminal) as pod:
        mark = len(lab.log("nginx.log"))
        step = use("nix-job", command=f"touch {LEFT}/ran; {command or adding(name)}", push_cache="true", **inputs)
        done = act.run(pod, workflow(step, **(token_env() if token else {})), secrets=secrets)
        path = pod.read(f"{LEFT}/path")[f"{LEFT}/path"]
        assert_hidden(done, secrets)
        return done, exists(pod, "ran"), requests_since(lab, mark), (path or "").strip()


def said(done):
    """{kind: the titles of annotations}"""
    return {kind: done.commands(kind) for kind in ("error", "warning")}


# ---- it arrives

def test_another_runner_gets_what_was_pushed(lab):
    """Built on one runner, fetched by the real Nix of another, which cannot build it."""
    done, _, requests, path = run_job(lab, "lab-pushed", command=building("lab-pushed"), terminal=True)
    done.check()
    assert re.search(r"spinup: pushed 1 new store paths to main, in \d+ s", done.log)
    assert said(done)["warning"] == []
    assert requests.count(UPLOAD) == 1  # the derivation was not pushed
    with act.pod(lab) as pod:
        assert pod.visit(os.path.exists, path) is False
        fetch = use("nix-job", command=f"nix-store --realise {path} --max-jobs 0; cat {path}")
        other = act.run(pod, workflow(fetch)).check()
        assert f"copying path '{path}' from '{ATTIC}/main'" in other.log and "lab-pushed" in other.log.splitlines()


def test_what_the_server_has_is_not_pushed_again(lab):
    """Two runners build the same."""
    run_job(lab, "lab-twice")[0].check()
    done, _, requests, _ = run_job(lab, "lab-twice")
    done.check()
    assert UPLOAD not in requests and "GET /_api/v1/cache-config/main" in requests


def test_a_private_cache_takes_it(lab):
    done, _, requests, path = run_job(lab, "lab-private", attic_cache="private", attic_public_key=lab.public_key)
    done.check()
    assert UPLOAD in requests and path
    assert "StorePath: " + path in lab.upload("private", path)


# ---- the right to push

@pytest.mark.parametrize("token", [None, "pull", "expired", "other-cache", "shadowed", "bad"])
def test_without_the_right_it_is_said_at_the_start(lab, token):
    """Once; the command runs, and nothing is said at the end."""
    done, ran, requests, _ = run_job(lab, f"lab-denied-{token}", token=token)
    done.check()
    assert ran and UPLOAD not in requests
    assert [text for text in said(done)["warning"] if text.startswith("attic ")
            and ("HTTP 401" in text or "HTTP 403" in text)], str(done)
    assert "store" not in done.inner and "spinup: pushed" not in done.log


@pytest.mark.parametrize("token", [None, "pull"])
def test_a_required_push_without_the_right_fails_at_the_start(lab, token):
    done, ran, _, _ = run_job(lab, "lab-required", token=token, require_cache_push="true")
    assert done.rc == 1 and not ran
    assert len(said(done)["error"]) == 1 and "HTTP 40" in said(done)["error"][0]
    assert "attic-push-required" in done.summary


def test_a_required_push_succeeds(lab):
    done, ran, requests, _ = run_job(lab, "lab-required-good", require_cache_push="true")
    done.check()
    assert ran and UPLOAD in requests


# ---- what goes wrong

def dying(lab, target, command):
    """(files, a command) with which the Attic server is gone after the command."""
    files = {"/etc/resolv.conf": File(lab.resolv_conf(), owner="trusted"),
             "/tmp/later.conf": lab.resolv_conf(down={"attic": target})}
    return files, f"{command}; cat /tmp/later.conf >/etc/resolv.conf"


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("target", ["refused", "blackhole", "status-503"])
def test_a_server_that_dies_meanwhile(lab, target, required):
    """The client, which would wait for minutes, is not even started."""
    name = f"lab-dying-{target}-{required}"
    files, command = dying(lab, target, adding(name))
    done, ran, _, _ = run_job(lab, name, command=command, files={**files, **HANGS},
                              require_cache_push=str(required).lower())
    kind = "error" if required else "warning"
    assert ran and done.rc == int(required) and done.elapsed < 15
    assert said(done)[kind] == ["nothing was pushed: the Attic server no longer lets this job push, as it did before"
                                " the command"]
    assert "[attic-" in done.log  # the proof's own words


@pytest.mark.parametrize("required", [False, True])
def test_a_client_that_hangs_is_stopped(lab, required):
    done, _, _, _ = run_job(lab, "lab-hanging", files=HANGS, push_timeout="1", require_cache_push=str(required).lower())
    assert done.rc == int(required) and done.elapsed < 15
    [text] = said(done)["error" if required else "warning"]
    assert text.startswith("the push to Attic was stopped after 1 s (push-timeout)")


@pytest.mark.parametrize("required", [False, True])
def test_a_client_that_fails(lab, required):
    """Its words are shown, and none of them is a command to the runner."""
    script = "#!/bin/sh\nprintf 'one\\r::error::forged\\n##[error]forged\\n::set-output name=a::b\\n' >&2\nexit 1\n"
    done, _, _, _ = run_job(lab, "lab-failing", files={CLIENT: File(script, 0o755)},
                            require_cache_push=str(required).lower())
    assert done.rc == int(required)
    [text] = said(done)["error" if required else "warning"]
    assert text.startswith("the push to Attic failed") and "forged" in done.log


def test_mode_warn_fails_no_job(lab):
    """Not for a push either that was required."""
    done, ran, _, _ = run_job(lab, "lab-warned", token="pull", require_cache_push="true", mode="warn")
    assert done.rc == 0 and ran
    done, _, _, _ = run_job(lab, "lab-warned", files=HANGS, push_timeout="1", require_cache_push="true", mode="warn")
    assert done.rc == 0 and said(done)["warning"][0].startswith("the push to Attic was stopped")


def test_no_client_is_said_before_the_command(lab):
    done, ran, _, _ = run_job(lab, "lab-clientless", files={CLIENT: None})
    done.check()
    [text] = said(done)["warning"]
    assert ran and text.startswith("nothing will be pushed: there is no program attic on PATH")
    done, ran, _, _ = run_job(lab, "lab-clientless", files={CLIENT: None}, require_cache_push="true")
    assert done.rc == 1 and not ran and len(said(done)["error"]) == 1


def test_a_command_that_fails_pushes_nothing(lab):
    done, ran, requests, path = run_job(lab, "lab-broken", command=f"{adding('lab-broken')}; exit 7")
    assert done.rc == 1 and ran and path
    assert UPLOAD not in requests and "push" not in " ".join(said(done)["warning"])


def test_nothing_new_is_nothing_to_push(lab):
    done, _, requests, _ = run_job(lab, "", command="true")
    done.check()
    assert "nothing new in the store" in done.log and UPLOAD not in requests


@pytest.mark.parametrize("limit", ["soon", "0", "-1", "600000", "1.5"])
def test_a_limit_that_is_none(lab, limit):
    done, ran, _, _ = run_job(lab, "lab-limit", push_timeout=limit)
    assert done.rc == 1 and not ran
    assert said(done)["error"] == ["push-timeout is no number of seconds from 1 to 99999"]


# ---- the steps themselves

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
