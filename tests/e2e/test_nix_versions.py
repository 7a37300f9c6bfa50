# SPDX-License-Identifier: Zlib
"""Real versions of Nix, old and new: what their daemons say of themselves and of the user, what follows from that for
the next steps, and whether a daemon then does as was said."""

import json
import re

import pytest
from nix_job import CACHE, CONF, PROFILE, SHOW, Job, assert_fetched, realise
from report import side_by_side, taken
from visit import Folder

# image: (protocol, beginning of the version, whether the daemon says whom it trusts)
VERSIONS = {"nix-old": ("1.34", "2.8.", False), "nix": ("1.38", "2.26.", True), "nix-new": ("1.38", "2.", True)}
OWN_TIMEOUT = 29  # from Nix 2.29 on there is a connect-timeout by default
# user: (daemon, who it is for the daemon)
USERS = {"trusted": ("real", "trusted"), "runner": ("real", "untrusted"), "root": ("real", "trusted"),
         "root alone": ("none", "trusted")}
GROUPS = "root:x:0:\nci:x:1001:\nbuilders:x:777:{}\nnixbld:x:30000:nixbld1,nixbld2,nixbld3,nixbld4\n"
# trusted-users, who asks (UID:GID or UID:GID:GROUP), members of the group builders, whether he is trusted
TRUST = {
    "everybody": ("*", "1001:1001", "", True),
    "by the user's number": ("root 4242", "4242:4242", "", True),
    "a number is no name": ("root 1001", "1001:1001", "", False),
    "by the primary group": ("root @builders", "1001:777", "", True),
    "by the group's list": ("root @builders", "1001:1001", "root,runner", True),
    "by a group that the process alone has": ("root @builders", "1001:1001:777", "", False),
    "by the number of a group without a name": ("root @4242", "1001:4242", "", True),
    "by nobody": ("", "1001:1001", "", False),
}
# who asks, HOME, whether a Nix of today finds a home
HOMES = {"his own": ("runner", "/home/runner", True), "not there yet": ("4242:4242", "/tmp/new", True),
         "not set": ("runner", None, True), "root, in a job container": ("root", "/github/home", True),
         "nobody's": ("4242:4242", "/", False), "none at all": ("4242:4242", None, False)}
# A setting that only one of the places has
PLACES = {"/home/runner": "cores = 77", "/github/home": "log-lines = 77", "/root": "http-connections = 77"}


def _run(lab, image, user):
    daemon, _ = USERS[user]
    with Job(lab, image=image, user=user.partition(" ")[0], daemon=daemon) as job:
        version = job.pod.exec([f"{PROFILE}/nix", "--version"], user="root").check().stdout.split()[-1]
        return job.report, version, job.config, job.next_step()


def _second_guess(lab, image, row):
    trusted, user, members, _ = row
    conf = CONF.replace("trusted-users = root trusted", f"trusted-users = {trusted}")
    env = {"HOME": "/tmp/home"}  # his own, also where /etc/passwd does not name him
    with lab.pod(image=image, files={"/etc/nix/nix.conf": conf, "/etc/group": GROUPS.format(members)}) as pod:
        pod.exec(["mkdir", env["HOME"]], user=user).check()
        shown = pod.exec(["spinup", "probe", "nix", "--json"], user=user, env=env).stdout
        text = f"extra-substituters = {CACHE}\nextra-trusted-public-keys = {lab.public_key}"
        step = realise(pod, lab, {**env, "NIX_CONFIG": text}, user=user)
    return re.search(r'"trust": ?"(\w+)"', shown)[1], step


@pytest.fixture(scope="module")
def runs(lab, spinup, nix_versions):
    """Each version before each user."""
    assert spinup and nix_versions
    rows = {(image, user): (image, user) for image in VERSIONS for user in USERS}
    return side_by_side(lambda row: _run(lab, *row), rows)


@pytest.fixture(scope="module")
def guesses(lab, spinup, nix_versions):
    """Each version with each way to be trusted."""
    assert spinup and nix_versions
    rows = {(image, name): (image, TRUST[name]) for image in VERSIONS for name in TRUST}
    return side_by_side(lambda row: _second_guess(lab, *row), rows)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("image", VERSIONS)
