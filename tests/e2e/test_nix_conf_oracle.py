# SPDX-License-Identifier: Zlib
"""Which lines of a configuration break every nix command: the real nix's word on each, and spinup's, which fails the
lane over them. It may pass over one; it may not call broken what works."""

import json
import re

import pytest
from nix_job import PROFILE
from report import side_by_side, taken

IMAGES = ["nix-old", "nix", "nix-new"]
MOST = 12  # problems in one report: 16 at most
# Every version makes the same of these, and so does spinup.
LINES = [
    "cores = 2", "cores=2", "cores =2", "cores =", "cores = x", "cores = -1", "cores = 4 5", "cores = 2 # two",
    "\tcores\t=\t2", "cores = 2\r", "cores", "= 2", "= = 2", "cores == 2", "# cores", "#", "cores # = 2",
    "unknown = x", "extra-unknown", "extra-cores = x", "extra-fallback = maybe", "fallback = yes", "fallback = 0",
    "fallback = TRUE", "fallback = 2", "fallback =", "fallback = true false", "build-fallback = what",
    "connect-timeout = 3", "connect-timeout = 3s", "connect-timeout = -3", "timeout = -1", "timeout = x",
    "build-timeout = -1", "max-silent-time = -1", "max-silent-time = soon", "gc-reserved-space = -1",
    "tarball-ttl = -1", "log-lines = -5", "http-connections = -1", "narinfo-cache-negative-ttl = x", "min-free = much",
    "max-jobs = auto", "max-jobs = 0", "max-jobs = many", "max-jobs = -1", "max-jobs = 4K", "max-jobs =",
    "build-max-jobs = lots", "sandbox = true", "sandbox = relaxed", "sandbox = false", "sandbox = no", "sandbox = 1",
    "sandbox = some", "build-use-sandbox = yes", "include", "include a b", "include = a", "include /gone.conf",
    "!include", "!include /gone.conf", "include gone.conf", "!include gone.conf", "include ./gone.conf",
    "includes = /gone.conf", "trusted-public-keys = short", "trusted-public-keys = main:b",
    "access-tokens = nothing", "require-sigs = x", "keep-outputs = 2", "filter-syscalls = x", "fsync-metadata = x",
    "compress-build-log = x", "build-compress-log = x", "run-diff-hook = x", "print-missing = x",
    "allow-symlinked-store = x", "keep-env-derivations = x", "impersonate-linux-26 = x", "trace-function-calls = x",
    "min-free-check-interval = x",
]
# Only some versions stop here, or for reasons beyond the line: spinup lets them pass, unless all stop.
LENIENT = [
    "cores = 4K", "min-free = 1G", "cores = 99999999999999999999", "max-jobs = 4294967296", "repeat = x",
    "always-allow-substitutes = x", "use-cgroups = x", "auto-allocate-uids = x", "use-xdg-base-directories = x",
    "download-buffer-size = x", "max-substitution-jobs = x", "filetransfer-retry-attempts = x",
    "debugger-on-trace = x", "max-call-depth = x", "substituters = nonsense", "fsync-store-paths = x", "netrc-file =",
    "diff-hook = x",
    "plugin-files = /gone.so",
]
# nix-hash opens no store: it can fail over the configuration alone.
ASK = f"while IFS= read -r line; do NIX_CONFIG=$line {PROFILE}/nix-hash --type sha256 --to-base16 {'0' * 64} " \
    ">/dev/null 2>&1; echo $?; done"


def _spinup_says(pod, lines):
    """The broken ones among lines, which are put together into one NIX_CONFIG."""
    broken = set()
    for begin in range(0, len(lines), MOST):
        part = lines[begin:begin + MOST]
        document = pod.exec(["spinup", "probe", "nix", "--json"], user="trusted",
                            env={"NIX_CONFIG": "\n".join(part)}).stdout
        for finding in json.loads(document)["findings"]:
            if finding["id"] == "nix-conf-malformed":
                broken.add(part[int(re.match(r"NIX_CONFIG:(\d+): ", finding["detail"])[1]) - 1])
    return broken


def _ask(lab, image):
    lines = [*LINES, *LENIENT]
    with lab.pod(image=image, daemon="none") as pod:
        answers = pod.exec(["/bin/sh", "-c", ASK], user="trusted", stdin="".join(f"{line}\n" for line in lines))
        answers = answers.stdout.split()
        assert len(answers) == len(lines)
        return {line for line, answer in zip(lines, answers) if answer != "0"}, _spinup_says(pod, lines)


@pytest.fixture(scope="module")
def verdicts(lab, spinup, nix_versions):
    """{image: (lines that break the real nix, lines that spinup calls broken)}"""
    assert spinup and nix_versions
    return side_by_side(lambda image: _ask(lab, image), {image: image for image in IMAGES})


@pytest.mark.parametrize("image", IMAGES)
def test_what_breaks_the_real_nix_is_called_broken(verdicts, image):
    real, said = taken(verdicts, image)
    assert real & set(LINES) == said & set(LINES)
    assert len(real) > 30 and len(set(LINES) - real) > 20


@pytest.mark.parametrize("image", IMAGES)
def test_nothing_that_works_is_called_broken(verdicts, image):
    real, said = taken(verdicts, image)
    assert said <= real
