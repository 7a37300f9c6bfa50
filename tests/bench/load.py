# SPDX-License-Identifier: Zlib
"""A thousand agents at the same moment, each a whole `spinup run`, against one lab's servers.

In a cluster the servers have machines of their own, so here they go first: the agents share what they leave of this
machine's processors. No agent may find a server unreachable that is there, and what the servers count is held
against what a job may cost them."""

import collections
import os
import statistics
from pathlib import Path

import crowd
from figures import aim

AGENTS = 1000
PODS = 100
READY = ("system-ready", "nix-ready", "attic-ready", "bazel-ready", "substituters-ready")
MOST_REQUESTS = 3  # to one endpoint, for a job: the aim
FIRST = -20  # of setpriority
SHOWN = 12   # findings of those that missed a server


def descendants(pid):
    """The process and all below it."""
    children = collections.defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            children[int(path.read_text().rpartition(")")[2].split()[1])].append(int(path.parent.name))
        except OSError:
            continue  # it has ended meanwhile
    todo, found = [pid], []
    while todo:
        found.append(todo.pop())
        todo += children[found[-1]]
    return found


def go_first(lab):
    """Gives the servers the processors whenever they want them: also where the kernel shares them out by session."""
    for pid in descendants(lab.pid):
        for thread in os.listdir(f"/proc/{pid}/task"):
            os.setpriority(os.PRIO_PROCESS, int(thread), FIRST)
        session = Path(f"/proc/{pid}/autogroup")
        if session.exists():
            session.write_text(str(FIRST), encoding="ascii")


def print_times(agents):
    """Of all of them."""
    walls = sorted(agent.wall_ms for agent in agents)
    print(f"  wall, ms: median {statistics.median(walls):.0f}, p95 {walls[int(len(walls) * 0.95)]:.0f}, "
          f"the last {walls[-1]:.0f}")
    print(f"  CPU, ms: median {statistics.median(agent.cpu_ms for agent in agents):.1f}, of all together "
          f"{sum(agent.cpu_ms for agent in agents):.0f}; largest process {max(a.rss_mib for a in agents):.1f} MiB")


def print_verdicts(agents):
    """What they found, and how many lacked a proof that was there to be had."""
    print(f"  outcomes: {dict(collections.Counter(agent.report['outcome'] for agent in agents))}")
    for id_ in READY:
        print(f"  {id_}: {sum(agent.severity(id_) == 'ok' for agent in agents)} of {len(agents)}")
    bad = collections.Counter(found["id"] for agent in agents for found in agent.report["findings"]
                              if found["severity"] in ("warning", "error"))
    print(f"  warnings and errors: {dict(bad) or 'none'}")
    missing = [agent for agent in agents if any(agent.severity(id_) != "ok" for id_ in READY)]
    for found in [found for agent in missing for found in agent.report["findings"]
                  if found["severity"] in ("warning", "error")][:SHOWN]:
        print(f"    {found['id']}: {found['detail']}")
    aim("agents that miss a server which is there", len(missing), 0)


def print_requests(counts, agents):
    """By endpoint, for a job: the mean is what each did, as each that has proven a server has asked it."""
    attic, bazel, names = (counts.take(server) for server in ("attic", "bazel", "names"))
    for path, number in attic.most_common():
        print(f"  Attic: {number / agents:.3f} a job  {path.partition('.')[0][:60]}")
    for call, number in bazel.most_common():
        print(f"  Bazel: {number / agents:.3f} a job  {call}")
    print(f"  name server: {names.total() / agents:.3f} questions a job about {len(names)} names")
    aim("requests to Attic for a job,", attic.total() / agents, MOST_REQUESTS)
    aim("calls to the Bazel cache for a job,", bazel.total() / agents, MOST_REQUESTS)


def storm(lab, _rounds):
    """All at once, after as many as one pod has, which are the measure of a machine that is not short of anything."""
    go_first(lab)
    for count, pods in ((10, 1), (AGENTS, PODS)):
        counts = crowd.Counts(lab)
        agents = crowd.run(lab, count, pods, image="determinate", daemon="determinate")
        print(f"\n{count} agents at once in {pods} pods, {os.cpu_count()} processors")
        print_times(agents)
        print_verdicts(agents)
        print_requests(counts, len(agents))
