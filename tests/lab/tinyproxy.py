# SPDX-License-Identifier: Zlib
"""Real forward proxies (tinyproxy): one that works, one whose filter blocks the cluster, one with a password."""

import subprocess

from topology import CACHES, CLUSTER_DNS, SERVERS

PORT = 3128
USER, PASSWORD = "job", "lab-password"
CONFIGURATION = """Port {port}
Listen {address}
Timeout 30
MaxClients 100
LogFile "{log}"
LogLevel Connect
DisableViaHeader Yes
{more}
"""
# host: what its configuration has beside the rest
PROXIES = {
    f"tinyproxy.{CACHES}": "",
    f"tinyproxy-no-cluster.{CACHES}": 'Filter "{where}/tinyproxy.filter"',
    f"tinyproxy-auth.{CACHES}": f"BasicAuth {USER} {PASSWORD}",
}


def start(where):
    """Starts them in the lab's namespaces, where names are the cluster's; returns addresses."""
    (where / "tinyproxy.filter").write_text(r"\.svc\.cluster\.local$" + "\n")
    (where / "tinyproxy.resolv").write_text(f"nameserver {CLUSTER_DNS}\n")
    subprocess.run(["mount", "--bind", where / "tinyproxy.resolv", "/etc/resolv.conf"], check=True, timeout=10)
    for host, more in PROXIES.items():
        configuration = where / f"{host}.conf"
        configuration.write_text(CONFIGURATION.format(
            port=PORT, address=SERVERS[host], log=where / f"{host}.log", more=more.format(where=where)))
        subprocess.Popen(  # pylint: disable=consider-using-with  # they end with this pid namespace
            ["tinyproxy", "-d", "-c", configuration], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
    return [(SERVERS[host], PORT) for host in PROXIES]
