# SPDX-License-Identifier: Zlib
"""The GPU that a label promises: a device that computes in the image's userland and in Nix's, and when it does not,
the link of the chain that is broken."""

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest
from lab import CONTRACT
from places import BUILD, REPOSITORY
from report import Report, prove, taken, together
from visit import File, Folder, Link

ALONE = ["--skip", "attic", "--skip", "bazel"]
LANE = [*ALONE, "--label", "tinyland-nix-gpu"]
MULTIARCH = f"/usr/lib/{platform.machine()}-linux-gnu"
LOADER = f"{MULTIARCH}/libvulkan.so.1"
HARDWARE = {"VK_FAKE": "device=discrete"}
NIX_LOADER = "/nix/store/0123456789abcdfghijklmnpqrsvwxyz-vulkan-loader-1.4.313/lib/libvulkan.so.1"
NIX_DRIVER = "/run/opengl-driver/lib/libvulkan_gpu.so"
NIX_MANIFEST = "/run/opengl-driver/share/vulkan/icd.d/gpu.json"
RENDER = "/dev/dri/renderD128"
FIXTURES = REPOSITORY / "fixtures/gpu"
SOFTWARE = "--allow-software-gpu"


def fake():
    """A libvulkan.so.1 that computes, and behaves as VK_FAKE says."""
    return File((BUILD / "drivers/libvulkan.so.1").read_bytes(), 0o755)


def nix_fake(lab, content=None):
    """The same as a library of nixpkgs, that is one which names its C library's store path; behind a profile."""
    glibc = next((lab.images / "..").resolve().glob(f"{lab.images.name}/**/nix/store/*-glibc-2.41"), None)
    assert glibc, "the lab's images have no glibc in their store"
    library = fake().content if content is None else content
    return {NIX_LOADER: File(library + b"\0/nix/store/" + glibc.name.encode() + b"/lib\0", 0o755),
            "/home/trusted/.nix-profile": Link(str(Path(NIX_LOADER).parents[1]))}


def manifest(library):
    """A driver's manifest."""
    return json.dumps({"file_format_version": "1.0.1", "ICD": {"library_path": library, "api_version": "1.4.0"}})


def rows_of(lab):
    """(words, place, {bad finding: severity}, outcome)."""
    image, nix = {LOADER: fake()}, nix_fake(lab)
    no_device = {"env": {"VK_FAKE": "device=none"}, "user": "runner"}
    for_nix = {NIX_MANIFEST: manifest(NIX_DRIVER), NIX_DRIVER: fake()}
    return {
        # who it works for
        "the image and manifests for Nix": (LANE, {"files": {**image, **for_nix}, "env": HARDWARE}, {}, "ready"),
        "the image and the profile": (LANE, {"files": {**image, **nix}, "env": HARDWARE}, {}, "ready"),
        "the image alone": (LANE, {"files": image, "env": HARDWARE}, {"gpu-not-for-nix": "warning"}, "degraded"),
        "the image, whose driver Nix finds by path": (
            LANE, {"files": {**image, "/usr/share/vulkan/icd.d/gpu.json": manifest(LOADER)}, "env": HARDWARE},
            {"gpu-not-for-nix": "warning"}, "degraded"),
        "the image, and a profile that fails": (
            LANE, {"files": {**image, **nix_fake(lab, b"no library")}, "env": HARDWARE},
            {"gpu-not-for-nix": "warning"}, "degraded"),
        "the profile alone": (LANE, {"files": {**nix, LOADER: None}, "env": HARDWARE}, {}, "ready"),
        # a CPU is no GPU
        "a CPU": (LANE, {"files": image, "env": {"VK_FAKE": "device=cpu"}},
                  {"gpu-absent": "error", "gpu-software-only": "error"}, "failed"),
        "llvmpipe, which says it is a GPU": (LANE, {"files": image, "env": {"VK_FAKE": "device=llvmpipe"}},
                                             {"gpu-absent": "error", "gpu-software-only": "error"}, "failed"),
        "a CPU that is allowed": ([*LANE, SOFTWARE], {"files": {**image, **for_nix}, "env": {"VK_FAKE": "device=cpu"}},
                                  {}, "ready"),
        # nodes
        "no node": (LANE, {**no_device, "files": image}, {"gpu-absent": "error"}, "failed"),
        "no loader": (LANE, {"files": {LOADER: None}}, {"gpu-absent": "error", "vulkan-loader-missing": "error"},
                      "failed"),
        "a node for root": (LANE, {**no_device, "files": image, "nodes": [f"{RENDER}:226:128:0660:0:105"]},
                            {"gpu-node-denied": "error"}, "failed"),
        "a node without a driver": (LANE, {**no_device, "files": image, "nodes": [f"{RENDER}:226:200:0666:0:0"]},
                                    {"gpu-node-dead": "error"}, "failed"),
        "a node that is another device": (LANE, {**no_device, "files": image, "nodes": [f"{RENDER}:1:3:0666:0:0"]},
                                          {"gpu-node-wrong": "error"}, "failed"),
        "a directory in a node's place": (LANE, {**no_device, "files": {**image, RENDER: Folder()}},
                                          {"gpu-node-wrong": "error"}, "failed"),
        "NVIDIA without a driver": (
            LANE, {**no_device, "files": image,
                   "nodes": ["/dev/nvidiactl:195:255:0666:0:0", "/dev/nvidia0:195:0:0666:0:0"]},
            {"gpu-node-dead": "error"}, "failed"),
        "a node that fails beside a GPU that computes": (
            LANE, {"files": {**image, **for_nix}, "env": HARDWARE, "nodes": [f"{RENDER}:226:200:0666:0:0"]}, {},
            "ready"),
        # drivers
        "a crash": (LANE, {"files": image, "env": {"VK_FAKE": "vkCreateDevice=crash"}},
                    {"gpu-absent": "error", "vulkan-crashed": "error"}, "failed"),
        "wrong results": (LANE, {"files": image, "env": {"VK_FAKE": "device=discrete result=wrong"}},
                          {"gpu-absent": "error", "vulkan-wrong-result": "error"}, "failed"),
        "hostile names": (LANE, {"files": {**image, **for_nix}, "env": {"VK_FAKE": "device=discrete name=hostile"}},
                          {}, "ready"),
        "a broken manifest": (
            LANE, {"files": {**image, **for_nix, "/etc/vulkan/icd.d/old.json": '{"ICD": ::error::x'}, "env": HARDWARE},
            {"vulkan-manifest-broken": "warning"}, "degraded"),
        # WebGPU
        "no feature of WebGPU's": (LANE, {"files": {**image, **for_nix},
                                          "env": {"VK_FAKE": "device=discrete features=none"}},
                                   {"webgpu-missing": "warning"}, "degraded"),
        # which lanes
        "required elsewhere": ([*ALONE, "--label", "tinyland-nix", "--require", "gpu"],
                               {"files": image, "env": {"VK_FAKE": "device=none"}}, {"gpu-absent": "error"}, "failed"),
        "not promised": ([*ALONE, "--label", "tinyland-nix"],
                         {"files": image, "env": {"VK_FAKE": "vkCreateInstance=hang"}}, {}, "ready"),
        "skipped": ([*LANE, "--skip", "gpu"], {"files": image, "env": HARDWARE},
                    {"promise-not-checked": "warning"}, "degraded"),
    }


