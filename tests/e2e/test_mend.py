# SPDX-License-Identifier: Zlib
"""Each state that a runner's Nix can be in and that spinup mends: as root, by sudo, and where neither is to be had;
and that nobody gains anything through the entry by which it becomes root."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab import CONTRACT
from runner_files import RunnerFiles, next_environment
from test_install import PROFILE_BIN, SERVER, SETTINGS, build, detail, ids, thin
from visit import File, Folder, Link

ALONE = ["--skip", "attic", "--skip", "bazel"]
NOBODY = "root:x:0:\nrunner:x:1001:\ntrusted:x:1002:\n"
CONF = "trusted-users = root trusted\nexperimental-features = nix-command flakes\nsubstituters =\nsandbox = false\n"
LONELY = {"/nix/var/nix/profiles/default": Link("default-9-link")}
PARTIAL = '{"actions": [{"action": {}, "state": "Completed"}, {"action": {}, "state": "Progress"}]}'

# A state: (place, the finding that names it, what is said of the mending)
STATES = {
    "no daemon": ({"daemon": "none"}, "nix-daemon-no-socket", "started"),
    "a stale socket": ({"daemon": "stale"}, "nix-daemon-stale-socket", "started"),
    "a stopped daemon": ({"daemon": "frozen"}, "nix-daemon-frozen", "woke"),
    "an open /nix": ({"daemon": "none", "files": {"/nix": Folder(0o777)}}, "nix-dir-world-writable", "mode 0755"),
    "no build group": ({"files": {"/etc/group": NOBODY}}, "nix-build-group-missing", "build users"),
    "a group without members": (
        {"files": {"/etc/group": NOBODY + "nixbld:x:30000:\n"}}, "nix-build-group-empty", "build users"),
    "a member that is none": (
        {"files": {"/etc/group": NOBODY + "nixbld:x:30000:nixbld1,ghost\n"}}, "nix-build-user-missing", "build user"),
    "no build-users-group": (
        {"daemon": "none", "files": {"/etc/nix/nix.conf": CONF, "/etc/nix/nix.custom.conf": SETTINGS}}, "nix-build-group-unset", "set build-users-group"),
    "a dangling profile": ({"daemon": "none", "files": LONELY}, "nix-profile-dangling", "newest generation"),
    "a receipt of a failure": ({"files": {"/nix/receipt.json": PARTIAL}}, "nix-receipt-partial", "removed the receipt"),
    "a closed socket folder": (
        {"files": {"/nix/var/nix/daemon-socket": Folder(0o700)}}, "nix-daemon-socket-denied", "opened the way"),
}


def run(pod, *words, user="runner", env=None, rc=0, **place):
    """spinup run as a step; its report."""
    result = pod.exec(["spinup", "run", "--json", *words], user=user, runner=RunnerFiles(user), timeout=30,
                      env={"SPINUP_CONTRACT": CONTRACT, **(env or {})}, **place)
    assert result.rc == rc, f"{result.rc}\n{result.stdout}\n{result.stderr}"
    return json.loads(result.stdout)


def mended(report):
    """{cured finding: what was done}."""
    return {row["subject"]: row["detail"] for row in report["findings"] if row["id"] == "repaired"}


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_mended_by_sudo(lab, spinup, name):
    """Named, mended, proven again; and the second run has nothing to do."""
    assert spinup
    place, finding, word = STATES[name]
    with lab.pod(image="determinate", sudo=True, **place) as pod:
        doctor = pod.exec(["spinup", "doctor", "--json", "--label", "tinyland-nix", *ALONE],
                          env={"SPINUP_CONTRACT": CONTRACT})
        assert finding in ids(json.loads(doctor.stdout)), doctor.stdout
        report = run(pod, *ALONE)
        assert word in mended(report)[finding], mended(report)
        assert finding not in ids(report) and not ids(report, "error")
        assert report["facts"]["nix"]["state"] == "daemon"
        assert build(pod, name="mended") >= 30001
        assert not mended(run(pod, *ALONE))


@pytest.mark.parametrize("name", ["no daemon", "an open /nix", "no build group"])
def test_a_state_is_mended_by_root(lab, spinup, name):
    """Without sudo's help. Root opens a store without a daemon itself, so that state is none for root."""
    assert spinup
    place, finding, word = STATES[name]
    with lab.pod(image="determinate", **place) as pod:
        report = run(pod, *ALONE, user="root", env={"NIX_REMOTE": "daemon"})
        assert word in mended(report)[finding] and not ids(report, "error")


