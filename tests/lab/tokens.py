# SPDX-License-Identifier: Zlib
"""Attic tokens: JWTs with Attic's claims, signed with HS256 and the lab's fixed secret."""

import base64
import hashlib
import hmac
import json
import re
import time

SECRET = b"spinup lab: not a secret"
CLAIMS = "https://jwt.attic.rs/v1"
FAR = 4102444800  # 2100-01-01
GRACE_S = 900     # what Attic's JWT library tolerates on exp


def _encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def mint(caches, *, subject="lab", expires=FAR, not_before=None, secret=SECRET, **extra):
    """A token; caches maps name patterns to permissions, such as {"main": "rw"} or {"ci-*": ["r", "cq"]}."""
    permissions = {name: {letter: 1 for letter in letters} for name, letters in caches.items()}
    claims = {"sub": subject, "exp": expires, **extra, CLAIMS: {"caches": permissions}}
    if not_before is not None:
        claims["nbf"] = not_before
    parts = [_encode(json.dumps(part, separators=(",", ":")).encode())
             for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = hmac.new(secret, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, _encode(signature)])


def claims(token, now=None):
    """What Attic makes of a token: its claims, or None where it goes on as if there were none."""
    now = time.time() if now is None else now
    try:
        head, body, signature = token.split(".")
        expected = hmac.new(SECRET, f"{head}.{body}".encode(), hashlib.sha256).digest()
        if not hmac.compare_digest(expected, _decode(signature)):
            return None
        found = json.loads(_decode(body))
        if found["exp"] + GRACE_S < now or found.get("nbf", 0) > now:
            return None
        return found if isinstance(found[CLAIMS]["caches"], dict) else None
    except (ValueError, KeyError, TypeError):
        return None


def permissions(found, cache):
    """The letters that a token's claims give on a cache: the exact name first, else the first pattern."""
    if not found:
        return set()
    patterns = found[CLAIMS]["caches"]
    if cache in patterns:
        return {letter for letter, value in patterns[cache].items() if value}
    for pattern, letters in patterns.items():
        if re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), cache):
            return {letter for letter, value in letters.items() if value}
    return set()


def standard():
    """The tokens that the tests know by name."""
    now = int(time.time())
    return {
        "pull": mint({"main": "r", "private": "r", "redirect*": "r"}),
        "push": mint({"main": "rw", "private": "rw", "redirect*": "rw"}),
        "wildcard": mint({"*": "rw"}),
        "expired": mint({"main": "rw", "private": "rw"}, expires=1600000000),
        "not-yet": mint({"main": "rw", "private": "rw"}, not_before=now + 86400),
        "other-cache": mint({"somebody-elses": "rw"}),
        "shadowed": mint({"ma*": "r", "main*": "rw"}),  # the first pattern wins: no push on main
        "bad": mint({"main": "rw", "private": "rw"}, secret=b"another server's"),
        "opaque": "not-a-json-web-token",
    }


def about_to_end():
    """The token "grace", which lives for some minutes only: made when it is used."""
    return mint({"main": "rw", "private": "rw"}, expires=int(time.time()) - 300)


if __name__ == "__main__":
    for name_, token_ in {**standard(), "grace": about_to_end()}.items():
        print(f"{name_}\t{token_}")
