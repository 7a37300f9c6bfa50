# SPDX-License-Identifier: Zlib
"""The demo shows what it promises."""

import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parents[1] / "lab/demo.py"


def test_every_scene_ends_as_it_should(lab, spinup):
    """Doctor's page, the run, GITHUB_ENV, the next step's fetch, dead caches, a wrong toolchain, an image
    without Nix; in this order."""
    assert lab and spinup  # what the demo needs is there
    result = subprocess.run([sys.executable, DEMO], capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    scenes = result.stdout.split("\n== ")[1:]
    words = ["READY", "READY", "extra-substituters", "copying path", "DEGRADED", "FAILED", "built by user 30001"]
    assert len(scenes) == len(words)
    for scene, word in zip(scenes, words):
        assert word in scene, scene
