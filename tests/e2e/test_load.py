# SPDX-License-Identifier: Zlib
"""Many jobs that begin at the same moment: none is told that a server is gone which is only busy, and none costs the
servers more than a job may."""

import collections

import crowd
import pytest
from runner_files import parse

AGENTS = 30
PROVEN = ("system-ready", "nix-ready", "attic-ready", "bazel-ready", "substituters-ready")


@pytest.fixture(name="crowded", scope="module")
def crowded_(lab, spinup):
    """All agents, and what came to the servers meanwhile."""
    assert spinup
    counts = crowd.Counts(lab)
    return crowd.run(lab, AGENTS, pods=3, image="determinate", daemon="determinate"), counts


def test_each_job_finds_every_server(crowded):
    agents, _ = crowded
    assert len(agents) == AGENTS
    for agent in agents:
        assert agent.status == 0
        assert {id_: agent.severity(id_) for id_ in PROVEN} == dict.fromkeys(PROVEN, "ok")


def test_each_job_gets_the_same_caches(crowded):
    agents, _ = crowded
    written = collections.Counter(
        tuple(dict(parse(agent.env))[name] for name in ("ATTIC_SERVER", "ATTIC_PUBLIC_KEY", "BAZEL_REMOTE_CACHE"))
        for agent in agents)
    assert len(written) == 1 and all(written.popitem()[0])


def test_a_job_costs_the_servers_little(crowded):
    """Three requests to Attic (configuration, narinfo, the NAR's first byte), one call to the Bazel cache."""
    _, counts = crowded
    attic = counts.take("attic")
    assert set(attic.values()) == {AGENTS} and len(attic) == 3
    assert counts.take("bazel") == {"GETCAPABILITIES": AGENTS}
    names = counts.take("names")
    assert max(names.values()) <= 3 * AGENTS  # the dns proof asks, and the cache's own; one may ask again
