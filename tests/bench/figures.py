# SPDX-License-Identifier: Zlib
"""Runs that are measured inside a pod, and tables of their medians."""

import statistics

from runner_files import KINDS


class Figures:
    """Medians of many runs of one command."""

    def __init__(self, rows):
        self.walls = [row[0] / 1000 for row in rows]
        self.wall = statistics.median(self.walls)
        self.cpu = statistics.median(row[1] for row in rows) / 1000
        self.rss = max(row[2] for row in rows) / 1024
        self.p95 = sorted(self.walls)[int(len(rows) * 0.95)]
        self.statuses = sorted({row[3] for row in rows})

    def times(self, other):
        """How much longer than another's runs, pair by pair: what was measured next to each other met the same pace
        of the machine."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.walls, other.walls))

    def __str__(self):
        return f"{self.wall:9.1f} {self.p95:9.1f} {self.cpu:9.1f} {self.rss:9.1f}   {self.statuses}"


def measure(pod, count, command, env, user="trusted"):
    """Runs a command COUNT times in a pod: rows of wall time, CPU time (microseconds), the largest process (KiB) and
    the exit status."""
    empty = [word for name in KINDS if name in env for word in ("--empty", env[name])]
    result = pod.exec(["/opt/lab/measure", count, *empty, *command], user=user, env=env, timeout=600).check()
    return [tuple(map(int, line.split())) for line in result.stdout.splitlines()]


def report(title, figures):
    """Prints one comparison; the last column is how much longer than the first row."""
    print(f"\n{title}\n  {'':34}  wall ms       p95    CPU ms   RSS MiB   status")
    first = next(iter(figures.values()))
    for name, row in figures.items():
        print(f"  {name:34} {row}   x{row.times(first):.2f}", flush=True)


def aim(text, value, most):
    """Prints what a figure should be, and is."""
    print(f"  aim: {text} at most {most:g}: {value:.2f}, {'met' if value <= most else 'MISSED'}")
