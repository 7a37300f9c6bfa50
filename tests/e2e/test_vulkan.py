# SPDX-License-Identifier: Zlib
"""Vulkan proven by use: the real binary with a real driver (lavapipe), and with drivers that misbehave."""

import json
import platform
import re
import shutil
import subprocess

import pytest
import vulkan_images
from conftest import skip
from places import REPOSITORY
from visit import File

FAKE = REPOSITORY / "build/lab/drivers/libvulkan.so.1"
HELPER = REPOSITORY / "build/vulkan-helper"
SHADER = REPOSITORY / "probes/vulkan/mix.comp"
DENY = "/opt/lab/deny"
DENY_PROGRAM = REPOSITORY / "build/lab/bin/deny"
LOADER = "/lib64/ld-linux-x86-64.so.2"
# What glibc began with, where its loader is, and how far apart segments lie where pages may have 64 KiB.
OLDEST = {"x86_64": ("GLIBC_2.2.5", LOADER, 0), "aarch64": ("GLIBC_2.17", "/lib/ld-linux-aarch64.so.1", 65536)}
REAL_LOADER = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"
HELPER_PROCESS = "^spinup-vulkan libvulkan"


@pytest.fixture(scope="module", name="fake_pod")
def _fake_pod(lab, spinup):  # pylint: disable=unused-argument
    """A pod whose Vulkan loader is the lab's own."""
    with lab.pod(image="bare", files={"/fake/libvulkan.so.1": File(FAKE.read_bytes(), 0o755)}) as pod:
        yield pod


def probe(pod, *words, command=(), env=None, user="runner"):
    """What `spinup probe gpu` found: facts of the image's userland, IDs of findings, the whole report."""
    return read(pod.exec([*command, "spinup", "probe", "gpu", "--json", *words], user=user, env=env or {}))


def read(result):
    """These three from a command's report."""
    report = json.loads(result.stdout)
    return report["facts"]["gpu"]["image"], {finding["id"] for finding in report["findings"]}, report


def fake(pod, setting, *words, **how):
    """The same with the fake driver, told how to behave."""
    return probe(pod, *words, env={"LD_LIBRARY_PATH": "/fake", "VK_FAKE": setting}, **how)


# ---- a real driver

@pytest.mark.parametrize("image", ["vulkan-bookworm", "vulkan-trixie"])
@pytest.mark.parametrize("user", ["runner", "root", "65534:65534"])
def test_lavapipe_computes(lab, spinup, image, user):  # pylint: disable=unused-argument
    with lab.pod(image=image) as pod:
        facts, ids, report = probe(pod, "--allow-software-gpu", user=user)
        left = pod.exec(["find", "/tmp", "/home", "/root", "/var/tmp", "-newer", "/etc/hostname", "-type", "f"],
                        user="root").stdout
    assert facts["end"] == "computed" and facts["step"] == "verify the result"
    assert "llvmpipe" in "".join(facts["devices"]) and facts["loader"].endswith("/libvulkan.so.1")
    assert report["facts"]["gpu"]["device"]["is_software"] is True
    assert "sandboxed_step" not in facts and left == "", "the driver wrote to the disk"
    assert "gpu-software-only" not in ids


@pytest.mark.parametrize("image", ["vulkan-bookworm", "vulkan-trixie"])
def test_a_rasteriser_is_no_gpu(lab, spinup, image):  # pylint: disable=unused-argument
    result = lab.exec(["spinup", "probe", "gpu", "--json", "--require", "gpu"], image=image)
    report = json.loads(result.stdout)
    assert result.rc == 1 and report["facts"]["gpu"]["image"]["end"] == "only-software"
    assert "gpu-software-only" in {finding["id"] for finding in report["findings"]}


def test_webgpu_of_both_mesas(lab, spinup):  # pylint: disable=unused-argument
    levels = {}
    for image in ("vulkan-bookworm", "vulkan-trixie"):
        report = json.loads(lab.exec(["spinup", "probe", "gpu", "--json", "--allow-software-gpu"], image=image).stdout)
        levels[image] = report["facts"]["gpu"]["webgpu"]
    assert levels["vulkan-trixie"]["level"] == "core"
    assert levels["vulkan-bookworm"]["level"] == "none"
    assert "shaderSampledImageArrayDynamicIndexing" in levels["vulkan-bookworm"]["core_missing"]


def test_the_sandbox_holds_and_is_told(lab, spinup):  # pylint: disable=unused-argument
    with lab.pod(image="vulkan-trixie") as pod:
        inside, _, _ = probe(pod, "--allow-software-gpu")
        without, _, _ = probe(pod, "--allow-software-gpu", command=[DENY, "seccomp=ENOSYS", "prctl=EPERM", "--"])
    assert inside["sandbox"].startswith("seccomp") and inside["end"] == "computed"
    assert without["sandbox"] == "none" and without["end"] == "computed"


