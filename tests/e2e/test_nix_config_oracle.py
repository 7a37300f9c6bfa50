# SPDX-License-Identifier: Zlib
"""The real nix as the oracle of what a job's next steps get: what it takes for effective before and after `spinup run`,
whatever the job sets itself and wherever, and whether the daemon heeds it."""

from dataclasses import dataclass, field

import pytest
from nix_job import CACHE, CONF, SERVER, Job
from pod import HOMES
from report import side_by_side, taken

DEAD = "http://refused.faults.svc.cluster.local"
OTHER = f"cache.example-1:{'A' * 43}="
IMAGES = {"2.8": "nix-old", "2.26": "nix", "new": "nix-new"}
USERS = {"trusted": ("trusted", "real"), "untrusted": ("runner", "real"), "root": ("root", "real"),
         "root alone": ("root", "none"), "owner alone": ("runner", "none")}
# As actions leave it that install Nix for one user: no daemon, and the store is his.
OWN = ["sh", "-ec", "chown runner:runner /nix /nix/store; chown -R runner:runner /nix/var"]
# A machine is "VERSION USER"; Determinate's nix.conf is its own, and ours the file that it includes.
MACHINES = {f"{version} {user}": (image, *row) for version, image in IMAGES.items() for user, row in USERS.items()}
MACHINES.update({"determinate trusted": ("determinate", "trusted", "real"),
                 "determinate untrusted": ("determinate", "runner", "real")})
SCALARS = {"fallback": True, "connect-timeout": 15}  # where nobody sets them


@dataclass(frozen=True)
class Row:
    """What is set on a machine. In texts, OURS and SAME_NAME stand for the cache's key and another of its name."""
    machine: str
    job: str = ""       # NIX_CONFIG
    user: str = ""      # ~/.config/nix/nix.conf
    system: str = ""    # nix.conf, behind the lab's own lines
    keeps: dict = field(default_factory=dict)  # scalars that are set, and stay
    heeded: bool = True  # whether the cache is to be had
    down: str = None


# What a job may set: (text, scalars in it)
TEXTS = {
    "nothing": ("", {}),
    "lists of its own": (
        f"substituters = {DEAD} {SERVER}/private\nfallback = false\ntrusted-public-keys = SAME_NAME {OTHER}",
        {"fallback": False}),
    "more of each, oddly written": (
        f"\n  extra-substituters\t=  {SERVER}/private   {DEAD}/x  # mine = y\n#fallback = false\n"
        f"connect-timeout = 3\n!include /etc/gone.conf\ninclude /etc/keys.conf\n\n",
        {"connect-timeout": 3}),
    "by old names": (
        f"binary-caches = {SERVER}/private\nextra-binary-caches = {CACHE}?priority=3\nbuild-fallback = no\n"
        "extra-binary-cache-public-keys = SAME_NAME\n", {"fallback": False}),
    "ours, differently written": (
        f"substituters = {CACHE}/\ntrusted-public-keys = OURS SAME_NAME\nconnect-timeout = 60",
        {"connect-timeout": 60}),
    "nothing at all": ("substituters =\ntrusted-public-keys =\n", {}),
}
KEYS = f"extra-trusted-public-keys = {OTHER} SAME_NAME\n"  # /etc/keys.conf
ALLOWED = f"extra-trusted-substituters = {CACHE}\nextra-trusted-public-keys = OURS\n"


def _rows():
    for name, (text, keeps) in TEXTS.items():
        for machine in MACHINES:
            yield f"{machine}: {name}", Row(machine, job=text, keeps=keeps, heeded="untrusted" not in machine)
        for place in ("user", "system") if text else ():
            for machine in ("2.26 trusted", "2.26 untrusted", "2.8 untrusted", "2.26 root alone"):
                # A daemon heeds its own configuration; of these only one has the cache with its key.
                heeded = "untrusted" not in machine or (place == "system" and name.startswith("ours"))
                yield f"{machine}: {name} ({place})", Row(machine, **{place: text}, keeps=keeps, heeded=heeded)
    for version in (*IMAGES, "determinate"):
        machine = f"{version} untrusted"
        yield f"{machine}: allowed", Row(machine, system=ALLOWED)
        yield f"{machine}: listed, and the job's own list lacks it", Row(
            machine, job=f"substituters = {SERVER}/unsigned\n",
            system=f"substituters = {CACHE} {SERVER}/unsigned\n{ALLOWED}")
        yield f"{machine}: allowed, and the job names it", Row(
            machine, job=f"extra-substituters = {CACHE}", system=ALLOWED.replace(CACHE, f"{CACHE}/"))
        yield f"{machine}: allowed, and the job names it otherwise", Row(
            machine, job=f"extra-substituters = {CACHE}/", system=ALLOWED)
        for user in ("trusted", "untrusted"):
            yield f"{version} {user}: the cache is dead", Row(
                f"{version} {user}", system=f"substituters = {CACHE}\n{ALLOWED}", heeded=False, down="attic")


