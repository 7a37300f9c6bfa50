# SPDX-License-Identifier: Zlib
"""Jobs that use the composite actions, run by a real Actions engine (act) on runners of the lab."""

import json
import platform
import re

import act
import pytest
from jobs import ATTIC, BAZEL, DEAD, LEFT, NO_BASH, exists, job, left, look, ours, use, workflow
from places import HERE, REPOSITORY
from visit import File

pytestmark = pytest.mark.usefixtures("engine", "spinup")

DOCKER_POD = {"image": "bare", "memory": 4 << 30, "cpus": 2}


# ---- what the next step gets

@pytest.mark.parametrize("action", ["setup-flywheel", "nix-job"])
def test_the_next_step_has_the_environment(lab, action):
    """Byte for byte, and nix is found."""
    done, seen = job(lab, use(action), look())
    done.check()
    temp = seen["RUNNER_TEMP"]
    assert ours(seen) == {
        "ATTIC_SERVER": ATTIC, "ATTIC_CACHE": "main", "ATTIC_PUBLIC_KEY": lab.public_key,
        "BAZEL_REMOTE_CACHE": BAZEL, "SPINUP_BAZELRC_PATH": f"{temp}/spinup/bazelrc",
        "NIX_CONFIG": f"# spinup begin\nfallback = true\nconnect-timeout = 15\nextra-substituters = {ATTIC}/main\n"
                      f"extra-trusted-public-keys = {lab.public_key}\n# spinup end",
        "NIX_SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
        "NIX_PROFILES": "/nix/var/nix/profiles/default /home/act/.nix-profile",
        "SPINUP_LANE": "tinyland-nix", "SPINUP_REPORT_PATH": f"{temp}/spinup/report.json"}
    assert "/nix/var/nix/profiles/default/bin" in seen["PATH"].split(":")[:2]
    assert "/nix/var/nix/profiles/default/bin/nix" in done.log.splitlines()


OUTPUTS = {"outcome": "ready", "lane": "tinyland-nix", "nix-version": "2.26.3", "determinate-version": "3.0.0",
           "attic": "true", "attic-push": "unknown", "bazel": "true", "kvm": "", "gpu": "", "docker": "",
           "runner_class": "tinyland-nix", "attic_reachable": "true", "bazel_cache_reachable": "true"}
# act reads the last inner step's outputs as the composite's own too, and hides what is not mapped.
ONE_MORE_STEP = "    - shell: sh\n      run: ':'\n"


@pytest.mark.parametrize("action", ["setup-flywheel", "nix-job", "docker-job"])
def test_later_steps_use_the_outputs(lab, action):
    """Each name, through the composite."""
    names = [*OUTPUTS, "attic_public_key", "report-path"]
    env = {f"OUT{number}": f"${{{{ steps.spinup.outputs.{name} }}}}" for number, name in enumerate(names)}
    path = f"actions/{action}/action.yml"
    text = (REPOSITORY / path).read_text() + ONE_MORE_STEP
    done, seen = job(lab, use(action), look(**env), actions={path: text})
    done.check()
    found = {name: seen[f"OUT{number}"] for number, name in enumerate(names)}
    assert found == {**OUTPUTS, "attic_public_key": lab.public_key, "report-path": seen["SPINUP_REPORT_PATH"]}


def test_a_docker_lane(lab):
    """docker-job: the Bazel cache alone, and the flags in a file that bazel can be given."""
    rc_left = {"name": "rc", "shell": "sh", "run": f'cp "$SPINUP_BAZELRC_PATH" {LEFT}/rc'}
    with act.pod(lab, hostname="tinyland-docker-bcdfg-runner-hjklm", **DOCKER_POD) as pod:
        text = workflow(use("docker-job", command=f"env -0 >{LEFT}/command"), rc_left, look(), label="tinyland-docker")
        act.run(pod, text, label="tinyland-docker").check()
        seen = ours(left(pod))
        assert set(seen) == {"BAZEL_REMOTE_CACHE", "SPINUP_BAZELRC_PATH", "SPINUP_LANE", "SPINUP_REPORT_PATH"}
        assert seen["BAZEL_REMOTE_CACHE"] == left(pod, "command")["BAZEL_REMOTE_CACHE"] == BAZEL
        assert f"--remote_cache={BAZEL}" in pod.read(f"{LEFT}/rc")[f"{LEFT}/rc"]


# ---- the command