@pytest.mark.parametrize("name", STATES)
def test_without_rights_a_state_is_named(lab, spinup, name):
    """What could be mended, and why not by this user."""
    assert spinup
    place, finding, _ = STATES[name]
    with lab.pod(image="determinate", sudo=True, **place) as pod:
        report = run(pod, *ALONE, no_new_privs=True, rc=0 if finding == "nix-receipt-partial" else 1)
        assert finding in ids(report) and not mended(report)
        assert finding in next(row["subject"] for row in report["findings"] if row["id"] == "repair-needs-root")
        assert "no_new_privs" in detail(report, "repair-needs-root")


# ---- the daemon that was started

def test_the_daemon_is_a_clean_one(lab, spinup):
    """In a session of its own, with nothing of the job's environment, raised limits and a neutral oom score."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="none") as pod:
        run(pod, *ALONE, env={"ATTIC_TOKEN": "token-of-the-job", "NIX_CONFIG": "cores = 1"})
        daemons = [process for process in pod.processes() if any("nix-daemon" in word for word in process.argv)]
        assert daemons
        status = pod.exec(["sh", "-ec", f"cd /proc/{daemons[0].pid}; tr '\\0' '\\n' <environ; cat limits oom_score_adj; "
                           "readlink fd/0; cut -d' ' -f6 stat"], user="root").check().stdout
        assert "token-of-the-job" not in status and "NIX_CONFIG" not in status and "GITHUB" not in status
        assert re.search(r"Max open files +(\d+) +\1 ", status)  # as far as the pod's hard limit lets it
        assert "HOME=/root" in status and "/dev/null" in status


def test_a_daemon_of_others_is_left_alone(lab, spinup):
    """Its maker's flavour or an old version is a finding; spinup ends none that it did not start."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="mute") as pod:
        report = run(pod, *ALONE, rc=1)
        assert "nix-daemon-frozen" in ids(report, "error")
        assert "repair-failed" in ids(report)


def test_the_log_of_a_daemon_that_does_not_start_is_quoted(lab, spinup):
    """Its own last words say why."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="none", files={"/nix/var/nix/db/schema": "11"}) as pod:
        report = run(pod, *ALONE, rc=1)
        assert "store schema is version 11" in detail(report, "repair-failed"), detail(report, "repair-failed")


def test_an_untrusted_user_gets_the_contracts_cache(lab, spinup):
    """The daemon that spinup started: the pinned pair goes into its configuration, it is started anew, and the
    next step fetches."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="none") as pod:
        runner = RunnerFiles("runner")
        result = pod.exec(["spinup", "run", "--skip", "bazel", "--json"], runner=runner, env={"SPINUP_CONTRACT": CONTRACT})
        report = json.loads(result.stdout)
        assert result.rc == 0 and "nix-cache-not-allowed" in mended(report), result.stdout
        conf = pod.read("/etc/nix/nix.custom.conf").popitem()[1]
        assert f"extra-trusted-substituters = {SERVER}/main\n" in conf
        assert f"extra-trusted-public-keys = {lab.public_key}\n" in conf
        env = next_environment(runner.environment(pod.hostname), result.files)
        step = pod.exec([f"{PROFILE_BIN}/nix-store", "--realise", lab.paths["hello"]], env=env, timeout=20)
        assert step.rc == 0 and "ignoring" not in step.stderr, step.stderr


