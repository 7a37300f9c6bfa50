#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""A whole job bootstrap against real servers: what an operator, a job and its next step see."""

import os
import sys

from lab import CONTRACT, Lab
from places import LabError
from runner_files import RunnerFiles, next_environment, parse

WIDTH = 100
BUILD = """derivation { name = "built"; system = "x86_64-linux"; builder = "/bin/bash"; PATH = "/usr/bin";
  args = [ "-c" "echo built by user $(id -u) >$out; exit 0" ]; }"""


def title(number, text):
    """A heading between the scenes."""
    line = f"== {number}. {text} "
    print(f"\n{line}{'=' * (WIDTH - len(line))}\n", flush=True)


def show(text):
    """What a program printed, as it is."""
    sys.stdout.write(text)
    sys.stdout.flush()


def doctor(pod, inputs):
    """Scene 1: the page that an operator sees."""
    title(1, "an operator asks: spinup doctor")
    show(pod.exec(["spinup", "doctor"], user="trusted", env={**inputs, "TERM": "xterm-256color"},
                  tty=sys.stdout.isatty()).stdout)


def job(pod, inputs):
    """Scene 2: the job's first step; returns the environment of the next one."""
    title(2, "the job's first step: spinup run")
    runner = RunnerFiles("trusted")
    environment = {**runner.environment(pod.hostname), **inputs}
    result = pod.exec(["spinup", "run"], user="trusted", runner=runner, env=inputs)
    show(result.stdout + result.stderr)
    print(f"\n(exit status {result.rc}, {result.elapsed * 1000:.0f} ms)")
    title(3, "GITHUB_ENV, read back as the runner reads it")
    for name, value in parse(result.files["GITHUB_ENV"]):
        print(f"{name}=" + value.replace("\n", "\n" + " " * (len(name) + 1)))
    return next_environment(environment, result.files)


def next_step(pod, environment, path):
    """Scene 4: the real nix fetches a path that no local store has, through what spinup wrote."""
    title(4, "the next step: the real nix fetches a signed path from the lab's Attic")
    print(f"$ nix-store --realise {path}")
    result = pod.exec(["nix-store", "--realise", path], user="trusted", env=environment)
    show(result.stdout + result.stderr)
    print(f"\n(exit status {result.rc}, {result.elapsed * 1000:.0f} ms)")
    return result.rc


def dead_caches(lab, inputs):
    """Scene 5: the same job while nothing answers at the caches' addresses."""
    title(5, "the same job, both caches black-holed: the job goes on without them")
    result = lab.exec(["spinup", "run"], image="determinate", user="trusted", down="attic=blackhole,bazel=blackhole",
                      runner=RunnerFiles("trusted"), env=inputs)
    show(result.stdout + result.stderr)
    print(f"\n(exit status {result.rc}, {result.elapsed * 1000:.0f} ms) GITHUB_ENV:")
    show(result.files["GITHUB_ENV"])


def wrong_toolchain(lab, inputs):
    """Scene 6: a repository that wants another Nix than the image has."""
    title(6, "the same job, and a repository that expects another toolchain: it stops here, with the reason")
    expectations = '{"toolchain": {"nix": ">=2.30"}, "require": ["nix"]}\n'
    result = lab.exec(["spinup", "run", "--expect", "/home/trusted/spinup.json"], image="determinate",
                      user="trusted", runner=RunnerFiles("trusted"), env=inputs,
                      files={"/home/trusted/spinup.json": expectations})
    print(f"expectations: {expectations}")
    show(result.stdout + result.stderr)
    print(f"\n(exit status {result.rc}, {result.elapsed * 1000:.0f} ms) GITHUB_ENV: "
          f"{len(result.files['GITHUB_ENV'])} bytes")
    return result.rc


def installed(lab, inputs):
    """Scene 7: an image without Nix; the job installs it by sudo, and its next step builds."""
    title(7, "an image that has no Nix, nor curl, xz or zstd: installed from a pinned archive, then used")
    settings = {path: "sandbox = false\nsubstituters =\n" for path in ("/etc/nix/nix.conf", "/etc/nix/nix.custom.conf")}
    source = lab.source("determinate-nix-3.0.0", "dl-404", "downloads.nix-cache.svc.cluster.local")
    with lab.pod(image="thin", sudo=True, contract=lab.contract(install=[source]), files=settings) as pod:
        runner = RunnerFiles("runner")
        result = pod.exec(["spinup", "run"], user="runner", runner=runner, env=inputs)
        show(result.stderr + result.stdout)
        print(f"\n(exit status {result.rc}, {result.elapsed * 1000:.0f} ms)\n")
        environment = next_environment({**runner.environment(pod.hostname), "PATH": "/usr/bin:/bin"}, result.files)
        print(f"$ nix-build -E '{BUILD}'")
        built = pod.exec(["nix-build", "--no-out-link", "-E", BUILD], user="runner", env=environment)
        show(built.stdout + built.stderr)
        print(f"$ cat {built.stdout.strip()}")
        show(pod.read(built.stdout.strip()).popitem()[1] or "")
    return result.rc or built.rc


def main():
    """All scenes; the exit status is 0 where each ended as it should."""
    try:
        with Lab() as lab, lab.pod(image="determinate") as pod:
            inputs = {"SPINUP_CONTRACT": CONTRACT}  # the platform's, with the key that the lab signs with
            print("A runner pod in the lab: host name " + pod.hostname + ". Its Nix is Debian's, as a store path\n"
                  "that is named as Determinate's is; name server, Attic's answers, binary cache, bazel-remote\n"
                  "and nix-daemon are real servers under their real names.")
            doctor(pod, inputs)
            environment = job(pod, inputs)
            fetched = next_step(pod, environment, lab.paths["hello"])
            dead_caches(lab, inputs)
            refused = wrong_toolchain(lab, inputs)
            missing = installed(lab, inputs)
    except LabError as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1
    return 0 if fetched == 0 and refused == 1 and missing == 0 else 1


if __name__ == "__main__":
    os.environ.setdefault("TERM", "dumb")
    sys.exit(main())