@pytest.mark.parametrize("need", ["socket", "file"])
def test_a_driver_that_cannot_work_inside_the_sandbox(fake_pod, need):
    """It is tried once more without, and that is said."""
    facts, _, _ = fake(fake_pod, f"vkCreateDevice={need}")
    assert facts["end"] == "computed" and facts["sandbox"] == "none"
    assert facts["sandboxed_step"] == "create the device"
    assert (fake_pod.exec(["test", "-e", "/tmp/fake-vulkan"]).rc == 0) == (need == "file")


# ---- drivers that misbehave

PHASES = [  # a function, the step in which it is called, and whether it can fail
    ("vkEnumerateInstanceVersion", "open the loader"),
    ("vkCreateInstance", "create the instance"),
    ("vkEnumeratePhysicalDevices", "list the devices"),
    ("vkCreateDevice", "create the device"),
    ("vkCreateBuffer", "allocate memory"),
    ("vkAllocateMemory", "allocate memory"),
    ("vkBindBufferMemory", "allocate memory"),
    ("vkMapMemory", "allocate memory"),
    ("vkCreateShaderModule", "compile the shader"),
    ("vkCreateDescriptorSetLayout", "compile the shader"),
    ("vkCreatePipelineLayout", "compile the shader"),
    ("vkCreateComputePipelines", "compile the shader"),
    ("vkCreateDescriptorPool", "bind the buffer"),
    ("vkAllocateDescriptorSets", "bind the buffer"),
    ("vkCreateCommandPool", "record the commands"),
    ("vkAllocateCommandBuffers", "record the commands"),
    ("vkBeginCommandBuffer", "record the commands"),
    ("vkEndCommandBuffer", "record the commands"),
    ("vkCreateFence", "submit the work"),
    ("vkQueueSubmit", "submit the work"),
    ("vkWaitForFences", "wait for the device"),
]
RESULTS = {-1: "VK_ERROR_OUT_OF_HOST_MEMORY", -2: "VK_ERROR_OUT_OF_DEVICE_MEMORY",
           -3: "VK_ERROR_INITIALIZATION_FAILED", -4: "VK_ERROR_DEVICE_LOST", -9: "VK_ERROR_INCOMPATIBLE_DRIVER",
           -77: "VkResult -77"}


def test_the_fake_driver_computes(fake_pod):
    facts, _, report = fake(fake_pod, "")
    assert facts["end"] == "computed" and facts["loader"] == "/fake/libvulkan.so.1"
    assert report["facts"]["gpu"]["device"] == {
        "name": "Fake GPU", "type": "discrete GPU", "is_software": False, "driver": "Fake",
        "driver_info": "570.124.06", "vulkan": "1.3.0"}
    assert report["facts"]["gpu"]["webgpu"]["level"] == "core"


@pytest.mark.parametrize("code", RESULTS)
@pytest.mark.parametrize("function, step", PHASES)
def test_each_error_at_each_step(fake_pod, function, step, code):
    facts, _, _ = fake(fake_pod, f"{function}={code}")
    assert (facts["end"], facts["step"], facts["result"]) == ("error", step, RESULTS[code])


@pytest.mark.parametrize("function, step", PHASES)
def test_crash_at_each_step(fake_pod, function, step):
    facts, _, _ = fake(fake_pod, f"{function}=crash")
    assert (facts["end"], facts["step"]) == ("killed", step)
    assert facts["sandbox"] == "none" and facts["sandboxed_step"] == step, "it was tried without the sandbox too"


@pytest.mark.parametrize("function, step", PHASES)
def test_a_function_that_is_missing(fake_pod, function, step):
    facts, _, _ = fake(fake_pod, f"{function}=absent")
    if function == "vkEnumerateInstanceVersion":  # Vulkan 1.0 has none
        assert facts["end"] == "computed"
    else:
        assert facts["end"] == "incomplete" and facts["detail"] == f"no {function}", step


@pytest.mark.parametrize("function, step", [PHASES[1], PHASES[3], PHASES[11], PHASES[-1]])
def test_a_library_that_ends_the_process(fake_pod, function, step):
    facts, _, _ = fake(fake_pod, f"{function}=exit42")
    assert (facts["end"], facts["step"]) == ("exited", step)
    assert facts["log"] == f"ERROR: the driver gives up in {function}"


