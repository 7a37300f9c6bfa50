# SPDX-License-Identifier: Zlib
"""The lab's own tests: that its honest parts are real, its lies are the ones they say, and nothing is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from conftest import lab  # noqa: F401,E402  pylint: disable=wrong-import-position,unused-import,redefined-outer-name

import daemon_peer  # noqa: E402  pylint: disable=wrong-import-position
import dns  # noqa: E402  pylint: disable=wrong-import-position
import faults  # noqa: E402  pylint: disable=wrong-import-position
import runner_files  # noqa: E402  pylint: disable=wrong-import-position
import tokens  # noqa: E402  pylint: disable=wrong-import-position
import topology  # noqa: E402  pylint: disable=wrong-import-position
from places import BOX  # noqa: E402  pylint: disable=wrong-import-position
from visit import File  # noqa: E402  pylint: disable=wrong-import-position

NIX = "/nix/var/nix/profiles/default/bin/nix"
CAPABILITIES = "build.bazel.remote.execution.v2.Capabilities/GetCapabilities"
HEALTH = "grpc.health.v1.Health/Check"


def nix_config(lab_):
    return {"NIX_CONFIG": f"extra-substituters = http://{topology.ATTIC}/main\n"
                          f"extra-trusted-public-keys = {lab_.public_key}\nfallback = true\nconnect-timeout = 5"}


@pytest.mark.parametrize("image", ["nix", "determinate", "distro", "nix-old", "nix-new"])
def test_real_nix_fetches_the_signed_path(lab, image):
    program = "/usr/bin/nix" if image == "distro" else NIX
    with lab.pod(image=image) as pod:
        pod.exec([program, "build", "--max-jobs", "0", lab.paths["hello"], "--no-link"], user="trusted",
                 env=nix_config(lab)).check()
        text = pod.exec(["cat", lab.paths["hello"]]).check().stdout
    assert text == f"hello from {lab.paths['dep']}\n"


def test_real_nix_refuses_an_untrusted_user(lab):
    result = lab.exec([NIX, "build", "--max-jobs", "0", lab.paths["hello"], "--no-link"], env=nix_config(lab))
    assert result.rc == 1
    assert "ignoring untrusted substituter" in result.stderr


def test_real_nix_refuses_bad_signatures(lab):
    for cache in ("unsigned", "badsig", "strangersig"):
        env = {"NIX_CONFIG": nix_config(lab)["NIX_CONFIG"].replace("/main", f"/{cache}")}
        result = lab.exec([NIX, "build", "--max-jobs", "0", lab.paths["dep"], "--no-link"], user="trusted", env=env)
        assert result.rc == 1, cache
        assert "signed by" in result.stderr or "signature" in result.stderr, result.stderr


def test_real_nix_follows_the_redirect_to_storage(lab):
    for cache, works in (("redirect", True), ("redirect-dead", False)):
        env = {"NIX_CONFIG": nix_config(lab)["NIX_CONFIG"].replace("/main", f"/{cache}") + "\ndownload-attempts = 1"}
        result = lab.exec([NIX, "build", "--max-jobs", "0", lab.paths["dep"], "--no-link"], user="trusted", env=env,
                          files={"/etc/nix/nix.conf": "substituters =\nbuild-users-group = nixbld\nsandbox = false\n"
                                 "trusted-users = root trusted\ndownload-attempts = 1\n"
                                 "experimental-features = nix-command flakes\n"})
        assert (result.rc == 0) == works, result.stderr


@pytest.mark.parametrize("image", ["nix", "determinate"])
def test_profile_is_a_valid_store_path_and_in_the_cache(lab, image):
    script = f"readlink -f {NIX}; nix=$(readlink -f {NIX}); store=${{nix%/bin/nix}}; " \
        "/nix/var/nix/profiles/default/bin/nix-store --verify-path $store && " \
        "/nix/var/nix/profiles/default/bin/nix-store -qR $store | wc -l; hash=${store#/nix/store/}; " \
        f"curl -sSf http://{topology.ATTIC}/main/${{hash:0:32}}.narinfo"
    result = lab.exec(["bash", "-c", script], image=image, user="root").check()
    lines = result.stdout.splitlines()
    assert lines[0] == f"{lab.paths[image]}/bin/nix"
    assert lines[1] == "3"
    assert any(line.startswith("Sig: main:") for line in lines)


@pytest.mark.parametrize("image", ["nix-old", "nix-new"])
def test_another_version_is_a_whole_closure_of_its_own(lab, image):
    """Nothing of it is the runner's root below, whose libraries are another release's."""
    with lab.pod(image=image) as pod:
        assert pod.verify_store() == []
        version = pod.exec([NIX, "--version"]).check().stdout.split()[-1]
        assert pod.exec(["readlink", "-f", NIX]).stdout.endswith(f"-nix-{version}/bin/nix\n")
        libraries = [line for line in pod.exec(["ldd", NIX]).check().stdout.splitlines() if "/" in line]
        assert len(libraries) > 5 and all("/nix/store/" in line for line in libraries), libraries
    assert version != "2.26.3"


def ask(pod, path, token=None, body=None, host=topology.ATTIC, basic=False):
    """(status, error name or "") of a request to Attic."""
    words = ["curl", "-sS", "-m", "5", "-w", "\\n%{http_code}", f"http://{host}{path}"]
    if token and basic:
        words += ["-u", f"attic:{token}"]
    elif token:
        words += ["-H", f"Authorization: bearer {token}"]
    if body:
        words += ["--data-binary", body, "-H", "Content-Type: application/json"]
    answer, _, status = pod.exec(words).check().stdout.rpartition("\n")
    name = answer.partition('"error":"')[2].partition('"')[0]
    return int(status), name


# token: (config of main, of private, of a cache that does not exist; push to main, to private)
MATRIX = {
    None: ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "pull": ("200", "200", "401 Unauthorized", "403 AccessError", "403 AccessError"),
    "push": ("200", "200", "401 Unauthorized", "200", "200"),
    "wildcard": ("200", "200", "404 NoSuchCache", "200", "200"),
    "expired": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "grace": ("200", "200", "401 Unauthorized", "200", "200"),
    "not-yet": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "other-cache": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "shadowed": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "bad": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
    "opaque": ("200", "401 Unauthorized", "401 Unauthorized", "403 AccessError", "401 Unauthorized"),
}


def test_attic_token_matrix(lab):
    with lab.pod(daemon="none") as pod:
        for name, expected in MATRIX.items():
            token = lab.tokens.get(name)
            zeros = '{"cache":"%s","store_path_hashes":["' + "0" * 32 + '"]}'
            seen = [ask(pod, f"/_api/v1/cache-config/{cache}", token) for cache in ("main", "private", "nowhere")]
            seen += [ask(pod, "/_api/v1/get-missing-paths", token, zeros % cache) for cache in ("main", "private")]
            assert tuple(f"{status} {error}".strip() for status, error in seen) == expected, name


def test_attic_private_cache(lab):
    known = "/private/" + lab.paths["dep"].removeprefix("/nix/store/")[:32] + ".narinfo"
    unknown = "/private/" + "0" * 32 + ".narinfo"
    with lab.pod(daemon="none") as pod:
        assert ask(pod, unknown) == (404, "NoSuchObject")  # before any look at the token
        assert ask(pod, known) == (401, "Unauthorized")
        assert ask(pod, known, lab.tokens["pull"])[0] == 200
        assert ask(pod, known, lab.tokens["pull"], basic=True)[0] == 200
        assert ask(pod, "/private/nix-cache-info", lab.tokens["pull"])[0] == 200
        assert ask(pod, "/nix-cache-info") == (404, "NotFound")
        assert ask(pod, "/main/" + "0" * 32 + ".narinfo") == (404, "NoSuchObject")
        assert ask(pod, "/main/nix-cache-info", host=f"attic6.{topology.CACHES}")[0] == 200


def grpc(pod, url, method=CAPABILITIES):
    """The response's headers and trailers, and the message in hex."""
    version = "--http2" if url.startswith("https") else "--http2-prior-knowledge"
    script = f"printf '\\0\\0\\0\\0\\0' | curl -sS -m 2 {version} -D head -o body " \
        f"-H 'content-type: application/grpc' -H 'te: trailers' --data-binary @- {url}/{method}; rc=$?; " \
        "cat head 2>&1; od -An -v -tx1 body 2>&1 | tr -d ' \\n'; rm -f head body; exit $rc"
    return pod.exec(["sh", "-c", script], cwd="/tmp")


