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
from tests.support.eci import REGION

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = re.compile(r"^(?:\.venv/bin/)?imc-refresh (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _commands(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [command for block in _BLOCK.findall(text) for command in _COMMAND.findall(block)]


SHOWN = [(page, command) for page in ("README.md", "docs/operate.md") for command in _commands(page)]


def test_the_pages_show_every_command() -> None:
    assert {page for page, _ in SHOWN} == {"README.md", "docs/operate.md"}
    shown = {shlex.split(command)[0] for _, command in SHOWN}
    assert shown >= {"plan", "why", "rules", "status", "trace", "records"} & set(COMMANDS)


@pytest.mark.parametrize(("page", "command"), SHOWN)
def test_a_command_is_answered(page: str, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    said = CliRunner().invoke(app, shlex.split(command))
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout


def test_the_local_cloud_is_asked_in_the_place_of_an_account(ask: Any, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Cloud(CloudConfig(state=state)) as cloud:
        cloud.control.create_cache(region_id=REGION, image_cache_name="web", images=["nginx:1"])
        said = ask.json("plan", "nginx:1", "--local", str(state))
        assert [each["reason"] for each in said["decisions"]] == ["TAG_REPUSHED"]
        assert len(ask.json("status", "--local", str(state))["caches"]) == 1
        assert cloud.control.journal("UpdateImageCache") == []
        cloud.invoke("on_manual", json.dumps({"image": "nginx:1"}).encode())
        (life,) = ask.json("trace", "web", "--local", str(state))
        assert life["records"][0]["reason"] == "TAG_REPUSHED"
        assert ask.json("records", "--local", str(state), "--reason", "TAG_REPUSHED") == life["records"][:1]
    for command in ("status", "records"):
        said = ask(command, "--local", str(state))
        assert said.exit_code == 2
        assert "nothing is served from" in said.stderr
