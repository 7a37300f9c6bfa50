# SPDX-License-Identifier: Zlib
"""Which binary an action runs: one that only root can have put there, or a copy that is the release to the bit."""

import hashlib
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from action import ACTIONS, BUSYBOX_PATH, DOWNLOADED, SHELLS, Step, program, release, shell_files
from runner_files import TEMP, WORK
from topology import fault_host
from visit import File, Folder, Link

LOCAL, OPT = "/usr/local/bin/spinup", "/opt/spinup/spinup"
CACHED = f"{WORK}/_tool/spinup/9.8.7/x86_64/spinup"
RELEASED = program("9.8.7")
ERROR = re.compile(r"^::error title=spinup%3A not started::([^\r\n]+)$", re.M)
DIGEST_TOOLS = ("/usr/bin/sha256sum", "/usr/bin/shasum", "/usr/bin/openssl")


def choose(lab, files=None, release_json=None, shell="dash", inputs=None, **place):
    """The agent's step in a pod that has no spinup but what files bring."""
    step = Step("setup-flywheel", "agent.sh", inputs, shell=shell, release_json=release_json)
    return step.run(lab, files={LOCAL: None, **(files or {})}, **place)


def who_ran(result):
    """The path of the program that was run; None where none was."""
    found = re.findall(r"^RAN (.*)$", result.stdout, re.M)
    assert len(found) <= 1
    return found[0] if found else None


def error_of(result):
    """The one error annotation of a step that ran nothing."""
    assert who_ran(result) is None
    assert result.rc == 3, result.stdout + result.stderr
    assert not result.stderr, result.stderr
    found = ERROR.findall(result.stdout)
    assert len(found) == 1, result.stdout
    return found[0]


def baked(version="0.2.0", mode=0o755, owner="root"):
    """A spinup in the image."""
    return File(program(version), mode, owner)


# ---- in the image

