# SPDX-License-Identifier: Zlib
"""What each surface leaves in the runner's files, read back with the runner's own grammar: whatever stood in a file
before, and whatever the job's own values are."""

import codecs
import sys
from pathlib import Path

import pytest
from lab import CONTRACT
from pod import PATH
from runner_files import TEMP, WORKSPACE, RunnerFiles
from test_file_commands_oracle import TABLE
from visit import File, Folder

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

import file_commands  # noqa: E402  pylint: disable=wrong-import-position,import-error

SURFACES = {"step": (["spinup", "run"], {}), "hook": (["spinup", "hook", "started"], {"GITHUB_ACTION": None})}
PROFILE_BIN = "/nix/var/nix/profiles/default/bin"
OURS = {"ATTIC_SERVER", "ATTIC_CACHE", "ATTIC_PUBLIC_KEY", "BAZEL_REMOTE_CACHE", "SPINUP_BAZELRC_PATH", "NIX_CONFIG",
        "NIX_SSL_CERT_FILE", "NIX_PROFILES", "NIX_REMOTE", "SPINUP_LANE", "SPINUP_REPORT_PATH", "NETRC"}
# What no table has, and another tool of the same step may have left behind.
MORE = {
    "a byte order mark alone": codecs.BOM_UTF8,
    "a heredoc whose end has no line end": b"A<<EOF\nx\nEOF",
    "a value that looks like ours": b"NIX_CONFIG<<spinup_0\nfallback = false\nspinup_0\n",
    "an earlier value of ours": b"ATTIC_SERVER=http://old\nSPINUP_LANE=other\n",
    "NODE_OPTIONS": b"NODE_OPTIONS=x\nA=1",
    "an empty name": b"=v\n",
    "an empty name, then more": b"A=1\n=v\nB=2\n",
    "UTF-16, big end first": b"\xfe\xff\0A\0=\0001",
    "UTF-32": codecs.BOM_UTF32_LE + "A=1\n".encode("utf-32-le"),
    "a NUL": b"A=\0\n",
    "U+2028": "A=x\u2028B=y\n".encode(),
    "a long line": b"A=" + b"x" * 200_000,
    "a lone CR at the end": b"A=1\r",
    "a blank line at the end": b"A=1\n\n",
}
BEFORE = {**{f"row {row[0]}": row[1] for row in TABLE}, **MORE}
WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)


@pytest.fixture(params=SURFACES)
def surface(request):
    """The command of a surface, and what its environment has or lacks."""
    return request.param


def job(pod, surface, *, env=None, contents=None, user="trusted", runner=None, **place):
    """One run on a surface; Result.raw has the files' bytes."""
    words, world = SURFACES[surface]
    runner = runner or RunnerFiles(user, contents)
    env = {"SPINUP_CONTRACT": CONTRACT, **world, **(env or {})}
    result = pod.exec(words, user=user, runner=runner, env=env, **place)
    result.raw = {name: (text or "").encode("utf-8", "surrogateescape") for name, text in result.files.items()}
    return result


@pytest.fixture(scope="module", name="pod")
def one_pod(lab):
    """A healthy lane's pod for every run that changes nothing in it but its own files."""
    with lab.pod(image="determinate") as pod:
        yield pod


@pytest.fixture(scope="module", name="fresh")
def from_an_empty_file(pod, spinup):
    """{surface: {variable: pairs}} that a run leaves in files that were empty."""
    found = {}
    for surface in SURFACES:
        result = job(pod, surface)
        assert result.rc == 0, result.stdout
        found[surface] = {"GITHUB_ENV": file_commands.env_of(result.raw["GITHUB_ENV"]).pairs,
                          "GITHUB_OUTPUT": file_commands.output_of(result.raw["GITHUB_OUTPUT"]).pairs}
    return found


