# SPDX-License-Identifier: Zlib
"""Every state that Nix can be in on a runner, the one finding that names it, and the real nix's own word on it."""

import pytest
from daemon_peer import FEATURES
from nix_job import CACHE, CONF, SERVER, Job, assert_fetched, realise
from report import taken, together
from runner_files import RunnerFiles
from visit import File, Folder, Link

ALONE = ["--skip", "attic", "--skip", "bazel", "--no-repair"]  # what is mended: test_mend.py

# daemon mode: (finding, severity) of what is not well with it
DAEMONS = {
    "none": ("nix-daemon-no-socket", "error"), "stale": ("nix-daemon-stale-socket", "error"),
    "frozen": ("nix-daemon-frozen", "error"), "mute": ("nix-daemon-frozen", "error"),
    "mute-later": ("nix-daemon-frozen", "error"), "slow": ("nix-daemon-frozen", "error"),
    "eof": ("nix-daemon-refuses", "error"), "reset": ("nix-daemon-refuses", "error"),
    "denied": ("nix-daemon-denied", "error"), "denied-at-once": ("nix-daemon-denied", "error"),
    "eof-later": ("nix-daemon-hung-up", "error"), "garbage": ("nix-daemon-malformed", "error"),
    "banner": ("nix-daemon-malformed", "error"), "endless": ("nix-daemon-malformed", "error"),
    "long": ("nix-daemon-malformed", "error"), "padding": ("nix-daemon-malformed", "error"),
    "features": ("nix-daemon-malformed", "error"), "noise": ("nix-daemon-malformed", "error"),
    "major2": ("nix-daemon-malformed", "error"), "1.10": ("nix-daemon-old", "error"),
    "1.18": ("nix-daemon-old", "error"), "1.32": ("nix-daemon-old", "error"), "error": ("nix-daemon-error", "error"),
    "invalid": ("nix-path-not-valid", "error"), "request-error": ("nix-path-unproven", "error"),
    "request-eof": ("nix-path-unproven", "error"), "request-mute": ("nix-path-unproven", "error"),
}
# What works: mode: (protocol, Nix version, trust of the user `trusted`)
WORKING = {
    "1.33": ("1.33", "2.7.0", "trusted"), "1.34": ("1.34", "2.8.0", "trusted"),
    "1.35": ("1.35", "2.18.1", "trusted"), "1.36,version=2.19": ("1.36", "2.19", "trusted"),
    "1.40,version=2.40.0": ("1.40", "2.40.0", "trusted"), "1.37": ("1.37", "2.21.0", "trusted"),
    "1.38": ("1.38", "2.26.3", "trusted"), "trust0": ("1.38", "2.26.3", "trusted"),
    "trust1": ("1.38", "2.26.3", "trusted"), "trust2": ("1.38", "2.26.3", "untrusted"),
    "1.35,trust2": ("1.35", "2.18.1", "untrusted"), **{name: ("1.38", "2.35.2", "trusted") for name in FEATURES},
    "real": ("1.38", "2.26.3", "trusted"),
}
STRANGE_GROUP = "root:x:0:\nrunner:x:1001:\ntrusted:x:1002:\n"

DETERMINATE = f"/nix/store/{'0' * 32}-determinate-nix-3.22.2"
DETERMINATE_3_22 = {f"{DETERMINATE}/bin/nix": File("#!/bin/sh\n", 0o755),
                    "/nix/var/nix/profiles/default": Link(DETERMINATE)}

STRANGER = {"user": "1001:1001", "runner": RunnerFiles("runner"),
            "files": {"/etc/passwd": "".join(f"nixbld{i}:x:{30000 + i}:30000::/:/bin/sh\n" for i in range(1, 5))}}

