# SPDX-License-Identifier: Zlib
"""Nix from nothing: spinup beside the ways in which a shell does it, from the same archive on the same disk.

Each run has a fresh pod and a /nix that is not there yet; the archive comes from the lab's server over loopback, out
of the page cache. The ways take turns, and begin with another one each round. The shell's ways are told
favourably: they download by one stream, compare no digest (but for one of them), know all paths, and run nothing
that is not needed."""

import os
import pathlib
import shutil
import sys
import tempfile

import archives
import packings
import tools_image
import topology
from figures import Figures, aim, measure, report
from lab import CONTRACT
from places import BUILD, LabError

# An administrator's settings; Debian's nix names programs of Debian's for its sandbox, and there is no cache.nixos.org.
SETTINGS = "sandbox = false\nsubstituters =\n"
HELPERS = """set -euo pipefail
unpack() { curl -sSf "$URL" | "$UNPACKER" -dc | tar -xC /; }
configure() { mkdir -p /etc/nix; printf '%s\\n' 'experimental-features = nix-command flakes' "$@" >>/etc/nix/nix.conf; }
register() { "$NIX/bin/nix-store" --load-db </registration; "$NIX/bin/nix-env" -i "$NIX"; }
make_users() {
	groupadd -g 30000 nixbld
	for number in {1..32}; do
		useradd --home-dir /var/empty --comment "Nix build user $number" --gid 30000 --groups 30000 --no-user-group \\
			--system --shell /sbin/nologin --uid $((30000 + number)) --password '!' "nixbld$number"
		gpasswd -a "nixbld$number" nixbld
	done
}
start_daemon() {
	"$NIX/bin/nix-daemon" &
	until [ -S /nix/var/nix/daemon-socket/socket ]; do sleep 0.01; done
	"$NIX/bin/nix" store info --store daemon
}
"""
UNPACK = "(a) curl | zstd or xz -d | tar x"
COMPARED = "    … with its SHA-256 compared"
SYNCED = "    … and written to the disk"
QUICK = "(b) as quick actions: one user"
MULTI = "(c) users, daemon, handshake"
SPINUP = "spinup install, the same image"
THIN = "spinup install, image thin"
# The shell's ways: each a script behind the helpers.
SCRIPTS = {
    UNPACK: "unpack",
    COMPARED: """mkfifo /copy; sha256sum </copy >/sum & curl -sSf "$URL" | tee /copy | "$UNPACKER" -dc | tar -xC /
wait $!; grep -q "$SHA256" /sum""",
    SYNCED: "unpack; sync -f /nix",
    QUICK: "mkdir -p /nix; unpack; configure 'build-users-group ='; register",
    MULTI: "mkdir -p /nix; unpack; make_users; configure 'build-users-group = nixbld'; register; start_daemon",
}
INSTALL = ["spinup", "install", "--label", "tinyland-nix"]
# What the figures are held against.
AIMS = {"bulk": 1.1, "multi": 0.5, "closure_ms": 450, "memory_mib": 64}


def say(text):
    """Tells what is being made."""
    print(f"bench: {text}", file=sys.stderr)


def settings():
    """What an administrator has laid into the image for spinup."""
    return {"/etc/nix/nix.conf": SETTINGS, "/etc/nix/nix.custom.conf": SETTINGS}


def run(lab, archive, way, source, **place):
    """One run of a way in a pod of its own; its row."""
    env = {"URL": f"http://{topology.DOWNLOADS}/{archive.path.name}", "SHA256": archive.sha256, "USER": "root",
           "UNPACKER": "xz" if archive.path.suffix == ".xz" else "zstd", "NIX": archive.nix_store_path}
    if way in SCRIPTS:
        place, command = {"image": "tools", **place}, ["bash", "-c", HELPERS + SCRIPTS[way]]
        files = {"/etc/nix/nix.conf": SETTINGS}
    else:
        place, command = {"image": "thin" if way == THIN else "tools", **place}, INSTALL
        env, files = {"SPINUP_CONTRACT": CONTRACT}, settings()
    with lab.pod(contract=lab.contract(install=[source]), files=files, **place) as pod:
        row = measure(pod, 1, command, env, "root")[0]
    if row[3]:
        raise LabError(f"{way}: exit status {row[3]}")
    return row


def race(lab, archive, ways, rounds, **place):
    """{way: Figures} of ROUNDS rounds; place: lab.pod's arguments, each a function of nothing."""
    rows = {way: [] for way in ways}
    source = lab.source(archive)
    for number in range(rounds):
        turn = number % len(ways)
        for way in [*ways[turn:], *ways[:turn]]:
            rows[way].append(run(lab, archive, way, source, **{name: make() for name, make in place.items()}))
    return {way: Figures(found) for way, found in rows.items()}


