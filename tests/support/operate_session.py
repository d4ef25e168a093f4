"""The session in docs/operate.md, played on a local cloud: its commands, and what happens between them.

``PYTHONPATH=functions:. python -m tests.support.operate_session`` writes what they say now into the guide.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from cli.app import app
from local.cloud.cloud import Cloud
from local.cloud.config import CloudConfig
from local.fc.dispatcher import RetryPolicy

from .waiting import wait_until

__all__ = ["Said", "masked", "played", "shown"]

_ROOT = Path(__file__).resolve().parents[2]
_GUIDE = _ROOT / "docs" / "operate.md"
_RULES = _ROOT / "docs" / "examples" / "rules.json"
_BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_SEED = _ROOT / "docs" / "examples" / "seed.json"
_HOST = "registry.cn-hangzhou.aliyuncs.com/shop"
_MASKS = {
    r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+00:00)?": "TIME",
    r"\b(1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9A-F]{32})\b": "ID",
    r"\b\d+ (rebuilds|decisions|records)\b": r"N \1",
    r"\b\d+(\.\d+)? (d|h|min|s|ms)\b( \d+ (h|min|s)\b)?": "SPAN",
    r"[ ]+": " ",
}


@dataclass(frozen=True)
class Said:
    """What a command said: on its standard output, and after that on its standard error.

    Attributes:
        command: after ``imc-refresh``.
        text: all of it.
        exit_code: that it ended with.
    """

    command: str
    text: str
    exit_code: int


def shown() -> list[tuple[str, str]]:
    """The commands of the session as the guide has them, each with what it says."""
    found = []
    for block in _BLOCK.findall(_GUIDE.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ imc-refresh ", block, flags=re.MULTILINE)[1:]:
            command, _, text = part.replace("\\\n", "").partition("\n")
            found.append((command, text))
    return found


def masked(text: str) -> list[str]:
    """The lines without times, time spans, ids, and the width of columns that follows from them.

    They are sorted, as caches that are updated side by side are recorded in any order.
    """
    for pattern, mask in _MASKS.items():
        text = re.sub(pattern, mask, text)
    return sorted(line.strip() for line in text.splitlines() if line.strip())


def played(commands: Sequence[str]) -> Iterator[Said]:
    """What each command says, in a folder as after a checkout, with what happens meanwhile to its cloud."""
    with tempfile.TemporaryDirectory(prefix="imc-refresh-session-") as folder, _at_work_in(Path(folder)):
        Path("docs").symlink_to(_ROOT / "docs")
        config = CloudConfig(
            Path(".local"),
            environment={"IMC_RULES": _RULES.read_text(encoding="utf-8"), "IMC_FOLLOW_BASE_SECONDS": "1"},
            retry=RetryPolicy(time_factor=100.0),
        )
        with Cloud(config) as cloud:
            story = _Story(cloud)
            for command in commands:
                for words, happens in story.before.items():
                    if command.startswith(words):
                        happens()
                result = CliRunner().invoke(app, shlex.split(command))
                yield Said(command, result.stdout + result.stderr, result.exit_code)


class _Story:
    """What happens at a cloud, before the command that begins with some words."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.before: dict[str, Callable[[], None]] = {
            "refresh": lambda: self._builds(failing_builds=0),
            "failures --local": self._fail_a_push,
            "failures redrive": cloud.control.clear_faults,
            "trace": lambda: self._wait_for("v1.4.0", "web-batch", "landed"),
        }
        cloud.control.settings(rebuild_seconds=0.3)
        cloud.control.create_caches(json.loads(_SEED.read_text(encoding="utf-8")))
        self._builds(failing_builds=-1, failure_message="no address left in the vSwitch")
        cloud.invoke("on_push", _pushed("v1.3.2"))
        self._wait_for("v1.3.2", "web", "landed")
        cloud.control.wait_for("imc-bp102example", "UpdateFailed")
        wait_until(lambda: any(each["reason"] == "BACKING_OFF" for each in cloud.outcomes()))

    def _builds(self, **members: Any) -> None:
        self._cloud.control.builds("imc-bp102example", **members)

    def _fail_a_push(self) -> None:
        """The function's right to update is gone, and an event is given up."""
        denied = {"action": "UpdateImageCache", "code": "NoPermission", "status": 403, "count": 1000}
        self._cloud.control.inject("error", **denied)
        self._cloud.fc.invoke_async("imc-refresh-on-push", _pushed("v1.4.0"))
        wait_until(self._cloud.fc.dead_letters)

    def _wait_for(self, tag: str, cache: str, result: str) -> None:
        wait_until(
            lambda: any(
                each["result"] == result
                and each.get("image_cache_name") == cache
                and each.get("image", "").endswith(f":{tag}")
                for each in self._cloud.outcomes()
            )
        )


def _pushed(tag: str) -> bytes:
    """An event of the event bus: an image was pushed."""
    event = {
        "id": f"build-{tag}",
        "source": "imc-refresh.native",
        "specversion": "1.0",
        "type": "ci:Image:Pushed",
        "data": {"image": f"{_HOST}/web:{tag}", "id": f"build-{tag}"},
    }
    return json.dumps(event).encode()


@contextmanager
def _at_work_in(folder: Path) -> Iterator[None]:
    """Somebody's shell: where they are, and who."""
    before, name = Path.cwd(), os.environ.get("LOGNAME")
    os.chdir(folder)
    os.environ["LOGNAME"] = "ann"
    try:
        yield
    finally:
        os.chdir(before)
        if name is None:
            del os.environ["LOGNAME"]
        else:
            os.environ["LOGNAME"] = name


def _write() -> None:
    """Write into the guide what the commands say now."""
    texts = {said.command: said.text for said in played([command for command, _ in shown()])}

    def renewed(block: re.Match[str]) -> str:
        commands = re.findall(r"^\$ imc-refresh ((?:.*\\\n)*.*)\n", block[1], re.MULTILINE)
        said = (
            f"$ imc-refresh {each}\n{texts[each.replace(chr(92) + chr(10), '')].rstrip()}\n"
            for each in commands
        )
        return "```console\n" + "\n".join(said) + "```\n"

    _GUIDE.write_text(_BLOCK.sub(renewed, _GUIDE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    _write()
