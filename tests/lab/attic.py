# SPDX-License-Identifier: Zlib
"""Attic's answers that depend on a token: nginx asks here, and serves the files itself (X-Accel-Redirect)."""

import asyncio
import base64
import json
import re

import attic_uploads
import tokens
from topology import ATTIC

# name: (public, retention); their narinfos come from cache/NAME where that exists, else from cache/main
CACHES = {
    "main": (True, "Global"),
    "private": (False, {"Period": 2592000}),
    "redirect": (True, "Global"),
    "redirect-dead": (True, "Global"),
    "redirect-refused": (True, "Global"),
    "redirect-blackhole": (True, "Global"),
    "unsigned": (True, "Global"),
    "badsig": (True, "Global"),
    "strangersig": (True, "Global"),
}
STATUS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found"}
MESSAGES = {
    "Unauthorized": (401, "Unauthorized."),
    "AccessError": (403, "Access error: User does not have permission to complete this action."),
    "NoSuchCache": (404, "The requested cache does not exist."),
    "NoSuchObject": (404, "The requested object does not exist."),
    "NotFound": (404, "The URL you requested was not found."),
    "RequestError": (400, "General request error: bad request"),
}


def compact(document):
    """JSON as Attic writes it."""
    return json.dumps(document, separators=(",", ":"))


def error(kind):
    """(status, JSON) of an error as Attic words it."""
    code, message = MESSAGES[kind]
    return code, {"code": code, "error": kind, "message": message}


def config(cache, public_key, host=ATTIC, **changes):
    """cache-config of a cache."""
    public, retention = CACHES.get(cache, (True, "Global"))
    return {"substituter_endpoint": f"http://{host}/{cache}", "api_endpoint": f"http://{host}/",
            "public_key": public_key, "is_public": public, "store_dir": "/nix/store", "priority": 41,
            "upstream_cache_key_names": ["cache.nixos.org-1"], "retention_period": retention, **changes}


def token_of(headers):
    """The claims behind an Authorization header; Basic carries the token as its password."""
    kind, _, value = headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except ValueError:
            return None
    elif kind.lower() != "bearer":
        return None
    return tokens.claims(value.strip())


def refusal(cache, headers, needed):
    """None when the request may `needed` ("r" or "w") on the cache, else Attic's error."""
    found = tokens.permissions(token_of(headers), cache)
    if cache not in CACHES:
        return error("NoSuchCache" if found else "Unauthorized")
    if CACHES[cache][0]:
        found = found | {"r"}
    if needed in found:
        return None
    return error("AccessError" if found else "Unauthorized")


class Attic:
    """Answers for one lab; `public_key` is the key of its caches, `files` the folder with one tree a cache, `uploads`
    what was added to them."""

    def __init__(self, public_key, files, uploads):
        self.public_key = public_key
        self.files = files
        self.uploads = uploads

    def _missing_paths(self, headers, body):
        try:
            asked = json.loads(body)
            cache, hashes = asked["cache"], asked["store_path_hashes"]
            if not all(re.fullmatch("[0-9a-z]{32}", hash_) for hash_ in hashes):
                return error("RequestError")
        except (ValueError, KeyError, TypeError):
            return error("RequestError")
        missing = [hash_ for hash_ in hashes if not (self.files / "main" / f"{hash_}.narinfo").exists()
                   and not self.uploads.has(cache, f"{hash_}.narinfo")]
        return refusal(cache, headers, "w") or (200, {"missing_paths": missing})

    def _upload(self, headers, body):
        try:
            info, nar = attic_uploads.read(headers, body)
            refused = refusal(info["cache"], headers, "w")
            if refused or not self.uploads.keep(info, nar):
                return refused or error("RequestError")
        except (ValueError, KeyError, TypeError):
            return error("RequestError")
        return 200, {"kind": "Uploaded", "file_size": len(nar)}

    def _file(self, cache, name, headers):
        """(status, body, path): a path is nginx's to serve."""
        tree = cache if (self.files / cache).is_dir() else "main"
        if name == "nix-cache-info":
            refused = refusal(cache, headers, "r")
            return (*refused, None) if refused else (200, None, "/internal/nix-cache-info")
        place = "uploads" if self.uploads.has(cache, name) else "files"
        if place == "files" and not (self.files / tree / name).is_file():
            return (*error("NoSuchObject"), None)  # before any look at the token, as Attic does
        refused = refusal(cache, headers, "r")
        return (*refused, None) if refused else \
            (200, None, f"/internal/{place}/{cache if place == 'uploads' else tree}/{name}")

    def answer(self, method, path, headers, body):
        """(status, JSON or None, path for nginx or None)."""
        if path == "/_api/v1/get-missing-paths" and method == "POST":
            return (*self._missing_paths(headers, body), None)
        if path == "/_api/v1/upload-path" and method == "PUT":
            return (*self._upload(headers, body), None)
        host = headers.get("host", ATTIC)
        found = re.fullmatch(r"/_api/v1/cache-config/([A-Za-z0-9][A-Za-z0-9_+-]{0,49})", path) or \
            re.fullmatch(r"/([A-Za-z0-9][A-Za-z0-9_+-]{0,49})/attic-cache-info", path)
        if found:
            refused = refusal(found[1], headers, "r")
            return (*(refused or (200, config(found[1], self.public_key, host))), None)
        found = re.fullmatch(r"/([A-Za-z0-9][A-Za-z0-9_+-]{0,49})/(nix-cache-info|\w{32}\.narinfo|nar/[\w.]+)", path)
        if found:
            return self._file(found[1], found[2], headers)
        return (*error("NotFound"), None)

    async def serve(self, reader, writer):
        """One connection from nginx, which sends one request on each."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            status, product, inner = self.answer(method, path.partition("?")[0], headers, body)
            text = compact(product).encode() if product is not None else b""
            extra = f"X-Accel-Redirect: {inner}\r\n" if inner else "Content-Type: application/json\r\n"
            writer.write(f"HTTP/1.0 {status} {STATUS[status]}\r\n{extra}Content-Length: {len(text)}\r\n\r\n".encode()
                         + text)
            await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass
        finally:
            writer.close()
