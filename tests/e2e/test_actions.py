# SPDX-License-Identifier: Zlib
"""The composite actions: what they take and give, how inputs reach the agent, how a command runs, what signals do."""

import re
import signal

import pytest
from action import ACTIONS, BUSYBOX_PATH, NAMES, SHELLS, Step, manifest, processes, program, release
from runner_files import TEMP, WORKSPACE, parse
from visit import File

LOCAL = "/usr/local/bin/spinup"
# The agent's options that an action does not hand on: a workflow has the job's environment for them.
NO_INPUTS = {"CONTRACT", "REPORT", "GITLAB_ANNOTATIONS", "JSON"}
OWN_INPUTS = {"REQUIRE_CACHE_PUSH"}  # agent.sh makes two options of it
NOT_THE_AGENTS = {"command", "push-timeout"}
NOT_FOR_DOCKER = re.compile(r"attic-.*|.*-?push.*")


def expression(kind, name):
    """As it stands in action.yml."""
    return f"${{{{ {kind}.{name} }}}}"


# ---- no second list

@pytest.mark.parametrize("name", NAMES)
def test_the_outputs_are_the_agents(lab, spinup, name):
    """Every one that it writes, in its order, and no other."""
    written = [pair[0] for pair in parse(Step(name, "agent.sh").run(lab).files["GITHUB_OUTPUT"])]
    outputs = manifest(name)["outputs"]
    assert [*outputs] == [output for output in written if output != "agent-path"]
    assert {key: row["value"] for key, row in outputs.items()} == \
        {key: expression("steps.agent.outputs", key) for key in outputs}


@pytest.mark.parametrize("name", NAMES)
def test_the_inputs_are_the_agents_options(lab, spinup, name):
    """Every option of `run` is an input, and each input reaches the agent."""
    document = manifest(name)
    options = set(re.findall(r"\[SPINUP_([A-Z_]+)\]", lab.exec(["spinup", "run", "--help"], image="bare").stdout))
    given = Step(name, "agent.sh").step["env"]
    handed_on = {variable.removeprefix("WITH_") for variable in given} - OWN_INPUTS
    wanted = options - NO_INPUTS
    assert handed_on == (wanted if name != "docker-job" else {name for name in wanted if "ATTIC" not in name})
    assert sorted(given.values()) == sorted(
        expression("inputs", key) for key in document["inputs"] if key not in NOT_THE_AGENTS)


def test_agent_sh_takes_what_the_actions_give():
    """Its list is the union of theirs."""
    listed = re.search(r"^inputs='([^']*)'", (ACTIONS / "agent.sh").read_text(), re.M)[1].split()
    given = {variable for name in NAMES for variable in Step(name, "agent.sh").step["env"]}
    assert sorted(listed) == sorted({variable.removeprefix("WITH_") for variable in given} - OWN_INPUTS)


def test_the_actions_differ_in_what_they_do_alone():
    """The same input means the same everywhere."""
    documents = {name: manifest(name) for name in NAMES}
    every = set(documents["nix-job"]["inputs"])
    assert set(documents["setup-flywheel"]["inputs"]) == every - NOT_THE_AGENTS
    assert set(documents["docker-job"]["inputs"]) == \
        {name for name in every if not NOT_FOR_DOCKER.fullmatch(name)}
    for name, document in documents.items():
        for key, row in document["inputs"].items():
            assert key == "push-cache" or row == documents["nix-job"]["inputs"][key], (name, key)


# ---- inputs

HOSTILE = {
    "quotes": "'; touch /tmp/canary; '\" ; touch /tmp/canary ; \"",
    "substitution": "$(touch /tmp/canary) `touch /tmp/canary` ${HOME} $HOME",
    "newlines": "\n\na\ntouch /tmp/canary\n\n",
    "commands": "x\n::set-env name=LD_PRELOAD::/tmp/x\n##[set-env name=A;]b\n::add-path::/tmp",
    "blanks": "  a \t b  ",
    "backslashes": "\\ \\n \\0 \\\\ %s %n -n -e --",
    "control": "\r\x01\x1b[31m\x7f\u202e",
}


def environment(result):
    """What the stand-in agent was given."""
    text = result.files[f"{WORKSPACE}/environment"]
    return dict(item.split("=", 1) for item in text.split("\0") if item)


