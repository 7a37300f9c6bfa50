# SPDX-License-Identifier: Zlib
"""Which caches a job gets, run by a real Actions engine: other pools, the public cache, private ones and tokens."""

import act
import pytest
from jobs import ATTIC, BAZEL, LEFT, assert_hidden, exists, job, left, look, token_env, use, workflow

pytestmark = pytest.mark.usefixtures("engine", "spinup")

PUBLIC = "https://nix-cache.tinyland.dev"
OTHER_POOL = {"label": "acme-nix", "hostname": "acme-nix-bcdfg-runner-hjklm"}


def test_another_pool_gets_no_cluster_endpoints(lab):
    """They are the defaults of tinyland's own labels; another pool's come from its own environment."""
    done, seen = job(lab, use("nix-job"), look(), **OTHER_POOL)
    done.check()
    assert not {"ATTIC_SERVER", "BAZEL_REMOTE_CACHE"} & set(seen) and "extra-substituters" not in seen["NIX_CONFIG"]
    injected = {"ATTIC_SERVER": ATTIC, "BAZEL_REMOTE_CACHE": BAZEL}
    done, seen = job(lab, use("nix-job"), look(), how={"env": injected}, **OTHER_POOL)
    assert (seen["ATTIC_SERVER"], seen["BAZEL_REMOTE_CACHE"]) == (ATTIC, BAZEL)


# name: (more inputs, secrets, whether the public cache is read)
PUBLIC_READS = {
    "opted in": ({"attic-public-read": "true"}, {}, True),
    "not asked for": ({}, {}, False),
    "a token in scope": ({"attic-public-read": "true"}, {"ATTIC_TOKEN": "pull"}, False),
    "another cache": ({"attic-public-read": "true", "attic-cache": "redirect"}, {}, False),
}


@pytest.mark.parametrize("name", PUBLIC_READS)
def test_reading_the_public_cache(lab, name):
    """For reading alone: no ATTIC_SERVER ever; the pinned key is for the public server's cache main."""
    inputs, secrets, is_read = PUBLIC_READS[name]
    secrets = {key: lab.tokens[value] for key, value in secrets.items()}
    env = {key: f"${{{{ secrets.{key} }}}}" for key in secrets}
    done, seen = job(lab, use("nix-job", **inputs), look(), how={"secrets": secrets}, keys={"env": env}, **OTHER_POOL)
    done.check()
    config = seen.get("NIX_CONFIG", "")
    assert seen.get("ATTIC_SERVER", "") == ""
    assert (f"extra-substituters = {PUBLIC}/main" in config) == is_read
    assert (f"extra-trusted-public-keys = {lab.public_key}" in config) == is_read
    assert_hidden(done, secrets)


# token: (outcome, a finding in the summary, whether the private path can be fetched)
TOKENS = {"pull": ("ready", "attic-ready", True), "push": ("ready", "attic-ready", True),
          "expired": ("degraded", "attic-token-expired", False), "bad": ("degraded", "attic-unauthorized", False),
          "opaque": ("degraded", "attic-unauthorized", False),
          "other-cache": ("degraded", "attic-token-no-pull", False), None: ("degraded", "attic-unauthorized", False)}


@pytest.mark.parametrize("token", TOKENS, ids=str)
def test_a_private_cache(lab, token):
    """A good token fetches; with another the job goes on without the cache, and no token is shown."""
    outcome, finding, is_fetched = TOKENS[token]
    secrets = {"ATTIC_TOKEN": lab.tokens[token]} if token else {}
    fetch = f"nix-store --realise {lab.paths['hello']} && touch {LEFT}/fetched || true"
    with act.pod(lab) as pod:
        before = lab.log("nginx.log")
        done = act.run(pod, workflow(use("nix-job", attic_cache="private", attic_public_key=lab.public_key,
                                                      command=fetch),
                                     look(OUTCOME="${{ steps.spinup.outputs.outcome }}"),
                                     **(token_env() if token else {})), secrets=secrets).check()
        seen = left(pod)
        assert seen["OUTCOME"] == outcome and finding in done.summary, done.summary[:3000]
        assert exists(pod, "fetched") == is_fetched
        assert ("GET /private/nar/" in lab.log("nginx.log")[len(before):]) == is_fetched
        assert_hidden(done, secrets)


def test_a_secret_in_nix_config_is_not_written_where_nothing_masks(lab):
    """act is no runner: a mask would be the leak, and a value in GITHUB_ENV is shown. So it stays out."""
    secret = "ghp_Uq7Zr3xS0mKc5tVbNw1y"
    text = "access-tokens = github.com=${{ secrets.GH }}"
    done, seen = job(lab, use("nix-job"), look(), how={"secrets": {"GH": secret}}, keys={"env": {"NIX_CONFIG": text}})
    done.check()
    assert "secret-left-out" in done.summary and secret in seen["NIX_CONFIG"]
    assert_hidden(done, {"GH": secret})
    assert not done.commands("add-mask")


def pull_request(repository):
    """What GitHub tells of a pull request from a branch of this repository."""
    return {"number": 7, "pull_request": {
        "number": 7, "head": {"ref": "topic", "sha": act.COMMIT, "repo": {"full_name": repository, "fork": True}},
        "base": {"ref": "main", "sha": act.COMMIT, "repo": {"full_name": "tinyland-inc/app"}}},
            "repository": {"full_name": "tinyland-inc/app"}}


# name: (inputs, act.run's arguments, whether Bazel may upload)
UPLOADS = {
    "push": ({"bazel-upload": "true"}, {}, True),
    "push, not asked for": ({}, {}, False),
    "own branch": ({"bazel-upload": "true"}, {"event": "pull_request", "payload": pull_request("tinyland-inc/app")},
                   True),
    "fork": ({"bazel-upload": "true"}, {"event": "pull_request", "payload": pull_request("stranger/app")}, False),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_who_may_upload_to_the_bazel_cache(lab, name):
    """Never a pull request from another repository, whatever its workflow asks for."""
    inputs, how, may_upload = UPLOADS[name]
    keep = {"shell": "sh", "run": f'cp "$SPINUP_BAZELRC_PATH" {LEFT}/rc'}
    with act.pod(lab) as pod:
        act.run(pod, workflow(use("setup-flywheel", **inputs), keep), **how).check()
        text = pod.read(f"{LEFT}/rc")[f"{LEFT}/rc"]
        assert ("--remote_upload_local_results=true" in text) == may_upload, text
