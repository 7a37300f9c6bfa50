# SPDX-License-Identifier: Zlib
"""Instructions that are executed, counted by valgrind's callgrind: a figure that another load on the machine does not
touch. All processes of a run together, each counted from where its own task begins; what the kernel does for them is
not in it. Under valgrind the kernel's filters cannot be loaded, so a run counts what a machine without them executes,
the compilation of the filters included."""

import platform
import re
from pathlib import Path

import hostile_files
from figures import aim
from lab import CONTRACT
from places import REPOSITORY, LabError
from runner_files import RunnerFiles
from visit import File, Folder

TOOLS = Path("/usr/libexec/valgrind")
HERE = "/opt/valgrind"
COUNTS = "/counts"
PROGRAM = f"{COUNTS}/spinup"  # as it is released, but with its symbols
SYMBOLS = REPOSITORY / "build/release/spinup"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
USER = "trusted"
AIM_PERCENT = 1  # by which two counts of the same may differ
FIXTURES = REPOSITORY / "fixtures"
DOCTOR = ["doctor", "--json", "--label", "tinyland-nix", "--skip", "attic", "--skip", "bazel", "--skip", "dns",
          "--skip", "substituters"]


def tool():
    """The path of callgrind in the pod; it needs nothing of valgrind's launcher."""
    name = f"callgrind-{ARCHITECTURES.get(platform.machine(), '')}-linux"
    if not (TOOLS / name).exists():
        raise LabError(f"no {TOOLS / name} (apt-get install valgrind)")
    return f"{HERE}/{name}"


def read_counts(folder):
    """In the pod: the count of each process, the files removed."""
    found = []
    for path in Path(folder).glob("*.count"):
        found.append(int(re.search(r"^summary: (\d+)", path.read_text(), re.M)[1]))
        path.unlink()
    return found


class Counter:
    """Counts in one pod, in a step's environment."""

    def __init__(self, pod):
        self.pod, self.runner = pod, RunnerFiles(USER)
        self.env = {**self.runner.environment(pod.hostname), "SPINUP_CONTRACT": CONTRACT,
                    "VALGRIND_LIB": HERE, "VALGRIND_LAUNCHER": tool()}

    def count(self, words, env=None):
        """(all processes, the first one's own) of one run; None where valgrind is too old for --root."""
        command = [tool(), "--tool=callgrind", "--zero-before=task_process", f"--callgrind-out-file={COUNTS}/%p.count",
                   PROGRAM, *words]
        self.pod.place(self.runner.files())  # empty again, as a runner gives every step new ones
        result = self.pod.exec(command, user=USER, env={**self.env, **(env or {})}, timeout=300)
        counts = self.pod.visit(read_counts, COUNTS)
        if "openat2" in result.stderr:
            return None
        if not counts or result.rc > 2:
            raise LabError(f"not counted: spinup {' '.join(words)}: {result.rc}, {result.stderr.strip()[-300:]}")
        return sum(counts), max(counts)


def environment_of(case):
    """What stands beside a fixture's root."""
    path = case / "environment"
    return dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line) if path.exists() else {}


def machines(family):
    """[(words, environment)]: `doctor` of a Nix lane over every fake machine of a family."""
    cases = sorted(path.parent for path in (FIXTURES / family).glob("*/root"))
    return [([*DOCTOR, "--root", f"/fixtures/{family}/{case.name}/root"], environment_of(case)) for case in cases]


def documents(family, name, command):
    """[(words, environment)]: a command over every file of that name in a family; the words end with it."""
    paths = sorted((FIXTURES / family).glob(f"*/{name}"))
    return [([*command, f"/{path.relative_to(REPOSITORY)}"], {}) for path in paths]


def configurations():
    """[(words, environment)]: `doctor` with every nix.conf as the user's own."""
    paths = sorted(FIXTURES.glob("nix*/*/root/etc/nix/nix.conf"))
    return [(DOCTOR, {"NIX_USER_CONF_FILES": f"/{path.relative_to(REPOSITORY)}"}) for path in paths]


def rows():
    """{what: [(words, environment)]}: a row counts all of its runs together."""
    return {
        "run, a healthy lane": [(["run", "--json"], {})],
        "run, Attic alone": [(["run", "--json", "--skip", "bazel"], {})],
        "run, Bazel alone": [(["run", "--json", "--skip", "attic"], {})],
        "doctor, neither": [(DOCTOR, {})],
        "plan": [(["plan"], {})],
        "version": [(["version"], {})],
        "doctor over fake machines": machines("nix") + machines("system"),
        "doctor over Nix's configurations": configurations(),
        "plan over contracts": documents("contract", "contract.json", ["plan", "--contract"]),
        "expectations": documents("expect", "spinup.json", ["contract", "validate", "--expect"]),
        "contract check over all fixtures": [(["contract", "check", "/fixtures"], {})],
        **{what: [([*DOCTOR, *words], env)] for what, words, env in hostile_files.ROWS},
    }


def shown(number):
    """1234567 as 1,234,567."""
    return f"{number:,}"


def row(counter, what, runs):
    """Counts a row twice and prints it; returns by how many percent the two differ."""
    first, again = ([counter.count(*run) for run in runs] for _ in range(2))
    if None in first:
        print(f"  {what:42} not counted: --root needs a valgrind that knows openat2 (3.23)")
        return 0
    total, repeated = (sum(count[0] for count in found) for found in (first, again))
    differ = abs(total - repeated) / total * 100
    print(f"  {what:42}{len(runs):5}{shown(total):>15}{differ:10.3f}%{shown(sum(count[1] for count in first)):>15}",
          flush=True)
    return differ


def counts(lab, _rounds):
    """Each row, twice."""
    files = {COUNTS: Folder(owner=USER), PROGRAM: File(SYMBOLS.read_bytes(), 0o755), **hostile_files.files()}
    with lab.pod(image="determinate", daemon="determinate", files=files,
                 binds=[f"{TOOLS}:{HERE}", f"{FIXTURES}:/fixtures"]) as pod:
        counter = Counter(pod)
        print(f"\ninstructions (callgrind)\n  {'':42} runs  all processes  differ by      the first")
        furthest = max(row(counter, what, runs) for what, runs in rows().items())
    aim("by how many percent two counts of the same differ,", furthest, AIM_PERCENT)
