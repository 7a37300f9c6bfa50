# SPDX-License-Identifier: Zlib
"""HTTP/2 frames by hand, as much as misbehaving gRPC servers need: literal HPACK, no Huffman, no flow control."""

import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1

# RFC 7541, appendix B, for the characters of the one path that is looked for: (code, bits)
HUFFMAN = {"/": (0x18, 6), "g": (0x26, 6), "r": (0x2c, 6), "p": (0x2b, 6), "c": (0x4, 5), ".": (0x17, 6),
           "h": (0x27, 6), "e": (0x5, 5), "a": (0x3, 5), "l": (0x28, 6), "t": (0x9, 5), "v": (0x77, 7),
           "1": (0x1, 5), "H": (0x63, 7), "C": (0x5e, 7), "k": (0x75, 7)}


def huffman(text):
    """The Huffman coding of text, padded with ones."""
    bits = "".join(format(code, f"0{length}b") for code, length in (HUFFMAN[character] for character in text))
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def frame(kind, flags, stream, payload=b""):
    """One frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def _string(value):
    data = value if isinstance(value, bytes) else value.encode("latin-1")
    if len(data) < 127:
        return bytes([len(data)]) + data
    length, rest = b"\x7f", len(data) - 127
    while rest > 127:
        length, rest = length + bytes([rest & 127 | 128]), rest >> 7
    return length + bytes([rest]) + data


def block(fields):
    """A header block of (name, value) pairs, each a literal without indexing."""
    return b"".join(b"\0" + _string(name) + _string(value) for name, value in fields)


def headers(stream, fields, end=False):
    """A HEADERS frame; with end, the last frame of the stream."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, block(fields))


async def read_frame(reader):
    """(kind, flags, stream, payload)."""
    head = await reader.readexactly(9)
    length = int.from_bytes(head[:3], "big")
    return head[3], head[4], int.from_bytes(head[5:], "big") & 0x7fffffff, await reader.readexactly(length)


async def read_preface(reader, writer):
    """The beginning of a connection. What is not HTTP/2 raises ValueError."""
    if await reader.readexactly(len(PREFACE)) != PREFACE:
        raise ValueError("no HTTP/2 preface")
    writer.write(frame(SETTINGS, 0, 0))


async def read_request(reader, writer):
    """Answers SETTINGS and PING until one request is whole; (stream, header block)."""
    fields = b""
    while True:
        kind, flags, stream, payload = await read_frame(reader)
        if kind == SETTINGS and not flags & ACK:
            writer.write(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            writer.write(frame(PING, ACK, 0, payload))
        elif kind in (HEADERS, CONTINUATION):
            fields += payload
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            return stream, fields