def assert_appended(before, after, wanted, read):
    """What was there is read as before, and ours behind it, by the runner; by act too, where it could read before."""
    was, is_ = read(before), read(after)
    assert is_.error is None and is_.issues == was.issues
    assert is_.pairs == was.pairs + wanted
    assert after.startswith(before)
    try:
        expected = {**file_commands.act_pairs(before), **dict(wanted)}
    except file_commands.Broken:
        return
    assert file_commands.act_pairs(after) == expected


@pytest.mark.parametrize("name", BEFORE)
def test_what_stood_in_github_env(pod, fresh, surface, name):
    """A whole file gets our lines behind its own; a broken one stays as it is, byte for byte, and is named."""
    before = BEFORE[name]
    result = job(pod, surface, contents={"GITHUB_ENV": before})
    after = result.raw["GITHUB_ENV"]
    if file_commands.env_of(before).error is None and not before.startswith(WIDE):
        assert result.rc == 0, result.stderr
        assert_appended(before, after, fresh[surface]["GITHUB_ENV"], file_commands.env_of)
        return
    assert result.rc == 3
    assert after == before
    assert "GITHUB_ENV: " in result.stderr and "was broken before spinup came to it" in result.stderr
    found = [command for command in file_commands.commands(result.stdout) if command.name == "error"]
    assert len(found) == 1 and "GITHUB_ENV" in found[0].data


@pytest.mark.parametrize("name", BEFORE)
def test_what_stood_in_github_output(pod, fresh, name):
    """The same for a step's outputs; where they cannot be written the job gets no half of the rest."""
    before = BEFORE[name]
    result = job(pod, "step", contents={"GITHUB_OUTPUT": before})
    if file_commands.output_of(before).error is None and not before.startswith(WIDE):
        assert result.rc == 0, result.stderr
        assert_appended(before, result.raw["GITHUB_OUTPUT"], fresh["step"]["GITHUB_OUTPUT"], file_commands.output_of)
        return
    assert result.rc == 3
    assert result.raw["GITHUB_OUTPUT"] == before
    assert result.raw["GITHUB_ENV"] == result.raw["GITHUB_PATH"] == b""


@pytest.mark.parametrize("before, was", [
    (b"", []), (b"/a\n/b\n", ["/b", "/a"]), (b"/a", ["/a"]), (b"/a\r\n", ["/a"]), (b"/a\r", ["/a"]),
    (codecs.BOM_UTF8 + b"/a\n", ["/a"]), (f"{PROFILE_BIN}\n/a".encode(), ["/a"]),
])
def test_what_stood_in_github_path(pod, surface, before, was, tmp_path):
    """A step puts its entries before all others; a hook leaves the file alone."""
    result = job(pod, surface, contents={"GITHUB_PATH": before})
    assert result.rc == 0
    if surface == "hook":
        assert result.raw["GITHUB_PATH"] == before
        return
    path = tmp_path / "path"
    path.write_bytes(result.raw["GITHUB_PATH"])
    assert file_commands.read_path(path) == [PROFILE_BIN, "/home/trusted/.nix-profile/bin", *was]


@pytest.mark.parametrize("before", [b"", b"# Theirs", b"# Theirs\n", b"\xff\n", b"<details>"])
def test_what_stood_in_the_summary(pod, surface, before, tmp_path):
    """Ours begins a line of its own, and all together is what the runner takes."""
    result = job(pod, surface, contents={"GITHUB_STEP_SUMMARY": before})
    after = result.raw["GITHUB_STEP_SUMMARY"]
    assert result.rc == 0 and after.startswith(before)
    assert before in (b"", after[:len(before)]) and after[len(before.rstrip(b"\n")):][:1] in (b"\n", b"#")
    path = tmp_path / "summary"
    path.write_bytes(after)
    assert "tinyland-nix" in file_commands.read_summary(path)


# ---- values

