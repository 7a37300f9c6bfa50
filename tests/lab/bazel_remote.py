# SPDX-License-Identifier: Zlib
"""The real Bazel cache of the lab, built once by Go into build/go/bin (./build.sh does it; so can the lab)."""

import json
import os
import shutil
import subprocess

from places import BAZEL_REMOTE, LabError

MODULE = "github.com/buchgr/bazel-remote/v2@v2.6.2"


def make(log=lambda text: None):
    """Builds it where it is missing. `go install MODULE` also asks the proxy for the list of all versions,
    which some proxies refuse; downloading the one version and building in its folder does not."""
    if BAZEL_REMOTE.exists():
        return
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        raise LabError("bazel-remote needs Go 1.21 or newer (go.dev/dl)")
    log(f"building {MODULE}")
    environment = {**os.environ, "GOTOOLCHAIN": "auto", "GOFLAGS": "", "CGO_ENABLED": "0",
                   "GOBIN": str(BAZEL_REMOTE.parent)}
    try:
        found = subprocess.run([go, "mod", "download", "-json", MODULE], env=environment, cwd="/", check=True,
                               capture_output=True, text=True, timeout=300)
        subprocess.run([go, "install", "-ldflags=-s -w", "."], env=environment, cwd=json.loads(found.stdout)["Dir"],
                       check=True, capture_output=True, text=True, timeout=600)
    except subprocess.CalledProcessError as failure:
        raise LabError(f"bazel-remote does not build: {failure.stderr.strip()}") from failure
