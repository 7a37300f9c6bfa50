# SPDX-License-Identifier: Zlib
"""A machine that lacks what a program counts on: every condition ends with a verdict or with a clear status 3, never
with a hang, a signal or half of a file. The pods of the lab have no core dumps (RLIMIT_CORE 0) in every test."""

import json
from dataclasses import dataclass, field
from functools import cache

import pytest
from places import SPINUP
from pod import PROFILE
from report import HANG_S, assert_harmless, validator
from runner_files import TEMP, RunnerFiles, parse
from visit import listing

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
MINE = f"{TEMP}/spinup"
SUDO = {"image": "nix", "daemon": "none", "sudo": True}  # a daemon is to be started
LEVELS = ["none", "seccomp", "seccomp+landlock"]
DENY = "/opt/lab/deny"
BECOME = ["setpriv", "--reuid=1002", "--regid=1002", "--clear-groups"]
HOME = {"HOME": "/home/trusted"}
NO_PROOF = "the proofs could not be started"
AS_IT_WAS = "is started with the environment as it was"

READY = (0, {})
NOT_STARTED = {"task-not-started": "error"}
UNREACHABLE = {"dns-unreachable": "warning", "dns-cluster-broken": "warning", "attic-dns-unreachable": "warning",
               "bazel-dns-broken": "warning"}
NO_ROOT = (3, "the root directory cannot be opened: No file descriptors available; raise the limit of open files")
NO_MEMORY = (3, "out of memory; raise the limit of memory (ulimit -v, ulimit -d, or the container's)")
READ_ONLY = (3, f"files for the next steps: {MINE} cannot be made: Read-only file system; mount a writable volume "
                "there (an emptyDir is enough)")


def full(what, number="No space left on device", cure="free space (df -h), or inodes (df -i), on its file system"):
    """The end of a run that cannot write one of its files."""
    return 3, f"{what} cannot be written: {number}; {cure}"


@dataclass
class Row:
    """A condition. run, doctor and hook are (status, {finding that is bad: severity} or the words of stderr)."""
    under: list = field(default_factory=list)   # what makes it so, before the command
    place: dict = field(default_factory=dict)   # of Lab.pod
    env: dict = field(default_factory=dict)
    run: tuple = READY
    doctor: tuple = None                        # as run
    hook: tuple = None                          # not asked
    exec: str = ""                              # what is said before the command starts; None: not asked
    sandbox: str = LEVELS[-1]                   # or less, where the kernel has no more
    words: list = field(default_factory=list)   # options of run, doctor and hook
    user: str = "trusted"


def deny(*calls, **more):
    """Some system calls fail."""
    return Row(under=[DENY, *calls, "--"], **more)


def limit(option, **more):
    """A limit of this process."""
    return Row(under=["prlimit", option], **more)


def shell(script, **more):
    """A shell changes something that stays."""
    return Row(under=["sh", "-c", f'{script} exec "$@"', "-"], **more)


def without(*things, under=(), **more):
    """Root takes something away and becomes the job's user."""
    return Row(under=["/opt/lab/without", *things, "--", *under, *BECOME], user="root", env=HOME, **more)


def at(seconds, **more):
    """The wall clock stands elsewhere."""
    return Row(under=["/opt/lab/clock", str(seconds), "--", *BECOME], user="root", env=HOME, **more)