def expression(lab):
    """A derivation that needs a path which only the cache has."""
    return ('derivation { name = "app"; system = builtins.currentSystem; builder = "/bin/bash"; PATH = "/usr/bin:/bin";'
            ' args = [ "-euc" "read -r line <${builtins.storePath ' + lab.paths["hello"] + '}; echo app: $line >$out\\n'
            'exit 0" ]; }\n')


def test_the_command_builds_with_the_real_nix_through_attic(lab):
    """What the build needs is fetched from the lab's Attic, and from nowhere else."""
    files = {f"{act.CHECKOUT}/default.nix": expression(lab)}
    with act.pod(lab, files=files) as pod:
        before = lab.log("nginx.log")
        command = "nix-build --no-out-link && cat $(nix-build --no-out-link)"
        done = act.run(pod, workflow(use("nix-job", command=command))).check()
        assert f"copying path '{lab.paths['hello']}' from '{ATTIC}/main'" in done.log
        assert "app: hello from /nix/store/" in done.log
        requests = lab.log("nginx.log")[len(before):]
        name = lab.paths["hello"].removeprefix("/nix/store/")[:32]
        assert f"GET /main/{name}.narinfo" in requests and "GET /main/nar/" in requests


def test_the_readmes_workflow(lab):
    """As it stands there: a flake is built, and what was built is pushed."""
    text = re.search(r"```yaml\n(jobs:.*?)```", (REPOSITORY / "README.md").read_text(), re.S)[1]
    flake = ('{ outputs = _: { packages.%s-linux.default = derivation { name = "readme"; system = "%s-linux";'
             ' builder = "/bin/bash"; args = [ "-euc" "echo readme >$out\\nexit 0" ]; }; }; }\n')
    files = {f"{act.CHECKOUT}/flake.nix": flake % (2 * (platform.machine(),)), f"{act.CHECKOUT}/.git": None,
             "/usr/local/bin/attic": File((HERE / "attic_client.sh").read_bytes(), 0o755)}
    with act.pod(lab, files=files) as pod:
        before = lab.log("nginx.log")
        done = act.run(pod, f"on: push\n{text}", secrets={"ATTIC_TOKEN": lab.tokens["push"]}).check()
        assert "PUT /_api/v1/upload-path" in lab.log("nginx.log")[len(before):], str(done)


def test_a_failing_lane_stops_before_the_command(lab):
    """The job fails with the reason; the summary and the outputs are there for whoever looks."""
    with act.pod(lab, image="bare") as pod:
        outcome = "${{ steps.spinup.outputs.outcome }}"
        done = act.run(pod, workflow(use("nix-job", command=f"touch {LEFT}/ran"), look(OUTCOME=outcome)))
        seen = left(pod)
        assert done.rc == 1 and done.steps == {**done.steps, "spinup": "failure", "look": "success"}, str(done)
        assert not exists(pod, "ran") and "| `nix` |  | `no nix program, and no /nix` |" in done.summary
        assert ours(seen) == {} and seen["OUTCOME"] == "failed"
        assert len(done.commands("error")) == 1


def test_a_command_that_fails_fails_the_job(lab):
    """With its own status; what comes after is skipped."""
    with act.pod(lab) as pod:
        done = act.run(pod, workflow(use("nix-job", command="exit 42"), look(condition="success()")))
        assert done.rc == 1 and done.endings == {"exit status 42"} and left(pod) is None


@pytest.mark.parametrize("bash", ["bash", "no bash"])
def test_images_with_and_without_bash(lab, bash):
    """A pipe that fails inside stops the command where bash is; without it the job works all the same."""
    files = {} if bash == "bash" else NO_BASH
    with act.pod(lab, files=files) as pod:
        done = act.run(pod, workflow(use("nix-job", command=f"nix --version\nfalse | cat\ntouch {LEFT}/after")))
        assert "nix (Nix) 2.26.3" in done.log
        assert (done.rc, exists(pod, "after")) == ((1, False) if bash == "bash" else (0, True)), str(done)


def test_the_command_runs_in_the_checkout(lab):
    """Its files are there, its stdin is no terminal's, and the step's variables reach it."""
    with act.pod(lab, files={f"{act.CHECKOUT}/hello.txt": "from the checkout\n"}) as pod:
        step = {**use("nix-job", command=f"cat hello.txt; env -0 >{LEFT}/command"), "env": {"MINE": "kept"}}
        done = act.run(pod, workflow(step)).check()
        seen = left(pod, "command")
        assert "from the checkout" in done.log and seen["MINE"] == "kept"
        assert ours(seen)["ATTIC_SERVER"] == ATTIC


