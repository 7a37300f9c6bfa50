#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""Measures the release binary in the lab, beside the shell steps that jobs do the same work with today.

Each pair runs in the same pod, alternating, in one run; figures are medians. `measure` (tests/lab) takes wall
and CPU time and the largest process inside the pod, so that the lab's own entry costs nothing here."""

import argparse
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))

import act  # noqa: E402
import health  # noqa: E402
import hostile  # noqa: E402
import install  # noqa: E402
import instructions  # noqa: E402
import kvm_verdicts  # noqa: E402
import load  # noqa: E402
import mend  # noqa: E402
import vulkan_images  # noqa: E402
from figures import Figures, measure, report  # noqa: E402
from lab import Lab  # noqa: E402
from places import LabError  # noqa: E402
from runner_files import RunnerFiles  # noqa: E402
from visit import File  # noqa: E402

ATTIC = "attic.nix-cache.svc.cluster.local"
BAZEL = "bazel-cache.nix-cache.svc.cluster.local"

# What the platform's own actions do, a step each: each step is a bash of its own.
STEPS = {
    "names": f"getent hosts {ATTIC} >/dev/null; getent hosts {BAZEL} >/dev/null",
    "attic": f"curl -sf -o /dev/null --max-time 10 http://{ATTIC}/main/nix-cache-info",
    "nix": "/nix/var/nix/profiles/default/bin/nix --extra-experimental-features nix-command store ping "
           "--store daemon >/dev/null 2>&1",
    "users": "getent group nixbld | cut -d: -f4 | tr ',' '\\n' | while read -r user; do id \"$user\" >/dev/null; done",
    "outputs": "echo \"ATTIC_SERVER=http://" + ATTIC + "\" >> \"$GITHUB_ENV\"",
}
CHAIN = "".join(f"bash --noprofile --norc -e -o pipefail /bench/{name}.sh || true\n" for name in STEPS)
COMMAND = "exit 0"  # a user's, that costs nothing
# The action's steps as a runner starts them, one shell each.
ACTION = "".join(f"sh -e /bench/{name}.sh\n" for name in ("agent", "command"))


def side_by_side(pod, rounds, count, commands, env):
    """Alternates between the commands, so that a change of the machine's pace meets all of them."""
    rows = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            rows[name] += measure(pod, count, command, env)
    return {name: Figures(found) for name, found in rows.items()}


def bench_pod(lab, image="determinate", **kind):
    """A pod with the tools of this benchmark, and a step's environment."""
    runner = RunnerFiles("trusted")
    files = {**runner.files(), "/bench/chain.sh": File(CHAIN, 0o755),
             **{f"/bench/{name}.sh": File(text + "\n", 0o755) for name, text in STEPS.items()}}
    pod = lab.pod(image=image, files=files, **kind)
    env = {**runner.environment(pod.hostname), "SPINUP_CONTRACT": "/opt/lab/contract.json"}
    return pod, env


def healthy(lab, rounds):
    """The whole job on a healthy lane, beside today's chain."""
    pod, env = bench_pod(lab)
    with pod:
        report("a healthy lane (Nix, Attic, Bazel)", side_by_side(pod, rounds, 10, {
            "spinup run": ["spinup", "run"],
            "today: five shell steps": ["bash", "/bench/chain.sh"],
            "spinup version (start-up alone)": ["spinup", "version"],
        }, env))


def action_step(name):
    """The script of nix-job's step that starts NAME.sh."""
    text = (ROOT / "actions/nix-job/action.yml").read_text()
    return re.search(rf"^ +run: (.*/{name}\.sh\b.*)$", text, re.M)[1] + "\n"


def action(lab, rounds):
    """From the action's first line to the user's command, beside today's chain and the same command."""
    more = {**act.downloaded(), "/bench/agent.sh": action_step("agent"), "/bench/command.sh": action_step("command"),
            "/bench/action.sh": ACTION, "/bench/user.sh": COMMAND + "\n",
            "/bench/today.sh": CHAIN + "bash --noprofile --norc -e -o pipefail /bench/user.sh\n"}
    pod, env = bench_pod(lab)
    with pod:
        pod.place(more)
        env = {**env, "GITHUB_ACTION_PATH": f"{act.DOWNLOADED}/actions/nix-job", "WITH_COMMAND": COMMAND}
        report("to a command, on a warm lane", side_by_side(pod, rounds, 10, {
            "nix-job: two steps": ["sh", "/bench/action.sh"],
            "today: five shell steps and it": ["bash", "/bench/today.sh"],
            "spinup run (of the first row)": ["spinup", "run"],
        }, env))


def black_holed(lab, _rounds):
    """Both endpoints swallow every packet; then no name server answers."""
    pod, env = bench_pod(lab, down="attic=blackhole,bazel=blackhole")
    with pod:
        report("both endpoints black-holed", side_by_side(pod, 1, 3, {
            "spinup run": ["spinup", "run"],
            "today: five shell steps": ["bash", "/bench/chain.sh"],
        }, env))
    pod, env = bench_pod(lab, dns="blackhole")
    with pod:
        report("a name server that never answers", side_by_side(pod, 1, 3, {
            "spinup run": ["spinup", "run"],
            "today: five shell steps": ["bash", "/bench/chain.sh"],
        }, env))


def https(lab, rounds):
    """Attic over HTTPS, the CA found in a hashed directory or only in a bundle, beside HTTP."""
    pod, env = bench_pod(lab)
    with pod:
        report("Attic over HTTP and HTTPS", side_by_side(pod, rounds, 10, {
            "http": ["spinup", "probe", "attic", f"http://{ATTIC}"],
            "https, hashed CA directory": ["spinup", "probe", "attic", "https://nix-cache.tinyland.dev"],
            "https, bundle": ["env", "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt", "spinup", "probe", "attic",
                              "https://nix-cache.tinyland.dev"],
        }, env))


def forget(folder):
    """Takes the files below out of the page cache."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as handle:
                os.posix_fadvise(handle.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def vulkan(lab, rounds):
    """A proof by computing with lavapipe, beside `vulkaninfo --summary`, which only lists; warm, and with the
    libraries out of the page cache."""
    commands = {
        "vulkaninfo --summary": ["vulkaninfo", "--summary"],
        "spinup probe gpu": ["spinup", "probe", "gpu", "--allow-software-gpu"],
    }
    for image in vulkan_images.IMAGES:
        pod, env = bench_pod(lab, image=image)
        with pod:
            report(f"Vulkan, {image}, warm", side_by_side(pod, rounds, 10, commands, env))
            cold = {name: [] for name in commands}
            for _ in range(rounds):
                for name, command in commands.items():
                    forget(vulkan_images.layer(image) / "usr/lib")
                    cold[name] += measure(pod, 1, command, env)
            report(f"Vulkan, {image}, cold", {name: Figures(rows) for name, rows in cold.items()})


COMPARISONS = {"lane": [healthy, https], "action": [action], "dead": [black_holed],
               "devices": [kvm_verdicts.compare, vulkan],
               "install": [install.closures, install.repacked, install.on_disk, install.memory, mend.states],
               "bazel": [health.compare], "instructions": [instructions.counts], "hostile": [hostile.bounds],
               "load": [load.storm]}  # the last: it changes the servers' priority


def main():
    """All comparisons, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=[*COMPARISONS], metavar="WHAT",
                        help=f"{', '.join(COMPARISONS)} (default: all)")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of ten runs each (default 10)")
    options = parser.parse_args()
    try:
        with Lab() as lab:
            for compare in [compare for what in options.what for compare in COMPARISONS[what]]:
                compare(lab, options.rounds)
    except LabError as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