# A state of the machine: (words, place, {bad finding: severity}, words of the first one's detail)
STATES = {
    "bare image": ({"image": "bare", "daemon": "none"}, {"nix-absent": "error"}, "no nix program, and no /nix"),
    "distribution": ({"image": "distro", "daemon": "real"}, {"lane-flavour-differs": "warning"},
                     "tinyland-nix promises determinate, found distribution"),
    "upstream": ({"image": "nix", "daemon": "real"}, {"lane-flavour-differs": "warning"},
                 "tinyland-nix promises determinate, found upstream"),
    "emptyDir over /nix": ({"image": "determinate", "daemon": "none", "tmpfs": ["/nix"]},
                           {"nix-dir-world-writable": "error", "nix-store-hidden": "warning", "nix-absent": "error"},
                           "/nix has mode 0777: everybody may write to it"),
    "emptyDir over a distribution's /nix": (
        {"image": "distro", "daemon": "none", "tmpfs": ["/nix:0755:0:0"]},
        {"nix-store-hidden": "warning", "nix-chroot-store": "error", "lane-flavour-differs": "warning"},
        "a volume without store paths is mounted there, but /etc/nix/nix.conf is there"),
    "dangling profile": (
        {"files": {"/nix/var/nix/profiles/default": Link("/nix/store/" + "0" * 32 + "-gone")}},
        {"nix-profile-dangling": "error"}, "/nix/var/nix/profiles/default leads to /nix/store/" + "0" * 32 + "-gone"),
    "dangling profile of the user": (
        {"image": "bare", "files": {"/home/trusted/.nix-profile": Link("/nix/var/nix/profiles/per-user/x", "trusted")}},
        {"nix-profile-dangling": "error"}, "/home/trusted/.nix-profile leads to /nix/var/nix/profiles/per-user/x"),
    "state without program": (
        {"image": "bare", "files": {"/nix/var/nix/db": Folder()}}, {"nix-program-missing": "error"},
        "/nix/var/nix is there, but no nix program"),
    "no build group": ({"files": {"/etc/group": STRANGE_GROUP}}, {"nix-build-group-missing": "error"},
                       "there is no group nixbld"),
    "build group without members": (
        {"files": {"/etc/group": STRANGE_GROUP + "nixbld:x:30000:\n"}}, {"nix-build-group-empty": "error"},
        "the group nixbld lists no members"),
    "build group with a stranger": (
        {"files": {"/etc/group": STRANGE_GROUP + "nixbld:x:30000:nixbld1,ghost\n"}},
        {"nix-build-user-missing": "error"}, "names ghost, and there is no such user"),
    "builds as root": (
        {"files": {"/etc/nix/nix.conf": CONF.replace("= nixbld", "=")}}, {"nix-builds-as-root": "warning"},
        "build-users-group is set to nothing"),
    "malformed nix.conf": (
        {"files": {"/etc/nix/nix.conf": CONF + "access-tokens github.com=ghp_secret\n"}},
        {"nix-conf-malformed": "error"}, "/etc/nix/nix.conf:6: \"access-tokens…\""),
    "malformed include": (
        {"files": {"/etc/nix/nix.conf": CONF + "include more.conf\n", "/etc/nix/more.conf": "# fine\ncores\n"}},
        {"nix-conf-malformed": "error"}, "/etc/nix/more.conf:2: "),
    "missing include": (
        {"files": {"/etc/nix/nix.conf": CONF + "include gone.conf\n"}}, {"nix-conf-malformed": "error"},
        "/etc/nix/nix.conf:6: "),
    "malformed NIX_CONFIG": (
        {"env": {"NIX_CONFIG": "cores = 2\nsubstituters\n"}}, {"nix-conf-malformed": "error"}, "NIX_CONFIG:2: "),
    "broken key": (
        {"files": {"/etc/nix/nix.conf": CONF + "trusted-public-keys = other:short\n"}},
        {"nix-key-invalid": "warning"}, "the key \"other\" (number 1 of the list)"),
    "unreadable nix.custom.conf": (
        {"files": {"/etc/nix/nix.conf": CONF + "!include nix.custom.conf\n",
                   "/etc/nix/nix.custom.conf": File("max-jobs = 2\n", 0o600)}},
        {"nix-conf-unreadable": "warning"}, "/etc/nix/nix.custom.conf"),
    "a store of its own": ({"env": {"NIX_REMOTE": "ssh://builder"}}, {"nix-remote-unusual": "warning"},
                           "NIX_REMOTE = ssh://builder"),
    "a socket elsewhere": ({"env": {"NIX_REMOTE": "unix:///run/nowhere"}}, {"nix-daemon-no-socket": "error"},
                           "/run/nowhere: connect: No such file or directory"),
    "a CA file that is gone": ({"env": {"NIX_SSL_CERT_FILE": "/gone.crt"}}, {"nix-ca-missing": "warning"},
                               "NIX_SSL_CERT_FILE names /gone.crt, which cannot be read"),
    "a user whom nobody knows, with another's HOME": (
        {**STRANGER, "env": {"HOME": "/"}}, {"nix-home-missing": "error"},
        "HOME is /, which is not this user's, and /etc/passwd has no home directory of user 1001"),
    "a user whom nobody knows, without HOME": (
        {**STRANGER, "env": {"HOME": None}}, {"nix-home-missing": "error"}, "HOME is not set, and"),
    "member of the build group": (
        {"daemon": "real", "user": "1001:30000", "runner": RunnerFiles("runner"), "env": {"HOME": "/home/runner"}},
        {"nix-daemon-refuses": "error"}, "is a member of nixbld"),
    "not in allowed-users": (
        {"daemon": "real", "user": "runner", "files": {"/etc/nix/nix.conf": CONF + "allowed-users = trusted\n"}},
        {"nix-daemon-refuses": "error"}, "allowed-users = trusted"),
    "database of a newer Nix": (
        {"daemon": "real", "files": {"/nix/var/nix/db/schema": "11"}}, {"nix-daemon-refuses": "error"},
        "connected, and closed without a word"),
    "closed socket folder": (
        {"files": {"/nix/var/nix/daemon-socket": Folder(0o700)}}, {"nix-daemon-socket-denied": "error"},
        "Permission denied"),
    **{f"{name}'s daemon of an upstream profile": (
        {"image": "nix", "daemon": name},
        {"nix-daemon-flavour-differs": "warning", "lane-flavour-differs": "warning"}, "is Determinate Nix")
       for name in FEATURES if name.startswith("determinate")},
    "an upstream daemon that names features": (
        {"image": "nix", "daemon": "upstream-2.35,version=2.26.3"}, {"lane-flavour-differs": "warning"},
        "found upstream"),
    "an upstream daemon of a Determinate profile that would name its own": (
        {"files": DETERMINATE_3_22, "daemon": "upstream-2.35"}, {"nix-daemon-flavour-differs": "warning"},
        "is not Determinate Nix"),
}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every state, side by side."""
    assert spinup
    rows = {("daemon", mode): (ALONE, {"daemon": mode}) for mode in [*DAEMONS, *WORKING]}
    rows.update({("state", name): (ALONE, place) for name, (place, _, _) in STATES.items()})
    rows.update({("root", mode): (ALONE, {"daemon": mode, "user": "root"}) for mode in ("real", "none", "frozen")})
    return together(lab, rows)


@pytest.mark.parametrize("mode", DAEMONS)
def test_a_daemon_that_does_not_serve(reports, mode):
    report = taken(reports, ("daemon", mode))
    id_, severity = DAEMONS[mode]
    assert report.bad() == {id_: severity}
    assert report.outcome == ("failed" if severity == "error" else "degraded")
    assert "\x1b" not in report.finding(id_)["detail"] and "::" not in report.finding(id_)["detail"][:2]
    assert (report.result.files["GITHUB_ENV"] == "") == (severity == "error")


@pytest.mark.parametrize("mode", WORKING)
def test_a_daemon_that_serves(reports, mode):
    report = taken(reports, ("daemon", mode))
    protocol, version, trust = WORKING[mode]
    assert not report.bad()
    assert report.finding("nix-ready")["severity"] == "ok"
    assert report.fact("nix.daemon.protocol") == protocol and report.fact("nix.daemon.version") == version
    assert report.fact("nix.trust") == trust
    assert report.fact("nix.daemon.features", []) == FEATURES.get(mode, [])
    assert ("nix-user-untrusted" in report.ids()) == (trust == "untrusted")


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_named(reports, name):
    report = taken(reports, ("state", name))
    _, expected, text = STATES[name]
    assert report.bad() == expected
    assert text in report.finding(next(iter(expected)))["detail"]
    assert report.outcome == ("failed" if "error" in expected.values() else "degraded")


def test_no_token_of_a_broken_line_is_shown(reports):
    """The line may be broken right at its secret."""
    result = taken(reports, ("state", "malformed nix.conf")).result
    assert "ghp_secret" not in result.stdout + result.stderr + result.files["GITHUB_STEP_SUMMARY"]


def test_root_is_led_to_the_daemon(reports):
    """Root would open the store itself, beside a daemon that serves others."""
    report = taken(reports, ("root", "real"))
    assert not report.bad() and report.finding("nix-root-bypass")["severity"] == "notice"
    assert report.exported()["NIX_REMOTE"] == "daemon"


@pytest.mark.parametrize("mode", ["none", "frozen"])
def test_root_without_a_daemon_is_a_single_user(reports, mode):
    report = taken(reports, ("root", mode))
    assert not report.bad() and report.finding("nix-single-user")["severity"] == "notice"
    assert "NIX_REMOTE" not in report.exported()


# ---- the real nix's word

def test_the_daemons_own_key_of_the_same_name_is_replaced(lab, spinup):
    """Nix takes the first key of a name: ours goes first, and the other one is left out."""
    assert spinup
    conf = CONF + f"trusted-public-keys = cache.example-1:{'A' * 43}= {lab.other_key}\n"
    with Job(lab, conf=conf) as job:
        assert job.lines("trusted-public-keys") == [f"{lab.public_key} cache.example-1:{'A' * 43}="]
        assert "nix-key-replaced" in job.result.stdout and not job.lines("extra-trusted-public-keys")
        # What would have happened with the key merely added:
        merely = f"extra-substituters = {CACHE}\nextra-trusted-public-keys = {lab.public_key}"
        step = realise(job.pod, lab, {**job.before, "NIX_CONFIG": merely}, user="trusted")
        assert step.rc != 0 and "not signed by any of the keys" in step.stderr, step.stderr
        assert_fetched(job.next_step())


def test_a_dead_substituter_of_nix_conf_is_left_out(lab, spinup):
    """The image lists a cache that is gone: the whole list is written without it."""
    assert spinup
    dead = "http://refused.faults.svc.cluster.local"
    with Job(lab, conf=CONF.replace("substituters =", f"substituters = {dead} {SERVER}/private")) as job:
        assert job.lines("substituters") == [f"{SERVER}/private"], job.config
        assert "substituter-dead" in job.result.stdout
        assert_fetched(job.next_step())


def test_an_untrusted_user_gets_what_the_daemon_allows(lab, spinup):
    """trusted-substituters and the key in the daemon's own nix.conf: the cache is written, and heeded."""
    assert spinup
    conf = CONF + f"extra-trusted-substituters = {CACHE}/\nextra-trusted-public-keys = {lab.public_key}\n"
    with Job(lab, user="runner", conf=conf) as job:
        assert job.result.rc == 0 and job.lines("extra-substituters") == [f"{CACHE}/"]
        assert not job.lines("extra-trusted-public-keys")
        step = job.next_step()
        assert step.rc == 0 and f"from '{CACHE}" in step.stderr and "ignoring" not in step.stderr, step.stderr


