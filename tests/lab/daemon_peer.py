# SPDX-License-Identifier: Zlib
"""A peer at the nix-daemon's socket that speaks the worker protocol, in old and new versions, and wrongly.

A mode is words joined by commas: a protocol version (1.10, 1.32 ... 1.38; 1.38 unless said), a name of
FEATURES (whose feature list it has), `trust0` `trust1` `trust2`, `invalid` (no path is valid), `version=TEXT` (its name for
itself), and at most one fault of FAULTS."""

import os
import select
import socket
import struct
import threading
from pathlib import Path

from visit import enter

CLIENT_MAGIC, SERVER_MAGIC, DENIED_MAGIC = 0x6e697863, 0x6478696f, 0xab9a9ff0
STDERR_LAST, STDERR_ERROR, STDERR_NEXT = 0x616c7473, 0x63787470, 0x6f6c6d67
IS_VALID_PATH, SET_OPTIONS, QUERY_VALID_PATHS = 1, 19, 31
# From which release on a daemon names which features: Determinate's own are those with capitals, and provenance.
UPSTREAM_2_35 = ["delete-dead-specific-referrers", "realisation-with-path-not-hash"]
FEATURES = {
    "upstream-2.35": UPSTREAM_2_35, "determinate-3.14": ["queryActiveBuilds"],
    "determinate-3.16": ["provenance", "queryActiveBuilds"],
    "determinate-3.19": ["provenance", "queryActiveBuilds", "versionedAddToStoreMultiple"],
    "determinate": sorted([*UPSTREAM_2_35, "addTempRoots", "provenance", "queryActiveBuilds", "queryPathInfos",
                           "versionedAddToStoreMultiple"]),  # 3.22
}
RELEASES = {"1.32": "2.6.1", "1.33": "2.7.0", "1.34": "2.8.0", "1.35": "2.18.1", "1.37": "2.21.0", "1.38": "2.26.3"}
ANSI_ERROR = "\x1b[31;1merror:\x1b[0m opening store\n::error::\x1b]0;title\x07 '##[group]'"

# What each fault does, and when.
FAULTS = {
    "mute": "accepts, never answers", "eof": "closes before its magic", "reset": "closes with our bytes unread",
    "denied": "Determinate's access-denied magic, and closes with our bytes unread",
    "denied-at-once": "the same, without waiting for a byte", "garbage": "another protocol's magic",
    "banner": "a line of text", "mute-later": "silent after its magic", "eof-later": "closes after its magic",
    "endless": "a version string of 2^62 bytes", "long": "a version string of 64 MiB, sent",
    "padding": "non-zero padding", "features": "2^40 features", "noise": "log frames without end",
    "error": "STDERR_ERROR with escapes instead of STDERR_LAST", "request-error": "STDERR_ERROR to each request",
    "request-eof": "closes at the first request", "request-mute": "never answers a request",
    "slow": "a byte every 100 ms", "major2": "protocol 2.0",
}


def number(value):
    """u64, as the protocol sends everything."""
    return struct.pack("<Q", value)


def string(text, fill=b"\0"):
    """Length, bytes, padding to eight."""
    data = text.encode()
    return number(len(data)) + data + fill * (-len(data) % 8)


def error_frame(text=ANSI_ERROR):
    """STDERR_ERROR without traces."""
    return number(STDERR_ERROR) + string("Error") + number(0) + string("Error") + string(text) + number(0) * 2


class Hangup(Exception):
    """The conversation is over."""


class Mode:
    """A parsed mode."""

    def __init__(self, text):
        self.protocol, self.features, self.trust, self.valid, self.fault, self.release = "1.38", [], 1, 1, None, None
        for word in filter(None, text.split(",")):
            if word in FEATURES:
                self.features, self.release = FEATURES[word], self.release or "2.35.2"
            elif word in ("trust0", "trust1", "trust2"):
                self.trust = int(word[-1])
            elif word == "invalid":
                self.valid = 0
            elif word.startswith("version="):
                self.release = word.partition("=")[2]
            elif word in FAULTS:
                self.fault = word
            elif word.startswith("1."):
                self.protocol = word
            else:
                raise ValueError(f"daemon mode {word!r}")
        self.minor = int(self.protocol.partition(".")[2])
        self.release = self.release or RELEASES.get(self.protocol, "2.0")


