# SPDX-License-Identifier: Zlib
"""spinup exec as a pod starts it: whatever happens, the command runs, with what was proven and nothing else
changed."""

import json
import re

import pytest
from report import HANG_S, assert_harmless, validator
from visit import File, Folder, listing

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
RUNNER = "/home/runner"
SETUP_INFO = f"{RUNNER}/.setup_info"
REPORT = "/tmp/spinup/report.json"
ATTIC = "http://attic.nix-cache.svc.cluster.local"
DARK = {"attic": "blackhole", "bazel": "blackhole"}
JIT = "jit-credentials-of-the-runner"


def runner(script="exec env"):
    """A runner's root whose run.sh is this script."""
    return {f"{RUNNER}/run.sh": File(f"#!/bin/sh\n{script}\n", 0o755, "runner"),
            f"{RUNNER}/bin": Folder(owner="runner"), f"{RUNNER}/bin/Runner.Listener": File("", 0o755, "runner")}


def entrypoint(lab, *words, env=None, image="bare", **pod):
    """spinup exec with these words in a fresh pod of a tinyland-nix runner."""
    return lab.exec(["spinup", "exec", *words], image=image, env={**CONTRACT, **(env or {})}, **pod)


def variables(text):
    """The environment that env(1) printed; a value's further lines are left out."""
    return dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Za-z_]\w*=", line))


# ---- the command's own end

@pytest.mark.parametrize("script, status", [("exit 0", 0), ("exit 7", 7), ("exit 42", 42), ("kill -9 $$", 137)])
def test_the_commands_status_is_the_only_one(lab, spinup, script, status):
    """Also on a lane that fails."""
    result = entrypoint(lab, "--label", "tinyland-nix", "--", "/bin/sh", "-c", f"echo out; {script}")
    assert (result.rc, result.stdout) == (status, "out\n")
    assert "FAILED" in result.stderr and "The command is started" in result.stderr
    assert_harmless(result)


@pytest.mark.parametrize("words, status, why", [
    (["--", "/nonexistent/run.sh"], 127, "/nonexistent/run.sh cannot be run: there is no program of this name"),
    (["--", "no-such-program"], 127, "no-such-program cannot be run: there is no program of this name"),
    (["--", "/etc/passwd"], 126, "/etc/passwd cannot be run: Permission denied"),
    (["--", "/etc"], 126, "/etc cannot be run: Permission denied"),
    ([], 2, "no command to become"),
    (["--"], 2, "no command to become"),
    (["--label", "x", "--"], 2, "no command to become"),
    (["--unknown"], 2, "--unknown: unknown here"),
])
def test_a_command_that_cannot_be_run(lab, spinup, words, status, why):
    """One clear sentence, and the statuses that shells have for it."""
    result = entrypoint(lab, *words)
    assert result.rc == status and not result.stdout
    assert result.stderr.splitlines()[-1].startswith(f"spinup: {why}")


@pytest.mark.parametrize("words, env, why", [
    (["--lable", "x"], {}, "--lable: unknown here"),
    (["--json"], {}, "--json: unknown here"),
    (["--deadline", "soon"], {}, "--deadline: 'soon' is no number"),
    ([], {"SPINUP_DEADLINE": "soon"}, "SPINUP_DEADLINE: 'soon' is no number"),
    ([], {"SPINUP_CONTRACT": "/nonexistent"}, "/nonexistent"),
    (["--expect", "/etc/passwd"], {}, "/etc/passwd"),
    (["--require", "nonsense"], {}, "nonsense"),
    ([], {"ATTIC_TOKEN": "two words"}, "ATTIC_TOKEN: the token has white space"),
])
def test_a_mistake_does_not_keep_the_command_from_running(lab, spinup, words, env, why):
    """It is said, and the command's environment is as it was."""
    result = entrypoint(lab, *words, "--", "env", env=env)
    assert result.rc == 0 and why in result.stderr, result.stderr
    assert result.stderr.endswith("spinup: the proofs ended with status 2; env is started with the environment as it "
                                  "was\n")
    assert not {"SPINUP_REPORT_PATH", "SPINUP_LANE"} & set(variables(result.stdout))


def test_without_dashes_the_first_word_begins_the_command(lab, spinup):
    """Its own flags and dashes are the command's."""
    result = entrypoint(lab, "--label", "tinyland-docker", "echo", "--label", "--", "x")
    assert (result.rc, result.stdout) == (0, "--label -- x\n")


