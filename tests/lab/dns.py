# SPDX-License-Identifier: Zlib
"""A DNS server that misbehaves: by the left-most label of a name, or as a whole on an address of its own."""

import asyncio
import re
import socket
import struct

from topology import ADDRESS6, FAULTY_DNS, SERVERS, SERVERS6

A, AAAA = 1, 28
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
RCODES = {"servfail": SERVFAIL, "nxdomain": NXDOMAIN, "refuse": REFUSED, "nodata": 0}

# Every fault, and what it does to a query. A label `slowNNN` waits NNN ms.
FAULTS = {
    "servfail": "SERVFAIL", "nxdomain": "NXDOMAIN", "refuse": "REFUSED", "nodata": "an empty answer",
    "drop": "no answer", "garbage": "the right id, then noise", "short": "four bytes",
    "wrongid": "an answer with another id", "wrongname": "an answer to another question",
    "badptr": "a name that points to itself", "tc": "truncated; the whole answer by TCP",
    "tcdrop": "truncated; TCP never answers", "tcslow": "truncated; the whole answer by TCP at a byte a second",
    "tclies": "truncated; by TCP fewer bytes than it says", "tcclose": "truncated; TCP is closed",
    "big": "truncated; 200 addresses by TCP",
    "aaaaonly": "an AAAA record, no A record", "aaaadrop": "A answered, AAAA dropped",
    "aaaaservfail": "A answered, AAAA SERVFAIL", "slow300": "the right answer after 300 ms",
    "slow3000": "the right answer after 3 s",
}
WHOLE_SERVERS = {name: f"10.43.1.{number}" for number, name in enumerate(FAULTS, 1)}


class Question:
    """A query's one question; `rest` is the name without its left-most label."""

    def __init__(self, query):
        position, labels = 12, []
        while query[position]:
            length = query[position]
            labels.append(query[position + 1:position + 1 + length].decode("ascii", "replace").lower())
            position += 1 + length
        self.query = query
        self.name = ".".join(labels)
        self.label, _, self.rest = self.name.partition(".")
        self.type, = struct.unpack_from(">H", query, position + 1)
        self.section = query[12:position + 5]

    def answer(self, rcode=0, records=(), *, truncated=False, id_=None, name=b"\xc0\x0c", section=None):
        """A whole message; records are (type, data) for the asked name."""
        flags = 0x8580 | truncated << 9 | rcode
        head = (id_ or self.query[:2]) + struct.pack(">5H", flags, 1, len(records), 0, 0)
        body = b"".join(name + struct.pack(">HHIH", type_, 1, 5, len(data)) + data for type_, data in records)
        return head + (section or self.section) + body


def lookup(question, name, table):
    """The honest answer, as CoreDNS would give it: NODATA for a name that has other records."""
    if name not in table and name not in SERVERS6:
        return question.answer(NXDOMAIN)
    if question.type == A and name in table:
        return question.answer(0, [(A, socket.inet_aton(table[name]))])
    if question.type == AAAA and name in SERVERS6:
        return question.answer(0, [(AAAA, socket.inet_pton(socket.AF_INET6, SERVERS6[name]))])
    return question.answer()


def misbehave(fault, question, name, table, by_tcp):
    """The fault's answer, or None for silence."""
    honest = lookup(question, name, table)
    records = [(A, socket.inet_aton(table.get(name, "10.43.0.20")))]
    if fault in RCODES:
        return question.answer(RCODES[fault])
    if fault in ("drop", "garbage", "short"):
        return {"drop": None, "garbage": question.query[:2] + b"\xff" * 30, "short": question.query[:4]}[fault]
    if fault == "wrongid":
        return question.answer(0, records, id_=bytes(byte ^ 0xff for byte in question.query[:2]))
    if fault == "wrongname":
        return question.answer(0, records, section=b"\x05other\x07example\x00" + question.section[-4:])
    if fault == "badptr":
        return question.answer(0, records, name=struct.pack(">H", 0xc000 | 12 + len(question.section)))
    if (fault == "big" or fault.startswith("tc")) and not by_tcp:
        return question.answer(truncated=True)
    if fault == "tcdrop":
        return None
    if fault == "big" and question.type == A:
        return question.answer(0, records * 200)
    if fault == "aaaaonly":
        found = [(AAAA, socket.inet_pton(socket.AF_INET6, ADDRESS6))] if question.type == AAAA else []
        return question.answer(0, found)
    if fault.startswith("aaaa") and question.type == AAAA:
        return None if fault == "aaaadrop" else question.answer(SERVFAIL)
    return honest


def answer(query, by_tcp, whole_server=None, table=SERVERS):
    """(delay in seconds, message or None) for a query to a server with one fault, or to the one with all."""
    try:
        question = Question(query)
    except (IndexError, struct.error):
        return 0, None
    fault, name = whole_server, question.name
    if not fault and (question.label in FAULTS or re.fullmatch(r"slow\d{1,5}", question.label)):
        fault, name = question.label, question.rest
    delay = re.fullmatch(r"slow(\d{1,5})", fault or "")
    message = misbehave(fault, question, name, table, by_tcp) if fault else lookup(question, name, table)
    return (int(delay[1]) / 1000 if delay else 0), message


class Datagrams(asyncio.DatagramProtocol):
    """UDP on one address."""

    def __init__(self, fault, table):
        self.fault, self.table, self.transport = fault, table, None

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, addr):
        delay, message = answer(data, False, self.fault, self.table)
        if message:
            asyncio.get_running_loop().call_later(delay, self.transport.sendto, message, addr)


async def send(fault, writer, message):
    """Writes a message with its length as the fault has it."""
    if fault == "tcclose":
        raise ConnectionError("as it does")
    if fault == "tclies":
        message = b"\xff\xff" + message[2:]
    for start in range(0, len(message), 1 if fault == "tcslow" else len(message)):
        writer.write(message[start:start + 1] if fault == "tcslow" else message)
        await writer.drain()
        await asyncio.sleep(1 if fault == "tcslow" else 0)


def stream(fault, table):
    """TCP on one address: a handler for asyncio.start_server."""
    async def handle(reader, writer):
        try:
            while True:
                length, = struct.unpack(">H", await reader.readexactly(2))
                delay, message = answer(await reader.readexactly(length), True, fault, table)
                await asyncio.sleep(delay)
                if message:
                    await send(fault, writer, struct.pack(">H", len(message)) + message)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
    return handle


async def start(table=SERVERS):
    """Serves every address; returns the servers, which must be kept."""
    kept, loop = [], asyncio.get_running_loop()
    for fault, address in [(None, FAULTY_DNS), *WHOLE_SERVERS.items()]:
        kept.append(await loop.create_datagram_endpoint(lambda fault=fault: Datagrams(fault, table), (address, 53)))
        kept.append(await asyncio.start_server(stream(fault, table), address, 53))
    return kept
