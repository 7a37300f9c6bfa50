# SPDX-License-Identifier: Zlib
"""What the processes of an installation's download hold and may do, seen from outside while a mirror stalls; and that
they do their work where a pod refuses what they give up."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from lab import CONTRACT
from test_install import _leftovers, assert_whole, detail, ids, install, thin

BOUND_S = 20


def children_of(pod):
    """The three processes of a download, by their number, once the two that parse something are in their sandbox and
    the third has closed what it inherited."""
    end, found = time.monotonic() + BOUND_S, []
    while [child["status"]["Seccomp"] for child in found] != ["2", "0", "2"] or max(found[1]["fds"]) > 5:
        assert time.monotonic() < end, found
        found = sorted(pod.visit(_children), key=lambda child: child["pid"])
    return found


def _children():
    """spinup's processes whose input and outputs are pipes: nobody else's are."""
    import os  # pylint: disable=import-outside-toplevel  # runs in the pod
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/status", encoding="ascii") as stream:
                status = dict(line.rstrip("\n").split(":\t", 1) for line in stream)
            fds = {int(fd): os.readlink(f"/proc/{name}/fd/{fd}") for fd in os.listdir(f"/proc/{name}/fd")}
        except OSError:
            continue
        if status["Name"] == "spinup" and all(fds.get(fd, "").startswith("pipe:") for fd in (0, 1, 2)):
            found.append({"pid": int(name), "status": status, "fds": fds, "root": os.readlink(f"/proc/{name}/root")})
    return found


def test_each_process_holds_what_it_needs(lab, spinup):
    """The fetcher and the hasher hold pipes alone, the unpacker the staging directory and nothing beside it; the
    fetcher is nobody. When the time is over all of them end, and the mirror is named that was waited for."""
    assert spinup
    source = lab.source("nix-2.26.3", "dl-stall")
    with thin(lab, source) as pod, ThreadPoolExecutor(1) as pool:
        run = pool.submit(install, pod, "--install-deadline", "5", rc=1)
        fetcher, hasher, unpacker = children_of(pod)
        for child in (fetcher, hasher):
            assert all(target.startswith(("pipe:", "socket:", "anon_inode:")) for target in child["fds"].values())
        assert sorted(hasher["fds"]) == sorted(unpacker["fds"]) == [0, 1, 2, 3, 4, 5]
        others = [target for target in unpacker["fds"].values() if not target.startswith("pipe:")]
        assert others == [unpacker["root"]] and others[0].endswith("/staging")
        assert fetcher["status"]["Uid"].split() == fetcher["status"]["Gid"].split() == ["65534"] * 4
        assert not fetcher["status"]["Groups"].strip()
        for child in (fetcher, unpacker):
            assert {child["status"][name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
            assert child["status"]["NoNewPrivs"] == "1"
        report = run.result()
        assert ids(report, "error") == {"repair-failed", "nix-absent"}
        assert source["files"]["x86_64-linux"]["urls"][0] in detail(report, "repair-failed")
        assert pod.visit(_children) == [] and pod.visit(_leftovers) == []


@pytest.mark.parametrize("denied", [
    ["setgroups=EPERM", "setresgid=EPERM", "setresuid=EPERM", "capset=EPERM"], ["setresuid=EINVAL"], ["close_range=ENOSYS"],
])
def test_a_refusal_is_no_failure(lab, spinup, denied):
    """A pod whose root has few capabilities, or whose kernel is old."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3", scheme="https")) as pod:
        pod.exec(["/opt/lab/deny", *denied, "--", "spinup", "install", "--label", "tinyland-nix", "--contract", CONTRACT],
                 user="root").check()
        assert_whole(pod, lab.archives["nix-2.26.3"])


def test_certificates_that_root_alone_may_read(lab, spinup):
    """They are read before root is given up."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3", scheme="https")) as pod:
        pod.exec(["sh", "-ec", "install -m 600 /etc/ssl/certs/ca-certificates.crt /root/ca.pem; rm -r /etc/ssl/certs"],
                 user="root").check()
        install(pod, env={"SSL_CERT_FILE": "/root/ca.pem"})
        assert_whole(pod, lab.archives["nix-2.26.3"])