SMALL = (SPINUP.stat().st_size if SPINUP.exists() else 0) + (700 << 10)
OVER_TLS = ["--attic", "https://nix-cache.tinyland.dev"]
HUGE = {f"HUGE_{number}": "x" * 120_000 for number in range(16)}
ROWS = {
    # ---- a kernel or pod without sandboxes: a lower level, never a failure
    "no Landlock": deny("landlock_create_ruleset=ENOSYS", sandbox="seccomp"),
    "Landlock switched off": deny("landlock_create_ruleset=EOPNOTSUPP", sandbox="seccomp"),
    "Landlock forbidden": deny("landlock_create_ruleset=EPERM", sandbox="seccomp"),
    "Landlock not to be entered": deny("landlock_restrict_self=EPERM", sandbox="seccomp"),
    "no seccomp(2)": deny("seccomp=ENOSYS"),
    "seccomp(2) forbidden": deny("seccomp=EPERM"),
    "no filter at all": deny("seccomp=EPERM", "prctl:0=22=EPERM", sandbox="none"),
    "no no_new_privs": deny("prctl:0=38=EPERM", sandbox="none"),
    "no prctl": deny("prctl=EPERM", sandbox="none"),
    "an old kernel": deny(*(f"{call}=ENOSYS" for call in (
        "openat2", "pidfd_open", "close_range", "statx", "faccessat2", "memfd_create", "getrandom", "clone3",
        "landlock_create_ruleset")), sandbox="seccomp"),
    # ---- limits
    "16 open files": limit("--nofile=16"),
    "8 open files": limit("--nofile=8"),
    "5 open files": limit("--nofile=5", doctor=(1, NOT_STARTED), sandbox="none", exec="raise the limit of open files",
                          run=(3, f"{MINE} is no directory that can be used: No file descriptors available; raise the "
                                  "limit of open files (ulimit -n)")),
    "3 open files": limit("--nofile=3", run=NO_ROOT, exec=f"{NO_ROOT[1]} (ulimit -n)"),
    "no more processes": limit("--nproc=0", run=(1, NOT_STARTED), hook=(0, NOT_STARTED), sandbox="none",
                               exec=f"{NO_PROOF}: Resource temporarily unavailable (the limit of processes: ulimit -u, or "
                                    f"the container's pids); spinup {AS_IT_WAS}"),
    "no pipes": deny("pipe2=EMFILE", run=(1, NOT_STARTED), sandbox="none"),
    "no memory": deny("mmap=ENOMEM", run=NO_MEMORY, exec=None),  # no command could live there
    "memory for little more than the program": limit(f"--as={SMALL}", run=NO_MEMORY, exec=NO_MEMORY[1]),
    "a small stack": limit("--stack=65536"),
    "no file may grow": limit("--fsize=0", doctor=READY, exec="bazelrc cannot be written: File too large",
                              run=full(f"files for the next steps: {MINE}/bazelrc", "File too large",
                                       "raise the limit of a file's size (ulimit -f)")),
    "no file may grow large": limit("--fsize=12288", doctor=READY,
                                    run=(3, "cannot be appended (no space left), nothing was written")),
    "SIGXFSZ ignored": Row(under=["env", "--ignore-signal=XFSZ", "prlimit", "--fsize=0"], doctor=READY,
                           run=(3, "File too large"), exec="bazelrc cannot be written: File too large"),
    # ---- files
    "no /proc": without("proc"),
    "a /proc that hides others": without("strangers"),
    "an empty /dev": without("dev"),
    "no random numbers": without("dev", under=[DENY, "getrandom=ENOSYS", "--"], run=(3, "no random numbers: getrandom"),
                                 doctor=(0, {"task-crashed": "warning"}), exec="no random numbers: getrandom"),
    "nothing may be written": without("writing", run=READ_ONLY, hook=READ_ONLY,
                                      doctor=(0, {"disk-read-only": "warning"}),
                                      exec="/tmp/spinup cannot be made: Read-only file system"),
    "a full disk": Row(place={"tmpfs": [f"{MINE}:0700:1002:1002:size=4k"]}, run=full(f"report: {MINE}/report.json"),
                       doctor=READY),
    "no inodes": Row(place={"tmpfs": [f"{MINE}:0700:1002:1002:nr_inodes=1"]}, doctor=READY,
                     run=full(f"files for the next steps: {MINE}/bazelrc")),
    "no working directory": without("directory"),
    "a working directory of nobody's": shell("mkdir /tmp/x; cd /tmp/x; chmod 0 /tmp/x;"),
    "no users": Row(place={"files": {"/etc/passwd": None, "/etc/group": None}}),
    "HOME names nothing": Row(env={"HOME": "/nonexistent"}),
    "HOME is another user's": Row(env={"HOME": "/root"}),  # Nix takes the passwd file's then
    "TMPDIR names nothing": Row(env={"TMPDIR": "/gone"},
                                exec="/gone cannot be opened: No such file or directory; RUNNER_TEMP must name a "
                                     "directory that this user may write to (for an entrypoint: TMPDIR)"),
    # ---- streams
    "no stdin": shell("exec <&-;"),
    "no stderr": shell("exec 2>&-;"),
    "stderr is full": shell("exec 2>/dev/full;"),
    "nobody reads stderr": shell("mkfifo /tmp/p; exec 3<>/tmp/p 2>/tmp/p 3>&-;"),
    # ---- the network
    "no network": without("network", run=(0, UNREACHABLE)),
    # ---- time
    "1970": at(0),
    "2099": at(4_070_908_800),
    "1970, a cache with a certificate": at(0, words=OVER_TLS, run=(0, {"attic-tls-not-yet-valid": "warning"})),
    "2099, a cache with a certificate": at(4_070_908_800, words=OVER_TLS, run=(0, {"attic-tls-expired": "warning"})),
    # ---- what a process inherits
    "every signal blocked": Row(under=["env", "--block-signal"]),
    "every signal ignored": Row(under=["env", "--ignore-signal"]),
    "children ignored, and a daemon to start": Row(under=["env", "--ignore-signal=CHLD"], place=SUDO, user="runner",
                                                   run=(0, {"lane-flavour-differs": "warning"}),
                                                   doctor=(1, {"nix-daemon-no-socket": "error",
                                                               "lane-flavour-differs": "warning"})),
    "a umask that forbids all": shell("umask 0777;"),
    "2 MB of environment": Row(env=HUGE),
    "process 1": Row(under=["unshare", "--pid", "--fork", "--mount-proc", *BECOME], user="root", env=HOME),
}
COMMANDS = {"doctor": ["doctor", "--json"], "exec": ["exec", "--", "spinup", "version"], "run": ["run", "--json"],
            "hook": ["hook", "started", "--json"]}


