# SPDX-License-Identifier: Zlib
"""The closure archives are real: unpacked by hand into an empty /nix they are a Nix that works."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

import archives  # noqa: E402  pylint: disable=wrong-import-position
import images  # noqa: E402  pylint: disable=wrong-import-position
import registration  # noqa: E402  pylint: disable=wrong-import-position
from lab import CONTRACT  # noqa: E402  pylint: disable=wrong-import-position
from visit import listing  # noqa: E402  pylint: disable=wrong-import-position

NAMES = ["nix-2.26.3", "nix-2.26.3-x86_64-linux", "determinate-nix-3.0.0", "determinate-nix-3.0.0-without-nixd",
         "nix-2.8.0"]
NIX = "/nix/var/nix/profiles/default/bin/nix"
EMPTY = {"image": "bare", "tmpfs": ["/nix:0755:0:0"]}


def members(archive):
    """The names of an archive's members."""
    return subprocess.run(["tar", "-tf", archive.path], check=True, text=True, capture_output=True).stdout.splitlines()


def unpack(pod, archive):
    """By hand: the store into /nix/store, what is beside it into /nix."""
    where = Path(f"/proc/{pod.pid}/root/nix")
    words = ["tar", "-xf", archive.path, "-C", where]
    if archive.path.suffix == ".zst":
        subprocess.run([*words, "--strip-components=1", "nix"], check=True)
        subprocess.run([*words, "registration"], check=True)
    else:
        subprocess.run([*words, "--strip-components=1"], check=True)
        (where / ".reginfo").rename(where / "registration")


def load(pod, archive):
    """Registers what was unpacked."""
    script = f"{archive.nix_store_path}/bin/nix-store --load-db </nix/registration; rm /nix/registration"
    pod.exec(["sh", "-ec", script], user="root").check()


@pytest.mark.parametrize("name", NAMES)
def test_an_archive_is_a_whole_closure(lab, name):
    archive = lab.archives[name]
    with lab.pod(**EMPTY) as pod:
        unpack(pod, archive)
        assert registration.paths(pod.read("/nix/registration").popitem()[1]) == archive.paths
        load(pod, archive)
        assert pod.verify_store(archive.nix_store_path) == []
        version = pod.exec([f"{archive.nix_store_path}/bin/nix", "--version"], user="root").check().stdout
    real = "2.26.3" if archive.flavour == "determinate" else archive.version
    assert version == f"nix (Nix) {real}\n"
    assert archive.sha256 == archives.hash_of(archive.path)
    assert archive.nix_store_path in archive.paths and f"-{archive.version}" in archive.nix_store_path


def test_the_store_check_finds_damage(lab):
    archive = lab.archives["nix-2.26.3"]
    nix, cacert = archive.nix_store_path, next(path for path in archive.paths if "cacert" in path)
    with lab.pod(**EMPTY) as pod:
        unpack(pod, archive)
        load(pod, archive)
        script = f"chmod u+w {cacert}/etc/ssl/certs/*; echo >>{cacert}/etc/ssl/certs/ca-bundle.crt; " \
            "mkdir /nix/store/junk; rm -r /nix/store/*-user-environment"
        pod.exec(["sh", "-ec", script], user="root").check()
        problems = "\n".join(pod.verify_store(nix))
    assert f"path '{cacert}' was modified!" in problems
    assert f"path '{archive.profile_store_path}' disappeared" in problems
    assert "/nix/store/junk is not registered" in problems


def test_what_stands_beside_the_store(lab):
    found = {name: [member for member in members(lab.archives[name]) if "store/" not in member] for name in NAMES}
    upstream = "nix-2.26.3-x86_64-linux"
    scripts = [f"{upstream}/{name}" for name in ("", ".reginfo", *sorted(archives.INSTALL_SCRIPTS))]
    assert found == {"nix-2.26.3": ["registration"], "nix-2.8.0": ["registration"], upstream: scripts,
                     "determinate-nix-3.0.0": ["determinate-nixd", "registration"],
                     "determinate-nix-3.0.0-without-nixd": ["registration"]}
    assert not lab.archives[upstream].profile_store_path
    assert not [member for member in members(lab.archives[upstream]) if "user-environment" in member]


def test_a_source_of_the_contract(lab):
    archive = lab.archives["nix-2.26.3"]
    source = lab.source("nix-2.26.3", "dl-stall", "downloads.nix-cache.svc.cluster.local", verified=False)
    assert source == {
        "name": "nix-2.26.3", "kind": "archive", "flavour": "upstream", "version": "2.26.3", "verified": False,
        "files": {"x86_64-linux": {"sha256": archive.sha256, "urls": [
            "http://dl-stall.faults.svc.cluster.local/nix-2.26.3.tar.zst",
            "http://downloads.nix-cache.svc.cluster.local/nix-2.26.3.tar.zst"]}}}
    with lab.pod(image="thin", contract=lab.contract(install=[source])) as pod:
        assert json.loads(pod.read(CONTRACT)[CONTRACT])["install"] == {"sources": [source]}
        assert pod.exec(["stat", "-c", "%a %U", CONTRACT]).stdout == "644 root\n"


def test_thin_has_nothing_that_could_install(lab):
    with lab.pod(image="thin") as pod:
        script = "for name; do command -v $name; done; getent group nixbld; ls -d /nix"
        assert pod.exec(["sh", "-c", script, "-", *images.THIN_LACKS, "nix"]).stdout == ""
        kept = ["bash", "sudo", "ps", "sha256sum", "setsid"]
        found = pod.exec(["sh", "-c", "for name; do command -v $name; done", "-", *kept]).check().stdout
        assert [Path(line).name for line in found.splitlines()] == kept
        assert pod.exec(["ls", "-l", "/usr/bin"]).check().stderr == ""
        assert "/usr/bin/curl" not in pod.visit(listing, "/usr/bin")


def test_processes_of_a_pod(lab):
    with lab.pod(image="thin") as pod:
        pod.start(["/usr/bin/sleep", "1000"], user="runner")
        pod.exec(["sh", "-c", "until pgrep -x sleep; do :; done"]).check()
        found = [process for process in pod.processes() if process.argv == ["/usr/bin/sleep", "1000"]]
    assert [(process.uid, process.state) for process in found] == [(1001, "S")]
