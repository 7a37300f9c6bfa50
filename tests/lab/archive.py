# SPDX-License-Identifier: Zlib
"""Debian packages for the lab's images: a private apt state, nothing of the machine's own is changed."""

import re
import subprocess
from pathlib import Path

from places import BUILD, LabError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
# What a runner image does not need, and what would only be configured by scripts that never run here.
LEFT_OUT_PACKAGES = re.compile(r"(perl|libperl|dpkg|debconf|passwd|login|xz-utils|bash-static|libdbi|libdbd|"
                               r"mawk|gawk|init-system-helpers|sysvinit-utils|mount|sqv|apt)[^/]*_[^/]*\.deb$")
LEFT_OUT_FILES = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian",
                  "usr/share/bash-completion", "usr/lib/*/gconv", "usr/lib/*/perl*", "usr/share/perl*",
                  "usr/share/zoneinfo"]


def _sources():
    """Yields (addresses, suites) of every enabled binary source of this machine."""
    for path in sorted(Path("/etc/apt/sources.list.d").glob("*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, re.M))
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes").lower() != "no":
                yield fields.get("URIs", "").split(), fields.get("Suites", "").split()
    one_line = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.list"))]
    for path in one_line:
        for line in path.read_text().splitlines() if path.exists() else ():
            found = re.match(r"deb\s+(?:\[[^]]*\]\s+)?(\S+)\s+(\S+)", line)
            if found:
                yield [found[1]], [found[2]]


def archive_address():
    """The machine's own Debian archive: the source that carries the release it runs."""
    codename = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), re.M)
    for addresses, suites in _sources():
        if codename and codename[1] in suites and addresses:
            return addresses[0]
    raise LabError("no Debian archive in this machine's apt sources: the lab's images cannot be made")


class Archive:
    """A suite of the machine's archive, with lists and packages under build/lab/apt-SUITE."""

    def __init__(self, suite):
        if not KEYRING.exists():
            raise LabError(f"{KEYRING} is missing (package debian-archive-keyring)")
        self.state = BUILD / f"apt-{suite}"
        for name in ("etc/apt/apt.conf.d", "etc/apt/preferences.d", "etc/apt/sources.list.d",
                     "etc/apt/trusted.gpg.d", "var/lib/apt/lists/partial", "var/lib/dpkg",
                     "var/cache/apt/archives/partial"):
            (self.state / name).mkdir(parents=True, exist_ok=True)
        status = self.state / "var/lib/dpkg/status"
        status.touch()
        (self.state / "etc/apt/sources.list").write_text(
            f"deb [signed-by={KEYRING}] {archive_address()} {suite} main\n")
        settings = {
            "Dir": self.state, "Dir::State::status": status, "Dir::Etc": self.state / "etc/apt",
            "APT::Architecture": "amd64", "APT::Install-Recommends": "false", "Debug::NoLocking": "1",
            "Acquire::Check-Valid-Until": "false",  # sid's lists may be older than this machine's clock likes
            "Acquire::Languages": "none", "Acquire::Retries": "3", "APT::Sandbox::User": "root",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled": "false",
        }
        self.options = [word for item in settings.items() for word in ("-o", "%s=%s" % item)]
        self.updated = False

    def _apt(self, *words, cwd=None):
        done = subprocess.run(["apt-get", *self.options, *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=600, check=False, cwd=cwd)
        if done.returncode:
            raise LabError(f"apt-get {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def fetch(self, packages, without=None):
        """Downloads the packages and what they depend on, less those whose names match `without`; returns the .deb
        files."""
        if not self.updated:
            self._apt("update", "-qq")
            self.updated = True
        folder = self.state / "var/cache/apt/archives"
        simulated = self._apt("install", "-s", "-y", *packages)
        wanted = [row for row in re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", simulated, re.M)
                  if not (without and without.match(row[0]))]
        self._apt("download", "-qq", *(f"{name}={version}" for name, version, _ in wanted), cwd=folder)
        names = [f"{name}_{version.replace(':', '%3a')}_{arch}.deb" for name, version, arch in wanted]
        return sorted(folder / name for name in names)


def unpack(packages, root):
    """Extracts the packages' files into root: no chroot, no maintainer scripts, no dpkg."""
    root.mkdir(parents=True, exist_ok=True)
    exclude = " ".join(f"--exclude='./{name}'" for name in LEFT_OUT_FILES)
    script = f'for deb; do dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$0" {exclude} || exit 255; done'
    chosen = [str(path) for path in packages if not LEFT_OUT_PACKAGES.match(path.name)]
    subprocess.run(["xargs", "-P2", "-n8", "sh", "-c", script, str(root)], input="\n".join(chosen), text=True,
                   check=True, timeout=300)
