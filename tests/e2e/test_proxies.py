# SPDX-License-Identifier: Zlib
"""The job's proxy, and the caches: Attic is asked as Nix would go; where only the direct way works, the next steps
go directly, and a finding says so. What real programs make of it: test_proxies_nix.py."""

import json

import pytest
from lab import CONTRACT
from report import prove, taken, together
from runner_files import RunnerFiles, next_environment
from tinyproxy import PASSWORD, USER
from topology import ATTIC, CACHES, PUBLIC_ATTIC, STORAGE, fault_host

PUBLIC = f"https://{PUBLIC_ATTIC}"
SUFFIX = ".svc.cluster.local"
SECRET = "hunter2secret"
NO_BAZEL = ["--skip", "bazel"]
BYPASSED, FAILED = {"attic-proxy-bypassed": "warning"}, {"attic-proxy-failed": "warning"}


def proxy(kind, port=3128, scheme="http", user=""):
    """The URL of one of the lab's proxies, or of what is none."""
    return f"{scheme}://{user}{fault_host(kind)}:{port}"


def real(kind="tinyproxy", user=""):
    """The URL of one of the lab's real proxies."""
    return f"http://{user}{kind}.{CACHES}:3128"


# How a proxy is no way to the cluster's cache: its variable, and what is said of it.
NO_WAY = {
    "blocks the cluster": (proxy("proxy-no-cluster"), "HTTP 403 with a web page"),
    "wants a password": (proxy("proxy-407"), "HTTP 407 with a web page, it wants a user name and a password"),
    "blocks it, a real one": (real("tinyproxy-no-cluster"), "HTTP 403 with a web page"),
    "wants a password, a real one": (real("tinyproxy-auth"), "HTTP 407 with a web page, it wants a user name"),
    "has no upstream": (proxy("proxy-502"), "HTTP 502 with a web page"),
    "is refused": (proxy("refused"), f"the proxy {proxy('refused')} (http_proxy): 10.43.0.99: connection refused"),
    "is a black hole": (proxy("blackhole"), "no answer to the connection attempt"),
    "says nothing": (proxy("mute"), "connected, but no complete answer in time"),
    "hangs up": (proxy("close"), "the connection was closed before the answer was complete"),
    "is no proxy": (proxy("banner"), "the other side does not speak the protocol"),
    "has no name": (proxy("no-such-proxy"), "no such name (NXDOMAIN)"),
    "is a SOCKS proxy": (proxy("proxy", scheme="socks5h"), "http_proxy names a SOCKS proxy, which is not supported"),
    "is no URL": ("http://${PROXY}:3128", "http_proxy: the URL holds an unexpanded"),
    "has no port": (f"http://{fault_host('proxy')}:99999", "http_proxy: the URL's port"),
}
# no_proxy and NO_PROXY of a job, and what both become
LISTS = {
    "none": ({}, SUFFIX),
    "empty": ({"no_proxy": "", "NO_PROXY": ""}, SUFFIX),
    "lower": ({"no_proxy": "localhost,127.0.0.1"}, f"localhost,127.0.0.1,{SUFFIX}"),
    "upper": ({"NO_PROXY": "localhost,127.0.0.1"}, f"localhost,127.0.0.1,{SUFFIX}"),
    "both": ({"no_proxy": "localhost, a.test", "NO_PROXY": "b.test,localhost"}, f"localhost,a.test,b.test,{SUFFIX}"),
    "upper knows it": ({"no_proxy": "a.test", "NO_PROXY": SUFFIX}, f"a.test,{SUFFIX}"),
}
# Lists that hold the cache's host: what is behind the proxy's variable does not matter then.
EXCEPTED = [{"no_proxy": ATTIC}, {"NO_PROXY": ATTIC}, {"no_proxy": SUFFIX}, {"NO_PROXY": "svc.cluster.local"},
            {"no_proxy": "*"}, {"no_proxy": f"localhost {ATTIC.upper()}."}]


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a name."""
    assert spinup
    job = {"https_proxy": proxy("proxy")}
    rows = {("no way", name): (NO_BAZEL, {"env": {"http_proxy": url}}) for name, (url, _) in NO_WAY.items()}
    rows.update({("list", name): (NO_BAZEL, {"env": {"http_proxy": proxy("proxy-no-cluster"), **lists}})
                 for name, (lists, _) in LISTS.items()})
    rows.update({("excepted", str(lists)): (NO_BAZEL, {"env": {"http_proxy": proxy("blackhole"), **lists}})
                 for lists in EXCEPTED})
    public = [*NO_BAZEL, "--attic", PUBLIC, "--attic-public-key", lab.public_key]
    alone = [*NO_BAZEL, "--skip", "nix"]
    redirect = [*NO_BAZEL, "--attic-cache", "redirect", "--attic-public-key", lab.public_key]
    rows.update({
        "http": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy")}}),
        "a real one": (NO_BAZEL, {"env": {"http_proxy": real()}}),
        "a real one, password": (NO_BAZEL, {"env": {"http_proxy": real("tinyproxy-auth", user=f"{USER}:{PASSWORD}@")}}),
        "a real one, CONNECT": (public, {"env": {"https_proxy": real()}, "down": "public=nxdomain"}),
        "all": (NO_BAZEL, {"env": {"ALL_PROXY": proxy("proxy")}}),
        "upper case": (NO_BAZEL, {"env": {"HTTP_PROXY": proxy("blackhole"), "https_proxy": proxy("blackhole")}}),
        "user info": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy", user=f"job:{SECRET}@")}}),
        "user info, no way": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy-407", user=f"job:{SECRET}@")}}),
        "only the proxy": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy")}, "down": "attic=blackhole"}),
        "CONNECT": (public, {"env": job}),
        "CONNECT alone": (public, {"env": job, "down": "public=nxdomain"}),
        "CONNECT, 407": (public, {"env": {"https_proxy": proxy("proxy-407")}, "down": "public=nxdomain"}),
        "CONNECT, 407, directly": (public, {"env": {"https_proxy": proxy("proxy-407")}}),
        "CONNECT, no CA": ([*public, *alone], {"env": job, "image": "bare", "daemon": "none",
                                               "files": {"/etc/ssl/certs": None}}),
        "both refused": (NO_BAZEL, {"env": {"http_proxy": proxy("refused")}, "down": "attic"}),
        "both black holes": (NO_BAZEL, {"env": {"http_proxy": proxy("blackhole")}, "down": "attic=blackhole"}),
        "no name, 502": (NO_BAZEL, {"env": {"http_proxy": proxy("proxy-502")}, "down": "attic=nxdomain"}),
        "Attic's own 401": ([*NO_BAZEL, "--attic-cache", "private"], {"env": {"http_proxy": proxy("proxy")}}),
        "required": ([*NO_BAZEL, "--require", "attic"],
                     {"env": {"http_proxy": proxy("refused")}, "down": "attic"}),
        "storage": (redirect, {"env": {"http_proxy": proxy("proxy")}, "down": "attic=blackhole,storage=blackhole"}),
        "storage, directly": (redirect, {"env": {"http_proxy": proxy("proxy-407")}}),
        "storage, no way": (redirect, {"env": {"http_proxy": proxy("proxy-no-cluster"), "no_proxy": ATTIC}}),
        "another key": ([*NO_BAZEL, "--attic-public-key", lab.other_key],
                        {"env": {"http_proxy": proxy("proxy-no-cluster")}}),
        "bazel": (["--skip", "attic"], {"env": {"http_proxy": proxy("refused"), "ALL_PROXY": proxy("refused"),
                                                "https_proxy": proxy("refused")}}),
    })
    return together(lab, rows)


def detail(report, id_):
    """A finding's own words."""
    return report.finding(id_)["detail"]


