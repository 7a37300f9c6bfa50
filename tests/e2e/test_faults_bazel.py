# SPDX-License-Identifier: Zlib
"""Every way in which the lab's Bazel cache can be broken, and the one finding that names it: a warning that never
fails the lane, and an error where the cache is required."""

import faults_grpc
import faults_http
import pytest
import topology
from report import prove, taken, together

# grpc://, behind the real name
DEAD = {
    "refused": "bazel-refused", "blackhole": "bazel-connect-timeout", "mute": "bazel-no-answer",
    "close": "bazel-reset", "reset": "bazel-reset", "banner": "bazel-not-grpc", "garbage": "bazel-not-grpc",
    "captive": "bazel-refused", "http-on-https": "bazel-not-grpc", "tls-alert": "bazel-reset",
    "tls-unknown-ca": "bazel-not-grpc",
    "grpc-no-sha256": "bazel-no-sha256", "grpc-api-old": "bazel-api-version", "grpc-api-new": "bazel-api-version",
    "grpc-no-cache": "bazel-not-cache", "grpc-empty-message": "bazel-not-cache",
    "grpc-no-message": "bazel-bad-answer", "grpc-garbage-message": "bazel-bad-answer",
    "grpc-compressed": "bazel-bad-answer", "grpc-two-messages": "bazel-bad-answer",
    "grpc-oversize": "bazel-bad-answer", "grpc-short": "bazel-bad-answer", "grpc-flood": "bazel-bad-answer",
    "grpc-no-trailers": "bazel-no-status", "grpc-no-status": "bazel-no-status", "grpc-bad-status": "bazel-no-status",
    "grpc-continuation": "bazel-bad-answer", "grpc-endless-trailers": "bazel-bad-answer", "grpc-web": "bazel-not-grpc",
    "grpc-html": "bazel-not-grpc", "grpc-plain-h2": "bazel-not-grpc", "grpc-redirect": "bazel-not-grpc",
    "grpc-http1": "bazel-not-grpc", "grpc-ping-flood": "bazel-not-grpc",
    "grpc-bad-hpack": "bazel-not-grpc",
    "grpc-http-401": "bazel-unauthenticated", "grpc-http-503": "bazel-unavailable",
    "grpc-late-error": "bazel-unavailable", "grpc-long-text": "bazel-unavailable",
    "grpc-unhealthy": "bazel-unavailable", "grpc-unavailable": "bazel-unavailable",
    "grpc-hostile": "bazel-permission-denied", "grpc-hostile-raw": "bazel-permission-denied",
    "grpc-permission-denied": "bazel-permission-denied", "grpc-unauthenticated": "bazel-unauthenticated",
    "grpc-health-only": "bazel-not-cache", "grpc-not-serving": "bazel-not-cache",
    "grpc-unimplemented": "bazel-not-cache",
    "grpc-mute": "bazel-no-answer", "grpc-headers-mute": "bazel-no-answer", "grpc-slow": "bazel-no-answer",
    "grpc-deadline-exceeded": "bazel-no-answer",
    "grpc-goaway": "bazel-reset", "grpc-rst": "bazel-reset", "grpc-rst-later": "bazel-reset",
    "grpc-cancelled": "bazel-status", "grpc-not-found": "bazel-status", "grpc-resource-exhausted": "bazel-status",
    "grpc-internal": "bazel-status",
}
# A cache that works: (finding, severity, compressors)
ALIVE = {
    "grpc-good": ("bazel-ready", "ok", ["zstd"]), "grpc-split": ("bazel-ready", "ok", ["zstd"]),
    "grpc-no-zstd": ("bazel-ready", "ok", []), "grpc-small-batch": ("bazel-ready", "ok", ["zstd"]),
    "grpc-update-disabled": ("bazel-read-only", "notice", ["zstd"]),
    "grpc-goaway-after": ("bazel-ready", "ok", ["zstd"]), "grpc-proto": ("bazel-ready", "ok", ["zstd"]),
}
# grpcs://NAME.faults…:9092
TLS = {
    "tls-expired": "bazel-tls-expired", "tls-not-yet": "bazel-tls-not-yet-valid",
    "tls-wrong-host": "bazel-tls-wrong-host", "tls-self-signed": "bazel-tls-untrusted",
    "tls-unknown-ca": "bazel-tls-untrusted", "http-on-https": "bazel-tls-protocol", "tls-alert": "bazel-not-grpc",
    "grpcs-http1": "bazel-not-grpc", "mute": "bazel-no-answer", "close": "bazel-reset", "reset": "bazel-reset",
    "banner": "bazel-tls-protocol", "garbage": "bazel-tls-protocol", "grpc-good": "bazel-reset",
    "blackhole": "bazel-connect-timeout", "tls-old": "bazel-tls-protocol", "tls-no-name": "bazel-tls-wrong-host",
}
# http://NAME.faults…:8080
HTTP = {
    "refused": "bazel-refused", "mute": "bazel-no-answer", "close": "bazel-reset", "reset": "bazel-reset",
    "empty-reply": "bazel-reset", "banner": "bazel-not-http", "garbage": "bazel-not-http",
    "bad-status-line": "bazel-not-http", "http-0.9": "bazel-not-http", "endless-headers": "bazel-bad-answer",
    "early-hints": "bazel-bad-answer", "captive": "bazel-not-cache", "captive-redirect": "bazel-not-cache",
    "json-other": "bazel-not-cache", "status-401": "bazel-unauthenticated", "status-403": "bazel-permission-denied",
    "status-404": "bazel-not-cache", "status-429": "bazel-status", "status-500": "bazel-status",
    "status-100": "bazel-no-answer", "status-101": "bazel-reset", "status-204": "bazel-status",
    "status-206": "bazel-status", "status-304": "bazel-status", "status-400": "bazel-status",
    "status-407": "bazel-unauthenticated", "status-501": "bazel-status", "status-504": "bazel-unavailable",
    "redirect-https": "bazel-not-cache", "short-length": "bazel-not-cache", "two-lengths": "bazel-reset",
    "truncated": "bazel-reset", "reset-body": "bazel-reset", "endless-body": "bazel-bad-answer",
    "endless-trailers": "bazel-bad-answer",
    "status-502": "bazel-unavailable", "status-503": "bazel-unavailable", "tls-expired": "bazel-refused",
}
WAITS = {"blackhole", "mute", "banner", "grpc-mute", "grpc-headers-mute", "grpc-slow", "grpc-bad-hpack"}
REQUIRED = [name for name in DEAD if name not in WAITS] + ["blackhole"]
HOST = "faults.svc.cluster.local"


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a key of (kind, fault)."""
    assert spinup
    without = ["--skip", "attic"]
    rows = {("healthy", ""): (without, {})}
    rows.update({("lane", name): (without, {"down": {"bazel": name}}) for name in [*DEAD, *ALIVE, "nxdomain"]})
    rows.update({("require", name): ([*without, "--require", "bazel"], {"down": {"bazel": name}})
                 for name in [*REQUIRED, *ALIVE, "nxdomain"]})
    for kind, table, scheme, port in (("tls", TLS, "grpcs", 9092), ("http", HTTP, "http", 8080)):
        rows.update({(kind, name): ([*without, "--bazel", f"{scheme}://{name}.{HOST}:{port}"], {})
                     for name in [*table, "tls-by-name"]})
    return together(lab, rows)


def test_no_fault_of_the_lab_is_forgotten():
    below = {name for name, (ports, _) in faults_http.FAULTS.items() if 9092 in ports}
    assert {*faults_grpc.faults(), *below, "refused", "blackhole"} <= {*DEAD, *ALIVE}
    assert {*topology.HANDSHAKES} <= {*TLS, "tls-by-name"}
    assert {"grpcs-http1", *(f"tls-{name}" for name in topology.TLS_FAULTS)} <= {*TLS}


def assert_left_out(report):
    """The next steps get no word of the cache."""
    exported = report.exported()
    assert exported["BAZEL_REMOTE_CACHE"] == ""
    assert report.fact("bazel.is_usable") is False


def test_without_a_fault_the_lane_is_ready(reports):
    report = taken(reports, ("healthy", ""))
    assert report.outcome == "ready" and report.result.rc == 0 and not report.bad()
    assert report.exported()["BAZEL_REMOTE_CACHE"] == "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"


@pytest.mark.parametrize("fault", DEAD)
def test_a_dead_bazel_cache_degrades_the_lane(reports, fault):
    report = taken(reports, ("lane", fault))
    assert report.bad() == {DEAD[fault]: "warning"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert_left_out(report)


@pytest.mark.parametrize("fault", REQUIRED)
def test_a_required_bazel_cache_fails_the_lane(reports, fault):
    report = taken(reports, ("require", fault))
    assert report.bad() == {DEAD[fault]: "error"}
    assert report.outcome == "failed" and report.result.rc == 1
    assert report.result.files["GITHUB_ENV"] == ""


@pytest.mark.parametrize("fault", ALIVE)
@pytest.mark.parametrize("kind", ["lane", "require"])
def test_an_odd_bazel_cache_is_used(reports, kind, fault):
    report = taken(reports, (kind, fault))
    id_, severity, compressors = ALIVE[fault]
    assert report.finding(id_)["severity"] == severity
    assert report.outcome == "ready" and report.result.rc == 0 and not report.bad()
    assert report.fact("bazel.compressors", []) == compressors
    assert report.fact("bazel.is_update_enabled") is (fault != "grpc-update-disabled")
    assert report.exported()["BAZEL_REMOTE_CACHE"] == "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"


@pytest.mark.parametrize("kind, severity, status", [("lane", "warning", 0), ("require", "error", 1)])
def test_a_name_that_is_gone(reports, kind, severity, status):
    report = taken(reports, (kind, "nxdomain"))
    assert report.bad("bazel") == {"bazel-unresolved": severity}
    assert report.result.rc == status


@pytest.mark.parametrize("fault", TLS)
def test_bazel_over_tls(reports, fault):
    report = taken(reports, ("tls", fault))
    assert report.bad("bazel") == {TLS[fault]: "warning"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert_left_out(report)


def test_the_certificate_for_our_name_is_shown_to_who_says_it(reports):
    """SNI: without the name this server shows another's certificate."""
    report = taken(reports, ("tls", "tls-by-name"))
    assert report.outcome == "ready" and not report.bad()
    assert report.exported()["BAZEL_REMOTE_CACHE"] == f"grpcs://tls-by-name.{HOST}:9092"


