# SPDX-License-Identifier: Zlib
"""The command line, and the ways in which the ground under it can be missing."""

import json

import pytest
from report import CONTROLS, prove
from runner_files import TEMP, WORK, RunnerFiles
from visit import File, Folder, Link, listing

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
MINE = f"{TEMP}/spinup"
HEALTHY = {"image": "determinate", "daemon": "determinate"}

USAGE = {
    ("frob",): "frob: there is no such command; see `spinup help`",
    ("--json", "run"): "--json: there is no such command; see `spinup help`",
    ("\x1b[31m\n::error::x",): "::error::x: there is no such command; see `spinup help`",
    ("help", "frob"): "frob: there is no such command; see `spinup help`",
    ("run", "--frob"): "--frob: unknown here; see `spinup run --help`",
    ("version", "--mode", "warn"): "--mode: unknown here; see `spinup version --help`",
    ("run", "--frob\n::error::x"): "--frob ::error::x: unknown here; see `spinup run --help`",
    ("run", "--label"): "--label needs its LABEL",
    ("run", "extra"): "extra: one argument too many; see `spinup run --help`",
    ("run", "--mode", "x"): "--mode: 'x' is neither enforce nor warn",
    ("run", "--deadline", "0"): "--deadline: '0' is no number of seconds from 1 to 3600",
    ("run", "--deadline", "1e3"): "--deadline: '1e3' is no number of seconds from 1 to 3600",
    ("run", "--strict=x\n::error::" + 99 * "x"): "--strict: 'x ::error::" + 29 * "x" + "' is neither true nor false",
    ("run", "--skip", "x"): "--skip x: there is no such probe; `spinup probe` lists them",
    ("run", "--skip", "x\n::error::"): "--skip x ::error::: there is no such probe; `spinup probe` lists them",
    ("run", "--require", "x"): "--require x: nothing of that name can be promised (nix, kvm, gpu, docker, heavy, "
                               "attic, bazel, attic-push)",
    ("explain", "x"): "x: there is no such finding; `spinup explain` lists them",
    ("probe", "x"): "x: there is no such probe; `spinup probe` lists them",
    ("run", "--expect", "/"): "/: the expectations cannot be read: Is a directory",
    ("run", "--contract", "/etc/hostname"): "/etc/hostname:1:1: expected a value",
    ("run", "--contract", "/gone"): "--contract /gone: there is no such file",
}
COMMANDS = ("run", "doctor", "plan", "probe", "env", "contract", "explain", "version", "help")
BAD_CONTRACTS = {
    "{}": ": /: the key \"version\" is missing",
    '{"version": 2}': ": /version: ",
    '{"version": 1, "version": 1}': ": /version: this key occurs twice",
    '{"version": 1,\n "lanes": }': ":2:11: ",
}
PLANTED = {
    "a link of another user": ({MINE: Link("/tmp/evil", "runner")}, f"{MINE} is no directory that can be used"),
    "another user's directory": ({MINE: Folder(0o755, "runner")}, f"{MINE} belongs to user 1001 and this is user 1002"),
    "a file": ({MINE: File("x")}, f"{MINE} is no directory that can be used"),
    "a directory in the report's place": (
        {MINE: Folder(0o700, "trusted"), f"{MINE}/report.json": Folder()}, f"{MINE}/report.json cannot be written"),
    "a directory that may not be written to": ({TEMP: Folder(0o555)}, f"{MINE} cannot be made: Permission denied"),
}


def run(pod, *words, env=None, user="trusted", **more):
    """`spinup run` as a step."""
    return pod.exec(["spinup", "run", *words], user=user, env={**CONTRACT, **(env or {})}, timeout=20, **more)


@pytest.fixture(scope="module")
def bare(lab, spinup):
    """A pod for what looks at nothing."""
    assert spinup
    with lab.pod(image="bare", daemon="none") as pod:
        yield pod


@pytest.fixture
def healthy(lab, spinup):
    """A pod and the files of a step in it."""
    assert spinup
    with lab.pod(**HEALTHY) as pod:
        files = RunnerFiles("trusted")
        pod.place(files.files())
        yield pod, files


