# SPDX-License-Identifier: Zlib
"""KVM by use, on the real device: each way in which it fails, what it is worth to Nix's builds, and which lanes
pay for it."""

import json
import os
import stat
import tempfile
from pathlib import Path

import pytest
from conftest import skip
from lab import CONTRACT
from report import Report, prove, taken, together
from runner_files import RunnerFiles
from visit import Folder

ALONE = ["--skip", "attic", "--skip", "bazel"]
LANE = ["--label", "tinyland-nix-kvm", *ALONE]
DENY = "/opt/lab/deny"
KVM = "10:232"
RUN_GUEST, CREATE_VM, API_VERSION, CAP_IRQFD = "0xae80", "0xae01", "0xae00", 32
OPENING = "0x27fff"  # of open's flags, all but O_LARGEFILE and O_CLOEXEC: what is O_RDWR and nothing else


def node(mode, gid=0, device=KVM):
    """A /dev/kvm."""
    return {"nodes": [f"/dev/kvm:{device}:{mode}:0:{gid}"]}


def grouped(*gids):
    """The user trusted, in more groups."""
    return {"user": f"1002:1002:{','.join(map(str, gids))}", "runner": RunnerFiles("trusted")}


def features(line):
    """A daemon's configuration."""
    return {"files": {"/etc/nix/nix.conf": f"{line}\ntrusted-users = root trusted\n"}}


# (place, {bad finding: severity}, detail of the first)
STATES = {
    "works": (node("0666"), {}, ""),
    "no node": ({}, {"kvm-node-missing": "error"}, "there is no /dev/kvm, but /proc/misc lists kvm"),
    "mode 0660": (node("0660", 993), {"kvm-no-permission": "error", "nix-kvm-claimed": "warning"},
                  "mode 0660, owner 0, group 993; this user is 1002, in the groups 1002"),
    "mode 0660 in another group": ({**node("0660", 993), **grouped(27)},
                                   {"kvm-no-permission": "error", "nix-kvm-claimed": "warning"}, "groups 1002, 27"),
    "mode 0600": (node("0600"), {"kvm-no-permission": "error", "nix-kvm-claimed": "warning"}, "mode 0600"),
    "cgroup version 1": ({**node("0666"), "denied": (KVM, 1)},
                         {"kvm-cgroup-denied": "error", "nix-kvm-claimed": "warning"}, "does not name c 10:232"),
    "cgroup version 2": ({**node("0666"), "denied": (KVM, 2), "memory": None, "cpus": None},
                         {"kvm-cgroup-denied": "error", "nix-kvm-claimed": "warning"}, "Operation not permitted"),
    "a minor that nobody has": (node("0666", device="10:250"), {"kvm-node-wrong": "error", "nix-kvm-claimed": "warning"},
                                "the device 10:250, not 10:232"),
    "a major that nobody has": (node("0666", device="511:0"), {"kvm-node-wrong": "error", "nix-kvm-claimed": "warning"},
                                "the device 511:0"),
    "/dev/null": (node("0666", device="1:3"), {"kvm-node-wrong": "error", "nix-kvm-claimed": "warning"},
                  "the device 1:3"),
    "a directory": ({"files": {"/dev/kvm": Folder()}}, {"kvm-node-is-directory": "error"}, "is a directory"),
    "a file": ({"files": {"/dev/kvm": "kvm"}}, {"kvm-node-wrong": "error"}, "a regular file"),
    "for the job's user alone": ({**node("0660", 993), **grouped(993)}, {"nix-kvm-closed": "warning"},
                                 "mode 0660 lets this user in"),
    "for the build users' group": ({**node("0660", 30000), **grouped(30000)}, {}, ""),
    "Nix does not offer it": ({**node("0666"), **features("system-features = nixos-test")},
                              {"nix-kvm-not-offered": "error"}, "system features do not name it"),
    "Nix offers what is not there": (features("system-features = kvm"),
                                     {"kvm-node-missing": "error", "nix-kvm-claimed": "warning"}, "no /dev/kvm"),
    "Nix offers nothing, and nothing is there": (features("system-features = nixos-test"),
                                                 {"kvm-node-missing": "error"}, "no /dev/kvm"),
}

