# SPDX-License-Identifier: Zlib
"""gRPC servers that misbehave: each answers GetCapabilities (and the health check) in one wrong way, over
plain HTTP/2 with prior knowledge on port 9092."""

import asyncio
import struct

from faults_http import log, pour, reply, until_closed
from http2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, block,
                   frame, headers, huffman, read_preface, read_request)

PORTS = (9092,)
HEALTH_PATH = "/grpc.health.v1.Health/Check"
READ_LIMIT_S = 30
OK_HEAD = [(":status", "200"), ("content-type", "application/grpc")]
SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"
CODES = {"cancelled": 1, "deadline-exceeded": 4, "not-found": 5, "permission-denied": 7, "resource-exhausted": 8,
         "unimplemented": 12, "internal": 13, "unavailable": 14, "unauthenticated": 16}
HOSTILE = "no%0A::error::owned%0D%0A%1B[31m##[error]%E2%80%A8%00%ZZ%"


def varint(value):
    """A protobuf varint."""
    out = b""
    while value > 127:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])


def proto(number, value):
    """A protobuf field: a varint of an int, else length-delimited bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def capabilities(digests=(1,), update=1, compressors=(1,), low=(2, 0), high=(2, 3), batch=4 << 20, cache=True):
    """ServerCapabilities as bazel-remote encodes it, with its parts replaced."""
    def packed(values):
        return b"".join(varint(value) for value in values)

    def version(numbers):
        return proto(1, numbers[0]) + proto(2, numbers[1])

    parts = proto(1, packed(digests)) + proto(2, proto(1, update)) + proto(4, batch) + proto(5, 2)
    if compressors:
        parts += proto(6, packed(compressors)) + proto(7, packed(compressors))
    return (proto(1, parts) if cache else b"") + proto(4, version(low)) + proto(5, version(high))


def message(body, flag=0, length=None):
    """A gRPC message with its five-byte prefix."""
    return bytes([flag]) + struct.pack(">I", len(body) if length is None else length) + body


def trailers(status, text=None, more=()):
    """grpc-status and grpc-message."""
    fields = [("grpc-status", str(status))] if status is not None else []
    return [*fields, *([("grpc-message", text)] if text is not None else []), *more]


def answer(data, end=(("grpc-status", "0"),), head=OK_HEAD):
    """A handler: headers, one DATA frame, trailers (None: the DATA frame ends the stream)."""
    async def handle(stream, _fields, _reader, writer):
        writer.write(headers(stream, head))
        writer.write(frame(DATA, END_STREAM if end is None else 0, stream, data))
        if end is not None:
            writer.write(headers(stream, list(end), end=True))
    return handle


def only(fields):
    """A handler: a single HEADERS frame that ends the stream."""
    async def handle(stream, _fields, _reader, writer):
        writer.write(headers(stream, fields, end=True))
    return handle


def refuse(code, text="no"):
    """A handler: a trailers-only answer with a status."""
    return only([*OK_HEAD, *trailers(code, text)])


def is_health(fields):
    """Whether a request's header block asks for the health check."""
    return HEALTH_PATH.encode() in fields or huffman(HEALTH_PATH) in fields


def by_method(capability, health):
    """A handler that tells the two methods apart."""
    async def handle(stream, fields, reader, writer):
        await (health if is_health(fields) else capability)(stream, fields, reader, writer)
    return handle


async def mute(_stream, _fields, reader, _writer):
    """Takes the request, never answers."""
    await until_closed(reader)


async def headers_then_mute(stream, _fields, reader, writer):
    """Headers, then silence."""
    writer.write(headers(stream, OK_HEAD))
    await until_closed(reader)


async def goaway(_stream, _fields, _reader, writer):
    """GOAWAY instead of an answer."""
    writer.write(frame(GOAWAY, 0, 0, struct.pack(">II", 0, 0) + b"shutting down"))


async def rst(stream, _fields, reader, writer):
    """RST_STREAM (REFUSED_STREAM) instead of an answer."""
    writer.write(frame(RST_STREAM, 0, stream, struct.pack(">I", 7)))
    await until_closed(reader)


