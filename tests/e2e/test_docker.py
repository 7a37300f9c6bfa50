# SPDX-License-Identifier: Zlib
"""Docker's daemon on a lane that promises it: what may be at its socket, where DOCKER_HOST may lead, and the real
daemon and client, which must agree with what spinup says of them."""

import docker_peer
import pytest
from conftest import skip
from docker_image import GROUP
from lab import CONTRACT
from places import CERTIFICATES, LabError
from report import Report, prove, taken, together
from runner_files import RunnerFiles, next_environment, parse
from topology import fault_host
from visit import File, Folder

CLIENT = File("#!/bin/sh\necho 'Docker version 28.0.1, build abc'\n", 0o755)
LANE = ["--label", "tinyland-dind", "--skip", "bazel", "--deadline", "2"]
USUAL = "unix:///var/run/docker.sock"
WAITS = {"docker-no-socket", "docker-refused", "docker-hung-up", "docker-no-answer", "docker-unreachable",
         "docker-unresolved"}
TLS = {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/certs"}


def place(docker=None, files=None, **env):
    """A runner of the lane with a client, and with this at the daemon's socket."""
    return {"image": "bare", "daemon": "none", "docker": docker, "env": env,
            "files": {"/usr/local/bin/docker": CLIENT, **(files or {})}}


def certs():
    """What DOCKER_CERT_PATH holds: the authority alone, which is enough where the daemon asks for no client's."""
    return {"/certs/ca.pem": (CERTIFICATES / "ca.crt").read_text()}


# What is at the socket: (place, {ID: severity} that is not well, words of its detail)
SOCKETS = {
    "nothing": (place(), "docker-no-socket", "No such file or directory"),
    "stale": (place("stale"), "docker-refused", "connection refused"),
    "a directory": (place(files={"/var/run/docker.sock": Folder()}), "docker-not-socket", "it is a directory"),
    "a file": (place(files={"/var/run/docker.sock": ""}), "docker-not-socket", "it is no socket"),
    **{mode: (place(mode), id_, detail) for mode, id_, detail in (
        ("status-500", "docker-status", "GET /_ping: HTTP status 500, and says: no space left on device"),
        ("hostile", "docker-status", "and says: ::error::boo # #[group]x"),
        ("filter", "docker-status", "GET /version: HTTP status 403"),
        ("web", "docker-other-server", "GET /_ping is not answered as Docker does"),
        ("web-404", "docker-other-server", "HTTP status 404"),
        ("redirect", "docker-other-server", "HTTP status 302"),
        ("no-header", "docker-other-server", "GET /_ping is not answered as Docker does"),
        ("tls-wanted", "docker-tls-wanted", "Client sent an HTTP request to an HTTPS server"),
        ("no-json", "docker-bad-answer", "GET /version is not answered as Docker does"),
        ("no-version", "docker-bad-answer", "GET /version is not answered as Docker does"),
        ("hostile-version", "docker-bad-answer", "GET /version is not answered as Docker does"),
        ("api=1.23", "docker-api-old", "Docker 1.11.2 speaks the API up to 1.23 alone"),
        ("short", "docker-hung-up", "the answer is shorter than it said"),
        ("big", "docker-other-server", "larger than it may be"),
        ("eof", "docker-hung-up", "closed before the answer was complete"),
        ("reset", "docker-hung-up", "closed before the answer was complete"),
        ("mute", "docker-no-answer", "no complete answer in time"),
    )},
}
# A daemon that works: its notices.
WORKING = {"good": {}, "api=1.41": {"docker-api-aged": "notice"}, "podman": {"docker-api-aged": "notice"}}
# Where DOCKER_HOST leads: (variables, files, ID where nothing is at the usual socket)
HOSTS = {
    "refused": ({"DOCKER_HOST": "tcp://localhost:2375"}, {}, "docker-refused"),
    "another address": ({"DOCKER_HOST": f"tcp://{fault_host('refused')}"}, {}, "docker-refused"),
    "black hole": ({"DOCKER_HOST": f"tcp://{fault_host('blackhole')}"}, {}, "docker-unreachable"),
    "no such name": ({"DOCKER_HOST": "tcp://docker:2375"}, {}, "docker-unresolved"),
    "mute": ({"DOCKER_HOST": f"tcp://{fault_host('mute')}:8080"}, {}, "docker-no-answer"),
    "reset": ({"DOCKER_HOST": f"tcp://{fault_host('reset')}:8080"}, {}, "docker-hung-up"),
    "closed": ({"DOCKER_HOST": f"tcp://{fault_host('close')}:8080"}, {}, "docker-hung-up"),
    "another protocol": ({"DOCKER_HOST": f"tcp://{fault_host('banner')}:8080"}, {}, "docker-other-server"),
    "a web server": ({"DOCKER_HOST": f"tcp://{fault_host('docker-web')}:8080"}, {}, "docker-other-server"),
    "endless headers": ({"DOCKER_HOST": f"tcp://{fault_host('endless-headers')}:8080"}, {}, "docker-other-server"),
    "an error": ({"DOCKER_HOST": f"tcp://{fault_host('docker-status-500')}:8080"}, {}, "docker-status"),
    "TLS wanted": ({"DOCKER_HOST": f"tcp://{fault_host('docker-tls-wanted')}:8080"}, {}, "docker-tls-wanted"),
    "another socket": ({"DOCKER_HOST": "unix:///run/user/1001/docker.sock"}, {}, "docker-no-socket"),
    "a scheme of old": ({"DOCKER_HOST": "http://localhost:2375"}, {}, "docker-host-not-valid"),
    "a bare path": ({"DOCKER_HOST": "/var/run/docker.sock"}, {}, "docker-host-not-valid"),
    "not expanded": ({"DOCKER_HOST": "tcp://${DOCKER_IP}:2375"}, {}, "docker-host-not-valid"),
    "hostile": ({"DOCKER_HOST": "tcp://u:TOPSECRET@h:x\n::error::\x1b[31m"}, {}, "docker-host-not-valid"),
    "no certificates": ({"DOCKER_TLS_VERIFY": "1"}, {}, "docker-tls-credentials"),
    "a folder of none": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('docker-good')}:443"}, {},
                         "docker-tls-credentials"),
    "TLS by default": (TLS, certs, "docker-refused"),
    "plain port": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('http-on-https')}:443"}, certs, "docker-tls-failed"),
    "expired": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('tls-expired')}:443"}, certs, "docker-tls-failed"),
    "wrong host": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('tls-wrong-host')}:443"}, certs, "docker-tls-failed"),
    "self-signed": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('tls-self-signed')}:443"}, certs,
                    "docker-tls-failed"),
}
# What cannot be told from here: (variables, files, ID)
UNPROVEN = {
    "ssh": ({"DOCKER_HOST": "ssh://user@build.example"}, {}, "docker-host-not-proven"),
    "unverified": ({"DOCKER_TLS": "1", "DOCKER_CERT_PATH": "/certs",
                    "DOCKER_HOST": f"tcp://{fault_host('tls-self-signed')}:443"}, certs, "docker-tls-unverified"),
}
# Where the job's own way is good, and stays: variables, files.
WAYS = {
    "the default": ({}, {}), "its socket": ({"DOCKER_HOST": USUAL}, {}), "no path": ({"DOCKER_HOST": "unix://"}, {}),
    "TCP": ({"DOCKER_HOST": f"tcp://{fault_host('docker-good')}:8080"}, {}),
    "no scheme": ({"DOCKER_HOST": f"{fault_host('docker-good')}:8080"}, {}),
    "TLS": ({**TLS, "DOCKER_HOST": f"tcp://{fault_host('docker-good')}:443"}, certs),
}