def wanted(row, command):
    """What a command must end with; None where it is not asked."""
    return row.run if command == "doctor" and row.doctor is None else getattr(row, command)


def measure(lab, row):
    """{command: its Result} in one pod, which changes from one to the next only as a job's would."""
    found = {}
    with lab.pod(**{"image": "determinate", "daemon": "determinate", **row.place}) as pod:
        for name, command in COMMANDS.items():
            if wanted(row, name) is None:
                continue
            step = RunnerFiles("runner" if row.user == "runner" else "trusted")
            pod.place(step.files())
            words = row.words if name != "exec" else []
            result = pod.exec([*row.under, "spinup", *command, *words], user=row.user, timeout=20,
                              env={**step.environment(pod.hostname), **CONTRACT, **row.env})
            result.files.update((name, pod.read(path)[path]) for name, path in step.paths.items())
            found[name] = result
    return found


@pytest.fixture(scope="module")
def measured(lab, spinup):
    """measure() of a row by its name; each is measured once."""
    assert spinup
    return cache(lambda name: measure(lab, ROWS[name]))


@pytest.fixture(scope="module")
def best(lab, spinup):
    """The sandbox that this kernel offers to those who lack nothing."""
    assert spinup
    return json.loads(measure(lab, Row())["doctor"].stdout)["sandbox"]


def assert_bounded(result):
    """In time, without a process that outlives it, and nothing that a runner would obey."""
    assert result.elapsed < HANG_S and not result.held_open
    assert_harmless(result)


