# SPDX-License-Identifier: Zlib
"""Forward proxies on port 3128: one that works, and some that stand in the way of cluster names."""

import asyncio
from urllib.parse import urlsplit

from faults_http import log, reply
from topology import SERVERS

PORTS = (3128,)
READ_LIMIT_S = 30


async def _splice(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def forward(head, reader, writer):
    """CONNECT, or a request with an absolute URI, to a server of the lab's table."""
    method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    if parts.hostname not in SERVERS:
        writer.write(reply(502, "no such host\n"))
        return
    to_reader, to_writer = await asyncio.open_connection(SERVERS[parts.hostname], parts.port or 80)
    try:
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            to_writer.write(head.replace(target.encode("latin-1"), path.encode("latin-1"), 1))
        await asyncio.wait({asyncio.create_task(_splice(reader, to_writer)),
                            asyncio.create_task(_splice(to_reader, writer))}, return_when=asyncio.FIRST_COMPLETED)
        await writer.drain()
    finally:
        to_writer.close()


async def refuse_cluster(head, reader, writer):
    """Forwards what is outside the cluster, refuses the rest: only the direct way works."""
    if b".svc.cluster.local" in head.split(b"\r\n", 1)[0]:
        writer.write(reply(403, "<html><h1>Blocked by policy</h1></html>", "text/html"))
    else:
        await forward(head, reader, writer)


async def want_password(_head, _reader, writer):
    """407 to everything."""
    writer.write(reply(407, "<html>Proxy Authentication Required</html>", "text/html",
                       Proxy_Authenticate='Basic realm="proxy"'))


async def bad_gateway(_head, _reader, writer):
    """502 to everything."""
    writer.write(reply(502, "<html><h1>502 Bad Gateway</h1></html>", "text/html"))


def _handler(behave):
    async def handle(reader, writer, name):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), READ_LIMIT_S)
        log(name, head)
        await behave(head, reader, writer)
    return handle


# name: (ports, handler)
FAULTS = {name: (PORTS, _handler(behave)) for name, behave in {
    "proxy": forward, "proxy-no-cluster": refuse_cluster, "proxy-407": want_password, "proxy-502": bad_gateway,
}.items()}
