# SPDX-License-Identifier: Zlib
"""What an entrypoint found reaches "Set up job": .setup_info, which others write too."""

import json
import re

import pytest
from report import assert_harmless
from test_exec import CONTRACT, RUNNER, SETUP_INFO, runner
from visit import File, Folder, Link, listing


def setup_info(lab, before, *words, mode=0o644, owner="runner", **pod):
    """(what is in .setup_info afterwards, its listing row, the result) of an entrypoint on a lane that fails."""
    item = before if isinstance(before, (Link, Folder)) or before is None else File(before, mode, owner)
    files = {**runner("true"), **({SETUP_INFO: item} if item else {})}
    with lab.pod(image="bare", files=files, **pod) as made:
        result = made.exec(["spinup", "exec", *words, "--label", "tinyland-nix", "--", f"{RUNNER}/run.sh"],
                           env=CONTRACT)
        assert result.rc == 0
        return made.read(SETUP_INFO)[SETUP_INFO], made.visit(listing, RUNNER).get(SETUP_INFO), result


IMAGE = {"group": "Runner Image", "detail": "Image: ünicode\n\"quoted\" 1.2 \\ ::warning::x",
         "more": [1, 2.5, True, None]}
OURS = {"group": "spinup", "detail": "old"}


@pytest.mark.parametrize("before, kept, mode", [
    (None, [], 0o644),
    ("", [], 0o644),
    ("[]", [], 0o600),
    (json.dumps([IMAGE]), [IMAGE], 0o664),
    ("\ufeff" + json.dumps([IMAGE, OURS, IMAGE]), [IMAGE, IMAGE], 0o640),
    (json.dumps([OURS, OURS]), [], 0o644),
])
def test_setup_info_is_merged(lab, spinup, before, kept, mode):
    """Others' groups stay; ours is there once; the file's mode is kept."""
    text, row, result = setup_info(lab, before, mode=mode)
    groups = json.loads(text)
    assert [group for group in groups if group["group"] != "spinup"] == kept
    ours, = [group for group in groups if group["group"] == "spinup"]
    lines = ours["detail"].splitlines()
    assert lines[0].startswith("failed: lane tinyland-nix, ") and any("[nix-absent]" in line for line in lines)
    assert all(re.match(r"failed: |(notice|warning|error): \w+( \S+)?: |  -> ", line) for line in lines), lines
    assert int(row[0].translate(str.maketrans("rwx-", "1110"))[-9:], 2) == mode and row[1] == 1001
    assert ".setup_info" not in result.stderr


@pytest.mark.parametrize("before, owner, why", [
    ("[{", "runner", "is left as it is"),
    ('{"group": "x"}', "runner", "is left as it is: it is no list"),
    ('[{"group": "x", "group": "y"}]', "runner", "is left as it is"),
    ("[]", "root", "is left as it is: it belongs to user 0"),
    ("[" + " " * (1 << 21) + "]", "runner", "is left as it is: it cannot be read"),
    (Link("/etc/hostname"), "", "is left as it is: it is no regular file"),
    (Folder(), "", "is left as it is: it is no regular file"),
])
def test_setup_info_that_is_not_ours_to_write(lab, spinup, before, owner, why):
    """It is left alone, and that is said; the command has its environment all the same."""
    text, row, result = setup_info(lab, before, owner=owner)
    assert f"spinup: .setup_info: {SETUP_INFO} {why}" in result.stderr, result.stderr
    assert not isinstance(before, str) or text == before
    assert not isinstance(before, Link) or row[3] == "/etc/hostname"


def test_setup_info_only_in_a_runners_root(lab, spinup):
    """Beside the command alone if that is a runner, or where --runner-root says."""
    with lab.pod(image="bare", files={"/opt/app": Folder(owner="runner"), **runner("true"),
                                      "/opt/app/run.sh": File("#!/bin/sh\n", 0o755, "runner")}) as pod:
        for words in (["--", "/opt/app/run.sh"], ["--", "true"], ["--", "./run.sh"]):
            pod.exec(["spinup", "exec", *words], env=CONTRACT, cwd=RUNNER).check()
            assert pod.read("/opt/app/.setup_info", SETUP_INFO) == {"/opt/app/.setup_info": None, SETUP_INFO: None}
        pod.exec(["spinup", "exec", "--runner-root", "/opt/app", "--", "true"], env=CONTRACT).check()
        assert json.loads(pod.read("/opt/app/.setup_info")["/opt/app/.setup_info"])[0]["group"] == "spinup"


def test_setup_info_of_a_hostile_server_is_harmless(lab, spinup):
    """What a server says is cleaned: no commands, no control characters, lines that begin with our words."""
    with lab.pod(image="determinate", files=runner("true"), down="attic=json-hostile") as pod:
        result = pod.exec(["spinup", "exec", "--", f"{RUNNER}/run.sh"], env=CONTRACT)
        detail = json.loads(pod.read(SETUP_INFO)[SETUP_INFO])[0]["detail"]
    assert_harmless(result)
    assert len(detail) > 100 and "##[" not in detail and not re.search("[\0-\x09\x0b-\x1f\x7f]", detail)
    lines = detail.splitlines()
    assert all(re.match(r"degraded: |notice: |warning: |error: |  -> ", line) for line in lines), detail
