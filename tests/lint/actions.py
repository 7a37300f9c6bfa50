# SPDX-License-Identifier: Zlib
"""The rules of the composite actions: nothing interpolated into a script, no step of another action, every input
documented and handed on, every output a step's. See actions.sh."""

import json
import re
import sys
from pathlib import Path

import yaml

ACTIONS = Path(__file__).resolve().parents[2] / "actions"
VERSION = Path(__file__).resolve().parents[2] / "agent/version.h"
TOP_KEYS = {"name", "description", "inputs", "outputs", "runs"}
STEP_KEYS = {"name", "id", "if", "shell", "run", "env"}
# exec lets a cancelled job's signals reach what runs; the path is right in job containers too.
RUN = re.compile(r'exec sh "\$GITHUB_ACTION_PATH/\.\./([a-z]+\.sh)"( [a-z]+)?')
EXPRESSION = re.compile(r"\$\{\{ (inputs\.([a-z-]+)|steps\.([a-z]+)\.outputs\.[a-z_-]+) \}\}")
MENTIONED = re.compile(r"\binputs\.([a-z-]+)")
# A composite action has no such contexts, and that path is the host's in a job container.
FORBIDDEN = re.compile(r"github\.action_path|\b(secrets|vars|needs)\.")


class Strict(yaml.SafeLoader):
    """YAML whose mappings name each key once."""

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.YAMLError(f"{sorted(twice)} more than once")
        return super().construct_mapping(node, deep)


def check_described(kind, rows):
    """Yields what is wrong with inputs' or outputs' descriptions."""
    for name, row in (rows or {}).items():
        if not str((row or {}).get("description") or "").strip():
            yield f"{kind} {name} has no description"


def check_step(step, ids, folder):
    """Yields what is wrong with one step."""
    name = step.get("name") or "a step without a name"
    if set(step) - STEP_KEYS:
        yield f"{name}: {sorted(set(step) - STEP_KEYS)} has no place in it"
    if step.get("shell") != "sh":
        yield f"{name}: its shell is not sh, which every image has"
    found = RUN.fullmatch(step.get("run", ""))
    if not found:
        yield f"{name}: run is no plain exec of a script beside the actions"
    elif not (folder / found[1]).exists():
        yield f"{name}: there is no {found[1]}"
    for variable, text in step.get("env", {}).items():
        expression = EXPRESSION.fullmatch(str(text))
        if not re.fullmatch("WITH_[A-Z_]+", variable):
            yield f"{name}: {variable} hides a variable of the job"
        if not expression:
            yield f"{name}: {variable} is no single input or output"
        elif expression[3] and expression[3] not in ids:
            yield f"{name}: {variable} is of no earlier step"


def check_handed_on(document):
    """Yields inputs that nobody reads, and those that are read but not there."""
    inputs = document.get("inputs") or {}
    read = set(MENTIONED.findall(json.dumps(document["runs"])))
    for name in sorted(read ^ set(inputs)):
        yield f"input {name} is " + ("read, but not there" if name in read else "handed on to no step")
    for name, row in inputs.items():
        if (row or {}).get("default") != "" or "required" in row:
            yield f"input {name}: its default is not '', so the agent cannot choose"


def check_outputs(document, ids):
    """Yields outputs that are no step's."""
    for name, row in document.get("outputs", {}).items():
        found = EXPRESSION.fullmatch(str(row.get("value")))
        if not found or found[3] not in ids:
            yield f"output {name} is no step's output"


def check(text, folder=ACTIONS):
    """Yields what is wrong with the text of an action.yml."""
    try:
        document = yaml.load(text, Strict)
        steps = document["runs"]["steps"]
    except (yaml.YAMLError, KeyError, TypeError) as failure:
        yield f"is no composite action: {failure}"
        return
    if set(document) != TOP_KEYS or document["runs"].get("using") != "composite":
        yield f"is no composite action with exactly {sorted(TOP_KEYS)}"
    if FORBIDDEN.search(text):
        yield f"{FORBIDDEN.search(text)[0]} is wrong or missing in a composite action"
    ids = set()
    for step in steps:
        yield from check_step(step, ids, folder)
        ids.add(step.get("id"))
    yield from check_described("input", document.get("inputs"))
    yield from check_described("output", document.get("outputs"))
    yield from check_handed_on(document)
    yield from check_outputs(document, ids)


