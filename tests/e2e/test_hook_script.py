# SPDX-License-Identifier: Zlib
"""actions/hook/job-started.sh under the shells that runner images have, with agents and next hooks of every kind."""

import pytest
from lab import CONTRACT
from places import REPOSITORY
from runner_files import RunnerFiles, parse
from test_hook import BUSYBOX, OURS, assert_gone, running
from visit import File, Folder, Link

HOOK = {"GITHUB_ACTION": None, "SPINUP_CONTRACT": CONTRACT}
SCRIPT = "/opt/hook/job-started.sh"
AGENT = "/usr/local/bin/spinup"
NEXT = "/opt/hook/next.sh"
SHELLS = {"dash": ["dash", "-e"], "bash": ["bash", "-e"], "busybox": ["/opt/busybox", "sh", "-e"]}
HERE = {SCRIPT: (REPOSITORY / "actions/hook/job-started.sh").read_text(), **BUSYBOX}


@pytest.fixture(params=SHELLS)
def shell(request):
    """How a runner calls a hook, by each shell."""
    return SHELLS[request.param]


def agent(body):
    """A stand-in for spinup: a script of root's."""
    return File(f"#!/bin/sh\n{body}\n", 0o755)


def script_in(lab, shell, *, files=None, env=None, user="runner", image="bare", **place):
    """The script as a runner's hook in a fresh pod."""
    with lab.pod(image=image, files={**HERE, **(files or {})}, **place) as pod:
        result = pod.exec([*shell, SCRIPT], user=user, runner=RunnerFiles(user), env={**HOOK, **(env or {})},
                          stdin="closed", timeout=20)
        assert not running(pod, b"spinup")
    assert not result.held_open
    return result


def test_it_runs_the_real_agent(lab, spinup, shell):
    """The job gets its environment, and the hook ends well."""
    result = script_in(lab, shell, image="determinate", user="trusted")
    assert result.rc == 0, result.stdout + result.stderr
    assert dict(parse(result.files["GITHUB_ENV"]))["SPINUP_LANE"] == "tinyland-nix"
    assert result.stderr == ""


@pytest.mark.parametrize("mode, rc", [(None, 0), ("warn", 0), ("enforce", 1)])
def test_a_broken_lane(lab, spinup, shell, mode, rc):
    """It fails the job only under enforce; the hook that was there before runs in both cases."""
    result = script_in(lab, shell, image="determinate", user="trusted", daemon="none",
                       files={NEXT: "echo next ran in $PWD\n"}, env={"SPINUP_MODE": mode, "SPINUP_NEXT_HOOK": NEXT})
    assert result.rc == rc
    assert "nix-daemon-no-socket" in result.stdout
    assert result.stdout.endswith("next ran in /home/runner/_work/app/app\n")


@pytest.mark.parametrize("status, mode, rc, said", [
    (0, None, 0, ""), (0, "enforce", 0, ""), (1, "enforce", 1, ""),
    (2, None, 0, ""), (3, None, 0, ""), (2, "enforce", 1, ""), (3, "enforce", 1, ""),
    (7, None, 0, "::warning title=spinup::spinup ended with status 7. The job goes on"),
    (7, "enforce", 1, "::error title=spinup::spinup ended with status 7."),
])
def test_what_becomes_of_the_agents_status(lab, shell, status, mode, rc, said):
    """A spinup that fails itself is no reason to stop a job that did not ask for a proof."""
    result = script_in(lab, shell, files={AGENT: agent(f"echo talk; exit {status}")}, env={"SPINUP_MODE": mode})
    assert result.rc == rc
    assert result.stdout.startswith("talk\n" + said)
    assert said or result.stdout == "talk\n"


def test_a_wrong_usage_is_said_in_an_annotation(lab, spinup, shell):
    """By spinup itself, whose sentence names the cure."""
    result = script_in(lab, shell, env={"SPINUP_DEADLINE": "soon"})
    assert result.rc == 0
    assert "::error title=spinup%3A usage::SPINUP_DEADLINE" in result.stdout


@pytest.mark.parametrize("mode, rc, level", [(None, 0, "warning"), ("enforce", 1, "error")])
def test_no_agent(lab, shell, mode, rc, level):
    """One clear line."""
    result = script_in(lab, shell, files={AGENT: None}, env={"SPINUP_MODE": mode})
    assert result.rc == rc
    assert len(result.stdout.splitlines()) == 1
    assert result.stdout.startswith(f"::{level} title=spinup::There is no spinup at {AGENT}")
    assert result.stderr == ""


EVIL = File("#!/bin/sh\necho evil\n", 0o755, "runner")
GOOD = agent('echo "good $0"')


