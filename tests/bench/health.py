# SPDX-License-Identifier: Zlib
"""`spinup probe bazel` beside grpc_health_probe, which clusters ask gRPC servers with: what each costs, and what each
says of caches whose truth is known."""

import go_programs
import topology
from figures import Figures, measure, report
from lab import CONTRACT
from places import LabError
from visit import File

PROGRAM = "/bench/grpc_health_probe"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
PORT = 9092
RUNS = 10
# Whether Bazel can use the cache that is there without a password.
TRUTHS = {
    "bazel-remote": (topology.BAZEL, True),
    "bazel-remote that wants a password": (f"bazel-auth.{topology.CACHES}", False),
    "no cache, its health service serves": (topology.fault_host("grpc-health-only"), False),
    "no cache, NOT_SERVING": (topology.fault_host("grpc-not-serving"), False),
    "a cache that starts, NOT_SERVING": (topology.fault_host("grpc-unhealthy"), False),
    "connection refused": (topology.fault_host("refused"), False),
    "every packet swallowed": (topology.fault_host("blackhole"), False),
}


def commands(host, is_tls=False):
    """The two ways to ask one server."""
    return {"spinup probe bazel": ["spinup", "probe", "bazel", f"{'grpcs' if is_tls else 'grpc'}://{host}:{PORT}"],
            "grpc_health_probe": [PROGRAM, "-addr", f"{host}:{PORT}",
                                  *(["-tls", "-tls-ca-cert", AUTHORITIES] if is_tls else [])]}


def race(pod, rounds, host, is_tls=False):
    """Figures of both, in turn."""
    rows = {name: [] for name in commands(host, is_tls)}
    for _ in range(rounds):
        for name, command in commands(host, is_tls).items():
            rows[name] += measure(pod, RUNS, command, {"SPINUP_CONTRACT": CONTRACT})
    figures = {name: Figures(found) for name, found in rows.items()}
    if any(found.statuses != [0] for found in figures.values()):
        raise LabError(f"a healthy cache is not found so: {[found.statuses for found in figures.values()]}")
    return figures


def print_memory(pod, host):
    """What all processes of each ever held together: spinup asks in a process of its own."""
    for name, command in commands(host).items():
        result = pod.exec(["/opt/lab/peaks", *command], env={"SPINUP_CONTRACT": CONTRACT}).check()
        largest, together = (int(word) / 1024 for word in result.stdout.split())
        print(f"  {name}: the largest process {largest:.1f} MiB, all together {together:.1f} MiB")


def compare(lab, rounds):
    """What it costs, plain and by TLS, and what it is worth."""
    program = File(go_programs.make("grpc-health-probe").read_bytes(), 0o755)
    with lab.pod(image="determinate", files={PROGRAM: program}) as pod:
        report("a real bazel-remote", race(pod, rounds, topology.BAZEL))
        print_memory(pod, topology.BAZEL)
        report("the same by TLS, the CA in a bundle",
               race(pod, rounds, f"bazel-tls.{topology.CACHES}", is_tls=True))
        print("\ncan Bazel use this cache?\n  " + f"{'':36} truth   spinup  ms        grpc_health_probe  ms")
        wrong = {name: 0 for name in commands("")}
        for what, (host, truth) in TRUTHS.items():
            said = []
            for name, command in commands(host).items():
                figures = Figures(measure(pod, 3, command, {"SPINUP_CONTRACT": CONTRACT}))
                is_usable = figures.statuses == [0]
                wrong[name] += is_usable != truth
                said.append(f"{'yes' if is_usable else 'no':7} {figures.wall:8.1f}")
            print(f"  {what:36} {'yes' if truth else 'no':7} {said[0]}  {said[1]}", flush=True)
        print("  wrong: " + ", ".join(f"{name} {number} of {len(TRUTHS)}" for name, number in wrong.items()))
