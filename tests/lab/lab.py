#!/usr/bin/env python3
# SPDX-License-Identifier: Zlib
"""The lab, a cluster in a box: runner pods and the servers that they meet, under their real names.

  lab.py images                      make the runner images (cached)
  lab.py run [OPTION...] [-- CMD...] run a command (a shell) in a fresh pod; see --help and README.md

In a test: `with Lab() as lab: lab.exec(["spinup", "run"], runner=True)`.
"""

import argparse
import functools
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import archives
import bazel_image
import dns
import docker_image
import docker_peer
import faults
import go_programs
import images
import installers
import nameserver
import nix_images
import tokens
import tools_image
import topology
import vulkan_images
from cgroups import Cgroups
from places import BOX, CERTIFICATES, HERE, MOUNT_POINT, REPOSITORY, SPINUP, LabError
from pod import PATH, START_LIMIT_S, Pod
from visit import File

CONTRACT = "/opt/lab/contract.json"  # for --contract or SPINUP_CONTRACT
# Kubernetes draws from bcdfghjklmnpqrstvwxz2456789: other letters are no name that it generated.
HOSTNAME = "tinyland-nix-bcdfg-runner-hjklm"
CAP_SYS_ADMIN = 21
GIB = 1 << 30
# Images that the first pod makes which wants them: what makes each.
LATE_IMAGES = {"bazel": bazel_image.make, "docker": docker_image.make, "tools": tools_image.make,
               **{name: functools.partial(vulkan_images.layer, name) for name in vulkan_images.IMAGES},
               **{name: functools.partial(nix_images.layers, name) for name in nix_images.SUITES}}
WITH_NIX = ({*images.IMAGES} - {*images.WITHOUT_NIX}) | {*nix_images.SUITES}
PROGRAMS = ("nginx", "dnsmasq", "ip", "openssl")
NAMESERVERS = {"cluster": topology.CLUSTER_DNS, "faulty": topology.FAULTY_DNS, "refused": topology.REFUSED,
               "blackhole": topology.BLACKHOLE, **dns.WHOLE_SERVERS}


def missing():
    """What this machine lacks for the lab, in words; empty where it lacks nothing."""
    capabilities = int(re.search(r"^CapEff:\s*(\w+)", Path("/proc/self/status").read_text(), re.M)[1], 16)
    lacking = [] if capabilities >> CAP_SYS_ADMIN & 1 else ["root with CAP_SYS_ADMIN (namespaces and mounts)"]
    lacking += [f"the program {name}" for name in PROGRAMS if not shutil.which(name, path=PATH)]
    return lacking


def parse_down(text):
    """"attic,bazel=blackhole" as {endpoint: target}; without a target: refused."""
    return dict((word.split("=", 1) + ["refused"])[:2] for word in text.split(",") if word)


def _address_of(target):
    """The address behind a target of a view: an address, a fault server's name, or None for NXDOMAIN."""
    if target in (None, "nxdomain"):
        return None
    try:
        return str(ipaddress.ip_address(target))
    except ValueError:
        pass
    if target not in faults.NAMES:
        raise LabError(f"no fault server {target!r}")
    return topology.fault_address(target)


