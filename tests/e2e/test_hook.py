# SPDX-License-Identifier: Zlib
"""`spinup hook started`: the real binary as the runner's hook before a job, and what the job has of it."""

import json
import os
import re
import signal
import stat
import time
from pathlib import Path

import pytest
from lab import CONTRACT
from pod import PATH
from report import assert_harmless, validator
from runner_files import TEMP, WORKSPACE, RunnerFiles, next_environment, parse
from visit import File, Folder, Link, listing

REPORT = f"{TEMP}/spinup/report.json"
PROFILE = "/nix/var/nix/profiles/default/bin"
LINKS = "/usr/local/bin"
BUSYBOX = {"/opt/busybox": File(Path("/bin/busybox").read_bytes(), 0o755)}
WRITABLE = {LINKS: Folder(0o777)}
OURS = ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
# What a hook has not: it is no action, and the workflow's own env is not there yet.
HOOK = {"GITHUB_ACTION": None, "SPINUP_CONTRACT": CONTRACT}


def hook(pod, *words, user="trusted", env=None, runner=None, **place):
    """`spinup hook started` as the runner calls it: in the workspace, standard input closed."""
    result = pod.exec(["spinup", "hook", "started", *words], user=user, runner=runner or RunnerFiles(user),
                      env={**HOOK, **(env or {})}, collect=[REPORT], stdin="closed", **place)
    if result.files[REPORT]:
        result.report = json.loads(result.files[REPORT])
        validator().validate(result.report)
        assert result.report["surface"] == "hook"
        result.ids = {finding["id"]: finding for finding in result.report["findings"]}
    assert_harmless(result)
    return result


def hook_in(lab, *words, user="trusted", env=None, runner=None, **place):
    """The same in a fresh pod."""
    with lab.pod(image=place.pop("image", "determinate"), **place) as pod:
        return hook(pod, *words, user=user, env=env, runner=runner)


def without_delimiters(text):
    """GITHUB_ENV with its random heredoc delimiters replaced by one name."""
    return re.sub(r"spinup_[0-9a-f]{32}", "DELIMITER", text)


def test_a_hook_gives_the_job_what_a_step_would_have_got(lab, spinup):
    """The same GITHUB_ENV and a summary; never GITHUB_PATH, and no outputs that nobody could read."""
    with lab.pod(image="determinate") as pod:
        before = hook(pod)
        assert before.rc == 0, before.stdout
        step = pod.exec(["spinup", "run"], user="trusted", runner=True, env={"SPINUP_CONTRACT": CONTRACT})
    assert without_delimiters(before.files["GITHUB_ENV"]) == without_delimiters(step.files["GITHUB_ENV"])
    assert step.files["GITHUB_PATH"] and step.files["GITHUB_OUTPUT"]
    assert before.files["GITHUB_PATH"] == before.files["GITHUB_OUTPUT"] == ""
    assert "tinyland-nix" in before.files["GITHUB_STEP_SUMMARY"]
    assert "the runner's hook before the job" in before.stdout


@pytest.mark.parametrize("env", [{"GITHUB_ACTION": "__run", "GITHUB_ACTION_PATH": "/home/runner/_work/_actions/x"},
                                 {"GITHUB_ACTIONS": None}])
def test_the_command_decides_the_surface(lab, spinup, env):
    """Whatever the environment looks like (hook() reads it in the report)."""
    result = hook_in(lab, env=env)
    assert result.rc == 0
    assert result.files["GITHUB_ENV"] and not result.files["GITHUB_OUTPUT"]


def test_by_hand_it_proves_and_writes_to_no_runner(lab, spinup):
    """Without a runner there is nothing to write to, and a mask would be the leak."""
    token = lab.tokens["pull"]
    result = lab.exec(["spinup", "hook", "started"], image="determinate", user="trusted",
                      env={"SPINUP_CONTRACT": CONTRACT, "ATTIC_TOKEN": token})
    assert result.rc == 0
    assert token not in result.stdout + result.stderr


def test_a_failed_lane_fails_the_job_only_under_enforce(lab, spinup):
    """The default is to say it, and to give the job what was proven."""
    warned = hook_in(lab, "--no-repair", daemon="none")
    assert warned.rc == 0
    assert warned.report["outcome"] == "failed"
    assert warned.stdout.count("::error title=spinup%3A nix-daemon-no-socket::") == 1
    assert dict(parse(warned.files["GITHUB_ENV"]))["ATTIC_SERVER"]
    for words, env in ((["--mode", "enforce"], {}), ([], {"SPINUP_MODE": "enforce"})):
        enforced = hook_in(lab, *words, env=env, daemon="none")
        assert enforced.rc == 1
        assert enforced.files["GITHUB_ENV"] == enforced.files["GITHUB_PATH"] == ""
        assert "nix-daemon-no-socket" in enforced.files["GITHUB_STEP_SUMMARY"]