def test_another_cache_never_comes_in(lab, spinup):
    """A job that names its own server and key gets it into its own environment at best."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="none") as pod:
        before = pod.read("/etc/nix/nix.custom.conf").popitem()[1]
        report = run(pod, "--skip", "bazel", "--attic-cache", "private", "--attic-public-key", lab.other_key)
        assert "nix-cache-not-allowed" not in mended(report)
        assert pod.read("/etc/nix/nix.custom.conf").popitem()[1] == before


# ---- the entry by which it becomes root

@pytest.mark.parametrize("words, text", [
    (["repair"], "which finding"), (["repair", "nix-ready"], "no repair for it"), (["repair", "../x"], "no repair for it"),
    (["repair", "nix-absent", "--contract", "/home/runner/contract.json"], "belongs to user 1001"),
    (["repair", "--label", "tinyland-nix", "nix-absent"], "unknown here"),
    (["repair", "--root", "/home/runner", "nix-absent"], "unknown here"),
])
def test_the_entry_knows_a_closed_list(lab, spinup, words, text):
    """Anything else is refused before anything is done."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), sudo=True, files={
            "/home/runner/contract.json": File(lab.contract(), owner="runner")}) as pod:
        result = pod.exec(["sudo", "-n", "spinup", *words])
        assert result.rc == 2 and text in result.stderr, result.stderr
        assert not pod.visit(_is_there, "/nix")


def _is_there(path):
    import os  # pylint: disable=import-outside-toplevel
    return os.path.lexists(path)


@pytest.mark.parametrize("path", ["/nix/store/00000000000000000000000000000000-contract.json", "/tmp/contract.json",
                                  "/opt/lab/secret.json", "/opt/lab/link.json", "/proc/self/fd/0"])
def test_a_contract_that_others_could_have_made_is_refused(lab, spinup, path):
    """Anybody may add a file of root's to a Nix store, or open one in a mount namespace of his own."""
    assert spinup
    evil = lab.contract(install=[lab.source("nix-2.8.0")])
    files = {"/nix/store/00000000000000000000000000000000-contract.json": File(evil, 0o444), "/tmp/contract.json": evil,
             "/opt/lab/secret.json": File(evil, 0o600), "/home/runner/contract.json": File(evil, owner="runner"),
             "/opt/lab/link.json": Link("/home/runner/contract.json")}
    with lab.pod(image="thin", sudo=True, files=files) as pod:
        pod.exec(["chmod", "1775", "/nix/store"], user="root").check()
        result = pod.exec(["sudo", "-n", "spinup", "repair", "--contract", path, "nix-absent"], stdin="x")
        assert result.rc == 2 and "nothing was changed" in result.stderr, result.stderr
        result = pod.exec(["sudo", "-n", "SPINUP_CONTRACT=/home/runner/contract.json", "spinup", "repair", "nix-absent"])
        assert "2.8.0" not in result.stderr and not pod.visit(_is_there, "/nix/var/nix/profiles/default")


def test_a_repair_looks_again(lab, spinup):
    """What the caller says was found is no reason to change what is well: a profile that was rolled back stays so."""
    assert spinup
    with lab.pod(image="determinate", sudo=True) as pod:
        pod.exec(["sh", "-ec", "cd /nix/var/nix/profiles; ln -s $(readlink default-1-link) default-2-link"],
                 user="root").check()
        for id_ in ("nix-profile-dangling", "nix-build-group-missing", "nix-dir-world-writable", "nix-receipt-partial"):
            result = pod.exec(["sudo", "-n", "spinup", "repair", "--contract", CONTRACT, id_])
            assert result.rc == 0 and "repaired" not in result.stdout, id_
        assert pod.exec(["readlink", "/nix/var/nix/profiles/default"]).stdout == "default-1-link\n"