def check_script(text):
    """Yields what is wrong with a script that runs in images which may have dash or busybox alone."""
    if not text.startswith("#!/bin/sh\n"):
        yield "is not for sh"
    if re.search(r"^\s*echo\b|[;&|] *echo\b", text, re.M):
        yield "echo changes what it prints: printf does not"
    if "::set-env" in text or "::add-path" in text:
        yield "a workflow command that fails the step"


def number(version):
    """A version as something that can be compared."""
    return [int(part) for part in version.split(".")]


def check_release(text, source_version):
    """Yields what is wrong with release.json; agent.sh itself refuses any other form."""
    release = json.loads(text)
    if number(release["min_agent"]) > number(source_version):
        yield "min_agent is newer than the source"
    if release["version"] and not number(release["min_agent"]) <= number(release["version"]) <= number(source_version):
        yield "the release is older than min_agent, or newer than the source"


def findings():
    """Everything that is wrong in actions/."""
    for path in sorted(ACTIONS.glob("*/action.yml")):
        yield from (f"{path}: {found}" for found in check(path.read_text()))
    for path in sorted(ACTIONS.rglob("*.sh")):
        yield from (f"{path}: {found}" for found in check_script(path.read_text()))
    source_version = re.search('SPINUP_VERSION "(.*)"', VERSION.read_text())[1]
    path = ACTIONS / "release.json"
    yield from (f"{path}: {found}" for found in check_release(path.read_text(), source_version))


GOOD = """\
name: x
description: x
inputs:
  label:
    description: x
    default: ''
outputs:
  lane:
    description: x
    value: ${{ steps.agent.outputs.lane }}
runs:
  using: composite
  steps:
    - name: one
      id: agent
      shell: sh
      run: exec sh "$GITHUB_ACTION_PATH/../agent.sh"
      env:
        WITH_LABEL: ${{ inputs.label }}
"""
PLANTED = [
    ("name: x\n", ""), ("composite", "node20"), ("      shell: sh\n", ""), ("shell: sh", "shell: bash"),
    ("    description: x\n    default", "    default"), ("    description: x\n    value", "    value"),
    ("default: ''", "default: 'x'"), ("default: ''", "required: true"), ("exec sh", "sh"),
    ("agent.sh\"", "none.sh\""), ("agent.sh\"", "agent.sh\" ${{ inputs.label }}"),
    ("$GITHUB_ACTION_PATH", "${{ github.action_path }}"),
    ("run: exec sh \"$GITHUB_ACTION_PATH/../agent.sh\"", "uses: ./actions/other"), ("WITH_LABEL", "SPINUP_LABEL"),
    ("${{ inputs.label }}", "x"), ("${{ inputs.label }}", "a ${{ inputs.label }}"), ("inputs.label", "inputs.other"),
    ("inputs.label }}", "steps.other.outputs.x }}"), ("inputs.label", "secrets.TOKEN"), ("steps.agent", "steps.other"),
    ("      shell: sh\n", "      shell: sh\n      shell: sh\n"),
    ("inputs:\n", "inputs:\n  more:\n    description: x\n    default: ''\n"),
    ("      shell: sh\n", "      shell: sh\n      working-directory: x\n"), ("runs:", "runs: ["),
]
PLANTED_SCRIPTS = ["#!/bin/bash\n", "#!/bin/sh\necho $x\n", "#!/bin/sh\ntrue; echo x\n",
                   "#!/bin/sh\nprintf ::set-env\n"]
PLANTED_RELEASES = [("0.3.0", "", "0.2.0"), ("0.2.0", "0.1.0", "0.2.0"), ("0.2.0", "0.3.0", "0.2.0")]


def self_test():
    """What this check does not find, though it must."""
    if list(check(GOOD)):
        yield f"actions.py: finds in a good action: {list(check(GOOD))}"
    for old, new in PLANTED:
        assert old in GOOD
        if not list(check(GOOD.replace(old, new, 1))):
            yield f"actions.py: does not find {new!r} in place of {old!r}"
    for text in PLANTED_SCRIPTS:
        if not list(check_script(text)):
            yield f"actions.py: does not find {text!r}"
    for min_agent, version, source in PLANTED_RELEASES:
        if not list(check_release(json.dumps({"min_agent": min_agent, "version": version}), source)):
            yield f"actions.py: does not find version {version}, min_agent {min_agent} in {source}"


def main():
    """0 where all is well."""
    found = [*self_test(), *findings()]
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
