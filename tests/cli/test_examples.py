"""Each command has an example in its help, and each is run: on files as it stands, else on a local cloud."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from cli.app import app
from local.cloud.cloud import Cloud
from local.fc.queues import QueueStore
from tests.support.operator import HOLD, config
from tests.support.waiting import wait_until

_FILES = ("--caches", "--records")
_IMAGE = "registry.cn-hangzhou.aliyuncs.com/shop/web"
_VPC_IMAGE = "registry-vpc.cn-hangzhou.aliyuncs.com/shop/web"
_NOT_ON_THE_LOCAL_CLOUD = {"doctor", "deploy"}
"""They ask about a stack, or make one: see below, and doctor/test_command.py."""
_UNDER_WAY = {"waiting", "running"}
_EXIT_CODES = {"failures --region cn-hangzhou": 1}
"""Where it is not 0: there is a failed event."""


def _commands() -> Iterator[tuple[str, click.Command]]:
    """Each command that there is, with its name as it is typed."""
    waiting: list[tuple[str, click.Command]] = [("", app)]
    context = click.Context(app)
    while waiting:
        name, found = waiting.pop()
        yield name, found
        if isinstance(found, click.Group):
            for sub in found.list_commands(context):
                under = found.get_command(context, sub)
                assert under is not None
                waiting.append((f"{name} {sub}".strip(), under))


def _examples(command: click.Command) -> list[str]:
    text = f"{command.help or ''}\n{command.epilog or ''}"
    return re.findall(r"^ *imc-refresh (.+)$", text, re.MULTILINE)


COMMANDS = dict(_commands())
EXAMPLES = sorted({example for command in COMMANDS.values() for example in _examples(command)})


def _needs_no_cloud(example: str) -> bool:
    words = shlex.split(example)
    acts = {"--yes", "--to"} & set(words)
    return words[0] == "rules" or (bool(set(_FILES) & set(words)) and not acts)


ON_FILES = [example for example in EXAMPLES if _needs_no_cloud(example)]
ON_A_CLOUD = [
    example
    for example in EXAMPLES
    if example not in ON_FILES and example.split()[0] not in _NOT_ON_THE_LOCAL_CLOUD
]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_an_example_of_itself_in_its_help(name: str) -> None:
    shown = CliRunner().invoke(app, [*name.split(), "--help"])
    assert shown.exit_code == 0
    own = [example for example in _examples(COMMANDS[name]) if example.startswith(name)]
    assert own
    for example in own:
        assert f"imc-refresh {example}" in shown.stdout


@pytest.fixture
def folder(examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name."""
    names = {"expectations.json": "wanted.json"}
    for file in examples.iterdir():
        (tmp_path / names.get(file.name, file.name)).symlink_to(file)
    (tmp_path / "tags.txt").write_text("v1.3.2\nv1.4.0\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", ON_FILES)
def test_an_example_with_files_is_answered(example: str, folder: Path) -> None:
    said = CliRunner().invoke(app, shlex.split(example))
    assert (said.exit_code, said.stderr) == (0, "")
    assert said.stdout


@pytest.mark.deep
def test_the_other_examples_are_answered_by_a_local_cloud(folder: Path) -> None:
    rules = {"rules": [{"policy": {"type": "semver", "range": "1"}, "approval": True}]}
    with Cloud(config(folder / ".local", rules)) as cloud:
        stage = _Stage(cloud, folder)
        for example in ON_A_CLOUD:
            words = shlex.split(stage.prepared(example))
            while "--region" in words:
                place = words.index("--region")
                words[place : place + 2] = []
            if "--local" not in words:
                words.append("--local")
            said = CliRunner().invoke(app, words, input="y\n")
            assert said.exit_code == _EXIT_CODES.get(example, 0), (example, said.output)
            assert said.stdout


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.startswith("deploy ")])
def test_an_example_that_deploys_has_options_that_there_are(example: str) -> None:
    """What they do takes the vendor's tool, or minutes: tests/deploy."""
    words = shlex.split(example)
    said = CliRunner().invoke(app, [*words[:2], "--help"])
    assert said.exit_code == 0
    assert [word for word in words if word.startswith("--") and word not in said.stdout] == []


class _Stage:
    """A cloud, and what has to be there before an example."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        cloud.control.settings(rebuild_seconds=0.2)
        self._cloud = cloud
        self._folder = folder
        self._queue = QueueStore(folder / ".local" / "cloud.db", ["imc-refresh-failures"])
        self._before: dict[str, Callable[[], None]] = {
            "release": lambda: self._seed({HOLD: ""}),
            "approve web --records": lambda: self._write_records({"image": f"{_IMAGE}:v1.4.0"}),
            "rollback web --records": self._write_records_of_two_lists,
        }

    def prepared(self, example: str) -> str:
        """The example as it is typed then."""
        self._seed({"team": "shop"})
        for words, prepare in self._before.items():
            if example.startswith(words):
                prepare()
        if example.startswith("failures"):
            return example.replace("1F9C", self._failed())
        return example

    def _seed(self, tags: dict[str, str]) -> None:
        self._cloud.control.create_caches(
            [
                {
                    "region_id": "cn-hangzhou",
                    "image_cache_id": f"imc-bp10{number}example",
                    "image_cache_name": name,
                    "images": [f"{_VPC_IMAGE}:v1.3.2"],
                    "tags": tags,
                }
                for number, name in enumerate(("web", "web-batch"), 1)
            ]
        )

    def _write_records(self, *requests: dict[str, Any]) -> None:
        """A person's requests, and the records so far in the file that the example reads."""
        for request in requests:
            self._cloud.invoke("on_manual", json.dumps(request).encode())
            wait_until(lambda: {task["state"] for task in self._cloud.fc.deliveries()}.isdisjoint(_UNDER_WAY))
        file = self._folder / "records.jsonl"
        file.unlink()
        file.write_text("\n".join(map(json.dumps, self._cloud.outcomes())))

    def _write_records_of_two_lists(self) -> None:
        lists = ([f"{_VPC_IMAGE}:{tag}"] for tag in ("v1.3.1", "v1.3.3"))
        self._write_records(*({"imageCacheName": "web", "images": images} for images in lists))

    def _failed(self) -> str:
        """A failed event in the queue; the beginning of its id."""
        for message in self._queue.messages("imc-refresh-failures"):
            self._queue.remove(message.message_id)
        event: Any = {"triggerName": "t", "triggerTime": "2026-03-02T12:00:00Z", "payload": ""}
        arn = "acs:fc:cn-hangzhou:1:functions/imc-refresh-on-timer"
        body = {"requestContext": {"functionArn": arn}, "requestPayload": json.dumps(event)}
        return self._queue.send("imc-refresh-failures", json.dumps(body))[:8]
