# SPDX-License-Identifier: Zlib
"""Determinate's installer as a source of Nix, held by a stand-in that has its command line, files and failures; and
systemd, where it is init, by one of systemctl."""

import json

import standins
import stepping
from lab import CONTRACT
from test_install import ARCHIVES, assert_whole, build, detail, ids, install, thin
from test_mend import ALONE, mended, run

EXPECTED = ["install", "linux", "--determinate", "--init", "none", "--no-modify-profile", "--no-confirm"]
COMMAND = ["spinup", "install", "--label", "tinyland-nix", "--contract", CONTRACT]
assert ARCHIVES


def determinate(lab):
    """What the installer has inside."""
    return lab.archives["determinate-nix-3.0.0"]


def states(pod):
    """The states in the receipt; None where there is none."""
    text = pod.read("/nix/receipt.json").popitem()[1]
    return text and {row["state"] for row in json.loads(text)["actions"]}


def test_the_installer_is_run_and_its_work_completed(lab, spinup):
    """Its exact command line, no telemetry, nothing of the job in its environment; then the daemon that it does not
    start, and a lane that is ready."""
    assert spinup
    with thin(lab, lab.source(lab.installer())) as pod:
        env = {"NIX_INSTALLER_EXTRA_CONF": "access-tokens = github.com=ghp_secret", "GITHUB_TOKEN": "ghp_secret"}
        report = install(pod, env=env)
        assert report["outcome"] == "ready" and report["facts"]["nix"]["flavour"] == "determinate"
        (call,) = standins.calls(pod, "nix-installer")
        assert call.argv == EXPECTED and call.env["DETSYS_IDS_TELEMETRY"] == "disabled"
        assert "ghp_secret" not in " ".join([*call.argv, *call.env.values()])
        assert "ghp_secret" not in pod.read("/nix/receipt.json").popitem()[1]
        assert states(pod) == {"Completed"}
        assert_whole(pod, determinate(lab))
        assert build(pod) in range(30001, 30033)


def test_its_known_faults_are_handled(lab, spinup):
    """It never repairs an open /nix, believes any receipt, and trips over what an earlier run has left."""
    assert spinup
    partial = '{"actions": [{"action": {}, "state": "Completed"}, {"action": {}, "state": "Progress"}]}'
    with thin(lab, lab.source(lab.installer()), tmpfs=["/nix"]) as pod:
        pod.exec(["sh", "-ec", f"echo '{partial}' >/nix/receipt.json; mkdir -p /nix/temp-install-dir/x"], user="root").check()
        report = install(pod)
        assert report["outcome"] == "ready" and states(pod) == {"Completed"}
        assert_whole(pod, determinate(lab))


def test_one_that_fails_is_passed_over(lab, spinup):
    """Its own last words are quoted, its receipt goes, and the next source installs; alone it fails the lane."""
    assert spinup
    with thin(lab, lab.source(lab.installer("fails-late")), lab.source("determinate-nix-3.0.0")) as pod:
        report = install(pod)
        assert "fails here" in detail(report, "nix-source-failed")
        assert_whole(pod, determinate(lab))
        assert states(pod) is None or states(pod) == {"Completed"}
    with thin(lab, lab.source(lab.installer("needs-useradd"))) as pod:
        report = install(pod, rc=1)
        assert "groupadd" in detail(report, "repair-failed")
        pod.place({CONTRACT: lab.contract(install=[lab.source("nix-2.26.3")])})
        install(pod)
        # What it had brought without registering it is garbage, which Nix collects.
        assert all("is not registered" in line for line in pod.verify_store())
        assert build(pod) in range(30001, 30033)


def test_one_that_hangs_costs_the_deadline(lab, spinup):
    """And nothing of it is left running."""
    assert spinup
    with thin(lab, lab.source(lab.installer("hangs"))) as pod:
        report = install(pod, "--install-deadline", "3", rc=1)
        assert "did not end in time" in json.dumps(report) or "repair-failed" in ids(report)
        assert not [process for process in pod.processes() if "install" in process.argv and "linux" in process.argv]


def test_another_digest_is_never_run(lab, spinup):
    """Not one byte of it is executed."""
    assert spinup
    source = lab.source(lab.installer())
    source["files"]["x86_64-linux"]["sha256"] = "1" * 64
    with thin(lab, source) as pod:
        report = install(pod, rc=1)
        assert "is pinned" in detail(report, "repair-failed")
        assert standins.calls(pod, "nix-installer") == []


def test_it_takes_its_own_work_back(lab, spinup):
    """--uninstall calls the installer that was left at /nix/nix-installer."""
    assert spinup
    with thin(lab, lab.source(lab.installer())) as pod:
        install(pod)
        result = pod.exec(["spinup", "install", "--uninstall"], user="root")
        assert result.rc == 0, result.stderr
        assert standins.calls(pod, "nix-installer")[-1].argv[0] == "uninstall"
        assert not pod.exec(["ls", "/nix"]).stdout.strip()
        assert not [process for process in pod.processes() if "nix-daemon" in " ".join(process.argv)]


def test_killed_while_it_runs(lab, spinup):
    """A sample of the points of the whole; the other way of installing has them all."""
    assert spinup
    source = lab.source(lab.installer())
    place = {"image": "thin", "contract": lab.contract(install=[source]), "tmpfs": ["/nix:0755:0:0"]}
    with lab.pod(**place) as pod:
        run_ = stepping.listed(pod, COMMAND)
        assert run_.status == 0, run_.result
    for number in range(1, run_.calls + 1, max(1, run_.calls // 40)):
        with lab.pod(**place) as pod:
            stepping.killed(pod, number, COMMAND)
            result = pod.exec(COMMAND, user="root")
            assert result.rc == 0, (number, result.stdout, result.stderr)
            assert pod.verify_store() == [], number


# ---- systemd

def test_systemds_units_are_used(lab, spinup):
    """Where it is init the daemon is its own to start."""
    assert spinup
    with lab.pod(image="determinate", daemon="none", sudo=True, files=standins.systemd("determinate")) as pod:
        report = run(pod, *ALONE)
        assert "nix-daemon-no-socket" in mended(report)
        (call,) = standins.calls(pod, "systemctl")
        assert call.argv == ["start", "nix-daemon.socket", "nix-daemon.service"]
        assert not any(name.startswith(("GITHUB_", "SPINUP_", "ACTIONS_")) for name in call.env)


def test_what_systemctl_says_is_quoted(lab, spinup):
    assert spinup
    with lab.pod(image="determinate", daemon="none", sudo=True, files=standins.systemd("determinate", fails=True)) as pod:
        report = run(pod, *ALONE, rc=1)
        assert "systemctl" in detail(report, "repair-failed")