class Lab:
    """A cluster that runs until the end of the `with` block, and any number of pods in it."""

    def __init__(self, log=lambda text: None):
        lacking = missing()
        if lacking:
            raise LabError(f"the lab needs {', '.join(lacking)}")
        self._say = log
        self.bazel_remote = go_programs.make("bazel-remote", log)
        self.images = images.make(log=log)
        self.public_key = (self.images / "keys/main.pub").read_text().strip()
        self.other_key = (self.images / "keys/other.pub").read_text().strip()  # same name, another key
        self.paths = images.store_paths(self.images)
        self._tokens = tokens.standard()
        self.cgroups = Cgroups()
        self.views = {}
        self.box = self.pid = None
        self.complaints = tempfile.TemporaryFile()  # a pipe that nobody reads would stop the servers when full
        self._programs = {}

    @property
    def tokens(self):
        """The tokens that the tests know by name."""
        return {**self._tokens, "grace": tokens.about_to_end()}

    def __enter__(self):
        MOUNT_POINT.mkdir(parents=True, exist_ok=True)
        options = {"run": str(MOUNT_POINT), "cache": str(self.images / "cache"), "certificates": str(CERTIFICATES),
                   "key": self.public_key, "secret": str(self.images / "keys/main.sec"),
                   "other_key": self.other_key, "bazel_remote": str(self.bazel_remote)}
        self.box = subprocess.Popen(
            [BOX, "pod", "--net", "new", "--mount", MOUNT_POINT, "--hostname", "cluster", "--", sys.executable, "-s",
             "-S", "-E", "-B", HERE / "cluster.py", json.dumps(options)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.complaints, env={"PATH": PATH})
        lines = self.box.stdout.readline(), self.box.stdout.readline()
        if lines[1] != b"ready\n":
            raise LabError(f"the cluster does not start: {self.stderr().strip()}")
        self.pid = int(lines[0].split()[1])
        return self

    def __exit__(self, *_):
        self.box.stdin.close()
        self.box.wait(START_LIMIT_S)
        self.box.stdout.close()
        self.cgroups.close()

    def stderr(self):
        """What the cluster's own processes complained about so far; nothing, where all is well."""
        return os.pread(self.complaints.fileno(), 1 << 20, 0).decode("utf-8", "replace")

    def log(self, name):
        """A server's log so far: "nginx.log" (requests, with Authorization), "dnsmasq.log", "faults.log"
        (a JSON line a request), "bazel-remote.log"."""
        path = f"/proc/{self.pid}/root{MOUNT_POINT}/{name}"
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()

    @functools.cached_property
    def archives(self):
        """The closure archives by name (archives.make), made by the first that asks."""
        return archives.make(self._say)

    def installer(self, variant=""):
        """The stand-in for Determinate's nix-installer, or one of installers.VARIANTS, for source()."""
        return installers.make(variant, self._say)

    def offer(self, name, content):
        """Serves a file, content being bytes or a Path of this machine's; returns its address without its name
        (https://…). The fault servers dl-… have it under the same name."""
        folder = Path(f"/proc/{self.pid}/root{MOUNT_POINT}/downloads")
        folder.mkdir(exist_ok=True)
        (folder / name).unlink(missing_ok=True)
        if isinstance(content, Path):
            (folder / name).symlink_to(content)
        else:
            (folder / name).write_bytes(content)
        return f"https://{topology.DOWNLOADS}"

    def source(self, archive, *hosts, scheme="http", **changes):
        """Offers an archive (an archives.Archive, or the name of one of `archives`) and returns the entry of a
        contract's install.sources for it. hosts: where it is to be fetched, in this order: fault servers (dl-…) or
        host names; the good server where none is named. changes: other values of the entry."""
        archive = self.archives[archive] if isinstance(archive, str) else archive
        self.offer(archive.path.name, archive.path)
        hosts = [topology.fault_host(host) if host in faults.NAMES else host for host in hosts]
        return archive.source(*(f"{scheme}://{host}/{archive.path.name}" for host in hosts or [topology.DOWNLOADS]),
                              **changes)

    def fetches(self, name, server=None):
        """The requests for an offered file so far, a list of their Range headers ("" where there was none): the
        good server's, or those of a fault server (dl-…)."""
        if not server:
            ranges = re.findall(rf'"(?:GET|HEAD) (?:/elsewhere|/plain)?/{re.escape(name)} .* range="(.*)"',
                                self.log("nginx.log"))
            return ["" if range_ == "-" else range_ for range_ in ranges]
        heads = [row["head"] for row in map(json.loads, self.log("faults.log").splitlines())
                 if row["server"] == server]
        return ["".join(re.findall(r"\r\n[Rr]ange: *(.*?)\r\n", head)) for head in heads
                if head.partition(" HTTP/")[0].endswith(f"/{name}")]

    def upload(self, cache, path):
        """The narinfo of a store path that was uploaded to one of Attic's caches; None where it was not."""
        narinfo = Path(f"/proc/{self.pid}/root{MOUNT_POINT}/uploads/{cache}/{Path(path).name[:32]}.narinfo")
        return narinfo.read_text() if narinfo.exists() else None

    def nameserver(self, down):
        """The address of a dnsmasq for which some endpoints or hosts lead elsewhere: see `down` of pod()."""
        down = parse_down(down) if isinstance(down, str) else down or {}
        if not down:
            return topology.CLUSTER_DNS
        changes = {topology.ENDPOINTS.get(name, name): _address_of(target) for name, target in down.items()}
        key = tuple(sorted(changes.items(), key=str))
        if key not in self.views:
            address = f"10.43.4.{len(self.views) + 1}"
            words = nameserver.command(address, {**topology.SERVERS, **changes},
                                       log=MOUNT_POINT / f"dnsmasq-{address}.log")
            subprocess.run([BOX, "enter", str(self.pid), "--", *words], check=True, timeout=START_LIMIT_S,
                           stdin=subprocess.DEVNULL, capture_output=True, env={"PATH": PATH})
            self.views[key] = address
        return self.views[key]

    def resolv_conf(self, dns_=None, down=None):
        """The text of a pod's resolv.conf."""
        servers = dns_ or [self.nameserver(down)]
        servers = [servers] if isinstance(servers, str) else servers
        lines = [f"nameserver {NAMESERVERS.get(server, server)}" for server in servers]
        return "\n".join([*lines, f"search {topology.SEARCH}", "options ndots:5", ""])

    def programs(self):
        """What every pod has of our own, as far as it has been built: spinup on PATH, the lab's tools (deny, …)
        in /opt/lab."""
        found = {"/usr/local/bin/spinup": SPINUP}
        found.update((f"/opt/lab/{path.name}", path) for path in BOX.parent.iterdir() if path != BOX)
        placed = {}
        for target, path in found.items():
            if not path.exists():
                continue
            stamp = path.stat().st_mtime_ns
            if self._programs.get(path, (None,))[0] != stamp:
                self._programs[path] = stamp, path.read_bytes()
            placed[target] = File(self._programs[path][1], 0o755)
        return placed

    def contract(self, install=None):
        """The platform contract with the lab's key as Attic's pin: the text of CONTRACT in every pod. install: its
        install.sources, a list (see source())."""
        document = json.loads((REPOSITORY / "agent/contract.json").read_text())
        document["attic"]["keys"] = [self.public_key]
        if install is not None:
            document["install"] = {"sources": install}
        return json.dumps(document, indent=2) + "\n"

    def pod(self, *, image="nix", daemon=None, dns=None, down=None, hostname=HOSTNAME, files=None, tmpfs=(),
            nodes=(), binds=(), kvm=None, denied=None, memory=8 * GIB, cpus=4, sudo=False, contract=None,
            docker=None):
        """A fresh pod.

        image    nix, determinate, distro (Debian's own /usr/bin/nix), bare, thin, or one of LATE_IMAGES
        daemon   real, none, stale, frozen or a mode of daemon_peer; real where the image has Nix and /nix is its
        dns      the pod's name server(s): cluster, faulty, refused, blackhole, a fault of dns.py, or an address
        down     endpoints (attic, bazel, public, storage) or hosts that lead elsewhere: "attic,bazel=blackhole",
                 or {"attic": TARGET} with refused, blackhole, nxdomain, a fault server's name, or an address
        files    what to place: path to visit.File, Folder, Link, text, or None to remove; before the daemon starts
        tmpfs    emptyDirs: "/nix" (0777, as Kubernetes makes them) or "PATH:MODE:UID:GID[:OPTIONS]",
                 OPTIONS being tmpfs's, such as size=64k,nr_inodes=20
        nodes    devices: "PATH:MAJOR:MINOR:MODE:UID:GID"; kvm: a mode such as "0666" for /dev/kvm
        binds    "SOURCE:TARGET": what the pod gets of this machine, as a hostPath volume gives it
        denied   ("10:232", 1): a device that the control group forbids, and the version of control groups
        memory   limit in bytes, cpus a number; None: no limit
        sudo     whether the user runner may use sudo without a password
        contract the text of CONTRACT where it is not contract()'s
        docker   what is at Docker's socket: a mode of docker_peer, or real (image docker): nothing waits for its start
        """
        if docker == "real":
            denied = denied or docker_peer.devices(self.cgroups)
        tmpfs = [spec if ":" in spec else f"{spec}:0777:0:0" for spec in tmpfs]
        nodes = [*nodes, *([f"/dev/kvm:10:232:{kvm}:0:0"] if kvm else [])]
        layers = str(LATE_IMAGES[image]()) if image in LATE_IMAGES else images.roots(self.images, image)
        groups = self.cgroups.limit(memory, cpus) if memory or cpus else []
        pod = Pod(layers, image=image, net_pid=self.pid, hostname=hostname, tmpfs=tmpfs,
                  nodes=nodes, binds=binds, cgroups=[*groups, *(self.cgroups.deny(*denied) if denied else [])])
        try:
            pod.place({**self.programs(), CONTRACT: contract or self.contract(),
                       "/etc/resolv.conf": self.resolv_conf(dns, down), "/etc/hostname": hostname + "\n",
                       "/etc/hosts": f"127.0.0.1 localhost\n::1 localhost\n{topology.POD} {hostname}\n",
                       **({"/etc/sudoers.d/runner": File("runner ALL=(ALL) NOPASSWD: ALL\n", 0o440)} if sudo else {}),
                       **(files or {})})
            hidden = any(spec.startswith("/nix:") for spec in tmpfs)
            pod.start_daemon(daemon or ("real" if image in WITH_NIX and not hidden else "none"))
            docker_peer.start(pod, docker)
        except BaseException:
            pod.close()
            raise
        return pod

    def exec(self, argv, *, user="runner", env=None, cwd=None, stdin=None, tty=False, timeout=60,
             no_new_privs=False, runner=None, collect=(), **pod):
        """Runs one command in a fresh pod: the named arguments are Pod.exec's, the others pod()'s."""
        with self.pod(**pod) as made:
            return made.exec(argv, user=user, env=env, cwd=cwd, stdin=stdin, tty=tty, timeout=timeout,
                             no_new_privs=no_new_privs, runner=runner, collect=collect)


BANNER = """\
A pod of the lab: image {image}, user {user}, host {hostname}. It ends with this shell.
  Attic        http://attic.nix-cache.svc.cluster.local, cache main, key {key}
  Bazel cache  grpc://bazel-cache.nix-cache.svc.cluster.local:9092
  signed path  {hello}
  faults       NAME.faults.svc.cluster.local; names: tests/lab/README.md
  spinup       {spinup}; SPINUP_CONTRACT is the platform's contract with the lab's key
"""


def _arguments(words):
    parser = argparse.ArgumentParser(prog="lab.py", description=__doc__.splitlines()[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("images", help="make the runner images (cached)")
    run = verbs.add_parser("run", help="run a command, or a shell, in a fresh pod")
    run.add_argument("--image", default="nix", choices=sorted([*images.IMAGES, *LATE_IMAGES]))
    run.add_argument("--user", default="runner", help="runner, trusted, root, or UID:GID")
    run.add_argument("--daemon", help="real, none, stale, frozen, or a mode of daemon_peer.py")
    run.add_argument("--no-daemon", action="store_const", const="none", dest="daemon", help="no nix-daemon")
    run.add_argument("--dns", help="cluster, faulty, blackhole, refused, a fault of dns.py, or an address")
    run.add_argument("--down", help="attic,bazel=blackhole,...: endpoints that lead elsewhere")
    run.add_argument("--hostname", default=HOSTNAME)
    run.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--sudo", action="store_true", help="runner may use sudo")
    run.add_argument("--kvm", metavar="MODE", help="a /dev/kvm of this mode")
    run.add_argument("command", nargs="*", metavar="CMD")
    return parser.parse_args(words)


def _run(options):
    def log(text):
        print(f"lab: {text}", file=sys.stderr)

    with Lab(log) as lab, lab.pod(image=options.image, daemon=options.daemon, dns=options.dns, down=options.down,
                                  hostname=options.hostname, sudo=options.sudo, kvm=options.kvm) as pod:
        env = {"TERM": os.environ.get("TERM", "dumb"), "SPINUP_CONTRACT": CONTRACT,
               **dict(word.split("=", 1) for word in options.env)}
        command = options.command
        if not command:
            command = ["/bin/bash", "--norc"]
            env.setdefault("PS1", f"{options.user}@lab:\\w\\$ ")
            print(BANNER.format(image=options.image, user=options.user, hostname=options.hostname, key=lab.public_key,
                                hello=lab.paths["hello"], spinup="on PATH" if SPINUP.exists() else "not built yet"),
                  file=sys.stderr)
        return subprocess.run(pod.command(command, user=options.user), env=pod.environment(options.user, env),
                              check=False).returncode


def main(words):
    """The command line."""
    options = _arguments(words)
    try:
        if options.verb == "run":
            return _run(options)
        for program in go_programs.MODULES:
            go_programs.make(program, print)
        archives.make(print)
        print(images.make(log=print))
        return 0
    except LabError as failure:
        print(f"lab: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