@pytest.mark.parametrize("function, step", [PHASES[1], PHASES[11], PHASES[-1]])
def test_a_hang_is_located_and_ended(fake_pod, function, step):
    """As advice, with the ordinary deadline; a promised GPU gets 45 s."""
    facts, _, report = read(fake_pod.exec(
        ["spinup", "doctor", "--all", "--json", "--deadline", "3"],
        env={"LD_LIBRARY_PATH": "/fake", "VK_FAKE": f"{function}=hang"}))
    assert (facts["end"], facts["step"]) == ("timeout", step)
    assert report["elapsed_ms"] < 10000
    assert fake_pod.exec(["pgrep", "-f", HELPER_PROCESS], user="root").rc == 1, "the helper is still there"


def test_the_fence_that_is_never_signalled(fake_pod):
    facts, _, _ = fake(fake_pod, "vkWaitForFences=2")
    assert (facts["end"], facts["result"]) == ("error", "VK_TIMEOUT")


@pytest.mark.parametrize("lie, detail", [
    ("result=unchanged", "word 0 was filled, and no shader changed it"),
    ("result=wrong", "word 1 is "),
    ("result=late", "word 1023 is 0; it should be "),
])
def test_wrong_results_are_seen(fake_pod, lie, detail):
    facts, _, report = fake(fake_pod, lie)
    assert facts["end"] == "wrong-result" and facts["detail"].startswith(detail)
    assert report["facts"]["gpu"]["is_usable"] is False


@pytest.mark.parametrize("setting, detail", [
    ("memory=none", "the device has no memory that the host sees"),
    ("queue=none", "the device has no queue that computes"),
    ("map=null", "vkMapMemory gave no address"),
])
def test_a_device_that_cannot_compute(fake_pod, setting, detail):
    facts, _, _ = fake(fake_pod, setting)
    assert facts["end"] == "incomplete" and facts["detail"] == detail


def test_rubbish_over_the_frames(fake_pod):
    facts, _, report = fake(fake_pod, "vkCreateInstance=scribble")
    assert facts["end"] == "broke-rules" and report["facts"]["gpu"]["is_usable"] is False


@pytest.mark.parametrize("device, type_, is_usable", [
    ("discrete", "discrete GPU", True), ("integrated", "integrated GPU", True), ("virtual", "virtual GPU", True),
    ("other", "other", True), ("cpu", None, False), ("swiftshader", None, False), ("llvmpipe", None, False),
])
def test_software_is_told_by_type_and_driver(fake_pod, device, type_, is_usable):
    facts, _, report = fake(fake_pod, f"device={device}")
    assert facts["end"] == ("computed" if is_usable else "only-software")
    if is_usable:
        assert report["facts"]["gpu"]["device"]["type"] == type_
    else:
        facts, _, _ = fake(fake_pod, f"device={device}", "--allow-software-gpu")
        assert facts["end"] == "computed"


def test_hardware_is_preferred(fake_pod):
    facts, _, report = fake(fake_pod, "devices=3 device=integrated", "--allow-software-gpu")
    assert len(facts["devices"]) == 3 and report["facts"]["gpu"]["device"]["type"] == "integrated GPU"


def test_more_devices_than_are_described(fake_pod):
    facts, _, _ = fake(fake_pod, "devices=40 device=discrete")
    assert facts["end"] == "only-software" and len(facts["devices"]) == 8, "the loader's first 32 are CPUs"


def test_no_device_at_all(fake_pod):
    assert fake(fake_pod, "device=none")[0]["end"] == "no-device"


def test_webgpu_misses_are_named(fake_pod):
    webgpu = fake(fake_pod, "limits=small features=none")[2]["facts"]["gpu"]["webgpu"]
    assert webgpu["level"] == "none"
    assert "robustBufferAccess" in webgpu["core_missing"] and "depthBiasClamp" in webgpu["core_missing"]
    assert "depthBiasClamp" not in webgpu["compatibility_missing"]
    assert "minUniformBufferOffsetAlignment 1024, needs 256" in webgpu["core_missing"]


def test_vulkan_1_0(fake_pod):
    facts, _, report = fake(fake_pod, "api=1.0")
    assert facts["end"] == "computed" and "Vulkan 1.1" in report["facts"]["gpu"]["webgpu"]["core_missing"]


def test_hostile_names_are_cleaned(fake_pod):
    result = fake_pod.exec(["spinup", "probe", "gpu"], env={"LD_LIBRARY_PATH": "/fake", "VK_FAKE": "name=hostile"})
    assert "Fake GPU" in result.stdout
    for output in (result.stdout, result.stderr):
        assert "\x1b" not in output and "##[" not in output and not re.search(r"^\s*::", output, re.M)


