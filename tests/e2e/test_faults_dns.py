# SPDX-License-Identifier: Zlib
"""Name resolution that is broken, and how it is told apart from a cache that is: every fault of the lab's DNS, the
search list, the hosts file, and machines that are in no cluster."""

import dns
import pytest
from report import taken, together

ATTIC, BAZEL = "attic.nix-cache.svc.cluster.local", "bazel-cache.nix-cache.svc.cluster.local"
SEARCH = "search nix-cache.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"

# fault of every name: (of attic, of bazel, of the dns probe)
BROKEN = {
    "servfail": ("attic-dns-servfail", "bazel-dns-broken", {"dns-servfail", "dns-cluster-broken"}),
    "nxdomain": ("attic-dns-nxdomain", "bazel-unresolved", {"dns-nxdomain"}),
    "refuse": ("attic-dns-refused", "bazel-dns-broken", {"dns-refused", "dns-cluster-broken"}),
    "nodata": ("attic-dns-nodata", "bazel-unresolved", {"dns-nodata"}),
    "drop": ("attic-dns-timeout", "bazel-dns-broken", {"dns-timeout", "dns-cluster-broken"}),
    "slow3000": ("attic-dns-timeout", "bazel-dns-broken", {"dns-timeout", "dns-cluster-broken"}),
    "blackhole": ("attic-dns-timeout", "bazel-dns-broken", {"dns-timeout", "dns-cluster-broken"}),
    "refused": ("attic-dns-unreachable", "bazel-dns-broken", {"dns-unreachable", "dns-cluster-broken"}),
    "garbage": ("attic-dns-broken", "bazel-dns-broken", {"dns-malformed", "dns-cluster-broken"}),
    "short": ("attic-dns-broken", "bazel-dns-broken", {"dns-malformed", "dns-cluster-broken"}),
    "wrongid": ("attic-dns-broken", "bazel-dns-broken", {"dns-malformed", "dns-cluster-broken"}),
    "wrongname": ("attic-dns-broken", "bazel-dns-broken", {"dns-malformed", "dns-cluster-broken"}),
    "badptr": ("attic-dns-broken", "bazel-dns-broken", {"dns-malformed", "dns-cluster-broken"}),
    **dict.fromkeys(("tcdrop", "tcslow", "tclies", "tcclose"),
                    ("attic-dns-broken", "bazel-dns-broken", {"dns-truncated", "dns-cluster-broken"})),
}
# Odd, and it works: what the dns probe says of it
WORKING = {"tc": set(), "aaaadrop": set(), "aaaaservfail": set(), "slow300": {"dns-slow"},
           "big": {"dns-search-surprise"}}
REQUIRE = ["--require", "attic", "--require", "bazel"]


def resolv_conf(address, search=SEARCH):
    """A pod's file."""
    return {"/etc/resolv.conf": f"nameserver {address}\n{search}"}


def hosts(address):
    """A hosts file with Attic's name."""
    return {"/etc/hosts": f"127.0.0.1 localhost\n{address} {ATTIC}\n"}


