# SPDX-License-Identifier: Zlib
"""What stands in the lab for programs that cannot be had: how a test places them, and what they wrote down."""

from dataclasses import dataclass

from places import HERE
from visit import File, Folder

SOURCES = HERE / "standins"
UNITS = "/etc/systemd/system"
PROGRAMS = {
    "determinate": "@/usr/local/bin/determinate-nixd determinate-nixd daemon",
    "upstream": "@/nix/var/nix/profiles/default/bin/nix-daemon nix-daemon --daemon",
}


@dataclass
class Call:
    """How a stand-in was run."""
    argv: list  # without the program's own name
    env: dict


def calls(pod, program):
    """Every call so far of nix-installer (install and uninstall) or systemctl in a pod, in order."""
    words = (pod.read(f"/opt/lab/{program}.calls").popitem()[1] or "").split("\0")[:-1]
    found = []
    while words:
        count = int(words.pop(0))
        argv, words = words[:count], words[count:]
        end = words.index("")
        found.append(Call(argv, dict(word.split("=", 1) for word in words[:end])))
        words = words[end + 1:]
    return found


def systemd(flavour="upstream", fails=False):
    """The files of a pod whose init is systemd, as far as one looks: /run/systemd/system, systemctl, and the units of
    nix-daemon, whose program is that of the flavour (None: no units). fails: every start fails."""
    files = {"/run/systemd/system": Folder(), "/run/systemd/lab": Folder(),
             "/usr/bin/systemctl": File((SOURCES / "systemctl").read_text(), 0o755)}
    if flavour:
        files[f"{UNITS}/nix-daemon.service"] = f"[Service]\nExecStart={PROGRAMS[flavour]}\nKillMode=process\n"
        files[f"{UNITS}/nix-daemon.socket"] = "[Socket]\nListenStream=/nix/var/nix/daemon-socket/socket\n"
    if fails:
        files["/run/systemd/lab/fails"] = ""
    return files
