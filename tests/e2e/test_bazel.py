# SPDX-License-Identifier: Zlib
"""Bazel's remote cache as it is when it works: addresses and schemes, basic auth, TLS, client certificates, and who
may upload."""

import json

import pytest
from places import CERTIFICATES
from report import taken, together

DOMAIN = "nix-cache.svc.cluster.local"
CACHE = f"bazel-cache.{DOMAIN}"
RC = "/home/runner/_work/_temp/spinup/bazelrc"
PASSWORD = "lab-password"
PEM = {f"/tmp/{name}": (CERTIFICATES / name) for name in (
    "ca.crt", "other-ca.crt", "client.crt", "client.key", "self-signed.crt", "self-signed.key")}

# url: what is not well (None: nothing); a path before the blob is part of the address
ADDRESSES = {
    f"grpc://{CACHE}:9092": None, f"http://{CACHE}:8080": None,
    f"grpcs://bazel-tls.{DOMAIN}:9092": None, f"https://bazel-tls.{DOMAIN}:8080": None,
    f"grpc://job:{PASSWORD}@bazel-auth.{DOMAIN}:9092": None, f"http://job:{PASSWORD}@bazel-auth.{DOMAIN}:8080": None,
    f"grpc://bazel-auth.{DOMAIN}:9092": "bazel-unauthenticated",
    f"grpc://job:wrong@bazel-auth.{DOMAIN}:9092": "bazel-unauthenticated",
    f"http://bazel-auth.{DOMAIN}:8080": "bazel-unauthenticated",
    f"http://job:wrong@bazel-auth.{DOMAIN}:8080": "bazel-unauthenticated",
    f"grpc://{CACHE}:8080": "bazel-not-grpc", f"http://{CACHE}:9092": "bazel-not-http",
    f"grpcs://{CACHE}:9092": "bazel-tls-protocol", f"https://{CACHE}:8080": "bazel-tls-protocol",
    f"grpc://bazel-tls.{DOMAIN}:9092": "bazel-reset", f"http://bazel-tls.{DOMAIN}:8080": "bazel-not-http",
    f"http://attic.{DOMAIN}": "bazel-not-cache", f"grpc://attic.{DOMAIN}:80": "bazel-not-grpc",
    f"http://{CACHE}:8080/instance": None, f"grpc://gone.{DOMAIN}:9092": "bazel-unresolved",
    f"grpcs://bazel-mtls.{DOMAIN}:9092": "bazel-unauthenticated",
    f"https://bazel-mtls.{DOMAIN}:8080": "bazel-unauthenticated",
}
# (certificate, key) for bazel-mtls
CLIENTS = {
    ("/tmp/client.crt", "/tmp/client.key"): None,
    ("/tmp/gone.crt", "/tmp/client.key"): "bazel-tls-client",
    ("client.crt", "/tmp/client.key"): "bazel-tls-client",
    ("/tmp/client.crt", "/tmp/self-signed.key"): "bazel-tls-client",
    ("/tmp/self-signed.crt", "/tmp/self-signed.key"): "bazel-tls-client",
}
AUTHORITIES = {"/tmp/ca.crt": None, "/tmp/other-ca.crt": "bazel-tls-untrusted", "/tmp/gone.crt": "bazel-no-ca"}


def event(repository):
    """The event of a pull request from a repository."""
    ours = {"full_name": "tinyland-inc/app"}
    head = {"full_name": repository, "fork": repository != ours["full_name"]}
    return {"/tmp/event.json": json.dumps({"pull_request": {"head": {"repo": head}, "base": {"repo": ours}},
                                           "repository": ours})}