def assert_untouched(pod, files):
    """The next step gets nothing."""
    found = pod.read(files.paths["GITHUB_ENV"], files.paths["GITHUB_PATH"])
    assert set(found.values()) == {""}


@pytest.mark.parametrize("words", USAGE, ids=lambda words: " ".join(words).split("\n", maxsplit=1)[0].strip("\x1b"))
def test_wrong_usage_is_one_line(bare, words):
    result = bare.exec(["spinup", *words], env=CONTRACT)
    assert (result.rc, result.stdout, result.stderr) == (2, "", f"spinup: {USAGE[words]}\n")


def test_variables_are_named_in_their_own_right(bare):
    result = bare.exec(["spinup", "run"], env={**CONTRACT, "SPINUP_MODE": "x"})
    assert (result.rc, result.stderr) == (2, "spinup: SPINUP_MODE: 'x' is neither enforce nor warn\n")
    ignored = {"SPINUP_PORT": "tcp://10.0.0.1:80", "SPINUP_MODE": ""}  # of a Service link; unset
    assert bare.exec(["spinup", "plan"], env={**CONTRACT, **ignored}).rc == 0


@pytest.mark.parametrize("command", COMMANDS)
def test_help_is_a_page(bare, command):
    page = bare.exec(["spinup", command, "--help"]).check()
    assert page.stderr == "" and page.stdout.startswith(f"spinup {command} - ")
    assert f"Usage: spinup {command}" in page.stdout and max(map(len, page.stdout.splitlines())) <= 100
    assert page.stdout == bare.exec(["spinup", "help", command]).check().stdout


def test_versions(bare):
    versions = json.loads(bare.exec(["spinup", "version", "--json"]).check().stdout)
    assert {"spinup", "libcurl", "openssl"} <= set(versions)
    assert bare.exec(["spinup", "version"]).check().stdout.startswith(f"spinup {versions['spinup']}\n")


def test_contracts_are_validated(bare):
    good = bare.exec(["spinup", "contract", "validate"], env=CONTRACT).check()
    assert good.stdout.startswith("contract /opt/lab/contract.json: valid, version 1")
    assert json.loads(bare.exec(["spinup", "contract"]).check().stdout)["version"] == 1
    for text, words in BAD_CONTRACTS.items():
        bare.place({"/tmp/c.json": text})
        bad = bare.exec(["spinup", "contract", "validate", "--contract", "/tmp/c.json"])
        assert bad.rc == 2 and bad.stdout == "" and bad.stderr.startswith(f"spinup: /tmp/c.json{words}"), bad.stderr


