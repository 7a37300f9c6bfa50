# SPDX-License-Identifier: Zlib
"""Every way in which the lab's Attic can be broken, and the one finding that names it: a warning that never fails
the lane, and an error where the cache is required."""

import faults_attic
import faults_http
import pytest
import topology
from report import prove, taken, together

# fault: the finding that a person would expect
DEAD = {
    "refused": "attic-refused", "blackhole": "attic-connect-timeout",
    "mute": "attic-response-timeout", "close": "attic-reset", "reset": "attic-reset",
    "banner": "attic-not-http", "garbage": "attic-not-http",
    "empty-reply": "attic-reset", "slow-head": "attic-response-timeout", "slow-body": "attic-response-timeout",
    "stall-body": "attic-response-timeout", "truncated": "attic-truncated", "endless-body": "attic-oversized",
    "endless-headers": "attic-oversized", "long-header": "attic-oversized", "bad-status-line": "attic-not-http",
    "bad-chunk": "attic-truncated", "bad-gzip": "attic-other-json", "http-0.9": "attic-not-http",
    "early-hints": "attic-oversized", "tls-on-http": "attic-not-http", "tls-alert": "attic-reset",
    "redirect-loop": "attic-redirected", "redirect-host": "attic-redirected", "redirect-file": "attic-redirected",
    "redirect-dead": "attic-redirected", "redirect-https": "attic-redirected", "captive-redirect": "attic-redirected",
    "captive": "attic-html-answer",
    "short-length": "attic-malformed", "two-lengths": "attic-truncated", "reset-body": "attic-reset",
    "endless-trailers": "attic-oversized", "status-100": "attic-response-timeout", "status-101": "attic-reset",
    "status-204": "attic-unexpected-status", "status-206": "attic-unexpected-status",
    "status-304": "attic-unexpected-status", "status-400": "attic-unexpected-status",
    "status-407": "attic-unexpected-status", "status-408": "attic-unexpected-status",
    "status-410": "attic-unexpected-status", "status-501": "attic-no-backend", "status-504": "attic-no-backend",
    "status-401": "attic-unauthorized", "status-403": "attic-forbidden",
    "status-404": "attic-no-such-cache", "status-418": "attic-unexpected-status",
    "status-429": "attic-rate-limited", "status-500": "attic-server-error", "status-502": "attic-no-backend",
    "status-503": "attic-server-error",
    "key-other": "attic-key-mismatch", "key-name": "attic-key-name", "key-garbage": "attic-key-unreadable",
    "key-short": "attic-key-unreadable", "store-dir": "attic-store-dir",
    "priority": "attic-malformed", "json-malformed": "attic-malformed", "json-trailing": "attic-malformed",
    "json-duplicate": "attic-malformed", "json-nul": "attic-malformed", "json-types": "attic-malformed",
    "json-utf8": "attic-malformed", "json-hostile": "attic-malformed", "json-big": "attic-oversized",
    "json-deep": "attic-oversized", "json-other": "attic-other-json", "json-empty": "attic-other-json",
    "json-array": "attic-other-json",
    "narinfo-500": "attic-server-error", "narinfo-html": "attic-narinfo-malformed",
    "narinfo-hang": "attic-response-timeout", "narinfo-other": "attic-narinfo-malformed",
    "nar-404": "attic-storage-failed", "nar-503": "attic-storage-failed", "nar-hang": "attic-storage-failed",
    "nar-html": "attic-storage-failed",
}
# Odd, and still a cache that works: (finding, severity)
ALIVE = {
    "key-absent": ("attic-key-not-shown", "notice"), "no-storage": ("attic-storage-unproven", "notice"),
    "foreign-endpoint": ("attic-other-endpoint", "warning"),
}
# https://NAME.faults…
TLS = {
    "tls-expired": "attic-tls-expired", "tls-not-yet": "attic-tls-not-yet-valid",
    "tls-wrong-host": "attic-tls-wrong-host", "tls-self-signed": "attic-tls-untrusted",
    "tls-unknown-ca": "attic-tls-untrusted",
    "tls-old": "attic-tls-protocol", "tls-no-name": "attic-tls-wrong-host",
    "http-on-https": "attic-tls-protocol", "mute": "attic-response-timeout", "close": "attic-reset",
    "reset": "attic-reset", "banner": "attic-tls-protocol", "garbage": "attic-tls-protocol",
    "blackhole": "attic-connect-timeout",
}
WAITS = {"blackhole", "mute", "slow-head", "slow-body", "stall-body", "narinfo-hang", "nar-hang", "status-100"}
REQUIRED = [name for name in DEAD if name not in WAITS] + ["blackhole"]
HEALTHY = "healthy"


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a key of (kind, fault)."""
    assert spinup
    without = ["--skip", "bazel"]
    rows = {(HEALTHY, ""): (without, {})}
    rows.update({("lane", name): (without, {"down": {"attic": name}}) for name in [*DEAD, *ALIVE, "nxdomain"]})
    rows.update({("require", name): ([*without, "--require", "attic"], {"down": {"attic": name}})
                 for name in [*REQUIRED, *ALIVE, "nxdomain"]})
    rows.update({("tls", name): ([*without, "--attic", f"https://{name}.faults.svc.cluster.local",
                                  "--attic-public-key", lab.public_key], {}) for name in [*TLS, "tls-by-name"]})
    return together(lab, rows)


def test_no_fault_of_the_lab_is_forgotten():
    assert {*faults_http.FAULTS, *faults_attic.NAMES, "refused", "blackhole", "tls-on-http"} <= {*DEAD, *ALIVE, *TLS}
    assert {*topology.HANDSHAKES, *(f"tls-{name}" for name in topology.TLS_FAULTS)} <= {*TLS, "tls-by-name"}


def assert_left_out(report, lab):
    """The next steps get no word of the cache, and no key that a server showed."""
    exported = report.exported()
    assert exported["ATTIC_SERVER"] == ""
    assert "extra-substituters" not in exported.get("NIX_CONFIG", "")
    assert lab.other_key not in report.result.files["GITHUB_ENV"]
    assert "trusted-public-keys" not in report.result.files["GITHUB_ENV"]
    assert exported.get("ATTIC_PUBLIC_KEY", "") == ""
    assert report.fact("attic.is_usable") is False


def test_without_a_fault_the_lane_is_ready(lab, reports):
    report = taken(reports, (HEALTHY, ""))
    assert report.outcome == "ready" and report.result.rc == 0 and not report.bad()
    assert report.exported()["ATTIC_PUBLIC_KEY"] == lab.public_key


@pytest.mark.parametrize("fault", DEAD)
def test_a_dead_attic_degrades_the_lane(lab, reports, fault):
    report = taken(reports, ("lane", fault))
    assert report.bad() == {DEAD[fault]: "warning"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert_left_out(report, lab)


@pytest.mark.parametrize("fault", REQUIRED)
def test_a_required_attic_fails_the_lane(reports, fault):
    report = taken(reports, ("require", fault))
    assert report.bad() == {DEAD[fault]: "error"}
    assert report.outcome == "failed" and report.result.rc == 1
    assert report.result.files["GITHUB_ENV"] == ""


@pytest.mark.parametrize("fault", ALIVE)
@pytest.mark.parametrize("kind", ["lane", "require"])
def test_an_odd_attic_is_used(lab, reports, kind, fault):
    report = taken(reports, (kind, fault))
    id_, severity = ALIVE[fault]
    assert report.finding(id_)["severity"] == severity
    assert report.bad() == ({id_: "warning"} if severity == "warning" else {})
    assert report.outcome == ("degraded" if severity == "warning" else "ready") and report.result.rc == 0
    exported = report.exported()
    assert exported["ATTIC_PUBLIC_KEY"] == lab.public_key
    assert exported["ATTIC_SERVER"] == "http://attic.nix-cache.svc.cluster.local"
    assert "attic.example.com" not in report.result.files["GITHUB_ENV"]


@pytest.mark.parametrize("kind, severity, status", [("lane", "warning", 0), ("require", "error", 1)])
def test_a_name_that_is_gone(reports, kind, severity, status):
    report = taken(reports, (kind, "nxdomain"))
    assert report.bad("attic") == {"attic-dns-nxdomain": severity}
    assert report.result.rc == status


@pytest.mark.parametrize("fault", TLS)
def test_attic_over_tls(lab, reports, fault):
    report = taken(reports, ("tls", fault))
    assert report.bad() == {TLS[fault]: "warning"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert_left_out(report, lab)


def test_the_certificate_for_our_name_is_shown_to_who_says_it(lab, reports):
    """SNI: without the name this server shows another's certificate."""
    report = taken(reports, ("tls", "tls-by-name"))
    assert report.outcome == "ready" and not report.bad()
    assert report.exported()["ATTIC_PUBLIC_KEY"] == lab.public_key


