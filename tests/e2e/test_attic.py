# SPDX-License-Identifier: Zlib
"""Attic as it is when it works: tokens, visibility, keys, pushes, storage, TLS. What is wrong with a token is
advice; what the server says decides."""

import json

import pytest
from lab import CONTRACT
from report import assert_harmless, prove, taken, together

SERVER = "http://attic.nix-cache.svc.cluster.local"
NOBODY = "/nix/store/00000000000000000000000000000000-nobody-has-this"

# (token, cache): (what is not well, what the server says of a push)
DENIED = {"attic-push-denied"}
TOKENS = {
    ("pull", "main"): ({"attic-token-no-push", *DENIED}, "denied"),
    ("pull", "private"): ({"attic-token-no-push", *DENIED}, "denied"),
    ("push", "main"): (set(), "allowed"),
    ("push", "private"): (set(), "allowed"),
    ("wildcard", "main"): (set(), "allowed"),
    ("wildcard", "private"): (set(), "allowed"),
    ("wildcard", "no-such"): ({"attic-no-such-cache"}, "unknown"),
    ("expired", "main"): ({"attic-token-expired", *DENIED}, "denied"),
    ("expired", "private"): ({"attic-unauthorized", "attic-token-expired"}, "unknown"),
    ("grace", "main"): (set(), "allowed"),
    ("grace", "private"): (set(), "allowed"),
    ("not-yet", "main"): ({"attic-token-not-yet-valid", *DENIED}, "denied"),
    ("not-yet", "private"): ({"attic-unauthorized", "attic-token-not-yet-valid"}, "unknown"),
    ("other-cache", "main"): ({"attic-token-no-push", *DENIED}, "denied"),
    ("other-cache", "private"): ({"attic-unauthorized", "attic-token-no-pull", "attic-token-no-push"}, "unknown"),
    ("shadowed", "main"): ({"attic-token-no-push", *DENIED}, "denied"),
    ("shadowed", "private"): ({"attic-unauthorized", "attic-token-no-pull", "attic-token-no-push"}, "unknown"),
    ("bad", "main"): (DENIED, "denied"),
    ("bad", "private"): ({"attic-unauthorized"}, "unknown"),
    ("opaque", "main"): (DENIED, "denied"),
    ("opaque", "private"): ({"attic-unauthorized"}, "unknown"),
    (None, "main"): (DENIED, "denied"),
    (None, "private"): ({"attic-unauthorized"}, "unknown"),
}
NOTICES = {"grace": "attic-token-expires-soon", "opaque": "attic-token-unreadable"}

# cache: what is not well with its storage
STORAGE = {
    "redirect": set(), "redirect-dead": {"attic-storage-redirect-dead"},
    "redirect-refused": {"attic-storage-redirect-dead"}, "redirect-blackhole": {"attic-storage-redirect-dead"},
    "unsigned": {"attic-unknown-signature"}, "strangersig": {"attic-unknown-signature"},
    "badsig": {"attic-bad-signature"},
}
# Addresses that people write by mistake
ADDRESSES = {
    "http://attic-api.nix-cache.svc.cluster.local:8080": "attic-refused",
    "http://bazel-cache.nix-cache.svc.cluster.local:9092": "attic-not-http",
    "http://bazel-cache.nix-cache.svc.cluster.local:8080": "attic-unexpected-status",
    "http://attic.nix-cache.svc.cluster.local/main": "attic-unexpected-status",
    "https://attic.nix-cache.svc.cluster.local": "attic-refused",
    "http://nix-cache.tinyland.dev:443": "attic-not-http",
}


