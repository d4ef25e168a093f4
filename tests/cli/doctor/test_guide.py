"""docs/doctor.md: every check is in it, its policy is what a look needs; and nothing of it is deployed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from cli.doctor.facts import facts
from cli.doctor.rights import INVOKES, READS, policy
from cli.doctor.run import NAMES
from cli.services.services import right_of
from tests.packages import package

ROOT = Path(__file__).parents[3]
GUIDE = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
NOT_DEPLOYED = ("cli", "click", "rich", "Tea", "darabonba", "alibabacloud")


def test_every_check_is_in_the_table_in_order() -> None:
    assert re.findall(r"^\| ([^|`]+) \| (?!what)", GUIDE, re.MULTILINE)[0] == NAMES[0]
    rows = [row.split(" | ")[0].removeprefix("| ") for row in GUIDE.splitlines() if row.startswith("| ")]
    assert rows[1:] == list(NAMES)


def test_the_policy_of_the_guide_is_that_of_the_code() -> None:
    (text,) = re.findall(r"```json\n(.*?)```", GUIDE, re.DOTALL)
    assert json.loads(text) == policy()


def test_the_policy_has_the_rights_of_all_calls_and_no_other(doctor: Any) -> None:
    world = doctor.account.world
    world["stack"]["StackDriftStatus"] = "DRIFTED"
    # Not seen in the log, so the state of the task is asked too.
    world.update(records=lambda _probe_id: [], task={"startedTime": int(time.time() * 1000)})
    world["traced"] = [{"EventId": "e", "EventSource": "acs.cr", "EventType": "cr:Artifact:PushCompleted"}]
    rules = '{"rules":[{"update":{"acrRegistryInfo":[{"instanceId":"cri-1"}]}}]}'
    for function in world["functions"].values():
        function["environmentVariables"]["IMC_RULES"] = rules
    doctor.findings()
    facts(*doctor.look())
    asked = {right_of(*each.split(":")) for each in doctor.account.asked} - {"sts:GetCallerIdentity"}
    # The other name of a right of CloudMonitor is asked by nobody.
    assert asked == {*READS, INVOKES} - {"cms:QueryMetricLast"}


def test_the_functions_import_nothing_of_the_command() -> None:
    script = (
        "import sys, on_follow, on_manual, on_push, on_timer, on_webhook\n"
        "from imagecache.clients import eci, function_compute, oci_registry\n"
        f"print(sorted(name for name in sys.modules if name.split('.')[0].startswith({NOT_DEPLOYED!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT / "functions",
        env={"PYTHONPATH": str(ROOT / "functions")},
    )
    assert done.stdout == "[]\n"


def test_the_deployed_lock_has_no_dependency_of_the_command() -> None:
    names = re.findall(
        r"^([a-z0-9-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert names
    assert not [name for name in names if name.startswith(("alibabacloud", "click", "rich", "darabonba"))]


@pytest.mark.deep
def test_the_package_has_nothing_of_the_command() -> None:
    with ZipFile(package("python3.12")) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert "imagecache" in tops
    assert not [top for top in tops if top.startswith(NOT_DEPLOYED)]
