# SPDX-License-Identifier: Zlib
"""The download servers: the good one, and the lies and failures of the others, as curl sees them."""

import hashlib
import random
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

import faults_downloads  # noqa: E402  pylint: disable=wrong-import-position
import topology  # noqa: E402  pylint: disable=wrong-import-position

NAME = "lab.bin"
SIZE = 400_001
CONTENT = random.Random(1).randbytes(SIZE)
HALF, QUARTER = SIZE // 2, SIZE // 4 + 1


@pytest.fixture(name="pod")
def fixture_pod(lab):
    lab.offer(NAME, CONTENT)
    with lab.pod(image="bare", daemon="none") as made:
        yield made


def fetch(pod, host, *words, scheme="http"):
    """(curl's exit status, HTTP status, how many bytes came, SHA-256 of them)."""
    pod.place({"/tmp/got": None})
    result = pod.exec(["curl", "-sS", "-m", "0.6", "--max-redirs", "4", "-o", "/tmp/got", "-w", "%{http_code}",
                       *words, f"{scheme}://{host}/{NAME}"])
    got = (pod.read("/tmp/got")["/tmp/got"] or "").encode("utf-8", "surrogateescape")
    return result.rc, int(result.stdout or 0), len(got), hashlib.sha256(got).hexdigest()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


# server: (curl's exit status, HTTP status, bytes) of a plain request, and of one that goes on at byte 300,000
EXPECTED = {
    "dl-truncated": ((18, 200, HALF), (18, 206, 0)),
    "dl-truncated-norange": ((18, 200, HALF), (33, 200, 0)),
    "dl-resume": ((18, 200, QUARTER), (0, 206, SIZE - 300_000)),
    "dl-short-length": ((0, 200, HALF), (0, 206, (SIZE - 300_000) // 2)),
    "dl-long-length": ((18, 200, SIZE), (18, 206, SIZE - 300_000)),
    "dl-html": ((0, 200, len(faults_downloads.CAPTIVE)), (33, 200, 0)),
    "dl-stall": ((28, 200, HALF), (28, 206, 0)),
    "dl-drip": ((28, 200, 1), (28, 206, 1)),
    "dl-wrong": ((0, 200, SIZE), (0, 206, SIZE - 300_000)),
    "dl-garbage": ((0, 200, SIZE), (0, 206, SIZE - 300_000)),
    "dl-404": ((0, 404, 13), (33, 404, 0)),
    "dl-reset": ((56, 200, None), (56, 206, None)),
    "dl-range-lies": ((18, 200, HALF), (33, 206, 0)),
}


@pytest.mark.parametrize("server", EXPECTED)
def test_a_download_server_fails_in_its_own_way(pod, server):
    plain, resumed = EXPECTED[server]
    got = fetch(pod, topology.fault_host(server))
    assert got[:2] + (got[2] if plain[2] is not None else None,) == plain
    got = fetch(pod, topology.fault_host(server), "-C", "300000")
    assert got[:2] + (got[2] if resumed[2] is not None else None,) == resumed


def test_contents(pod):
    host = topology.fault_host
    flipped = bytearray(CONTENT)
    flipped[HALF] ^= 1
    assert fetch(pod, host("dl-wrong"))[3] == sha256(flipped)
    assert fetch(pod, host("dl-garbage"))[3] not in (sha256(flipped), sha256(CONTENT))
    assert fetch(pod, host("dl-truncated"))[3] == sha256(CONTENT[:HALF])
    assert fetch(pod, host("dl-resume"), "-C", str(HALF))[3] == sha256(CONTENT[HALF:HALF + QUARTER])


def test_an_endless_download_begins_well(pod):
    script = f"curl -s http://{topology.fault_host('dl-endless')}/{NAME} | head -c {SIZE + 50000} | sha256sum"
    assert pod.exec(["sh", "-c", script], timeout=20).check().stdout.split()[0] == sha256(CONTENT + bytes(50000))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_good_server(pod, lab, scheme):
    before = len(lab.fetches(NAME))
    assert fetch(pod, topology.DOWNLOADS, scheme=scheme) == (0, 200, SIZE, sha256(CONTENT))
    assert fetch(pod, topology.DOWNLOADS, "-C", "1000", scheme=scheme) == (0, 206, SIZE - 1000, sha256(CONTENT[1000:]))
    end = time.monotonic() + 5
    while len(lab.fetches(NAME)) < before + 2 and time.monotonic() < end:
        pass  # nginx logs a request once it has sent the answer
    assert lab.fetches(NAME)[before:] == ["", "bytes=1000-"]


def test_redirects(pod):
    for scheme in ("http", "https"):
        assert fetch(pod, topology.fault_host("dl-redirect-ok"), "-L", scheme=scheme)[:3] == (0, 200, SIZE)
        assert fetch(pod, topology.fault_host("dl-redirect-loop"), "-L", scheme=scheme)[0] == 47
    words = ["curl", "-sSL", "-w", "%{url_effective}", "-o", "/dev/null"]
    downgraded = pod.exec([*words, f"https://{topology.fault_host('dl-redirect-http')}/{NAME}"])
    assert downgraded.check().stdout == f"http://{topology.DOWNLOADS}/{NAME}"


def test_unavailable_twice(pod):
    assert [fetch(pod, topology.fault_host("dl-503-twice"))[1] for _ in range(6)] == [503, 503, 200, 503, 503, 200]


def test_a_file_of_this_machine_and_one_that_is_not_there(pod, lab, tmp_path):
    (tmp_path / "file").write_bytes(CONTENT[:100])
    lab.offer("other.bin", tmp_path / "file")
    got = pod.exec(["curl", "-sS", f"http://{topology.DOWNLOADS}/other.bin"], timeout=5).check().stdout
    assert got.encode("utf-8", "surrogateescape") == CONTENT[:100]
    words = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}"]
    assert pod.exec([*words, f"http://{topology.fault_host('dl-wrong')}/never-offered"]).check().stdout == "404"
    assert lab.fetches("never-offered", "dl-wrong") == [""]