@pytest.fixture(scope="module")
def rows(lab, spinup):
    """The table, made where the lab's images are."""
    assert spinup
    return rows_of(lab)


@pytest.fixture(scope="module")
def reports(lab, rows):
    """Every machine, side by side."""
    return together(lab, {name: (words, place) for name, (words, place, *_) in rows.items()})


def test_each_machine_is_told_apart(rows, reports):
    told = {name: (report.bad(), report.outcome, report.result.rc)
            for name in rows for report in [taken(reports, name)]}
    assert told == {name: (bad, outcome, outcome == "failed") for name, (_, _, bad, outcome) in rows.items()}


def test_the_output_says_whether_there_is_a_gpu(reports):
    for name, value in {"the image alone": "true", "a CPU": "false", "not promised": "", "skipped": "",
                        "a CPU that is allowed": "true"}.items():
        assert f"\ngpu={value}\n" in "\n" + taken(reports, name).result.files["GITHUB_OUTPUT"]


def test_what_computed_is_named(reports):
    finding = taken(reports, "the image and the profile").finding("gpu-ready")
    assert finding["subject"] == "Fake GPU" and "for the image's programs and for Nix's" in finding["detail"]
    report = taken(reports, "the image and the profile")
    assert report.fact("gpu.nix.loader") == NIX_LOADER
    assert report.fact("gpu.nix.interpreter").startswith("/nix/store/")
    assert taken(reports, "a CPU that is allowed").ids("gpu") == {"gpu-software-allowed": "notice"}
    assert taken(reports, "the profile alone").ids("gpu") == {"gpu-ready": "ok", "gpu-only-for-nix": "notice"}


def test_what_nix_does_not_read_is_named(lab, spinup):
    """NVIDIA's toolkit puts its manifest into /etc, where nixpkgs' loader never looks."""
    assert spinup
    path = "/etc/vulkan/icd.d/nvidia_icd.json"
    report = prove(lab, *LANE, files={LOADER: fake(), path: manifest("libGLX_nvidia.so.0")}, env=HARDWARE)
    assert report.finding("gpu-not-for-nix")["detail"].endswith(f"; not in them: {path}")


def test_a_denied_node_shows_the_numbers(reports):
    detail = taken(reports, "a node for root").finding("gpu-node-denied")["detail"]
    assert "mode 0660, owner 0:105; this user is 1001:1001" in detail


def test_a_lane_that_promises_nothing_pays_nothing(lab, reports):
    """No task, and so no process: the driver, which would hang, is never opened."""
    report = taken(reports, "not promised")
    assert report.fact("gpu") is None and not report.findings("gpu")
    plan = lab.exec(["spinup", "plan", "--json", "--label", "tinyland-nix"], daemon="none").check()
    assert "gpu" not in [task["probe"] for task in json.loads(plan.stdout)["tasks"]]


