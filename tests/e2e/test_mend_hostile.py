# SPDX-License-Identifier: Zlib
"""A /nix that was open to others, and a daemon that others use: nothing that another user put there is called
Nix, nobody is disturbed, and nothing stays behind."""

import json
import os
import socket
import time
from threading import Thread

import pytest
from daemon_peer import CLIENT_MAGIC, Conversation, Mode, number
from lab import CONTRACT
from runner_files import RunnerFiles
from test_install import SOCKET, build, detail, ids, install, thin
from test_mend import ALONE, run
from visit import USERS, File, Folder, enter

CONF = "/etc/nix/nix.custom.conf"
# Another user's store path under the name of the one that was there, with a profile that leads to it.
PLANT = """S=$(readlink -f /nix/var/nix/profiles/default/bin/nix); D=${S%/bin/nix}
mv /nix/store /nix/.store; mkdir -p $D/bin; printf '#!/bin/sh\\nid >/root/trapped\\n' >$S; chmod 755 $S
mv /nix/var /nix/.var; mkdir -p /nix/var/nix/daemon-socket /nix/var/nix/profiles; ln -s $D /nix/var/nix/profiles/default
"""


def _accept(server):
    while True:
        Thread(target=Conversation(server.accept()[0], Mode("1.37")).run, daemon=True).start()


def serve_as_runner(pod):
    """A peer that speaks as a Nix daemon does and is user 1001's, until the pod ends."""
    ready, say_ready = os.pipe()
    lifeline, ours = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            enter(pod.pid)
            os.setgroups([])
            os.setgid(USERS["runner"][1])
            os.setuid(USERS["runner"][0])
            server = socket.socket(socket.AF_UNIX)
            server.bind(SOCKET)
            os.chmod(SOCKET, 0o666)
            server.listen(8)
            Thread(target=_accept, args=(server,), daemon=True).start()
            os.write(say_ready, b"1")
            os.read(lifeline, 1)
        finally:
            os._exit(0)
    os.close(lifeline)
    os.close(say_ready)

    def stop():
        os.close(ours)
        os.waitpid(child, 0)
    pod.children.append(stop)
    with os.fdopen(ready, "rb") as stream:
        assert stream.read(1) == b"1"


def connect(pod):
    """A client of the pod's daemon from another network namespace, as a container that shares /nix is one: in no
    table of the pod's. It has been accepted."""
    client = socket.socket(socket.AF_UNIX)
    client.connect(f"/proc/{pod.pid}/root{SOCKET}")
    client.sendall(number(CLIENT_MAGIC) + number(0x125))
    assert len(client.recv(16)) > 0
    return client


def daemons(pod):
    """Nix's processes by number."""
    return {process.pid: process for process in pod.processes() if process.state != "Z" and
            any("nix-daemon" in word or "determinate-nixd" in word for word in process.argv)}


def idle_daemons(pod):
    """The same when no worker is among them: one leads a session of its own, and ends some time after its client."""
    end = time.monotonic() + 10
    while True:
        found = daemons(pod)
        if not any(process.session == pid and process.parent in found for pid, process in found.items()):
            return set(found)
        assert time.monotonic() < end, found


def repair(pod, *findings):
    """What spinup repair, run by root itself, says."""
    result = pod.exec(["spinup", "repair", "--contract", CONTRACT, *findings], user="root", timeout=30)
    assert result.rc == 0, result.stderr
    return result.stdout


# ---- what another user put there

@pytest.mark.parametrize("user", ["root", "trusted"])
def test_a_planted_nix_is_not_blessed(lab, spinup, user):
    """Store, profile and daemon, all of them user 1001's and all of them well-behaved."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), tmpfs=["/nix"]) as pod:
        install(pod)
        for pid in daemons(pod):
            pod.exec(["kill", "-9", str(pid)], user="root")
        pod.exec(["chmod", "0777", "/nix"], user="root").check()
        pod.exec(["sh", "-ec", PLANT]).check()
        serve_as_runner(pod)
        report = run(pod, *ALONE, user=user, env={"NIX_REMOTE": "daemon"}, rc=1)
        assert {"nix-tree-foreign", "nix-daemon-foreign"} <= ids(report, "error"), ids(report)
        assert detail(report, "nix-tree-foreign").startswith("/nix/store belongs to user 1001 and has mode 0")
        assert "user 1001 serves at" in detail(report, "nix-daemon-foreign")
        assert report["facts"]["nix"]["state"] == "broken" and "profile_bin" not in report["facts"]["nix"]
        assert "nix-ready" not in ids(report)
        runner = RunnerFiles(user)  # where a failed lane goes on, its steps get nothing of it either
        warned = pod.exec(["spinup", "run", "--mode", "warn", *ALONE], user=user, runner=runner, timeout=30,
                          env={"SPINUP_CONTRACT": CONTRACT})
        assert warned.rc == 0 and not warned.files["GITHUB_PATH"], warned.files
        assert pod.read("/root/trapped").popitem()[1] is None


@pytest.mark.parametrize("env", [{}, {"NIX_REMOTE": "daemon"}])
def test_a_daemon_of_another_user_is_no_daemon(lab, spinup, env):
    """The tree is root's again, but who listens came before. Root's process looks itself, and starts nothing over it."""
    assert spinup
    with lab.pod(image="determinate", daemon="none", files={"/nix/var/nix/daemon-socket": Folder(0o777)}) as pod:
        serve_as_runner(pod)
        assert "nix-tree-foreign" in ids(run(pod, *ALONE, user="root", env=env, rc=1))
        pod.place({"/nix/var/nix/daemon-socket": Folder(0o755)})
        report = run(pod, *ALONE, user="root", env=env, rc=1)
        assert "nix-daemon-foreign" in ids(report, "error") and "nix-tree-foreign" not in ids(report)
        assert report["facts"]["nix"]["state"] == "broken"
        said = repair(pod, "nix-daemon-no-socket")
        assert "belongs to user 1001, not to root" in said and "no second daemon is started over it" in said
        assert not daemons(pod)


def test_a_store_of_ones_own_is_fine(lab, spinup):
    """An image in which /nix belongs to the runner's user: a single-user store."""
    assert spinup
    with lab.pod(image="determinate", daemon="none") as pod:
        pod.exec(["chown", "-R", "runner", "/nix"], user="root").check()
        report = run(pod, *ALONE)
        assert report["facts"]["nix"]["state"] == "single-user" and "nix-ready" in ids(report)
        doctor = pod.exec(["spinup", "doctor", "--json", "--label", "tinyland-nix", *ALONE], user="root",
                          env={"SPINUP_CONTRACT": CONTRACT})
        assert "nix-tree-foreign" in ids(json.loads(doctor.stdout), "error")  # root is another user there


