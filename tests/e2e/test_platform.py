# SPDX-License-Identifier: Zlib
"""What went wrong for the platform's users (the table of the same name in the platform's facts): a test a row, for
each row that a proof of today can see."""

import pytest
from report import prove
from runner_files import TEMP, WORK, RunnerFiles, next_environment
from visit import listing

CONTRACT = {"SPINUP_CONTRACT": "/opt/lab/contract.json"}
SERVER = "http://attic.nix-cache.svc.cluster.local"
BAZEL = "grpc://bazel-cache.nix-cache.svc.cluster.local:9092"
NO_SERVICE = "http://attic-api.nix-cache.svc.cluster.local:8080"
NIX_STORE = "/nix/var/nix/profiles/default/bin/nix-store"


def test_nix_command_not_found(lab, spinup):
    """An image without Nix: said at once, with what to do."""
    assert spinup
    report = prove(lab, image="bare", daemon="none")
    finding = report.finding("nix-absent")
    assert report.outcome == "failed" and finding["severity"] == "error" and "spinup install" in finding["remedy"]
    page = lab.exec(["spinup", "run"], image="bare", user="trusted", runner=True, env=CONTRACT)
    # The cause first, and why it could not be mended here.
    assert page.rc == 1 and page.stdout.splitlines()[-1].startswith(
        "::error title=spinup%3A repair-needs-root::spinup nix-absent: no nix program, and no /nix; spinup may not mend it: ")


def test_determinate_nixd_command_not_found(lab, spinup):
    """A lane that promises Determinate, on an image with another Nix."""
    assert spinup
    report = prove(lab, image="nix", daemon="real")
    assert report.bad() == {"lane-flavour-differs": "warning"}
    asked = prove(lab, image="nix", daemon="real", files={
        f"{WORK}/app/app/.git/HEAD": "x", f"{WORK}/app/app/.github/spinup.json": '{"flavour": "determinate"}'})
    assert asked.bad()["expected-flavour-differs"] == "error" and asked.outcome == "failed"


def test_big_lock_permission_denied(lab, spinup):
    """Nix is there and its daemon is not: the daemon is named, not the lock file that nix itself complains about."""
    assert spinup
    with lab.pod(image="determinate", daemon="none") as pod:
        theirs = pod.exec([NIX_STORE, "--realise", lab.paths["hello"]], user="trusted")
        assert theirs.rc and ("big-lock" in theirs.stderr or "ermission denied" in theirs.stderr), theirs.stderr
    finding = prove(lab, daemon="none").finding("nix-daemon-no-socket")
    assert finding["severity"] == "error" and "daemon" in finding["remedy"]


def test_nix_is_already_installed(lab, spinup):
    """An existing Nix is proven; it is never an error in itself."""
    assert spinup
    report = prove(lab)
    assert report.outcome == "ready" and report.finding("nix-ready")["severity"] == "ok"


def test_nix_builds_or_a_parent_directory_is_world_writable(lab, spinup):
    """A 0777 emptyDir at /nix."""
    assert spinup
    finding = prove(lab, daemon="none", tmpfs=["/nix"]).finding("nix-dir-world-writable")
    assert finding["severity"] == "error" and "0777" in finding["detail"] and "chmod" in finding["remedy"]


def test_an_empty_dir_hides_the_images_store(lab, spinup):
    """The volume over a baked store is seen and named, whatever its mode."""
    assert spinup
    report = prove(lab, daemon="none", tmpfs=["/nix:0755:0:0"])
    finding = report.finding("nix-store-hidden")
    assert finding["subject"] == "/nix" and "volume" in finding["detail"]
    assert report.outcome == "failed"


@pytest.mark.parametrize("down", ["attic=blackhole", "attic=refused", "attic=mute"])
def test_the_build_stalls_for_minutes(lab, spinup, down):
    """An unreachable substituter is left out, and the real nix's next command does not wait for it."""
    assert spinup
    with lab.pod(image="determinate", daemon="real", down=down) as pod:
        step = RunnerFiles("trusted")
        env = {"ATTIC_SERVER": SERVER}
        result = pod.exec(["spinup", "run"], user="trusted", runner=step, env={**CONTRACT, **env}).check()
        after = next_environment({**step.environment(), **env}, result.files)
        assert after["ATTIC_SERVER"] == "" and SERVER not in after["NIX_CONFIG"]
        nix = pod.exec([NIX_STORE, "--realise", lab.paths["hello"]], user="trusted", env=after, timeout=10)
        assert nix.rc != 124 and nix.elapsed < 5 and "attic" not in nix.stderr


