# SPDX-License-Identifier: Zlib
"""dnsmasq as the cluster's DNS: the lab's whole table, or a view of it in which some names lead elsewhere."""

from topology import CLUSTER_DNS, SERVERS, SERVERS6


def command(address=CLUSTER_DNS, table=SERVERS, log=None):
    """The command line of one dnsmasq; it goes to the background once it listens."""
    words = ["dnsmasq", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll", "--user=root",
             "--group=root", "--bind-interfaces", f"--listen-address={address}", "--pid-file=",
             # not --address=/#/: that answers NXDOMAIN to AAAA of a name that exists, and musl then gives up
             "--local=/#/", "--local-ttl=5"]
    if log:
        words += ["--log-queries", f"--log-facility={log}"]
    for name, target in {**table, **SERVERS6}.items():
        if target:
            words.append(f"--host-record={name},{target}")
    return words
