# SPDX-License-Identifier: Zlib
"""Download servers that misbehave: each has the files of Lab.offer() under the same paths as the good server, and
fails in its own way on the way to the last byte."""

import asyncio
import collections
import re
import socket
import struct
from pathlib import Path

from faults_http import CAPTIVE, HTTP_PORTS, pour, read_head, reply, until_closed
from topology import DOWNLOADS

CHUNK_BYTES = 1 << 18
DRIPS = 300  # seconds, and bytes
PAD_BYTES = 1000


class Download:
    """One request: the offered file, and the bytes from start to stop (exclusive) that it asks for."""

    def __init__(self, folder, head):
        self.method, self.target = (head.decode("latin-1").split(" ") + ["", ""])[:2]
        self.path = folder / Path(self.target.partition("?")[0]).name
        self.size = self.path.stat().st_size if self.path.is_file() else 0
        found = re.search(rb"\r\nrange: *bytes=(\d+)-(\d*)\r\n", head, re.I)
        self.is_partial = bool(found) and int(found[1]) < self.size
        self.start = int(found[1]) if self.is_partial else 0
        self.stop = min(int(found[2]) + 1, self.size) if self.is_partial and found[2] else self.size

    def head(self, length=None, honest_range=True):
        """The head of a good answer; length is said instead of the true one."""
        start = self.start if honest_range else 0
        extra = {"Content_Range": f"bytes {start}-{self.stop - 1}/{self.size}"} if self.is_partial else {}
        whole = reply(206 if self.is_partial else 200, kind="application/octet-stream", Accept_Ranges="bytes", **extra)
        return whole.replace(b"Content-Length: 0", b"Content-Length: %d" % (
            self.stop - start if length is None else length))


async def send(writer, download, start, stop, flipped=None):
    """Writes the file's bytes from start to stop; flipped: the place of a byte that goes out with a bit changed."""
    with open(download.path, "rb") as stream:
        stream.seek(start)
        while start < stop:
            data = bytearray(stream.read(min(CHUNK_BYTES, stop - start)))
            if flipped is not None and start <= flipped < start + len(data):
                data[flipped - start] ^= 1
            writer.write(data)
            await writer.drain()
            start += len(data)


async def truncated(download, _reader, writer):
    """Closes in the middle of the file, each time: who goes on from there gets not a byte of the rest."""
    writer.write(download.head())
    await send(writer, download, download.start, min(download.stop, download.size // 2))


async def truncated_norange(download, _reader, writer):
    """The same, and a range is answered with the whole."""
    download.is_partial, download.start, download.stop = False, 0, download.size
    await truncated(download, _reader, writer)


async def resume(download, _reader, writer):
    """A quarter of the file a connection, from where the range begins."""
    writer.write(download.head())
    await send(writer, download, download.start, min(download.stop, download.start + -(-download.size // 4)))


async def short_length(download, _reader, writer):
    """The whole body after a Content-Length of half of it."""
    writer.write(download.head(length=(download.stop - download.start) // 2))
    await send(writer, download, download.start, download.stop)


async def long_length(download, _reader, writer):
    """The whole body, and the connection's end, after a Content-Length of more."""
    writer.write(download.head(length=download.stop - download.start + PAD_BYTES))
    await send(writer, download, download.start, download.stop)


async def html(_download, _reader, writer):
    """200 and a page."""
    writer.write(reply(200, CAPTIVE, "text/html"))


async def stall(download, reader, writer):
    """Stops in the middle and stays silent."""
    await truncated(download, reader, writer)
    await until_closed(reader)


async def drip(download, _reader, writer):
    """A byte a second, for five minutes."""
    writer.write(download.head())
    for place in range(download.start, min(download.stop, download.start + DRIPS)):
        await send(writer, download, place, place + 1)
        await asyncio.sleep(1)


async def wrong(download, _reader, writer):
    """The right length, and one bit flipped in the middle."""
    writer.write(download.head())
    await send(writer, download, download.start, download.stop, flipped=download.size // 2)


async def garbage(download, _reader, writer):
    """The right length, and nothing of the file."""
    writer.write(download.head())
    pattern = bytes((index * index + 7 * index) & 0xff for index in range(CHUNK_BYTES))
    for start in range(download.start, download.stop, CHUNK_BYTES):
        writer.write(pattern[:download.stop - start])
        await writer.drain()


async def redirect_loop(download, _reader, writer):
    """302 to itself."""
    writer.write(reply(302, Location=download.target))


async def redirect_http(download, _reader, writer):
    """302 to the good server without TLS."""
    writer.write(reply(302, Location=f"http://{DOWNLOADS}{download.target}"))


async def redirect_ok(download, _reader, writer):
    """302 to the good server, with TLS where this one was asked with it."""
    scheme = "https" if writer.get_extra_info("ssl_object") else "http"
    writer.write(reply(302, Location=f"{scheme}://{DOWNLOADS}{download.target}"))


async def endless(download, reader, writer):
    """The file, without a Content-Length, and then zeros without end."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nConnection: close\r\n\r\n")
    await send(writer, download, 0, download.size)
    await pour(reader, writer, bytes(CHUNK_BYTES))


async def not_found(_download, _reader, writer):
    """404."""
    writer.write(reply(404, "no such file\n"))


_refusals = collections.Counter()


async def unavailable_twice(download, _reader, writer):
    """503 to two requests for a file, then the file, and so on."""
    _refusals[download.path] += 1
    if _refusals[download.path] % 3:
        writer.write(reply(503, "try again\n"))
        return
    writer.write(download.head())
    await send(writer, download, download.start, download.stop)


async def reset(download, reader, writer):
    """A reset in the middle, as a load balancer does it."""
    await truncated(download, reader, writer)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def range_lies(download, _reader, writer):
    """Half of the file; who asks for the rest gets 206 with all of it from the first byte, and says so."""
    writer.write(download.head(honest_range=False))
    await send(writer, download, 0, download.size if download.is_partial else download.size // 2)


BEHAVIOURS = {
    "dl-truncated": truncated, "dl-truncated-norange": truncated_norange, "dl-resume": resume,
    "dl-short-length": short_length, "dl-long-length": long_length, "dl-html": html, "dl-stall": stall,
    "dl-drip": drip, "dl-wrong": wrong, "dl-garbage": garbage, "dl-redirect-loop": redirect_loop,
    "dl-redirect-http": redirect_http, "dl-redirect-ok": redirect_ok, "dl-endless": endless, "dl-404": not_found,
    "dl-503-twice": unavailable_twice, "dl-reset": reset, "dl-range-lies": range_lies,
}
NAMES = list(BEHAVIOURS)


def _handler(folder, behave):
    async def handle(reader, writer, name):
        head = await read_head(reader, name)
        if not head:
            return
        download = Download(folder, head)
        if not download.size:
            writer.write(reply(404, "lab.offer() has put no such file there\n"))
        elif download.method == "HEAD":
            writer.write(download.head())
        else:
            await behave(download, reader, writer)
    return handle


def faults(options):
    """name: (ports, handler)."""
    folder = Path(options["run"]) / "downloads"
    return {name: (HTTP_PORTS, _handler(folder, behave)) for name, behave in BEHAVIOURS.items()}
