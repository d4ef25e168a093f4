"""The numbers of records: what counts once, what counts each time, and that they are what the cloud saw."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.base.loopback import LOOPBACK
from local.cloud.cloud import Cloud, CloudConfig
from local.fc.dispatcher import RetryPolicy
from tests.support.eci import REGION

HOST = "shop-registry.cn-hangzhou.cr.aliyuncs.com"
PUSH = {
    "time": "2026-03-02T12:00:10.000Z",
    "door": "on_push",
    "request_id": "r-1",
    "result": "refreshed",
    "reason": "TAG_REPUSHED",
    "source": "acs.cr",
    "change_id": "c-1",
    "event_id": "e-1",
    "image": f"{HOST}/team/web:v1",
    "pushed_at": "2026-03-02T12:00:00+00:00",
    "region_id": REGION,
    "image_cache_id": "imc-1",
    "image_cache_name": "web",
    "client_token": "t-1",
    "eci_request_id": "E-1",
    "update_calls": 2,
    "follow_task_id": "watch-1",
}
FAILED = {key: value for key, value in PUSH.items() if key not in {"eci_request_id", "follow_task_id"}} | {
    "result": "failed",
    "reason": "CACHE_BUSY",
    "update_calls": 1,
    "fate": "retried",
}
OTHER = PUSH | {"change_id": "c-2", "event_id": "e-2"}
LANDED = {
    **{
        key: PUSH[key]
        for key in ("source", "change_id", "image", "region_id", "image_cache_id", "image_cache_name")
    },
    "time": "2026-03-02T12:02:10.000Z",
    "door": "on_follow",
    "request_id": "r-2",
    "result": "landed",
    "reason": "LANDED",
    "task_id": "watch-1",
    "covered_by": "2026-03-02T12:00:10+00:00",
    "staleness_seconds": 130.0,
}
REJECTED = {
    "time": "2026-03-02T12:00:00.000Z",
    "door": "on_webhook",
    "request_id": "r-9",
    "result": "rejected",
    "reason": "SCHEMA_VIOLATION",
    "error": {"class": "input", "where": "/0"},
}


def numbers(ask: Any, *records: dict[str, Any]) -> Any:
    return ask.json("records", "--records", ask.file("\n".join(map(json.dumps, records))))["numbers"]


def later(record: dict[str, Any], second: int) -> dict[str, Any]:
    return {**record, "time": f"2026-03-02T12:00:{second:02}.000Z"}


def test_attempts_count_once_as_a_decision_and_each_time_as_cost(ask: Any) -> None:
    said = numbers(ask, FAILED, later(FAILED, 20), later(PUSH, 30))
    assert (said["records"], said["decisions"], said["pushes"]) == (3, 1, 1)
    assert said["outcomes"] == [{"result": "refreshed", "reason": "TAG_REPUSHED", "count": 1}]
    assert said["failing_caches"] == []
    cost = said["cost"]
    assert (cost["rebuilds"], cost["update_calls"], cost["invocations"]) == (1, 4, 1)


def test_an_update_that_two_pushes_share_is_one_rebuild(ask: Any) -> None:
    said = numbers(ask, PUSH, OTHER)
    assert (said["decisions"], said["pushes"]) == (2, 2)
    assert (said["cost"]["rebuilds"], said["cost"]["update_calls"]) == (1, 2)
    assert said["cost"]["caches"][0]["rebuilds"] == 1


def test_an_update_that_is_not_followed_is_a_rebuild_all_the_same(ask: Any) -> None:
    lost = PUSH | {"result": "failed", "reason": "HAND_OFF_FAILED"}
    not_made = FAILED | {"reason": "HAND_OFF_FAILED", "request_id": "r-3", "update_calls": 0}
    assert numbers(ask, lost, not_made)["cost"]["rebuilds"] == 1
    assert numbers(ask, PUSH | {"result": "planned", "dry_run": True})["cost"]["rebuilds"] == 0


def test_a_push_lands_by_the_task_of_another_one(ask: Any) -> None:
    waits = {**FAILED, "change_id": "c-2", "result": "deferred", "follow_task_id": "watch-1"}
    assert numbers(ask, PUSH, waits, LANDED)["fates"] == {"landed": 2}
    assert numbers(ask, PUSH, waits)["fates"] == {"waits": 2}
    said = numbers(ask, PUSH, waits, LANDED)
    assert said["staleness_seconds"] == {"count": 1, "median": 130.0, "p90": 130.0, "longest": 130.0}
    assert said["cost"]["building_seconds_at_most"] == 120.0
    assert said["cost"]["follow_runs"] == 1


def test_a_cache_that_failed_says_whether_it_has_been_well_since(ask: Any) -> None:
    (cache,) = numbers(ask, FAILED)["failing_caches"]
    assert (cache["failures"], cache["well_since"], cache["last_reason"]) == (1, False, "CACHE_BUSY")
    again = PUSH | {"cache_status": "UpdateFailed", "cache_event": "PullFailed: no such manifest"}
    (cache,) = numbers(ask, again)["failing_caches"]
    assert (cache["failures"], cache["last_warning"]) == (1, "PullFailed: no such manifest")
    (cache,) = numbers(ask, FAILED, LANDED)["failing_caches"]
    assert cache["well_since"] is True


def test_each_refused_event_counts_though_none_is_a_change(ask: Any) -> None:
    second = REJECTED | {"error": {"class": "input", "where": "/1"}}
    said = numbers(ask, REJECTED, second, later(second, 9))
    assert (said["decisions"], said["pushes"]) == (2, 0)
    assert said["sources"] == [
        {
            "source": "(not said)",
            "pushes": 0,
            "refused": 2,
            "delay_seconds": {"count": 0, "median": None, "p90": None, "longest": None},
        }
    ]


def test_a_source_is_as_slow_as_its_first_words(ask: Any) -> None:
    slow = OTHER | {"source": "harbor", "pushed_at": "2026-03-02T11:59:00+00:00"}
    said = numbers(ask, PUSH, slow, later(slow, 50))["sources"]
    assert [(each["source"], each["delay_seconds"]["longest"]) for each in said] == [
        ("harbor", 70.0),
        ("acs.cr", 10.0),
    ]


@pytest.fixture
def cloud(tmp_path: Path) -> Any:
    config = CloudConfig(
        tmp_path / "state",
        parameters={
            "ClockSkewSeconds": "0",
            "FollowBaseSeconds": "1",
            "FollowRebuilds": "1",
        },
        retry=RetryPolicy(time_factor=1000.0),
    )
    with Cloud(config) as running:
        running.control.settings(rebuild_seconds=0.5)
        yield running


@pytest.mark.deep
def test_the_numbers_are_what_the_cloud_saw(ask: Any, cloud: Cloud) -> None:
    caches = [
        cloud.control.create_cache(region_id=REGION, image_cache_name=name, images=[f"{HOST}/team/web:v1"])
        for name in ("well", "ill")
    ]
    cloud.control.builds(caches[1], failing_builds=1)
    for number, tag in enumerate(("v1", "v1", "v2")):
        event = {
            "id": f"event-{number}",
            "source": "acs.cr",
            "specversion": "1.0",
            "type": "cr:Artifact:PushCompleted",
            "time": datetime.now(timezone.utc).isoformat(),
            "data": {
                "InstanceName": "shop",
                "RepoNamespaceName": "team",
                "RepoName": "web",
                "RegionId": REGION,
                "Tag": tag,
            },
        }
        httpx.post(cloud.events_url, json=event, **LOOPBACK).raise_for_status()
    cloud.wait_for_outcomes(
        lambda found: (
            not any(each["state"] in {"waiting", "running"} for each in cloud.fc.deliveries())
            and len(found) > 3
        )
    )
    said = ask.json("records", "--local", str(cloud.config.state))
    numbers = said["numbers"]
    assert said["records"] == sorted(cloud.outcomes(), key=lambda each: each["time"])
    assert numbers["pushes"] == 3
    history = cloud.control.history()
    assert numbers["cost"]["rebuilds"] == len(history)
    assert {each["image_cache_id"]: each["rebuilds"] for each in numbers["cost"]["caches"]} == {
        cache: sum(each["image_cache_id"] == cache for each in history) for cache in caches
    }
    # A call that found the cache busy, of a change that another one's update then had, is in no record.
    assert len(history) <= numbers["cost"]["update_calls"] <= len(cloud.control.journal("UpdateImageCache"))
    assert numbers["cost"]["invocations"] == len({each["request_id"] for each in cloud.outcomes()})
    assert [each["image_cache_id"] for each in numbers["failing_caches"]] == [caches[1]]
    assert numbers["failing_caches"][0]["well_since"] is True
    # Each of three pushes ended for each of two caches: one of another tag was ignored by both.
    assert sum(numbers["fates"].values()) == 6
    assert "waits" not in numbers["fates"]
    assert numbers["fates"]["landed"] >= 2