@pytest.fixture(scope="module")
def reports(lab, spinup):
    """Every machine, side by side; the certificates are there once the lab is."""
    assert spinup

    def row(docker, env, files):
        return [*LANE], place(docker, files() if callable(files) else files, **env)

    rows = {("socket", name): ([*LANE], machine) for name, (machine, *_) in SOCKETS.items()}
    rows.update({("working", mode): row(mode, {}, {}) for mode in WORKING})
    rows.update({("alone", name): row(None, env, files) for name, (env, files, _) in HOSTS.items()})
    rows.update({("beside", name): row("good", env, files) for name, (env, files, _) in HOSTS.items()})
    rows.update({("unproven", name): row("good", env, files) for name, (env, files, _) in UNPROVEN.items()})
    rows.update({("way", name): row("good", env, files) for name, (env, files) in WAYS.items()})
    return together(lab, rows)


def failed(report, id_):
    """The one finding that fails the lane."""
    assert report.bad("docker") == {id_: "error"} and report.outcome == "failed" and report.result.rc == 1
    assert report.fact("docker.is_usable") is False and not report.result.files["GITHUB_ENV"]
    assert "\ndocker=false\n" in report.result.files["GITHUB_OUTPUT"]
    return report.finding(id_)["detail"]


@pytest.mark.parametrize("name", SOCKETS)
def test_what_is_at_the_socket(reports, name):
    _, id_, detail = SOCKETS[name]
    found = failed(taken(reports, ("socket", name)), id_)
    assert detail in found
    assert ("given up after" in found) == (id_ in WAITS)


