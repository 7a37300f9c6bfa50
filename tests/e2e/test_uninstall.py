# SPDX-License-Identifier: Zlib
"""What spinup has installed, taken back: that and nothing else, whatever lies beside it, and whenever the installation
or an earlier try was killed."""

import os
from concurrent.futures import ThreadPoolExecutor

import pytest
import standins
import stepping
from lab import CONTRACT
from test_install import assert_whole, build, install, thin
from visit import File, Folder

INSTALL = ["spinup", "install", "--label", "tinyland-nix", "--contract", CONTRACT]
UNINSTALL = ["spinup", "install", "--uninstall"]
WORKERS = 2
FOREIGN = "/nix/store/0c8h6r4m1q0yq3b9y8a2r1v9z7w5x4s3-precious-1.0"


def uninstall(pod, *words):
    """As root; the result."""
    return pod.exec([*UNINSTALL, *words], user="root", timeout=60)


def shell(pod, script, user="root"):
    """What a script says."""
    return pod.exec(["sh", "-ec", script], user=user).check().stdout


def _machine():
    """What an installation changes outside /nix (determinate-nixd's own nix.conf is its own), what lies beside it
    hidden, and what is in /nix."""
    texts = {path: open(path, encoding="ascii").read() for path in
             ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/nix/nix.custom.conf") if os.path.exists(path)}
    names = {path: sorted(os.listdir(path)) for path in ("/", "/usr/local/bin", "/nix") if os.path.exists(path)}
    names["/etc"] = [name for path in ("/etc", "/etc/nix") if os.path.exists(path) for name in sorted(os.listdir(path))
                     if name[0] == "." and name != ".pwd.lock"]  # which is of every tool that makes users
    return texts, names


def test_uninstalled(lab, spinup):
    """What spinup put there goes, and nothing else."""
    assert spinup
    with thin(lab, lab.source("determinate-nix-3.0.0")) as pod:
        before = pod.visit(_machine)
        install(pod)
        assert pod.visit(_machine) != before
        result = uninstall(pod)
        assert result.rc == 0 and "removed the Nix that spinup had installed" in result.stdout, result.stderr
        assert pod.visit(_machine) == before
        assert not [process for process in pod.processes() if "nix-daemon" in " ".join(process.argv)]
        result = uninstall(pod)
        assert result.rc == 0 and "nothing was removed" in result.stdout
        assert pod.exec(UNINSTALL).rc == 2


def test_a_store_that_has_grown_is_kept(lab, spinup):
    """Unless it is forced."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        before = pod.visit(_machine)
        install(pod)
        build(pod)
        result = uninstall(pod)
        assert result.rc == 1 and "paths that spinup did not put there" in result.stderr
        assert_whole(pod, lab.archives["nix-2.26.3"])
        assert uninstall(pod, "--force").rc == 0
        assert pod.visit(_machine) == before


def test_a_store_that_cannot_be_looked_through_is_kept(lab, spinup):
    """It may hold what others need."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        install(pod)
        shell(pod, f"mkdir {FOREIGN}; chmod 0775 /nix/store")
        result = uninstall(pod)
        assert result.rc == 3 and "cannot be seen what else the store holds" in result.stderr, result.stderr
        assert "can be changed by others" in result.stderr
        assert shell(pod, f"ls -d {FOREIGN}; ls -d /nix/var/nix/db")


def test_what_others_have_in_nix_stays(lab, spinup):
    """So does a /nix that was there before."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), files={"/nix": Folder(0o755), "/nix/var": Folder(0o755)}) as pod:
        shell(pod, "mkdir /nix/var/lib; echo mine >/nix/var/lib/precious; echo mine >/nix/other")
        install(pod)
        assert uninstall(pod).rc == 0
        assert shell(pod, "cd /nix; find . | sort").split() == [".", "./other", "./var", "./var/lib", "./var/lib/precious"]
    with thin(lab, lab.source("nix-2.26.3"), files={"/nix": Folder(0o755)}) as pod:
        install(pod)
        assert uninstall(pod).rc == 0
        assert shell(pod, "ls -A /nix") == "" and shell(pod, "ls -d /nix") == "/nix\n"


def test_what_is_left_without_a_manifest_is_cleared(lab, spinup):
    """An installation that was killed before it had written down anything."""
    assert spinup
    files = {"/nix": Folder(0o755), "/nix/.spinup-installing": "store\n", "/nix/.spinup": Folder(0o700),
             "/nix/.spinup/lock": "", "/nix/.spinup/staging/x": ""}
    with thin(lab, lab.source("nix-2.26.3"), files=files) as pod:
        result = uninstall(pod)
        assert result.rc == 0 and "nothing was removed" in result.stdout, result.stderr
        assert shell(pod, "ls -A /nix") == ""


def test_a_mount_in_it_is_named_and_nothing_goes(lab, spinup, tmp_path):
    """What is mounted there is not Nix's."""
    assert spinup
    (tmp_path / "precious").write_text("mine")
    place = {"files": {"/nix": Folder(0o755)}, "binds": [f"{tmp_path}:/nix/var/nix/gcroots/shared"]}
    with thin(lab, lab.source("nix-2.26.3"), **place) as pod:
        install(pod)
        result = uninstall(pod)
        assert result.rc == 3 and "nix/gcroots/shared is a mount of its own" in result.stderr, result.stderr
        assert_whole(pod, lab.archives["nix-2.26.3"])
        assert build(pod) in range(30001, 30033)  # its daemon runs on
        assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("name", ["/nix/.spinup", "/nix/.spinup-installing"])
def test_a_planted_name_is_said_with_its_cure(lab, spinup, name):
    """While /nix was open to everybody a directory was put where spinup keeps something."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), tmpfs=["/nix"]) as pod:
        shell(pod, f"mkdir {name}", user="runner")
        report = install(pod, rc=1)
        (row,) = [row for row in report["findings"] if row["id"] == "repair-failed"]
        assert name in row["detail"] and "remove it" in row["detail"] and "RUNNER_TEMP" not in row["detail"], row
        shell(pod, f"rmdir {name}")
        install(pod)


# ---- the installer that was left there

def test_another_program_in_the_installers_place_is_not_run(lab, spinup):
    """/nix was open for a while, or somebody has replaced it: root runs only what spinup has run before."""
    assert spinup
    planted = "printf '#!/bin/sh\\nid >/run-by-root\\n' >/nix/planted; chmod 755 /nix/planted; mv /nix/planted /nix/nix-installer"
    for user, word in (("runner", "belongs to user 1001"), ("root", "which spinup has not run")):
        with thin(lab, lab.source(lab.installer()), tmpfs=["/nix"]) as pod:
            install(pod)
            shell(pod, "chmod 0777 /nix")
            shell(pod, planted, user=user)
            result = uninstall(pod)
            assert result.rc == 1 and "/nix/nix-installer was not run" in result.stderr and word in result.stderr, result
            assert pod.read("/run-by-root") == {"/run-by-root": None}
            assert standins.calls(pod, "nix-installer")[-1].argv[0] == "install"
            assert shell(pod, "ls -A /nix").split() == ["nix-installer", "receipt.json"]


def test_an_installer_that_left_no_copy_blocks_nothing(lab, spinup):
    """It failed, and another source was used."""
    assert spinup
    with thin(lab, lab.source(lab.installer("needs-useradd")), lab.source("nix-2.26.3")) as pod:
        install(pod)
        result = uninstall(pod, "--force")
        assert result.rc == 0, result.stderr
        assert [call.argv[0] for call in standins.calls(pod, "nix-installer")] == ["install"]


# ---- kills

def points(calls, count):
    """Some of them, the first and the last ten among them."""
    return sorted({*range(1, 11), *range(1, calls + 1, max(1, calls // count)), *range(max(1, calls - 9), calls + 1)})


def differs(pod, before):
    """What is not as it was."""
    after = pod.visit(_machine)
    return [] if after == before else [(after[kind][name], before[kind].get(name)) for kind in (0, 1)
                                       for name in after[kind] if after[kind][name] != before[kind].get(name)]


def taken_back(lab, source, number, is_installed):
    """Kills an installation, or an uninstallation, at one point, and uninstalls; what is wrong then, or None."""
    with thin(lab, source) as pod:
        before = pod.visit(_machine)
        if is_installed:
            install(pod)
        run = stepping.killed(pod, number, UNINSTALL if is_installed else INSTALL)
        result = uninstall(pod)
        wrong = differs(pod, before) or ([] if result.rc == 0 else [result.stdout + result.stderr])
        return f"{number} {run.steps}: {wrong}" if wrong else None


@pytest.mark.parametrize("is_installed", [False, True], ids=["installing", "uninstalling"])
def test_killed_at_any_point_it_is_taken_back(lab, spinup, is_installed):
    """Neither a user nor a line, a lock, a journal or half a file is left."""
    assert spinup
    source = lab.source("determinate-nix-3.0.0")
    with thin(lab, source) as pod:
        if is_installed:
            install(pod)
        run = stepping.listed(pod, UNINSTALL if is_installed else INSTALL)
        assert run.status == 0, run.result
    # Unlinks make nearly all of an uninstallation, and the store's are all alike.
    chosen = points(run.calls, 40)
    chosen += [step.number for step in run.steps if step.call.startswith("rename")]
    with ThreadPoolExecutor(WORKERS) as pool:
        failures = [text for text in pool.map(lambda number: taken_back(lab, source, number, is_installed),
                                              sorted(set(chosen))) if text]
    assert not failures, f"{len(failures)} of {len(chosen)}:\n" + "\n".join(failures[:10])


KEPT = {"passwd", "group", "shadow", "nix.conf", "manifest", ".spinup-installing"}


def test_what_a_kill_leaves_beside_a_file_goes_with_the_next_one(lab, spinup):
    """A copy of the shadow passwords that waited for its rename, among others."""
    assert spinup
    place = {"files": {"/etc/shadow": File("root:!:1::::::\n", 0o600)}}
    with thin(lab, lab.source("nix-2.26.3"), **place) as pod:
        run = stepping.listed(pod, INSTALL)
    moves = {step.paths[-1]: step.number for step in run.steps if step.call.startswith("rename") and step.paths[-1] in KEPT}
    assert set(moves) == KEPT, moves
    for name, number in moves.items():
        with thin(lab, lab.source("nix-2.26.3"), **place) as pod:
            stepping.killed(pod, number, INSTALL)
            hidden = "ls -A /nix /etc /etc/nix /nix/.spinup 2>/dev/null | grep '^[.].*[.]spinup$'"
            assert shell(pod, f"{hidden} || :").split() == [f".{name}.spinup"]
            install(pod)
            assert shell(pod, f"{hidden} || :") == "", name