def test_twice_in_a_job_is_once(lab):
    """The second use sees what the first one wrote, and changes nothing."""
    with act.pod(lab) as pod:
        act.run(pod, workflow(use("setup-flywheel"), look("once"), use("nix-job", "again"), look("twice"))).check()
        once, twice = left(pod, "once"), left(pod, "twice")
        assert ours(once) == ours(twice)
        assert twice["PATH"].count("/nix/var/nix/profiles/default/bin") <= 2  # act repeats what is added twice


def test_the_jobs_own_nix_config_reaches_the_command(lab):
    """Unchanged, between our lines. (In the step's env a runner would let it hide ours.)"""
    own = "experimental-features = nix-command\nmax-jobs = 3 # ours"
    with act.pod(lab) as pod:
        text = workflow(use("nix-job", command=f"env -0 >{LEFT}/command; nix config show max-jobs"),
                        env={"NIX_CONFIG": own})
        done = act.run(pod, text).check()
        assert f"\n{own}\n" in left(pod, "command")["NIX_CONFIG"] and "3" in done.log.splitlines()
        assert f"extra-substituters = {ATTIC}/main" in left(pod, "command")["NIX_CONFIG"]


def test_inside_a_composite_action_of_the_repository(lab):
    """A repository wraps the action in one of its own; its outputs and environment come through."""
    inner = json.dumps({"name": "ours", "description": "a wrapper", "outputs": {
        "lane": {"description": "the lane", "value": "${{ steps.spinup.outputs.lane }}"}}, "runs": {
            "using": "composite", "steps": [use("nix-job", command=f"env -0 >{LEFT}/command"), look("inner")]}})
    with act.pod(lab, files={f"{act.CHECKOUT}/.github/actions/ours/action.yml": inner}) as pod:
        steps = {"id": "ours", "uses": "./.github/actions/ours"}, look(LANE="${{ steps.ours.outputs.lane }}")
        act.run(pod, workflow(*steps)).check()
        seen = left(pod)
        assert seen["LANE"] == "tinyland-nix"
        assert ours(seen) == ours(left(pod, "inner")) and ours(seen)["ATTIC_SERVER"] == ATTIC
        assert left(pod, "command")["NIX_CONFIG"] == seen["NIX_CONFIG"]


def test_another_job_uses_the_outputs(lab):
    """By needs, as a job that decides on a lane's proof does."""
    outputs = {"lane": "${{ steps.spinup.outputs.lane }}", "attic": "${{ steps.spinup.outputs.attic }}"}
    text = json.dumps({"on": "push", "jobs": {
        "prove": {"runs-on": act.LABEL, "outputs": outputs, "steps": [use("setup-flywheel")]},
        "build": {"runs-on": act.LABEL, "needs": "prove", "if": "needs.prove.outputs.attic == 'true'",
                  "steps": [look(LANE="${{ needs.prove.outputs.lane }}")]}}})
    with act.pod(lab) as pod:
        act.run(pod, text).check()
        assert left(pod)["LANE"] == "tinyland-nix" and ours(left(pod)) == {}


# where a label is given: (inputs, the pod's environment, keys of the job, the lane)
LABELS = {
    "pod": ({}, {"SPINUP_LABEL": "tinyland-nix-heavy"}, {}, "tinyland-nix-heavy"),
    "scale set": ({}, {"SPINUP_SCALE_SET": "tinyland-nix-heavy"}, {}, "tinyland-nix-heavy"),
    "matrix": ({"label": "${{ matrix.lane }}"}, {}, {"strategy": {"matrix": {"lane": ["acme-nix"]}}}, "acme-nix"),
    "input": ({"label": "acme-nix"}, {"SPINUP_LABEL": "tinyland-nix"}, {}, "acme-nix"),
}


@pytest.mark.parametrize("name", LABELS)
def test_where_the_label_comes_from(lab, name):
    """An input that is not given hides nothing that the runner's pod says; one that is given wins."""
    inputs, env, keys, lane = LABELS[name]
    done, seen = job(lab, use("setup-flywheel", mode="warn", **inputs), look(), keys=keys, how={"env": env})
    assert done.rc == 0 and ours(seen)["SPINUP_LANE"] == lane, str(done)


def test_a_user_whom_the_daemon_does_not_trust(lab):
    """The job works, without a substituter that the daemon would ignore, and says what an administrator adds."""
    done, seen = job(lab, use("nix-job", command="nix --version"), look(), user="runner")
    done.check()
    assert "extra-substituters" not in seen["NIX_CONFIG"] and "trusted-substituters" in done.summary
    assert "nix (Nix) 2.26.3" in done.log


