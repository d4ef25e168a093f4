"""A registry that wants to know who asks: with the accounts that the rules give to updates."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.registry.docker_registry import LocalRegistry, missing_tools
from tests.contract.acr_api import AcrApi, acr_api
from tests.password_registry import PASSWORD, USER, PasswordRegistry

pytestmark = pytest.mark.skipif(
    bool(missing_tools()), reason=f"no real registry here: missing {', '.join(missing_tools())}"
)

INSTANCE = {"instanceId": "cri-a1b2c3d4e5f6g7h8", "regionId": "cn-hangzhou"}
POLICY = {"type": "semver", "range": ">=1.0 <2"}


@pytest.fixture
def closed(tmp_path: Path, doors: Any) -> Iterator[PasswordRegistry]:
    """A registry with two versions of an image."""
    doors.secrets.append(PASSWORD)
    with LocalRegistry(tmp_path / "registry", {}) as opened:
        for tag in ("v1.0.0", "v1.0.1"):
            opened.push("prod/web", tag, content=tag)
    with PasswordRegistry(tmp_path / "registry") as running:
        yield running


@pytest.fixture
def vendor(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AcrApi]:
    """The vendor's API, which gives an account of that registry."""
    with acr_api(deployed.credential, lambda: int(time.time() * 1000)) as api:
        monkeypatch.setenv("IMC_CR_ENDPOINT", api.url)
        until = int(time.time() * 1000) + 3_600_000
        login = {"TempUsername": USER, "AuthorizationToken": PASSWORD, "ExpireTime": until}
        answer = {"IsSuccess": True, "Code": "success", "RequestId": "R-1", **login}
        api.instead.append((200, json.dumps(answer).encode()))
        yield api


def rule(monkeypatch: pytest.MonkeyPatch, **update: Any) -> None:
    rules = {"rules": [{"policy": POLICY, "registry": "read", "update": update}]}
    monkeypatch.setenv("IMC_RULES", json.dumps(rules))


def test_the_password_of_a_rule_opens_the_registry(
    deployed: Any, doors: Any, closed: PasswordRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = {"server": closed.host, "userName": USER, "passwordEnv": "R_PASSWORD"}
    rule(monkeypatch, imageRegistryCredential=[account])
    monkeypatch.setenv("R_PASSWORD", PASSWORD)
    identifier = deployed.cache(f"{closed.host}/prod/web:v1.0.0")
    assert doors.timer().results == [("refreshed", "REGISTRY_NEWER")]
    assert deployed.updated() == {identifier: [f"{closed.host}/prod/web:v1.0.1"]}


def test_a_temporary_account_of_the_vendor_opens_the_registry_of_an_instance(
    deployed: Any,
    doors: Any,
    closed: PasswordRegistry,
    vendor: AcrApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rule(monkeypatch, acrRegistryInfo=[{**INSTANCE, "domains": [closed.host]}])
    identifier = deployed.cache(f"{closed.host}/prod/web:v1.0.0")
    assert doors.timer().results == [("refreshed", "REGISTRY_NEWER")]
    assert deployed.updated() == {identifier: [f"{closed.host}/prod/web:v1.0.1"]}
    # The login is kept for all that is asked, by this invocation and later ones.
    assert [call.parameters["InstanceId"] for call in vendor.calls] == [INSTANCE["instanceId"]]


def test_an_account_that_cannot_be_had_never_blocks_the_refresh_of_an_event(
    deployed: Any,
    doors: Any,
    events: Any,
    closed: PasswordRegistry,
    vendor: AcrApi,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vendor.instead[:] = [(403, b'{"Code":"NoPermission","Message":"not you"}')] * 3
    rule(monkeypatch, acrRegistryInfo=[{**INSTANCE, "instanceId": "cri-other", "domains": [closed.host]}])
    identifier = deployed.cache(f"{closed.host}/prod/web:v1.0.0")
    told = doors.webhook("distribution", events.distribution(closed.host, tag="v1.0.0"))
    assert told.results == [("refreshed", "TAG_REPUSHED")]
    assert "NoPermission" in told.only["registry_error"]
    assert deployed.updated() == {identifier: [f"{closed.host}/prod/web:v1.0.0"]}