def test_a_hostile_environment_gains_nothing(lab, spinup):
    """Variables, a planted workspace, programs on PATH and links in RUNNER_TEMP are in root's way for nothing."""
    assert spinup
    trap = File("#!/bin/sh\nid >/root/trapped\nexit 1\n", 0o755, "runner")  # which root alone can write
    names = ("nix", "nix-store", "nix-daemon", "useradd", "groupadd", "systemctl", "tar", "zstd", "curl", "sh", "sudo")
    env = {"PATH": "/home/runner/bin:/usr/bin:/bin", "LD_PRELOAD": "/home/runner/evil.so", "NIX_CONF_DIR": "/home/runner/nix",
           "NIX_STATE_DIR": "/home/runner/state", "NIX_REMOTE": "", "NIX_CONFIG": "build-hook = /home/runner/bin/sh",
           "NIX_INSTALLER_EXTRA_CONF": "trusted-users = runner", "SPINUP_ROOT": "/home/runner", "SSL_CERT_FILE": "/home/runner/ca",
           "OPENSSL_CONF": "/home/runner/openssl.cnf", "HOME": "/home/runner", "BASH_ENV": "/home/runner/bin/sh"}
    files = {f"/home/runner/bin/{name}": trap for name in names}
    files.update({"/home/runner/nix/nix.conf": File("trusted-users = runner\n", owner="runner"),
                  "/home/runner/openssl.cnf": File("openssl_conf = x\n", owner="runner")})
    with thin(lab, lab.source("nix-2.26.3"), sudo=True, files=files) as pod:
        runner = RunnerFiles("runner")
        pod.place({**runner.files(), "/home/runner/_work/_temp/spinup": Link("/etc", "runner"),
                   "/home/runner/_work/app/app/.github/spinup.json": File('{"install": {}}', owner="runner")})
        pod.exec(["spinup", "run", *ALONE], runner=runner, env={"SPINUP_CONTRACT": CONTRACT, **env}, timeout=30)
        assert pod.read("/root/trapped").popitem()[1] is None
        conf = pod.read("/etc/nix/nix.conf").popitem()[1] or ""
        assert "runner" not in conf and not pod.visit(_is_there, "/etc/report.json")
        # The same as root itself, called by whoever may call it.
        result = pod.exec(["sudo", "-n", *(f"{name}={value}" for name, value in env.items() if name != "PATH"),
                           "spinup", "repair", "--contract", CONTRACT, "nix-absent"], env=env)
        assert pod.read("/root/trapped").popitem()[1] is None, result


@pytest.mark.parametrize("surface", ["install", "exec"])
def test_root_makes_the_machine_ready_for_others(lab, spinup, surface):
    """Root's own job needs no daemon, but those whom an entrypoint prepares the pod for do."""
    assert spinup
    words = {"install": ["spinup", "install", "--label", "tinyland-nix", "--contract", CONTRACT],
             "exec": ["spinup", "exec", "--install", "--label", "tinyland-nix", "--contract", CONTRACT, *ALONE, "--", "true"]}
    for daemon in ("none", "stale", "frozen"):
        with lab.pod(image="determinate", daemon=daemon) as pod:
            pod.exec(words[surface], user="root").check()
            assert run(pod, *ALONE)["facts"]["nix"]["state"] == "daemon", daemon