NIX_CONFIGS = {
    "lines that look like delimiters": "access-tokens =\nEOF\nspinup_00000000000000000000000000000000\n<<EOF\nA<<B\n=",
    "what a shell would run": "# $(touch /tmp/pwned) `touch /tmp/pwned` ${HOME} 'x' \"y\" \\",
    "commands of the runner": "# x\n::set-env name=EVIL::1\n##[set-env name=EVIL]1\n::stop-commands::x",
    "a lone CR": "# a\rEVIL=1",
    "CRLF": "# a\r\n# b\r\n",
    "empty lines at the start": "\n\n# a",
    "empty lines at the end": "# a\n\n\n",
    "only an empty line": "\n",
    "blanks": " # a ",
    "one line": "# a=b<<c",
    "Unicode's line ends": "# a\u2028EVIL=1\u0085EVIL=2",
    "invalid UTF-8": b"# \xff\xfe\n# b".decode("utf-8", "surrogateescape"),
    "a byte order mark": "\ufeff# a\n# b",
    "30 kB": "# " + "x" * 30_000,
    "100 kB": "# " + "x" * 100_000,
    "a marker of ours": "# spinup end\nfallback = false\n# spinup begin\n",
}


def assert_only_ours(result, tmp_path):
    """Every file is read to its end, holds names of ours alone, and nothing in the log is a command of others."""
    env = file_commands.env_of(result.raw["GITHUB_ENV"])
    assert env.error is None and not env.issues
    assert {name for name, _ in env.pairs} <= OURS
    assert len(env.values) == len(env.pairs), "a name is there twice"
    assert set(file_commands.act_pairs(result.raw["GITHUB_ENV"])) == set(env.values)
    assert file_commands.output_of(result.raw["GITHUB_OUTPUT"]).error is None
    for name in ("GITHUB_PATH", "GITHUB_STEP_SUMMARY"):
        (tmp_path / name).write_bytes(result.raw[name])
    assert all(entry.startswith("/") and ":" not in entry for entry in file_commands.read_path(tmp_path / "GITHUB_PATH"))
    assert file_commands.read_summary(tmp_path / "GITHUB_STEP_SUMMARY")
    assert {command.name for command in file_commands.commands(result.stdout + "\n" + result.stderr)} <= \
        {"error", "warning", "add-mask"}
    return env.values


@pytest.mark.parametrize("name", NIX_CONFIGS)
def test_the_jobs_own_nix_config(pod, surface, name, tmp_path):
    """It arrives in the next step as it was, or it is left as it is and said. Carriage returns, which are white
    space to Nix and break GITHUB_ENV, become other white space."""
    own_text = NIX_CONFIGS[name]
    result = job(pod, surface, env={"NIX_CONFIG": own_text.encode("utf-8", "surrogateescape")
                                    if name == "invalid UTF-8" else own_text})
    assert result.rc in (0, 1), result.stderr
    values = assert_only_ours(result, tmp_path)
    found = values.get("NIX_CONFIG")
    if found is None:
        assert "NIX_CONFIG" in result.stdout
        return
    kept = own_text if name != "invalid UTF-8" else "# \ufffd\ufffd\n# b"
    kept = kept.replace("\r\n", "\n").replace("\r", " ").strip("\n")
    assert name == "a marker of ours" or kept in found
    assert "EVIL" not in values


PLACES = {"blanks": "a b", "quotes": "a'b\"c$(x)", "a heredoc": "a<<EOF", "an equals sign": "A=b", "a colon": "a:b",
          "a command": "::error::x", "a line end": "a\nEVIL=1", "a CR": "a\rEVIL=1", "200 bytes": "x" * 200,
          "Unicode": "ünï\u2028x"}


@pytest.mark.parametrize("variable", ["HOME", "RUNNER_TEMP"])
@pytest.mark.parametrize("name", PLACES)
def test_a_place_with_a_hostile_name(lab, spinup, surface, variable, name, tmp_path):
    """Where a path stands in a value it is whole, or the value is left out."""
    place = f"/home/trusted/{PLACES[name]}"
    with lab.pod(image="determinate", files={place: Folder(0o755, "trusted")}) as pod:
        result = job(pod, surface, env={variable: place})
    assert result.rc == 0, result.stderr
    values = assert_only_ours(result, tmp_path)
    path = values.get("SPINUP_REPORT_PATH")
    if variable == "RUNNER_TEMP" and path is not None:
        assert path == f"{place}/spinup/report.json"
    if variable == "RUNNER_TEMP" and path is None:
        assert "SPINUP_REPORT_PATH" in result.stdout and any(character in place for character in "\r\n")


