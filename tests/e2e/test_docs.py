# SPDX-License-Identifier: Zlib
"""The documents say what the binary says."""

import json
import pathlib
import re
import subprocess
import sys

import jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_documents_tables_equal_the_binarys(spinup):
    """`python3 tests/docs.py --write` makes them so."""
    found = subprocess.run([sys.executable, ROOT / "tests/docs.py"], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout[:2000]


def test_the_readmes_expectations_are_valid(spinup, tmp_path):
    """The example, checked by the command that stands below it."""
    readme = (ROOT / "README.md").read_text()
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github/spinup.json").write_text(re.search(r"```json\n(.*?)```", readme, re.S)[1])
    (tmp_path / ".bazelversion").write_text("7.4.1\n")
    command = re.search(r"^GITHUB_WORKSPACE=.* contract validate .*$", readme, re.M)[0]
    found = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False,
                           env={"PATH": f"{pathlib.Path(spinup).parent}:/usr/bin:/bin"})
    assert found.returncode == 0 and "expectations .github/spinup.json: valid" in found.stdout, found.stderr


def test_every_finding_is_explained(spinup):
    """`spinup explain ID` has a page for each, with all three parts."""
    rows = json.loads(subprocess.run([spinup, "explain", "--json"], capture_output=True, check=True).stdout)["findings"]
    assert len({row["id"] for row in rows}) == len(rows) > 100
    for row in rows:
        assert row["meaning"].endswith((".", "?", ")")) and row["confirm"] and row["remedy"], row["id"]
        page = subprocess.run([spinup, "explain", row["id"]], capture_output=True, text=True, check=True).stdout
        assert row["id"] in page


def test_every_command_has_a_page(spinup):
    """Its options, its arguments and its exit statuses."""
    overview = subprocess.run([spinup, "help"], capture_output=True, text=True, check=True).stdout
    names = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")]
    assert len(names) >= 9
    for name in names:
        page = subprocess.run([spinup, name, "--help"], capture_output=True, text=True, check=True).stdout
        assert f"Usage: spinup {name}" in page and "Exit status:" in page


def test_the_contract_fits_its_schema(spinup):
    """The published schema and the compiled-in contract agree."""
    contract = json.loads(subprocess.run([spinup, "contract"], capture_output=True, check=True).stdout)
    jsonschema.validate(contract, json.loads((ROOT / "agent/schemas/contract.json").read_text()))


def test_the_shipped_schemas_are_schemas(spinup):
    """Each file under agent/schemas is a valid JSON Schema."""
    schemas = sorted((ROOT / "agent/schemas").glob("*.json"))
    assert len(schemas) >= 3
    for path in schemas:
        schema = json.loads(path.read_text())
        jsonschema.validators.validator_for(schema).check_schema(schema)
