# SPDX-License-Identifier: Zlib
"""Real memory and CPU limits for pods, as a lane's envelope sets them: cgroup v2, or v1's controllers."""

import os
import threading
import time
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PREFIX = "spinup-lab-"
PERIOD_US = 100000
# controller: the file of a limit in its hierarchy, v1
V1 = {"memory": "memory.limit_in_bytes", "cpu": "cpu.cfs_quota_us"}


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
        name = f"{PREFIX}{os.getpid()}-{len(self.made)}"
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