def test_real_bazel_remote(lab):
    # caches.md 3.2: the bytes that bazel-remote answers
    expected = "000000002b0a1f0a0101120208011a020a0028023201013a010140ffffffffffffffff7f5001220208022a0408021003"
    hosts = {"": "http://bazel-cache", "job:lab-password@": "http://bazel-auth", " ": "https://bazel-tls"}
    with lab.pod(daemon="none") as pod:
        for user, host in hosts.items():
            url = host.replace("//", "//" + user.strip()) + f".{topology.CACHES}:9092"
            assert expected in grpc(pod, url).check().stdout, url
        for host in ("http://bazel-auth", "https://bazel-mtls"):
            assert "grpc-status: 16" in grpc(pod, f"{host}.{topology.CACHES}:9092").stdout
            assert grpc(pod, f"{host}.{topology.CACHES}:9092", HEALTH).stdout.endswith("00000000020801")
        status = pod.exec(["curl", "-sSf", f"http://{topology.BAZEL}:8080/status"]).check().stdout
    assert '"MaxSize": 1073741824' in status


def test_grpc_faults_differ(lab):
    expected = {"good": "00000000020801", "health-only": "00000000020801", "unhealthy": "00000000020802"}
    statuses = {"unavailable": 14, "unimplemented": 12, "permission-denied": 7, "unauthenticated": 16, "hostile": 7}
    with lab.pod(daemon="none") as pod:
        for name, data in expected.items():
            assert grpc(pod, f"http://grpc-{name}.{topology.FAULTS}:9092", HEALTH).stdout.endswith(data)
        for name, status in statuses.items():
            assert f"grpc-status: {status}" in grpc(pod, f"http://grpc-{name}.{topology.FAULTS}:9092").stdout
        assert grpc(pod, f"http://grpc-http1.{topology.FAULTS}:9092").rc == 16
        assert "grpc-status" not in grpc(pod, f"http://grpc-no-trailers.{topology.FAULTS}:9092").stdout
        assert grpc(pod, f"http://grpc-rst-later.{topology.FAULTS}:9092").rc == 92