VARIABLES = ["SPINUP_LABEL", "RUNNER_NAME", "SPINUP_SCALE_SET", "ATTIC_SERVER", "ATTIC_CACHE", "ATTIC_PUBLIC_KEY",
             "BAZEL_REMOTE_CACHE", "NIX_SSL_CERT_FILE", "USER", "GITHUB_WORKSPACE", "PATH", "SPINUP_REPORT_PATH"]
VALUES = ["x\nEVIL=1", "x\rEVIL=1", "::set-env name=EVIL::1", "##[set-env name=EVIL]1", "a<<EOF\nb\nEOF\nEVIL=1",
          "http://a\n::add-mask::b", "x" * 100_000, "\u2028EVIL=1", "`$(x)`|<b>"]


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:24])
def test_a_hostile_variable(pod, spinup, surface, variable, value, tmp_path):
    """Whatever a pod or a workflow puts into a variable: no line of it becomes one of the runner's."""
    env = {variable: f"{PATH}:{value}" if variable == "PATH" else value}
    result = job(pod, surface, env=env, cwd=WORKSPACE)
    assert result.rc in (0, 1), result.stderr
    if result.rc == 1:
        assert result.raw["GITHUB_ENV"] == b""
    values = assert_only_ours(result, tmp_path)
    assert not any("EVIL" in name for name in values)
    assert file_commands.env_of(result.raw["GITHUB_ENV"]).error is None


@pytest.mark.parametrize("fault", ["json-hostile", "key-garbage", "captive", "long-header", "bad-gzip"])
def test_a_hostile_server(lab, spinup, surface, fault, tmp_path):
    """Nothing that a server says reaches a file of the runner but through a grammar."""
    with lab.pod(image="determinate", down={"attic": fault, "bazel": "grpc-hostile"}) as pod:
        result = job(pod, surface)
    assert result.rc == 0
    values = assert_only_ours(result, tmp_path)
    assert values.get("BAZEL_REMOTE_CACHE", "") == ""


# ---- files that cannot be written to

@pytest.mark.parametrize("kind", ["missing", "folder", "read-only", "full"])
def test_a_file_that_cannot_be_written(lab, spinup, surface, kind):
    """One sentence with the name, and nothing half-written."""
    runner = RunnerFiles("trusted")
    tmpfs = [f"{TEMP}/_runner_file_commands:0755:1002:1002:size=4k"] if kind == "full" else []
    with lab.pod(image="determinate", tmpfs=tmpfs) as pod:
        pod.place(runner.files() if kind != "full" else
                  {path: file for path, file in runner.files().items() if "_runner_file_commands/" not in path})
        path = runner.paths["GITHUB_ENV"]
        pod.place({"missing": {path: None}, "folder": {path: None, f"{path}/x": ""},
                   "read-only": {path: File("A=1\n", 0o444, "root")},
                   "full": {file: File("", 0o644, "trusted") for file in runner.paths.values()}}[kind])
        words, world = SURFACES[surface]
        if kind == "full":
            pod.place({runner.paths["GITHUB_STATE"]: File("x" * 3900, 0o644, "trusted")})
        env = {**runner.environment(pod.hostname), **world, "SPINUP_CONTRACT": CONTRACT}
        result = pod.exec(words, user="trusted", env=env, cwd=WORKSPACE, collect=[path])
        assert result.rc == 3
        assert result.files[path] in (None, "", "A=1\n")
        assert "GITHUB_" in result.stderr and len(result.stderr.splitlines()) == 1