def test_a_version_is_told_and_heeds_what_is_written(runs, image, user):
    report, version, config, step = taken(runs, (image, user))
    protocol, begins, _ = VERSIONS[image]
    daemon, trust = USERS[user]
    minor = int(version.split(".")[1])
    assert version.startswith(begins) and (minor >= OWN_TIMEOUT) == (image == "nix-new"), version
    assert report.fact("nix.version") == version and report.fact("nix.trust") == trust
    if daemon == "real":
        assert report.fact("nix.daemon.version") == version and report.fact("nix.daemon.protocol") == protocol
        assert f"protocol {protocol}, user {trust}" in report.finding("nix-ready")["detail"]
    else:
        assert "nix-single-user" in report.ids()
    assert ("connect-timeout = 15" in config) == (minor < OWN_TIMEOUT)
    assert ("nix-cache-not-allowed" in report.ids()) == (trust == "untrusted")
    if trust == "trusted":
        assert_fetched(step)
    else:
        assert step.rc != 0 and "ignoring" not in step.stderr, step.stderr


@pytest.mark.parametrize("name", TRUST)
@pytest.mark.parametrize("image", VERSIONS)
def test_trust_is_what_the_daemon_makes_of_it(guesses, image, name):
    """2.8 does not say it: there the answer is worked out from its configuration, and may not be wrong."""
    trust, step = taken(guesses, (image, name))
    is_trusted = TRUST[name][-1]
    assert trust == ("trusted" if is_trusted else "untrusted")
    if is_trusted:
        assert_fetched(step)
    else:
        assert step.rc != 0 and "ignoring untrusted substituter" in step.stderr, step.stderr


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("image", VERSIONS)
def test_home_is_where_the_real_nix_finds_it(lab, spinup, nix_versions, image, name):
    """Where the user's settings and profile are. Before 2.10 HOME counted, whoever owned it; spinup goes by the new."""
    assert spinup and nix_versions
    user, home, is_found = HOMES[name]
    files = {f"{place}/.config/nix/nix.conf": f"{line}\n" for place, line in PLACES.items()}
    with lab.pod(image=image, files={**files, "/github/home": Folder(owner="runner")}) as pod:
        found = json.loads(pod.exec(["spinup", "probe", "nix", "--json"], user=user, env={"HOME": home}).stdout)
        shown = pod.exec([f"{PROFILE}/nix", *SHOW.get(image, SHOW[""]), "--json"], user=user, env={"HOME": home})
    is_old = image == "nix-old" and home
    assert (shown.rc == 0) == (is_found or bool(is_old)), shown.stderr
    assert ("nix-home-missing" in [row["id"] for row in found["findings"]]) == (shown.rc != 0)
    if shown.rc == 0 and not (is_old and user == "root"):
        real = {key for key, row in json.loads(shown.stdout).items() if row["value"] == 77}
        assert real == {line.split()[0] for line in PLACES.values()} & {*found["facts"]["nix"]["conf"]["file_settings"]}
        assert bool(real) == (user in ("runner", "root"))


def test_root_in_a_job_container_gets_his_own_profile(lab, spinup):
    """HOME is the runner's folder there, and `nix profile install` goes to root's."""
    assert spinup
    with Job(lab, user="root", env={"HOME": "/github/home"}, files={"/github/home": Folder(owner="runner")}) as job:
        assert job.values["NIX_PROFILES"] == "/nix/var/nix/profiles/default /root/.nix-profile"
        assert job.result.files["GITHUB_PATH"].split() == ["/root/.nix-profile/bin", PROFILE]


@pytest.mark.parametrize("image, daemon, expected", [
    ("nix-new", "1.38,version=2.26.3", True), ("nix-new", "1.38,version=2.29.0", False),
    ("nix-new", "1.34,version=2.8.0", True), ("nix-old", "1.38,version=2.34.8", True),
])
def test_the_older_side_decides_over_the_timeout(lab, spinup, nix_versions, image, daemon, expected):
    """An old daemon behind a new nix, and the other way: whichever fetches gets a limit."""
    assert spinup and nix_versions
    with Job(lab, image=image, daemon=daemon) as job:
        assert "nix-version-differs" in job.report.ids()
        assert job.lines("connect-timeout") == (["15"] if expected else [])
        assert job.settings(job.after)["connect-timeout"] > 0