# ---- how strict a job is

EXPECTS_MORE = json.dumps({"toolchain": {"nix": ">=2.30"}})
# name: (inputs, place, exit status of act, outcome, a finding in the summary)
RULES = {
    "dead caches": ({}, {"down": DEAD}, 0, "degraded", "attic-refused"),
    "strict": ({"strict": "true"}, {"down": DEAD}, 1, "failed", "attic-refused"),
    "strict and well": ({"strict": "true"}, {}, 0, "ready", "nix-ready"),
    "require": ({"require": "attic"}, {"down": DEAD}, 1, "failed", "attic-refused"),
    "require and well": ({"require": "attic,bazel"}, {}, 0, "ready", "nix-ready"),
    "require with warn": ({"require": "attic", "mode": "warn"}, {"down": DEAD}, 0, "failed", "attic-refused"),
    "warn": ({"mode": "warn"}, {"image": "bare"}, 0, "failed", "nix-absent"),
    "another label": ({"label": "tinyland-docker"}, DOCKER_POD, 0, "ready", "bazel-ready"),
    "no Docker": ({"label": "tinyland-dind", "deadline": "2"}, {"image": "bare"}, 1, "failed", "toolchain-tool-missing"),
    "skip": ({"skip": "bazel"}, {"down": {"bazel": "refused"}}, 0, "ready", "nix-ready"),
    "expect": ({"expect": "ci/spinup.json"}, {"files": {f"{act.CHECKOUT}/ci/spinup.json": EXPECTS_MORE}}, 1, "failed",
               "expected nix >=2.30, found 2.26.3"),
    "expect of the checkout": ({}, {"files": {f"{act.CHECKOUT}/.github/spinup.json": EXPECTS_MORE}}, 1, "failed",
                               "expected nix >=2.30, found 2.26.3"),
}


@pytest.mark.parametrize("name", RULES)
def test_how_strict_a_job_is(lab, name):
    """The job ends as its inputs and its lane demand, and says why."""
    inputs, place, rc, outcome, finding = RULES[name]
    done, seen = job(lab, use("setup-flywheel", **inputs), look(OUTCOME="${{ steps.spinup.outputs.outcome }}"),
                     **place)
    assert (done.rc, seen["OUTCOME"]) == (rc, outcome), str(done)
    assert finding in done.summary
    assert "SPINUP_LANE" in seen or rc == 1  # nothing of a lane that failed reaches the next step


def test_a_command_goes_on_without_dead_caches(lab):
    """What the pod injected is emptied, so that nothing in the command stalls on it."""
    with act.pod(lab, down=DEAD) as pod:
        done = act.run(pod, workflow(use("nix-job", command=f"env -0 >{LEFT}/command")),
                       env={"ATTIC_SERVER": ATTIC, "BAZEL_REMOTE_CACHE": BAZEL}).check()
        seen = left(pod, "command")
        assert seen["ATTIC_SERVER"] == seen["BAZEL_REMOTE_CACHE"] == ""
        assert "extra-substituters" not in seen["NIX_CONFIG"] and len(done.commands("warning")) <= 3


# input: (a wrong value, what the one error says)
BAD_INPUTS = {"mode": ("enfore", "SPINUP_MODE: 'enfore' is neither enforce nor warn"),
              "deadline": ("0", "SPINUP_DEADLINE: '0' is no number of seconds"),
              "strict": ("maybe", "SPINUP_STRICT: 'maybe' is neither true nor false"), "require": ("unicorns", "unicorns"),
              "push-cache": ("maybe", "SPINUP_ATTIC_PUSH: 'maybe' is neither true nor false"),
              "skip": ("everything", "everything"), "expect": ("no/such/file.json", "no/such/file.json"),
              "bazel-upload": ("perhaps", "SPINUP_BAZEL_UPLOAD: 'perhaps' is neither true nor false"),
              "attic-public-read": ("yes please", "SPINUP_ATTIC_PUBLIC_READ: 'yes please' is neither true")}


@pytest.mark.parametrize("name", BAD_INPUTS)
def test_a_wrong_input_is_one_clear_error(lab, name):
    """It is named, the command does not run, nothing is half-written."""
    value, message = BAD_INPUTS[name]
    with act.pod(lab) as pod:
        done = act.run(pod, workflow(use("nix-job", command=f"touch {LEFT}/ran", **{name: value}), look()))
        errors = done.commands("error")
        assert done.rc == 1 and not exists(pod, "ran") and ours(left(pod)) == {}
        assert len(errors) == 1 and message in errors[0]
