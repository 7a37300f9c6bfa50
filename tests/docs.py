#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""The README's tables, made from what the binary itself and the actions say.

  docs.py          exits with 1 and the difference where the README differs
  docs.py --write  puts the tables into the README"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
SPINUP = ROOT / "build/spinup"


def spinup(*words):
    """What the binary prints."""
    return subprocess.run([SPINUP, *words], check=True, capture_output=True, text=True, env={}).stdout


def cell(text):
    """Text as it may stand in a Markdown table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def findings():
    """Every finding of the catalogue."""
    rows = json.loads(spinup("explain", "--json"))["findings"]
    lines = ["| finding | severity | what it means |", "|---|---|---|"]
    lines += [f"| `{row['id']}` | {row['severity']} | {cell(row['meaning'])} |" for row in rows]
    return "\n".join(lines)


def commands():
    """The list of commands, as `spinup help` prints it."""
    return "```\n" + spinup("help").rstrip() + "\n```"


def probes():
    """The list of probes."""
    return "```\n" + spinup("probe").rstrip() + "\n```"


def run_options():
    """The page of `spinup run --help`."""
    return "```\n" + spinup("run", "--help").rstrip() + "\n```"


def actions(kind):
    """{name: (description, the actions that have it)} of the actions' inputs or outputs."""
    rows = {}
    for path in sorted(ROOT.glob("actions/*/action.yml"), key=lambda path: path.parent.name != "nix-job"):
        for name, row in yaml.safe_load(path.read_text())[kind].items():
            rows.setdefault(name, (row["description"], []))[1].append(path.parent.name)
    return rows


def inputs():
    """Every input, and which action has it."""
    rows = actions("inputs")
    every = max(len(where) for _, where in rows.values())
    lines = ["| input | of | what it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {'all' if len(where) == every else ', '.join(where)} | {cell(text)} |"
              for name, (text, where) in rows.items()]
    return "\n".join(lines)


def outputs():
    """Every output; all actions have the same."""
    lines = ["| output | what it is |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {cell(text)} |" for name, (text, _) in actions("outputs").items()])


TABLES = {"findings": findings, "commands": commands, "probes": probes, "run-options": run_options,
          "inputs": inputs, "outputs": outputs}


def rendered(text):
    """The README with every table as it should be."""
    for name, table in TABLES.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        if not pattern.search(text):
            raise SystemExit(f"README.md has no place for the table {name}")
        text = pattern.sub(lambda match, made=table(): match[1] + made + "\n" + match[2], text)
    return text


def main(words):
    """Compares, or writes."""
    old = README.read_text()
    new = rendered(old)
    if words == ["--write"]:
        README.write_text(new)
    elif old != new:
        sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), "README.md", "tables"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