@pytest.mark.parametrize("mode", WORKING)
def test_a_daemon_that_works(reports, mode):
    report = taken(reports, ("working", mode))
    assert report.ids("docker") == {"docker-ready": "ok", **WORKING[mode]}
    assert report.outcome == "ready" and "promise-not-checked" not in report.ids()
    assert report.fact("docker.is_usable") is True and report.fact("docker.system") == "linux/amd64"
    assert "\ndocker=true\n" in report.result.files["GITHUB_OUTPUT"] and "DOCKER_HOST" not in report.exported()


@pytest.mark.parametrize("name", HOSTS)
def test_a_dead_docker_host_alone(reports, name):
    _, _, id_ = HOSTS[name]
    report = taken(reports, ("alone", name))
    assert "unix:///var/run/docker.sock: No such file" in failed(report, id_)
    assert "TOPSECRET" not in report.result.stdout + report.result.files["GITHUB_STEP_SUMMARY"]


@pytest.mark.parametrize("name", HOSTS)
def test_a_dead_docker_host_beside_a_working_socket(reports, name):
    """The contradiction is named, and the next steps get the socket, without TLS."""
    env, *_ = HOSTS[name]
    report = taken(reports, ("beside", name))
    assert report.ids("docker") == {"docker-host-dead": "warning", "docker-ready": "ok"}
    assert report.outcome == "degraded" and report.result.rc == 0
    assert report.finding("docker-host-dead")["detail"].endswith(f"; a daemon answers at {USUAL}")
    exported = report.exported()
    assert exported["DOCKER_HOST"] == USUAL
    assert exported.get("DOCKER_TLS_VERIFY") == ("" if "DOCKER_TLS_VERIFY" in env else None)
    assert "DOCKER_TLS" not in exported and "DOCKER_CERT_PATH" not in exported


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_cannot_be_proven(reports, name):
    """A warning, and nothing is changed, whatever answers elsewhere."""
    _, _, id_ = UNPROVEN[name]
    report = taken(reports, ("unproven", name))
    assert report.ids("docker") == {id_: "warning"} and report.outcome == "degraded"
    assert report.fact("docker.is_usable") is None and "DOCKER_HOST" not in report.exported()


@pytest.mark.parametrize("name", WAYS)
def test_a_way_that_is_good_stays(reports, name):
    report = taken(reports, ("way", name))
    assert report.ids("docker") == {"docker-ready": "ok"} and report.outcome == "ready"
    assert not {"DOCKER_HOST", "DOCKER_TLS_VERIFY"} & set(report.exported())


def test_a_client_that_the_daemon_refuses(lab, spinup):
    """Both are there, and nothing works: the daemon is not to blame."""
    assert spinup
    old = File("#!/bin/sh\necho 'Docker version 24.0.4, build abc'\n", 0o755)
    report = prove(lab, *LANE, **place("oldest=1.44", files={"/usr/local/bin/docker": old}))
    assert report.bad() == {"docker-client-old": "error"} and report.outcome == "failed"
    assert report.ids("docker") == {"docker-ready": "ok"}
    newer = prove(lab, *LANE, **place("oldest=1.44"))
    assert not newer.bad() and newer.outcome == "ready"


