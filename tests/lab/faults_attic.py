# SPDX-License-Identifier: Zlib
"""Servers that speak HTTP well and are not the Attic that they should be: statuses, lies, hostile JSON."""

import json
import re
from pathlib import Path

import attic
from faults_http import HTTP_PORTS, read_head, reply, until_closed
from topology import fault_host

MIB = 1 << 20
HOSTILE = "\x1b[31m\x1b]0;owned\x07\r\n::error::owned\n##[error]owned\u2028::set-output name=x::y"


class Site:
    """One wrong Attic. `config` makes the body of cache-config from the honest document, the lab's key and
    another key of its name; `narinfo` and `nar` say what becomes of those: a status, "html", "hang", or the
    honest file."""

    def __init__(self, what, config=None, narinfo=404, nar=200):
        self.what, self.config, self.narinfo, self.nar = what, config, narinfo, nar

    def config_body(self, host, keys):
        """The bytes of cache-config."""
        document = attic.config("main", keys[0], host)
        changed = self.config(document, *keys) if self.config else document
        return changed if isinstance(changed, bytes) else json.dumps(changed, separators=(",", ":")).encode()


def changed(**fields):
    """A config with some fields replaced."""
    return lambda document, *_: {**document, **fields}


def text(data):
    """A config that is these bytes."""
    return lambda *_: data