# curl's exit status of a GET of cache-config
HTTP_EXITS = {
    "refused": 7, "blackhole": 28, "mute": 28, "reset": 56, "banner": 1, "empty-reply": 52, "slow-body": 28,
    "truncated": 18, "endless-headers": 100, "redirect-loop": 47, "captive": 0, "json-malformed": 0,
    "tls-on-http": 0, "tls-alert": 52, "status-401": 0, "redirect-dead": 6,
}


def test_http_faults_differ(lab):
    with lab.pod(daemon="none") as pod:
        for name, status in HTTP_EXITS.items():
            result = pod.exec(["curl", "-sS", "-L", "--max-redirs", "3", "-m", "0.4",
                               f"http://{topology.fault_host(name)}/_api/v1/cache-config/main"])
            assert result.rc == status, f"{name}: {result}"


def test_every_fault_has_a_name_and_answers_under_the_real_one(lab):
    assert len(set(faults.NAMES)) == len(faults.NAMES)
    with lab.pod(daemon="none") as pod:
        script = "for name; do getent ahostsv4 $name >/dev/null || echo $name; done"
        assert pod.exec(["bash", "-c", script, "-", *map(topology.fault_host, faults.NAMES)]).stdout == ""
    result = lab.exec(["curl", "-sS", f"http://{topology.ATTIC}/"], daemon="none", down={"attic": "captive"})
    assert "Wi-Fi login" in result.stdout
    result = lab.exec(["curl", "-sS", f"http://{topology.ATTIC}/"], daemon="none", down="attic")
    assert result.rc == 7


def test_proxies(lab):
    url, seen = f"http://{topology.ATTIC}/main/nix-cache-info", {}
    with lab.pod(daemon="none") as pod:
        for name in ("proxy", "proxy-no-cluster", "proxy-407", "mute"):
            words = ["curl", "-sS", "-m", "0.4", "-o", "/dev/null", "-w", "%{http_code}", url]
            seen[name] = pod.exec(words, env={"http_proxy": f"http://{topology.fault_host(name)}:3128"}).stdout
        secure = pod.exec(["curl", "-sSf", "-m", "1", f"https://{topology.PUBLIC_ATTIC}/main/nix-cache-info"],
                          env={"https_proxy": f"http://{topology.fault_host('proxy')}:3128"}).check().stdout
    assert seen == {"proxy": "200", "proxy-no-cluster": "403", "proxy-407": "407", "mute": "000"}
    assert "StoreDir" in secure