@pytest.mark.parametrize("files, env, wanted", [
    ({AGENT: GOOD}, {}, AGENT),
    ({AGENT: None, "/opt/spinup/spinup": GOOD}, {}, "/opt/spinup/spinup"),
    ({AGENT: EVIL, "/opt/spinup/spinup": GOOD}, {}, "/opt/spinup/spinup"),
    ({AGENT: File("#!/bin/sh\necho evil\n", 0o757), "/opt/spinup/spinup": GOOD}, {}, "/opt/spinup/spinup"),
    ({AGENT: File("#!/bin/sh\necho evil\n", 0o775), "/opt/spinup/spinup": GOOD}, {}, "/opt/spinup/spinup"),
    ({AGENT: GOOD, "/usr/local/bin": Folder(0o777)}, {}, None),
    ({AGENT: GOOD, "/usr/local": Folder(0o755, "runner")}, {}, None),
    ({AGENT: Link("/home/runner/spinup"), "/home/runner/spinup": GOOD}, {}, None),
    ({AGENT: Link("/opt/agent/spinup"), "/opt/agent/spinup": GOOD}, {}, "/opt/agent/spinup"),
    ({AGENT: File("not a program", 0o644)}, {}, None),
    ({"/opt/x y/*/agent": GOOD}, {"SPINUP_AGENT": "/opt/x y/*/agent"}, "/opt/x y/*/agent"),
    ({AGENT: GOOD, "/home/runner/evil": EVIL}, {"SPINUP_AGENT": "/home/runner/evil"}, AGENT),
    ({AGENT: GOOD, "/tmp/evil": EVIL}, {"SPINUP_AGENT": "/tmp/evil"}, AGENT),
    ({AGENT: GOOD, "/tmp": Folder(0o1777), "/tmp/roots": GOOD}, {"SPINUP_AGENT": "/tmp/roots"}, "/tmp/roots"),
    ({AGENT: GOOD}, {"SPINUP_AGENT": "spinup"}, AGENT),
    ({AGENT: GOOD}, {"SPINUP_AGENT": "/none\n::error::x"}, AGENT),
])
def test_which_agent_is_trusted(lab, shell, files, env, wanted):
    """One that root alone can change, in a place that root alone can change."""
    result = script_in(lab, shell, files=files, env=env)
    assert result.rc == 0
    assert "evil" not in result.stdout.replace("/home/runner/evil", "")
    assert (f"good {wanted}\n" in result.stdout) if wanted else "There is no spinup" in result.stdout
    assert ("SPINUP_AGENT is not used" in result.stdout) == (env.get("SPINUP_AGENT", wanted) != wanted)
    assert "::error::" not in result.stdout


def test_root_trusts_what_is_roots(lab, shell):
    """To root everything is writable: owner and mode decide."""
    assert "good" in script_in(lab, shell, user="root", files={AGENT: GOOD}).stdout
    assert "evil" not in script_in(lab, shell, user="root", files={AGENT: EVIL}).stdout
    assert "good" not in script_in(lab, shell, user="root", files={AGENT: GOOD, "/usr/local/bin": Folder(0o777)}).stdout


# ---- the next hook

@pytest.mark.parametrize("first", [0, 1, 3, 9])
@pytest.mark.parametrize("second", [0, 1, 42])
def test_the_next_hooks_status_counts(lab, shell, first, second):
    """Whatever spinup found; a shell hook stops at its first error, as the runner calls it."""
    mode = "warn" if first != 1 else "enforce"
    result = script_in(lab, shell, files={AGENT: agent(f"exit {first}"),
                                          NEXT: f"echo next\n(exit {second})\necho end\n"},
                       env={"SPINUP_NEXT_HOOK": NEXT, "SPINUP_MODE": mode})
    assert result.rc == (1 if first == 1 else second)
    assert result.stdout.endswith("next\nend\n" if second == 0 else "next\n")


def test_the_next_hook_runs_without_an_agent(lab, shell):
    """Installing the script first must not take the other hook away."""
    result = script_in(lab, shell, files={AGENT: None, NEXT: "echo next\n"}, env={"SPINUP_NEXT_HOOK": NEXT})
    assert (result.rc, result.stdout.splitlines()[1]) == (0, "next")


def test_a_hook_that_names_itself_ends(lab, shell):
    """No endless chain."""
    result = script_in(lab, shell, files={AGENT: agent("echo once")}, env={"SPINUP_NEXT_HOOK": SCRIPT})
    assert (result.rc, result.stdout) == (0, "once\nonce\n")


PRINTS = agent('echo "$(basename "$0") $*"')


@pytest.mark.parametrize("name, files, said", [
    ("/opt/hook/next.js", {"/home/runner/externals/node20/bin/node": PRINTS, "/usr/bin/node": agent("echo no")},
     "node /opt/hook/next.js"),
    ("/opt/hook/next.js", {"/usr/bin/node": PRINTS}, "node /opt/hook/next.js"),
    ("/opt/hook/next.ps1", {"/usr/bin/pwsh": PRINTS}, "pwsh -File /opt/hook/next.ps1"),
    ("/opt/hook/a b;$(x).sh", {}, "plain"),
])
def test_each_kind_of_next_hook(lab, shell, name, files, said):
    """By its ending, as the runner does; the bundled node before the image's."""
    result = script_in(lab, shell, files={AGENT: agent(":"), name: "echo plain\n", **files},
                       env={"SPINUP_NEXT_HOOK": name})
    assert (result.rc, result.stdout, result.stderr) == (0, f"{said}\n", "")


