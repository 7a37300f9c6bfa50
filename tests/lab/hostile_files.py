# SPDX-License-Identifier: Zlib
"""Files and variables that are larger than any honest one, and the words by which spinup meets them."""

import json

from visit import File

MB = 1_000_000
FOLDER = "/hostile"
LINES = 100_000
VARIABLE_BYTES = 120_000  # of the 128 KiB that the kernel takes for one
EVENT_BYTES = 4 * MB      # below spinup's own limit, so that it is read to its end


def settings(count):
    """A nix.conf of so many lines, each another setting."""
    return "".join(f"extra-substituters = https://cache-{number}.example\n" for number in range(count))


def event(size):
    """A pull request with a body of so many bytes."""
    return json.dumps({"action": "opened", "pull_request": {"body": "x" * size, "head": {"repo": {"fork": True}}}})


FILES = {
    "lines.conf": settings(LINES),
    "long.conf": "substituters = " + "https://cache.example " * (10 * MB // 22) + "\n",
    "includes.conf": "include includes.conf\n" * 1000,
    "expect.json": '{"lane": "' + "x" * (10 * MB) + '"}',
    "event.json": event(10 * MB),
    "event-read.json": event(EVENT_BYTES - 1000),
    "event-wide.json": '{"pull_request": [' + "0," * (EVENT_BYTES // 2 - 20) + "0]}",
    "event-deep.json": "[" * EVENT_BYTES,
    "contract.json": '{"version": 1, "filler": "' + "x" * (10 * MB) + '"}',
}


def of_event(name):
    """The environment of a job that a pull request started."""
    return {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": f"{FOLDER}/{name}"}


# (what, further words, environment)
ROWS = [
    ("nix.conf, 100,000 lines", [], {"NIX_USER_CONF_FILES": f"{FOLDER}/lines.conf"}),
    ("nix.conf, one line of 10 MB", [], {"NIX_USER_CONF_FILES": f"{FOLDER}/long.conf"}),
    ("nix.conf that includes itself 1,000 times", [], {"NIX_USER_CONF_FILES": f"{FOLDER}/includes.conf"}),
    ("NIX_CONFIG of 120 KB", [], {"NIX_CONFIG": settings(LINES)[:VARIABLE_BYTES].rpartition("\n")[0]}),
    ("expectations of 10 MB", ["--expect", f"{FOLDER}/expect.json"], {}),
    ("a contract of 10 MB", ["--contract", f"{FOLDER}/contract.json"], {}),
    ("an event of 10 MB", [], of_event("event.json")),
    ("an event of 4 MB", [], of_event("event-read.json")),
    ("an event of 2,000,000 numbers", [], of_event("event-wide.json")),
    ("an event 4,000,000 levels deep", [], of_event("event-deep.json")),
]


def files():
    """For Pod.place."""
    return {f"{FOLDER}/{name}": File(text) for name, text in FILES.items()}