# What a system call answers: (rules, finding, part of the detail)
ANSWERS = {
    "another hypervisor": ([f"ioctl:1={CREATE_VM}=EBUSY"], "kvm-busy", "KVM_CREATE_VM"),
    "no memory": ([f"ioctl:1={CREATE_VM}=ENOMEM"], "kvm-machine-refused", "KVM_CREATE_VM"),
    "the first call": ([f"ioctl:1={API_VERSION}=EPERM"], "kvm-machine-refused", "KVM_GET_API_VERSION"),
    "a capability": ([f"ioctl:2={CAP_IRQFD}=EINVAL"], "kvm-capability-missing", "KVM does not offer IRQFD"),
    "no driver": ([f"openat:2&{OPENING}=2=ENODEV"], "kvm-node-stale", "opening it: No such device"),
    "no driver of that major": ([f"openat:2&{OPENING}=2=ENXIO"], "kvm-node-stale", "though /proc/misc lists kvm"),
    "a guest is refused": ([f"ioctl:1={RUN_GUEST}=EINVAL"], "kvm-machine-refused", "KVM_RUN, guest in real mode"),
    "a guest hangs": ([f"ioctl:1={RUN_GUEST}=stall"], "kvm-guest-hangs", "real mode executed nothing within 1000 ms"),
    "KVM_RUN never returns": ([f"ioctl:1={RUN_GUEST}=stick"], "task-timeout", "at step: run the guest in real mode"),
    "a machine that is never made": ([f"ioctl:1={CREATE_VM}=stick"], "task-timeout", "make a virtual machine"),
}


@pytest.fixture(scope="session", name="kvm")
def kvm_():
    """The real device: required wherever it opens, and machines are not all alike, so SPINUP_MUST_RUN asks for no more."""
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError as failure:
        pytest.skip(f"this machine lacks a /dev/kvm that opens ({failure.strerror})")


def bad(report):
    """What is not well, but for a host that emulates its guests: that is this machine's own."""
    return {id_: severity for id_, severity in report.bad().items() if id_ != "kvm-emulated"}


@pytest.fixture(scope="module")
def reports(lab, spinup, kvm):
    """Every state, side by side."""
    assert spinup and kvm is None
    return together(lab, {name: (LANE, place) for name, (place, _, _) in STATES.items()})


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_named(reports, name):
    report = taken(reports, name)
    _, expected, text = STATES[name]
    assert bad(report) == expected
    if expected:
        finding = report.finding(next(iter(expected)))
        assert text in finding["detail"] and len(finding["remedy"]) > 20
    assert (report.outcome == "failed") == ("error" in expected.values())
    assert report.result.rc == ("error" in expected.values())
    usable = not any(id_.startswith("kvm-") for id_ in expected)
    assert report.fact("kvm.is_usable") is usable
    assert f"kvm={str(usable).lower()}\n" in report.result.files["GITHUB_OUTPUT"]


def test_what_works_is_measured(reports):
    report = taken(reports, "works")
    assert "guests ran in" in report.finding("kvm-ready")["detail"] and "nix-kvm-ready" in report.ids()
    assert report.fact("kvm.api") == 12 and report.fact("kvm.node.mode") == "0666"
    emulated = report.fact("kvm.guest.picoseconds_per_instruction") > 100_000
    assert ("kvm-emulated" in report.bad()) == emulated
    assert report.outcome == ("degraded" if emulated else "ready")
    assert report.document["sandbox"] == taken(reports, "no node").document["sandbox"] != "none"


def test_both_are_said(reports):
    """Ready for the job's user, and closed to Nix."""
    report = taken(reports, "for the job's user alone")
    assert report.finding("kvm-ready")["severity"] == "ok" and report.finding("nix-kvm-closed")["probe"] == "nix"
    assert report.fact("kvm.node.is_open_to_build_users") is False