def assert_proven(report):
    """The cache is configured for the next steps."""
    assert report.fact("attic.is_usable") is True and report.exported().get("ATTIC_SERVER") != ""
    assert "extra-substituters" in report.exported()["NIX_CONFIG"]


def block_of(report, name):
    """The lines of GITHUB_ENV that set a variable, byte for byte."""
    lines = report.result.files["GITHUB_ENV"].splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith(f"{name}<<")), None)
    if start is None:
        return [line for line in lines if line.startswith(f"{name}=")]
    return lines[start:lines.index(lines[start].partition("<<")[2], start + 1) + 1]


# ---- a way that works

@pytest.mark.parametrize("name", ["http", "all"])
def test_through_the_proxy(reports, name):
    report = taken(reports, name)
    variable = {"http": "http_proxy", "all": "ALL_PROXY"}[name]
    assert not report.bad() and report.outcome == "ready"
    assert_proven(report)
    assert report.fact("attic.proxy") == f"{proxy('proxy')} ({variable})"
    assert report.fact("attic.is_direct_only") is False
    assert detail(report, "attic-ready").endswith(f", through the proxy {proxy('proxy')} ({variable})")
    assert not {"no_proxy", "NO_PROXY", "http_proxy"} & report.exported().keys()


@pytest.mark.parametrize("name", ["a real one", "a real one, password", "a real one, CONNECT"])
def test_through_a_real_proxy(reports, name):
    report = taken(reports, name)
    assert not report.bad() and report.outcome == "ready"
    assert_proven(report)
    assert "through the proxy http://" in detail(report, "attic-ready")
    assert PASSWORD not in str(report.document) and "no_proxy" not in report.exported()