TRUSTED = {
    "in /usr/local/bin": ({LOCAL: baked()}, LOCAL),
    "in /opt/spinup": ({OPT: baked()}, OPT),
    "both": ({LOCAL: baked(), OPT: baked()}, LOCAL),
    "just new enough": ({LOCAL: baked("0.2.0")}, LOCAL),
    "newer, by number": ({LOCAL: baked("0.10.0")}, LOCAL),
    "newer, major": ({LOCAL: baked("1.0.0")}, LOCAL),
    "link to root's": ({LOCAL: Link("../../../opt/tools/spinup-2"), "/opt/tools/spinup-2": baked()},
                       "/opt/tools/spinup-2"),
    "link of the user to root's": ({OPT: Link("/opt/tools/x", owner="runner"), "/opt/tools/x": baked()},
                                   "/opt/tools/x"),
    "sticky store": ({"/store": Folder(0o1775), "/store/abc-spinup/bin/spinup": baked(mode=0o555),
                      LOCAL: Link("/store/abc-spinup/bin/spinup")}, "/store/abc-spinup/bin/spinup"),
    "a path with blanks": ({LOCAL: Link("/opt/a b/spin up"), "/opt/a b/spin up": baked()}, "/opt/a b/spin up"),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("row", TRUSTED)
def test_what_only_root_can_have_put_there_runs(lab, row, shell):
    """Without a digest, and without a release."""
    files, expected = TRUSTED[row]
    result = choose(lab, files, shell=shell)
    assert (result.rc, who_ran(result)) == (0, expected), result.stdout + result.stderr
    assert "not used" not in result.stdout


REFUSED = {
    "the user's own": ({LOCAL: baked(owner="runner")}, f"{LOCAL} belongs to user 1001, not to root"),
    "group may write": ({LOCAL: baked(mode=0o775)}, f"{LOCAL} may be written by others than root (-rwxrwxr-x)"),
    "others may write": ({LOCAL: baked(mode=0o757)}, f"{LOCAL} may be written by others than root (-rwxr-xrwx)"),
    "in a folder for all": ({"/usr/local/bin": Folder(0o777), LOCAL: baked()}, "/usr/local/bin may be written"),
    "below a folder for all": ({"/usr/local": Folder(0o777), LOCAL: baked()}, "/usr/local may be written"),
    "in the user's folder": ({"/opt/spinup": Folder(owner="runner"), OPT: baked()}, "/opt/spinup belongs to user 1001"),
    "the user's sticky folder": ({"/opt/spinup": Folder(0o1755, owner="runner"), OPT: baked()},
                                 "/opt/spinup belongs to user 1001"),
    "link to the user's": ({LOCAL: Link("/home/runner/spinup"), "/home/runner/spinup": baked(owner="runner")},
                           "/home/runner belongs to user 1001"),
    "link to root's file in the user's folder": (
        {LOCAL: Link("/home/runner/spinup"), "/home/runner/spinup": baked()}, "/home/runner belongs to user 1001"),
    "folder that is a link": ({"/opt/spinup": Link("/home/runner/tools"), "/home/runner/tools/spinup": baked()},
                              "/home/runner belongs to user 1001"),
    "others may write in the sticky store": ({"/store": Folder(0o1777), "/store/spinup": baked(mode=0o757),
                                              LOCAL: Link("/store/spinup")}, "/store/spinup may be written"),
    "too old": ({LOCAL: baked("0.1.9")}, f"{LOCAL} is not used: it is spinup 0.1.9, and this action needs 0.2.0"),
    "no version": ({LOCAL: baked("many")}, "it does not run, or is no spinup"),
    "four numbers": ({LOCAL: baked("1.2.3.4")}, "it does not run, or is no spinup"),
    "huge number": ({LOCAL: baked("9" * 30 + ".0.0")}, "it does not run, or is no spinup"),
    "another program": ({LOCAL: File("#!/bin/sh\necho 'GNU spinup 9.0.0'\n", 0o755)}, "it does not run"),
    "not executable": ({LOCAL: baked(mode=0o644)}, "it does not run"),
    "another machine's": ({LOCAL: File(b"\x7fELF" + b"\0" * 60, 0o755)}, "it does not run"),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("row", REFUSED)
def test_what_others_can_have_put_there_does_not_run(lab, row, shell):
    """And with no release that is the end: the error says why, and what to bake."""
    files, reason = REFUSED[row]
    error = error_of(choose(lab, files, shell=shell))
    assert reason in error
    assert "No release of spinup has been published yet. Put spinup into the runner's image as" in error


@pytest.mark.parametrize("files", [{LOCAL: baked(owner="runner"), OPT: baked()}, {LOCAL: baked("0.0.1"), OPT: baked()}])
def test_the_next_place_is_asked(lab, files):
    """A refused binary does not hide a good one."""
    result = choose(lab, files)
    assert who_ran(result) == OPT
    assert f"spinup: {LOCAL} is not used: " in result.stdout


def test_root_is_held_to_the_same_rule(lab):
    """Root can write everywhere: what counts is who else can."""
    assert who_ran(choose(lab, {LOCAL: baked()}, user="root")) == LOCAL
    assert "belongs to user 1001" in error_of(choose(lab, {LOCAL: baked(owner="runner")}, user="root"))


def test_the_real_agent_is_found(lab, spinup):
    """The one that was built, in the image."""
    result = Step("setup-flywheel", "agent.sh", {"label": "tinyland-docker"}).run(lab)
    assert result.rc == 0, result.stdout + result.stderr
    assert "lane=tinyland-docker\n" in result.files["GITHUB_OUTPUT"]


# ---- the tool cache

def test_a_release_in_the_tool_cache_runs_as_a_copy(lab):
    """In a directory that only the user can look into."""
    result = choose(lab, {CACHED: File(RELEASED, owner="runner"), "/usr/bin/curl": None, "/usr/bin/wget": None},
                    release(content=RELEASED))
    assert result.rc == 0, result.stdout + result.stderr
    assert re.fullmatch(rf"{TEMP}/spinup-action\.\w+/spinup", who_ran(result))


@pytest.mark.parametrize("shell", SHELLS)
def test_a_tampered_tool_cache_is_passed_over(lab, shell):
    """It is said, and the release is downloaded."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", RELEASED)
    result = choose(lab, {CACHED: File(RELEASED + b"\n", owner="runner")}, release(url, RELEASED), shell)
    if shell != "busybox":  # its wget may lack https
        assert result.rc == 0 and who_ran(result), result.stdout + result.stderr
    assert f"spinup: {CACHED} is not used: expected the SHA-256" in result.stdout


def test_a_huge_file_in_the_tool_cache_is_not_copied(lab):
    """A release is some megabytes."""
    huge = File(b"#" * (33 << 20), owner="runner")
    error = error_of(choose(lab, {CACHED: huge, "/usr/bin/curl": None, "/usr/bin/wget": None},
                            release(content=RELEASED)))
    assert f"{CACHED} is not used: " in error


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_copy_is_what_is_checked(lab, when):
    """Who changes the file while it is read changes nothing, or is found out."""
    swap = f"printf '#!/bin/sh\\necho RAN evil\\n' >{CACHED}"
    copy = '/bin/cp "$@"'
    script = f"#!/bin/sh\n{swap if when == 'before' else copy}\n{copy if when == 'before' else swap}\n"
    result = choose(lab, {CACHED: File(RELEASED, owner="runner"), "/usr/local/sbin/cp": File(script, 0o755),
                          "/usr/bin/curl": None, "/usr/bin/wget": None}, release(content=RELEASED))
    if when == "after":
        assert who_ran(result).startswith(f"{TEMP}/spinup-action.")
    else:
        assert "is not used: expected the SHA-256" in error_of(result)


# ---- a download

@pytest.mark.parametrize("path", ["", "/elsewhere"])
@pytest.mark.parametrize("shell, missing", [("dash", "wget"), ("bash", "wget"), ("dash", "curl")])
def test_a_release_is_downloaded(lab, shell, missing, path):
    """By curl or wget, through a redirect too."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", RELEASED) + path
    result = choose(lab, {f"/usr/bin/{missing}": None}, release(url, RELEASED), shell)
    assert result.rc == 0, result.stdout + result.stderr
    assert re.fullmatch(rf"{TEMP}/spinup-action\.\w+/spinup", who_ran(result))


@pytest.mark.parametrize("tool", DIGEST_TOOLS)
def test_each_digest_tool_does(lab, tool):
    """sha256sum, shasum and openssl find the same."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", RELEASED)
    files = {path: None for path in DIGEST_TOOLS if path != tool}
    if tool.endswith("shasum"):  # Perl's: its answer has the same form
        files[tool] = File("#!/bin/sh\n[ \"$*\" = '-a 256' ] && /opt/sum\n", 0o755)
        files["/opt/sum"] = File("#!/bin/sh\nexec openssl dgst -sha256 -r | sed 's/ .*/  -/'\n", 0o755)
        del files["/usr/bin/openssl"]
        files["/usr/local/sbin/openssl"] = None
    good = choose(lab, files, release(url, RELEASED))
    assert who_ran(good), good.stdout + good.stderr
    assert "expected the SHA-256" in error_of(choose(lab, files, release(url, RELEASED + b"x")))


BAD_DOWNLOADS = {
    "wrong digest": ("offered", "expected the SHA-256"),
    "not there": ("offered/none", "404"),
    "a redirect to http": ("offered/plain", None),
    "captive": ("captive", "that begin with '<"),
    "truncated": ("truncated", None),
    "endless": ("endless-body", None),
    "redirect-loop": ("redirect-loop", None),
    "redirect-file": ("redirect-file", None),
    "wrong certificate": ("tls-wrong-host", "certificate"),
    "expired certificate": ("tls-expired", "certificate"),
    "refused": ("refused", None),
    "no such host": ("gone", "resolve"),
    "empty": ("empty-reply", None),
    "slow": ("slow-body", None),
    "stalled": ("stall-body", None),
    "black hole": ("blackhole", None),
}


def bad_download(lab, row, tool):
    """The address that was asked, and what the step made of it; with shorter bounds."""
    target, _ = BAD_DOWNLOADS[row]
    evil = program("9.8.7", "echo RAN unverified")
    url = f"https://{fault_host(target)}"
    if target.startswith("offered"):
        url = lab.offer("spinup-9.8.7-x86_64-linux", evil) + target[len("offered"):]
    script = (ACTIONS / "agent.sh").read_text().replace("download_seconds=60", "download_seconds=3")
    files = {"/usr/bin/wget" if tool == "curl" else "/usr/bin/curl": None, f"{DOWNLOADED}/agent.sh": script}
    content = evil if row == "a redirect to http" else RELEASED
    return f"{url}/spinup-9.8.7-x86_64-linux", choose(lab, files, release(url, content))


@pytest.fixture(scope="module", name="bad_downloads")
def _bad_downloads(lab):
    """All of them side by side: most wait."""
    with ThreadPoolExecutor(8) as pool:
        return {(row, tool): pool.submit(bad_download, lab, row, tool)
                for row in BAD_DOWNLOADS for tool in ("curl", "wget")}


@pytest.mark.parametrize("tool", ["curl", "wget"])
@pytest.mark.parametrize("row", BAD_DOWNLOADS)
def test_a_bad_download_is_one_clear_error(bad_downloads, row, tool):
    """It names the address and what came; nothing of it runs."""
    address, result = bad_downloads[row, tool].result()
    reason = BAD_DOWNLOADS[row][1]
    error = error_of(result)
    assert f"{address}: " in error
    assert reason is None or reason in error, error
    assert result.elapsed < 20


def test_a_download_without_end_is_told_as_such(bad_downloads):
    """Where curl sees it coming; wget only finds that it cannot write on."""
    assert "Exceeded the maximum allowed file size" in error_of(bad_downloads["endless", "curl"].result()[1])


def test_nothing_stays_of_a_bad_download(lab):
    """The private directory goes with it."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", RELEASED)
    step = Step("setup-flywheel", "agent.sh", release_json=release(url, b"another"))
    with lab.pod(image="bare", files={**step.files(), LOCAL: None}) as pod:
        result = pod.exec(step.argv, runner=True, env=step.environment())
        assert "expected the SHA-256" in error_of(result) and not result.held_open
        assert not pod.exec(["find", TEMP, "-name", "spinup-*"]).check().stdout


