# SPDX-License-Identifier: Zlib
"""All misbehaving servers: their names in the lab's table, and the process that runs them."""

import asyncio
import ssl

import docker_peer
import faults_attic
import faults_downloads
import faults_grpc
import faults_http
import proxies
import topology
from topology import HANDSHAKES, TLS_FAULTS, fault_address, fault_host

# Names that need no server of ours: addresses, and nginx's with wrong certificates.
ELSEWHERE = ["refused", "blackhole", *(f"tls-{name}" for name in TLS_FAULTS), *HANDSHAKES, "tls-on-http", "grpcs-http1"]
NAMES = [*ELSEWHERE, *faults_http.FAULTS, *faults_attic.NAMES, *faults_grpc.faults(), *proxies.FAULTS,
         *faults_downloads.NAMES, *docker_peer.FAULTS]
for _name in NAMES:
    topology.SERVERS.setdefault(fault_host(_name), fault_address(_name))


def _connection(name, handler):
    """A handler of asyncio's: whatever the client does, the connection ends and nothing else does."""
    async def handle(reader, writer):
        try:
            await handler(reader, writer, name)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        finally:
            writer.close()
    return handle


def _tls(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{certificates}/good.crt", f"{certificates}/good.key")
    return context


async def serve(options, ready):
    """Runs all of them for good; calls ready() once they listen."""
    faults_http.LOG.append(open(f"{options['run']}/faults.log", "a", encoding="utf-8"))
    kept = []
    table = {**faults_http.FAULTS, **faults_attic.faults(options), **faults_grpc.faults(), **proxies.FAULTS,
             **faults_downloads.faults(options), **docker_peer.FAULTS}
    tls = _tls(options["certificates"])
    for name, (ports, handler) in table.items():
        listening = [(port, tls if name == "tls-alert" else None) for port in ports]
        listening += [(443, tls)] if ports == faults_http.HTTP_PORTS else []
        for port, wrapped in listening:
            kept.append(await asyncio.start_server(_connection(name, handler), fault_address(name), port, ssl=wrapped))
    ready()
    await asyncio.Event().wait()
    return kept
