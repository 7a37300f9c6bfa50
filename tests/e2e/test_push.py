# SPDX-License-Identifier: Zlib
"""nix-job with push-cache: what the command built is in Attic afterwards, and whatever keeps it from there is said in
time, costs no more than its limit, and shows no secret."""

import os
import re

import act
import pytest
from jobs import ATTIC, LEFT, assert_hidden, exists, token_env, use, workflow
from places import HERE
from visit import File

pytestmark = pytest.mark.usefixtures("engine", "spinup")

CLIENT = "/usr/local/bin/attic"
STAND_IN = {CLIENT: File((HERE / "attic_client.sh").read_bytes(), 0o755)}
HANGS = {CLIENT: File("#!/bin/sh\nexec sleep 300\n", 0o755)}  # as the real client on a server that never answers
UPLOAD = "PUT /_api/v1/upload-path"


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
