# SPDX-License-Identifier: Zlib
"""The cluster: runs as init of its own network, mount and pid namespaces (`box pod --net new`), starts every
server, says "ready", and ends with its standard input, and everything with it."""

import asyncio
import base64
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import attic
import attic_uploads
import dns
import faults
import nameserver
import tinyproxy
import topology
from topology import ADDRESS6, BAZEL, BLACKHOLE, CACHES, DOWNLOADS, GATEWAY, NETWORK, SERVERS, STORAGE
from topology import fault_address as address

BAZEL_USER, BAZEL_PASSWORD = "job", "lab-password"
START_LIMIT_S = 10
NETWORK_SETUP = f"""
link set lo up
addr add 10.43.0.1/32 dev lo
route add local {NETWORK} dev lo
addr add {ADDRESS6}/128 dev lo nodad
link add ve0 type veth peer name ve1
link set ve0 up
link set ve1 up
addr add {GATEWAY} dev ve0
neigh add {BLACKHOLE} lladdr 02:00:00:00:00:01 dev ve0 nud permanent
"""


def run(words, text=None):
    """Runs a program that must succeed."""
    done = subprocess.run(words, input=text, text=True, capture_output=True, timeout=START_LIMIT_S, check=False)
    if done.returncode:
        sys.exit(f"{words[0]}: {done.stderr.strip() or done.stdout.strip()}")


def handshakes(good, wrong):
    """Servers whose certificate is right: one that knows TLS 1.0 and 1.1 alone, one that knows no name
    (unrecognized_name), and an Attic and a Bazel cache that are shown only to who says their name."""
    def listen(name, more=""):
        return f"\tserver {{ listen {address(name)}:443 ssl{more}; listen {address(name)}:9092 ssl http2{more}; "

    by_name = f"server_name {topology.fault_host('tls-by-name')}; {good} proxy_set_header Host $host; "
    return (f"{listen('tls-old')} {good} ssl_protocols TLSv1 TLSv1.1; ssl_ciphers ALL:@SECLEVEL=0; }}\n"
            f"{listen('tls-no-name')} ssl_reject_handshake on; }}\n"
            f"{listen('tls-by-name', ' default_server')} {wrong} return 421; }}\n"
            f"{listen('tls-by-name')} {by_name} location / {{ proxy_pass http://{SERVERS[topology.ATTIC]}; }} "
            f"location /build.bazel {{ grpc_pass grpc://{SERVERS[BAZEL]}:9092; }} }}\n")


def nginx_configuration(where, cache, certificates, key):
    """nginx.conf.in with this lab's places."""
    text = (Path(__file__).parent / "nginx.conf.in").read_text()
    good = f"ssl_certificate {certificates}/good.crt; ssl_certificate_key {certificates}/good.key;"
    tls = "".join(
        f"\tserver {{ listen {address('tls-' + name)}:443 ssl; listen {address('tls-' + name)}:9092 ssl http2;"
        f" ssl_certificate {certificates}/{name}.crt; ssl_certificate_key {certificates}/{name}.key;"
        f" location / {{ return 200 \"{name}\n\"; }} }}\n" for name in topology.TLS_FAULTS)
    tls += handshakes(good, f"ssl_certificate {certificates}/wrong-host.crt; "
                            f"ssl_certificate_key {certificates}/wrong-host.key;")
    tls += f"\tserver {{ listen {address('tls-on-http')}:80 ssl; {good} }}\n"
    tls += f"\tserver {{ listen {address('grpcs-http1')}:9092 ssl; {good} }}\n"
    main = attic.compact(attic.config("main", key)).replace(f"http://{topology.ATTIC}", "$scheme://$host")
    for mark, value in {
            "RUN": where, "CACHE": cache, "TLS": certificates, "MAIN": main, "STORAGE": STORAGE,
            "ATTIC": SERVERS[topology.ATTIC], "ATTIC6": ADDRESS6,
            "PUBLIC": SERVERS[topology.PUBLIC_ATTIC], "STORAGE_ADDRESS": SERVERS[STORAGE],
            "DOWNLOADS": SERVERS[DOWNLOADS], "SERVERS": tls}.items():
        text = text.replace(f"@{mark}@", str(value))
    return text


def start_bazel_remotes(program, where, certificates):
    """Starts bazel-remote plain, with basic auth, with TLS and with client certificates; returns addresses."""
    password = base64.b64encode(hashlib.sha1(BAZEL_PASSWORD.encode()).digest()).decode()
    (where / "htpasswd").write_text(f"{BAZEL_USER}:{{SHA}}{password}\n")
    tls = ["--tls_cert_file", f"{certificates}/good.crt", "--tls_key_file", f"{certificates}/good.key"]
    kinds = {BAZEL: [], f"bazel-auth.{CACHES}": ["--htpasswd_file", f"{where}/htpasswd"],
             f"bazel-tls.{CACHES}": tls, f"bazel-mtls.{CACHES}": [*tls, "--tls_ca_file", f"{certificates}/ca.crt"]}
    log = open(where / "bazel-remote.log", "ab")  # pylint: disable=consider-using-with  # the children's
    for host, options in kinds.items():
        folder = where / host
        folder.mkdir()
        subprocess.Popen(  # pylint: disable=consider-using-with  # they end with this pid namespace
            [program, "--dir", folder, "--max_size", "1", "--http_address",
             f"{SERVERS[host]}:8080", "--grpc_address", f"{SERVERS[host]}:9092", *options],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"GOMAXPROCS": "1"})
    return [(SERVERS[host], port) for host in kinds for port in (8080, 9092)]


async def answering(host, port):
    """Returns once the port accepts connections."""
    end = time.monotonic() + START_LIMIT_S
    while True:
        try:
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        except OSError:
            if time.monotonic() > end:
                sys.exit(f"nothing listens on {host}:{port}")
            await asyncio.sleep(0.003)


async def until_input_ends():
    """The lab holds the other end of our standard input."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


async def serve(options):
    """Everything that lives in this process, then "ready", then the wait for the end."""
    uploads = attic_uploads.Uploads(Path(options["run"]) / "uploads", Path(options["secret"]).read_text())
    answers = attic.Attic(options["key"], Path(options["cache"]), uploads)
    kept = [await asyncio.start_unix_server(answers.serve, Path(options["run"]) / "attic.sock"), await dns.start()]
    await asyncio.gather(*(answering(*place) for place in options["expected"]))
    print("ready", flush=True)
    await until_input_ends()
    return kept


def fork_faults(options):
    """Starts the misbehaving servers in a process of their own, whose load no honest server feels; returns a
    descriptor that is readable once they listen."""
    ready, say_ready = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        asyncio.run(faults.serve(options, lambda: os.write(say_ready, b"1")))
        os._exit(0)
    os.close(say_ready)
    return ready


def main():
    """argv[1] is JSON: run, cache, certificates, key, secret, other_key, bazel_remote."""
    options = json.loads(sys.argv[1])
    where = Path(options["run"])
    os.umask(0o022)
    run(["ip", "-batch", "-"], NETWORK_SETUP)
    options["expected"] = [*start_bazel_remotes(options["bazel_remote"], where, options["certificates"]),
                           *tinyproxy.start(where)]
    faults_ready = fork_faults(options)
    (where / "nginx.conf").write_text(
        nginx_configuration(where, options["cache"], options["certificates"], options["key"]))
    run(nameserver.command(log=where / "dnsmasq.log"))
    run(["nginx", "-e", str(where / "nginx.err"), "-c", str(where / "nginx.conf")])
    if os.read(faults_ready, 1) != b"1":
        sys.exit("the misbehaving servers do not start")
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