def test_only_the_proxy_is_a_way(reports):
    """From here the server is a black hole, and its public name does not resolve."""
    for name in "only the proxy", "CONNECT alone":
        report = taken(reports, name)
        assert not report.bad("attic"), name
        assert_proven(report)
        assert "no_proxy" not in report.exported()


def test_a_public_name_is_left_to_the_proxy(lab, reports):
    """Nobody else needs to resolve it, so nothing is said where this machine cannot."""
    assert not taken(reports, "CONNECT alone").bad("dns")
    plan = lab.exec(["spinup", "plan", "--json", "--label", "tinyland-nix", "--attic", PUBLIC, *NO_BAZEL],
                    env={"https_proxy": proxy("proxy", user=f"job:{SECRET}@")}).check()
    tasks = {task["name"]: task for task in json.loads(plan.stdout)["tasks"]}
    assert f"dns:{PUBLIC_ATTIC}" not in tasks and SECRET not in plan.stdout
    assert f"through the proxy {proxy('proxy')} (https_proxy)" in tasks["attic"]["why"]


def test_connect(lab, reports):
    """TLS goes to the server itself, through the proxy's tunnel."""
    report = taken(reports, "CONNECT")
    assert not report.bad() and "storage proven" in detail(report, "attic-ready")
    assert report.fact("attic.proxy") == f"{proxy('proxy')} (https_proxy)"
    heads = [row["head"] for row in map(json.loads, lab.log("faults.log").splitlines()) if row["server"] == "proxy"]
    assert any(head.startswith(f"CONNECT {PUBLIC_ATTIC}:443 ") for head in heads)
    assert taken(reports, "CONNECT, no CA").bad("attic") == {"attic-no-ca": "warning"}


def test_upper_case_is_no_variable_of_http(reports):
    """libcurl, and so Nix, reads http_proxy alone; and https has its own."""
    report = taken(reports, "upper case")
    assert not report.bad() and report.fact("attic.proxy") is None
    assert "no_proxy" not in report.exported()


