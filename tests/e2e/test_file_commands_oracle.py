# SPDX-License-Identifier: Zlib
"""The oracle itself, against the conformance table."""

import codecs
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "oracle"))

import file_commands  # noqa: E402  pylint: disable=wrong-import-position,import-error
from file_commands import Broken  # noqa: E402  pylint: disable=wrong-import-position,import-error

NOT_FOUND = "Matching delimiter not found"
NO_NEWLINE = "EOF marker missing new line"
INVALID = "Invalid format"
EMPTY = "Name must not be empty and delimiter must not be empty"
LOST = "error"  # what act says is not compared, only that all pairs are lost

# row, input, the runner's pairs, its error, act's pairs (None: as the runner's; LOST: an error)
TABLE = [
    ("1", b"", [], None, None),
    ("2", b"MY_ENV=MY VALUE", [("MY_ENV", "MY VALUE")], None, None),
    ("3", b"\nA=my value\n\nB=2\n", [("A", "my value"), ("B", "2")], None, LOST),
    ("4", b"A=", [("A", "")], None, None),
    ("5", b"A=1\nB=\nC=3\n", [("A", "1"), ("B", ""), ("C", "3")], None, None),
    ("6", b"A==abc\nB=def=ghi\nC=jkl=\n", [("A", "=abc"), ("B", "def=ghi"), ("C", "jkl=")], None, None),
    ("8", b"A<<EOF\nline one\nline two\nline three\nEOF", [("A", "line one\nline two\nline three")], None, None),
    ("9", b"A<<EOF\nEOF", [("A", "")], None, None),
    ("10", b"\nA<<EOF\nx\nEOF\n\nB<<EOF\ny\nEOF\n", [("A", "x"), ("B", "y")], None, LOST),
    ("11", b"A<<=EOF\nhello\none\n=EOF", [("A", "hello\none")], None, None),
    ("12", b"A<<<EOF\nhello\ntwo\n<EOF", [("A", "hello\ntwo")], None, None),
    ("13", b"A<<EOF\nhello\n\nthree\n\nEOF", [("A", "hello\n\nthree\n")], None, None),
    ("14", b"A<<EOF\nhello=four\nEOF", [("A", "hello=four")], None, None),
    ("15", b"A<<EOF\n EOF\nEOF", [("A", " EOF")], None, None),
    ("16", b"A<<EOF line one line two EOF", [], NOT_FOUND, LOST),
    ("17", b"A<<EOF line one\nline two\nline three EOF", [], NO_NEWLINE, LOST),
    ("19", codecs.BOM_UTF8 + b"A=1", [("A", "1")], None, None),
    ("20", codecs.BOM_UTF16_LE + "A=1".encode("utf-16-le"), [("A", "1")], None, {"\udcff\udcfeA\0": "\x001\0"}),
    ("20b", codecs.BOM_UTF32_BE + "A=1".encode("utf-32-be"), [("A", "1")], None, {"\0\0\udcfe\udcff\0\0\0A\0\0\0": "\0\0\0001"}),
    ("21", b"A=1\nbad\nB=2", [("A", "1")], f"{INVALID} 'bad'", LOST),
    ("23a", b"A", [], f"{INVALID} 'A'", LOST),
    ("23b", b" ", [], f"{INVALID} ' '", LOST),
    ("23c", b"A=1\n\r\n", [("A", "1")], f"{INVALID} '\r'", LOST),
    ("24a", b"<<EOF\nx\nEOF\n", [], EMPTY, {"": "x"}),
    ("24b", b"A<<\nx\n\n", [], EMPTY, {"A": "x"}),
    ("25", b"A=b<<EOF", [("A", "b<<EOF")], None, None),
    ("26", b"A << EOF\nx\n EOF", [("A ", "x")], None, None),
    ("27", b'A<<"EOF"\nx\n"EOF"', [("A", "x")], None, None),
    ("28", b"A=1\r\nB=2\r\n", [("A", "1\r"), ("B", "2\r")], None, {"A": "1", "B": "2"}),
    ("29", b"A<<EOF\r\nx\r\nEOF\r\n", [("A", "x\r")], None, {"A": "x"}),
    ("30", b"A<<EOF\nx\r\ny\nEOF", [("A", "x\r\ny")], None, {"A": "x\ny"}),
    ("31", b"A=1\rB=2\n", [("A", "1\rB=2")], None, None),
    ("32", b"A<<EOF\n\nEOF", [("A", "")], None, None),
    ("33", b"A<<EOF\n\nx\n\nEOF", [("A", "\nx\n")], None, {"A": "x\n"}),
    ("34", b"A<<EOF\nx\nEOF", [("A", "x")], None, None),
    ("35a", b"A<<EOF", [], NOT_FOUND, LOST),
    ("35b", b"A<<EOF\nx\n", [], NOT_FOUND, LOST),
    ("36", b"A=\xff", [("A", "\ufffd")], None, {"A": "\udcff"}),
    ("37", b"A=1\nA=2", [("A", "1"), ("A", "2")], None, None),
    ("38", b"A=1\n" + codecs.BOM_UTF8 + b"B=2", [("A", "1"), ("\ufeffB", "2")], None, None),
]  # fmt: skip