def test_the_groups_number_is_in_the_remedy(reports):
    assert "supplementalGroups: [993]" in taken(reports, "mode 0660").finding("kvm-no-permission")["remedy"]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_named(lab, spinup, kvm, name):
    assert spinup and kvm is None
    rules, id_, text = ANSWERS[name]
    result = lab.exec([DENY, *rules, "--", "spinup", "run", "--json", *LANE], image="determinate", user="trusted",
                      daemon="determinate", runner=True, env={"SPINUP_CONTRACT": CONTRACT}, timeout=20, **node("0666"))
    report = Report(result)
    assert report.bad("kvm") == {id_: "error"} and text in report.finding(id_)["detail"]
    assert report.outcome == "failed" and report.fact("kvm.is_usable") is not True


def test_a_mount_without_devices(lab, spinup, kvm):
    """access(2) says yes there."""
    assert spinup and kvm is None
    with lab.pod(image="bare", tmpfs=["/volume:0777:0:0"]) as pod:
        pod.exec(["sh", "-c", "mknod -m 666 /volume/kvm c 10 232; ln -s /volume/kvm /dev/kvm"], user="root").check()
        assert pod.exec(["sh", "-c", "test -r /dev/kvm && test -w /dev/kvm"]).rc == 0
        report = Report(pod.exec(["spinup", "probe", "kvm", "--json"]))
    assert "kvm-mount-nodev" in report.bad() and report.outcome == "failed"


def test_root_of_a_user_namespace(lab, spinup, kvm):
    assert spinup and kvm is None
    with lab.pod(image="bare", **node("0660", 993)) as pod:
        result = pod.exec(["unshare", "-Ur", "spinup", "probe", "kvm", "--json"])
    if "unshare" in result.stderr:
        skip(f"user namespaces for users ({result.stderr.strip()})")
    finding = Report(result).finding("kvm-no-permission")
    assert "this user is 0" in finding["detail"] and "hostUsers" in finding["remedy"]


def test_a_daemon_that_looked_too_early(lab, spinup, kvm):
    assert spinup and kvm is None
    socket = "/nix/var/nix/daemon-socket/socket"
    with lab.pod(image="determinate", daemon="determinate", **node("0666")) as pod:
        pod.exec(["touch", "-d", "1 hour ago", socket], user="root").check()
        found = [Report(pod.exec(["spinup", "run", "--json", *LANE], user="trusted", runner=True,
                                 env={"SPINUP_CONTRACT": CONTRACT}))]
        pod.place({"/etc/nix/nix.conf": "system-features = kvm\ntrusted-users = root trusted\n"})
        found += [Report(pod.exec(["spinup", "run", "--json", *LANE], user="trusted", runner=True,
                                  env={"SPINUP_CONTRACT": CONTRACT}))]
    assert [bad(report) for report in found] == [{"nix-kvm-daemon-older": "warning"}, {}]


# ---- repair

COMMANDS = {"run": "0666", "hook": "0666", "doctor": "0660", "env": "0660", "plan": "0660", "probe": "0660"}


def mode_after(pod, *words, user="root"):
    """/dev/kvm's mode after spinup ran; what it printed."""
    result = pod.exec(["spinup", *words], user=user, runner=RunnerFiles("root" if user == "root" else "trusted"),
                      env={"SPINUP_CONTRACT": CONTRACT})
    return pod.exec(["stat", "-c", "%a", "/dev/kvm"], user="root").check().stdout.strip().zfill(4), result


@pytest.mark.parametrize("command", COMMANDS)
def test_a_job_alone_mends_the_pods_own_node(lab, spinup, kvm, command):
    assert spinup and kvm is None
    words = [command, *{"probe": ["kvm"], "hook": ["started"]}.get(command, [])]
    words += ["--json"] if command in ("run", "doctor", "probe") else []
    with lab.pod(image="determinate", daemon="determinate", **node("0660", 993)) as pod:
        mode, result = mode_after(pod, *words, *LANE)
    assert mode == COMMANDS[command], result.stdout
    if command == "run":
        report = Report(result)
        assert not bad(report) and "nix-kvm-ready" in report.ids()
        assert report.finding("repaired")["subject"] == "nix-kvm-closed"
        assert report.fact("kvm.node.mode") == "0666"
        assert [task["name"] for task in report.document["tasks"]].count("kvm") == 1
        assert list(report.ids("kvm")).count("kvm-ready") == 1


