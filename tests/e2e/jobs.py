# SPDX-License-Identifier: Zlib
"""Jobs of one step each or a few, for act: how their workflows are put together, and what they leave behind."""

import json

import act

ATTIC = "http://attic.nix-cache.svc.cluster.local"
BAZEL = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
LEFT = act.LEFT
DEAD = {"attic": "refused", "bazel": "refused"}
NO_BASH = {"/usr/bin/bash": None}
# What a job is told by; act sets the rest itself.
OURS = ("ATTIC_", "BAZEL_", "NIX_", "SPINUP_")


def workflow(*steps, label=act.LABEL, **keys):
    """The text of a workflow with one job, keys being more of the job's; JSON is YAML, and quotes whatever a test
    puts in."""
    return json.dumps({"on": ["push", "pull_request"], "jobs": {"build": {
        "runs-on": label, "steps": [{"uses": "actions/checkout@v4"}, *steps], **keys}}})


def use(action, step="spinup", **inputs):
    """A step that uses one of ours; underscores in names of inputs stand for dashes."""
    return {"id": step, "name": step, "uses": f"{act.ACTION}/actions/{action}@{act.REF}",
            "with": {name.replace("_", "-"): value for name, value in inputs.items()}}


def look(name="look", condition="always()", **env):
    """A step that leaves its environment behind, for left()."""
    return {"name": name, "if": condition, "shell": "sh", "run": f"env -0 >{LEFT}/{name}; command -v nix || :",
            "env": env}


def left(pod, name="look"):
    """The environment that a look() saw; None where it did not run."""
    text = pod.read(f"{LEFT}/{name}")[f"{LEFT}/{name}"]
    return None if text is None else dict(item.split("=", 1) for item in text.split("\0") if item)


def exists(pod, name):
    """Whether a step left this file."""
    return pod.read(f"{LEFT}/{name}")[f"{LEFT}/{name}"] is not None


def job(lab, *steps, keys=None, how=None, label=act.LABEL, user="trusted", **kind):
    """Runs one job on a fresh runner; returns (Job, the environment that look() saw). keys are more of the job's,
    how is more of act.run's, kind act.pod's."""
    with act.pod(lab, user=user, **kind) as pod:
        done = act.run(pod, workflow(*steps, label=label, **(keys or {})), label=label, user=user, **(how or {}))
        return done, left(pod)


def ours(environment):
    """The part of an environment that is spinup's to write."""
    return {name: value for name, value in environment.items()
            if name.startswith(OURS) and name != "SPINUP_CONTRACT"}


def assert_hidden(done, secrets):
    """No secret is in anything that act shows; it masks nothing here."""
    for name, secret in secrets.items():
        assert secret not in str(done) and secret not in done.summary, f"{name} is shown"


def token_env(name="ATTIC_TOKEN"):
    """A job's env with a secret in it."""
    return {"env": {name: f"${{{{ secrets.{name} }}}}"}}
