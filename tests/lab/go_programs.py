# SPDX-License-Identifier: Zlib
"""The lab's programs in Go, built once into build/go/bin (./build.sh does it; so can the lab), and one that only the
benchmark wants, which builds it itself."""

import json
import os
import shutil
import subprocess

from places import GO_PROGRAMS, LabError

MODULES = {
    "bazel-remote": "github.com/buchgr/bazel-remote/v2@v2.6.2",  # the Bazel cache
    "act": "github.com/nektos/act@v0.2.87",                      # an engine that runs workflows
}
BENCHMARKED = {"grpc-health-probe": "github.com/grpc-ecosystem/grpc-health-probe@v0.4.62"}


def make(program, log=lambda text: None):
    """Builds it where it is missing; returns its path. `go install MODULE` also asks the proxy for the list of
    all versions, which some proxies refuse; downloading the one version and building in its folder does not."""
    path, module = GO_PROGRAMS / program, {**MODULES, **BENCHMARKED}[program]
    if path.exists():
        return path
    go = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
    if not go:
        raise LabError(f"{program} needs Go 1.21 or newer (go.dev/dl)")
    log(f"building {module}")
    environment = {**os.environ, "GOTOOLCHAIN": "auto", "GOFLAGS": "", "CGO_ENABLED": "0",
                   "GOBIN": str(GO_PROGRAMS)}
    try:
        found = subprocess.run([go, "mod", "download", "-json", module], env=environment, cwd="/", check=True,
                               capture_output=True, text=True, timeout=300)
        subprocess.run([go, "install", "-ldflags=-s -w", "."], env=environment, cwd=json.loads(found.stdout)["Dir"],
                       check=True, capture_output=True, text=True, timeout=600)
    except subprocess.CalledProcessError as failure:
        raise LabError(f"{program} does not build: {failure.stderr.strip()}") from failure
    return path
