# SPDX-License-Identifier: Zlib
"""What the lab's Attic does with an upload: holds the NAR against its hash, keeps it, and signs its narinfo. Kept as
long as the lab runs, a folder a cache."""

import base64
import hashlib
import json
import re
import subprocess

NIX32 = "0123456789abcdfghijklmnpqrsvwxyz"
STORE_PATH = re.compile(r"/nix/store/([0-9a-df-np-sv-z]{32})-[0-9A-Za-z+._?=-]+")
# RFC 8410: what stands before the 32 bytes of an Ed25519 key in DER.
DER_PREFIX = bytes.fromhex("302e020100300506032b657004220420")


def nix32(digest):
    """A hash as Nix writes it: base 32, the last bits first."""
    number = int.from_bytes(digest, "little")
    return "".join(NIX32[number >> 5 * i & 31] for i in reversed(range((len(digest) * 8 + 4) // 5)))


class Uploads:
    """Below `folder`; `secret` is Nix's own form of the caches' key, name:base64."""

    def __init__(self, folder, secret):
        self.folder = folder
        self.key_name, _, key = secret.strip().partition(":")
        self.key_file = folder / "key.der"
        folder.mkdir()
        self.key_file.write_bytes(DER_PREFIX + base64.b64decode(key)[:32])

    def has(self, cache, name):
        """Whether a file such as HASH.narinfo was uploaded to a cache."""
        return (self.folder / cache / name).is_file()

    def _sign(self, text):
        (self.folder / "fingerprint").write_text(text)
        done = subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", self.key_file,
                               "-in", self.folder / "fingerprint"], check=True, capture_output=True, timeout=20)
        return f"{self.key_name}:{base64.b64encode(done.stdout).decode()}"

    def keep(self, info, nar):
        """Takes an upload; False where it is not what `info` (Attic's UploadPathNarInfo) says."""
        digest, path = hashlib.sha256(nar), STORE_PATH.fullmatch(info["store_path"])
        if info["nar_hash"] != f"sha256:{digest.hexdigest()}" or info["nar_size"] != len(nar) or \
                not path or path[1] != info["store_path_hash"]:
            return False
        references = sorted(info["references"])
        nar_hash = f"sha256:{nix32(digest.digest())}"
        fingerprint = ";".join(["1", info["store_path"], nar_hash, str(len(nar)),
                                ",".join(f"/nix/store/{name}" for name in references)])
        folder = self.folder / info["cache"]
        (folder / "nar").mkdir(parents=True, exist_ok=True)
        (folder / "nar" / f"{path[1]}.nar").write_bytes(nar)
        (folder / f"{path[1]}.narinfo").write_text(
            f"StorePath: {info['store_path']}\nURL: nar/{path[1]}.nar\nCompression: none\nNarHash: {nar_hash}\n"
            f"NarSize: {len(nar)}\nReferences: {' '.join(references)}\nSig: {self._sign(fingerprint)}\n")
        return True


def read(headers, body):
    """(info, nar) of a request to upload-path, the info in a header or before the NAR; ValueError, KeyError or
    TypeError where it is none."""
    if "x-attic-nar-info-preamble-size" in headers:
        size = int(headers["x-attic-nar-info-preamble-size"])
        text, body = body[:size], body[size:]
    else:
        text = headers["x-attic-nar-info"]
    info = json.loads(text)
    if not re.fullmatch("[A-Za-z0-9][A-Za-z0-9_+-]{0,49}", info["cache"]):
        raise ValueError(info["cache"])
    return info, body