def assert_fails(result, expected):
    """One sentence, said twice: to whoever reads the log, and as an annotation. Standard output is one document, or
    nothing."""
    status, said = expected
    assert result.rc == status, (result.rc, result.stderr)
    lines = [line for line in result.stderr.splitlines() if line.startswith("spinup: ")]
    assert lines and all(said in line for line in lines), result.stderr
    assert not result.stdout or json.loads(result.stdout)
    assert len(lines) == 1 or said == "no random numbers: getrandom"  # each process has to say that


def assert_verdict(result, expected, sandbox):
    """The whole report, and the outcome that goes with its worst finding."""
    status, bad = expected
    assert result.rc == status, (result.rc, result.stderr)
    report = json.loads(result.stdout)
    validator().validate(report)
    found = {finding["id"]: finding["severity"] for finding in reversed(report["findings"])
             if finding["severity"] in ("warning", "error")}
    assert found == bad
    assert report["outcome"] == ("failed" if "error" in bad.values() else "degraded" if bad else "ready")
    assert report["sandbox"] == sandbox


@pytest.mark.parametrize("name, command", [(name, command) for name, row in ROWS.items() for command in COMMANDS
                                           if command != "exec" and wanted(row, command)])
def test_a_verdict_or_a_clear_failure(measured, best, name, command):
    expected, result = wanted(ROWS[name], command), measured(name)[command]
    assert_bounded(result)
    if isinstance(expected[1], str):
        assert_fails(result, expected)
    else:
        assert_verdict(result, expected, min(best, ROWS[name].sandbox, key=LEVELS.index))
    written = dict(parse(result.files["GITHUB_ENV"]))
    assert bool(written) == (command != "doctor" and result.rc == 0)
    assert not written or written["SPINUP_REPORT_PATH"] == f"{MINE}/report.json"


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.exec is not None])
def test_the_command_always_runs(measured, name):
    """Whatever becomes of the proofs."""
    result = measured(name)["exec"]
    assert_bounded(result)
    assert result.rc == 0 and result.stdout.startswith("spinup "), result.stderr
    assert ROWS[name].exec in result.stderr
    assert bool(ROWS[name].exec) == (AS_IT_WAS in result.stderr), result.stderr


# ---- standard output

PRINTING = ["run", "doctor", "plan", "env", "probe", "probe dns", "contract", "contract validate", "contract attach",
            "explain", "explain nix-absent", "version", "help", "doctor --help"]
LOST = {"full": "exec >/dev/full;", "nobody reads it": "mkfifo /tmp/p; exec 3<>/tmp/p >/tmp/p 3>&-;"}


@pytest.mark.parametrize("words", PRINTING)
@pytest.mark.parametrize("how", LOST)
def test_a_product_that_is_lost_is_a_failure(lab, spinup, how, words):
    """A page of which the reader gets nothing is no success, though it is all there is to do."""
    assert spinup
    step = RunnerFiles("trusted")
    with lab.pod(image="determinate", daemon="determinate", files=step.files()) as pod:
        result = pod.exec([*shell(LOST[how]).under, "spinup", *words.split()], user="trusted", timeout=20,
                          env={**step.environment(pod.hostname), **CONTRACT})
        assert result.rc == 3 and "standard output c" in result.stderr, (result.rc, result.stderr)
        assert pod.read(step.paths["GITHUB_ENV"]) == {step.paths["GITHUB_ENV"]: ""}


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-"])
def test_closed_streams_without_dev_null(lab, spinup, closed):
    """Nothing of ours comes to stand where the caller's standard output was, and nothing is printed into it."""
    assert spinup
    step = RunnerFiles("trusted")
    with lab.pod(image="determinate", daemon="determinate", files=step.files()) as pod:
        under = [*without("dev").under, "sh", "-c", f'exec "$@" {closed}', "-", "spinup"]
        seen = [pod.exec([*under, *words], user="root", env={**step.environment(pod.hostname), **CONTRACT, **HOME})
                for words in (["run"], ["exec", "--", "sh", "-c", "readlink /proc/$$/fd/1 | cat >/tmp/seen"])]
        found = pod.read("/tmp/seen", step.paths["GITHUB_ENV"])
    assert [result.rc for result in seen] == [3, 0] and list(found.values()) == ["/\n", ""]
    assert closed != ">&-" or "standard output cannot be written: Bad file descriptor" in seen[0].stderr