def test_what_a_server_said_cannot_command_the_runner(lab):
    """It is shown as one harmless line."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", b"\r\n::set-env name=X::y\n##[set-env name=X]y\x1b[31m%0A::error::z")
    error = error_of(choose(lab, release_json=release(url, b"another")))
    assert "# #[set-env name=X]y" in error and "%250A" in error and "\x1b" not in error and "##[" not in error


def test_without_a_downloader_it_says_what_to_bake(lab):
    """Neither curl nor wget."""
    error = error_of(choose(lab, {"/usr/bin/curl": None, "/usr/bin/wget": None}, release(content=RELEASED)))
    assert "there is neither curl nor wget. Put spinup into the runner's image as /usr/local/bin/spinup" in error


def test_without_a_digest_tool_nothing_is_downloaded(lab):
    """What cannot be checked is not even fetched."""
    url = lab.offer("spinup-9.8.7-x86_64-linux", RELEASED)
    error = error_of(choose(lab, {path: None for path in DIGEST_TOOLS}, release(url, RELEASED)))
    assert "there is neither sha256sum, shasum nor openssl" in error


def test_a_directory_that_forbids_programs(lab):
    """RUNNER_TEMP mounted noexec: said as such."""
    step = Step("setup-flywheel", "agent.sh", release_json=release(content=RELEASED))
    files = {**step.files(), LOCAL: None, CACHED: RELEASED, "/noexec": Folder(), **shell_files("busybox")}
    with lab.pod(image="bare", files=files) as pod:
        pod.exec([f"{BUSYBOX_PATH}/busybox", "mount", "-t", "tmpfs", "-o", "noexec", "none", "/noexec"], user="root")
        result = pod.exec(step.argv, runner=True, env=step.environment({"RUNNER_TEMP": "/noexec"}))
    assert "it cannot be run: may files in RUNNER_TEMP be executed?" in error_of(result)


def test_no_place_for_a_copy(lab):
    """RUNNER_TEMP that cannot be written."""
    error = error_of(choose(lab, release_json=release(content=RELEASED), env={"RUNNER_TEMP": "/usr"}))
    assert "No private directory can be made in RUNNER_TEMP: " in error and "Permission denied" in error


# ---- other machines, other releases

@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("system", ["macOS", "Windows"])
def test_other_systems_get_one_sentence(lab, system, shell):
    """Even where a program of that name is there."""
    error = error_of(choose(lab, {LOCAL: baked()}, env={"RUNNER_OS": system}, shell=shell))
    assert error.startswith(f"spinup proves Linux runners, and this one is {system}: ")


def test_an_unknown_machine(lab):
    """A baked binary needs no such knowledge; a download does."""
    uname = {"/usr/local/sbin/uname": File("#!/bin/sh\necho riscv64\n", 0o755)}
    error = error_of(choose(lab, uname, release(content=RELEASED)))
    assert error == "spinup is released for x86_64 and aarch64, and this machine is riscv64"
    assert who_ran(choose(lab, {**uname, LOCAL: baked()}, release(content=RELEASED))) == LOCAL


def test_the_machines_own_binary_is_taken(lab):
    """aarch64 asks for the aarch64 file and digest."""
    uname = {"/usr/local/sbin/uname": File("#!/bin/sh\necho aarch64\n", 0o755)}
    url = lab.offer("spinup-9.8.7-aarch64-linux", program("9.8.7", "echo aarch64"))
    text = release(url, RELEASED).splitlines(True)
    text[6] = release(url, program("9.8.7", "echo aarch64")).splitlines(True)[6]
    result = choose(lab, uname, "".join(text))
    assert who_ran(result) and "aarch64\n" in result.stdout, result.stdout + result.stderr


def dist(folder, binaries):
    """The release.json that `./build.sh dist` writes for these binaries ({machine: content}) of version 9.8.7."""
    for path, text in (("agent/version.h", '#define SPINUP_VERSION "9.8.7"\n'),
                       ("actions/release.json", (ACTIONS / "release.json").read_text()),
                       *((f"build/dist/spinup-9.8.7-{arch}-linux", text) for arch, text in binaries.items())):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text if isinstance(text, bytes) else text.encode())
    functions = re.findall(r"^(?:release_json|dist_digest|version)\(\) \{.*?\}$(?=\n\n)",
                           (ACTIONS.parent / "build.sh").read_text(), re.M | re.S)
    assert len(functions) == 3
    return subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join([*functions, "release_json"])], cwd=folder,
                          check=True, capture_output=True, text=True).stdout


def test_dist_names_a_release_as_the_actions_read_it(lab, tmp_path):
    """With both machines' binaries, and with one alone."""
    no_tools = {"/usr/bin/curl": None, "/usr/bin/wget": None}
    url = "https://github.com/tinyland-inc/spinup/releases/download/v9.8.7/spinup-9.8.7-x86_64-linux"
    both = dist(tmp_path / "both", {"x86_64": RELEASED, "aarch64": b"another"})
    assert both == release("https://github.com/tinyland-inc/spinup/releases/download/v9.8.7", RELEASED).replace(
        f'"aarch64": "{hashlib.sha256(RELEASED).hexdigest()}"',
        f'"aarch64": "{hashlib.sha256(b"another").hexdigest()}"')
    assert who_ran(choose(lab, {CACHED: RELEASED, **no_tools}, both))
    assert f"cannot be downloaded from {url}: " in error_of(choose(lab, no_tools, both))
    one = dist(tmp_path / "one", {"aarch64": b"another"})
    assert "spinup 9.8.7 was not released for x86_64. Put spinup" in error_of(choose(lab, {CACHED: RELEASED}, one))


