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
from tests.support.operate_session import masked, played, shown
from tests.support.operator import HOLD, Act, account_environment, key_of, policies

ROOT = Path(__file__).resolve().parents[2]
_COMMAND = re.compile(r"^(?:\.venv/bin/)?imc-refresh (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"^```\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _sections(page: str) -> list[list[str]]:
    """The commands of each section of a page."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    sections = re.split(r"^##+ ", text, flags=re.MULTILINE)
    return [
        [command for block in _BLOCK.findall(each) for command in _COMMAND.findall(block)]
        for each in sections
    ]


def _commands(page: str) -> list[str]:
    return [command for section in _sections(page) for command in section]


def _asks_an_account(command: str) -> bool:
    words = shlex.split(command)
    return words[0] != "rules" and not {"--caches", "--records", "--local"} & set(words)


FAILED = json.dumps(
    {
        "requestContext": {"functionArn": "acs:fc:cn-hangzhou:1:functions/imc-refresh-on-timer"},
        "requestPayload": json.dumps(
            {"triggerName": "t", "triggerTime": "2026-03-02T12:00:00Z", "payload": ""}
        ),
    }
)
GIVEN = [(page, command) for page in ("README.md", "docs/operate.md") for command in _commands(page)]
SHOWN = [(page, command) for page, command in GIVEN if not _asks_an_account(command)]
ASKED = [list(filter(_asks_an_account, section)) for section in _sections("docs/operate.md")]


def test_the_pages_show_every_command() -> None:
    assert {page for page, _ in SHOWN} == {"README.md", "docs/operate.md"}
    shown = {shlex.split(command)[0] for _, command in GIVEN}
    assert shown >= set(COMMANDS) - {"doctor", "deploy"}


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


@pytest.mark.deep
def test_commands_on_an_account_do_what_the_page_says(act: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, section by section, on the caches of the sample file and by an operator's rights."""
    pages = json.loads((ROOT / "docs/examples/caches.json").read_text())
    seeds = [_seed(cache) for page in pages for cache in page["ImageCaches"]]
    seeds.append(seeds[0] | {"image_cache_id": "imc-held", "image_cache_name": "held", "tags": {HOLD: ""}})
    key = key_of(act.cloud, act.name, policies()[1])
    for name, value in account_environment(act.cloud, key).items():
        monkeypatch.setenv(name, value)
    lists: set[str] = set()
    for section in filter(None, ASKED):
        # Each is read for itself.
        act.cloud.control.create_caches(seeds)
        for command in section:
            said = act.ask(*shlex.split(command), given="y\n")
            assert said.exit_code == 0, (command, said.output)
            assert said.stdout
        lists |= {cache["images"][0].rpartition("/")[2] for cache in act.cloud.control.caches()}
    # What is rolled back to, and what is approved.
    assert lists >= {"web:v1.3.1", "web:v1.3.0", "web:v1.5.0"}
    assert [call for call in act.cloud.calls() if call.function == act.name and not call.allowed] == []


def _seed(described: dict[str, Any]) -> dict[str, Any]:
    return {
        "image_cache_id": described["ImageCacheId"],
        "region_id": described["RegionId"],
        "image_cache_name": described["ImageCacheName"],
        "images": described["Images"],
        "status": "Ready",
        # The canaries' rule asks a person.
        "tags": {"asks": ""} if "canary" in described["ImageCacheName"] else {},
    }


@pytest.mark.deep
def test_the_session_says_what_the_page_shows() -> None:
    """Made anew by ``make session``; times, ids and the widths of columns are those of another run."""
    session = shown()
    assert {shlex.split(command)[0] for command, _ in session} == {
        *("plan", "why", "rules", "status", "refresh", "rollback", "hold", "failures", "trace", "report")
    }
    codes = {}
    for said, (command, text) in zip(played([command for command, _ in session]), session, strict=True):
        assert masked(said.text) == masked(text), command
        codes[command] = said.exit_code
    assert {command: code for command, code in codes.items() if code} == {
        "status --local": 1,
        "failures --local": 1,
    }


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
