#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""The README's tables, made from what the binary itself says.

  docs.py          exits with 1 and the difference where the README differs
  docs.py --write  puts the tables into the README"""

import difflib
import json
import pathlib
import re
import subprocess
import sys

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


TABLES = {"findings": findings, "commands": commands, "probes": probes, "run-options": run_options}


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
