# SPDX-License-Identifier: Zlib
"""The lab's names and addresses: one table that the DNS servers, the servers and the tests all read."""

NETWORK = "10.43.0.0/16"       # ClusterIP-like: every address in it is the cluster's own
ADDRESS6 = "fd43::20"          # the one IPv6 address: Attic's
CLUSTER_DNS = "10.43.0.10"     # dnsmasq, as CoreDNS would answer
FAULTY_DNS = "10.43.0.11"      # dns.py: faults by left-most label, else the same table
POD = "10.43.0.200"            # a pod's own address, in its hosts file as the kubelet writes it
REFUSED = "10.43.0.99"         # nothing listens there: RST, and ICMP for UDP
BLACKHOLE = "10.99.0.1"        # a veth neighbour that does not exist: no answer at all
GATEWAY = "10.99.0.254/24"
SEARCH = "nix-cache.svc.cluster.local svc.cluster.local cluster.local"

CACHES = "nix-cache.svc.cluster.local"
FAULTS = "faults.svc.cluster.local"

ATTIC = f"attic.{CACHES}"
BAZEL = f"bazel-cache.{CACHES}"
PUBLIC_ATTIC = "nix-cache.tinyland.dev"
STORAGE = f"attic-minio-hl.{CACHES}"
DOWNLOADS = f"downloads.{CACHES}"

SERVERS = {
    ATTIC: "10.43.0.20",
    BAZEL: "10.43.0.21",
    f"bazel-auth.{CACHES}": "10.43.0.22",
    f"bazel-tls.{CACHES}": "10.43.0.23",
    f"bazel-mtls.{CACHES}": "10.43.0.24",
    PUBLIC_ATTIC: "10.43.0.25",
    STORAGE: "10.43.0.26",
    DOWNLOADS: "10.43.0.27",
    f"tinyproxy.{CACHES}": "10.43.0.28",
    f"tinyproxy-no-cluster.{CACHES}": "10.43.0.29",
    f"tinyproxy-auth.{CACHES}": "10.43.0.30",
    f"refused.{CACHES}": REFUSED,
    f"blackhole.{CACHES}": BLACKHOLE,
    f"attic-api.{CACHES}": "10.43.0.20",  # the name resolves, but only port 80 answers: the field's :8080 trap
}
SERVERS6 = {f"attic6.{CACHES}": ADDRESS6}  # no A record

# What `down` and DNS views may call an endpoint.
ENDPOINTS = {"attic": ATTIC, "bazel": BAZEL, "public": PUBLIC_ATTIC, "storage": STORAGE}

# By what their certificate is wrong; and servers that are particular about the handshake itself.
TLS_FAULTS = ("expired", "not-yet", "wrong-host", "self-signed", "unknown-ca")
HANDSHAKES = ("tls-old", "tls-no-name", "tls-by-name")

_fault_addresses = {"refused": REFUSED, "blackhole": BLACKHOLE}


def fault_address(name):
    """The address of a fault server, the same in every process that asks in the same order."""
    if name not in _fault_addresses:
        number = len(_fault_addresses)
        _fault_addresses[name] = f"10.43.{2 + number // 200}.{1 + number % 200}"
    return _fault_addresses[name]


def fault_host(name):
    """The name under which a fault server is reached."""
    return f"{name}.{FAULTS}"
