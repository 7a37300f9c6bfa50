# SPDX-License-Identifier: Zlib
"""Nix installed into an image that has none, nor xz, zstd, curl or useradd: from real closures, by downloads that
fail in every way, and by a stand-in of Determinate's installer; then used by the real nix."""

import json

import pytest
from lab import CONTRACT
from report import Report
from runner_files import RunnerFiles, next_environment
from visit import File

PROFILE_BIN = "/nix/var/nix/profiles/default/bin"
SOCKET = "/nix/var/nix/daemon-socket/socket"
BUILD = """derivation { name = "built-%s"; system = builtins.currentSystem; builder = "/bin/bash";
  args = [ "-c" "echo $(id -u) > $out; exit 0" ]; PATH = "/usr/bin:/bin"; }"""
SERVER = "http://attic.nix-cache.svc.cluster.local"


# Debian's nix names programs of Debian's for its sandbox and as its build hook, and there is no cache.nixos.org.
SETTINGS = "sandbox = false\nsubstituters =\n"
HOOK = File("#!/bin/sh\necho '# decline-permanently' >&2\ncat >/dev/null\n", 0o755)


def thin(lab, *sources, files=None, **place):
    """A pod without Nix, whose contract names these sources, and whose administrator has settings for it."""
    settings = {"/etc/nix/nix.conf": SETTINGS, "/etc/nix/nix.custom.conf": SETTINGS,
                "/usr/libexec/nix/build-remote": HOOK}
    return lab.pod(**{"image": "thin", "contract": lab.contract(install=list(sources)),
                      "files": {**settings, **(files or {})}, **place})


def install(pod, *words, user="root", rc=0, timeout=60, **place):
    """spinup install; its report."""
    result = pod.exec(["spinup", "install", "--json", "--label", "tinyland-nix", "--contract", CONTRACT, *words],
                      user=user, timeout=timeout, **place)
    assert result.rc == rc, f"{result.rc}\n{result.stdout}\n{result.stderr}"
    return json.loads(result.stdout)


def ids(report, *severities):
    """The findings' names."""
    return {row["id"] for row in report["findings"] if not severities or row["severity"] in severities}


def detail(report, id_):
    """What the finding says."""
    return next(row["detail"] for row in report["findings"] if row["id"] == id_)


def assert_whole(pod, archive):
    """A store as it should be, and nothing left over."""
    assert pod.verify_store() == []
    assert set(archive.paths) <= set(pod.visit(_store))
    assert pod.visit(_leftovers) == []
    assert pod.visit(_owner, "/nix") == (0, 0, 0o755) and pod.visit(_owner, "/nix/store") == (0, 30000, 0o1775)


def _store():
    import os  # pylint: disable=import-outside-toplevel  # runs in the pod
    return ["/nix/store/" + name for name in os.listdir("/nix/store") if name != ".links"]


def _leftovers():
    import os  # pylint: disable=import-outside-toplevel
    places = ["/nix/.spinup/staging", "/nix/.spinup-installing", "/nix/temp-install-dir"]
    return [path for path in places if os.path.lexists(path)]


def _owner(path):
    import os  # pylint: disable=import-outside-toplevel
    status = os.lstat(path)
    return status.st_uid, status.st_gid, status.st_mode & 0o7777


def build(pod, user="runner", env=None, name="x"):
    """Has the real nix build a derivation through the daemon; the user who built it."""
    result = pod.exec([f"{PROFILE_BIN}/nix-build", "--no-out-link", "--option", "substitute", "false", "-E", BUILD % name],
                      user=user, env={"NIX_REMOTE": "daemon", **(env or {})})
    assert result.rc == 0, result.stderr
    return int(pod.read(result.stdout.strip()).popitem()[1])