@pytest.mark.parametrize("fault", HTTP)
def test_bazel_over_http(reports, fault):
    report = taken(reports, ("http", fault))
    assert report.bad("bazel") == {HTTP[fault]: "warning"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert_left_out(report)


def test_the_health_service_is_a_second_word(reports):
    """It tells a cache that starts from one that is refused."""
    words = {"grpc-unhealthy": "NOT_SERVING", "grpc-not-serving": "NOT_SERVING", "grpc-health-only": "SERVING"}
    for fault, word in words.items():
        detail = taken(reports, ("lane", fault)).finding(DEAD[fault])["detail"]
        assert detail.endswith(f"; its health service says {word}")


def test_words_of_a_finding_name_cause_and_remedy(reports):
    """The sentences that an operator reads first."""
    def words(kind, fault, id_):
        return taken(reports, (kind, fault)).finding(id_)

    assert "port 9092: connection refused, 2 tries" in words("lane", "refused", "bazel-refused")["detail"]
    assert "UNAVAILABLE (14), starting" in words("lane", "grpc-unhealthy", "bazel-unavailable")["detail"]
    assert "grpcs://" in words("lane", "tls-unknown-ca", "bazel-not-grpc")["remedy"]
    assert words("lane", "grpc-no-sha256", "bazel-no-sha256")["detail"].endswith("sha1 blake3")
    assert "1.0 to 1.9" in words("lane", "grpc-api-old", "bazel-api-version")["detail"]
    assert "expired" in words("tls", "tls-expired", "bazel-tls-expired")["detail"]
    assert "HTTP 302 to http://captive" in words("http", "captive-redirect", "bazel-not-cache")["detail"]


@pytest.mark.parametrize("command", ["doctor", "probe"])
def test_probe_and_doctor_say_the_same(lab, reports, command):
    """probe alone: the cache is what was asked about, so that its fault is an error."""
    words = ["bazel"] if command == "probe" else ["--skip", "attic"]
    report = prove(lab, *words, command=command, down={"bazel": "grpc-unhealthy"})
    assert report.bad("bazel") == {"bazel-unavailable": "error" if command == "probe" else "warning"}
    assert report.result.rc == (1 if command == "probe" else 0)
    assert not report.result.files["GITHUB_ENV"]
    assert report.finding("bazel-unavailable")["detail"] == \
        taken(reports, ("lane", "grpc-unhealthy")).finding("bazel-unavailable")["detail"]
