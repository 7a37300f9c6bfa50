# SPDX-License-Identifier: Zlib
"""A real Bazel after docker-job: what one runner built another one gets from the cache, by each way in which the flags
reach a bazel, and a dead cache costs seconds, not the build."""

import re
import time

import act
import pytest
from conftest import skip
from jobs import BAZEL, LEFT, use, workflow
from lab import CONTRACT
from places import LabError
from runner_files import WORKSPACE, RunnerFiles, next_environment
from visit import File, Folder

LABEL = "tinyland-docker"
RUNNER = {"image": "bazel", "hostname": "tinyland-docker-bcdfg-runner-hjklm", "memory": 4 << 30, "cpus": 2}
WITH_RC = 'bazel --bazelrc="$SPINUP_BAZELRC_PATH" build //:two'
PLAIN = "bazel build //:two"
LIMIT_S = 120  # of one build: a JVM starts in each, and the machine may be busy
# No registry is asked; and the JVM is for one small build.
OWN_RC = """startup --host_jvm_args=-XX:TieredStopAtLevel=1 --host_jvm_args=-XX:+UseSerialGC
common --noenable_bzlmod --enable_workspace
"""


def sources(folder, content, owner="runner"):
    """A workspace with two actions, the second on the first's output; nothing of it is fetched."""
    rules = ('genrule(name = "one", outs = ["one.txt"], cmd = "echo %s >$@")\n'
             'genrule(name = "two", srcs = ["one.txt"], outs = ["two.txt"], cmd = "cat $< $< >$@")\n' % content)
    files = {"WORKSPACE": "", "BUILD": rules, ".bazelrc": OWN_RC}
    files = {f"{folder}/{name}": File(text, owner=owner) for name, text in files.items()}
    return {folder: Folder(owner=owner), **files}


def hits(text):
    """How many of the two actions came from the cache; the others were run here."""
    [line] = re.findall(r"(?m)^INFO: \d+ processes: (.*)\.$", text)
    found = {kind: int(number) for number, kind in re.findall(r"(\d+) ([a-z -]+)", line)}
    remote = found.get("remote cache hit", 0)
    assert remote + sum(number for kind, number in found.items() if "sandbox" in kind) == 2, line
    return remote


@pytest.fixture(name="bazel_lab", scope="module")
def _bazel_lab(lab, engine, spinup):
    """The lab, once it can make pods with a Bazel in them."""
    assert engine and spinup
    try:
        lab.pod(**RUNNER).close()
    except LabError as failure:
        skip(str(failure))
    return lab


def job(lab, content, **inputs):
    """Builds by a docker-job; how many actions came from the cache."""
    command = f"{WITH_RC} 2>{LEFT}/log || {{ cat {LEFT}/log; exit 1; }}"
    with act.pod(lab, user="runner", files=sources(act.CHECKOUT, content), **RUNNER) as pod:
        step = use("docker-job", command=command, **inputs)
        act.Running(pod, workflow(step, label=LABEL), user="runner", label=LABEL).wait(LIMIT_S).check()
        return hits(pod.read(f"{LEFT}/log")[f"{LEFT}/log"])


def build(lab, content, command, *, user="runner", files=None, down=None, dies=None, **env):
    """Builds by steps of our own: spinup, then the command; its Result. dies: where the cache leads in between."""
    runner = RunnerFiles(user)
    with lab.pod(down=down, files={**sources(WORKSPACE, content, user), **(files or {})}, **RUNNER) as pod:
        env = {**runner.environment(RUNNER["hostname"]), "SPINUP_CONTRACT": CONTRACT, **env}
        first = pod.exec(["spinup", "run"], user=user, runner=runner, env=env).check()
        if dies:
            pod.place({"/etc/resolv.conf": lab.resolv_conf(down={"bazel": dies})})
        env = next_environment({**pod.environment(user), **env}, first.files)
        return pod.exec(["sh", "-c", command], user=user, env=env, cwd=WORKSPACE, timeout=LIMIT_S).check()


@pytest.fixture(name="shared", scope="module")
def _shared(bazel_lab):
    """What a runner has built and uploaded."""
    assert job(bazel_lab, "shared", bazel_upload="true") == 0
    return "shared"


def test_another_runner_gets_it_from_the_cache(bazel_lab, shared):
    assert job(bazel_lab, shared) == 2


def test_nothing_is_uploaded_unless_it_is_asked_for(bazel_lab):
    assert job(bazel_lab, "read-only") == 0
    assert job(bazel_lab, "read-only") == 0


def test_root_needs_no_flag(bazel_lab, shared):
    """By the system rc."""
    assert hits(build(bazel_lab, shared, PLAIN, user="root").stderr) == 2


def test_the_home_rc_after_setup_bazel(bazel_lab, shared):
    """setup-bazel truncates the file and leaves it without a final newline; its own flags stay."""
    home = {"/home/runner/.bazelrc": File("startup --output_base=/home/runner/.bazel\nbuild --nosandbox_debug",
                                          owner="runner")}
    command = f"{PLAIN} && test -d /home/runner/.bazel/execroot"
    assert hits(build(bazel_lab, shared, command, files=home, SPINUP_BAZEL_HOME_RC="true").stderr) == 2


def test_a_cache_that_was_dead_is_not_asked(bazel_lab):
    """Also where the repository's own rc names it."""
    own = {f"{WORKSPACE}/.bazelrc": f"{OWN_RC}build --remote_cache={BAZEL}\n"}
    text = build(bazel_lab, "dead", WITH_RC, down={"bazel": "blackhole"}, files=own).stderr
    assert hits(text) == 0 and "remote" not in text.lower()


@pytest.mark.parametrize("target, limit_s", [("refused", 10), ("blackhole", 40)])
def test_a_cache_that_dies_meanwhile_costs_seconds(bazel_lab, target, limit_s):
    """One call with its one retry, 10 s each, for the whole build; by Bazel's own defaults it would be minutes."""
    begun = time.monotonic()
    text = build(bazel_lab, f"dies-{target}", WITH_RC, dies=target, SPINUP_BAZEL_UPLOAD="true").stderr
    assert hits(text) == 0 and "Remote Cache: " in text
    critical = float(re.search(r"Critical Path: ([\d.]+)s", text)[1])
    assert critical < limit_s and time.monotonic() - begun < LIMIT_S
