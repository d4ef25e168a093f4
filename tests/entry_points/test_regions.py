"""No message, whoever sends it, makes a function reach a region that its deployment does not look after."""

from __future__ import annotations

from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError
from tests.support.depth import every_value
from tests.support.eci import REGION

OTHER = "cn-beijing"
AGAINST_SCHEMA = ("rejected", "SCHEMA_VIOLATION")
CHANGE = {
    "kind": "push",
    "source": "acr",
    "eventId": "event-1",
    "registry": "docker.io",
    "repository": "library/redis",
    "tag": "7",
}
REQUEST = {
    "kind": "request",
    "source": "manual",
    "eventId": "event-1",
    "reason": "REBUILD_REQUESTED",
    "force": False,
    "single": False,
}
SELECTOR: dict[str, Any] = {"ids": [], "names": ["*"], "tags": [], "regions": [OTHER]}
FOLLOW = {"version": 1, "attempt": 1, "began": "2026-03-02T02:15:30+00:00"}

MANUAL: dict[str, tuple[dict[str, Any], str]] = {
    "by id": ({"imageCacheId": "imc-1", "regionId": OTHER}, "/regionId"),
    "by name": ({"imageCacheName": "web", "regionId": OTHER}, "/regionId"),
    "by image": ({"image": "redis:7", "regionId": OTHER}, "/regionId"),
    "dry run": ({"imageCacheId": "imc-1", "regionId": OTHER, "dryRun": True}, "/regionId"),
    "by selector": ({"caches": {"names": ["*"]}, "regionId": OTHER}, "/regionId"),
    "in the selector": ({"caches": {"regions": [OTHER]}}, "/caches/regions"),
    "second in the selector": ({"caches": {"regions": [REGION, OTHER]}}, "/caches/regions"),
}


@every_value
@pytest.mark.parametrize("over_http", [False, True], ids=["invoked", "over HTTP"])
@pytest.mark.parametrize("request_", MANUAL)
def test_a_manual_request_names_regions_of_the_deployment(
    fleet: Any, doors: Any, request_: str, over_http: bool
) -> None:
    request, where = MANUAL[request_]
    told = doors.manual(over_http=over_http, **request)
    assert (told.status, told.results) == (400, [AGAINST_SCHEMA])
    assert told.only["error"] == {
        "class": "input",
        "where": where,
        "rule": f"one of IMC_REGIONS: {REGION}",
        "found": OTHER,
    }
    assert fleet.actions() == []


@pytest.mark.parametrize("action", ["refresh", "sweep"])
def test_a_timer_names_regions_of_the_deployment(fleet: Any, doors: Any, action: str) -> None:
    told = doors.timer({"action": action, "caches": {"regions": [OTHER]}})
    assert told.results == [AGAINST_SCHEMA]
    assert told.only["error"]["where"] == "/payload/caches/regions"
    assert isinstance(told.error, PermanentEntryPointError)
    assert fleet.actions() == []


@pytest.mark.parametrize(
    ("message", "where"),
    [
        ({"change": CHANGE, "regionId": OTHER, "imageCacheId": "imc-1"}, "/regionId"),
        ({"change": {**CHANGE, "regionId": OTHER}}, "/change/regionId"),
        ({"change": {**REQUEST, "selector": SELECTOR}}, "/change/selector/regions"),
    ],
    ids=["of the cache", "of the change", "in the selector"],
)
def test_a_follow_message_names_regions_of_the_deployment(
    fleet: Any, doors: Any, message: dict[str, Any], where: str
) -> None:
    told = doors.call("on_follow", {**FOLLOW, **message})
    assert told.results == [AGAINST_SCHEMA]
    assert told.only["error"]["where"] == where
    # Ours once: whoever took the region out of IMC_REGIONS has to see what is not followed any more.
    assert isinstance(told.error, PermanentEntryPointError)
    assert fleet.actions() == []


def test_every_region_of_the_setting_can_be_named(
    fleet: Any, doors: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMC_REGIONS", f"{REGION},{OTHER}")
    told = doors.manual(imageCacheId="imc-broken", regionId=REGION)
    assert told.results == [("refreshed", "REBUILD_REQUESTED")]
    told = doors.manual(imageCacheId="imc-broken", regionId=OTHER)
    assert (told.status, told.results) == (404, [("rejected", "CACHE_NOT_FOUND")])