def given(lab, inputs=None, action="nix-job", shell="dash", env=None):
    """The environment in which the agent is run."""
    result = Step(action, "agent.sh", inputs, shell).run(lab, files={LOCAL: File(program(), 0o755)}, env=env,
                                                         collect=[f"{WORKSPACE}/environment", "/tmp/canary"])
    assert result.rc == 0, result.stdout + result.stderr
    assert result.files["/tmp/canary"] is None
    return environment(result)


def agents_inputs(action="nix-job"):
    """{input: the agent's variable}."""
    pairs = [(re.search(r"inputs\.([a-z-]+)", text)[1], name.replace("WITH_", "SPINUP_"))
             for name, text in Step(action, "agent.sh").step["env"].items()]
    return {key: name for key, name in pairs if name != "SPINUP_REQUIRE_CACHE_PUSH"}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("row", HOSTILE)
def test_inputs_arrive_unchanged(lab, row, shell):
    """Each under its variable, byte for byte; nothing in them is executed."""
    inputs = agents_inputs()
    found = given(lab, {key: HOSTILE[row] + key for key in inputs}, shell=shell)
    assert {name: found[name] for name in inputs.values()} == \
        {name: HOSTILE[row] + key for key, name in inputs.items()}
    assert not [name for name in found if name.startswith("WITH_")]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_long_input_arrives_unchanged(lab, shell):
    """100 kB, which is near to what one variable can hold."""
    text = "a'\"$(x)`y`\n" * 10000
    assert given(lab, {"label": text}, shell=shell)["SPINUP_LABEL"] == text


@pytest.mark.parametrize("shell", SHELLS)
def test_an_empty_input_hides_nothing(lab, shell):
    """What the pod says holds until the step says something."""
    env = {"SPINUP_LABEL": "tinyland-nix-kvm", "SPINUP_MODE": "warn", "SPINUP_REQUIRE": "nix"}
    found = given(lab, {"mode": "enforce"}, env=env, shell=shell)
    assert {name: text for name, text in found.items() if name.startswith("SPINUP_")} == \
        {**env, "SPINUP_MODE": "enforce"}


@pytest.mark.parametrize("inputs, env, required", [
    ({"require-cache-push": "true"}, {}, "attic-push"),
    ({"require-cache-push": "true", "require": "nix,bazel"}, {}, "nix,bazel,attic-push"),
    ({"require-cache-push": "true"}, {"SPINUP_REQUIRE": "nix"}, "nix,attic-push"),
    ({"require-cache-push": "true", "push-cache": "false"}, {}, "attic-push"),
    ({"require-cache-push": "false", "push-cache": "true"}, {}, None),
])
def test_a_required_push_is_a_promise(lab, inputs, env, required):
    """Which the agent proves before anything is built."""
    found = given(lab, inputs, env=env)
    assert found["SPINUP_ATTIC_PUSH"] == "true" and found.get("SPINUP_REQUIRE") == required


def test_a_switch_that_is_neither(lab):
    """It could be meant as true: it is not passed over."""
    result = Step("nix-job", "agent.sh", {"require-cache-push": "yes\n::x::", "mode": "warn"}).run(lab)
    assert (result.rc, result.stdout) == (
        2, "::error title=spinup%3A usage::require-cache-push: 'yes ::x::' is neither true nor false\n")


# ---- the command

def command(lab, text, shell="dash", files=None, **place):
    """The command's step, in an image with bash unless files say otherwise."""
    return Step("nix-job", "command.sh", {"command": text}, shell).run(lab, files=files, **place)


NO_BASH = {"/usr/bin/bash": None}


@pytest.mark.parametrize("shell, files", [("dash", {}), ("bash", {}), ("dash", NO_BASH), ("busybox", {})])
@pytest.mark.parametrize("status", [0, 1, 7, 42, 255])
def test_the_commands_status_is_the_steps(lab, status, shell, files):
    """By bash or by sh."""
    result = command(lab, f"echo here\nexit {status}", shell, files)
    assert (result.rc, result.stdout, result.stderr) == (status, "here\n", "")


@pytest.mark.parametrize("files, stops", [({}, True), (NO_BASH, False)])
def test_a_failure_in_a_pipe_stops_where_bash_is(lab, files, stops):
    """As in a step with `shell: bash`."""
    result = command(lab, "false | cat\necho on", files=files)
    assert (result.rc, result.stdout) == ((1, "") if stops else (0, "on\n"))


@pytest.mark.parametrize("shell, files", [("dash", {}), ("dash", NO_BASH), ("busybox", {})])
def test_the_first_failure_stops(lab, shell, files):
    """Also by sh."""
    result = command(lab, "false\necho on", shell, files)
    assert (result.rc, result.stdout) == (1, "")