def megabytes(path):
    """A file's size, as it is said in a title."""
    return f"{path.stat().st_size / 1e6:.0f} MB"


def fewer(rounds):
    """The rounds of what takes long."""
    return max(rounds // 2, 1)


def closures(lab, rounds):
    """The lab's own closure, and one as large as a real Nix's."""
    ways = [UNPACK, COMPARED, QUICK, MULTI, SPINUP, THIN]
    small, bulk = lab.archives["nix-2.26.3"], archives.bulk(say)
    found = race(lab, small, ways, rounds)
    report(f"Nix from nothing: the lab's own closure, an archive of {megabytes(small.path)} (zstd -12)", found)
    aim("spinup to a handshake, ms,", found[THIN].wall, AIMS["closure_ms"])
    aim("spinup of (c)", found[SPINUP].times(found[MULTI]), AIMS["multi"])
    found = race(lab, bulk, ways, rounds)
    report(f"Nix from nothing: 226 MB in 7,900 members, an archive of {megabytes(bulk.path)} (zstd -12)", found)
    aim("spinup of (a)", found[SPINUP].times(found[UNPACK]), AIMS["bulk"])
    print(f"  spinup of (a) with its SHA-256 compared: {found[SPINUP].times(found[COMPARED]):.2f}")
    aim("spinup of (c)", found[SPINUP].times(found[MULTI]), AIMS["multi"])


def repacked(lab, rounds):
    """The bulk archive, packed in other ways."""
    for label in packings.PACKINGS:
        archive = packings.packed(archives.bulk(say), label, say)
        report(f"the same 226 MB in {megabytes(archive.path)} ({label})",
               race(lab, archive, [UNPACK, SPINUP], fewer(rounds)))


def on_disk(lab, rounds):
    """/nix and /etc as volumes on this machine's disk: spinup sees to it that a store which outlives its pod is
    written to the disk, and so do useradd and its kin with every user."""
    with tempfile.TemporaryDirectory(prefix="volumes-", dir=BUILD) as folder:
        def volumes():
            nix, etc = pathlib.Path(tempfile.mkdtemp(dir=folder)), pathlib.Path(tempfile.mkdtemp(dir=folder))
            for path in (nix, etc):
                path.chmod(0o755)
            for layer in reversed(tools_image.make().split(":")):
                shutil.copytree(pathlib.Path(layer, "etc"), etc, symlinks=True, dirs_exist_ok=True)
            os.sync()  # what is left to be written is none of this run's
            return [f"{nix}:/nix", f"{etc}:/etc"]

        ways = [UNPACK, SYNCED, MULTI, SPINUP]
        for archive in (lab.archives["nix-2.26.3"], archives.bulk(say)):
            found = race(lab, archive, ways, fewer(rounds), binds=volumes)
            report(f"{archive.name}, an archive of {megabytes(archive.path)}; /nix and /etc on the disk", found)
            aim("spinup of (c)", found[SPINUP].times(found[MULTI]), AIMS["multi"])


def memory(lab, _rounds):
    """The most that was ever resident."""
    print(f"\nthe most memory that was ever resident, MiB\n  {'':42} largest  together  all programs", flush=True)
    bulk, widest = archives.bulk(say), packings.widest(lab.archives["nix-2.26.3"], say)
    shown = {"226 MB, zstd -12": bulk,
             **{f"226 MB, {label}": packings.packed(bulk, label, say) for label in packings.PACKINGS},
             f"an archive of {megabytes(widest.path)}, 32 MiB window": widest}
    sums = []
    for label, archive in shown.items():
        place = {"image": "thin", "contract": lab.contract(install=[lab.source(archive)]), "files": settings()}
        with lab.pod(**place) as pod:
            largest, together = peaks(pod, "--only", "spinup")
        with lab.pod(**place) as pod:
            everybody = peaks(pod)[1]
        sums.append(together)
        print(f"  {label:42} {largest:7.1f} {together:9.1f} {everybody:13.1f}", flush=True)
    aim("spinup's processes together", max(sums), AIMS["memory_mib"])


def peaks(pod, *options):
    """What the lab's peaks says of an installation, in MiB: the largest process, and the sum of those at a time."""
    result = pod.exec(["/opt/lab/peaks", *options, *INSTALL], user="root", env={"SPINUP_CONTRACT": CONTRACT}).check()
    return [int(word) / 1024 for word in result.stdout.split()]
