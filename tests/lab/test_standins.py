# SPDX-License-Identifier: Zlib
"""The stand-ins keep the command lines, the files and the failures of the programs that cannot be had."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

import standins  # noqa: E402  pylint: disable=wrong-import-position
from pod import DAEMON_SOCKET, PROFILE  # noqa: E402  pylint: disable=wrong-import-position
from visit import File  # noqa: E402  pylint: disable=wrong-import-position

NIX = f"{PROFILE}/bin/nix"
NIXD = "/usr/local/bin/determinate-nixd"
INSTALLER = "/tmp/nix-installer"
INSTALL = [INSTALLER, "install", "linux", "--determinate", "--init", "none", "--no-modify-profile", "--no-confirm"]
QUIET = {"DETSYS_IDS_TELEMETRY": "disabled"}
# Without these the lab's Nix would look for caches that the lab does not have.
CONF = {"NIX_INSTALLER_EXTRA_CONF": "substituters =\nsandbox = false\ntrusted-users = root trusted"}
# Waits until a daemon answers at the socket; the command's own time limit bounds it.
WAIT = f"until NIX_REMOTE=daemon {NIX} store info >/dev/null 2>&1; do :; done"


def installable(lab_, variant="", **pod):
    """A pod of the image thin with an installer in it."""
    program = File(lab_.installer(variant).path.read_bytes(), 0o755)
    return lab_.pod(**{"image": "thin", **pod}, files={INSTALLER: program})


def states(pod):
    """The states in the receipt, shortened to their first letters; None where there is none."""
    text = pod.read("/nix/receipt.json").popitem()[1]
    return text and "".join(row["state"][0] for row in json.loads(text)["actions"])


def test_determinate_nixd_supervises_the_daemon(lab):
    files = {"/etc/nix/nix.conf": "max-jobs = 7\n"}
    with lab.pod(image="determinate", daemon="none", files=files) as pod:
        pod.start([NIXD, "daemon"])
        pod.exec(["bash", "-c", WAIT], timeout=10).check()
        info = pod.exec([NIX, "store", "info"], user="trusted").check()
        assert "Trusted: 1" in info.stdout + info.stderr  # from nix.custom.conf
        conf = pod.read("/etc/nix/nix.conf").popitem()[1]
        assert conf.startswith("# DETERMINATE NIX CONFIG\n# do not modify! this file will be replaced!\n\n"
                               "!include nix.custom.conf\n")
        assert "netrc-file = /nix/var/determinate/netrc\n" in conf and "max-jobs = 7" not in conf
        assert pod.exec(["stat", "-c", "%a %U", "/nix/var/determinate"]).stdout == "755 root\n"
        found = {process.argv[-1].rpartition("/")[2]: process for process in pod.processes()}
        assert found["nix-daemon"].parent == found["daemon"].pid
        pod.exec(["kill", str(found["daemon"].pid)], user="root").check()
        pod.exec(["sh", "-c", "while pgrep -f '[n]ix-daemon' >/dev/null; do :; done"], timeout=10).check()
        assert not [process for process in pod.processes() if NIXD in process.argv]


def test_determinate_nixd_command_lines(lab):
    with lab.pod(image="determinate", daemon="none", files={"/etc/nix/nix.conf": None}) as pod:
        assert pod.exec([NIXD, "version"]).check().stdout.startswith("Determinate Nixd daemon version: 3.0.0\n")
        assert pod.exec([NIXD, "init"], user="root").rc == 2
        pod.exec([NIXD, "init", "--stop-after", "nix-configuration"], user="root").check()
        assert "!include nix.custom.conf" in pod.read("/etc/nix/nix.conf").popitem()[1]
        assert "must be run as root" in pod.exec([NIXD, "daemon"]).stderr
        result = pod.exec([NIXD, "--nix-bin", "/nowhere", "daemon"], user="root")
        assert result.rc == 127 and "/nowhere/nix-daemon" in result.stderr


def test_the_installer_installs(lab):
    with installable(lab) as pod:
        result = pod.exec(INSTALL, user="root", env={**QUIET, **CONF}).check()
        assert states(pod) == "C" * 8
        assert "telemetry" not in result.stderr and "WARN Self-test failed" in result.stderr
        assert pod.verify_store() == []
        assert pod.closure() == lab.archives["determinate-nix-3.0.0"].paths
        assert pod.exec(["stat", "-c", "%a %u:%g", "/nix", "/nix/store", NIXD, "/nix/nix-installer",
                         "/etc/nix/nix.custom.conf"]).stdout.splitlines() == [
            "755 0:0", "1775 0:30000", "555 0:0", "755 0:0", "644 0:0"]
        assert pod.read("/etc/nix/nix.custom.conf").popitem()[1].splitlines() == [
            "# Written by https://github.com/DeterminateSystems/nix-installer.",
            *CONF["NIX_INSTALLER_EXTRA_CONF"].splitlines()]
        assert pod.exec(["id", "nixbld32"]).stdout == "uid=30032(nixbld32) gid=30000(nixbld) groups=30000(nixbld)\n"
        assert len(pod.exec(["getent", "group", "nixbld"]).stdout.split(",")) == 32
        assert pod.exec(["ls", "/nix"]).stdout.split() == ["nix-installer", "receipt.json", "store", "var"]
        assert pod.exec(["test", "-e", DAEMON_SOCKET]).rc == 1  # it starts none
        pod.start([NIXD, "daemon"])
        pod.exec(["bash", "-c", WAIT], timeout=10).check()
        build = 'derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo >$out" ]; }'
        pod.exec([NIX, "build", "--no-link", "--expr", build]).check()


def test_an_installed_receipt(lab):
    with installable(lab, sudo=True) as pod:
        pod.exec(INSTALL, env={**QUIET, **CONF}).check()  # by sudo
        before = pod.read("/nix/receipt.json")
        again = pod.exec(INSTALL, user="root", env={**QUIET, **CONF}).check()
        assert "Nothing to do" in again.stderr
        other = pod.exec([*INSTALL, "--extra-conf", "access-tokens = github.com=x"], user="root", env={**QUIET, **CONF})
        assert other.rc == 1 and "different planner settings" in other.stderr
        assert pod.read("/nix/receipt.json") == before
        pod.place({"/nix/receipt.json": "{"})
        assert "Unable to parse" in pod.exec(INSTALL, user="root", env=QUIET).stderr
        argv = [call.argv for call in standins.calls(pod, "nix-installer")]
        assert argv == [INSTALL[1:], INSTALL[1:], [*INSTALL[1:], "--extra-conf", "access-tokens = github.com=x"],
                        INSTALL[1:]]


def test_what_the_installer_was_given(lab):
    with installable(lab) as pod:
        result = pod.exec(INSTALL, user="root", env={"SECRET": "visible"})
        assert 'DETSYS_IDS_TELEMETRY is not "disabled"' in result.stderr
        (call,) = standins.calls(pod, "nix-installer")
        assert call.env["SECRET"] == "visible" and "DETSYS_IDS_TELEMETRY" not in call.env


@pytest.mark.parametrize("variant, place, text, expected", [
    ("", {"tmpfs": ["/nix"]}, "world-writable", "CCCCPUUU"),
    ("fails-late", {}, "fails here", "CCCCPUUU"),
    ("needs-useradd", {}, "install groupadd or addgroup", "CCCPUUUU"),
    ("", {"files": {"/etc/nix/nix.custom.conf": "sandbox = true\n"}}, "key(s) sandbox (UnmergeableConfig)", "CCCCPUUU"),
    ("", {"image": "nix", "daemon": "none"}, "nix-env is already in PATH", None),
    ("", {"files": {"/etc/NIXOS": ""}}, "NixOS already has Nix", None),
])
def test_a_failed_installation_leaves_what_it_did(lab, variant, place, text, expected):
    with installable(lab, variant, **{name: value for name, value in place.items() if name != "files"}) as pod:
        pod.place(place.get("files", {}))
        env = {**QUIET, **CONF, "PATH": f"{PROFILE}/bin:/usr/bin:/bin"}
        result = pod.exec(INSTALL, user="root", env=env)
        assert result.rc == 1 and text in result.stderr, result
        assert states(pod) == expected
        assert pod.exec(["test", "-e", "/nix/nix-installer"]).rc == 1


@pytest.mark.parametrize("signal, status, expected", [("TERM", 1, "CCPUUUUU"), ("KILL", 137, None)])
def test_an_installer_that_hangs(lab, signal, status, expected):
    with installable(lab, "hangs") as pod:
        script = f"{' '.join(INSTALL)} & pid=$!; until pgrep -x sleep -P $pid >/dev/null; do :; done; " \
            f"kill -{signal} $pid; wait $pid"
        assert pod.exec(["sh", "-c", script], user="root", env=QUIET).rc == status
        assert states(pod) == expected
        assert pod.exec(["ls", "/nix"]).stdout == ("receipt.json\n" if expected else "") + "temp-install-dir\n"


@pytest.mark.parametrize("tmpfs", [[], ["/nix:0755:0:0"]])
def test_the_installer_takes_it_all_back(lab, tmpfs):
    with installable(lab, tmpfs=tmpfs) as pod:
        pod.exec(INSTALL, user="root", env=QUIET).check()
        pod.exec(["/nix/nix-installer", "uninstall", "--no-confirm"], user="root", env=QUIET).check()
        script = f"ls -dA /nix /nix/* {NIXD} /etc/nix; grep -h nixbld /etc/passwd /etc/group"
        assert pod.exec(["sh", "-c", script]).stdout == ("/nix\n" if tmpfs else "")
        assert pod.exec(["/tmp/nix-installer", "uninstall"], user="root").rc == 1


@pytest.mark.parametrize("image, flavour", [("nix", "upstream"), ("determinate", "determinate")])
def test_systemd_starts_the_daemon(lab, image, flavour):
    with lab.pod(image=image, daemon="none", sudo=True, files=standins.systemd(flavour)) as pod:
        assert pod.exec(["systemctl", "is-active", "nix-daemon.socket"], user="root").rc == 3
        words = ["systemctl", "start", "nix-daemon.socket", "nix-daemon.service"]
        pod.exec(["sudo", "-n", *words], env={"SECRET": "x"}).check()
        pod.exec(["bash", "-c", WAIT], timeout=10).check()
        assert pod.exec(["systemctl", "is-active", "nix-daemon.service"], user="root").check().stdout == "active\n"
        assert standins.calls(pod, "systemctl")[1].argv == words[1:]
        found = {process.pid: process for process in pod.processes()}
        daemon = next(process for process in found.values() if process.argv and "nix-daemon" in process.argv[0])
        assert (daemon.uid, found[daemon.session].parent) == (0, 1)
        pod.exec(["systemctl", "stop", "nix-daemon.service"], user="root").check()
        pod.exec(["sh", "-c", "while pgrep -f '[n]ix-daemon' >/dev/null; do :; done"], timeout=10).check()


def test_systemd_that_fails(lab):
    with lab.pod(image="nix", daemon="none", files=standins.systemd(fails=True)) as pod:
        assert "Job for nix-daemon.service failed" in pod.exec(["systemctl", "start", "nix-daemon.service"],
                                                               user="root").stderr
    with lab.pod(image="nix", daemon="none", files=standins.systemd(None)) as pod:
        result = pod.exec(["systemctl", "start", "nix-daemon.service"], user="root")
        assert result.rc == 5 and "Unit nix-daemon.service not found" in result.stderr