def test_a_hook_links_nix_by_sudo(lab, spinup):
    """What a hook may not write to GITHUB_PATH reaches the steps by links, which root makes."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), sudo=True) as pod:
        runner = RunnerFiles("runner")
        result = pod.exec(["spinup", "hook", "started", *ALONE], runner=runner, env={"SPINUP_CONTRACT": CONTRACT},
                          timeout=30)
        assert result.rc == 0 and "[nix-not-linked]" not in result.stdout, result.stdout
        assert pod.exec(["nix-store", "--version"]).stdout.strip().endswith("2.26.3")
        assert pod.exec(["spinup", "install", "--uninstall"], user="root").rc == 0
        assert pod.exec(["sh", "-c", "ls /usr/local/bin | grep nix"]).stdout == ""


def test_no_repair_changes_nothing(lab, spinup):
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), sudo=True) as pod:
        report = run(pod, *ALONE, "--no-repair", rc=1)
        assert ids(report, "error") == {"nix-absent"} and not pod.visit(_is_there, "/nix")


def test_the_group_that_the_configuration_names_is_made(lab, spinup):
    assert spinup
    conf = CONF + "build-users-group = builders\n"
    with lab.pod(image="nix", sudo=True, daemon="none", files={"/etc/nix/nix.conf": conf}) as pod:
        report = run(pod, *ALONE)
        assert "nix-build-group-missing" in mended(report) and not ids(report, "error")
        assert "builders:x:" in pod.read("/etc/group").popitem()[1]


# ---- more than one at a time, and whom the daemon outlives

def test_two_at_once_start_one_daemon(lab, spinup):
    """A second daemon would take the socket from the first."""
    assert spinup
    with lab.pod(image="nix", sudo=True, daemon="stale") as pod:
        with ThreadPoolExecutor(2) as pool:
            reports = list(pool.map(lambda _: run(pod, *ALONE), range(2)))
        assert all(report["facts"]["nix"]["state"] == "daemon" for report in reports)
        leaders = [process for process in pod.processes()
                   if process.argv and process.argv[0].endswith("nix-daemon") and process.session == process.pid]
        assert len(leaders) == 1, leaders


def test_whom_the_daemon_outlives(lab, spinup):
    """One of a job ends with it, by the runner's own mark; one of an entrypoint has none."""
    assert spinup
    mark = {"RUNNER_TRACKING_ID": "github_8f1b"}
    words = ["spinup", "exec", "--install", "--label", "tinyland-nix", "--contract", CONTRACT, *ALONE, "--", "true"]
    for expected, start in ((True, lambda pod: run(pod, *ALONE, user="root", env={**mark, "NIX_REMOTE": "daemon"})),
                            (False, lambda pod: pod.exec(words, user="root",
                                                         env={**mark, "NIX_REMOTE": "daemon"}).check())):
        with lab.pod(image="determinate", daemon="none") as pod:
            start(pod)
            daemon = next(process for process in pod.processes() if any("nix-daemon" in word for word in process.argv))
            environ = pod.exec(["cat", f"/proc/{daemon.pid}/environ"], user="root").stdout
            assert ("RUNNER_TRACKING_ID=github_8f1b" in environ) == expected


def test_upstreams_configuration_is_nix_conf(lab, spinup):
    """Determinate's daemon writes nix.conf anew, so there it is nix.custom.conf; elsewhere it is nix.conf itself."""
    assert spinup
    with lab.pod(image="nix", sudo=True, daemon="none") as pod:
        before = pod.read("/etc/nix/nix.conf").popitem()[1]
        report = run(pod, "--skip", "bazel")
        assert "nix-cache-not-allowed" in mended(report)
        conf = pod.read("/etc/nix/nix.conf").popitem()[1]
        assert conf.startswith(before) and f"extra-trusted-substituters = {SERVER}/main\n" in conf
        assert pod.read("/etc/nix/nix.custom.conf").popitem()[1] is None


def test_expectations_are_judged_after_the_mending(lab, spinup):
    """The version that a repository expects is that of the Nix that was installed."""
    assert spinup
    expect = {"/home/runner/spinup.json": File('{"toolchain": {"nix": ">=2.20"}}', owner="runner")}
    with thin(lab, lab.source("nix-2.26.3"), sudo=True, files=expect) as pod:
        report = run(pod, *ALONE, "--expect", "/home/runner/spinup.json")
        assert not ids(report, "error") and report["facts"]["nix"]["version"] == "2.26.3"
    with thin(lab, lab.source("nix-2.8.0"), sudo=True, files=expect) as pod:
        report = run(pod, *ALONE, "--expect", "/home/runner/spinup.json", rc=1)
        assert "2.8.0" in json.dumps([row for row in report["findings"] if row["severity"] == "error"])
