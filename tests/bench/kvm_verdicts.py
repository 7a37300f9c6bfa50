# SPDX-License-Identifier: Zlib
"""What spinup says of KVM, beside the tools that are asked today: in each case the truth is known, because the
case was made. Each runs in a mount namespace of its own with a /dev of its own, so that nothing here is changed."""

import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

from cgroups import Cgroups
from places import BOX, SPINUP

RUNS = 20
DEV = ("mount -t tmpfs -o mode=755 dev /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/zero c 1 5 && "
       "mknod -m 666 /dev/urandom c 1 9")
KVM = "mknod -m 666 /dev/kvm c 10 232"
FLAGS = "mount --bind {cpuinfo} /proc/cpuinfo"  # a processor that says vmx, as bare metal does
DENY = BOX.parent / "deny"

# case: (set-up, what runs the tool, whether a guest can run)
CASES = {
    "a guest runs": ([KVM], [], True),
    "a guest runs, flag vmx shown": ([KVM, FLAGS], [], True),
    "not given to the pod": ([FLAGS], [], False),
    "a leftover node": (["mknod -m 666 /dev/kvm c 10 250", FLAGS], [], False),
    "hostPath made a directory": (["mkdir /dev/kvm", FLAGS], [], False),
    "another device": (["mknod -m 666 /dev/kvm c 1 3", FLAGS], [], False),
    "a nodev mount": (["mkdir /dev/v && mount -t tmpfs -o nodev v /dev/v && mknod -m 666 /dev/v/kvm c 10 232 && "
                       "ln -s v/kvm /dev/kvm", FLAGS], [], False),
    "the control group forbids it": ([KVM, FLAGS, "echo $$ > {group}/cgroup.procs"], [], False),
    "another hypervisor holds it": ([KVM, FLAGS], [DENY, "ioctl:1=0xae01=EBUSY", "--"], False),
    "guests hang": ([KVM, FLAGS], [DENY, "ioctl:1=0xae80=stall", "--"], False),
}
TOOLS = {"spinup": [SPINUP, "probe", "kvm", "--json"], "kvm-ok": ["kvm-ok"],
         "virt-host-validate": ["virt-host-validate", "qemu"]}


def says(tool, result):
    """Whether a tool says that KVM can be used."""
    if tool == "spinup":
        return json.loads(result.stdout)["facts"]["kvm"].get("is_usable", False)
    if tool == "kvm-ok":
        return result.returncode == 0
    lines = [line for line in result.stdout.splitlines() if "hardware virtualization" in line or "/dev/kvm" in line]
    return bool(lines) and all("PASS" in line for line in lines)


def ask(tool, case, names):
    """What a tool says in a case."""
    set_up, wrapper, _ = CASES[case]
    steps = " && ".join([DEV, *set_up]).format(**names)
    words = " ".join(map(str, [*wrapper, *TOOLS[tool]]))
    result = subprocess.run(["unshare", "-m", "sh", "-c", f"{steps} && exec {words}"], capture_output=True, text=True,
                            timeout=30, check=False)
    return says(tool, result)


def measure(tool):
    """Milliseconds of one call, on the machine as it is."""
    begun = time.monotonic()
    subprocess.run(TOOLS[tool], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return (time.monotonic() - begun) * 1000


def compare(_lab, _rounds):
    """The table of cases, and the times."""
    groups = Cgroups()
    with tempfile.TemporaryDirectory() as folder:
        cpuinfo = pathlib.Path(folder, "cpuinfo")
        text = pathlib.Path("/proc/cpuinfo").read_text()
        cpuinfo.write_text(text.replace("\t: fpu ", "\t: fpu vmx "))
        version = 1 if os.path.isdir("/sys/fs/cgroup/devices") else 2
        names = {"cpuinfo": cpuinfo, "group": groups.deny("10:232", version)[0].partition("=")[2]}
        print(f"\nKVM: can it be used?\n  {'':32}{'truth':8}" + "".join(f"{tool:20}" for tool in TOOLS))
        wrong = dict.fromkeys(TOOLS, 0)
        for case, (_, _, truth) in CASES.items():
            row = ""
            for tool in TOOLS:
                found = ask(tool, case, names)
                wrong[tool] += found != truth
                row += f"{('yes' if found else 'no') + ('' if found == truth else ', wrong'):20}"
            print(f"  {case:32}{'yes' if truth else 'no':8}{row}", flush=True)
        print(f"  {'wrong':40}" + "".join(f"{f'{count} of {len(CASES)}':20}" for count in wrong.values()))
    groups.close()
    rows = {tool: [] for tool in TOOLS}
    for _ in range(RUNS):
        for tool, found in rows.items():
            found.append(measure(tool))
    print(f"  {'ms, median (smallest) of ' + str(RUNS):40}" + "".join(
        f"{f'{statistics.median(found):.1f} ({min(found):.1f})':20}" for found in rows.values()))
