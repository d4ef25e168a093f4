"""docs/operate.md and README.md: every command that they show is run, and says what the page is about."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.app import COMMANDS, app
from local.cloud.cloud import Cloud
from local.cloud.config import CloudConfig
from local.fc.queues import QueueStore
from tests.support.eci import REGION

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = re.compile(r"^(?:\.venv/bin/)?imc-refresh (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [command for block in _BLOCK.findall(text) for command in _COMMAND.findall(block)]


FAILED = json.dumps(
    {
        "requestContext": {"functionArn": "acs:fc:cn-hangzhou:1:functions/imc-refresh-on-timer"},
        "requestPayload": json.dumps(
            {"triggerName": "t", "triggerTime": "2026-03-02T12:00:00Z", "payload": ""}
        ),
    }
)
SHOWN = [(page, command) for page in ("README.md", "docs/operate.md") for command in _commands(page)]


def test_the_pages_show_every_command() -> None:
    assert {page for page, _ in SHOWN} == {"README.md", "docs/operate.md"}
    shown = {shlex.split(command)[0] for _, command in SHOWN}
    wanted = {"plan", "why", "rules", "status", "trace", "records", "report", "failures"}
    assert shown >= wanted & set(COMMANDS)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where the commands run as in a checkout, without a trace there."""
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("page", "command"), [each for each in SHOWN if "--local" not in each[1]])
def test_a_command_is_answered(page: str, command: str, folder: Path) -> None:
    said = CliRunner().invoke(app, shlex.split(command))
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout


def test_each_command_on_the_local_cloud_is_answered(folder: Path) -> None:
    commands = [command for _, command in SHOWN if "--local" in command]
    assert {"failures", "failures redrive", "failures drop"} <= {
        command.partition(" -")[0].partition(" 1")[0] for command in commands
    }
    with Cloud(CloudConfig(state=folder / ".local")):
        queue = QueueStore(folder / ".local" / "cloud.db", ["imc-refresh-failures"])
        for command in commands:
            # Of the timer, so that what is sent again does no harm and ends.
            message = queue.send("imc-refresh-failures", FAILED)
            said = CliRunner().invoke(app, shlex.split(command.replace("1F9C", message[:8])))
            looks = command == "failures --local"
            assert (said.exit_code, said.stderr) == (int(looks), "")
            assert ("1 failed event" if looks else "0 still there") in said.stdout
            queue.remove(message)
        assert queue.messages("imc-refresh-failures") == []
        queue.close()


def test_the_local_cloud_is_asked_in_the_place_of_an_account(ask: Any, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Cloud(CloudConfig(state=state)) as cloud:
        cloud.control.create_cache(region_id=REGION, image_cache_name="web", images=["nginx:1"])
        said = ask.json("plan", "nginx:1", "--local", str(state))
        assert [each["reason"] for each in said["decisions"]] == ["TAG_REPUSHED"]
        assert len(ask.json("status", "--local", str(state))["caches"]) == 1
        assert cloud.control.journal("UpdateImageCache") == []
        cloud.invoke("on_manual", json.dumps({"image": "nginx:1"}).encode())
        (life,) = ask.json("trace", "web", "--local", str(state))["lives"]
        assert life["records"][0]["reason"] == "TAG_REPUSHED"
        said = ask.json("records", "--local", str(state), "--reason", "TAG_REPUSHED")
        assert said["records"] == life["records"][:1]
    for command in ("status", "records"):
        said = ask(command, "--local", str(state))
        assert said.exit_code == 2
        assert "nothing is served from" in said.stderr