@pytest.mark.parametrize("down", ["bazel=refused", "bazel=blackhole", "bazel=grpc-unavailable", "bazel=grpc-html"])
def test_every_bazel_action_fails(lab, spinup, down):
    """A dead gRPC cache is emptied."""
    assert spinup
    report = prove(lab, env={"BAZEL_REMOTE_CACHE": BAZEL}, down=down)
    assert report.outcome == "degraded" and set(report.bad("bazel").values()) == {"warning"}
    assert report.exported()["BAZEL_REMOTE_CACHE"] == ""


def test_the_check_passes_and_the_build_stalls(lab, spinup):
    """attic-api…:8080: the name resolves, the port does not answer. From the environment it is never used; given
    explicitly it is, and what it is worth is proven."""
    assert spinup
    report = prove(lab, env={"ATTIC_SERVER": NO_SERVICE})
    finding = report.finding("out-of-contract-ignored")
    assert finding["severity"] == "warning" and "port 80" in finding["detail"]
    assert report.exported()["ATTIC_SERVER"] == SERVER
    used = prove(lab, "--attic", NO_SERVICE)
    assert {"out-of-contract-used", "attic-refused"} <= set(used.bad())
    assert used.exported()["ATTIC_SERVER"] == ""


def test_devices_are_not_passed_over(lab, spinup):
    """Rows about KVM, GPU and Docker: no silence where there is no proof yet."""
    assert spinup
    for label, promise in (("tinyland-nix-kvm", "kvm"), ("tinyland-nix-gpu", "gpu")):
        report = prove(lab, "--label", label)
        named = {f["id"] for f in report.document["findings"] if f["severity"] in ("warning", "error")
                 and promise in f["id"] + f["subject"] + f["probe"]}
        assert named and report.outcome != "ready"


@pytest.mark.parametrize("token", ["pull", "other-cache", "shadowed", None])
def test_pushes_never_happen(lab, spinup, token):
    """Said once, at the start, and it stops no job."""
    assert spinup
    report = prove(lab, "--attic-push", env={"ATTIC_TOKEN": lab.tokens[token]} if token else {})
    assert {"attic-token-no-push", "attic-push-denied"} & set(report.bad())
    assert set(report.bad()) <= {"attic-token-no-push", "attic-push-denied", "attic-token-no-pull"}
    assert report.outcome == "degraded" and report.exported()["ATTIC_SERVER"] == SERVER


def test_pushes_that_will_happen(lab, spinup):
    assert spinup
    report = prove(lab, "--attic-push", env={"ATTIC_TOKEN": lab.tokens["push"]})
    assert report.finding("attic-push-allowed")["severity"] == "ok" and report.outcome == "ready"


@pytest.mark.parametrize("token, id_", [("expired", "attic-token-expired"), ("grace", "attic-token-expires-soon"),
                                        ("not-yet", "attic-token-not-yet-valid")])
def test_token_expired(lab, spinup, token, id_):
    """Attic takes a bad token for none: reads go on, so only its own claims tell in time."""
    assert spinup
    report = prove(lab, env={"ATTIC_TOKEN": lab.tokens[token]})
    assert report.finding(id_)["severity"] in ("warning", "notice")
    assert report.result.rc == 0 and report.exported()["ATTIC_SERVER"] == SERVER


@pytest.mark.parametrize("user", ["runner", "trusted", "root"])
def test_cannot_create_regular_file_permission_denied(lab, spinup, user):
    """A run writes its own directory and the runner's files; nothing else on the machine changes."""
    assert spinup
    with lab.pod(image="determinate", daemon="determinate") as pod:
        step = RunnerFiles(user)
        pod.place(step.files())
        places = ("/etc", "/home", "/opt", "/root", "/tmp", "/usr/local", "/var", "/nix/var")
        before = {place: pod.visit(listing, place) for place in places}
        pod.exec(["spinup", "run"], user=user, env={**step.environment(), **CONTRACT}).check()
        for place in places:
            new = {path for path, what in pod.visit(listing, place).items() if before[place].get(path) != what}
            ours = {path for path in new if path.startswith(f"{TEMP}/spinup")}
            if user == "root":
                ours |= {path for path in new if path == "/etc/bazel.bazelrc"}
            assert new == ours
        assert not [path for path in pod.visit(listing, TEMP) if ".tmp" in path]
