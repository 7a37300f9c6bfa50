# SPDX-License-Identifier: Zlib
"""What listens at Docker's socket: the real daemon, or a peer that speaks its API, in old and new versions, and
wrongly. The modes of the peer are the keys of MODES; some of them are fault servers docker-MODE, too."""

import json
import socket
import struct

import daemon_peer
import faults_http

SOCKET = "/var/run/docker.sock"
# No network and no images are needed, and no storage driver that a nested overlay would refuse.
DAEMON = ("mkdir -p /var/log; exec dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs "
          "--group=docker \"$@\" >/var/log/dockerd.log 2>&1")
HEADERS = {"Api-Version": "1.48", "Docker-Experimental": "false", "Ostype": "linux", "Server": "Docker/28.0.1 (linux)"}
HOSTILE = "\x1b[31m::error::boo\n##[group]x"


def devices(cgroups):
    """What a pod is `denied` for the real daemon's sake, which demands a devices' hierarchy where control groups are of
    version 1: a device that no test needs."""
    return None if cgroups.unified else ("10:229", 1)


def version(**changes):
    """The body of GET /version; a None takes a member out."""
    body = {"Platform": {"Name": "Docker Engine - Community"}, "Version": "28.0.1", "ApiVersion": "1.48",
            "MinAPIVersion": "1.24", "GitCommit": "bbd0a17", "GoVersion": "go1.23.6", "Os": "linux", "Arch": "amd64",
            "KernelVersion": "6.1.0", "BuildTime": "2025-02-26T10:40:57.000000000+00:00", **changes}
    return json.dumps({name: value for name, value in body.items() if value is not None})


def reply(status, body, kind="application/json", headers=None):
    """A whole response."""
    headers = {"Content-Type": kind, "Content-Length": len(body.encode()), "Connection": "close",
               **(HEADERS if headers is None else headers)}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def error(status, message):
    """An error as Docker words it."""
    return reply(status, json.dumps({"message": message}))


PONG = reply("200 OK", "OK", "text/plain; charset=utf-8")
TLS_WANTED = reply("400 Bad Request", "Client sent an HTTP request to an HTTPS server.\n", "text/plain", {})

# mode: (the answer to /_ping, the answer to /version)
MODES = {
    "good": (PONG, reply("200 OK", version())),
    "status-500": (error("500 Internal Server Error", "no space left on device"),) * 2,
    "hostile": (error("500 Internal Server Error", HOSTILE),) * 2,
    "filter": (PONG, reply("403 Forbidden", "<html>Request forbidden</html>", "text/html", {})),
    "web": (reply("200 OK", faults_http.CAPTIVE, "text/html", {}),) * 2,
    "web-404": (reply("404 Not Found", faults_http.CAPTIVE, "text/html", {}),) * 2,
    "redirect": (reply("302 Found", "", headers={"Location": "http://10.43.0.99/"}),) * 2,
    "no-header": (reply("200 OK", "OK", "text/plain", {}), reply("200 OK", version())),
    "tls-wanted": (TLS_WANTED,) * 2,
    "no-json": (PONG, reply("200 OK", "OK")),
    "no-version": (PONG, reply("200 OK", version(Version=None))),
    "hostile-version": (PONG, reply("200 OK", version(Version=HOSTILE))),
    "api=1.23": (PONG, reply("200 OK", version(Version="1.11.2", ApiVersion="1.23", MinAPIVersion=None))),
    "api=1.41": (PONG, reply("200 OK", version(Version="20.10.24", ApiVersion="1.41"))),
    "oldest=1.44": (PONG, reply("200 OK", version(Version="29.0.0", ApiVersion="1.52", MinAPIVersion="1.44"))),
    "podman": (PONG, reply("200 OK", version(Version="4.3.1", ApiVersion="1.41"))),
    "short": (PONG[:-1], b""),
    "big": (PONG, reply("200 OK", version(Padding="x" * 1000000))),
    "eof": (b"", b""),
    "mute": None,
    "reset": None,
}


def _is_for_ping(head):
    return head.split(b" ")[1:2] == [b"/_ping"]


def _head(peer):
    data = b""
    while b"\r\n\r\n" not in data:
        more = peer.recv(4096)
        if not more:
            return b""
        data += more
    return data


def _converse(peer, mode):
    try:
        head = _head(peer)
        while mode == "mute" and peer.recv(4096):
            pass
        if mode == "reset":
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif head and mode != "mute":
            peer.sendall(MODES[mode][0 if _is_for_ping(head) else 1])
    except OSError:
        pass
    finally:
        peer.close()


def _over_tcp(mode):
    async def handle(reader, writer, name):
        head = await faults_http.read_head(reader, name)
        if head:
            writer.write(MODES[mode][0 if _is_for_ping(head) else 1])
    return handle


# On 80 and 8080, over TLS on 443.
FAULTS = {f"docker-{mode}": (faults_http.HTTP_PORTS, _over_tcp(mode))
          for mode in ("good", "status-500", "web", "tls-wanted", "eof")}


def start(pod, mode, path=SOCKET, words=()):
    """Starts it; None: nothing is there. words: what the real daemon gets beside its usual options."""
    if mode == "stale":
        pod.visit(daemon_peer.leave_stale, path)
    elif mode == "real":
        pod.start(["/bin/sh", "-c", DAEMON, "dockerd", f"--host=unix://{path}", *words])
    elif mode:
        pod.children.append(daemon_peer.serve_in(pod.pid, path, lambda peer: _converse(peer, mode)))