ARCHIVES = {
    "nix-2.26.3": "2.26.3", "nix-2.26.3-x86_64-linux": "2.26.3", "determinate-nix-3.0.0": "2.26.3",
    "determinate-nix-3.0.0-without-nixd": "2.26.3", "nix-2.8.0": "2.8.0",
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_from_nothing_to_a_daemon(lab, spinup, name):
    """Each layout and compression; afterwards builds run as build users, through the daemon."""
    assert spinup
    archive = lab.archives[name]
    with thin(lab, lab.source(name)) as pod:
        report = install(pod)
        assert report["facts"]["nix"]["state"] == "daemon" and "repaired" in ids(report)
        assert report["facts"]["nix"]["daemon"]["version"] == ARCHIVES[name]
        assert report["facts"]["nix"]["flavour"] == archive.flavour
        assert_whole(pod, archive)
        assert build(pod) in range(30001, 30033)
        again = install(pod)
        assert "repaired" not in ids(again) and again["facts"]["nix"]["state"] == "daemon"
        assert len(lab.fetches(archive.path.name)) >= 1


def test_a_determinate_lane_is_whole_only_with_determinate_nixd(lab, spinup):
    """With it the lane is ready, without it, and with an upstream Nix, it is degraded."""
    assert spinup
    expected = {"determinate-nix-3.0.0": set(), "determinate-nix-3.0.0-without-nixd": {"determinate-nixd-missing"},
                "nix-2.26.3": {"lane-flavour-differs"}}
    for name, bad in expected.items():
        with thin(lab, lab.source(name)) as pod:
            report = install(pod)
            assert ids(report, "warning", "error") == bad, name
            assert report["outcome"] == ("degraded" if bad else "ready")


def test_a_job_of_a_runner_with_sudo(lab, spinup):
    """The whole job: installed by sudo, the cache allowed in the daemon's configuration, and the next step, which is
    neither root nor trusted, fetches a signed path."""
    assert spinup
    with thin(lab, lab.source("determinate-nix-3.0.0"), sudo=True) as pod:
        runner = RunnerFiles("runner")
        result = pod.exec(["spinup", "run", "--skip", "bazel"], runner=runner, env={"SPINUP_CONTRACT": CONTRACT})
        assert result.rc == 0, result.stdout + result.stderr
        assert "installed Nix 3.0.0 (determinate)" in result.stdout
        assert f"{PROFILE_BIN}\n" in result.files["GITHUB_PATH"]
        env = next_environment({**runner.environment(pod.hostname), "PATH": "/usr/bin:/bin"}, result.files)
        step = pod.exec(["nix-store", "--realise", lab.paths["hello"]], user="runner", env=env, timeout=20)
        assert step.rc == 0 and f"from '{SERVER}/main'" in step.stderr, step.stderr
        assert "ignoring" not in step.stderr
        assert build(pod, env=env) in range(30001, 30033)


@pytest.mark.parametrize("place, word", [
    ({"sudo": False}, "sudo refuses"), ({"sudo": True, "no_new_privs": True}, "no_new_privs"),
    ({"sudo": False, "files": {"/usr/bin/sudo": None}}, "there is no sudo"),
])
def test_without_rights_it_is_said_who_can(lab, spinup, place, word):
    """Nothing is changed, and one sentence says why."""
    assert spinup
    no_new_privs = place.pop("no_new_privs", False)
    with thin(lab, lab.source("nix-2.26.3"), **place) as pod:
        report = install(pod, user="runner", rc=1, no_new_privs=no_new_privs)
        assert ids(report, "error") == {"repair-needs-root", "nix-absent"} and word in detail(report, "repair-needs-root")
        assert report["findings"][0]["id"] == "repair-needs-root" and report["findings"][0]["subject"] == "nix-absent"
        assert not pod.visit(_is_there, "/nix")


def _is_there(path):
    import os  # pylint: disable=import-outside-toplevel
    return os.path.lexists(path)


# ---- downloads

# fault server: words of the reason; each before a good mirror
FAULTS = {
    "dl-truncated": None, "dl-truncated-norange": None, "dl-resume": None, "dl-503-twice": None, "dl-redirect-ok": None,
    "dl-short-length": "", "dl-long-length": None, "dl-html": "", "dl-wrong": "", "dl-garbage": "", "dl-404": "",
    "dl-redirect-loop": "", "dl-reset": "", "dl-range-lies": None, "dl-endless": "",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_mirror_is_passed_over(lab, spinup, fault):
    """Whatever the first mirror does, the second one is tried, and the digest decides."""
    assert spinup
    archive = lab.archives["nix-2.26.3"]
    with thin(lab, lab.source("nix-2.26.3", fault, "downloads.nix-cache.svc.cluster.local")) as pod:
        install(pod)
        assert_whole(pod, archive)


# a source that is bad altogether: (fault server, words of the reason)
ALONE = {
    "dl-html": "HTML", "dl-wrong": "damaged", "dl-garbage": "", "dl-404": "404", "dl-redirect-loop": "redirect",
    "refused": "refused",
}


@pytest.mark.parametrize("fault", ALONE)
def test_a_bad_source_is_said_and_leaves_nothing(lab, spinup, fault):
    """The reason is in the finding; neither store paths nor staging are left."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3", fault)) as pod:
        report = install(pod, rc=1)
        assert ids(report, "error") == {"repair-failed", "nix-absent"}
        assert report["findings"][0]["id"] == "repair-failed"  # the cause comes first
        assert ALONE[fault].lower() in detail(report, "repair-failed").lower()
        assert pod.visit(_leftovers) == [] and not pod.visit(_is_there, "/nix/store")
        assert "nixbld" not in pod.read("/etc/group").popitem()[1]
        # And the next run, with a good source, installs.
        pod.place({CONTRACT: lab.contract(install=[lab.source("nix-2.26.3")])})
        install(pod)
        assert_whole(pod, lab.archives["nix-2.26.3"])


def test_the_next_source_is_tried(lab, spinup):
    """In the contract's order, each failure said."""
    assert spinup
    bad = lab.source("determinate-nix-3.0.0", "dl-404")
    with thin(lab, bad, lab.source("nix-2.26.3")) as pod:
        report = install(pod)
        assert "404" in detail(report, "nix-source-failed") and report["facts"]["nix"]["flavour"] == "upstream"
        assert report["outcome"] == "degraded" and "lane-flavour-differs" in ids(report, "warning")


def test_a_stall_costs_its_own_time(lab, spinup):
    """A mirror that falls silent is left for the next one, and what came of it is kept."""
    assert spinup
    archive = lab.archives["nix-2.26.3"]
    with thin(lab, lab.source("nix-2.26.3", "dl-stall", "downloads.nix-cache.svc.cluster.local")) as pod:
        install(pod, timeout=110)
        assert_whole(pod, archive)


def test_another_digest_never_reaches_the_store(lab, spinup):
    """One that is well-formed, and not what was pinned."""
    assert spinup
    source = lab.source("nix-2.26.3")
    source["files"]["x86_64-linux"]["sha256"] = "0" * 64
    with thin(lab, source) as pod:
        report = install(pod, rc=1)
        assert "0" * 64 + " is pinned" in detail(report, "repair-failed")
        assert not pod.visit(_is_there, "/nix/store")


def test_no_source_for_this_machine(lab, spinup):
    assert spinup
    with thin(lab) as pod:
        report = install(pod, rc=1)
        assert "names no source of it for" in detail(report, "repair-failed")


def test_over_https_and_a_proxy(lab, spinup):
    """The lab's CA is in the image; the proxy is the way that the environment names."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3", scheme="https")) as pod:
        install(pod)
    proxy = "http://proxy.faults.svc.cluster.local:3128"
    with thin(lab, lab.source("nix-2.26.3", scheme="https")) as pod:
        install(pod, env={"https_proxy": proxy})
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        install(pod, env={"http_proxy": proxy})
    refusing = "http://user:hunter2@proxy-407.faults.svc.cluster.local:3128"
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        report = install(pod, rc=1, env={"http_proxy": refusing})
        assert "407" in detail(report, "repair-failed") and "hunter2" not in json.dumps(report)


# ---- /nix is there already

@pytest.mark.parametrize("tmpfs", ["/nix:0777:0:0", "/nix:0755:1001:1001", "/nix:02775:0:1001"])
def test_into_a_volume(lab, spinup, tmpfs):
    """An emptyDir, and a volume of another owner: given to root first."""
    assert spinup
    with thin(lab, lab.source("nix-2.26.3"), tmpfs=[tmpfs]) as pod:
        report = install(pod)
        assert "nix-dir-world-writable" not in ids(report)
        assert_whole(pod, lab.archives["nix-2.26.3"])


def test_what_somebody_put_into_an_open_volume_is_not_used(lab, spinup):
    """While /nix was open to everybody a job could lay links there: none is followed."""
    assert spinup
    for path, target in (("/nix/var", "/etc"), ("/nix/store", "/etc"), ("/nix/.spinup", "/etc")):
        with thin(lab, lab.source("nix-2.26.3"), tmpfs=["/nix"]) as pod:
            before = pod.visit(_etc)
            pod.exec(["ln", "-s", target, path], user="runner").check()
            report = install(pod, rc=1)
            assert "remove it" in detail(report, "repair-failed"), path
            after = pod.visit(_etc)
            assert {name for name in after if name not in before} <= {"nixbld", ".pwd.lock", "nix"}


def _etc():
    import os  # pylint: disable=import-outside-toplevel
    return sorted(os.listdir("/etc"))


def test_store_paths_are_held_against_their_hashes(lab, spinup):
    """A path that is there already, and damaged, is replaced; --verify-store looks at each."""
    assert spinup
    archive = lab.archives["nix-2.26.3"]
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        assert "nix-store-verified" in ids(install(pod, "--verify-store"))
        assert "nix-store-verified" in ids(install(pod, "--verify-store"))
        damaged = f"{archive.nix_store_path}/bin/nix"
        pod.exec(["sh", "-ec", f"rm {PROFILE_BIN.rsplit('/', 1)[0]}; cp {damaged} /tmp/nix; echo >>/tmp/nix; mv /tmp/nix {damaged}; "
                  "rm -r /nix/var/nix/profiles/*"], user="root").check()
        assert pod.verify_store(archive.nix_store_path) != []
        install(pod)
        assert_whole(pod, archive)
        pod.exec(["sh", "-ec", f"cp {damaged} /tmp/nix; echo >>/tmp/nix; mv /tmp/nix {damaged}"], user="root").check()
        report = install(pod, "--verify-store")
        assert "1 of 5 store paths were damaged" in detail(report, "repaired")
        assert_whole(pod, archive)


def test_a_store_on_a_mount_of_its_own(lab, spinup):
    """Renames lead to no other mount: said before anything is fetched."""
    assert spinup
    archive = lab.archives["nix-2.26.3"]
    before = len(lab.fetches(archive.path.name))
    with thin(lab, lab.source("nix-2.26.3"), tmpfs=["/nix/store:0755:0:0"]) as pod:
        report = install(pod, rc=1)
        assert "mounts the volume at /nix instead" in detail(report, "repair-failed")
        assert pod.visit(_leftovers) == [] and len(lab.fetches(archive.path.name)) == before


def test_a_receipt_of_others_is_kept(lab, spinup):
    """It may be the only thing by which its owner can take that installation back."""
    assert spinup
    receipt = '{"actions": [{"action": {}, "state": "Completed"}]}'
    with thin(lab, lab.source("nix-2.26.3", "dl-404"), files={"/nix/receipt.json": receipt}) as pod:
        install(pod, rc=1)
        assert pod.read("/nix/receipt.json").popitem()[1] == receipt


def test_a_source_that_crawls_has_its_share(lab, spinup):
    """The next one gets the rest of the time."""
    assert spinup
    slow = lab.source("determinate-nix-3.0.0", "dl-drip")
    with thin(lab, slow, lab.source("nix-2.26.3")) as pod:
        report = install(pod, "--install-deadline", "22", timeout=60)
        assert report["facts"]["nix"]["version"] == "2.26.3" and "determinate" in detail(report, "nix-source-failed")


# ---- other surfaces

def test_by_the_entrypoint(lab, spinup):
    """exec --install: the command finds Nix, and starts also where nothing could be installed."""
    assert spinup
    words = ["spinup", "exec", "--install", "--label", "tinyland-nix", "--contract", CONTRACT, "--skip", "bazel", "--"]
    with thin(lab, lab.source("nix-2.26.3"), sudo=True) as pod:
        result = pod.exec([*words, "sh", "-c", f"{PROFILE_BIN}/nix-store --version && ls {SOCKET}"])
        assert result.rc == 0 and "2.26.3" in result.stdout, result.stdout + result.stderr
    with thin(lab, lab.source("nix-2.26.3", "dl-404"), sudo=True) as pod:
        result = pod.exec([*words, "echo", "started"])
        assert result.rc == 0 and result.stdout == "started\n" and "404" in result.stderr
    with thin(lab, lab.source("nix-2.26.3"), sudo=True) as pod:
        result = pod.exec([word for word in words if word != "--install"] + ["echo", "started"])
        assert result.rc == 0 and not pod.visit(_is_there, "/nix")


def test_doctor_changes_nothing(lab, spinup):
    assert spinup
    with thin(lab, lab.source("nix-2.26.3")) as pod:
        result = pod.exec(["spinup", "doctor", "--json", "--label", "tinyland-nix", "--contract", CONTRACT,
                           "--skip", "attic", "--skip", "bazel"], user="root")
        assert "nix-absent" in Report(result).ids() and not pod.visit(_is_there, "/nix")