def test_what_attic_says_through_the_proxy_counts(reports):
    """Its own refusal is no failure of the proxy: nothing else is tried."""
    report = taken(reports, "Attic's own 401")
    assert report.bad("attic") == {"attic-unauthorized": "warning"}
    assert "directly" not in detail(report, "attic-unauthorized")


def test_bazel_knows_no_proxies(reports):
    """Its remote cache is reached directly, whatever the variables say (bazelbuild/bazel#6428, #27715)."""
    report = taken(reports, "bazel")
    assert not report.bad("bazel") and report.exported()["BAZEL_REMOTE_CACHE"]


# ---- only the direct way works

@pytest.mark.parametrize("name", NO_WAY)
def test_the_direct_way(reports, name):
    report = taken(reports, ("no way", name))
    assert report.bad() == BYPASSED and report.outcome == "degraded" and report.result.rc == 0
    assert_proven(report)
    assert report.fact("attic.is_direct_only") is True
    said, _, why = detail(report, "attic-proxy-bypassed").partition("; ")
    assert said == f"only the direct way is proven, so no_proxy and NO_PROXY get {SUFFIX}"
    assert NO_WAY[name][1] in why
    assert not {"http_proxy", "https_proxy", "all_proxy"} & report.exported().keys()


@pytest.mark.parametrize("name", LISTS)
def test_both_lists_are_joined(reports, name):
    report = taken(reports, ("list", name))
    assert report.bad() == BYPASSED
    for variable in "no_proxy", "NO_PROXY":
        assert report.exported()[variable] == LISTS[name][1]
        first, *rest = block_of(report, variable)
        assert rest[:-1] == [LISTS[name][1]] if rest else first == f"{variable}={LISTS[name][1]}"


@pytest.mark.parametrize("lists", EXCEPTED, ids=str)
def test_an_excepted_host_has_no_proxy(reports, lists):
    report = taken(reports, ("excepted", str(lists)))
    assert not report.bad() and report.fact("attic.proxy") is None
    assert report.fact("attic.is_direct_only") is None
    assert not {"no_proxy", "NO_PROXY"} & report.exported().keys()


def test_twice_is_the_same_as_once(lab):
    """What the first run wrote is the second one's environment, in which the cache is excepted."""
    with lab.pod(image="determinate") as pod:
        env = pod.environment("trusted", {"SPINUP_CONTRACT": CONTRACT, "http_proxy": proxy("proxy-no-cluster"),
                                          "NO_PROXY": "a.test"})
        first = pod.exec(["spinup", "run", *NO_BAZEL], user="trusted", env=env, runner=RunnerFiles("trusted")).check()
        after = next_environment(env, first.files)
        second = pod.exec(["spinup", "run", "--json", *NO_BAZEL], user="trusted", env=after,
                          runner=RunnerFiles("trusted")).check()
        assert json.loads(second.stdout)["outcome"] == "ready"
        assert next_environment(after, second.files) == after
        assert after["no_proxy"] == after["NO_PROXY"] == f"a.test,{SUFFIX}"


def test_a_public_host_is_excepted_by_itself(reports):
    report = taken(reports, "CONNECT, 407, directly")
    assert report.bad() == BYPASSED
    assert report.exported()["no_proxy"] == report.exported()["NO_PROXY"] == PUBLIC_ATTIC


def test_a_cache_that_is_not_used_changes_nothing(reports):
    report = taken(reports, "another key")
    assert report.bad() == {"attic-key-mismatch": "warning"}
    assert report.exported()["ATTIC_SERVER"] == "" and "no_proxy" not in report.exported()