def test_root_runs_no_nix_that_others_can_change(lab, spinup):
    """An expected version is asked of no program off PATH that is another user's; the user itself may run it."""
    assert spinup
    program = "/nix/var/nix/profiles/default/bin/nix"
    script = "#!/bin/sh\nid -u >>/tmp/ran\necho 'nix (Nix) 2.26.3'\n"
    with lab.pod(image="thin", files={program: File(script, 0o755), "/opt/e.json": '{"toolchain": {"nix": ">=2.18"}}'}) as pod:
        pod.exec(["sh", "-ec", "chown -R runner /nix; mkdir /tmp/none"], user="root").check()
        words = ["spinup", "doctor", "--label", "tinyland-nix", "--expect", "/opt/e.json", "--json", *ALONE]
        for user in "root", "runner":
            result = pod.exec(words, user=user, env={"SPINUP_CONTRACT": CONTRACT, "PATH": "/usr/bin:/bin:/usr/local/bin"})
            report = json.loads(result.stdout)
            if user == "root":
                assert "root does not run it: /nix" in detail(report, "toolchain-version-unreadable")
                assert pod.read("/tmp/ran").popitem()[1] is None
        assert pod.read("/tmp/ran").popitem()[1] == "1001\n"


# ---- who else uses the daemon

def test_clients_of_other_containers_are_not_disturbed(lab, spinup):
    """No table of sockets shows them. When they are done the daemon is started anew; where there is none, one is."""
    assert spinup
    with lab.pod(image="determinate", daemon="none") as pod:
        before = pod.read(CONF)
        repair(pod, "nix-daemon-no-socket")
        running = idle_daemons(pod)
        with connect(pod):
            assert running < set(daemons(pod))
            assert "repaired" not in repair(pod, "nix-cache-not-allowed")
            assert pod.read(CONF) == before and running < set(daemons(pod))
        assert idle_daemons(pod) == running
        assert "started" in repair(pod, "nix-cache-not-allowed")
        assert lab.public_key in pod.read(CONF)[CONF] and idle_daemons(pod) and not running & set(daemons(pod))


def test_a_cache_is_allowed_where_no_daemon_runs(lab, spinup):
    """What is written is read when the daemon is started, which is at once."""
    assert spinup
    with lab.pod(image="determinate", daemon="none") as pod:
        assert "started" in repair(pod, "nix-cache-not-allowed")
        assert lab.public_key in pod.read(CONF)[CONF] and build(pod) >= 30001


def test_no_worker_outlives_an_uninstallation(lab, spinup):
    """A worker is in a session of its own: it would hold a store that is gone."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        install(pod)
        idle = idle_daemons(pod)
        with connect(pod):
            assert idle < set(daemons(pod))
            assert pod.exec(["spinup", "install", "--uninstall"], user="root").rc == 0
            assert not daemons(pod)


def test_a_jobs_limits_do_not_reach_the_daemon(lab, spinup):
    """The daemon serves others, too, and longer than the job is. A pod's root may not raise hard limits."""
    assert spinup
    with lab.pod(image="determinate", sudo=True, daemon="none") as pod:
        limits = "ulimit -S -f 100; ulimit -S -t 5; ulimit -S -v 4000000; ulimit -S -d 4000000"
        pod.exec(["sh", "-ec", f"{limits}; sudo -n spinup repair nix-daemon-no-socket"]).check()
        assert build(pod, user="trusted") >= 30001 and daemons(pod)
        for pid in daemons(pod):
            text = pod.exec(["cat", f"/proc/{pid}/limits"], user="root").check().stdout
            for name in ("file size", "cpu time", "address space", "data size"):
                assert f"Max {name} ".ljust(26) + "unlimited".ljust(21) + "unlimited" in text, text