class Conversation:
    """One client."""

    def __init__(self, peer, mode):
        self.peer, self.mode = peer, mode

    def take(self, count):
        """Exactly count bytes from the client."""
        data = b""
        while len(data) < count:
            more = self.peer.recv(count - len(data))
            if not more:
                raise Hangup
            data += more
        return data

    def take_number(self):
        """A u64 from the client."""
        return struct.unpack("<Q", self.take(8))[0]

    def take_string(self):
        """A string from the client."""
        length = self.take_number()
        return self.take(length + -length % 8)[:length]

    def send(self, data):
        """Sends, byte by byte where the mode is slow."""
        if self.mode.fault != "slow":
            self.peer.sendall(data)
            return
        for byte in data:
            self.peer.sendall(bytes([byte]))
            threading.Event().wait(0.1)

    def silence(self):
        """Reads until the client gives up."""
        while self.peer.recv(65536):
            pass
        raise Hangup

    def _before_magic(self):
        fault = self.mode.fault
        if fault == "eof":
            self.peer.shutdown(socket.SHUT_RDWR)
            raise Hangup
        if fault in ("denied", "denied-at-once"):
            self.send(number(DENIED_MAGIC))
        if fault in ("reset", "denied"):
            select.select([self.peer], [], [], 5)
        if fault in ("reset", "denied", "denied-at-once"):
            raise Hangup
        if fault == "banner":
            self.peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        if fault in ("mute", "banner"):
            self.silence()

    def _magic(self):
        self.take(8)
        version = self.take_number()
        fault = self.mode.fault
        if fault == "garbage":
            self.send(number(0x1122334455667788) + number(0x126))
            self.silence()
        ours = 0x200 if fault == "major2" else 0x100 | self.mode.minor
        self.send(number(SERVER_MAGIC) + number(ours))
        if fault == "mute-later":
            self.silence()
        if fault == "eof-later":
            raise Hangup
        return min(version & 0xff, self.mode.minor)

    def _greeting(self, minor):
        """Everything after the magics up to STDERR_LAST."""
        fault, mode = self.mode.fault, self.mode
        if minor >= 38:
            for _ in range(self.take_number()):
                self.take_string()
            if fault == "features":
                self.send(number(1 << 40) + string("feature") * 100000)
            self.send(number(len(mode.features)) + b"".join(map(string, mode.features)))
        if minor >= 14 and self.take_number():
            self.take_number()
        if minor >= 11:
            self.take_number()
        if fault == "endless":
            self.send(number(1 << 62) + b"2" * 4096)
            self.silence()
        if minor >= 33:
            release = "9" * (64 << 20) if fault == "long" else mode.release
            self.send(string(release, b"x" if fault == "padding" else b"\0"))
        if minor >= 35:
            self.send(number(mode.trust))
        while fault == "noise":
            self.send(number(STDERR_NEXT) + string("noise\n" * 100))
        if fault == "error":
            self.send(error_frame())
            raise Hangup
        self.send(number(STDERR_LAST))

    def _request(self):
        operation = self.take_number()
        if self.mode.fault == "request-eof":
            raise Hangup
        if self.mode.fault == "request-mute":
            self.silence()
        if operation == SET_OPTIONS:
            for _ in range(12):
                self.take_number()
            for _ in range(2 * self.take_number()):
                self.take_string()
            answer = b""
        elif operation == IS_VALID_PATH:
            self.take_string()
            answer = number(self.mode.valid)
        elif operation == QUERY_VALID_PATHS:
            paths = [self.take_string().decode() for _ in range(self.take_number())]
            self.take_number()
            answer = number(len(paths)) + b"".join(map(string, paths)) if self.mode.valid else number(0)
        else:
            raise Hangup
        self.send(error_frame() if self.mode.fault == "request-error" else number(STDERR_LAST) + answer)

    def run(self):
        """The whole conversation."""
        try:
            self._before_magic()
            self._greeting(self._magic())
            while True:
                self._request()
        except (Hangup, OSError):
            pass
        finally:
            self.peer.close()


def _listen(path):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o666)
    server.listen(100)
    return server


def leave_stale(path):
    """A socket file that nobody listens on (inside a visit)."""
    _listen(path).close()


def answers(path):
    """Whether somebody accepts at this socket."""
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(path)
        except OSError:
            return False
        return True


def _serve(lifeline, server, converse):
    while True:
        ready, _, _ = select.select([lifeline, server], [], [])
        if lifeline in ready:
            return
        peer, _ = server.accept()
        threading.Thread(target=converse, args=(peer,), daemon=True).start()


def serve_in(pid, path, converse):
    """Serves in a child process inside the pod of process pid, converse(peer) for each client in a thread of its own;
    returns the function that ends it."""
    lifeline, ours = os.pipe()
    ready, say_ready = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            for low, high in zip((2, *sorted((lifeline, say_ready))), (*sorted((lifeline, say_ready)), 65536)):
                os.closerange(low + 1, high)  # other pods' lifelines too, which must not outlive their owners
            enter(pid)
            server = _listen(path)
            os.write(say_ready, b"1")
            os.close(say_ready)
            _serve(lifeline, server, converse)
        finally:
            os._exit(0)
    os.close(lifeline)
    os.close(say_ready)
    with os.fdopen(ready, "rb") as stream:
        if stream.read() != b"1":
            raise OSError(f"no peer at {path}")

    def stop():
        os.close(ours)
        os.waitpid(child, 0)
    return stop


def start(pid, path, mode):
    """Serves the worker protocol at a socket of the pod; returns the function that ends it."""
    mode = Mode(mode)
    return serve_in(pid, path, lambda peer: Conversation(peer, mode).run())