@pytest.mark.parametrize("allowed, word", [
    ("", "does not list the cache"),
    ("extra-trusted-substituters = {cache}\n", "does not trust the cache's key"),
    ("extra-trusted-substituters = {cache}\nextra-trusted-public-keys = {other}\n", "does not trust the cache's key"),
])
def test_an_untrusted_user_is_refused_as_the_real_nix_would(lab, spinup, allowed, word):
    """Nothing is written, since it would be ignored; here is the real nix ignoring it."""
    assert spinup
    with Job(lab, user="runner", conf=CONF + allowed.format(cache=CACHE, other=lab.other_key)) as job:
        assert job.result.rc == 0 and not job.lines("extra-substituters")
        assert "nix-cache-not-allowed" in job.result.stdout and word in job.result.stdout.replace("\n", " ")
        line = f"extra-substituters = {CACHE}\nextra-trusted-public-keys = {lab.public_key}"
        step = realise(job.pod, lab, {**job.before, "NIX_CONFIG": line}, user="runner")
        assert step.rc != 0
        assert "ignoring" in step.stderr or "signature" in step.stderr, step.stderr


@pytest.mark.parametrize("broken", ["/etc/nix/nix.conf", "NIX_CONFIG"])
def test_what_is_called_malformed_breaks_the_real_nix(lab, spinup, broken):
    """Every nix command fails on such a line."""
    assert spinup
    line = "substituters\n"
    with lab.pod(image="determinate", files={"/etc/nix/nix.conf": CONF + line} if "/" in broken else {},
                 daemon="none") as pod:
        done = realise(pod, lab, {} if "/" in broken else {"NIX_CONFIG": line}, user="trusted")
        assert done.rc != 0 and "syntax error in configuration line" in done.stderr


def test_root_fetches_through_the_daemon(lab, spinup):
    """NIX_REMOTE=daemon is heeded."""
    assert spinup
    with Job(lab, user="root") as job:
        assert job.values["NIX_REMOTE"] == "daemon"
        assert_fetched(job.next_step())


def test_single_user_root_fetches_by_itself(lab, spinup):
    """Without a daemon root's own nix substitutes."""
    assert spinup
    with Job(lab, user="root", daemon="none") as job:
        assert job.result.rc == 0 and "NIX_REMOTE" not in job.values
        assert_fetched(job.next_step())