@pytest.mark.parametrize("name, why", [
    ("hook/next.sh", "absolute path"), ("/none/next.sh", "no file"), ("/opt/hook", "no file"),
    ("/opt/hook/next", "ends neither"), ("/opt/hook/next.js", "no node"), ("/opt/hook/next.ps1", "no pwsh"),
])
def test_a_next_hook_that_cannot_run_fails_the_job(lab, shell, name, why):
    """As the runner treats its own."""
    files = {name: ""} if name.startswith("/opt/hook/") else {}
    result = script_in(lab, shell, files={AGENT: agent(":"), **files}, env={"SPINUP_NEXT_HOOK": name})
    assert result.rc == 1
    assert result.stdout.startswith("::error title=spinup::The hook that SPINUP_NEXT_HOOK names was not run")
    assert why in result.stdout and len(result.stdout.splitlines()) == 1


# ---- signals and time

def cancelled(lab, shell, number, *, sign="7777[7]", files=None, env=None, **place):
    """The script as the runner cancels it: the signal goes to the shell alone, once a command line has the sign."""
    with lab.pod(files={**HERE, **(files or {})}, **{"image": "bare", **place}) as pod:
        script = f"set -m; {' '.join(shell)} {SCRIPT} & until grep -qsz '{sign}' /proc/[0-9]*/cmdline; do :; done; " \
                 f"kill -{number} $!; wait $!; echo ended $?"
        result = pod.exec(["bash", "-c", script], user="trusted", runner=RunnerFiles("trusted"), timeout=10,
                          env={**HOOK, **(env or {})})
        assert_gone(pod, b"sleep")
        assert_gone(pod, b"spinup")
    return result


SLEEPS = "exec sleep 77777"


@pytest.mark.parametrize("name, status", [("INT", 130), ("TERM", 143)])
def test_a_cancelled_job_takes_the_agent_with_it(lab, shell, name, status):
    """And the next hook is not begun."""
    result = cancelled(lab, shell, name, files={AGENT: agent(SLEEPS), NEXT: "echo next\n"},
                       env={"SPINUP_NEXT_HOOK": NEXT})
    assert result.stdout == f"ended {status}\n"


@pytest.mark.parametrize("name", ["INT", "TERM"])
@pytest.mark.parametrize("first", [0, 1])
def test_a_cancelled_job_takes_the_next_hook_with_it(lab, shell, name, first):
    """Also where it runs behind a broken lane."""
    result = cancelled(lab, shell, name, files={AGENT: agent(f"exit {first}"), NEXT: f"{SLEEPS}\n"},
                       env={"SPINUP_NEXT_HOOK": NEXT})
    assert result.stdout.startswith("ended 1")


def test_a_cancelled_proof_has_written_nothing(lab, spinup, shell):
    """The real agent in the middle of its proofs: the runner's files are as they were."""
    result = cancelled(lab, shell, "INT", sign="starte[d]$", image="determinate",
                       down="attic=blackhole,bazel=blackhole")
    assert result.stdout == "ended 130\n"
    assert not any(result.files[name] for name in OURS)


# busybox has a timeout of its own in its shell, which is no use: it leaves a process behind.
@pytest.mark.parametrize("shell", ["dash", "bash"], indirect=True)
def test_an_agent_that_hangs_is_stopped(lab, shell):
    """Where the image has the timeout of coreutils; here one whose minutes are short."""
    quick = agent('[ "$1" != --version ] || exit 0\nexec /usr/bin/timeout -k 1 0.1 "$4" "$5" "$6"')
    result = script_in(lab, shell, files={AGENT: agent("exec sleep 77777"), "/usr/local/bin/timeout": quick})
    assert result.rc == 0
    assert "::warning title=spinup::spinup did not end within 70 s" in result.stdout


@pytest.mark.parametrize("shell", ["dash", "bash"], indirect=True)
def test_the_time_limit_follows_the_deadline(lab, shell):
    """A proof that may take long is not cut off; what is no number is spinup's to refuse."""
    for deadline, wanted in (("100", "160"), ("3600", "3660"), ("soon", "70"), (None, "70")):
        shows = agent('[ "$1" != --version ] || exit 0\necho "$*"')
        result = script_in(lab, shell, files={"/usr/local/bin/timeout": shows}, env={"SPINUP_DEADLINE": deadline})
        assert result.stdout == f"-k 5 {wanted} {AGENT} hook started\n"