# ---- what the command finds

def test_the_command_gets_what_was_proven(lab, spinup):
    """The variables of run, PATH with Nix in front, files in a private directory, and nothing on stdout."""
    result = entrypoint(lab, "--", f"{RUNNER}/run.sh", image="determinate", daemon="determinate", files=runner(),
                        env={"KEPT": "as it was"}, collect=[REPORT, "/tmp/spinup/bazelrc"])
    found = variables(result.stdout)
    assert result.rc == 0 and found["KEPT"] == "as it was"
    assert found["ATTIC_SERVER"] == ATTIC and found["ATTIC_PUBLIC_KEY"] == lab.public_key
    assert found["PATH"].startswith(f"/nix/var/nix/profiles/default/bin:{RUNNER}/.nix-profile/bin:/usr/local/sbin:")
    assert found["SPINUP_LANE"] == "tinyland-nix" and found["SPINUP_REPORT_PATH"] == REPORT
    assert found["SPINUP_BAZELRC_PATH"] == "/tmp/spinup/bazelrc"
    assert "--remote_cache=grpc://bazel-cache" in result.files["/tmp/spinup/bazelrc"]
    assert "\nfallback = true\n" in result.stdout
    report = json.loads(result.files[REPORT])
    validator().validate(report)
    assert (report["command"], report["surface"], report["outcome"]) == ("exec", "entrypoint", "ready")


def test_the_next_program_can_use_it(lab, spinup):
    """The command is looked up in the PATH that it gets, and the real nix fetches with its environment."""
    result = entrypoint(lab, "--", "nix", "--extra-experimental-features", "nix-command", "path-info", "--store",
                        ATTIC + "/main", lab.paths["hello"], image="determinate", daemon="determinate")
    assert result.rc == 0 and lab.paths["hello"] in result.stdout, result.stderr


def test_a_dead_cache_is_emptied(lab, spinup):
    """The pod's own values would make every build wait."""
    bazel = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
    result = entrypoint(lab, "--", "env", down="attic=refused,bazel=refused",
                        env={"ATTIC_SERVER": ATTIC, "BAZEL_REMOTE_CACHE": bazel})
    found = variables(result.stdout)
    assert result.rc == 0 and found["ATTIC_SERVER"] == "" and found["BAZEL_REMOTE_CACHE"] == ""


def test_no_masks_and_no_file_commands(lab, spinup):
    """Even where somebody starts it inside a step: those are run's and the hook's."""
    secrets = {"ATTIC_TOKEN": lab.tokens["pull"], "BAZEL_REMOTE_CACHE": "grpc://u:pass-word@b.svc:1"}
    result = lab.exec(["spinup", "exec", "--", "true"], image="determinate", runner=True, env={**CONTRACT, **secrets})
    assert result.rc == 0 and not any(result.files.values())
    assert not result.stdout and "::" not in result.stderr
    assert "pass-word" not in result.stderr and lab.tokens["pull"] not in result.stderr


def test_mask_dispositions_limits_and_descriptors_are_the_callers(lab, spinup):
    """Signals that spinup itself cares for are among those that the caller ignores or blocks. No shell stands between:
    it would change some of this itself."""
    outer = ["sh", "-c", 'umask 027; exec 7</dev/null "$@"', "-", "env", "--default-signal",
             "--ignore-signal=PIPE,HUP,USR1", "--block-signal=USR2,INT,CHLD", "prlimit", "--nofile=200:300", "--core=0"]
    kept = r"^(?:Umask|Groups|SigPnd|ShdPnd|SigBlk|SigIgn|SigCgt|NoNewPrivs|Seccomp|Max \w+ .*|\d+ -> \S+|-?\d+)\b.*"
    seen = []
    with lab.pod(image="determinate", daemon="determinate") as pod:
        for wrapper in ([], ["spinup", "exec", "--"]):
            texts = [pod.exec([*outer, *wrapper, *words], env=CONTRACT).check().stdout for words in (
                ["cat", "/proc/self/status", "/proc/self/limits", "/proc/self/oom_score_adj"],
                ["ls", "-l", "/proc/self/fd"])]
            listed = re.sub(r"pipe:\[\d+\]|/proc/\d+", "", re.sub(r".* (?=\d+ -> )", "", texts[1]))
            seen.append(re.findall(kept, texts[0], re.M) + sorted(listed.splitlines()))
    assert seen[0] == seen[1] and len(seen[0]) > 30
    assert "SigIgn:\t0000000000001201" in seen[1]
    assert "SigBlk:\t0000000000010802" in seen[1]