def test_two_requests_are_enough(lab, spinup):
    """For a daemon that is there: /_ping and /version, once each."""
    assert spinup
    name = "docker-good"
    before = lab.log("faults.log").count(f'"server": "{name}"')
    prove(lab, *LANE, **place(DOCKER_HOST=f"tcp://{fault_host(name)}:8080"))
    assert lab.log("faults.log").count(f'"server": "{name}"') - before == 2


def test_a_proof_that_is_skipped(lab, spinup):
    assert spinup
    report = prove(lab, *LANE, "--skip", "docker", **place("good"))
    assert report.finding("promise-not-checked")["subject"] == "docker" and report.outcome == "degraded"


def test_other_lanes_start_nothing(lab, spinup):
    """Unless it is asked for."""
    assert spinup
    report = prove(lab, "--label", "tinyland-docker", "--skip", "bazel", **place())
    assert not report.findings("docker") and report.fact("docker") is None
    required = prove(lab, "--label", "tinyland-docker", "--skip", "bazel", "--require", "docker", **place("good"))
    assert required.ids("docker") == {"docker-ready": "ok"}


def test_the_entrypoint_hands_the_socket_over(lab, spinup):
    """The runner itself looks at DOCKER_HOST before its first job."""
    assert spinup
    machine = place("good", DOCKER_HOST="tcp://localhost:2375", SPINUP_LABEL="tinyland-dind", SPINUP_SKIP="bazel")
    result = lab.exec(["spinup", "exec", "--", "printenv", "DOCKER_HOST"], **machine).check()
    assert result.stdout == f"{USUAL}\n" and "docker-host-dead" in result.stderr


# ---- the real daemon, and the real client's word on it

MEMBER = f"1001:1001:{GROUP}"
PORT = 2399  # the pods share the cluster's 127.0.0.1
HOST = "daemon.nix-cache.svc.cluster.local"  # a name of the lab's good certificate
VALUES = ["", USUAL, "unix:///run/docker.sock", "unix://", "unix:/run/docker.sock", "unix://run/docker.sock",
          "unix:///nowhere.sock", "/run/docker.sock", "tcp://localhost:2375", "localhost:2375", "tcp://localhost",
          "tcp://:2375", "tcp://nowhere.invalid", "http://localhost:2375", "TCP://localhost:2375", f" {USUAL} ",
          "fd://", "npipe:////./pipe/docker_engine"]
# The client's certificate and key: what the daemon makes of them.
CLIENTS = {"its own": ("client", "docker-ready"), "none": (None, "docker-tls-credentials"),
           "a stranger's": ("self-signed", "docker-tls-credentials")}


def tls_files():
    """A folder of certificates for each row of CLIENTS, and one for the daemon."""
    files = {f"/server/{name}": (CERTIFICATES / name).read_text() for name in ("ca.crt", "good.crt", "good.key")}
    for name, (pair, _) in CLIENTS.items():
        folder = f"/tls/{name.replace(' ', '-')}"
        files[f"{folder}/ca.pem"] = (CERTIFICATES / "ca.crt").read_text()
        if pair:
            files[f"{folder}/cert.pem"] = (CERTIFICATES / f"{pair}.crt").read_text()
            files[f"{folder}/key.pem"] = (CERTIFICATES / f"{pair}.key").read_text()
    return files


def docker_pod(lab, **place_):
    """A pod of the image with the real daemon and client."""
    try:
        return lab.pod(image="docker", daemon="none", **place_)
    except LabError as failure:  # the image's packages, or control groups
        return skip(str(failure))


@pytest.fixture(scope="module")
def daemon(lab, spinup):
    """A pod with a real daemon, which is there once spinup says so: it is waited for by what is tested."""
    assert spinup
    with docker_pod(lab, docker="real", files=tls_files()) as pod:
        report = real(pod, deadline="30")
        assert report.ids("docker") == {"docker-ready": "ok"}, pod.read("/var/log/dockerd.log")
        yield pod


def real(pod, *, user=MEMBER, deadline="2", **env):
    """One run of spinup beside the real daemon."""
    words = ["spinup", "run", "--json", "--label", "tinyland-dind", "--skip", "bazel", "--deadline", deadline]
    result = pod.exec(words, user=user, runner=RunnerFiles("runner"), env={"SPINUP_CONTRACT": CONTRACT, **env})
    result.elapsed = min(result.elapsed, 1) if deadline == "30" else result.elapsed  # the daemon's start is no hang
    return Report(result)


