# SPDX-License-Identifier: Zlib
"""Runs of spinup in the lab, read back: each report is held against its schema, and each output against what a
runner would make of it."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import jsonschema
from lab import CONTRACT
from places import REPOSITORY
from runner_files import parse

HANG_S = 5        # no measurement: a run that takes longer waits for something that never comes
TOGETHER = 8      # runs at the same time: most of them wait for a server
BAD = ("warning", "error")
# What a runner obeys in a log: a line that begins so (after blanks), or the older form anywhere.
COMMAND = re.compile(r"^\s*::")
OUR_COMMAND = re.compile(r"^::(?:(?:warning|error) title=spinup%3A [a-z0-9-]+::[^\r\n]*|add-mask::\S+)$")
LINE_ENDS = re.compile(r"\r\n|\r|\n")
CONTROLS = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@cache
def validator():
    """Of the report's published schema."""
    schema = json.loads((REPOSITORY / "agent/schemas/report.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def texts(value):
    """Every string in a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def assert_harmless(result):
    """Nothing that a terminal or a runner obeys is in the outputs, but our own annotations."""
    for name, text in {"stdout": result.stdout, "stderr": result.stderr,
                       "summary": result.files.get("GITHUB_STEP_SUMMARY") or ""}.items():
        assert not CONTROLS.search(text), f"{name} has control characters: {text!r}"
        assert "##[" not in text, f"{name} has ##[: {text!r}"
        for line in LINE_ENDS.split(text):
            assert not COMMAND.match(line) or OUR_COMMAND.match(line), f"{name} has the command {line!r}"


class Report:
    """One run with --json: the document, and what the runner's files hold."""

    def __init__(self, result):
        self.result = result
        assert result.rc in (0, 1), f"exit status {result.rc}\n{result.stdout}{result.stderr}"
        assert result.elapsed < HANG_S, f"{result.elapsed:.1f} s"
        self.document = json.loads(result.stdout)
        validator().validate(self.document)
        assert_harmless(result)
        for text in texts(self.document):
            assert not CONTROLS.search(text) and "##[" not in text, repr(text)

    @property
    def outcome(self):
        """ready, degraded or failed."""
        return self.document["outcome"]

    def findings(self, *probes):
        """The findings of these probes, the most severe first."""
        return [finding for finding in self.document["findings"] if finding["probe"] in probes]

    def finding(self, id_):
        """The one finding with an ID."""
        found = [finding for finding in self.document["findings"] if finding["id"] == id_]
        assert len(found) == 1, f"{len(found)} findings {id_}: {self.ids()}"
        return found[0]

    def ids(self, *probes, severities=None):
        """{ID: severity} of these probes' findings (none named: of all)."""
        return {finding["id"]: finding["severity"] for finding in self.document["findings"]
                if (not probes or finding["probe"] in probes) and (not severities or finding["severity"] in severities)}

    def bad(self, *probes):
        """{ID: severity} of what is not well."""
        return self.ids(*probes, severities=BAD)

    def fact(self, path, otherwise=None):
        """The fact with a dotted key."""
        value = self.document["facts"]
        for part in path.split("."):
            if not isinstance(value, dict) or part not in value:
                return otherwise
            value = value[part]
        return value

    def exported(self):
        """What the run wrote for the next steps, as the runner reads it."""
        return dict(parse(self.result.files["GITHUB_ENV"]))


def prove(lab, *words, command="run", env=None, **place):
    """Runs spinup as a step of a healthy tinyland-nix job of a trusted user and reads its report; words are
    spinup's options, place is Lab.exec's arguments."""
    place = {"image": "determinate", "daemon": "determinate", "user": "trusted", "runner": True, "timeout": 20,
             **place}
    return Report(lab.exec(["spinup", command, "--json", *words], env={"SPINUP_CONTRACT": CONTRACT, **(env or {})},
                           **place))


def side_by_side(function, rows):
    """Calls function(row) for {name: row} side by side; {name: what it returned, or the exception that came}."""
    def one(row):
        try:
            return function(row)
        except Exception as failure:  # pylint: disable=broad-except  # raised again in the row's own test
            return failure

    with ThreadPoolExecutor(TOGETHER) as pool:
        return dict(zip(rows, pool.map(one, rows.values())))


def together(lab, rows):
    """Runs prove() for {name: (words, place)} side by side; {name: Report, or the exception that came}."""
    for _, place in rows.values():
        lab.nameserver(place.get("down"))  # made one after the other
    return side_by_side(lambda row: prove(lab, *row[0], **row[1]), rows)


def taken(reports, name):
    """What side_by_side() has of a row; raises the exception that came instead."""
    found = reports[name]
    if isinstance(found, Exception):
        raise found
    return found
