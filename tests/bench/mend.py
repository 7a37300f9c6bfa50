# SPDX-License-Identifier: Zlib
"""Each state of a Nix that spinup mends: how long the bootstrap of a job takes that mends it, and how long those
after it, which have nothing to do."""

from figures import Figures, aim, measure
from lab import CONTRACT
from places import LabError
from runner_files import RunnerFiles
from visit import File, Folder, Link

USER = "trusted"
SUDO = File(f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
COMMAND = ["spinup", "run"]
WARM_MS = 15  # the aim
AGAIN = 10  # runs that have nothing to do, for each that mends
NOBODY = "root:x:0:\nrunner:x:1001:\ntrusted:x:1002:\n"
STATES = {
    "nothing": {},
    "no daemon": {"daemon": "none"},
    "a stale socket": {"daemon": "stale"},
    "a stopped daemon": {"daemon": "frozen"},
    "no build users": {"files": {"/etc/group": NOBODY}},
    "an open /nix, no daemon": {"daemon": "none", "files": {"/nix": Folder(0o777)}},
    "a dangling profile, no daemon": {
        "daemon": "none", "files": {"/nix/var/nix/profiles/default": Link("default-9-link")}},
}


def run(lab, daemon=None, files=None):
    """(rows of the run that mends, rows of those after it in the same pod)"""
    runner = RunnerFiles(USER)
    files = {**runner.files(), "/etc/sudoers.d/bench": SUDO, **(files or {})}
    with lab.pod(image="determinate", daemon=daemon, files=files) as pod:
        env = {**runner.environment(pod.hostname), "SPINUP_CONTRACT": CONTRACT}
        found = measure(pod, 1, COMMAND, env, USER), measure(pod, AGAIN, COMMAND, env, USER)
    if any(row[3] for rows in found for row in rows):
        raise LabError(f"spinup run did not mend: exit statuses {[row[3] for rows in found for row in rows]}")
    return found


def states(lab, rounds):
    """All of them, in turn."""
    rows = {name: ([], []) for name in STATES}
    for _ in range(rounds):
        for name, place in STATES.items():
            for kept, found in zip(rows[name], run(lab, **place)):
                kept += found
    print("\nspinup run, by a runner with sudo, ms")
    print(f"  {'what is to be mended':34}    mends       p95     warm       p95")
    for name, found in rows.items():
        mends, warm = map(Figures, found)
        print(f"  {name:34}{mends.wall:9.1f} {mends.p95:9.1f}{warm.wall:9.1f} {warm.p95:9.1f}", flush=True)
    aim("with nothing to mend, ms,", Figures(rows["nothing"][1]).wall, WARM_MS)