def contract(lab, **changes):
    """The contract with other words about Attic, and the environment that names it."""
    document = json.loads(lab.contract())
    document["attic"].update(changes)
    return {"files": {"/tmp/contract.json": json.dumps(document)}, "env": {"SPINUP_CONTRACT": "/tmp/contract.json"}}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """All of them, by a name."""
    assert spinup
    without, key = ["--skip", "bazel"], ["--attic-public-key", lab.public_key]
    other = ["--attic-public-key", lab.other_key]
    rows = {("token", token, cache): ([*without, *key, "--attic-push", "--attic-cache", cache],
                                      {"env": {"ATTIC_TOKEN": lab.tokens[token] if token else ""}})
            for token, cache in TOKENS}
    rows.update({("storage", cache): ([*without, *key, "--attic-cache", cache], {}) for cache in STORAGE})
    rows.update({("address", url): ([*without, *key, "--attic", url], {}) for url in ADDRESSES})
    private = [*without, *key, "--attic-cache", "private"]
    rows.update({
        "private, read": (private, {"env": {"ATTIC_TOKEN": lab.tokens["pull"]}}),
        "private, token file": (private, {"env": {"ATTIC_TOKEN_FILE": "/tmp/token"},
                                          "files": {"/tmp/token": lab.tokens["pull"] + "\n"}}),
        "private, user info": ([*private, "--attic", f"http://x:{lab.tokens['pull']}@{SERVER[7:]}"], {}),
        "key of another": ([*without, *other], {}),
        "key of another in the environment": (without, {"env": {"ATTIC_PUBLIC_KEY": lab.other_key}}),
        "key not known": ([*without, "--attic", "http://attic6.nix-cache.svc.cluster.local"], {}),
        "key retired": (without, contract(lab, keys=[lab.other_key], retired_keys=[lab.public_key])),
        "given key retired": ([*without, *other], contract(lab, retired_keys=[lab.other_key])),
        "canary": (without, contract(lab, canary=lab.paths["hello"])),
        "canary gone": (without, contract(lab, canary=NOBODY)),
        "https": ([*without, *key, "--attic", "https://nix-cache.tinyland.dev"], {}),
        "https without CA": ([*without, *key, "--attic", "https://nix-cache.tinyland.dev", "--skip", "nix"],
                             {"image": "bare", "daemon": "none", "files": {"/etc/ssl/certs": None}}),
    })
    return together(lab, rows)


@pytest.mark.parametrize("token, cache", TOKENS)
def test_tokens(lab, reports, token, cache):
    report = taken(reports, ("token", token, cache))
    bad, push = TOKENS[token, cache]
    assert report.bad() == dict.fromkeys(bad, "warning") and report.result.rc == 0
    assert report.fact("attic.push") == push
    is_refused = {"attic-unauthorized", "attic-no-such-cache"} & bad
    assert report.fact("attic.is_usable") is not bool(is_refused)
    if token in NOTICES:
        assert report.ids("attic")[NOTICES[token]] == "notice"
    if not is_refused:
        assert report.fact("attic.is_public") is (cache == "main")
        assert report.fact("attic.needs_token") is (cache == "private")
        assert report.exported()["ATTIC_PUBLIC_KEY"] == lab.public_key


def test_a_token_is_nowhere_in_the_outputs(lab, reports):
    """But in the mask that hides it."""
    for (token, cache) in TOKENS:
        if not token:
            continue
        result = taken(reports, ("token", token, cache)).result
        secret = lab.tokens[token]
        shown = [line for text in (result.stdout, result.stderr) for line in text.splitlines() if secret in line]
        assert all(line == f"::add-mask::{secret}" for line in shown)
        for name, text in result.files.items():
            assert secret not in (text or ""), name
    assert lab.tokens["pull"] not in taken(reports, "private, user info").result.stdout


@pytest.mark.parametrize("name", ["private, read", "private, token file", "private, user info"])
def test_a_private_cache_is_read_with_a_token(reports, name):
    """However it is given; nobody asked for pushes, so none are proven."""
    report = taken(reports, name)
    assert not report.bad("attic") and report.ids("attic")["attic-ready"] == "ok"
    assert report.fact("attic.push") == "unknown" and report.fact("attic.needs_token") is True