def test_where_a_command_runs(lab):
    """In the workspace, with the job's environment and nothing of ours, from a file that is the user's alone."""
    result = command(lab, "pwd\nenv | grep -c ^WITH_ || :\nstat -c '%a %U' \"$0\" \"${0%/*}\"\ncat\n[ -n \"$BASH\" ]",
                     env={"BASH_ENV": None})
    assert result.rc == 0, result.stdout + result.stderr
    assert result.stdout == f"{WORKSPACE}\n0\n644 runner\n700 runner\n"


@pytest.mark.parametrize("shell, files", [("dash", {}), ("bash", {}), ("dash", NO_BASH), ("busybox", {})])
@pytest.mark.parametrize("row", HOSTILE)
def test_a_command_is_a_script_unchanged(lab, row, shell, files):
    """Whatever stands in it."""
    text = f"cat \"$0\"; exit 0\n{HOSTILE[row]}"
    result = command(lab, text, shell, files, collect=["/tmp/canary"])
    assert result.stdout == text + "\n" and result.files["/tmp/canary"] is None


def test_no_place_for_a_script(lab):
    """One sentence, and a status that is no command's usual one."""
    result = command(lab, "echo ran", env={"RUNNER_TEMP": "/usr"})
    assert result.rc == 3
    assert result.stdout == ("::error title=spinup%3A command::The command was not started: "
                             "RUNNER_TEMP takes no folder\n")


# ---- signals: the runner sends them to its direct child alone

SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_cancelled_proof_ends_at_once(lab, spinup, number, shell):
    """The agent is the runner's direct child, and takes its tasks with it."""
    step = Step("nix-job", "agent.sh", {"deadline": "60", "label": "tinyland-nix"}, shell)
    with lab.pod(image="bare", files=step.files(), down={"attic": "blackhole", "bazel": "blackhole"}) as pod:
        before = set(pod.visit(processes))
        started = step.start(pod)
        started.until(lambda found: sum(words[-2:] == [LOCAL, "run"] for words in found.values()) >= 3)
        status, _, seconds = started.cancel(number)
        assert status == 128 + number and seconds < 1
        started.until(lambda found: set(found) <= before)


@pytest.mark.parametrize("tool", ["curl", "wget"])
@pytest.mark.parametrize("shell", ["dash", "bash"])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_cancelled_download_ends_at_once(lab, number, shell, tool):
    """And leaves neither the downloader nor what it had got."""
    url = "https://blackhole.faults.svc.cluster.local"
    step = Step("nix-job", "agent.sh", shell=shell, release_json=release(url))
    files = {**step.files(), LOCAL: None, "/usr/bin/wget" if tool == "curl" else "/usr/bin/curl": None}
    with lab.pod(image="bare", files=files) as pod:
        before = set(pod.visit(processes))
        started = step.start(pod)
        started.until(lambda found: any(words[:1] == [tool] and url in words[-1] for words in found.values()))
        status, output, seconds = started.cancel(number)
        assert (status, output) == (128 + number, "") and seconds < 1
        started.until(lambda found: set(found) <= before)
        assert not pod.exec(["find", TEMP, "-name", "spinup-*"]).check().stdout


@pytest.mark.parametrize("shell, files", [("dash", {}), ("bash", {}), ("dash", NO_BASH), ("busybox", {})])
@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_cancelled_command_gets_the_signal_itself(lab, number, shell, files):
    """It can clean up, as in a step of its own."""
    text = f"trap 'kill $!; echo cleaned; exit 9' {number.name[3:]}\nsleep 1000 &\nwait"
    step = Step("nix-job", "command.sh", {"command": text}, shell)
    with lab.pod(image="bare", files={**step.files(), **files}) as pod:
        before = set(pod.visit(processes))
        started = step.start(pod)
        started.until(lambda found: any("sleep" in words[:2] for words in found.values()))
        status, output, seconds = started.cancel(number)
        assert (status, output) == (9, "cleaned\n") and seconds < 1
        started.until(lambda found: set(found) <= before)


def test_busybox_is_all_that_its_pods_have(lab):
    """Else the rows named busybox would prove nothing."""
    result = Step("nix-job", "command.sh", {"command": "command -v bash || readlink /proc/$$/exe"}, "busybox").run(lab)
    assert result.stdout == f"{BUSYBOX_PATH}/busybox\n"