LAPTOP = {"hostname": "laptop", "runner": None, "user": "runner", "command": "probe"}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a name."""
    assert spinup
    key = ["--attic-public-key", lab.public_key]
    rows = {name: ([], {"dns": name}) for name in [*BROKEN, *WORKING, "aaaaonly"]}
    rows.update({("require", name): (REQUIRE, {"dns": name}) for name in ("servfail", "nxdomain", "refused")})
    rows.update({
        "first server dead": ([], {"dns": ["refused", "cluster"]}),
        "first server silent": ([], {"dns": ["blackhole", "cluster"]}),
        "first server fails": ([], {"dns": ["servfail", "cluster"]}),
        "no resolv.conf": ([], {"files": {"/etc/resolv.conf": None}}),
        "empty resolv.conf": ([], {"files": {"/etc/resolv.conf": "# nothing\n"}}),
        "not the cluster's DNS": ([], {"files": resolv_conf("10.43.1.2", "")}),
        "hosts agree": ([], {"files": hosts("10.43.0.20")}),
        "hosts differ": ([], {"files": hosts("10.43.0.99")}),
        "hosts without DNS": ([], {"files": hosts("10.43.0.20"), "dns": "servfail"}),
        "one label": ([*key, "--attic", "http://attic"], {}),
        "two labels": ([*key, "--attic", "http://attic.nix-cache"], {}),
        "trailing dot": ([*key, "--attic", f"http://{ATTIC}."], {}),
        "address": ([*key, "--attic", "http://10.43.0.20"], {}),
        "IPv6 alone": ([*key, "--attic", "http://attic6.nix-cache.svc.cluster.local"], {}),
        "laptop": (["dns", ATTIC], {**LAPTOP, "files": resolv_conf("10.43.1.2", "")}),
        "laptop, DNS broken": (["dns", ATTIC], {**LAPTOP, "files": resolv_conf("10.43.1.1", "")}),
        "laptop, attic": (["attic", f"http://{ATTIC}"], {**LAPTOP, "files": resolv_conf("10.43.1.2", "")}),
    })
    return together(lab, rows)


def test_no_fault_of_the_lab_is_forgotten():
    assert {*dns.FAULTS, "refused", "blackhole"} == {*BROKEN, *WORKING, "aaaaonly"}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_dns_is_named_and_degrades_the_lane(reports, fault):
    report = taken(reports, fault)
    attic, bazel, of_dns = BROKEN[fault]
    assert report.bad("attic") == {attic: "warning"}
    assert report.bad("bazel") == {bazel: "warning"}
    assert report.bad("dns") == dict.fromkeys(of_dns, "warning")
    assert report.outcome == "degraded" and report.result.rc == 0
    assert report.exported()["ATTIC_SERVER"] == "" and report.exported()["BAZEL_REMOTE_CACHE"] == ""


@pytest.mark.parametrize("fault", ["servfail", "nxdomain", "refused"])
def test_broken_dns_fails_a_lane_that_requires_its_caches(reports, fault):
    report = taken(reports, ("require", fault))
    attic, bazel, of_dns = BROKEN[fault]
    assert report.bad("attic") == {attic: "error"} and report.bad("bazel") == {bazel: "error"}
    assert report.bad("dns") == dict.fromkeys(of_dns, "warning")
    assert report.outcome == "failed" and report.result.rc == 1


@pytest.mark.parametrize("fault", WORKING)
def test_odd_dns_that_works(reports, fault):
    report = taken(reports, fault)
    assert report.bad() == dict.fromkeys(WORKING[fault], "warning")
    assert report.exported()["ATTIC_SERVER"] and report.exported()["BAZEL_REMOTE_CACHE"]


def test_an_address_of_the_second_family(reports):
    """AAAA alone: Attic listens there, the Bazel cache does not."""
    report = taken(reports, "aaaaonly")
    assert report.bad() == {"bazel-refused": "warning"}
    assert "fd43::20" in report.finding("bazel-refused")["detail"]
    assert report.fact("attic.address") == "fd43::20"
    report = taken(reports, "IPv6 alone")
    assert not report.bad() and report.fact("attic.address") == "fd43::20"


@pytest.mark.parametrize("name, bad", [("first server dead", {}), ("first server fails", {}),
                                       ("first server silent", {"dns-slow": "warning"})])
def test_the_second_server_is_asked(reports, name, bad):
    report = taken(reports, name)
    assert report.bad() == bad
    assert report.ids("attic")["attic-ready"] == "ok" and report.ids("bazel")["bazel-ready"] == "ok"


@pytest.mark.parametrize("name", ["no resolv.conf", "empty resolv.conf"])
def test_without_a_server(reports, name):
    """That is this machine's file, and says nothing of the cluster's DNS."""
    report = taken(reports, name)
    assert report.bad() == {"attic-dns-no-server": "warning", "bazel-dns-broken": "warning",
                            "dns-no-server": "warning"}


def test_not_in_a_cluster_is_told_from_broken_cluster_dns(reports):
    pod = taken(reports, "not the cluster's DNS")
    assert pod.bad("dns") == {"dns-not-cluster-dns": "warning"}
    assert pod.bad("attic") == {"attic-dns-nxdomain": "warning"}
    laptop = taken(reports, "laptop")
    assert laptop.ids("dns") == {"dns-outside-cluster": "notice"} and laptop.result.rc == 0
    broken = taken(reports, "laptop, DNS broken")
    assert "dns-servfail" in broken.bad("dns") and "dns-cluster-broken" not in broken.ids()
    attic = taken(reports, "laptop, attic")
    assert attic.bad("attic") == {"attic-dns-nxdomain": "error"} and attic.result.rc == 1


def test_the_hosts_file_comes_first(reports):
    agree = taken(reports, "hosts agree")
    assert not agree.bad() and agree.finding("dns-hosts-file")["severity"] == "notice"
    differ = taken(reports, "hosts differ")
    assert differ.bad() == {"dns-hosts-override": "warning", "attic-refused": "warning"}
    detail = differ.finding("dns-hosts-override")["detail"]
    assert "10.43.0.99 from the hosts file" in detail and "10.43.0.20" in detail
    alone = taken(reports, "hosts without DNS")
    assert not alone.bad("attic") and alone.bad("bazel") == {"bazel-dns-broken": "warning"}


@pytest.mark.parametrize("name", ["one label", "two labels", "trailing dot", "address"])
def test_names_in_other_spellings(reports, name):
    report = taken(reports, name)
    assert not report.bad() and report.fact("attic.address") == "10.43.0.20"


def test_a_full_name_costs_one_question(lab, reports):
    """ndots:5 makes the C libraries ask four times for a name that is not absolute."""
    assert lab
    for host in ("attic", "bazel-cache"):
        facts = taken(reports, "tc").fact("dns.host")
        assert facts[f"{host}_nix-cache_svc_cluster_local"]["queries"] == 2  # the second by TCP
        facts = taken(reports, "aaaadrop").fact("dns.host")
        assert facts[f"{host}_nix-cache_svc_cluster_local"]["queries"] == 1


def test_words_of_a_finding_name_cause_and_server(reports):
    for fault, word, server in (("servfail", "SERVFAIL", "10.43.1.1"), ("nxdomain", "NXDOMAIN", "10.43.1.2"),
                                ("drop", "no answer", "10.43.1.5"), ("refuse", "REFUSED", "10.43.1.3")):
        report = taken(reports, fault)
        for id_ in (BROKEN[fault][0], BROKEN[fault][1]):
            detail = report.finding(id_)["detail"]
            assert word in detail and server in detail, detail