def test_the_driver_sees_no_secret(fake_pod):
    env = {"LD_LIBRARY_PATH": "/fake", "VK_FAKE": "vkCreateInstance=hang", "ATTIC_TOKEN": "s3cret",
           "ACTIONS_RUNNER_INPUT_JITCONFIG": "s3cret", "GITHUB_TOKEN": "s3cret"}
    script = ("spinup doctor --all --deadline 3 >/dev/null 2>&1 & "
              f"until helper=$(pgrep -f '{HELPER_PROCESS}'); do :; done; "
              "tr '\\0' '\\n' </proc/$helper/environ; ls -l /proc/$helper/fd; wait")
    seen = fake_pod.exec(["bash", "-c", script], env=env, user="root").stdout
    assert "VK_FAKE=" in seen and "s3cret" not in seen
    assert len(re.findall(r"^l", seen, re.M)) == 5, "input, outputs, frames, the helper itself: " + seen


# ---- where no dynamic loader works

def patched(program, old, new):
    """A program that names another dynamic loader of the same length or less."""
    assert old in program
    return File(program.replace(old, new.ljust(len(old), b"\0")), 0o755)


@pytest.mark.parametrize("stub", ["script", "static program", "none"])
def test_no_loader_at_the_usual_place(lab, spinup, stub):  # pylint: disable=unused-argument
    """Alpine has none there, NixOS a stub that only complains: the image's shell names another one."""
    with lab.pod(image="vulkan-trixie") as pod:
        root = vulkan_images.layer("vulkan-trixie")
        shell, loader = ((root / path).read_bytes() for path in ("usr/bin/dash", REAL_LOADER[1:]))
        places = {"script": File(b"#!/bin/false\n", 0o755), "static program": File(DENY_PROGRAM.read_bytes(), 0o755),
                  "none": None}
        pod.place({"/opt/ld.so": File(loader, 0o755), "/usr/bin/dash": patched(shell, LOADER.encode(), b"/opt/ld.so"),
                   LOADER: places[stub]})
        facts, _, _ = probe(pod, "--allow-software-gpu")
    assert facts["end"] == "computed" and facts["interpreter"] == "/opt/ld.so"


def test_no_loader_at_all(lab, spinup):  # pylint: disable=unused-argument
    with lab.pod(image="vulkan-trixie", files={LOADER: None}) as pod:
        facts, ids, _ = probe(pod)
    assert facts["end"] == "not-started"
    assert facts["detail"] == "the helper program cannot be run: No such file or directory"
    assert "gpu-software-only" not in ids, "unknown is not false"


def test_memory_files_that_cannot_be_run(lab, spinup):  # pylint: disable=unused-argument
    """vm.memfd_noexec=2 refuses the flag; a dynamic loader still maps the helper."""
    with lab.pod(image="vulkan-trixie") as pod:
        if pod.exec(["sh", "-c", "echo 2 >/proc/sys/vm/memfd_noexec"], user="root").rc:
            skip("a writable vm.memfd_noexec (Linux 6.3)")
        facts, _, _ = probe(pod, "--allow-software-gpu")
    assert facts["end"] == "computed" and facts["interpreter"] == LOADER


# ---- the program itself

@pytest.mark.parametrize("machine", sorted({platform.machine(), "aarch64"}))
def test_the_helper_needs_only_the_oldest_symbols(machine):
    """Any C library of the last ten years runs it, here and where it was cross-compiled for."""
    helper = HELPER if machine == platform.machine() else HELPER.parent / machine / HELPER.name
    if not helper.exists():
        skip(f"{helper.relative_to(REPOSITORY)} (./build.sh, ./build.sh aarch64)")
    told = subprocess.run(["readelf", "--version-info", "--dynamic", "--program-headers", "--wide", helper],
                          capture_output=True, text=True, check=True, timeout=20).stdout
    oldest, loader, padding = OLDEST[machine]
    assert set(re.findall(r"GLIBC_[\d.]+", told)) == {oldest}
    assert set(re.findall(r"NEEDED.*\[(.*)\]", told)) == {"libc.so.6", "libdl.so.2"}
    assert f"[Requesting program interpreter: {loader}]" in told
    assert helper.stat().st_size < 24576 + padding


def test_the_shader_is_made_from_its_source(tmp_path):
    if not shutil.which("glslangValidator"):
        skip("glslangValidator (package glslang-tools)")
    words = tmp_path / "mix.inc"
    subprocess.run(["glslangValidator", "-V", "-g0", "--target-env", "vulkan1.0", "-x", "-o", words, SHADER], check=True,
                   capture_output=True, timeout=20)
    made, kept = (re.findall(r"0x[0-9a-f]{8}", path.read_text()) for path in (words, SHADER.with_suffix(".inc")))
    del made[2], kept[2]  # the compiler's own version
    assert made == kept
