# SPDX-License-Identifier: Zlib
"""The published schema of the report, against the fixtures that the unit tests print."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "agent" / "schemas" / "report.json").read_text())
FIXTURES = sorted((ROOT / "fixtures" / "report").glob("*.json"))


def load(path):
    """A fixture has V where the version stands."""
    report = json.loads(path.read_text())
    assert report["version"] == "V"
    report["version"] = "1.2.3"
    return report


def validator():
    """The schema, itself valid."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_fixtures(path):
    """What the agent prints is what the schema says."""
    validator().validate(load(path))


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report.pop("outcome"),
        lambda report: report.update(outcome="fine"),
        lambda report: report.update(extra=1),
        lambda report: report.update(elapsed_ms=-1),
        lambda report: report.update(started="2026-01-01"),
        lambda report: report["lane"].update(promises=["speed"]),
        lambda report: report["findings"][0].update(severity="fatal"),
        lambda report: report["findings"][0].pop("remedy"),
        lambda report: report["tasks"][0].update(end="lost"),
        lambda report: report["facts"].update(x=None),
        lambda report: report["environment"].update({"A B": {"value": "", "source": ""}}),
        lambda report: report["environment"].update(A="bare"),
    ],
)
def test_refuses(change):
    """The schema is strict."""
    report = copy.deepcopy(load(FIXTURES[0]))
    change(report)
    assert list(validator().iter_errors(report))