def test_nobody_but_root_mends(lab, spinup, kvm):
    assert spinup and kvm is None
    with lab.pod(image="determinate", daemon="determinate", sudo=True, **node("0660", 993)) as pod:
        mode, result = mode_after(pod, "run", "--json", *LANE, user="1002:1002:993")
    assert mode == "0660" and bad(Report(result)) == {"nix-kvm-closed": "warning"}


def test_the_hosts_node_is_left_alone(lab, spinup, kvm):
    """Bound into the pod, as a hostPath volume does it: a change of its mode would let everybody on the node in."""
    assert spinup and kvm is None
    with tempfile.TemporaryDirectory() as folder:
        host = Path(folder, "kvm")
        os.mknod(host, 0o600 | stat.S_IFCHR, os.makedev(10, 232))
        with lab.pod(image="determinate", daemon="determinate", binds=[f"{host}:/dev/kvm"], **node("0666")) as pod:
            mode, result = mode_after(pod, "run", "--json", *LANE)
        assert mode == "0600" and stat.S_IMODE(host.stat().st_mode) == 0o600
    assert bad(Report(result)) == {"nix-kvm-closed": "warning"}


def test_a_repair_that_fails_is_said(lab, spinup, kvm):
    assert spinup and kvm is None
    with lab.pod(image="determinate", daemon="determinate", **node("0660", 993)) as pod:
        result = pod.exec([DENY, "fchmod=EROFS", "--", "spinup", "run", "--json", *LANE], user="root",
                          runner=RunnerFiles("root"), env={"SPINUP_CONTRACT": CONTRACT})
    report = Report(result)
    assert bad(report) == {"nix-kvm-closed": "warning", "repair-failed": "warning"}
    assert "chmod: Read-only file system" in report.finding("repair-failed")["detail"]


# ---- lanes

@pytest.mark.parametrize("label", ["tinyland-nix", "tinyland-docker", "frobnicate"])
def test_a_lane_that_promises_nothing_pays_nothing(lab, spinup, label):
    """A task is a process: there is none, and nothing is said of the device."""
    assert spinup
    for command in ("run", "doctor"):
        report = prove(lab, "--label", label, *ALONE, command=command, **node("0600"))
        assert not [task for task in report.document["tasks"] if task["probe"] == "kvm"]
        assert "kvm" not in report.document["facts"] and not [id_ for id_ in report.ids() if "kvm" in id_]


def test_what_is_required_is_a_promise(lab, spinup, kvm):
    assert spinup and kvm is None
    report = prove(lab, "--label", "tinyland-docker", "--require", "kvm", *ALONE)
    assert report.finding("kvm-node-missing")["severity"] == "error" and report.outcome == "failed"
    task = next(task for task in report.document["tasks"] if task["probe"] == "kvm")
    assert (task["kind"], task["why"]) == ("promise", "kvm is required")


def test_what_is_skipped_is_not_proven(lab, spinup):
    assert spinup
    report = prove(lab, *LANE, "--skip", "kvm")
    assert bad(report) == {"promise-not-checked": "warning"} and report.outcome == "degraded"


@pytest.mark.parametrize("place, expected", [({}, {"kvm-node-missing": "warning"}), (node("0666"), {})])
def test_doctor_tries_everything_on_request(lab, spinup, kvm, place, expected):
    assert spinup and kvm is None
    report = prove(lab, "--label", "tinyland-nix", "--all", *ALONE, command="doctor", **place)
    assert {id_: severity for id_, severity in bad(report).items() if "kvm" in id_} == expected
    assert report.result.rc == 0


def test_all_is_no_option_of_a_job(lab, spinup):
    assert spinup
    assert lab.exec(["spinup", "run", "--all"], image="bare").rc == 2
    plan = lab.exec(["spinup", "plan", "--json", "--label", "tinyland-docker"], image="bare", env={"SPINUP_ALL": "1"})
    kinds = {task["name"]: task["kind"] for task in json.loads(plan.check().stdout)["tasks"]}
    assert kinds["kvm"] == "advice"
