# SPDX-License-Identifier: Zlib
"""actions/arc: the lanes as values of the chart gha-runner-scale-set, held against the chart's own keys, against the
platform contract, and against what spinup makes of such a pod."""

import json
import re

import jsonschema
import pytest
import yaml
from lab import CONTRACT
from places import REPOSITORY
from report import Report
from visit import listing

FOLDER = REPOSITORY / "actions/arc"
LANES = json.loads((REPOSITORY / "agent/contract.json").read_text())["lanes"]
HEAVY_MIB = json.loads((REPOSITORY / "agent/contract.json").read_text())["heavy_memory_mib"]
SCHEMA = json.loads((REPOSITORY / "tests/arc/values.schema.json").read_text())
VALUES = {path.stem: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
DEVICES = {"kvm": "devices.kubevirt.io/kvm", "gpu": "nvidia.com/gpu"}
ANNOTATION = "metadata.annotations['actions.github.com/runner-scale-set-name']"


@pytest.fixture(params=VALUES, name="lane")
def each_lane(request):
    """A lane's name, which is its file's."""
    return request.param


def runner_of(lane):
    """The runner's container."""
    return next(each for each in VALUES[lane]["template"]["spec"]["containers"] if each["name"] == "runner")


def mebibytes(quantity):
    """Kubernetes' 8Gi as 8192."""
    number, unit = re.fullmatch(r"(\d+)(Mi|Gi)", quantity).groups()
    return int(number) * {"Mi": 1, "Gi": 1024}[unit]


def test_every_lane_of_the_platform_has_its_file():
    """The lanes that tinyland's contract promises to all; no file without a lane."""
    assert set(VALUES) == {name for name in LANES if name.startswith("tinyland-")}


def test_the_chart_knows_every_key(lane):
    """The chart drops what it does not know without a word."""
    jsonschema.Draft202012Validator(SCHEMA).validate(VALUES[lane])


@pytest.mark.parametrize("spoil", [
    lambda values, runner: values.update(runnerScaleSetname="x"),
    lambda values, runner: values.update(runnerScaleSetName="x" * 46),
    lambda values, runner: values.update(runnerScaleSetName="tinyland_nix"),
    lambda values, runner: values.update(containerMode={"type": "docker"}),
    lambda values, runner: runner.update(name="main"),
    lambda values, runner: runner.pop("command"),
    lambda values, runner: runner["env"].append({"name": "DOCKER_HOST", "value": "tcp://localhost:2375"}),
    lambda values, runner: runner["securityContext"].update(allowPrivilegeEscalation=False),
    lambda values, runner: runner["resources"]["limits"].update(memory="8GB"),
])
def test_the_schema_finds_an_error(spoil):
    """What this check cannot see it cannot hold."""
    values = yaml.safe_load((FOLDER / "tinyland-nix.yaml").read_text())
    spoil(values, values["template"]["spec"]["containers"][0])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(values)


def test_the_pod_names_its_lane_and_starts_by_spinup(lane):
    """Label, entrypoint and hook: the same in every lane."""
    container = runner_of(lane)
    env = {each["name"]: each for each in container["env"]}
    assert len(env) == len(container["env"])
    assert VALUES[lane]["runnerScaleSetName"] == lane
    assert env["SPINUP_SCALE_SET"]["valueFrom"]["fieldRef"]["fieldPath"] == ANNOTATION
    assert container["command"] == ["spinup", "exec", "--", "/home/runner/run.sh"]
    assert env["ACTIONS_RUNNER_HOOK_JOB_STARTED"]["value"] == "/opt/spinup/job-started.sh"
    assert "/opt/spinup/job-started.sh" in (FOLDER / "README.md").read_text()


def test_the_envelope_is_the_contracts(lane):
    """Limits equal what the label promises; requests do not exceed them."""
    resources = runner_of(lane)["resources"]
    limits, requests, promised = resources["limits"], resources["requests"], LANES[lane]
    if "cpus" in promised:
        assert int(limits["cpu"]) == promised["cpus"]
    if "memory_mib" in promised:
        assert mebibytes(limits["memory"]) == promised["memory_mib"]
    if "heavy" in promised["promises"]:
        assert mebibytes(limits["memory"]) > HEAVY_MIB
    assert mebibytes(requests["memory"]) <= mebibytes(limits["memory"])
    assert set(requests) == {"cpu", "memory"}


def test_the_pod_gets_the_devices_and_modes_that_are_promised(lane):
    """A device for each promise of one, none without; docker's daemon for dind; a store of Nix's for nix."""
    spec, promises = VALUES[lane]["template"]["spec"], LANES[lane]["promises"]
    limits = set(runner_of(lane)["resources"]["limits"]) - {"cpu", "memory"}
    assert limits == {DEVICES[promise] for promise in promises if promise in DEVICES}
    assert (VALUES[lane].get("containerMode") == {"type": "dind"}) == ("docker" in promises)
    assert ("runtimeClassName" in spec) == ("gpu" in promises)
    mounts = {each["mountPath"]: each["name"] for each in runner_of(lane).get("volumeMounts", [])}
    assert ("/nix" in mounts) == ("nix" in promises)
    assert set(mounts.values()) == {each["name"] for each in spec.get("volumes", [])}


def test_the_nix_volume_is_made_as_nix_wants_it(lab, lane):
    """The init container's own command, on an emptyDir: 0755, root's, with the image's store in it; and a store that
    is not there is no reason to stop a pod."""
    spec = VALUES[lane]["template"]["spec"]
    if "nix" not in LANES[lane]["promises"]:
        assert "initContainers" not in spec
        return
    init, = spec["initContainers"]
    assert init["image"] == runner_of(lane)["image"] and init["securityContext"] == {"runAsUser": 0}
    assert "fsGroup" not in spec.get("securityContext", {})
    for image in ("nix", "bare"):
        with lab.pod(image=image, daemon="none", tmpfs=["/volume"]) as pod:
            assert pod.exec(init["command"], user="root").rc == 0
            volume = pod.visit(listing, "/volume")
            root = pod.exec(["stat", "-c", "%a %u:%g", "/volume"], user="root").stdout
            store = pod.visit(listing, "/nix") if image == "nix" else {}
        assert root == "755 0:0\n"
        assert {f"/nix{path.removeprefix('/volume')}": facts for path, facts in volume.items()} == store


def test_spinup_finds_the_lane_in_such_a_pod(lab, spinup, lane):
    """In the limits and the environment of the file: the lane is known, and no envelope differs."""
    container = runner_of(lane)
    limits = container["resources"]["limits"]
    # What the annotation holds is the scale set's name.
    env = {each["name"]: each.get("value", VALUES[lane]["runnerScaleSetName"]) for each in container["env"]}
    assert env["SPINUP_SCALE_SET"] == lane
    report = Report(lab.exec(["spinup", "doctor", "--json"], user="trusted", image="determinate", docker="good",
                             hostname="anything", memory=mebibytes(limits["memory"]) << 20, cpus=int(limits["cpu"]),
                             env={"SPINUP_CONTRACT": CONTRACT, **env}))
    assert report.document["lane"]["label"] == lane
    assert report.document["lane"]["source"] == "SPINUP_SCALE_SET"
    assert not {"envelope-differs", "envelope-not-set", "lane-unknown"} & set(report.ids())