GOOD = release(content=RELEASED)
BAD_RELEASES = {
    "empty": "",
    "no JSON": "<!DOCTYPE html>\n",
    "cut": GOOD[:80],
    "one line": GOOD.replace("\n", " "),
    "more": GOOD + "{}\n",
    "a key too many": GOOD.replace("{\n", '{\n  "x": "y",\n', 1),
    "CRLF": GOOD.replace("\n", "\r\n"),
    "http": GOOD.replace("https:", "http:"),
    "no url": GOOD.replace("https://downloads.invalid", ""),
    "short digest": re.sub(r'"[0-9a-f]{64}"', '"abc"', GOOD, count=1),
    "upper digest": re.sub(r'"[0-9a-f]{64}"', f'"{"A" * 64}"', GOOD, count=1),
    "version": GOOD.replace("9.8.7", "../../9"),
    "version with a command": GOOD.replace("9.8.7", "$(touch /tmp/x)"),
    "min_agent": GOOD.replace("0.2.0", ""),
}


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("row", BAD_RELEASES)
def test_release_json_has_exactly_one_form(lab, row, shell):
    """Whatever else stands there, nothing is run on its word."""
    error = error_of(choose(lab, {LOCAL: baked(), CACHED: File(RELEASED)}, BAD_RELEASES[row], shell))
    assert f"{DOWNLOADED}/setup-flywheel/../release.json is not as it was published: " in error


def test_without_release_json(lab):
    """An action that was not downloaded whole."""
    error = error_of(choose(lab, {LOCAL: baked(), f"{DOWNLOADED}/release.json": None}))
    assert "release.json is not as it was published: it is not there" in error


@pytest.mark.parametrize("how", ["input", "environment"])
def test_warn_lets_the_job_go_on(lab, how):
    """With one warning, no error, and outputs that stay empty."""
    result = choose(lab, inputs={"mode": "warn"} if how == "input" else None,
                    env={"SPINUP_MODE": "warn"} if how == "environment" else None)
    assert result.rc == 0 and result.files["GITHUB_OUTPUT"] == ""
    assert re.findall("^::.*$", result.stdout, re.M) == [result.stdout.strip()]
    assert result.stdout.startswith("::warning title=spinup%3A not started::No release of spinup")
