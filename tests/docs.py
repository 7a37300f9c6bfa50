#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""The tables of README.md and REFERENCE.md, made from what the binary itself and the actions say.

  docs.py          exits with 1 and the difference where a page differs
  docs.py --write  puts the tables into the pages"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "REFERENCE.md"]
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
    """[(name, description, the actions that describe it so)] of the actions' inputs or outputs."""
    names = {}
    for path in sorted(ROOT.glob("actions/*/action.yml"), key=lambda path: path.parent.name != "nix-job"):
        for name, row in yaml.safe_load(path.read_text())[kind].items():
            names.setdefault(name, {}).setdefault(row["description"], []).append(path.parent.name)
    return [(name, text, where) for name, texts in names.items() for text, where in texts.items()]


def inputs():
    """Every input, and which action has it."""
    rows = actions("inputs")
    every = max(len(where) for _, _, where in rows)
    lines = ["| input | of | what it is |", "|---|---|---|"]
    lines += [f"| `{name}` | {'all' if len(where) == every else ', '.join(where)} | {cell(text)} |"
              for name, text, where in rows]
    return "\n".join(lines)


def outputs():
    """Every output; all actions have the same."""
    lines = ["| output | what it is |", "|---|---|"]
    return "\n".join(lines + [f"| `{name}` | {cell(text)} |" for name, text, _ in actions("outputs")])


TABLES = {"findings": findings, "commands": commands, "probes": probes, "run-options": run_options,
          "inputs": inputs, "outputs": outputs}


def rendered(pages):
    """The pages with every table, which each stand on one of them, as it should be."""
    texts = {page: page.read_text() for page in pages}
    for name, table in TABLES.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
        places = [page for page, text in texts.items() for _ in pattern.finditer(text)]
        if len(places) != 1:
            raise SystemExit(f"{len(places)} places, not one, for the table {name}")
        texts[places[0]] = pattern.sub(lambda match, made=table(): match[1] + made + "\n" + match[2], texts[places[0]])
    return texts


def main(words):
    """Compares, or writes."""
    status = 0
    for page, new in rendered(PAGES).items():
        old = page.read_text()
        if words == ["--write"]:
            page.write_text(new)
        elif old != new:
            sys.stdout.writelines(difflib.unified_diff(old.splitlines(True), new.splitlines(True), page.name, "tables"))
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