UPLOAD = {"GF_BAZEL_REMOTE_UPLOAD": "true"}
REQUEST = {**UPLOAD, "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "/tmp/event.json"}
# name: (words, place, whether the bazelrc allows uploads, what is not well)
UPLOADS = {
    "not asked for": ([], {}, False, None),
    "asked for": ([], {"env": UPLOAD}, True, None),
    "asked for by a flag": (["--bazel-upload"], {}, True, None),
    "a pull request of our own": ([], {"env": REQUEST, "files": event("tinyland-inc/app")}, True, None),
    "a stranger's pull request": ([], {"env": REQUEST, "files": event("stranger/app")}, False, None),
    "a pull request without its event": ([], {"env": REQUEST}, False, None),
    "a cache that takes none": (["--bazel-upload"], {"down": {"bazel": "grpc-update-disabled"}}, False,
                                "bazel-upload-refused"),
    "a cache that takes none, none wanted": ([], {"down": {"bazel": "grpc-update-disabled"}}, False, None),
}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a name."""
    assert spinup
    without, kept = ["--skip", "attic"], {"collect": [RC]}
    pem = {path: source.read_text() for path, source in PEM.items()}
    mtls, tls = ["--bazel", f"grpcs://bazel-mtls.{DOMAIN}:9092"], ["--bazel", f"grpcs://bazel-tls.{DOMAIN}:9092"]
    rows = {("address", url): ([*without, "--bazel", url], kept) for url in ADDRESSES}
    rows.update({("client", *pair): ([*without, *mtls], {**kept, "files": pem, "env": {
        "BAZEL_TLS_CLIENT_CERTIFICATE": pair[0], "BAZEL_TLS_CLIENT_KEY": pair[1]}}) for pair in CLIENTS})
    rows.update({("authority", path): ([*without, *tls], {**kept, "files": pem, "env": {
        "BAZEL_TLS_CERTIFICATE": path}}) for path in AUTHORITIES})
    rows.update({("upload", name): ([*without, *words], {**kept, **place})
                 for name, (words, place, _, _) in UPLOADS.items()})
    rows["no scheme"] = ([*without, "--bazel", f"bazel-tls.{DOMAIN}:9092"], {})
    rows["no CA"] = ([*without, *tls, "--skip", "nix"], {"image": "bare", "daemon": "none",
                                                         "files": {"/etc/ssl/certs": None}})
    return together(lab, rows)


def assert_judged(report, expected):
    """Nothing but this is wrong, and the next steps get the cache or not."""
    assert report.bad("bazel") == ({expected: "warning"} if expected else {})
    assert report.outcome == ("degraded" if expected else "ready") and report.result.rc == 0
    assert bool(report.exported()["BAZEL_REMOTE_CACHE"]) is not bool(expected)


@pytest.mark.parametrize("url", ADDRESSES)
def test_addresses(reports, url):
    report = taken(reports, ("address", url))
    expected = ADDRESSES[url]
    assert report.bad("bazel") == ({expected: "warning"} if expected else {}) and report.result.rc == 0
    assert bool(report.exported()["BAZEL_REMOTE_CACHE"]) is not bool(expected)
    if not expected:
        assert report.fact("bazel.digest_functions") == ["sha256"]


def test_a_wrong_password_is_told_from_a_dead_server(reports):
    """The health service needs none."""
    for user, said in (("", "no authentication metadata found"), ("job:wrong@", "access denied")):
        url = f"grpc://{user}bazel-auth.{DOMAIN}:9092"
        detail = taken(reports, ("address", url)).finding("bazel-unauthenticated")["detail"]
        assert said in detail and detail.endswith("its health service says SERVING")


def test_a_password_is_nowhere_in_the_outputs(reports):
    """But in the mask, and in the variable that the runner then hides."""
    for url in (url for url in ADDRESSES if PASSWORD in url):
        result = taken(reports, ("address", url)).result
        lines = [line for text in (result.stdout, result.stderr) for line in text.splitlines() if PASSWORD in line]
        assert lines == [f"::add-mask::{PASSWORD}"]
        assert PASSWORD not in result.files["GITHUB_STEP_SUMMARY"] + result.files["GITHUB_OUTPUT"]


@pytest.mark.parametrize("certificate, key", CLIENTS)
def test_client_certificates(reports, certificate, key):
    report = taken(reports, ("client", certificate, key))
    assert_judged(report, CLIENTS[certificate, key])
    if certificate == "/tmp/gone.crt":
        assert report.finding("bazel-tls-client")["detail"].startswith("BAZEL_TLS_CLIENT_CERTIFICATE=/tmp/gone.crt:")


@pytest.mark.parametrize("path", AUTHORITIES)
def test_certificate_authorities(reports, path):
    report = taken(reports, ("authority", path))
    assert_judged(report, AUTHORITIES[path])
    if path == "/tmp/gone.crt":
        assert report.finding("bazel-no-ca")["detail"].startswith("BAZEL_TLS_CERTIFICATE=/tmp/gone.crt:")


def test_without_authorities(reports):
    assert taken(reports, "no CA").bad("bazel") == {"bazel-no-ca": "warning"}


def test_an_address_without_a_scheme_is_not_used(reports):
    report = taken(reports, "no scheme")
    assert report.bad() == {"endpoint-not-valid": "warning"}
    assert report.exported()["BAZEL_REMOTE_CACHE"] == f"grpc://{CACHE}:9092"


@pytest.mark.parametrize("name", UPLOADS)
def test_uploads(reports, name):
    report = taken(reports, ("upload", name))
    _, _, is_allowed, expected = UPLOADS[name]
    assert report.bad() == ({expected: "warning"} if expected else {})
    word = "true" if is_allowed else "false"
    assert f"build --remote_upload_local_results={word}\n" in report.result.files[RC]
    assert report.fact("bazel.is_update_enabled") is not name.startswith("a cache that takes none")


def test_the_real_bazel_remote_in_facts(reports):
    """What the real server says of itself."""
    report = taken(reports, ("address", f"grpc://{CACHE}:9092"))
    assert report.fact("bazel.compressors") == ["zstd"] and report.fact("bazel.is_update_enabled") is True
    assert (report.fact("bazel.api_low"), report.fact("bazel.api_high")) == ("2.0.0", "2.3.0")
    assert report.fact("bazel.grpc_status") == 0 and report.fact("bazel.address") == "10.43.0.21"
    http = taken(reports, ("address", f"http://{CACHE}:8080"))
    assert http.fact("bazel.has_status_page") is True and http.fact("bazel.compressors") is None