# ---- what is inherited

def test_a_umask_takes_nothing_from_the_owner(lab, spinup):
    """It goes on to hold for others, and for the command."""
    assert spinup
    with lab.pod(image="determinate", daemon="determinate") as pod:
        script = "umask 0727; spinup doctor --report /tmp/r.json >/dev/null; exec spinup exec -- sh -c umask"
        result = pod.exec(["sh", "-c", script], user="trusted", env=CONTRACT).check()
        modes = {path: kind for path, (kind, *_) in pod.visit(listing, "/tmp").items()}
    assert result.stdout == "0727\n"
    assert modes == {"/tmp/r.json": "-rw-r-----", "/tmp/spinup": "drwx------", "/tmp/spinup/report.json": "-rw-------",
                     "/tmp/spinup/bazelrc": "-rw-------"}


@pytest.mark.parametrize("umask", ["0077", "0777"])
def test_root_with_a_narrow_umask_installs_for_all(lab, spinup, umask):
    """Every user's Nix lies below what is made here."""
    assert spinup
    sources = [lab.source("nix-2.26.3")]
    with lab.pod(image="thin", tmpfs=["/nix"], daemon="none", contract=lab.contract(install=sources)) as pod:
        under = shell(f"umask {umask};").under
        pod.exec([*under, "spinup", "install", "--label", "tinyland-nix"], user="root", env=CONTRACT).check()
        nix = [f"{PROFILE}/bin/nix", "--extra-experimental-features", "nix-command", "store", "info"]
        assert "Version: 2.26.3" in pod.exec(nix, user="runner", env={"NIX_REMOTE": "daemon"}).check().stderr


def test_no_argument_at_all(lab, spinup):
    """Not even a name: the environment, which lies behind the arguments, is not read as such."""
    assert spinup
    result = lab.exec(["/opt/lab/without", "arguments", "--", "/usr/local/bin/spinup"], user="root", image="bare")
    assert result.rc == 0 and result.stdout.startswith("spinup ") and "Usage: spinup COMMAND" in result.stdout


# ---- what a person names

GONE = "the working directory is gone; change to another one, or name the path from /"


@pytest.mark.parametrize("under, words, status, said", [
    (["/opt/lab/without", "directory", "--"], ["contract", "check", "."], 2, f"contract check .: {GONE}"),
    (["/opt/lab/without", "directory", "--"], ["contract", "check", "etc"], 2, f"contract check etc: {GONE}"),
    (["/opt/lab/without", "directory", "--"], ["plan", "--expect", "x"], 2, "--expect x: there is no such file"),
    (["/opt/lab/without", "directory", "--"], ["plan", "--contract", "x"], 2, "--contract x: the working directory is gone"),
    ([DENY, "openat2=ENOSYS", "--"], ["plan", "--root", "/"], 3, "--root /: this kernel does not offer openat2"),
    (["prlimit", "--nofile=4"], ["plan", "--contract", "/opt/lab/contract.json"], 3, "No file descriptors available"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_a_path_that_leads_nowhere(lab, spinup, under, words, status, said):
    """Never to the files of the root directory instead."""
    assert spinup
    result = lab.exec([*under, "spinup", *words], user="root", image="bare")
    assert (result.rc, result.stdout) == (status, "") and result.stderr.startswith("spinup: ") and said in result.stderr
    assert result.stderr.count("\n") == 1