def test_dead_caches_are_emptied_for_the_whole_job(lab, spinup):
    """What the pod injects reaches every step, unless the hook empties it."""
    dead = {"ATTIC_SERVER": "http://attic.nix-cache.svc.cluster.local",
            "BAZEL_REMOTE_CACHE": "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"}
    result = hook_in(lab, env=dead, down="attic=blackhole,bazel=blackhole")
    assert result.rc == 0
    values = dict(parse(result.files["GITHUB_ENV"]))
    assert values["ATTIC_SERVER"] == values["BAZEL_REMOTE_CACHE"] == ""


@pytest.mark.parametrize("words", [[], ["completed"], ["started", "twice"]])
def test_another_word_is_a_wrong_usage(lab, spinup, words):
    """One sentence, in an annotation too, and nothing written."""
    runner = RunnerFiles("trusted")
    result = lab.exec(["spinup", "hook", *words], image="bare", user="trusted", runner=runner, env=HOOK)
    assert result.rc == 2
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout.startswith("::error title=spinup%3A usage::")
    assert not any(result.files[name] for name in OURS)


# ---- expectations

WANTED = json.dumps({"toolchain": {"bazel": "99"}})
OTHERS = f"{WORKSPACE}/.github/spinup.json"


def test_expectations_of_a_job_before_are_not_read(lab, spinup):
    """The workspace may be a previous job's, checkout and all: not even a broken file there matters."""
    for content in (WANTED, "{"):
        with lab.pod(image="determinate", files={OTHERS: content, f"{WORKSPACE}/.git/HEAD": ""}) as pod:
            result = hook(pod)
            assert result.rc == 0
            assert "expectations-not-checked-out" in result.ids
            assert "toolchain-tool-missing" not in result.ids


def test_expectations_that_are_named_are_read(lab, spinup):
    """An administrator's, for the whole pool."""
    with lab.pod(image="determinate", files={"/etc/spinup.json": WANTED}) as pod:
        result = hook(pod, "--expect", "/etc/spinup.json", "--mode", "enforce")
    assert result.rc == 1
    assert result.ids["toolchain-tool-missing"]["subject"] == "Bazel"


# ---- container modes

@pytest.mark.parametrize("env", [{"ACTIONS_RUNNER_CONTAINER_HOOKS": "/home/runner/k8s/index.js"},
                                 {"ACTIONS_RUNNER_REQUIRE_JOB_CONTAINER": "true"}])
def test_the_jobs_own_pod_was_not_probed(lab, spinup, env):
    """In the Kubernetes container modes the steps run elsewhere, which the report says; links there are no use."""
    with lab.pod(image="determinate", files=WRITABLE) as pod:
        result = hook(pod, env=env)
        assert result.rc == 0
        assert result.ids["job-pod-not-probed"]["severity"] == "notice"
        assert "job-pod-not-probed" in result.stdout + result.files["GITHUB_STEP_SUMMARY"]
        assert "nix-not-linked" not in result.ids
        assert f"{LINKS}/nix" not in pod.visit(listing, LINKS)


def test_elsewhere_nothing_is_said_of_another_pod(lab, spinup):
    """The hook cannot know whether the job has a container; it guesses nothing."""
    assert "job-pod-not-probed" not in hook_in(lab).ids


# ---- Nix on PATH

def links(pod):
    """{name: target} of the symlinks that the steps would find."""
    return {path.removeprefix(f"{LINKS}/"): facts[3] for path, facts in pod.visit(listing, LINKS).items() if facts[3]}


def next_step(pod, result, runner, *words, user="trusted"):
    """A command of the first step, with what the hook left it."""
    env = next_environment({"PATH": PATH, **runner.environment(pod.hostname)}, result.files)
    return pod.exec(words, user=user, env=env)