SITES = {
    "key-other": Site("another key under the right name", lambda d, _, other: {**d, "public_key": other}),
    "key-name": Site("the right key under another name", lambda d, key, _: {
        **d, "public_key": "stranger:" + key.partition(":")[2]}),
    "key-garbage": Site("a key that is no base64", changed(public_key="main:not base64!")),
    "key-short": Site("a key of 16 bytes", changed(public_key="main:AAAAAAAAAAAAAAAAAAAAAA==")),
    "key-absent": Site("no public_key", lambda d, *_: {k: v for k, v in d.items() if k != "public_key"}),
    "store-dir": Site("another store directory", changed(store_dir="/gnu/store")),
    "foreign-endpoint": Site("a substituter_endpoint on another host",
                             changed(substituter_endpoint="https://attic.example.com/main")),
    "priority": Site("a priority that no cache has", changed(priority=-2147483649)),
    "json-malformed": Site("JSON that ends too early", text(b'{"substituter_endpoint":"http://x/main","publi')),
    "json-trailing": Site("text after the JSON", lambda d, *_: json.dumps(d).encode() + b" trailing"),
    "json-duplicate": Site("public_key twice, the second another's", lambda d, _, other: json.dumps(
        d).encode()[:-1] + b',"public_key":"' + other.encode() + b'"}'),
    "json-big": Site("10 MB of JSON", lambda d, *_: {**d, "filler": "x" * 10 * MIB}),
    "json-deep": Site("JSON 100,000 levels deep", text(b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}")),
    "json-hostile": Site("escapes, newlines and workflow commands in every field", lambda d, key, _: {
        "substituter_endpoint": f"http://x/main{HOSTILE}", "api_endpoint": HOSTILE, "public_key": f"{key}{HOSTILE}",
        "is_public": HOSTILE, "store_dir": f"/nix/store{HOSTILE}", "priority": HOSTILE,
        "upstream_cache_key_names": [HOSTILE], "retention_period": HOSTILE, HOSTILE: HOSTILE}),
    "json-nul": Site("a NUL escape in the key", lambda d, key, _: json.dumps(d).replace(
        key, key + "\\u0000main:x").encode()),
    "json-types": Site("fields of other types", changed(public_key=5, priority="high", is_public="yes", store_dir=[])),
    "json-other": Site("JSON of another service", text(b'{"status":"ok","version":"1.2.3"}')),
    "json-empty": Site("an empty object", text(b"{}")),
    "json-array": Site("a list", text(b"[1,2,3]")),
    "json-utf8": Site("invalid UTF-8", lambda d, *_: json.dumps(d).encode().replace(b"main", b"ma\xff\xfe")),
    "no-storage": Site("right in everything, but it holds nothing"),
    "narinfo-500": Site("narinfos answer 500", narinfo=500),
    "narinfo-html": Site("narinfos are HTML", narinfo="html"),
    "narinfo-hang": Site("narinfos never come", narinfo="hang"),
    "narinfo-other": Site("every narinfo is that of another path", narinfo="other"),
    "nar-404": Site("NARs are not there", narinfo="file", nar=404),
    "nar-503": Site("NARs are incomplete", narinfo="file", nar=503),
    "nar-hang": Site("NARs never come", narinfo="file", nar="hang"),
    "nar-html": Site("NARs are HTML", narinfo="file", nar="html"),
}
STATUS_ERRORS = {401: "Unauthorized", 403: "AccessError", 404: "NoSuchCache"}
OTHER_STATUSES = {
    500: {"code": 500, "error": "InternalServerError", "message": "The server encountered an internal error or "
                                                                  "misconfiguration."},
    503: {"code": 503, "error": "IncompleteNar", "message": "The requested NAR has missing chunks and needs to be "
                                                            "repaired."},
    **dict.fromkeys((400, 407, 408, 410, 418, 429, 501, 502, 504)),
}


async def _part(kind, found, reader, writer):
    """Answers a narinfo or NAR: kind is a status, "html", "hang", "file" or "other"; found the honest file."""
    if kind == "hang":
        await until_closed(reader)
    elif kind == "html":
        writer.write(reply(200, "<!doctype html><html>login</html>", "text/html"))
    elif isinstance(kind, int) and kind != 200:
        document = OTHER_STATUSES.get(kind) or attic.error("NoSuchObject")[1]
        writer.write(reply(kind, json.dumps(document), "application/json"))
    elif found and found.exists():
        writer.write(reply(200, found.read_bytes(), "application/octet-stream"))
    else:
        writer.write(reply(404, json.dumps(attic.error("NoSuchObject")[1]), "application/json"))


def site_handler(name, site, options):
    """The handler of a site; options: cache (the folder of cache trees), key and other_key."""
    tree = Path(options["cache"]) / "main"

    async def handle(reader, writer, _name):
        head = await read_head(reader, name)
        if not head:
            return
        path = head.split(b" ", 2)[1].decode("latin-1").partition("?")[0]
        last = path.rpartition("/")[2]
        if path.startswith("/_api/v1/cache-config/"):
            host = re.search(rb"\r\nhost: *([^\r]+)", head, re.I)  # as Attic itself makes its address
            body = site.config_body(host[1].decode("latin-1") if host else fault_host(name),
                                    (options["key"], options["other_key"]))
            writer.write(reply(200, body, "application/json"))
        elif path == "/_api/v1/get-missing-paths":
            writer.write(reply(200, '{"missing_paths":[]}', "application/json"))
        elif last == "nix-cache-info":
            writer.write(reply(200, "WantMassQuery: 1\nStoreDir: /nix/store\nPriority: 41\n", "text/x-nix-cache-info"))
        elif last.endswith(".narinfo"):
            found = tree / last
            if site.narinfo == "other":
                found = min(path for path in tree.glob("*.narinfo") if path.name != last)
            await _part(site.narinfo, found, reader, writer)
        else:
            await _part(site.nar, tree / "nar" / last, reader, writer)
    return handle


def status_handler(code):
    """Attic's JSON for a status, or a proxy's plain page."""
    async def handle(reader, writer, name):
        if not await read_head(reader, name):
            return
        document = attic.error(STATUS_ERRORS[code])[1] if code in STATUS_ERRORS else OTHER_STATUSES[code]
        if document:
            writer.write(reply(code, json.dumps(document, separators=(",", ":")), "application/json"))
        else:
            writer.write(reply(code, f"<html><h1>{code}</h1><hr>nginx</html>", "text/html", Retry_After="60"))
    return handle


NAMES = [f"status-{code}" for code in (*STATUS_ERRORS, *OTHER_STATUSES)] + list(SITES)


def faults(options):
    """name: (ports, handler)."""
    made = {f"status-{code}": (HTTP_PORTS, status_handler(code)) for code in (*STATUS_ERRORS, *OTHER_STATUSES)}
    made.update((name, (HTTP_PORTS, site_handler(name, site, options))) for name, site in SITES.items())
    return made