def test_denied_system_calls(lab):
    if not (BOX.parent / "deny").exists():
        pytest.skip("build/lab/bin/deny is not built (make lab-tools)")
    with lab.pod(daemon="none") as pod:
        result = pod.exec(["/opt/lab/deny", "uname=EPERM", "--", "uname"])
        assert (result.rc, "Operation not permitted" in result.stderr) == (1, True)
        assert pod.exec(["/opt/lab/deny", "uname=kill", "--", "uname"]).rc == 159  # SIGSYS
        assert pod.exec(["/opt/lab/deny", "444=ENOSYS", "--", "true"]).rc == 0


def test_a_full_disk(lab):
    result = lab.exec(["sh", "-c", "head -c 100k /dev/zero >/full/x"], daemon="none",
                      tmpfs=["/full:0777:0:0:size=64k,nr_inodes=20"])
    assert "No space left" in result.stderr


def test_certificates(lab):
    with lab.pod(daemon="none") as pod:
        assert pod.exec(["curl", "-sSf", f"https://{topology.PUBLIC_ATTIC}/main/nix-cache-info"]).rc == 0
        assert pod.exec(["curl", "-sSf", "--capath", "/etc/ssl/certs",
                         f"https://{topology.PUBLIC_ATTIC}/main/nix-cache-info"]).rc == 0
        for name in topology.TLS_FAULTS:
            assert pod.exec(["curl", "-sS", f"https://{topology.fault_host('tls-' + name)}/"]).rc == 60, name


@pytest.mark.parametrize("server, rc", [("cluster", 0), ("faulty", 0), ("tc", 0), ("big", 0), ("aaaaonly", 0),
                                        ("slow300", 0), ("servfail", 2), ("refused", 2), ("nxdomain", 2),
                                        ("badptr", 2), ("drop", 124), ("blackhole", 124), ("wrongid", 124)])
def test_dns(lab, server, rc):
    result = lab.exec(["getent", "ahosts", topology.ATTIC], dns=server, daemon="none", timeout=1 if rc == 124 else 10)
    assert result.rc == rc


def test_dns_fault_by_label(lab):
    for label, rc in (("servfail", 2), ("tc", 0), ("nodata", 2)):
        assert lab.exec(["getent", "ahosts", f"{label}.{topology.ATTIC}"], dns="faulty", daemon="none").rc == rc


@pytest.mark.parametrize("mode, text", [
    ("real", "Version: 2.26.3"), ("stale", "Connection refused"), ("1.35,version=2.18.1", "Version: 2.18.1"),
    ("1.38,determinate", "Version: 2.35.2"), ("eof", "error:"), ("denied", "protocol mismatch"),
    ("error", "opening store"), ("major2", "not supported")])
def test_daemon_modes_before_a_real_client(lab, mode, text):
    result = lab.exec([NIX, "store", "info"], daemon=mode, timeout=10)
    assert text in result.stdout + result.stderr


@pytest.mark.parametrize("mode", ["frozen", "mute", "mute-later"])
def test_silent_daemons(lab, mode):
    assert lab.exec([NIX, "store", "info"], daemon=mode, timeout=0.5).rc == 124


def test_daemon_faults_are_documented():
    for fault in daemon_peer.FAULTS:
        assert daemon_peer.Mode(f"1.37,trust2,{fault}").fault == fault


def test_pod_is_its_own_machine(lab, monkeypatch):
    monkeypatch.setenv("LEAK_FROM_OUTSIDE", "1")
    script = "env; id; uname -n; stat -c %a /dev/kvm; cat /sys/fs/cgroup/memory/memory.limit_in_bytes " \
        "/sys/fs/cgroup/memory.max 2>/dev/null; touch /sys/x /nix/x; ls -d /proc/[0-9]* | wc -l; cat /etc/resolv.conf"
    result = lab.exec(["bash", "-c", script], kvm="0660", hostname="some-runner-bcdfg")
    assert "LEAK_FROM_OUTSIDE" not in result.stdout
    assert "uid=1001(runner) gid=1001(runner) groups=1001(runner)" in result.stdout
    assert "\nsome-runner-bcdfg\n660\n" in result.stdout
    assert "ndots:5" in result.stdout
    assert result.stderr.count("touch:") == 2
    assert oct(os.stat("/dev/null").st_mode & 0o777) == "0o666"


def test_limits(lab):
    if not lab.cgroups.limit(1 << 30, 2):
        pytest.skip("this machine's cgroups cannot be written")
    script = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null"
    assert lab.exec(["sh", "-c", script], daemon="none", memory=1 << 30, cpus=2).stdout == "1073741824\n"
    assert lab.exec(["sh", "-c", script], daemon="none").stdout == "8589934592\n"