async def rst_later(stream, _fields, reader, writer):
    """Headers and half a message, then RST_STREAM (INTERNAL_ERROR)."""
    writer.write(headers(stream, OK_HEAD) + frame(DATA, 0, stream, message(capabilities())[:9]))
    writer.write(frame(RST_STREAM, 0, stream, struct.pack(">I", 2)))
    await until_closed(reader)


async def flood(stream, _fields, reader, writer):
    """A message without end."""
    writer.write(headers(stream, OK_HEAD) + frame(DATA, 0, stream, message(b"", length=0x7fffffff)))
    await pour(reader, writer, frame(DATA, 0, stream, b"\0" * 16384))


async def continuation_flood(stream, _fields, reader, writer):
    """A header block without end."""
    writer.write(frame(HEADERS, 0, stream, block(OK_HEAD)))
    await pour(reader, writer, frame(CONTINUATION, 0, stream, block([("x-more", "y" * 1000)])))


async def ping_flood(_stream, _fields, reader, writer):
    """PINGs and SETTINGS without end, no answer."""
    await pour(reader, writer, (frame(PING, 0, 0, b"12345678") + frame(SETTINGS, 0, 0)) * 100)


async def slow(stream, _fields, _reader, writer):
    """The right answer at a byte a second."""
    data = headers(stream, OK_HEAD) + frame(DATA, 0, stream, message(capabilities()))
    for byte in data + headers(stream, [("grpc-status", "0")], end=True):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(1)


async def two_data_frames(stream, _fields, _reader, writer):
    """The right answer, its message split over several DATA frames, with an empty one between."""
    data = message(capabilities())
    writer.write(headers(stream, OK_HEAD))
    for part in (data[:3], b"", data[3:7], data[7:]):
        writer.write(frame(DATA, 0, stream, part))
    writer.write(headers(stream, [("grpc-status", "0")], end=True))


async def trailers_flood(stream, _fields, reader, writer):
    """The right message, and trailers that never end."""
    writer.write(headers(stream, OK_HEAD) + frame(DATA, 0, stream, message(capabilities())))
    writer.write(frame(HEADERS, END_STREAM, stream, block([("grpc-status", "0")])))
    await pour(reader, writer, frame(CONTINUATION, 0, stream, block([("x-more", "and more")] * 100)))


async def goaway_after(stream, fields, reader, writer):
    """The right answer of a server that is about to end: GOAWAY first, for streams behind this one."""
    writer.write(frame(GOAWAY, 0, 0, struct.pack(">II", stream, 0)))
    await answer(message(capabilities()))(stream, fields, reader, writer)