def test_where_the_caller_ignores_its_children(lab, spinup):
    """The kernel tells nobody of the end of such a child: the proofs are waited for all the same, and no longer."""
    result = entrypoint(lab, "--", "grep", "SigIgn", "/proc/self/status")
    wrapped = lab.exec(["env", "--ignore-signal=CHLD", "spinup", "exec", "--", "grep", "SigIgn", "/proc/self/status"],
                       image="bare", env=CONTRACT)
    assert result.stdout.split()[1] == f"{0:016x}" and wrapped.stdout.split()[1] == f"{1 << 16:016x}"
    assert wrapped.elapsed < HANG_S and "the proofs" not in wrapped.stderr


def test_when_no_process_may_be_started(lab, spinup):
    """The limit of processes is reached: the command needs none."""
    result = lab.exec(["prlimit", "--nproc=0", "spinup", "exec", "--", "env"], env=CONTRACT)
    assert result.rc == 0 and "the proofs could not be started: " in result.stderr
    assert "SPINUP_REPORT_PATH" not in variables(result.stdout)


def test_a_log_that_nobody_reads(lab, spinup):
    """stderr is a full pipe: after the proofs' time the command runs all the same."""
    script = """mkfifo /tmp/log; exec 3<>/tmp/log; dd if=/dev/zero of=/tmp/log bs=4096 count=16 2>/dev/null
        exec spinup exec --deadline 1 -- echo runs 2>&3"""
    result = lab.exec(["sh", "-c", script], env=CONTRACT, timeout=20)
    assert (result.rc, result.stdout) == (0, "runs\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors(lab, spinup, closed):
    """No file of ours is taken for one of them, and the command runs."""
    script = f"exec spinup exec -- sh -c 'exec ls /proc/self/fd >/tmp/fds' {closed}"
    result = lab.exec(["sh", "-c", script], image="determinate", daemon="determinate", env=CONTRACT,
                      collect=["/tmp/fds", REPORT])
    assert result.rc == 0 and result.files["/tmp/fds"].split() == ["0", "1", "2", "3"]  # 3 is ls's own
    assert json.loads(result.files[REPORT])["outcome"] == "ready"


# ---- who may be the user, and what may be missing

@pytest.mark.parametrize("place", [
    {"user": "4242:4242", "env": {"HOME": "/tmp/home", "USER": None}},
    {"user": "4242:4242", "env": {"HOME": "/tmp/home", "PATH": None}},
    {"env": {"HOME": None}},
    {"no_new_privs": True},
    {"user": "root"},
], ids=["no passwd entry", "no PATH", "no HOME", "no_new_privs", "root"])
def test_users(lab, spinup, place):
    """Who runs a pod's entrypoint."""
    place = dict(place)
    result = entrypoint(lab, "--", "/usr/bin/env", image="determinate", daemon="determinate",
                        env=place.pop("env", {}), **place)
    assert result.rc == 0 and variables(result.stdout)["SPINUP_REPORT_PATH"] == REPORT, result.stderr
    assert variables(result.stdout)["PATH"].startswith("/nix/var/nix/profiles/default/bin:")


@pytest.mark.parametrize("path", [None, "/usr/local/bin:/usr/bin"])
def test_a_user_without_a_home(lab, spinup, path):
    """No nix command works for him, which is said; what he was to run is run all the same."""
    result = entrypoint(lab, "--", "/usr/bin/env", image="determinate", daemon="determinate", user="4242:4242",
                        env={"HOME": None, "PATH": path})
    assert result.rc == 0 and "nix-home-missing" in result.stderr, result.stderr
    assert variables(result.stdout)["SPINUP_REPORT_PATH"] == REPORT
    assert variables(result.stdout).get("PATH") == path and "NIX_CONFIG" not in variables(result.stdout)


@pytest.mark.parametrize("tmp", ["/tmp:1777:0:0:size=4k,nr_inodes=2", "/tmp:0555:0:0"], ids=["full", "not writable"])
def test_nowhere_to_write(lab, spinup, tmp):
    """No variable names a file that is not there; the reason is said."""
    result = entrypoint(lab, "--", "env", image="determinate", daemon="determinate", tmpfs=[tmp])
    assert result.rc == 0
    assert not {"SPINUP_REPORT_PATH", "SPINUP_BAZELRC_PATH"} & set(variables(result.stdout))
    assert "/tmp/spinup" in result.stderr and "env is started with the environment as it was" in result.stderr


def test_a_file_of_somebody_else_is_not_used(lab, spinup):
    """Whoever makes /tmp/spinup first does not get to see, or to change, what the command is given."""
    result = entrypoint(lab, "--", "env", files={"/tmp/spinup": Folder(0o777, "trusted")})
    assert result.rc == 0 and "belongs to user 1002" in result.stderr
    assert "SPINUP_REPORT_PATH" not in variables(result.stdout)


def test_a_read_only_file_system(lab, spinup):
    """As readOnlyRootFilesystem makes it, with no emptyDir on /tmp."""
    result = lab.exec(["/opt/lab/deny", "mkdirat=EROFS", "--", "spinup", "exec", "--", "env"],
                      image="determinate", env=CONTRACT)
    assert result.rc == 0 and "/tmp/spinup cannot be made: Read-only file system" in result.stderr, result.stderr
    assert "SPINUP_REPORT_PATH" not in variables(result.stdout)


def test_an_empty_root(lab, spinup):
    """No /proc, no /dev, no /tmp, no /etc: only the agent, which is the command as well."""
    script = """mkdir /mnt/bin; cp /usr/local/bin/spinup /mnt/bin
        exec chroot --userspec=1001:1001 /mnt spinup exec -- spinup version"""
    result = lab.exec(["sh", "-ec", script], user="root", env={"HOME": None})
    assert result.rc == 0 and result.stdout.startswith("spinup "), result.stderr


# ---- process 1, signals, and what is left behind

def in_namespace(script):
    """Runs this shell code as root beside `$one`, which starts its arguments as process 1 of a namespace, as
    user 1001."""
    return ["sh", "-c", f"""
        one() {{ unshare --pid --fork --mount-proc --kill-child \\
            setpriv --reuid=1001 --regid=1001 --clear-groups "$@"; }}
        agents() {{ pgrep -c '^spinup$' || :; }}
        {script}"""]


def test_as_process_1(lab, spinup):
    """The command becomes process 1, and nothing else is left, no zombie either."""
    result = lab.exec(in_namespace("one spinup exec -- sh -c 'echo $$; exec ps -e -o pid=,stat=,comm='"),
                      user="root", image="determinate", env=CONTRACT)
    assert result.rc == 0, result.stderr
    assert re.fullmatch(r"1\n +1 R\S* +ps\n", result.stdout), result.stdout


@pytest.mark.parametrize("signal, status", [("TERM", 143), ("INT", 130), ("HUP", 129)])
@pytest.mark.parametrize("is_first", [True, False], ids=["process 1", "a child"])
def test_a_signal_during_the_proofs_ends_it(lab, spinup, signal, status, is_first):
    """The pod is being deleted: no runner is started, and no process stays."""
    start = "one" if is_first else "setpriv --reuid=1001 --regid=1001 --clear-groups"
    # A shell lets what runs in its background ignore SIGINT.
    script = f"""{start} env --default-signal=INT spinup exec -- echo started & outer=$!
        until [ $(agents) -ge 4 ]; do :; done
        kill -{signal} $(pgrep -o '^spinup$'); begun=$(date +%s%N)
        wait $outer; echo status $? after $((($(date +%s%N) - begun) / 1000000)) ms, $(agents) left"""
    result = lab.exec(in_namespace(script), user="root", image="determinate", env=CONTRACT, down=DARK, timeout=20)
    found = re.fullmatch(r"status (\d+) after (\d+) ms, 0 left\n", result.stdout)
    assert found and int(found[1]) == status and int(found[2]) < 1000, result.stdout + result.stderr


def test_an_ignored_signal_stays_ignored(lab, spinup):
    """nohup's word holds for the proofs, too."""
    script = """env --ignore-signal=HUP spinup exec -- echo started & outer=$!
        until [ $(agents) -ge 4 ]; do :; done
        kill -HUP $(pgrep -o '^spinup$'); wait $outer; echo $?"""
    result = lab.exec(in_namespace(script), user="root", image="determinate", env=CONTRACT, down=DARK, timeout=20)
    assert result.stdout == "started\n0\n"


HANGING = """#!/bin/sh
[ "$1" = sleeper ] && { echo $$ >/tmp/sleeper; exec sleep 1000; }
"$0" sleeper &
wait
"""


@pytest.mark.parametrize("signal, said", [("SEGV", "were ended by signal 11"), ("STOP", "did not end in time")])
def test_a_crash_or_a_hang_of_ours(lab, spinup, signal, said):
    """The child that proves is hurt while a program that it started is running: all of it goes, the command comes."""
    files = {"/usr/local/bin/bazel": File(HANGING, 0o755), "/opt/expect.json": '{"toolchain": {"bazel": ">=1"}}'}
    script = f"""one spinup exec --deadline 1 --expect /opt/expect.json -- \\
            sh -c 'ps -e -o comm= | sort | tr "\\n" " "' & outer=$!
        until [ -s /tmp/sleeper ]; do :; done
        kill -{signal} $(pgrep -P $(pgrep -o '^spinup$') '^spinup$')
        wait $outer; echo status $?"""
    result = lab.exec(in_namespace(script), user="root", image="determinate", env=CONTRACT, files=files, timeout=20)
    assert result.stdout.endswith("status 0\n") and "sleep" not in result.stdout, result.stdout
    assert "spinup" not in result.stdout
    assert f"spinup: the proofs {said}" in result.stderr, result.stderr


# ---- credentials

NOSY = """#!/bin/sh
{ echo "own environment"; env
for process in /proc/[0-9]*; do
    echo "$process $(cat $process/comm)"; tr '\\0' '\\n' <$process/environ; grep -a jit-cred $process/mem
done; } >>/tmp/nosy 2>&1
echo 'bazel 7.4.1'
"""


def test_the_runners_credentials_are_the_commands_alone(lab, spinup):
    """No program that the proofs start has them, or finds them in /proc; nor has any file or output."""
    files = {"/usr/local/bin/bazel": File(NOSY, 0o755), "/opt/expect.json": '{"toolchain": {"bazel": ">=1"}}'}
    with lab.pod(image="determinate", daemon="determinate", files={**files, **runner()}) as pod:
        result = pod.exec(["spinup", "exec", "--expect", "/opt/expect.json", "--", f"{RUNNER}/run.sh"],
                          env={**CONTRACT, "ACTIONS_RUNNER_INPUT_JITCONFIG": JIT,
                               "ACTIONS_RUNNER_INPUT_TOKEN": "other-" + JIT})
        nosy = pod.read("/tmp/nosy")["/tmp/nosy"]
        texts = pod.read(*pod.visit(listing, "/tmp/spinup"), SETUP_INFO)
    found = variables(result.stdout)
    assert found["ACTIONS_RUNNER_INPUT_JITCONFIG"] == JIT and found["ACTIONS_RUNNER_INPUT_TOKEN"] == "other-" + JIT
    assert "own environment" in nosy and "LC_ALL=C" in nosy and " bazel\n" in nosy
    assert re.search(r"^/proc/\d+ spinup$", nosy, re.M) and "Permission denied" in nosy
    for text in (nosy, result.stderr, *texts.values()):
        assert JIT not in text


def test_as_root_the_proofs_do_not_show_them(lab, spinup):
    """root reads every process's environment: of all of ours, it is in the one alone that becomes the command."""
    files = {"/usr/local/bin/bazel": File(NOSY, 0o755), "/opt/expect.json": '{"toolchain": {"bazel": ">=1"}}'}
    with lab.pod(image="determinate", files=files) as pod:
        result = pod.exec(["spinup", "exec", "--expect", "/opt/expect.json", "--", "sh", "-c", "echo $$"], user="root",
                          env={**CONTRACT, "ACTIONS_RUNNER_INPUT_JITCONFIG": JIT})
        nosy = pod.read("/tmp/nosy")["/tmp/nosy"]
    found = re.findall(r"^/proc/(\d+) spinup\n((?:(?!/proc/).*\n)*)", nosy, re.M)
    assert len(found) >= 3 and [pid for pid, text in found if JIT in text] == [result.stdout.strip()]