def client(pod, user=MEMBER, **env):
    """What the real client says: the server's version, or None."""
    shown = "{{.Server.Version}} {{.Server.APIVersion}}"
    asked = pod.exec(["docker", "version", "--format", shown], user=user, env=env)
    return asked.stdout.split() if asked.rc == 0 else None


def test_a_starting_daemon_is_waited_for(daemon):
    """By the fixture's own run; what was heard is what the client hears."""
    report = real(daemon)
    heard = [report.fact("docker.version"), report.fact("docker.api_version")]
    assert heard == client(daemon) and report.fact("toolchain.docker") == heard[0]
    assert report.outcome == "ready"


@pytest.mark.parametrize("value", VALUES)
def test_the_client_agrees(daemon, value):
    """Where spinup leaves DOCKER_HOST alone, the client works with it; where not, it works with the new one alone."""
    report = real(daemon, DOCKER_HOST=value)
    exported = parse(report.result.files["GITHUB_ENV"])
    dead = "docker-host-dead" in report.ids("docker")
    assert bool(client(daemon, DOCKER_HOST=value)) == (not dead), report.ids("docker")
    assert ("DOCKER_HOST", USUAL) in exported if dead else "DOCKER_HOST" not in dict(exported)
    assert client(daemon, **next_environment({"DOCKER_HOST": value}, {"GITHUB_ENV": report.result.files["GITHUB_ENV"]}))


def test_a_user_outside_the_group(daemon):
    """The group is named, by number and by name."""
    report = real(daemon, user="1001:1001")
    assert report.bad("docker") == {"docker-denied": "error"} and client(daemon, user="1001:1001") is None
    detail = report.finding("docker-denied")["detail"]
    assert f"mode 0660, owner 0, group {GROUP} (docker); this user is 1001, not in that group" in detail


def test_tls_to_a_socket_is_dead(daemon):
    """Clients speak TLS to whatever DOCKER_HOST names; to a socket that cannot work."""
    env = {"DOCKER_HOST": USUAL, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": "/tls/none"}
    report = real(daemon, **env)
    assert report.ids("docker") == {"docker-host-dead": "warning", "docker-ready": "ok"}
    assert client(daemon, **env) is None
    assert client(daemon, **next_environment(env, {"GITHUB_ENV": report.result.files["GITHUB_ENV"]}))


@pytest.fixture(scope="module")
def tls_daemon(lab, spinup):
    """A real daemon on a TCP port that demands certificates, and on no socket that a client looks for."""
    assert spinup
    words = [f"--host=tcp://127.0.0.1:{PORT}", "--tlsverify", "--tlscacert=/server/ca.crt",
             "--tlscert=/server/good.crt", "--tlskey=/server/good.key"]
    hosts = f"127.0.0.1 localhost {HOST}\n"
    with docker_pod(lab, denied=docker_peer.devices(lab.cgroups),
                    files={**tls_files(), "/etc/hosts": hosts}) as pod:
        docker_peer.start(pod, "real", "/run/elsewhere.sock", words)
        assert real(pod, deadline="30", **way("its own")).ids("docker") == {"docker-ready": "ok"}, \
            pod.read("/var/log/dockerd.log")
        yield pod


def way(name):
    """The variables by which a client speaks TLS to the daemon."""
    return {"DOCKER_HOST": f"tcp://{HOST}:{PORT}", "DOCKER_TLS_VERIFY": "1",
            "DOCKER_CERT_PATH": f"/tls/{name.replace(' ', '-')}"}


@pytest.mark.parametrize("name", CLIENTS)
def test_client_certificates(tls_daemon, name):
    id_ = CLIENTS[name][1]
    report = real(tls_daemon, **way(name))
    assert set(report.ids("docker")) == {id_}
    assert bool(client(tls_daemon, **way(name))) == (id_ == "docker-ready")


def test_a_tls_port_without_tls(tls_daemon):
    report = real(tls_daemon, DOCKER_HOST=f"tcp://{HOST}:{PORT}")
    assert report.bad("docker") == {"docker-tls-wanted": "error"}
