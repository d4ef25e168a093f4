"""What the tests of the operator's command share: a way to ask, and files to ask about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pytest
from click.testing import CliRunner, Result

from cli.app import app
from local.cloud.cloud import Cloud
from tests.support.operator import Act, config

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
REGION = "cn-hangzhou"


@pytest.fixture(autouse=True)
def _bare(bare_environment: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here sees the variables of the machine, its keys, or who may tell its role."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")


@dataclass(frozen=True)
class Command:
    """Asks the command.

    Attributes:
        folder: for files.
    """

    folder: Path

    def __call__(self, *arguments: str, given: bytes | str | IO[Any] | None = None) -> Result:
        """What it says. No exception escapes, and mistakes are told on standard error alone."""
        result = CliRunner().invoke(app, arguments, input=given)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.output
        if result.exit_code == 2:
            assert result.stdout == ""
        return result

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        """What it says as JSON; standard output has nothing else."""
        result = self(*arguments, "--json")
        assert result.exit_code == exit_code, result.output
        return json.loads(result.stdout)

    def file(self, content: Any, name: str = "file.json") -> str:
        """A file with a text, bytes, or a document as JSON; its name."""
        path = self.folder / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return str(path)

    def caches(self, *caches: dict[str, Any]) -> str:
        """A file of caches, as DescribeImageCaches answers."""
        return self.file(page(*caches), "caches.json")

    def rules(self, *rules: dict[str, Any], **members: Any) -> str:
        """A file of rules."""
        return self.file({"rules": list(rules), **members}, "rules.json")


@pytest.fixture
def ask(tmp_path: Path) -> Command:
    return Command(tmp_path)


def page(*caches: dict[str, Any], total: int | None = None) -> dict[str, Any]:
    """A page of an answer."""
    return {
        "RequestId": "request",
        "ImageCaches": list(caches),
        "NextToken": "",
        "TotalCount": len(caches) if total is None else total,
    }


@pytest.fixture
def answer() -> Callable[..., dict[str, Any]]:
    """Makes a page of an answer."""
    return page


@pytest.fixture
def cache() -> Callable[..., dict[str, Any]]:
    """Makes a cache as ECI describes it."""

    def make(name: str, *images: str, tags: dict[str, str] | None = None, **members: Any) -> dict[str, Any]:
        return {
            "ImageCacheId": f"imc-{name}",
            "ImageCacheName": name,
            "RegionId": REGION,
            "Status": "Ready",
            "Images": list(images),
            "Tags": [{"Key": key, "Value": value} for key, value in (tags or {}).items()],
            **members,
        }

    return make


@pytest.fixture
def examples() -> Path:
    """The folder of the sample files."""
    return EXAMPLES


@pytest.fixture(scope="session")
def operated_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud for all tests of this process that change something; see ``act``."""
    with Cloud(config(tmp_path_factory.mktemp("state"))) as cloud:
        yield cloud


@pytest.fixture
def act(ask: Command, operated_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Act]:
    """A person at that cloud, which has no other caches than this test's."""
    name = request.node.name.replace("[", "-").replace("]", "")
    operated_cloud.control.settings(rebuild_seconds=0.3)
    yield Act(ask, operated_cloud, name)
    operated_cloud.control.reset_settings()
    operated_cloud.control.clear_faults()
    for cache in operated_cloud.control.caches():
        operated_cloud.control.delete_cache(cache["image_cache_id"])
