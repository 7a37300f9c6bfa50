# SPDX-License-Identifier: Zlib
"""A pod of the lab: a runner image with a fresh overlay in namespaces of its own, and commands run in it."""

import fcntl
import os
import pty
import selectors
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass, field

import daemon_peer
import registration
from places import BOX, MOUNT_POINT, LabError
from runner_files import RunnerFiles
from visit import USERS, place, processes, read, to_bytes, visit

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOMES = {"root": "/root", "runner": "/home/runner", "trusted": "/home/trusted"}
DAEMON_SOCKET = "/nix/var/nix/daemon-socket/socket"
DAEMONS = {"distro": "/usr/bin/nix-daemon"}  # by image; else the profile's
PROFILE = "/nix/var/nix/profiles/default"
PROFILE_DAEMON = f"{PROFILE}/bin/nix-daemon"
START_LIMIT_S = 10


@dataclass
class Result:
    """What a command did. Text is lossless: undecodable bytes are surrogates (str.encode("utf-8",
    "surrogateescape") gives them back)."""
    rc: int                # exit status; 128 + signal; 124 when the time ran out
    stdout: str
    stderr: str
    elapsed: float         # seconds of wall time, box's own 2 ms included
    files: dict = field(default_factory=dict)
    held_open: bool = False  # a process that outlived the command still holds its stdout or stderr

    def check(self):
        """The result itself, or an error that shows both outputs."""
        if self.rc:
            raise AssertionError(f"exit status {self.rc}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}")
        return self


def _user_option(user):
    if user in USERS:
        return "%d:%d" % USERS[user]
    return user  # UID:GID[:GROUP,GROUP]


def _collect(process, streams, timeout):
    """Reads until both streams end, or until the process has ended and nothing more is in them."""
    chunks, end = {stream: [] for stream in streams}, time.monotonic() + timeout
    exit_ = os.pidfd_open(process.pid)
    ended = expired = False
    with selectors.DefaultSelector() as selector:
        selector.register(exit_, selectors.EVENT_READ)
        for stream in streams:
            os.set_blocking(stream, False)
            selector.register(stream, selectors.EVENT_READ)
        while len(selector.get_map()) > (0 if ended else 1) or not ended:
            events = selector.select(0 if ended else max(0, end - time.monotonic()))
            if not events and not ended:
                process.send_signal(signal.SIGUSR1)  # box kills the command
                expired = True
                end += START_LIMIT_S
                continue
            if not events:
                break
            for key, _ in events:
                if key.fd == exit_:
                    ended = True
                    selector.unregister(exit_)
                    continue
                try:
                    data = os.read(key.fd, 65536)
                except OSError:  # a terminal whose other side has closed
                    data = b""
                if data:
                    chunks[key.fd].append(data)
                else:
                    selector.unregister(key.fd)
        held_open = bool(selector.get_map())
    os.close(exit_)
    return [b"".join(chunks[stream]).decode("utf-8", "surrogateescape") for stream in streams], held_open, expired


