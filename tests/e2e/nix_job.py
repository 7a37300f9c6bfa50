# SPDX-License-Identifier: Zlib
"""A job on a machine with a real Nix: one `spinup run`, and what the real nix makes of what was written."""

import json
import re

from lab import CONTRACT
from report import Report
from runner_files import RunnerFiles, next_environment

SERVER = "http://attic.nix-cache.svc.cluster.local"
CACHE = f"{SERVER}/main"
PROFILE = "/nix/var/nix/profiles/default/bin"
SHOW = {"nix-old": ["show-config"], "": ["config", "show"]}  # by image; renamed in 2.20
CONF = """build-users-group = nixbld
trusted-users = root trusted
experimental-features = nix-command flakes
substituters =
sandbox = false
"""


def realise(pod, lab, environment, *, user, name="hello"):
    """Fetches a path that only the cache has."""
    return pod.exec([f"{PROFILE}/nix-store", "--realise", lab.paths[name]], user=user, env=environment, timeout=20)


class Job:
    """One `spinup run` and the step after it, on one machine.

    conf is the whole /etc/nix/nix.conf, or None for the image's own; prepare is a command that root runs first; the
    others are Lab.pod's."""

    def __init__(self, lab, *, user="trusted", conf=CONF, env=None, files=None, prepare=None, **place):
        self.lab, self.user = lab, user
        files = {**({"/etc/nix/nix.conf": conf} if conf else {}), **(files or {})}
        self.pod = lab.pod(files=files, **{"image": "determinate", **place})
        try:
            if prepare:
                self.pod.exec(prepare, user="root").check()
            runner = RunnerFiles(user)
            self.before = {**runner.environment(self.pod.hostname), **(env or {})}
            self.result = self.pod.exec(["spinup", "run", "--json", "--skip", "bazel"], user=user, runner=runner,
                                        env={"SPINUP_CONTRACT": CONTRACT, **(env or {})})
            self.report = Report(self.result)
        except BaseException:
            self.pod.close()
            raise
        self.values = self.report.exported()
        self.config = self.values.get("NIX_CONFIG", "")
        self.after = next_environment(self.before, self.result.files)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pod.close()

    def next_step(self, **changes):
        """The real nix, with what was written."""
        return realise(self.pod, self.lab, {**self.after, **changes}, user=self.user)

    def lines(self, name):
        """The values that NIX_CONFIG gives a setting."""
        return re.findall(rf"^{name} = ?(.*)$", self.config, re.M)

    def settings(self, environment):
        """What is effective for a nix command with this environment, by the real nix: {name: value}."""
        shown = self.pod.exec([f"{PROFILE}/nix", *SHOW.get(self.pod.image, SHOW[""]), "--json"], user=self.user,
                              env=environment).check().stdout
        return {name: row["value"] for name, row in json.loads(shown).items()}


def assert_fetched(step):
    """The path came from the cache, nothing that was written was refused, and no dead server was waited for."""
    assert step.rc == 0 and f"from '{CACHE}" in step.stderr, step.stderr
    assert "ignoring" not in step.stderr and "retrying" not in step.stderr, step.stderr