def test_step_files(lab):
    script = "printf 'A=1\\nB<<X\\ntwo\\nlines\\nX\\n' >>$GITHUB_ENV; echo /opt/bin >>$GITHUB_PATH; pwd; exit 3"
    result = lab.exec(["sh", "-c", script], runner=True, daemon="none")
    assert result.rc == 3
    assert result.stdout == runner_files.WORKSPACE + "\n"
    assert runner_files.parse(result.files["GITHUB_ENV"]) == [("A", "1"), ("B", "two\nlines")]
    assert runner_files.next_environment({"PATH": "/bin"}, result.files) == {
        "PATH": "/opt/bin:/bin", "A": "1", "B": "two\nlines"}


def test_a_process_that_holds_stdout_is_seen(lab):
    result = lab.exec(["sh", "-c", "sleep 100 & echo done"], daemon="none")
    assert (result.stdout, result.held_open) == ("done\n", True)


def test_files_tmpfs_terminal_and_time_limit(lab):
    with lab.pod(daemon="none", tmpfs=["/nix"], files={"/etc/x": File("y", 0o600, "runner")}) as pod:
        assert pod.exec(["stat", "-c", "%a %U", "/nix", "/etc/x"]).stdout == "777 root\n600 runner\n"
        assert pod.read("/etc/x", "/etc/none") == {"/etc/x": "y", "/etc/none": None}
        assert pod.exec(["sh", "-c", "test -t 1 && stty size <&1"], tty=True).stdout == "40 100\r\n"
        result = pod.exec(["sleep", "100"], timeout=0.2)
        assert (result.rc, result.elapsed < 2) == (124, True)
        assert pod.exec(["cat"], stdin="in").stdout == "in"
        assert pod.exec(["no-such-program"]).rc == 127
        assert pod.exec(["sh", "-c", "kill -9 $$"]).rc == 137


def test_sudo(lab):
    with lab.pod(daemon="none", sudo=True) as pod:
        assert pod.exec(["sudo", "-n", "id", "-u"]).stdout == "0\n"
        assert pod.exec(["sudo", "-n", "id", "-u"], no_new_privs=True).rc == 1
    assert lab.exec(["sudo", "-n", "id", "-u"], daemon="none").rc == 1


def test_token_of_attic_decodes():
    token = tokens.mint({"main": ["r", "cq"]}, expires=tokens.FAR)
    assert tokens.permissions(tokens.claims(token), "main") == {"r", "cq"}
    assert tokens.claims(tokens.mint({"main": "r"}, expires=1000), now=1800) is not None  # within the grace
    assert tokens.claims(tokens.mint({"main": "r"}, expires=1000), now=2000) is None


def test_a_killed_lab_leaves_nothing():
    script = "import sys; sys.path.insert(0, sys.argv[1])\nfrom lab import Lab\nwith Lab() as lab:\n" \
        "    with lab.pod() as pod:\n        print(lab.box.pid, lab.pid, pod.box.pid, pod.pid, flush=True)\n" \
        "        sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-c", script, str(Path(__file__).parent)], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    pids = process.stdout.readline().split()
    assert len(pids) == 4
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    process.stdout.close()
    end = time.monotonic() + 15
    while any(Path("/proc", pid.decode()).exists() for pid in pids) and time.monotonic() < end:
        time.sleep(0.01)
    assert [pid for pid in pids if Path("/proc", pid.decode()).exists()] == []


def test_the_servers_have_nothing_to_complain_of(lab):
    """After every test above."""
    assert lab.stderr() == ""


def test_an_endless_answer_over_tls_stops_no_other_server(lab):
    """A client that ends TLS before it hangs up, as curl does."""
    endless, other = (topology.fault_host(name) for name in ("endless-body", "truncated"))
    script = f"""for i in 1 2 3; do curl -sk https://{endless}/ | head -c 10 >/dev/null; done
        curl -s -m 5 http://{other}/"""
    assert lab.exec(["sh", "-c", script], image="bare", timeout=60).stdout == '{"public_key":'


def test_readme_names_every_fault():
    text = (Path(__file__).parent / "README.md").read_text()
    for name in faults.NAMES:
        short = name.removeprefix("grpc-") if name.startswith("grpc-") else name
        short = short.removeprefix("status") if short.startswith("status-") else short
        assert short in text, name
    for name in (*dns.FAULTS, *daemon_peer.FAULTS, *tokens.standard()):
        assert name in text, name