class Pod:
    """Made by Lab.pod; closes with everything in it."""

    def __init__(self, layers, *, image, net_pid, hostname, cgroups=(), tmpfs=(), nodes=(), binds=()):
        words = [BOX, "pod", "--mount", MOUNT_POINT, "--root", layers, "--net", str(net_pid), "--hostname", hostname]
        for option, values in (("--cgroup", cgroups), ("--tmpfs", tmpfs), ("--node", nodes), ("--bind", binds)):
            words += [word for value in values for word in (option, value)]
        self.image = image
        self.hostname = hostname
        self.cgroups = cgroups
        self.children = []
        self.box = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                    env={"PATH": PATH})
        pid, ready = sorted((self.box.stdout.readline(), self.box.stdout.readline()))  # two processes write them
        if ready != b"ready\n":
            raise LabError(f"no pod: {self.box.stderr.read().decode().strip()}")
        self.pid = int(pid.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends every process in the pod; its files go with them."""
        self.box.stdin.close()
        for stop in self.children:
            stop()
        self.box.wait(START_LIMIT_S)
        self.box.stdout.close()
        self.box.stderr.close()

    def place(self, files):
        """Writes files into the pod: see visit.place."""
        visit(self.pid, place, files)

    def read(self, *paths):
        """The contents of files in the pod, by path; None where there is none."""
        return visit(self.pid, read, paths)

    def visit(self, function, *words):
        """Runs a Python function with the pod's files as its root; it must come back with something small."""
        return visit(self.pid, function, *words)

    def processes(self):
        """The pod's processes, a list of visit.Process by number."""
        return self.visit(processes)

    def verify_store(self, nix=PROFILE):
        """What is wrong with the pod's store, a list of lines that is empty where all is well: what the real
        nix-store finds against its database, content by content, and what stands in /nix/store without being in
        that. nix: the store path, or profile, whose program asks."""
        program, env = f"{nix}/bin/nix-store", {"NIX_CONFIG": "build-users-group ="}
        checked = self.exec([program, "--verify", "--check-contents"], user="root", env=env, timeout=300)
        problems = [line for line in checked.stderr.splitlines() if not line.startswith(("reading the ", "checking "))]
        problems += [f"nix-store --verify: exit status {checked.rc}"] if checked.rc and not problems else []
        dumped = self.exec([program, "--dump-db"], user="root", env=env)
        problems += dumped.stderr.splitlines() if dumped.rc else []
        known = {os.path.basename(path) for path in registration.paths(dumped.stdout)}
        return problems + [f"/nix/store/{name} is not registered" for name in self.visit(os.listdir, "/nix/store")
                           if name not in known and name != ".links"]

    def closure(self, path=PROFILE):
        """The store paths of a path's closure, by the real nix-store, sorted."""
        return tuple(sorted(self.exec([f"{PROFILE}/bin/nix-store", "-qR", path], user="root").check().stdout.split()))

    def command(self, argv, *, user="runner", cwd=None, close_stdin=False, no_new_privs=False):
        """The command line that runs argv in the pod."""
        words = [str(BOX), "enter", str(self.pid), "--user", _user_option(user),
                 "--cwd", cwd or HOMES.get(user, "/")]
        words += [word for value in self.cgroups for word in ("--cgroup", value)]
        words += ["--close-stdin"] * close_stdin + ["--no-new-privs"] * no_new_privs
        return [*words, "--", *map(str, argv)]

    def environment(self, user="runner", env=None):
        """A clean environment; a None in env takes a name out."""
        clean = {"PATH": PATH, "HOME": HOMES.get(user, "/"), **(env or {})}
        return {name: str(value) for name, value in clean.items() if value is not None}

    def exec(self, argv, *, user="runner", env=None, cwd=None, stdin=None, tty=False, timeout=60,
             no_new_privs=False, runner=None, collect=()):
        """Runs argv and waits. stdin: None (/dev/null), bytes or str, or "closed". tty: both outputs are a
        terminal of 100 columns (all in stdout). runner: True or a RunnerFiles: the environment and files of a
        step, whose contents come back in Result.files by their variables' names. collect: paths to read after."""
        if runner:
            runner = runner if isinstance(runner, RunnerFiles) else RunnerFiles(user if user in USERS else "root")
            self.place(runner.files())
            env = {**runner.environment(self.hostname), **(env or {})}
            cwd = cwd or env["GITHUB_WORKSPACE"]
        words = self.command(argv, user=user, cwd=cwd, close_stdin=stdin == "closed", no_new_privs=no_new_privs)
        result = self._run(words, self.environment(user, env), None if stdin == "closed" else stdin, tty, timeout)
        if runner:
            found = self.read(*runner.paths.values())
            result.files.update((name, found[path]) for name, path in runner.paths.items())
        if collect:
            result.files.update(self.read(*collect))
        return result

    def _run(self, words, env, stdin, tty, timeout):
        source = os.memfd_create("stdin")
        os.write(source, to_bytes(stdin or b""))
        os.lseek(source, 0, os.SEEK_SET)
        if tty:
            ours, theirs = pty.openpty()
            fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("4H", 40, 100, 0, 0))
            streams, outputs = [ours], [theirs, theirs]
        else:
            (out, to_out), (err, to_err) = os.pipe(), os.pipe()
            streams, outputs = [out, err], [to_out, to_err]
        begun = time.monotonic()
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL if stdin is None else source, stdout=outputs[0],
                                   stderr=outputs[1], env=env, start_new_session=True)
        for fd in {source, *outputs}:
            os.close(fd)
        texts, held_open, expired = _collect(process, streams, timeout)
        rc = process.wait()
        elapsed = time.monotonic() - begun
        for fd in streams:
            os.close(fd)
        return Result(124 if expired else rc if rc >= 0 else 128 - rc, texts[0], "" if tty else texts[1], elapsed,
                      held_open=held_open)

    def start(self, argv, *, user="root", env=None, cwd="/"):
        """Runs argv in the background until the pod ends; returns its Popen (of box)."""
        process = subprocess.Popen(self.command(argv, user=user, cwd=cwd), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env=self.environment(user, env), start_new_session=True)
        self.children.append(lambda: process.wait(START_LIMIT_S))
        return process

    def start_daemon(self, kind="real", env=None):
        """What a client meets at the daemon's socket: "real", "none", "stale" (a file that nobody listens on),
        "frozen" (stopped by SIGSTOP), or a mode of daemon_peer.py. env: more of a real one's environment."""
        if kind == "none":
            return
        if kind == "stale":
            visit(self.pid, daemon_peer.leave_stale, DAEMON_SOCKET)
        elif kind in ("real", "frozen"):
            self._start_real_daemon(kind == "frozen", env)
        else:
            self.children.append(daemon_peer.start(self.pid, DAEMON_SOCKET, kind))

    def _start_real_daemon(self, frozen, env):
        program = DAEMONS.get(self.image, PROFILE_DAEMON)
        script = f"mkdir -p /var/log; exec {program} >/var/log/nix-daemon.log 2>&1"
        env = {"NIX_SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt", **(env or {})}
        process = self.start(["/bin/sh", "-c", script], env=env)
        end = time.monotonic() + START_LIMIT_S
        while not daemon_peer.answers(f"/proc/{self.pid}/root{DAEMON_SOCKET}"):
            if process.poll() is not None or time.monotonic() > end:
                log = self.read("/var/log/nix-daemon.log").popitem()[1]
                raise LabError(f"nix-daemon does not start: {log}")
            time.sleep(0.002)
        if frozen:
            with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
                os.kill(int(children.read().split()[0]), signal.SIGSTOP)