def test_a_contract_is_named_from_where_a_person_stands(bare):
    bare.place({"/tmp/here/c.json": bare.read("/opt/lab/contract.json").popitem()[1]})
    good = bare.exec(["spinup", "contract", "validate", "--contract", "here/../here/c.json"], cwd="/tmp").check()
    assert good.stdout.startswith("contract here/../here/c.json: valid, version 1")
    missing = bare.exec(["spinup", "contract", "validate", "--contract", "gone.json"], cwd="/tmp")
    assert (missing.rc, missing.stderr) == (2, "spinup: --contract gone.json: there is no such file\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams(healthy, closed):
    """Nothing of ours lands in a file that got a stream's number."""
    pod, files = healthy
    result = pod.exec(["/bin/sh", "-c", f"exec spinup run {closed}"], user="trusted",
                      env={**files.environment(), **CONTRACT})
    assert result.rc == 0 and result.stderr == ""
    text = pod.read(files.paths["GITHUB_ENV"])[files.paths["GITHUB_ENV"]]
    assert text.startswith("ATTIC_SERVER=") and text.endswith("report.json\n")


def test_a_full_output_is_an_error_of_ours(healthy):
    pod, files = healthy
    result = pod.exec(["/bin/sh", "-c", "exec spinup run >/dev/full"], user="trusted",
                      env={**files.environment(), **CONTRACT})
    assert result.rc == 3 and "standard output cannot be written: No space left" in result.stderr
    assert_untouched(pod, files)


def test_a_reader_that_goes_away(healthy):
    pod, files = healthy
    result = pod.exec(["/bin/sh", "-c", "spinup doctor | head -n 1; echo end"], user="trusted",
                      env={**files.environment(), **CONTRACT})
    assert result.stdout.startswith("spinup ") and result.stdout.endswith("\nend\n")


def test_without_a_home(healthy):
    pod, files = healthy
    result = run(pod, env={**files.environment(), "HOME": None})
    assert result.rc == 0
    assert pod.read(files.paths["GITHUB_ENV"])[files.paths["GITHUB_ENV"]].startswith("ATTIC_SERVER=")


def test_a_user_without_a_name(lab, spinup):
    """An OpenShift-like pod: an arbitrary uid with no line in /etc/passwd, and a home that he has yet to make."""
    assert spinup
    with lab.pod(image="determinate", daemon="real") as pod:
        files = RunnerFiles("trusted")
        pod.place({**files.files(), TEMP: Folder(0o777),
                   **{path: File("", 0o666) for path in files.paths.values()}})
        result = run(pod, "--json", user="4242:4242", env={**files.environment(), "HOME": "/tmp/home"})
        assert result.rc == 0, result.stderr
        finding = next(f for f in json.loads(result.stdout)["findings"] if f["id"] == "nix-user-untrusted")
        assert finding["subject"] == "4242"


@pytest.mark.parametrize("name", PLANTED)
def test_what_stands_in_the_way_is_named(healthy, name):
    """Status 3, the file and the cure in one line; ENV and PATH stay as they were, nothing is followed."""
    pod, files = healthy
    place, words = PLANTED[name]
    pod.place(place)
    before = pod.visit(listing, "/tmp")
    result = run(pod, env=files.environment())
    assert result.rc == 3 and words in result.stderr and result.stderr.count("\n") == 1, result.stderr
    assert_untouched(pod, files)
    assert pod.visit(listing, "/tmp") == before


def test_our_own_directory_is_private(healthy):
    """One that is open to others is closed, and a link inside it is replaced, not followed."""
    pod, files = healthy
    pod.place({"/tmp/victim": File("precious", 0o666), MINE: Folder(0o777, "trusted"),
               f"{MINE}/bazelrc": Link("/tmp/victim", "runner"), f"{MINE}/report.json": Link("/tmp/victim", "runner")})
    assert run(pod, env=files.environment()).rc == 0
    found = pod.visit(listing, TEMP)
    assert found[MINE][:2] == ("drwx------", 1002)
    assert all(kind.startswith("-rw-------") for path, (kind, *_) in found.items() if path.startswith(f"{MINE}/"))
    assert pod.read("/tmp/victim") == {"/tmp/victim": "precious"}


def test_a_temp_that_is_gone(healthy):
    pod, files = healthy
    result = run(pod, env={**files.environment(), "RUNNER_TEMP": "/gone"})
    assert result.rc == 3 and "RUNNER_TEMP must name a directory" in result.stderr and result.stderr.count("\n") == 1
    assert_untouched(pod, files)


def test_a_temp_that_is_no_place(healthy):
    """A relative one would mean another directory to each step: /tmp is used."""
    pod, files = healthy
    assert run(pod, env={**files.environment(), "RUNNER_TEMP": "relative"}).rc == 0
    text = pod.read(files.paths["GITHUB_ENV"])[files.paths["GITHUB_ENV"]]
    assert "SPINUP_REPORT_PATH=/tmp/spinup/report.json" in text and "relative" not in text


@pytest.mark.parametrize("path, words", [
    ("/gone/env", "cannot be opened: No such file or directory"), ("/tmp", "cannot be opened: Is a directory"),
    ("/dev/null", "is no regular file"), ("relative", "cannot be opened"), (f"{WORK}/fifo", "is no regular file")])
def test_an_env_file_that_is_none(healthy, path, words):
    pod, files = healthy
    pod.exec(["mkfifo", f"{WORK}/fifo"], user="trusted").check()
    result = run(pod, env={**files.environment(), "GITHUB_ENV": path})
    assert result.rc == 3 and result.stderr.startswith(f"spinup: GITHUB_ENV: {path} {words}"), result.stderr


def test_a_full_disk_leaves_the_env_file_as_it_was(lab, spinup):
    """No half of a block: what was there stands, byte for byte."""
    assert spinup
    with lab.pod(**HEALTHY, tmpfs=["/full:0777:0:0:size=4k"]) as pod:
        files, before = RunnerFiles("trusted"), "A=1\n" * 1023
        pod.place({**files.files(), "/full/env": File(before, 0o666)})
        result = run(pod, env={**files.environment(), "GITHUB_ENV": "/full/env"})
        assert result.rc == 3 and "nothing was written" in result.stderr and "no space left" in result.stderr
        assert pod.read("/full/env") == {"/full/env": before}


@pytest.mark.parametrize("call", ["mkdirat", "renameat"])
def test_a_file_system_that_may_not_be_written_to(healthy, call):
    pod, files = healthy
    result = pod.exec(["/opt/lab/deny", f"{call}=EROFS", "--", "spinup", "run"], user="trusted",
                      env={**files.environment(), **CONTRACT})
    assert result.rc == 3 and "Read-only file system" in result.stderr and result.stderr.count("\n") == 1
    assert_untouched(pod, files)


def test_no_process_can_be_made(healthy):
    pod, files = healthy
    result = pod.exec(["/opt/lab/deny", "clone=EAGAIN", "clone3=EAGAIN", "fork=EAGAIN", "vfork=EAGAIN", "--", "spinup",
                       "run", "--json"], user="trusted", env={**files.environment(), **CONTRACT})
    assert result.rc == 1, result.stderr
    assert "task-not-started" in {finding["id"] for finding in json.loads(result.stdout)["findings"]}


def test_a_short_deadline_holds(lab, spinup):
    """Everything black-holed, one second: what is known is written."""
    assert spinup
    report = prove(lab, "--deadline", "1", dns="blackhole", daemon="mute",
                   env={"ATTIC_SERVER": "http://10.99.0.1", "BAZEL_REMOTE_CACHE": "grpc://10.99.0.1:9092"})
    assert report.result.elapsed < 1.5 and not report.result.held_open
    assert "task-timeout" in report.bad() and report.outcome == "failed"


@pytest.mark.parametrize("signal, status", [("TERM", 143), ("HUP", 129), ("KILL", 137)])
def test_an_end_in_the_middle_leaves_no_process(lab, spinup, signal, status):
    """Neither a child, nor half of a file."""
    assert spinup
    script = f"""spinup run & pid=$!
        until [ "$(pgrep -c spinup)" -ge 3 ]; do :; done
        kill -{signal} $pid; wait $pid; echo status=$?
        n=0; while pgrep spinup >/dev/null && [ $n -lt 300 ]; do n=$((n+1)); done
        pgrep spinup || echo none"""
    with lab.pod(**HEALTHY, down="attic=blackhole,bazel=blackhole") as pod:
        files = RunnerFiles("trusted")
        pod.place(files.files())
        result = pod.exec(["/bin/sh", "-c", script], user="trusted", env={**files.environment(), **CONTRACT},
                          timeout=10)
        assert f"status={status}\nnone\n" in result.stdout and not result.held_open and result.elapsed < 2
        assert_untouched(pod, files)


@pytest.mark.parametrize("env, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({}, False)])
def test_colour_is_for_terminals(healthy, env, coloured):
    pod, _ = healthy
    page = pod.exec(["spinup", "doctor"], user="trusted", tty=True, env={**CONTRACT, **env})
    assert ("\x1b[" in page.stdout) == coloured and page.rc == 0
    pipe = pod.exec(["spinup", "doctor"], user="trusted", env={**CONTRACT, **env})
    assert not CONTROLS.search(pipe.stdout) and pipe.stderr == ""


def test_the_terminal_page_fits(healthy):
    pod, _ = healthy
    page = pod.exec(["spinup", "doctor"], user="trusted", tty=True, env=CONTRACT)
    lines = page.stdout.replace("\r\n", "\n").splitlines()
    # what is copied whole is never broken: paths and keys
    paths = ("/nix/store/", "trusted-public-keys", "trusted_public_keys", "| cache.flakehub.com-3:")
    assert not [line for line in lines if len(line) > 100 and not any(path in line for path in paths)]
    assert lines[-1].startswith("READY")