def test_env_and_probe_agree_with_run(lab, reports):
    """One decision, three places where it is shown."""
    ran = taken(reports, ("list", "both"))
    env = {"SPINUP_CONTRACT": CONTRACT, "http_proxy": proxy("proxy-no-cluster"), **LISTS["both"][0]}
    with lab.pod(image="determinate") as pod:
        words = ["spinup", "env", "--format", "json", "--label", "tinyland-nix", *NO_BAZEL]
        shown = pod.exec(words, user="trusted", env=env).check()
        probed = pod.exec(["spinup", "probe", "attic", "--json", "--label", "tinyland-nix"], user="trusted", env=env)
    assert '"no_proxy"' in shown.stdout and '"NO_PROXY"' in shown.stdout
    assert shown.stdout.count(ran.exported()["no_proxy"]) == 2
    ids = {finding["id"]: finding["detail"] for finding in json.loads(probed.stdout)["findings"]}
    assert ids["attic-proxy-bypassed"] == detail(ran, "attic-proxy-bypassed")


def test_storage_is_asked_by_the_way_of_its_own_host(reports):
    """Attic may hand paths out by a redirect to another server, which Nix follows by the same rules."""
    assert not taken(reports, "storage").bad("attic")
    assert taken(reports, "storage, directly").bad("attic") == BYPASSED
    report = taken(reports, "storage, no way")
    assert report.bad("attic") == {"attic-storage-failed": "warning"}
    way = f"storage server {STORAGE}:9000 through the proxy {proxy('proxy-no-cluster')} (http_proxy): HTTP 403"
    assert way in detail(report, "attic-storage-failed")


# ---- neither works

def test_a_cluster_host_fails_for_the_direct_reason(reports):
    """That way is meant for it; what became of the proxy stands behind it."""
    for name, id_, other in (("both refused", "attic-refused", "connection refused"),
                             ("both black holes", "attic-connect-timeout", "no answer to the connection attempt"),
                             ("no name, 502", "attic-dns-nxdomain", "HTTP 502 with a web page")):
        report = taken(reports, name)
        assert report.bad("attic") == {id_: "warning"}, name
        words, _, proxied = detail(report, id_).partition("; the proxy ")
        assert ATTIC in words or "10." in words
        assert proxied.startswith("http://") and other in proxied
        assert report.exported()["ATTIC_SERVER"] == "" and "no_proxy" not in report.exported()


def test_a_public_host_fails_for_the_proxys_reason(reports):
    report = taken(reports, "CONNECT, 407")
    assert report.bad("attic") == FAILED
    words = detail(report, "attic-proxy-failed")
    assert words.startswith(f"the proxy {proxy('proxy-407')} (https_proxy): HTTP 407, it wants a user name")
    assert f"; directly: {PUBLIC_ATTIC}: no such name (NXDOMAIN)" in words


def test_a_required_cache_fails_the_lane(reports):
    report = taken(reports, "required")
    assert report.bad("attic") == {"attic-refused": "error"} and report.result.rc == 1
    assert report.result.files["GITHUB_ENV"] == ""


# ---- secrets

@pytest.mark.parametrize("name", ["user info", "user info, no way"])
def test_a_proxys_password_is_nowhere(reports, name):
    result = taken(reports, name).result
    for text in (result.stdout, result.stderr, *(text or "" for text in result.files.values())):
        assert SECRET not in text and "job:" not in text
    assert taken(reports, name).fact("attic.proxy").startswith(f"http://{fault_host('proxy')[:5]}")


def test_a_token_goes_only_where_attic_is(lab):
    """To an http server the proxy reads it: so it comes after Attic has spoken there. The log has the first request
    of each connection; that the private cache is usable shows that the token came."""
    for name in "proxy", "proxy-no-cluster":
        before = len(lab.log("faults.log"))
        env = {"http_proxy": proxy(name), "ATTIC_TOKEN": lab.tokens["pull"]}
        report = prove(lab, *NO_BAZEL, "--attic-cache", "private", "--attic-public-key", lab.public_key, env=env)
        assert report.fact("attic.is_usable") is True
        rows = map(json.loads, lab.log("faults.log")[before:].splitlines())
        heads = [row["head"] for row in rows if row["server"] == name]
        assert heads and not any("authorization" in head.lower() for head in heads), name
