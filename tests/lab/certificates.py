# SPDX-License-Identifier: Zlib
"""The lab's certificate authority and the certificates of its servers, right and wrong ones, by openssl."""

import shutil
import subprocess

from places import CERTIFICATES, LabError

# name: (subjectAltName, first day, last day, issuer); dates are YYYYMMDDHHMMSSZ
LEAVES = {
    "good": ("DNS:nix-cache.tinyland.dev,DNS:*.nix-cache.svc.cluster.local,DNS:*.faults.svc.cluster.local",
             "20250101000000Z", "20490101000000Z", "ca"),
    "expired": ("DNS:tls-expired.faults.svc.cluster.local", "20200101000000Z", "20210101000000Z", "ca"),
    "not-yet": ("DNS:tls-not-yet.faults.svc.cluster.local", "20480101000000Z", "20490101000000Z", "ca"),
    "wrong-host": ("DNS:somebody-else.example", "20250101000000Z", "20490101000000Z", "ca"),
    "self-signed": ("DNS:tls-self-signed.faults.svc.cluster.local", "20250101000000Z", "20490101000000Z", None),
    "unknown-ca": ("DNS:tls-unknown-ca.faults.svc.cluster.local", "20250101000000Z", "20490101000000Z", "other-ca"),
    "client": ("DNS:job.tinyland.dev", "20250101000000Z", "20490101000000Z", "ca"),
}

CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = {folder}/index
new_certs_dir = {folder}
rand_serial = yes
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = subject
[subject]
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
subjectKeyIdentifier = hash
"""


def _openssl(*words):
    done = subprocess.run(["openssl", *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60, check=False)
    if done.returncode:
        raise LabError(f"openssl {words[0]}: {done.stderr.strip()}")


def _key(folder, name):
    _openssl("ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", folder / f"{name}.key")


def _authority(folder, name):
    _key(folder, name)
    _openssl("req", "-new", "-x509", "-config", folder / "openssl.cnf", "-extensions", "authority", "-days", "9000",
             "-key", folder / f"{name}.key", "-subj", f"/CN=spinup lab {name}", "-out", folder / f"{name}.crt")


def _leaf(folder, name):
    alternative_names, first, last, issuer = LEAVES[name]
    _key(folder, name)
    request = folder / f"{name}.csr"
    _openssl("req", "-new", "-config", folder / "openssl.cnf", "-key", folder / f"{name}.key",
             "-subj", f"/CN=lab {name}", "-addext", f"subjectAltName={alternative_names}", "-out", request)
    signer = (["-selfsign", "-keyfile", folder / f"{name}.key"] if issuer is None else
              ["-cert", folder / f"{issuer}.crt", "-keyfile", folder / f"{issuer}.key"])
    _openssl("ca", "-batch", "-notext", "-config", folder / "openssl.cnf", *signer, "-startdate", first,
             "-enddate", last, "-in", request, "-out", folder / f"{name}.crt")


def make():
    """Makes them once under build/lab/tls (the caller holds the build lock); returns the folder."""
    if (CERTIFICATES / "ca.crt").exists() and all((CERTIFICATES / f"{name}.crt").exists() for name in LEAVES):
        return CERTIFICATES
    folder = CERTIFICATES.with_suffix(".new")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder))
    (folder / "index").touch()
    _authority(folder, "ca")
    _authority(folder, "other-ca")
    for name in LEAVES:
        _leaf(folder, name)
    shutil.rmtree(CERTIFICATES, ignore_errors=True)
    folder.rename(CERTIFICATES)
    return CERTIFICATES
