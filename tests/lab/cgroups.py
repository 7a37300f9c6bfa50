# SPDX-License-Identifier: Zlib
"""Real memory and CPU limits for pods, as a lane's envelope sets them: cgroup v2, or v1's controllers."""

import itertools
import os
import subprocess
import threading
import time
from pathlib import Path

from places import BOX, LabError

ROOT = Path("/sys/fs/cgroup")
PREFIX = "spinup-lab-"
PERIOD_US = 100000
NUMBERS = itertools.count()  # of this process: it may have several labs
# controller: the file of a limit in its hierarchy, v1
V1 = {"memory": "memory.limit_in_bytes", "cpu": "cpu.cfs_quota_us"}

# What runc allows: nodes may be made, and a container's own devices opened.
ALLOWED = ("c *:* m", "b *:* m", "c 1:* rwm", "c 5:* rwm", "c 136:* rwm")


def _remove_dead(folder):
    """Removes what a lab left that was killed: its directories name its process."""
    for path in folder.glob(f"{PREFIX}*"):
        if not Path("/proc", path.name.removeprefix(PREFIX).partition("-")[0]).exists():
            try:
                path.rmdir()
            except OSError:
                pass  # still in use: by a process that outlived its lab


class Cgroups:
    """The limits of one lab; each pair of them is one cgroup a hierarchy, shared by its pods."""

    def __init__(self):
        self.made = {}
        self.lock = threading.Lock()  # pods are made side by side
        self.unified = (ROOT / "cgroup.controllers").exists()

    def limit(self, memory, cpus):
        """box's --cgroup values for these limits (bytes, number; None: none); empty where this machine's
        cgroups cannot be written."""
        with self.lock:
            if (memory, cpus) not in self.made:
                try:
                    self.made[memory, cpus] = self._make(memory, cpus)
                except OSError:
                    self.made[memory, cpus] = []
            return self.made[memory, cpus]

    def _make(self, memory, cpus):
        name = f"{PREFIX}{os.getpid()}-{next(NUMBERS)}"
        quota = int(cpus * PERIOD_US) if cpus else -1
        if self.unified:
            folder = self._folder(ROOT, name)
            (folder / "memory.max").write_text(str(memory or "max"))
            (folder / "cpu.max").write_text(f"{quota if cpus else 'max'} {PERIOD_US}")
            return [f"v2={folder}"]
        made = []
        for controller, value in (("memory", memory or -1), ("cpu", quota)):
            folder = self._folder(ROOT / controller, name)
            (folder / V1[controller]).write_text(str(value))
            made.append(f"{controller}={folder}")
        return made

    def deny(self, device, version):
        """box's --cgroup value of a group in which a character device ("10:232") cannot be opened: by a container
        runtime's list of version 1, which does not name it, or by a program of version 2."""
        with self.lock:
            if (device, version) not in self.made:
                self.made[device, version] = [self._deny(device, version)]
            return self.made[device, version]

    def _deny(self, device, version):
        name = f"{PREFIX}{os.getpid()}-{next(NUMBERS)}"
        try:
            if version == 1:
                folder = self._folder(ROOT / "devices", name)
                (folder / "devices.deny").write_text("a")
                for rule in ALLOWED:
                    (folder / "devices.allow").write_text(rule)
                return f"devices={folder}"
            folder = self._folder(ROOT if self.unified else ROOT / "unified", name)
            subprocess.run([BOX.parent / "device_deny", folder, device], check=True, capture_output=True, text=True)
            return f"v2={folder}"
        except subprocess.CalledProcessError as failure:
            raise LabError(f"cgroup version {version}: {failure.stderr.strip()}") from failure
        except OSError as failure:
            raise LabError(f"device control groups of version {version}: {failure}") from failure

    @staticmethod
    def _folder(parent, name):
        _remove_dead(parent)
        (parent / name).mkdir()
        return parent / name

    def close(self):
        """Removes them once their last process is gone, and those of labs that were killed."""
        end = time.monotonic() + 5
        paths = [Path(value.partition("=")[2]) for values in self.made.values() for value in values]
        for path in paths:
            while path.exists():
                try:
                    path.rmdir()
                except OSError:
                    if time.monotonic() > end:
                        break
                    time.sleep(0.005)
        for parent in {path.parent for path in paths}:
            _remove_dead(parent)
        self.made = {}
