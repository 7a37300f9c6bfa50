# SPDX-License-Identifier: Zlib
"""The job's proxy and Nix: real nix and curl go where spinup sends them; the daemon, which has an environment of its
own; downloads; and the other caches that Nix's configuration lists."""

import json

import pytest
from lab import CONTRACT
from report import taken, together
from runner_files import RunnerFiles, next_environment
from test_install import thin
from test_proxies import NO_BAZEL, SECRET, SUFFIX, detail, proxy, real
from topology import ATTIC

SERVER = f"http://{ATTIC}"
CURL_HTTP_ERROR = 22


def fetch(pod, lab, env):
    """What the real nix and curl do in the next step's environment: their exit statuses, and nix's words."""
    nix = pod.exec(["nix-store", "--realise", lab.paths["hello"]], user="root", env=env, timeout=60)
    curl = pod.exec(["curl", "-sS", "-f", "-m", "5", "-o", "/dev/null", f"{SERVER}/main/nix-cache-info"], user="root",
                    env=env)
    return nix.rc, curl.rc, nix.stderr


@pytest.mark.parametrize("blocking", [proxy("proxy-no-cluster"), real("tinyproxy-no-cluster")])
def test_real_programs_go_directly(lab, spinup, blocking):
    """Root without a daemon substitutes by itself: with what was written it gets the path, without it does not."""
    assert spinup
    with lab.pod(image="determinate", daemon="none") as pod:
        env = pod.environment("root", {"SPINUP_CONTRACT": CONTRACT, "http_proxy": blocking})
        result = pod.exec(["spinup", "run", *NO_BAZEL], user="root", env=env, runner=RunnerFiles("root")).check()
        after = next_environment(env, result.files)
        lost = {name: value for name, value in after.items() if name.lower() != "no_proxy"}
        nix, curl, said = fetch(pod, lab, lost)
        assert nix != 0 and curl == CURL_HTTP_ERROR, said
        nix, curl, said = fetch(pod, lab, after)
        assert nix == 0 and curl == 0 and f"from '{SERVER}" in said, said


@pytest.mark.parametrize("working", [proxy("proxy"), real()])
def test_real_nix_goes_through_the_proxy(lab, spinup, working):
    """A proxy that works stays the way, for the proof and for Nix."""
    assert spinup
    with lab.pod(image="determinate", daemon="none", down="attic=blackhole") as pod:
        env = pod.environment("root", {"SPINUP_CONTRACT": CONTRACT, "http_proxy": working})
        result = pod.exec(["spinup", "run", *NO_BAZEL], user="root", env=env, runner=RunnerFiles("root")).check()
        nix, curl, said = fetch(pod, lab, next_environment(env, result.files))
        assert nix == 0 and curl == 0, said


# ---- the daemon

def daemon_environment(pod):
    """The variables of the nix-daemon that runs in the pod."""
    daemon = next(process for process in pod.processes() if any("nix-daemon" in word for word in process.argv))
    return pod.exec(["cat", f"/proc/{daemon.pid}/environ"], user="root").check().stdout.split("\0")


def test_a_daemon_that_spinup_starts_goes_directly(lab, spinup):
    """And so does what comes after exec."""
    assert spinup
    words = ["spinup", "exec", "--install", "--label", "tinyland-nix", "--contract", CONTRACT, *NO_BAZEL, "--", "env"]
    with lab.pod(image="determinate", daemon="none") as pod:
        result = pod.exec(words, user="root", env={"http_proxy": proxy("proxy-no-cluster"), "no_proxy": "a.test"},
                          timeout=30).check()
        for lines in (daemon_environment(pod), result.stdout.splitlines()):
            assert len([line for line in lines if line.lower().startswith("no_proxy=")]) == 2
            assert f"no_proxy=a.test,{SUFFIX}" in lines and f"NO_PROXY=a.test,{SUFFIX}" in lines
            assert f"http_proxy={proxy('proxy-no-cluster')}" in lines
        assert "nix-daemon-proxy" not in result.stderr


def test_what_is_installed_comes_directly(lab, spinup):
    """From a mirror in the cluster, which the proxy would not let through."""
    assert spinup
    with thin(lab, lab.source("determinate-nix-3.0.0")) as pod:
        result = pod.exec(["spinup", "run", "--json", *NO_BAZEL], user="root", runner=RunnerFiles("root"), timeout=60,
                          env={"SPINUP_CONTRACT": CONTRACT, "http_proxy": proxy("proxy-no-cluster")}).check()
        found = {finding["id"]: finding["severity"] for finding in json.loads(result.stdout)["findings"]}
        assert "repaired" in found and "attic-proxy-bypassed" in found and "error" not in found.values()


def test_a_daemon_with_a_proxy_of_its_own_is_named(lab, spinup):
    """Root sees its environment; nobody changes it."""
    assert spinup
    for variables, is_named in (({"http_proxy": proxy("proxy-no-cluster", user=f"job:{SECRET}@")}, True),
                                ({"http_proxy": proxy("proxy-no-cluster"), "no_proxy": SUFFIX}, False),
                                ({"https_proxy": proxy("proxy-no-cluster")}, False)):
        with lab.pod(image="determinate", daemon="none") as pod:
            pod.start_daemon(env=variables)
            result = pod.exec(["spinup", "run", "--json", *NO_BAZEL], user="root", runner=RunnerFiles("root"),
                              env={"SPINUP_CONTRACT": CONTRACT, "http_proxy": proxy("proxy-no-cluster")}).check()
            found = {finding["id"]: finding["detail"] for finding in json.loads(result.stdout)["findings"]}
            assert ("nix-daemon-proxy" in found) is is_named, variables
            assert "attic-proxy-bypassed" in found and SECRET not in result.stdout
            if is_named:
                assert f"goes through the proxy {proxy('proxy-no-cluster')} (http_proxy)" in found["nix-daemon-proxy"]


# ---- the other caches that Nix lists

def test_listed_caches_are_asked_by_the_same_way(lab, spinup):
    """Through the proxy; and one that answers directly alone stays listed, for the daemon may go so."""
    assert spinup
    other = f"{SERVER}/unsigned"
    conf = f"trusted-users = root trusted\nsubstituters = {other}\n"
    rows = {"good": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy")}}),
            "blocked": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy-no-cluster")}}),
            "only the proxy": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy")}, "down": "attic=blackhole"}),
            "dead": (NO_BAZEL, {"env": {"http_proxy": proxy("refused")}, "down": "attic"})}
    for _, place in rows.values():
        place["files"] = {"/etc/nix/nix.conf": conf}
    seen = together(lab, rows)
    found = {name: taken(seen, name).ids("substituters") for name in rows}
    assert found["good"] == found["only the proxy"] == {"substituters-ready": "ok"}
    assert found["blocked"] == {"substituters-unchecked": "notice"}
    assert found["dead"] == {"substituter-dead": "warning"}
    assert "; directly: nix-cache-info: HTTP status 200" in detail(taken(seen, "blocked"), "substituters-unchecked")
    assert other not in taken(seen, "dead").exported()["NIX_CONFIG"]