def test_the_steps_find_nix_by_links(lab, spinup):
    """Through the profile, so that they survive an upgrade; a second hook makes nothing of it."""
    with lab.pod(image="determinate", files=WRITABLE) as pod:
        assert next_step(pod, hook(pod, "--skip", "nix"), RunnerFiles(), "sh", "-c", "command -v nix").rc != 0
        runner = RunnerFiles("trusted")
        first = hook(pod, runner=runner)
        assert first.rc == 0
        assert "nix-not-linked" not in first.ids and first.report["outcome"] == "ready"
        assert re.search(f"PATH +links to {PROFILE} in {LINKS}\n", first.stdout)
        made = links(pod)
        assert made == {name: f"{PROFILE}/{name}" for name in made}
        assert {"nix", "nix-build", "nix-env", "nix-shell", "nix-store"} <= set(made)
        assert "2.26.3" in next_step(pod, first, runner, "nix", "--version").stdout
        after = pod.visit(listing, LINKS)
        again = hook(pod)
        assert again.rc == 0 and "links to" not in again.stdout
        assert pod.visit(listing, LINKS) == after


def test_only_what_is_nixs_is_replaced(lab, spinup):
    """A file of others, and a link that leads elsewhere, stay; a link into /nix that dangles does not."""
    files = {**WRITABLE, f"{LINKS}/nix": Link("/nix/store/gone/bin/nix"), f"{LINKS}/nix-build": File("theirs\n", 0o755),
             f"{LINKS}/nix-env": Link("/opt/wrapper"), f"{LINKS}/nix-shell": Folder()}
    with lab.pod(image="determinate", files=files) as pod:
        result = hook(pod)
        assert result.rc == 0
        made = links(pod)
        assert made["nix"] == f"{PROFILE}/nix"
        assert made["nix-env"] == "/opt/wrapper"
        assert pod.read(f"{LINKS}/nix-build")[f"{LINKS}/nix-build"] == "theirs\n"
        assert pod.visit(listing, LINKS)[f"{LINKS}/nix-shell"][0].startswith("d")
        assert not [name for name in pod.visit(listing, LINKS) if "/." in name], "something temporary is left"


def test_a_program_of_another_kind_in_its_place(lab, spinup):
    """A nix there that is no program and no link of Nix's: said, and left alone."""
    with lab.pod(image="determinate", files={**WRITABLE, f"{LINKS}/nix": File("not a program\n", 0o644)}) as pod:
        result = hook(pod)
        assert result.rc == 0
        assert "no link into /nix" in result.ids["nix-not-linked"]["detail"]
        assert links(pod) == {}


@pytest.mark.parametrize("path, files, why", [
    (PATH, {}, "not writable for this user"),
    ("/usr/bin:/bin", WRITABLE, "not on PATH"),
    (PATH, "remount", "read-only"),
])
def test_where_no_link_can_be_made_it_is_said(lab, spinup, path, files, why):
    """With what to bake into the image; the lane is degraded, and the rest is written."""
    with lab.pod(image="determinate", files={**BUSYBOX, **WRITABLE} if files == "remount" else files) as pod:
        if files == "remount":
            for words in (["-o", "bind", LINKS, LINKS], ["-o", "remount,bind,ro", LINKS]):
                pod.exec(["/opt/busybox", "mount", *words], user="root").check()
        runner = RunnerFiles("trusted")
        result = pod.exec(["/usr/local/bin/spinup", "hook", "started"], user="trusted", runner=runner,
                          env={**HOOK, "PATH": path}, collect=[REPORT])
        assert result.rc == 0
        found = {finding["id"]: finding for finding in json.loads(result.files[REPORT])["findings"]}
        assert why in found["nix-not-linked"]["detail"]
        assert found["nix-not-linked"]["subject"] == PROFILE and "Dockerfile" in found["nix-not-linked"]["remedy"]
        assert "links to" not in result.stdout
        assert "NIX_CONFIG" in dict(parse(result.files["GITHUB_ENV"]))
        assert links(pod) == {}


def test_a_nix_that_path_finds_is_left_to_it(lab, spinup):
    """The image's own way counts."""
    with lab.pod(image="determinate", files=WRITABLE) as pod:
        result = hook(pod, env={"PATH": f"{PATH}:{PROFILE}"})
        assert result.rc == 0 and result.report["outcome"] == "ready"
        assert links(pod) == {}


def test_under_enforce_a_failed_lane_gets_no_links(lab, spinup):
    """PATH stays untouched, as GITHUB_ENV does."""
    with lab.pod(image="determinate", daemon="none", files=WRITABLE) as pod:
        assert hook(pod, "--mode", "enforce").rc == 1
        assert links(pod) == {}


