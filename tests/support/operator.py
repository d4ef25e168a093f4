"""A person at a local cloud: caches, pushes, and commands that change something."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.base.database import connect, transaction
from local.cloud.cloud import Cloud
from local.cloud.config import CloudConfig
from local.permissions.credentials import Credential, CredentialStore
from local.permissions.policies import read_statements

from .eci import REGION

__all__ = [
    "API",
    "HOLD",
    "WEB",
    "Act",
    "Typed",
    "account_environment",
    "asked",
    "config",
    "key_of",
    "policies",
]

_GUIDE = Path(__file__).resolve().parents[2] / "docs" / "operate.md"

_HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB, API = f"{_HOST}/prod/web", f"{_HOST}/prod/api"
HOLD = "imc-refresh-hold"
_POLICY = {"type": "semver", "range": "1"}
_RULES = {
    "rules": [
        {"name": "asks", "caches": {"tags": [{"key": "asks"}]}, "policy": _POLICY, "approval": True},
        {"name": "keeps", "caches": {"tags": [{"key": "keeps"}]}, "policy": {**_POLICY, "keep": 2}},
        {"name": "versions", "policy": _POLICY},
    ]
}


def config(state: Path, rules: Mapping[str, Any] = _RULES) -> CloudConfig:
    """A cloud whose functions look after caches twice a second."""
    environment = {"IMC_RULES": json.dumps(rules), "IMC_FOLLOW_BASE_SECONDS": "1"}
    return CloudConfig(state=state, environment=environment)


def account_environment(cloud: Cloud, key: Credential) -> dict[str, str]:
    """The variables of a person who has a key of an account that is this cloud."""
    return {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": key.access_key_id,
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": key.access_key_secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": key.security_token or "",
        "IMC_REGIONS": REGION,
        "IMC_ECI_ENDPOINT": cloud.eci_url,
        "IMC_FC_ENDPOINT": cloud.fc_url,
    }


@dataclass
class Act:
    """A test's caches in a cloud, and commands on it.

    Attributes:
        ask: runs a command.
        cloud: the cloud.
        name: of the test, and what names of its caches begin with.
        pushes: how many there were.
    """

    ask: Any
    cloud: Cloud
    name: str
    pushes: int = 0

    def cache(self, *images: str, name: str = "", **members: Any) -> str:
        """A cache of this test; its id."""
        named = f"{self.name}{name}"
        return self.cloud.control.create_cache(
            region_id=REGION, image_cache_name=named, images=images or (f"{WEB}:v1.0.0",), **members
        )

    def __call__(self, *arguments: str, **options: Any) -> Any:
        return self.ask(*arguments, "--local", str(self.cloud.config.state), **options)

    def json(self, *arguments: str, exit_code: int = 0) -> Any:
        more = () if "--dry-run" in arguments else ("--yes",)
        return self.ask.json(*arguments, *more, "--local", str(self.cloud.config.state), exit_code=exit_code)

    def agreeing(self, *arguments: str, before: Callable[[], Any]) -> Any:
        """Runs a command; something happens before the person agrees to what is shown."""
        return self(*arguments, given=Typed(before))

    def one(self, *arguments: str, exit_code: int = 0) -> Any:
        """What a command says of the only cache that it is about."""
        (one,) = self.json(*arguments, exit_code=exit_code)["caches"]
        return one

    def images(self, identifier: str) -> list[str]:
        return list(self.cloud.control.cache(identifier)["images"])

    def hold(self, identifier: str) -> str | None:
        found: str | None = self.cloud.control.cache(identifier)["tags"].get(HOLD)
        return found

    def push(self, tag: str, repository: str = "web") -> list[tuple[str, str]]:
        """An image is pushed; what becomes of it."""
        return [(each["result"], each["reason"]) for each in self.pushed(tag, repository)]

    def pushed(self, tag: str, repository: str = "web") -> list[dict[str, Any]]:
        """The records of a push."""
        self.pushes += 1
        event = {
            "id": f"{self.name}-{tag}-{self.pushes}",
            "source": "acs.cr",
            "specversion": "1.0",
            "type": "cr:Artifact:PushCompleted",
            "data": {
                "InstanceId": "cri-a1b2c3d4e5f6g7h8",
                "InstanceName": "acme",
                "RegionId": REGION,
                "RepoNamespaceName": "prod",
                "RepoName": repository,
                "Tag": tag,
            },
        }
        answered = json.loads(self.cloud.invoke("on_push", json.dumps(event).encode()).payload)
        outcomes: list[dict[str, Any]] = answered["outcomes"]
        return outcomes


def policies() -> list[dict[str, Any]]:
    """The policies that the guide shows: a reader's and an operator's."""
    blocks = re.findall(r"^```json\n(.*?)^```", _GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    reader, operator = (json.loads(block) for block in blocks)
    return [reader, operator]


def key_of(cloud: Cloud, who: str, policy: Mapping[str, Any]) -> Credential:
    """A key of somebody who may do what a policy allows, and nothing else."""
    statements = json.dumps([asdict(one) for one in read_statements(who, policy)])
    database = cloud.config.state / "cloud.db"
    with closing(connect(database)) as connection, transaction(connection):
        connection.execute("INSERT OR REPLACE INTO principals VALUES (?, ?, ?)", (who, who, statements))
    with closing(CredentialStore(database)) as store:
        return store.issue(principal=who)


def asked(cloud: Cloud, who: str) -> set[str]:
    """The actions that somebody asked for and was allowed."""
    return {call.action for call in cloud.calls() if call.function == who and call.allowed}


class Typed(io.RawIOBase):
    """What a person types: after something has happened, yes."""

    def __init__(self, before: Callable[[], Any]) -> None:
        super().__init__()
        self._before: Callable[[], Any] | None = before

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._before is None or not len(buffer):
            return 0  # nothing was asked: who gets this file may look whether it can be read
        self._before()
        self._before = None
        buffer[:2] = b"y\n"
        return 2
