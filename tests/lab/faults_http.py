# SPDX-License-Identifier: Zlib
"""Servers that misbehave below HTTP's content: sockets that hang, lie about lengths, flood, speak otherwise."""

import asyncio
import json
import struct

from topology import ATTIC, fault_host

EVERY_PORT = (80, 443, 3128, 8080, 9092)
HTTP_PORTS = (80, 8080)
READ_LIMIT_S = 30
CHUNK = b"x" * 65536

LOG = []  # one writable file, set by faults.py


def log(name, head):
    """A JSON line a request: which server, and the request's head as it came."""
    if LOG:
        LOG[0].write(json.dumps({"server": name, "head": head.decode("latin-1")}) + "\n")
        LOG[0].flush()


async def read_head(reader, name):
    """The head of an HTTP request, logged; b"" where none comes."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_LIMIT_S)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError, ConnectionError):
        return b""
    log(name, head)
    return head


def reply(status, body=b"", kind="text/plain", **headers):
    """A whole, honest response that closes the connection; headers by name with _ for -."""
    body = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Lab", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


HEAD_200 = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def until_closed(reader):
    """Reads what comes until the client gives up."""
    while await reader.read(65536):
        pass


async def mute(reader, _writer):
    """Accepts, reads, never answers."""
    await until_closed(reader)


async def close(_reader, writer):
    """Accepts and closes."""
    writer.close()


async def reset(reader, writer):
    """Answers the first bytes with a reset."""
    await reader.read(1)
    writer.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: 0 s
    writer.close()


async def banner(reader, writer):
    """Another protocol: a line of its own, then silence."""
    writer.write(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    await until_closed(reader)


async def garbage(reader, writer):
    """Bytes that are no protocol at all."""
    await reader.read(1)
    writer.write(bytes(range(256)) * 4)


def after_head(respond):
    """A handler for servers that first read a request."""
    async def handle(reader, writer, name):
        if await read_head(reader, name):
            await respond(reader, writer)
    handle.__doc__ = respond.__doc__
    return handle


async def empty_reply(_reader, _writer):
    """Closes without a byte of answer."""


async def slow_head(_reader, writer):
    """The status line at a byte a second."""
    for byte in reply(200, "late"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def slow_body(_reader, writer):
    """A body of 100 bytes at a byte a second."""
    writer.write(HEAD_200 + b"Content-Length: 100\r\n\r\n")
    for _ in range(100):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(1)


async def stall_body(reader, writer):
    """Half of the body, then silence."""
    writer.write(HEAD_200 + b"Content-Length: 100\r\n\r\n{\"public_key\":")
    await until_closed(reader)


async def truncated(_reader, writer):
    """Fewer bytes than Content-Length says."""
    writer.write(HEAD_200 + b"Content-Length: 1000\r\n\r\n{\"public_key\":")


async def pour(reader, writer, content):
    """Writes it again and again until the client is gone. A TLS connection that the client has ended takes every byte
    at once and gives the other servers no turn: so each round gives them one, and that end is waited for beside it."""
    gone = asyncio.ensure_future(until_closed(reader))
    try:
        while not gone.done():
            writer.write(content)
            await writer.drain()
            await asyncio.sleep(0)
    finally:
        gone.cancel()


async def short_length(_reader, writer):
    """More bytes than Content-Length says: what is taken ends in the middle."""
    writer.write(HEAD_200 + b"Content-Length: 14\r\n\r\n{\"public_key\":\"main:\"}")


async def two_lengths(_reader, writer):
    """Two lengths that differ."""
    writer.write(HEAD_200 + b"Content-Length: 2\r\nContent-Length: 20\r\n\r\n{}")


async def reset_body(_reader, writer):
    """A reset in the middle of the body."""
    writer.write(HEAD_200 + b"Content-Length: 100\r\n\r\n{\"public_key\":")
    await writer.drain()
    writer.get_extra_info("socket").setsockopt(1, 13, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def endless_trailers(reader, writer):
    """A whole chunked body, and trailer lines without end."""
    writer.write(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n")
    await pour(reader, writer, b"X-More: and more\r\n" * 1000)


async def go_on(reader, writer):
    """100 Continue, and nothing behind it."""
    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    await until_closed(reader)


async def switching(_reader, writer):
    """101: to a protocol that nobody asked for."""
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")


async def endless_body(reader, writer):
    """A chunked body without end."""
    writer.write(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\n")
    await pour(reader, writer, b"10000\r\n" + CHUNK + b"\r\n")


async def endless_headers(reader, writer):
    """Header lines without end."""
    writer.write(HEAD_200)
    await pour(reader, writer, b"X-More: and more\r\n" * 1000)


async def long_header(_reader, writer):
    """One header of 1 MiB."""
    writer.write(HEAD_200 + b"X-Long: " + CHUNK * 16 + b"\r\nContent-Length: 2\r\n\r\n{}")


async def bad_status_line(_reader, writer):
    """A status line that is none."""
    writer.write(b"HTTP/9.9 banana\r\n\r\n")


async def bad_chunk(_reader, writer):
    """A chunk length that is no number."""
    writer.write(HEAD_200 + b"Transfer-Encoding: chunked\r\n\r\nbanana\r\n{}\r\n0\r\n\r\n")


async def bad_gzip(_reader, writer):
    """A body that says it is gzip and is not."""
    writer.write(reply(200, "{}", "application/json", Content_Encoding="gzip"))


async def http_0_9(_reader, writer):
    """A body without any head."""
    writer.write(b"<html>hello</html>\n")


async def early_hints(reader, writer):
    """Interim responses without end."""
    await pour(reader, writer, b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")


def status(code, body="", kind="text/plain", **headers):
    """A handler that always answers the same."""
    async def respond(_reader, writer):
        writer.write(reply(code, body, kind, **headers))
    respond.__doc__ = f"status {code}"
    return after_head(respond)


CAPTIVE = "<!doctype html><html><head><title>Wi-Fi login</title></head><body>Please accept our terms.</body></html>\n"


async def plain_http(reader, writer):
    """Answers whatever comes first (a ClientHello) as an HTTP server does."""
    await reader.read(4096)
    writer.write(reply(400, "<html><h1>400 Bad Request</h1></html>", "text/html"))


async def redirect_loop(_reader, writer):
    """302 to itself."""
    writer.write(reply(302, Location="/_api/v1/cache-config/main"))


def without_name(handler):
    """A handler that logs nothing, with the signature of those that do."""
    async def handle(reader, writer, _name):
        await handler(reader, writer)
    handle.__doc__ = handler.__doc__
    return handle


# name: (ports, handler)
FAULTS = {name: (EVERY_PORT, without_name(handler)) for name, handler in {
    "mute": mute, "close": close, "reset": reset, "banner": banner, "garbage": garbage}.items()}
FAULTS.update({name: (HTTP_PORTS, after_head(handler)) for name, handler in {
    "empty-reply": empty_reply, "slow-head": slow_head, "slow-body": slow_body, "stall-body": stall_body,
    "truncated": truncated, "endless-body": endless_body, "endless-headers": endless_headers,
    "long-header": long_header, "bad-status-line": bad_status_line, "bad-chunk": bad_chunk, "bad-gzip": bad_gzip,
    "http-0.9": http_0_9, "early-hints": early_hints, "redirect-loop": redirect_loop, "short-length": short_length,
    "two-lengths": two_lengths, "reset-body": reset_body, "endless-trailers": endless_trailers,
    "status-100": go_on, "status-101": switching}.items()})
FAULTS.update({
    "captive": (HTTP_PORTS, status(200, CAPTIVE, "text/html")),
    "captive-redirect": (HTTP_PORTS, status(302, Location=f"http://{fault_host('captive')}/login")),
    "redirect-host": (HTTP_PORTS, status(301, Location=f"http://{ATTIC}/_api/v1/cache-config/main")),
    "redirect-https": (HTTP_PORTS, status(308, Location=f"https://{ATTIC}/_api/v1/cache-config/main")),
    "redirect-file": (HTTP_PORTS, status(302, Location="file:///etc/passwd")),
    "redirect-dead": (HTTP_PORTS, status(307, Location="http://gone.nix-cache.svc.cluster.local/")),
    "http-on-https": ((443, 9092), without_name(plain_http)),
    "tls-alert": ((80, 9092), status(200, "{}", "application/json")),  # faults.py puts TLS around it
    "status-204": (HTTP_PORTS, status(204)), "status-206": (HTTP_PORTS, status(206, "{}", "application/json")),
    "status-304": (HTTP_PORTS, status(304)),
})
