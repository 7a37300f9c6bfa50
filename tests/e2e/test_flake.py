# SPDX-License-Identifier: Zlib
"""flake.nix, evaluated by the lab's real nix against a stub of nixpkgs."""

import json
import re

import pytest
from places import REPOSITORY

NIX = "/nix/var/nix/profiles/default/bin/nix"
STUB = REPOSITORY / "tests/lint/nixpkgs-stub/flake.nix"


@pytest.fixture(scope="module")
def pod(lab):
    """A machine with what the evaluation reads of the sources."""
    files = {f"/src/{name}": (REPOSITORY / name).read_text() for name in ("flake.nix", "flake.lock", "agent/version.h")}
    with lab.pod(image="nix", daemon="none", files={**files, "/stub/flake.nix": STUB.read_text()}) as made:
        yield made


def nix(pod, *words):
    """A nix command on the flake, offline."""
    return pod.exec([NIX, "--offline", *words, "--no-write-lock-file", "--override-input", "nixpkgs", "path:/stub"],
                    user="root", timeout=30)


@pytest.mark.parametrize("system", ["x86_64-linux", "aarch64-linux"])
@pytest.mark.parametrize("output", ["packages", "devShells"])
def test_each_output_evaluates(pod, system, output):
    """Down to its derivation."""
    found = nix(pod, "eval", "--raw", f"path:/src#{output}.{system}.default.drvPath").check()
    assert re.fullmatch(r"/nix/store/[0-9a-z]{32}-.*\.drv", found.stdout)


def test_the_package_is_the_versions(pod):
    version = re.search(r'SPINUP_VERSION "(.+)"', (REPOSITORY / "agent/version.h").read_text())[1]
    name = nix(pod, "eval", "--raw", "path:/src#packages.x86_64-linux.default.name").check().stdout
    assert name == f"spinup-{version}"


def test_the_lock_pins_nixpkgs():
    """By commit and hash, so that the same flake is the same build."""
    locked = json.loads((REPOSITORY / "flake.lock").read_text())["nodes"]["nixpkgs"]["locked"]
    assert re.fullmatch("[0-9a-f]{40}", locked["rev"]) and locked["narHash"].startswith("sha256-")


def test_a_broken_flake_is_seen(pod):
    """The check can fail."""
    pod.place({"/broken/flake.nix": (REPOSITORY / "flake.nix").read_text().replace("mkDerivation {", "mkDerivations {"),
               "/broken/agent/version.h": '#define SPINUP_VERSION "1"\n'})
    assert nix(pod, "eval", "--raw", "path:/broken#packages.x86_64-linux.default.drvPath").rc != 0