@pytest.mark.parametrize("read", [file_commands.env_of, file_commands.output_of, file_commands.state_of])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_runner(read, row):
    """The three files have one grammar."""
    _, data, wanted, error, _ = row
    result = read(data)
    assert result.pairs == wanted
    assert (result.error is None) == (error is None)
    assert error is None or error in result.error
    assert not result.issues


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_act(row):
    """act differs where the table says so."""
    _, data, wanted, error, act = row
    if act == LOST:
        with pytest.raises(Broken):
            file_commands.act_pairs(data)
        return
    assert error is None or act is not None
    assert file_commands.act_pairs(data) == (dict(wanted) if act is None else act)


@pytest.mark.parametrize("data", [b"NODE_OPTIONS=x\nA=1", b"Node_Options<<EOF\nx\nEOF\nA=1"])
def test_node_options(data):
    """Row 7: refused in GITHUB_ENV alone, without failing the step."""
    result = file_commands.env_of(data)
    assert (result.pairs, result.error, len(result.issues)) == ([("A", "1")], None, 1)
    assert len(file_commands.output_of(data).pairs) == 2


FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "github"


@pytest.mark.parametrize("path", sorted(FIXTURES.glob("*/*.env")), ids=lambda path: path.stem)
def test_fixtures(path):
    """The files that the agent's own grammar is tested with: both must agree."""
    assert (file_commands.read_env(path).error is None) == (path.parent.name != "broken")


def test_empty_name():
    """Row 22: the step fails by GITHUB_ENV and GITHUB_OUTPUT, the name "" stays in the former."""
    assert file_commands.env_of(b"=v\nA=1").pairs == [("", "v")]
    assert file_commands.env_of(b"=v\nA=1").error
    assert file_commands.output_of(b"=v\nA=1").pairs == []
    assert file_commands.output_of(b"=v\nA=1").error
    assert file_commands.state_of(b"=v").pairs == [("", "v")]
    assert file_commands.state_of(b"=v").error is None


def test_last_of_a_name_wins():
    """Row 37."""
    assert file_commands.env_of(b"A=1\nA=2").values == {"A": "2"}


def test_missing_files(tmp_path):
    """Row 1 and row 39: nothing there is nothing to do."""
    for path in (tmp_path / "none", tmp_path / "none" / "below"):
        assert file_commands.read_env(path).pairs == []
        assert file_commands.read_output(path).error is None
        assert file_commands.read_path(path) == []
        assert file_commands.read_summary(path) is None


def test_summary_size(tmp_path):
    """Rows 39 and 40: the limit is inclusive, and more than it loses everything."""
    path = tmp_path / "summary"
    path.write_bytes(b"")
    assert file_commands.read_summary(path) is None
    path.write_bytes(b"x" * 1024 * 1024)
    assert len(file_commands.read_summary(path)) == 1024 * 1024
    path.write_bytes(b"x" * (1024 * 1024 + 1))
    with pytest.raises(Broken):
        file_commands.read_summary(path)


def test_path(tmp_path):
    """GITHUB_PATH: every kind of line end, the last line first, no trimming, no duplicates."""
    path = tmp_path / "path"
    path.write_bytes(b"/a\n/b\r\n/c\r/d\n\n /e\n/a\n")
    assert file_commands.read_path(path) == ["/a", " /e", "/d", "/c", "/b"]


@pytest.mark.parametrize(
    "line, wanted",
    [
        ("::error title=a%3Ab::50%25%0Ax", ("error", {"title": "a:b"}, "50%\nx")),
        ("  \t::add-mask::secret", ("add-mask", {}, "secret")),
        ("::WARNING file=a, title=b::m", ("warning", {"file": "a", " title": "b"}, "m")),
        ("::error ::%250A", ("error", {}, "%0A")),
        ("::nothing::x", None),
        ("  | ::error::x", None),
        ("::error", None),
        ("text ##[set-env name=x]y", ("set-env", {"name": "x"}, "y")),
        ("text ##[error]x", ("error", {}, "x")),
        ("text # #[error]x", None),
        ("plain\r::error::x", ("error", {}, "x")),
    ],
)
def test_commands(line, wanted):
    """What a line of the log makes the runner do."""
    found = [(command.name, command.properties, command.data) for command in file_commands.commands(line)]
    assert found == ([] if wanted is None else [wanted])
