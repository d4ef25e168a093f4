"""Rules through the entry points: what a pushed tag does to a list, and what goes with updates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC_HOST = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
WEB = f"{VPC_HOST}/prod/web"
PROMOTED = ("refreshed", "TAG_PROMOTED")
REPUSHED = ("refreshed", "TAG_REPUSHED")
HOLDS = ("ignored", "POLICY_HOLDS")
SEMVER = {"type": "semver", "range": ">=1.0 <2"}
DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("policy", "listed", "pushed", "result", "after"),
    [
        pytest.param(SEMVER, ["v1.0.0"], "v1.0.1", PROMOTED, ["v1.0.1"], id="newer version"),
        pytest.param(SEMVER, ["v1.0.1"], "v1.0.0", HOLDS, [], id="older version"),
        pytest.param(SEMVER, ["v1.0.1"], "v2.0.0", HOLDS, [], id="outside the range"),
        pytest.param(SEMVER, ["v1.0.1"], "v1.1.0-rc.1", HOLDS, [], id="prerelease"),
        pytest.param(SEMVER, ["v1.0.1"], "v1.1.0-alpine", HOLDS, [], id="another variant"),
        pytest.param(SEMVER, ["v1.0.1"], "nightly", HOLDS, [], id="no version"),
        pytest.param(SEMVER, ["v0.9.0"], "v1.0.0", HOLDS, [], id="what is listed is outside the range"),
        pytest.param(
            SEMVER | {"keep": 2},
            ["v1.0.0"],
            "v1.0.1",
            PROMOTED,
            ["v1.0.1", "v1.0.0"],
            id="joins, newest first",
        ),
        pytest.param(
            SEMVER | {"keep": 2},
            ["v1.0.2", "v1.0.0"],
            "v1.0.1",
            PROMOTED,
            ["v1.0.2", "v1.0.1"],
            id="second newest",
        ),
        pytest.param(
            SEMVER | {"keep": 2},
            ["v1.0.2", "v1.0.1"],
            "v1.0.0",
            HOLDS,
            [],
            id="older than both that are kept",
        ),
        pytest.param(SEMVER, ["v1.0.2", "v1.0.1"], "v1.0.3", PROMOTED, ["v1.0.3"], id="superfluous one goes"),
        pytest.param(
            {"type": "semver", "range": "<2"}, ["v1.0.0"], "v2.0.0-rc.1", HOLDS, [], id="before a release"
        ),
        pytest.param(
            {"type": "semver", "range": "~2.0.0-rc.1"},
            ["2.0.0-rc.1"],
            "2.0.1",
            PROMOTED,
            ["2.0.1"],
            id="from a prerelease on",
        ),
        pytest.param(
            {"type": "semver", "range": ""},
            ["2022.12.1"],
            "2023.01.1",
            PROMOTED,
            ["2023.01.1"],
            id="calendar version",
        ),
        pytest.param(
            SEMVER | {"pattern": "web-(?P<key>.+)-prod"},
            ["web-v1.2.2-prod"],
            "web-v1.2.3-prod",
            PROMOTED,
            ["web-v1.2.3-prod"],
            id="version inside the tag",
        ),
        pytest.param(
            SEMVER | {"pattern": "web-(?P<key>.+)-prod"},
            ["web-v1.2.2-prod"],
            "web-v1.2.3-test",
            HOLDS,
            [],
            id="version inside another tag",
        ),
        pytest.param({"type": "numerical"}, ["9"], "10", PROMOTED, ["10"], id="number"),
        pytest.param({"type": "numerical"}, ["10"], "9", HOLDS, [], id="smaller number"),
        pytest.param(
            {"type": "alphabetical", "pattern": "main-(?P<key>[0-9]{8})-[0-9a-f]+"},
            ["main-20240101-ff"],
            "main-20240102-00",
            PROMOTED,
            ["main-20240102-00"],
            id="sort key",
        ),
        pytest.param(
            {"type": "alphabetical", "pattern": "main-(?P<key>[0-9]{8})-[0-9a-f]+"},
            ["main-20240101-ff"],
            "release-20240102-00",
            HOLDS,
            [],
            id="pattern does not match",
        ),
        pytest.param({"type": "any"}, ["blue"], "green", PROMOTED, ["green"], id="any"),
        pytest.param(
            {"type": "any", "keep": 2},
            ["blue", "red"],
            "green",
            PROMOTED,
            ["green", "blue"],
            id="any keeps two",
        ),
        pytest.param({"type": "exact"}, ["v1.0.0"], "v1.0.1", HOLDS, [], id="exact"),
        pytest.param(SEMVER, ["v1.0.0"], "v1.0.0", REPUSHED, ["v1.0.0"], id="same tag"),
    ],
)
def test_a_policy_says_what_a_pushed_tag_does(
    deployed: Any,
    doors: Any,
    events: Any,
    rules: Any,
    policy: dict[str, Any],
    listed: list[str],
    pushed: str,
    result: tuple[str, str],
    after: list[str],
) -> None:
    rules({"name": "web", "policy": policy})
    others = ["redis:7", f"{HOST}/prod/api:v1.0.0"]
    identifier = deployed.cache(others[0], *(f"{WEB}:{tag}" for tag in listed), others[1])
    told = doors.push(events.cloud(tag=pushed))
    assert told.results == [result]
    assert told.only["rule"] == "web"
    assert ("held_because" in told.only) == (result == HOLDS)
    wanted = [others[0], *(f"{WEB}:{tag}" for tag in after), others[1]]
    assert deployed.updated() == ({identifier: wanted} if after else {})


def test_the_first_rule_that_matches_decides(deployed: Any, doors: Any, events: Any, rules: Any) -> None:
    rules(
        {"name": "frozen", "caches": {"names": ["frozen-*"]}},
        {"name": "web", "images": {"repositories": [f"{HOST}/prod/**"], "tags": ["v*"]}, "policy": SEMVER},
        {"name": "rest", "policy": {"type": "any"}},
    )
    deployed.cache(f"{WEB}:v1.0.0", image_cache_name="frozen-web")
    promoted = deployed.cache(f"{WEB}:v1.0.0", image_cache_name="web")
    unruled = deployed.cache(f"{WEB}:main", image_cache_name="main")
    told = doors.push(events.cloud(tag="v1.2.0"))
    said = {outcome["image_cache_name"]: (outcome["reason"], outcome["rule"]) for outcome in told.outcomes}
    assert said == {
        "frozen-web": ("POLICY_HOLDS", "frozen"),
        "web": ("TAG_PROMOTED", "web"),
        "main": ("POLICY_HOLDS", "web"),
    }
    assert deployed.updated() == {promoted: [f"{WEB}:v1.2.0"]}
    assert unruled not in deployed.updated()


@pytest.mark.parametrize(
    ("order", "kept"),
    [
        (["v1.0.1", "v1.1.0", "v2.0.0", "v1.0.2"], ["v1.1.0", "v1.0.2"]),
        (["v1.0.2", "v2.0.0", "v1.1.0", "v1.0.1"], ["v1.1.0", "v1.0.2"]),
        (["v1.1.0", "v1.0.2", "v1.0.2", "v1.0.1", "v2.0.0", "v1.1.0"], ["v1.1.0", "v1.0.2"]),
    ],
)
def test_the_end_does_not_depend_on_the_order_of_deliveries(
    deployed: Any, doors: Any, events: Any, rules: Any, order: list[str], kept: list[str]
) -> None:
    rules({"policy": SEMVER | {"keep": 2}})
    identifier = deployed.cache(f"{WEB}:v1.0.0")
    for tag in order:
        doors.push(events.cloud(tag=tag))
        deployed.end_updates()
    assert deployed.control.cache(identifier)["images"] == [f"{WEB}:{tag}" for tag in kept]


def test_of_tags_without_an_order_the_one_pushed_last_stays(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({"name": "web", "policy": {"type": "any"}})
    identifier = deployed.cache(f"{WEB}:blue")
    assert doors.push(events.cloud(tag="green", time="2026-03-02T10:05:00Z")).results == [PROMOTED]
    deployed.end_updates()
    late = doors.push(events.cloud(tag="red", time="2026-03-02T10:00:00Z"))
    assert late.results == [HOLDS]
    assert "2026-03-02T10:05:00" in late.only["message"]
    assert deployed.updated() == {identifier: [f"{WEB}:green"]}


def test_pushes_of_one_delivery_are_one_update(deployed: Any, doors: Any, events: Any, rules: Any) -> None:
    rules({"policy": SEMVER | {"keep": 3}})
    identifier = deployed.cache(f"{WEB}:v1.0.0")
    told = doors.push([events.cloud(tag="v1.0.2"), events.cloud(tag="v1.0.1"), events.cloud(tag="v1.1.0")])
    assert told.results == [PROMOTED] * 3
    assert deployed.updated() == {identifier: [f"{WEB}:{tag}" for tag in ("v1.1.0", "v1.0.2", "v1.0.1")]}
    assert {tuple(outcome["images_after"]) for outcome in told.outcomes} == {
        tuple(deployed.updated()[identifier])
    }


def test_an_alias_is_the_registry_that_answers_there(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({"policy": SEMVER}, aliases={"images.example.com": HOST})
    aliased = deployed.cache("images.example.com/prod/web:v1.0.0", image_cache_name="aliased")
    deployed.cache("images.example.com.evil.example/prod/web:v1.0.0", image_cache_name="look-alike")
    told = doors.push(events.cloud(tag="v1.0.1"))
    assert told.results == [PROMOTED]
    assert deployed.updated() == {aliased: ["images.example.com/prod/web:v1.0.1"]}
    pushed = doors.webhook("acr", events.acr(tag="v1.0.2"), registry="images.example.com")
    assert pushed.only["image_cache_id"] == aliased


UPDATE = {
    "retentionDays": 7,
    "autoMatchImageCache": True,
    "flash": True,
    "imageCacheSize": 40,
    "vSwitchId": "vsw-1",
    "securityGroupId": "sg-1",
    "acrRegistryInfo": [{"instanceId": "cri-x", "regionId": "cn-hangzhou", "domains": [HOST, VPC_HOST]}],
    "imageRegistryCredential": [{"server": "r.example.com", "userName": "u", "passwordEnv": "R_PASSWORD"}],
    "tag": [{"key": "team", "value": "shop"}],
}
PASSWORD = "p4ssw0rd-of-the-registry"


@pytest.mark.parametrize("door", ["push", "manual", "refresh"])
def test_the_parameters_of_a_rule_go_with_every_update(
    deployed: Any, doors: Any, events: Any, rules: Any, door: str
) -> None:
    rules({"name": "web", "images": {"repositories": ["prod/**"]}, "update": UPDATE}, R_PASSWORD=PASSWORD)
    doors.secrets.append(PASSWORD)
    identifier = deployed.cache(f"{WEB}:latest", tags={"owner": "me"})
    deployed.cache("redis:7", image_cache_name="other")
    told = {
        "push": lambda: doors.push(events.cloud()),
        "manual": lambda: doors.manual(imageCacheId=identifier),
        "refresh": lambda: doors.timer({"action": "refresh", "caches": {"ids": [identifier]}}),
    }[door]()
    assert told.only["result"] == "refreshed"
    (update,) = deployed.updates()
    sent = update.parameters
    assert {
        "RetentionDays": "7",
        "AutoMatchImageCache": "true",
        "Flash": "true",
        "ImageCacheSize": "40",
        "VSwitchId": "vsw-1",
        "SecurityGroupId": "sg-1",
        "AcrRegistryInfo.1.InstanceId": "cri-x",
        "AcrRegistryInfo.1.RegionId": "cn-hangzhou",
        "AcrRegistryInfo.1.Domain.1": HOST,
        "AcrRegistryInfo.1.Domain.2": VPC_HOST,
        "ImageRegistryCredential.1.Server": "r.example.com",
        "ImageRegistryCredential.1.UserName": "u",
    }.items() <= sent.items()
    tags = {sent[f"Tag.{n}.Key"]: sent[f"Tag.{n}.Value"] for n in range(1, 5) if f"Tag.{n}.Key" in sent}
    assert (tags["owner"], tags["team"]) == ("me", "shop")
    assert "imc-refresh" in tags


def test_a_dry_run_masks_the_password(deployed: Any, doors: Any, rules: Any) -> None:
    rules({"update": UPDATE}, R_PASSWORD=PASSWORD)
    doors.secrets.append(PASSWORD)
    identifier = deployed.cache(f"{WEB}:latest")
    told = doors.manual(imageCacheId=identifier, dryRun=True)
    assert told.only["request"]["ImageRegistryCredential"] == [
        {"Server": "r.example.com", "UserName": "u", "Password": "***"}
    ]
    assert deployed.updates() == []


def test_rules_can_lie_in_a_file(
    deployed: Any, doors: Any, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"rules": [{"policy": SEMVER}]}), encoding="utf-8")
    monkeypatch.setenv("IMC_RULES_FILE", str(file))
    identifier = deployed.cache(f"{WEB}:v1.0.0")
    assert doors.push(events.cloud(tag="v1.0.1")).results == [PROMOTED]
    assert deployed.updated() == {identifier: [f"{WEB}:v1.0.1"]}


def test_wrong_rules_stop_everything_with_all_problems(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({"polcy": {}}, {"policy": {"type": "semver"}}, {"policy": {"type": "numerical", "keep": 21}})
    deployed.cache(f"{WEB}:latest")
    told = doors.push(events.cloud())
    assert told.results == [("failed", "SETTINGS_INVALID")]
    assert isinstance(told.error, PermanentEntryPointError)
    for pointer in ("/rules/0", "/rules/1/policy", "/rules/2/policy/keep"):
        assert pointer in told.only["message"]
    assert deployed.actions() == []


def test_a_push_of_the_digest_that_was_just_built_changes_nothing(
    deployed: Any, doors: Any, events: Any
) -> None:
    def pushed(digest: str) -> Any:
        event = events.cloud(time=events.now())
        event["data"]["Digest"] = digest
        return doors.push(event)

    deployed.cache(f"{WEB}:latest")
    assert pushed(DIGEST).results == [REPUSHED]
    deployed.end_updates()
    assert pushed(DIGEST).results == [("unchanged", "SAME_DIGEST")]
    assert pushed(f"sha256:{'b' * 64}").results == [REPUSHED]
    deployed.end_updates()
    assert pushed(DIGEST).results == [REPUSHED]
    assert len(deployed.updates()) == 3


def test_who_asks_by_hand_is_not_told_that_the_digest_is_the_same(
    deployed: Any, doors: Any, events: Any
) -> None:
    event = events.cloud(time=events.now())
    event["data"]["Digest"] = DIGEST
    deployed.cache(f"{WEB}:latest")
    assert doors.push(event).results == [REPUSHED]
    deployed.end_updates()
    assert doors.manual(image=f"{WEB}:latest@{DIGEST}").results == [REPUSHED]


def test_a_cooldown_without_follow_tasks_asks_to_be_tried_again(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({"cooldownSeconds": 3600})
    identifier = deployed.cache(f"{WEB}:latest")
    assert doors.push(events.cloud(time=events.now())).results == [REPUSHED]
    deployed.end_updates()
    told = doors.push(events.cloud(time=events.now()))
    assert told.results == [("failed", "COOLING_DOWN")]
    assert isinstance(told.error, RetryableEntryPointError)
    assert told.only["fate"] == "retried"
    assert doors.manual(imageCacheId=identifier).results == [("refreshed", "REBUILD_REQUESTED")]
    assert len(deployed.updates()) == 2


def test_a_cooldown_does_not_hold_back_what_mends_a_failed_cache(
    deployed: Any, doors: Any, events: Any, rules: Any
) -> None:
    rules({"cooldownSeconds": 3600})
    deployed.cache(f"{WEB}:latest")
    doors.push(events.cloud(time=events.now()))
    deployed.end_updates("UpdateFailed")
    assert doors.push(events.cloud(time=events.now())).results == [REPUSHED]


@pytest.mark.parametrize("variable", ["IMC_MAX_UPDATES_PER_RUN", "IMC_MAX_UPDATES_PER_HOUR"])
def test_a_cap_holds_back_what_is_beyond_it(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "2")
    for number in range(4):
        deployed.cache(f"{WEB}:latest", image_cache_name=f"web-{number}")
    told = doors.push(events.cloud())
    # Side by side, so any two of them.
    assert sorted(told.results) == sorted([REPUSHED, ("failed", "UPDATE_CAP")] * 2)
    assert isinstance(told.error, RetryableEntryPointError)
    assert "update cap reached" in told.text
    assert len(deployed.updates()) == 2


def test_the_cap_per_hour_counts_what_other_invocations_did(
    deployed: Any, doors: Any, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_MAX_UPDATES_PER_HOUR", "1")
    deployed.cache(f"{WEB}:latest", image_cache_name="first")
    other = deployed.cache(f"{HOST}/prod/api:latest", image_cache_name="second")
    assert doors.push(events.cloud()).results == [REPUSHED]
    told = doors.push(events.cloud(repository="prod/api"))
    assert told.results == [("failed", "UPDATE_CAP")]
    monkeypatch.setenv("IMC_MAX_UPDATES_PER_HOUR", "2")
    assert doors.push(events.cloud(repository="prod/api")).only["image_cache_id"] == other