async def bad_hpack(stream, _fields, reader, writer):
    """A header block that refers to a dynamic table that is empty."""
    writer.write(frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\xff\x80\x7f"))
    await until_closed(reader)


GOOD = message(capabilities())
HEALTHY = answer(message(SERVING))
NO = refuse(12, "unknown service")

# name (without "grpc-"): (what it does, handler)
SERVICES = {
    "good": ("the right answer, ZSTD included", by_method(answer(GOOD), HEALTHY)),
    "split": ("the right answer in several DATA frames", two_data_frames),
    "no-zstd": ("no compressors", answer(message(capabilities(compressors=())))),
    "no-sha256": ("SHA1 and BLAKE3 only", answer(message(capabilities(digests=(2, 9))))),
    "update-disabled": ("update_enabled false", answer(message(capabilities(update=0)))),
    "api-old": ("API 1.0 to 1.9", answer(message(capabilities(low=(1, 0), high=(1, 9))))),
    "api-new": ("API 3.0 to 3.1", answer(message(capabilities(low=(3, 0), high=(3, 1))))),
    "no-cache": ("an executor without cache capabilities", answer(message(capabilities(cache=False)))),
    "small-batch": ("max_batch_total_size_bytes 1", answer(message(capabilities(batch=1)))),
    "empty-message": ("a message of no bytes", answer(message(b""))),
    "no-message": ("status 0 without a message", only([*OK_HEAD, ("grpc-status", "0")])),
    "garbage-message": ("a message that is no protobuf", answer(message(b"\xff" * 40))),
    "compressed": ("a message that says it is compressed", answer(message(capabilities(), flag=1))),
    "two-messages": ("two messages", answer(GOOD * 2)),
    "oversize": ("a message length of 4 GiB", answer(message(b"x", length=0xffffffff))),
    "short": ("fewer bytes than the message length says", answer(message(b"x" * 10, length=100))),
    "no-trailers": ("ends without trailers", answer(GOOD, end=None)),
    "no-status": ("trailers without grpc-status", answer(GOOD, end=(("x-other", "1"),))),
    "bad-status": ("grpc-status that is no number", answer(GOOD, end=(("grpc-status", "banana"),))),
    "late-error": ("a message, then UNAVAILABLE in the trailers", answer(GOOD, end=trailers(14, "going away"))),
    "html": ("content-type text/html, 200", answer(b"<html>login</html>", None, [
        (":status", "200"), ("content-type", "text/html")])),
    "web": ("gRPC-Web, which is another protocol", answer(GOOD, head=[
        (":status", "200"), ("content-type", "application/grpc-web+proto")])),
    "proto": ("the right answer as application/grpc+proto", answer(GOOD, head=[
        (":status", "200"), ("content-type", "application/grpc+proto")])),
    "plain-h2": ("an HTTP/2 server without gRPC: 404", only([(":status", "404"), ("content-type", "text/plain")])),
    "http-401": ("a proxy's 401", only([(":status", "401"), ("www-authenticate", "Basic realm=\"proxy\"")])),
    "http-503": ("a proxy's 503", only([(":status", "503"), ("content-type", "text/html")])),
    "redirect": ("301 to another host", only([(":status", "301"), ("location", "http://example.org/")])),
    "hostile": ("PERMISSION_DENIED with newlines and escapes, percent-coded", refuse(7, HOSTILE)),
    "hostile-raw": ("a raw escape in grpc-message", refuse(7, "\x1b[31mred\x07 ::error::x")),
    "long-text": ("a grpc-message of 15,000 bytes", refuse(14, "long " * 3000)),
    "health-only": ("UNIMPLEMENTED, the health check serves", by_method(NO, HEALTHY)),
    "not-serving": ("UNIMPLEMENTED, the health check says NOT_SERVING", by_method(NO, answer(message(NOT_SERVING)))),
    "unhealthy": ("UNAVAILABLE, the health check says NOT_SERVING",
                  by_method(refuse(14, "starting"), answer(message(NOT_SERVING)))),
    "mute": ("takes the request, never answers", mute),
    "headers-mute": ("headers, then silence", headers_then_mute),
    "goaway": ("GOAWAY", goaway),
    "goaway-after": ("GOAWAY behind which this request is still answered", goaway_after),
    "rst": ("RST_STREAM", rst),
    "rst-later": ("RST_STREAM in the middle of the message", rst_later),
    "flood": ("a message without end", flood),
    "continuation": ("headers without end", continuation_flood),
    "endless-trailers": ("trailers without end", trailers_flood),
    "ping-flood": ("PINGs without end", ping_flood),
    "bad-hpack": ("a header block that cannot be decoded", bad_hpack),
    "slow": ("the right answer at a byte a second", slow),
    **{name: (f"status {code}", refuse(code, name.replace("-", " "))) for name, code in CODES.items()},
}


def serve(name, handler):
    """The whole connection of a service."""
    async def handle(reader, writer, _name):
        try:
            await asyncio.wait_for(read_preface(reader, writer), READ_LIMIT_S)
        except ValueError:
            return
        while True:
            stream, fields = await asyncio.wait_for(read_request(reader, writer), READ_LIMIT_S)
            log(name, b"health" if is_health(fields) else b"capabilities")
            await handler(stream, fields, reader, writer)
            await writer.drain()
            if handler is goaway:
                return
    return handle


async def http1(reader, writer, name):
    """A server that knows HTTP/1.1 alone."""
    log(name, await reader.read(4096))
    writer.write(reply(400, "bad request\n"))


def faults():
    """name: (ports, handler)."""
    made = {f"grpc-{name}": (PORTS, serve(f"grpc-{name}", handler)) for name, (_, handler) in SERVICES.items()}
    return {**made, "grpc-http1": (PORTS, http1)}