ROWS = dict(_rows())


@dataclass(frozen=True)
class Seen:
    """What came of a row."""
    report: object
    before: dict  # effective settings, by the real nix
    after: dict
    step: object  # the real nix, fetching


def _see(lab, row):
    image, user, daemon = MACHINES[row.machine]

    def text(of):
        return of.replace("OURS", lab.public_key).replace("SAME_NAME", lab.other_key)

    system = "/etc/nix/nix.custom.conf" if image == "determinate" else "/etc/nix/nix.conf"
    files = {system: CONF + text(row.system), "/etc/keys.conf": text(KEYS)}
    if row.user:
        files[f"{HOMES[user]}/.config/nix/nix.conf"] = text(row.user)
    env = {"NIX_CONFIG": text(row.job)} if row.job else {}
    with Job(lab, image=image, user=user, daemon=daemon, conf=None, files=files, env=env, down=row.down,
             prepare=OWN if row.machine.endswith("owner alone") else None) as job:
        return Seen(job.report, job.settings(job.before), job.settings(job.after), job.next_step())


@pytest.fixture(scope="module")
def seen(lab, spinup, nix_versions):
    """Every row, side by side."""
    assert spinup and nix_versions
    lab.nameserver("attic")  # made before they all want it
    return side_by_side(lambda row: _see(lab, row), ROWS)


def _is_ours(substituter):
    return substituter.partition("?")[0].rstrip("/") == CACHE


def _named(keys, name="main"):
    return [key for key in keys if key.partition(":")[0] == name]


@pytest.mark.parametrize("name", ROWS)
def test_nothing_else_is_changed(seen, name):
    """Of all settings that this Nix has; and root is led to the daemon."""
    found, row = taken(seen, name), ROWS[name]
    changed = {key for key in found.after if found.after[key] != found.before.get(key)}
    is_led = row.machine.endswith(" root")
    assert changed - {*SCALARS, "substituters", "trusted-public-keys"} == ({"store"} if is_led else set())
    assert found.after.keys() == found.before.keys() and (not is_led or found.after["store"] == "daemon")


@pytest.mark.parametrize("name", ROWS)
def test_a_scalar_is_ours_only_where_nobody_sets_it(seen, name):
    found, row = taken(seen, name), ROWS[name]
    assert {key: found.after[key] for key in SCALARS} == {**SCALARS, **row.keeps}


@pytest.mark.parametrize("name", ROWS)
def test_the_list_has_the_cache_once_and_no_dead_one(seen, name):
    """What else it had stays, in its order. One that the daemon would ignore stands beside ours, which it heeds."""
    found, row = taken(seen, name), ROWS[name]
    before, after = found.before["substituters"], found.after["substituters"]
    kept = [url for url in before if not url.startswith(DEAD) and not (row.down and _is_ours(url))]
    added = after[len(kept):]
    assert after[:len(kept)] == kept
    if not row.heeded:
        assert not added
    elif name.endswith("names it otherwise"):
        assert [url for url in after if _is_ours(url)] == [f"{CACHE}/", CACHE]
    else:
        assert [url for url in after if _is_ours(url)] == added or (any(map(_is_ours, kept)) and not added)
        assert len(list(filter(_is_ours, after))) == 1
    assert (len(kept) < len(before)) == ("nix-substituters-reduced" in found.report.ids())


@pytest.mark.parametrize("name", ROWS)
def test_the_cache_s_key_is_the_first_of_its_name(lab, seen, name):
    """Nix takes the first one. The others stay in their order; a user who is not heeded gets none."""
    found, row = taken(seen, name), ROWS[name]
    before, after = found.before["trusted-public-keys"], found.after["trusted-public-keys"]
    if "untrusted" in row.machine or row.down:
        assert after == before
        return
    assert [key for key in after if key not in _named(after)] == [key for key in before if key not in _named(before)]
    is_conflict = _named(before)[:1] == [lab.other_key]
    assert _named(after) == [lab.public_key, *([] if is_conflict else _named(before)[1:])]
    assert is_conflict == ("nix-key-replaced" in found.report.ids())


@pytest.mark.parametrize("name", ROWS)
def test_the_daemon_does_as_was_said(seen, name):
    """It fetches from the cache with no word against it; or it refuses, and the finding has said so."""
    found, row = taken(seen, name), ROWS[name]
    text = found.step.stderr
    assert (found.step.rc == 0 and f"from '{CACHE}" in text) == row.heeded, text
    assert ("nix-cache-not-allowed" in found.report.ids()) == (not row.heeded and not row.down)
    assert "retrying" not in text, text  # nobody is asked who is dead
    if not row.job and not row.user or "untrusted" not in row.machine:
        assert "ignoring" not in text.replace("ignoring substitute for", ""), text