def test_words_of_a_finding_name_cause_and_remedy(reports):
    """The sentences that an operator reads first."""
    words = {fault: taken(reports, ("lane", fault)).finding(DEAD[fault]) for fault in (
        "refused", "captive", "tls-on-http", "redirect-host", "key-other", "nar-hang")}
    assert "port 80: connection refused" in words["refused"]["detail"]
    assert "web page" in words["captive"]["detail"] and "login" in words["captive"]["remedy"]
    assert "wants https://" in words["tls-on-http"]["detail"]
    assert "no certificate for this host name" in \
        taken(reports, ("tls", "tls-no-name")).finding("attic-tls-wrong-host")["detail"]
    assert "HTTP 301 to http://attic.nix-cache" in words["redirect-host"]["detail"]
    assert words["key-other"]["detail"].startswith("the key to trust is main:")
    assert "no complete answer in time" in words["nar-hang"]["detail"] and "tries" not in words["nar-hang"]["detail"]


@pytest.mark.parametrize("command", ["doctor", "probe"])
def test_probe_and_doctor_say_the_same(lab, reports, command):
    """probe alone: the cache is what was asked about, so that its fault is an error."""
    words = ["attic"] if command == "probe" else ["--skip", "bazel"]
    report = prove(lab, *words, command=command, down={"attic": "captive"})
    assert report.bad("attic") == {"attic-html-answer": "error" if command == "probe" else "warning"}
    assert report.result.rc == (1 if command == "probe" else 0)
    assert not report.result.files["GITHUB_ENV"]
    assert report.finding("attic-html-answer")["detail"] == \
        taken(reports, ("lane", "captive")).finding("attic-html-answer")["detail"]
