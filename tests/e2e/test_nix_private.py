# SPDX-License-Identifier: Zlib
"""A private cache with a token, before real versions of Nix: the netrc file reaches whoever fetches, or the finding
says that it does not, and what it tells an administrator to do is enough."""

import pytest
from nix_job import CONF, SERVER, Job
from report import side_by_side, taken
from visit import File

PRIVATE = f"{SERVER}/private"
IMAGES = ["nix-old", "nix", "nix-new"]
# user: (who runs, daemon, whether the administrator has added the cache, and credentials of his own)
USERS = {"trusted": ("trusted", "real", False, False), "root": ("root", "real", False, False),
         "root alone": ("root", "none", False, False), "untrusted": ("runner", "real", False, False),
         "untrusted, allowed": ("runner", "real", True, False),
         "untrusted, allowed, with the daemon's own token": ("runner", "real", True, True)}


def _fetch(lab, image, user):
    name, daemon, is_allowed, has_token = USERS[user]
    allowed = f"extra-trusted-substituters = {PRIVATE}\nextra-trusted-public-keys = {lab.public_key}\n"
    credentials = f"machine {SERVER.partition('//')[2]} password {lab.tokens['pull']}\n"
    env = {"ATTIC_CACHE": "private", "SPINUP_ATTIC_PUBLIC_KEY": lab.public_key, "ATTIC_TOKEN": lab.tokens["pull"]}
    with Job(lab, image=image, user=name, daemon=daemon, conf=CONF + (allowed if is_allowed else ""), env=env,
             files={"/etc/nix/netrc": File(credentials, 0o600)} if has_token else {}) as job:
        written = job.pod.read(*job.lines("netrc-file"))
        return job.report, job.settings(job.after), written, job.next_step()


@pytest.fixture(scope="module")
def fetched(lab, spinup, nix_versions):
    """Each version before each user."""
    assert spinup and nix_versions
    rows = {(image, user): (image, user) for image in IMAGES for user in USERS}
    return side_by_side(lambda row: _fetch(lab, *row), rows)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("image", IMAGES)
def test_a_private_cache_is_read_or_it_is_said_why_not(lab, fetched, image, user):
    report, settings, written, step = taken(fetched, (image, user))
    name, _, is_allowed, has_token = USERS[user]
    is_heeded = name != "runner"
    assert ("nix-netrc-ignored" in report.ids()) == (not is_heeded)
    assert ("nix-cache-not-allowed" in report.ids()) == (not is_heeded and not is_allowed)
    assert list(written) == ([settings["netrc-file"]] if is_heeded else [])
    assert all(lab.tokens["pull"] in content for content in written.values())
    assert (step.rc == 0 and f"from '{PRIVATE}" in step.stderr) == (is_heeded or has_token), step.stderr