def test_doctor_looks_at_what_is_not_promised(lab):
    report = prove(lab, *ALONE, "--all", "--label", "tinyland-nix", command="doctor", files={LOADER: fake()},
                   env={"VK_FAKE": "device=none"})
    assert report.bad("gpu") == {"gpu-absent": "warning"} and report.result.rc == 0
    plan = lab.exec(["spinup", "plan", "--json", "--all", "--label", "tinyland-nix"], daemon="none").check()
    task = next(task for task in json.loads(plan.stdout)["tasks"] if task["probe"] == "gpu")
    assert task["kind"] == "advice" and task["deadline_ms"] == 10000, "with the others, and no longer"


def test_a_driver_that_hangs_is_stopped_at_its_step(lab):
    """As advice within the deadline of all: the probe itself says where, before it is cut."""
    report = prove(lab, *ALONE, "--all", "--deadline", "3", "--label", "tinyland-nix", command="doctor",
                   files={LOADER: fake()}, env={"VK_FAKE": "vkCreateInstance=hang"})
    assert report.bad("gpu") == {"gpu-absent": "warning", "vulkan-hung": "warning"}
    assert report.finding("vulkan-hung")["detail"].startswith("create the instance: no end after")


def test_a_promised_gpu_has_a_time_of_its_own(lab):
    """A driver's first start takes seconds: --deadline does not cut it, nor does what watches over the entrypoint."""
    words = ["spinup", "exec", "--deadline", "1", *LANE, "--", "sh", "-c", "cat $SPINUP_REPORT_PATH"]
    result = lab.exec(words, image="determinate", daemon="determinate", user="trusted", files={LOADER: fake()},
                      env={"VK_FAKE": "device=discrete vkCreateInstance=slow7"}, timeout=30).check()
    assert result.stdout, result.stderr
    assert "gpu-ready" in [finding["id"] for finding in json.loads(result.stdout)["findings"]]


def test_ten_thousand_manifests(lab):
    files = {f"/etc/vulkan/icd.d/{number}.json": manifest("libnone.so") for number in range(10001)}
    report = prove(lab, *LANE, files={**files, LOADER: fake()}, env=HARDWARE)
    assert len(report.fact("gpu.image.manifests")) == 16
    assert report.bad() == {"gpu-not-for-nix": "warning"} and report.fact("gpu.image.manifest_count") == 10000


@pytest.mark.parametrize("image", ["vulkan-bookworm", "vulkan-trixie"])
def test_a_real_driver_on_the_cpu(lab, spinup, image):
    """Mesa's lavapipe: no GPU, and one where that is allowed."""
    assert spinup
    place = {"image": image, "daemon": "none", "user": "runner"}
    label = [*ALONE, "--label", "tinyland-docker-webgpu"]
    report = prove(lab, *label, **place)
    assert report.bad("gpu") == {"gpu-absent": "error", "gpu-software-only": "error"} and report.outcome == "failed"
    assert "llvmpipe" in report.finding("gpu-software-only")["detail"]
    report = prove(lab, *label, SOFTWARE, **place)
    level = "core" if image == "vulkan-trixie" else "none"
    assert report.fact("gpu.webgpu.level") == level and report.fact("gpu.device.is_software") is True
    assert report.bad("gpu") == ({} if level == "core" else {"webgpu-missing": "warning"})


def test_the_probe_alone_shows_its_facts(lab, spinup):
    assert spinup
    result = lab.exec(["spinup", "probe", "gpu"], image="vulkan-trixie", daemon="none", user="runner")
    assert result.rc == 1
    for fact in ("gpu.image.manifests", "gpu.image.devices", "gpu.image.loader_version", "gpu.machine.has_drm"):
        assert f"\n  {fact} " in result.stdout


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the fixtures hold libraries of x86-64 machines")
@pytest.mark.parametrize("name", sorted(os.listdir(FIXTURES)))
def test_a_fake_machine(spinup, name):
    """NVIDIA by hook and by CDI, slices, mismatches, AMD, Intel, virtio: what the unit tests expect of the probe holds
    for the whole program in its sandbox."""
    case = FIXTURES / name
    environment = dict(line.split("=", 1) for line in (case / "environment").read_text().splitlines())
    words = [spinup, "probe", "gpu", "--json", "--root", case / "root"]
    result = subprocess.run(words, env={**environment, "SPINUP_LABEL": "tinyland-nix-gpu"}, capture_output=True,
                            text=True, timeout=20, check=False)
    found = [(row["severity"], row["id"]) for row in json.loads(result.stdout)["findings"] if row["probe"] == "gpu"]
    expected = [tuple(line.split()[:2]) for line in (case / "expected").read_text().splitlines() if " = " not in line]
    assert sorted(found) == sorted(expected)
    assert result.returncode == ("error" in [severity for severity, _ in found])


def test_a_report_of_a_gpu_is_a_report(reports):
    """together() has held each against the schema; this one is a Report with findings of the probe."""
    assert isinstance(taken(reports, "hostile names"), Report) and taken(reports, "hostile names").findings("gpu")
