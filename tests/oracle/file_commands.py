# SPDX-License-Identifier: Zlib
"""How a runner reads what a step has written: an oracle for tests, written from the runner's own
grammar (actions/runner, FileCommandManager.cs and ActionCommand.cs) and act's (parse_env_file.go).

It shares nothing with the agent: what the agent writes is read back with this.
"""

import codecs
import re
from dataclasses import dataclass, field
from pathlib import Path

SUMMARY_MAX_BYTES = 1024 * 1024

_MARKS = (  # longest first: UTF-32's mark begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Broken(Exception):
    """The runner refuses the file from here on, and the step has failed."""


@dataclass
class FileResult:
    """What one file did: the pairs that took effect (in order), and what went wrong."""

    pairs: list = field(default_factory=list)
    issues: list = field(default_factory=list)  # errors shown, without failing the step
    error: str | None = None  # the exception: the step has failed

    @property
    def values(self):
        """Names and values as the next step has them: the last of a name wins."""
        return dict(self.pairs)


def decode(data):
    """As .NET's File.ReadAllText: the byte order mark decides and is removed; else UTF-8."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    return data.decode("utf-8", errors="replace")


class _Lines:
    """Lines of a text that end with LF alone, as the runner on Linux has them."""

    def __init__(self, text):
        self.text = text
        self.at = 0
        self.has_newline = False

    def read(self):
        """The next line, or None at the end of the text."""
        if self.at >= len(self.text):
            return None
        end = self.text.find("\n", self.at)
        self.has_newline = end >= 0
        line = self.text[self.at : end if end >= 0 else len(self.text)]
        self.at = end + 1 if end >= 0 else len(self.text)
        return line


def _heredoc(lines, delimiter):
    """All text up to the delimiter's line, without the newline before it."""
    start = end = lines.at
    line = lines.read()
    while line != delimiter:
        if line is None:
            raise Broken(f"Invalid value. Matching delimiter not found '{delimiter}'")
        if not lines.has_newline:
            raise Broken("Invalid value. EOF marker missing new line.")
        end = lines.at - 1
        line = lines.read()
    return lines.text[start:end] if end > start else ""


def pairs(text):
    """Yields (name, value) one by one: what comes before a bad line takes effect."""
    lines = _Lines(text)
    while (line := lines.read()) is not None:
        if not line:
            continue
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line.split("=", 1)
        elif heredoc >= 0:
            name, delimiter = line.split("<<", 1)
            if not name or not delimiter:
                raise Broken(
                    f"Invalid format '{line}'. Name must not be empty and delimiter must not be empty"
                )
            value = _heredoc(lines, delimiter)
        else:
            raise Broken(f"Invalid format '{line}'")
        yield name, value


def _read(path):
    """The file's bytes, or None where the runner sees nothing to do."""
    try:
        return Path(path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _apply(data, accept):
    result = FileResult()
    try:
        for name, value in pairs(decode(data or b"")):
            accept(result, name, value)
    except Broken as broken:
        result.error = str(broken)
    return result


def _accept_env(result, name, value):
    if name.upper() == "NODE_OPTIONS":
        result.issues.append(f"Can't store {name} output parameter using '$GITHUB_ENV' command.")
        return
    result.pairs.append((name, value))  # an empty name is stored before it throws
    if not name:
        raise Broken("Required field 'name' is missing in ##[set-env] command.")


def _accept_output(result, name, value):
    if not name:
        raise Broken("Required field 'name' is missing")
    result.pairs.append((name, value))


def env_of(data):
    """GITHUB_ENV, from its bytes (None: no file)."""
    return _apply(data, _accept_env)


def output_of(data):
    """GITHUB_OUTPUT, from its bytes."""
    return _apply(data, _accept_output)


def state_of(data):
    """GITHUB_STATE, from its bytes: the empty name is accepted there."""
    return _apply(data, lambda result, name, value: result.pairs.append((name, value)))


def read_env(path):
    """GITHUB_ENV."""
    return env_of(_read(path))


def read_output(path):
    """GITHUB_OUTPUT."""
    return output_of(_read(path))


def read_path(path):
    """GITHUB_PATH: the entries in the order in which they stand in PATH, the file's last one first.

    LF, CRLF and a lone CR end a line; nothing is trimmed; an entry that is there moves to the end.
    """
    entries = []
    for line in re.split(r"\r\n|\n|\r", decode(_read(path) or b"")):
        if not line:
            continue
        if line in entries:
            entries.remove(line)
        entries.append(line)
    return entries[::-1]


def read_summary(path):
    """GITHUB_STEP_SUMMARY: the text, or None where nothing is shown; FileResult-like issues apart."""
    data = _read(path)
    if not data:
        return None
    if len(data) > SUMMARY_MAX_BYTES:
        raise Broken(
            "$GITHUB_STEP_SUMMARY upload aborted, supports content up to a size of 1024k, "
            f"got {len(data) // 1024}k"
        )
    return decode(data)


# ---- act


def act_pairs(data):
    """What act makes of the same file. Raises Broken: then all pairs are lost."""
    if data.startswith(codecs.BOM_UTF8):
        data = data[len(codecs.BOM_UTF8) :]
    text = data.decode("utf-8", errors="surrogateescape")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    lines = iter([line[:-1] if line.endswith("\r") else line for line in lines])
    values = {}
    for line in lines:
        equals, heredoc = line.find("="), line.find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, value = line.split("=", 1)
        elif heredoc >= 0:
            name, delimiter = line.split("<<", 1)
            value = _act_heredoc(lines, delimiter)
        else:
            raise Broken(f"invalid format '{line}', expected a line with '=' or '<<'")
        values[name] = value
    return values


def _act_heredoc(lines, delimiter):
    value = ""
    for line in lines:
        if line == delimiter:
            return value
        value += ("\n" if value else "") + line
    raise Broken(f"invalid format delimiter '{delimiter}' not found before end of file")


# ---- workflow commands in a step's log

REGISTERED = {
    "error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "stop-commands", "echo",
    "add-matcher", "remove-matcher", "set-output", "save-state", "set-env", "add-path",
}  # fmt: skip


@dataclass
class Command:
    """One command that the runner would carry out."""

    name: str
    properties: dict
    data: str


def _unescape(text, is_property):
    pairs_of = [("%0D", "\r"), ("%0A", "\n")]
    if is_property:
        pairs_of += [("%3A", ":"), ("%2C", ",")]
    for escaped, plain in pairs_of + [("%25", "%")]:
        text = text.replace(escaped, plain)
    return text


def _properties(text, separator):
    found = {}
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        if value:
            found[name] = _unescape(value, True)
    return found


def _command_v2(line):
    line = line.lstrip()
    end = line.find("::", 2)
    if not line.startswith("::") or end < 0:
        return None
    name, _, properties = line[2:end].partition(" ")
    if name.lower() not in REGISTERED:
        return None
    return Command(name.lower(), _properties(properties.strip(), ","), _unescape(line[end + 2 :], False))


def _command_v1(line):
    start = line.find("##[")
    end = line.find("]", start)
    if start < 0 or end < 0:
        return None
    name, _, properties = line[start + 3 : end].partition(" ")
    if name.lower() not in REGISTERED:
        return None
    return Command(name.lower(), _properties(properties, ";"), _unescape(line[end + 1 :], False))


def commands(log):
    """Every command in a log, of the new syntax and the old; LF, CRLF and a lone CR end a line."""
    found = (_command_v2(line) or _command_v1(line) for line in re.split(r"\r\n|\n|\r", log))
    return [command for command in found if command]