@pytest.mark.parametrize("cache", STORAGE)
def test_storage(reports, cache):
    report = taken(reports, ("storage", cache))
    assert report.bad() == dict.fromkeys(STORAGE[cache], "warning") and report.result.rc == 0
    assert report.fact("attic.is_usable") is not bool(STORAGE[cache])
    if STORAGE[cache]:
        assert report.exported()["ATTIC_SERVER"] == ""
        assert "extra-substituters" not in report.exported().get("NIX_CONFIG", "")


def test_a_dead_storage_server_is_named(reports):
    for cache, host, why in (("redirect-dead", "minio-gone.nix-cache.svc.cluster.local:9000", "NXDOMAIN"),
                             ("redirect-refused", "refused.nix-cache.svc.cluster.local:9000", "connection refused"),
                             ("redirect-blackhole", "blackhole.nix-cache.svc.cluster.local:9000", "no answer")):
        detail = taken(reports, ("storage", cache)).finding("attic-storage-redirect-dead")["detail"]
        assert host in detail and why in detail


def test_a_canary_proves_storage(lab, reports):
    report = taken(reports, "canary")
    assert report.fact("attic.storage_path") == lab.paths["hello"] and not report.bad()
    assert "storage proven" in report.finding("attic-ready")["detail"]
    gone = taken(reports, "canary gone")
    assert gone.bad() == {"attic-canary-missing": "warning"}
    assert NOBODY in gone.finding("attic-canary-missing")["detail"]


def test_keys(lab, reports):
    """A key that only the server vouches for is never written."""
    mismatch = taken(reports, "key of another")
    assert mismatch.bad() == {"attic-key-mismatch": "warning"}
    retired = taken(reports, "key retired")
    assert retired.bad() == {"attic-key-retired": "warning"}
    given = taken(reports, "given key retired")
    assert {"attic-given-key-retired", "attic-key-mismatch"} == set(given.bad())
    unknown = taken(reports, "key not known")
    assert unknown.bad() == {"attic-key-unknown": "warning"}
    for report in (mismatch, retired, given, unknown):
        text = report.result.files["GITHUB_ENV"]
        assert lab.public_key not in text and lab.other_key not in text
        assert "trusted-public-keys" not in text and "extra-substituters" not in text


def test_the_environment_does_not_choose_the_key(lab, reports):
    report = taken(reports, "key of another in the environment")
    assert report.finding("attic-key-ignored")["severity"] == "notice" and not report.bad()
    assert report.exported()["ATTIC_PUBLIC_KEY"] == lab.public_key
    assert lab.other_key not in report.result.files["GITHUB_ENV"]


@pytest.mark.parametrize("url", ADDRESSES)
def test_wrong_addresses(reports, url):
    report = taken(reports, ("address", url))
    assert report.bad("attic") == {ADDRESSES[url]: "warning"} and report.result.rc == 0


def test_https(reports):
    report = taken(reports, "https")
    assert not report.bad("attic") and "storage proven" in report.finding("attic-ready")["detail"]
    assert taken(reports, "https without CA").bad("attic") == {"attic-no-ca": "warning"}


@pytest.mark.parametrize("words", [["run"], ["doctor"], ["probe", "attic"], ["probe", "bazel"], ["plan"], ["env"]])
def test_hostile_servers_say_nothing_to_a_runner_or_terminal(lab, words):
    """JSON and gRPC messages with escapes, newlines and workflow commands, as people and runners read them."""
    for bazel in ("grpc-hostile", "grpc-hostile-raw"):
        result = lab.exec(["spinup", *words], image="determinate", daemon="none", user="trusted", runner=True,
                          env={"SPINUP_CONTRACT": CONTRACT}, down={"attic": "json-hostile", "bazel": bazel})
        assert_harmless(result)
        for text in (result.files["GITHUB_ENV"], result.files["GITHUB_OUTPUT"], result.files["GITHUB_PATH"]):
            assert "owned" not in text and "\x1b" not in text


def test_a_hostile_key_is_shown_cleaned(lab):
    report = prove(lab, "--skip", "bazel", down={"attic": "key-garbage"})
    assert report.finding("attic-key-unreadable")["detail"] == "shown: main:not base64!"