def test_a_full_disk_under_the_links_costs_nothing_else(lab, spinup):
    """What was to be linked is named; GITHUB_ENV was written before."""
    with lab.pod(image="determinate", files=WRITABLE) as pod:
        result = pod.exec(["/opt/lab/deny", "symlinkat=ENOSPC", "--", "spinup", "hook", "started"], user="trusted",
                          runner=RunnerFiles("trusted"), env=HOOK)
        assert result.rc == 3
        assert "links to Nix: /usr/local/bin/nix cannot be linked" in result.stderr
        assert parse(result.files["GITHUB_ENV"])


# ---- as pods start it

@pytest.mark.parametrize("user, no_new_privs", [("1001:1001", True), ("4711:4711", False), ("root", False)])
def test_a_thin_world(lab, spinup, user, no_new_privs):
    """No passwd entry, no HOME, no USER, no standard input: the same proof, and nothing of it remains but our files."""
    files = {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"} if user != "root" else {}
    runner = RunnerFiles("runner" if user == "1001:1001" else "root")
    with lab.pod(image="determinate", files=files) as pod:
        if user == "4711:4711":
            pod.place(runner.files())
            pod.exec(["chown", "-R", "4711:4711", "/home/runner/_work"], user="root").check()
        else:
            pod.place(runner.files())
        env = {**runner.environment(pod.hostname), **HOOK, "HOME": None}
        before = pod.visit(files_of)
        result = pod.exec(["spinup", "hook", "started"], user=user, env=env, cwd=WORKSPACE, stdin="closed",
                          no_new_privs=no_new_privs, collect=[REPORT, *runner.paths.values()])
        assert result.rc == 0, result.stdout + result.stderr
        assert not result.held_open
        assert json.loads(result.files[REPORT])["surface"] == "hook"
        assert parse(result.files[runner.paths["GITHUB_ENV"]])
        new = {path: mode for path, mode in pod.visit(files_of).items() if path not in before}
        assert new.pop(f"{TEMP}/spinup") == "drwx------"
        assert new.pop(REPORT) == new.pop(f"{TEMP}/spinup/bazelrc") == "-rw-------"
        if user == "root":  # who may write there
            assert new.pop("/etc/bazel.bazelrc")
            new = {path: mode for path, mode in new.items() if not path.startswith(f"{LINKS}/nix")}
        assert not new
        assert not running(pod, b"spinup")


def commands_of():
    """The command line of every process in the pod."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            found.append(Path(f"/proc/{name}/cmdline").read_bytes())
        except OSError:  # it has ended
            pass
    return found


def running(pod, name):
    """The command lines of a program in the pod; spinup's probes have its own."""
    return [line for line in pod.visit(commands_of) if line.split(b"\0")[0].endswith(name)]


def assert_gone(pod, name):
    """Soon, if not at once: who ends with his parent is told by the kernel."""
    end = time.monotonic() + 5
    while running(pod, name) and time.monotonic() < end:
        pass
    assert not running(pod, name)


def files_of():
    """Everything in the pod that a program of a job may have written, with its mode."""
    return {path: facts[0] for folder in ("/etc", "/home", "/opt", "/root", "/run", "/tmp", "/usr/local", "/var")
            for path, facts in listing(folder).items()}


def test_the_private_directory_is_not_shared(lab, spinup):
    """The hook's files are for the job's own user."""
    with lab.pod(image="determinate") as pod:
        hook(pod)
        mode = pod.visit(listing, TEMP)[f"{TEMP}/spinup"][0]
    assert mode == stat.filemode(stat.S_IFDIR | 0o700)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_hook_leaves_nobody(lab, spinup, number):
    """A signal in the middle of the proofs ends it, and its probes with it; no file of the runner was touched."""
    runner = RunnerFiles("trusted")
    script = f"spinup hook started & child=$!; until [ \"$(cat /proc/$child/task/$child/children)\" ]; do :; done; " \
             f"kill -{number.name[3:]} $child; wait $child; echo ended $?"
    # bash: a shell without job control gives a child in the background an ignored SIGINT, unless it is told not to
    with lab.pod(image="determinate", down="attic=blackhole,bazel=blackhole") as pod:
        result = pod.exec(["bash", "-c", f"set -m; {script}"], user="trusted", runner=runner, env=HOOK, timeout=10)
        assert f"ended {128 + number}" in result.stdout
        assert_gone(pod, b"spinup")
    assert not any(result.files[name] for name in OURS)
