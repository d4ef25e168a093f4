"""Defects of the follow-through, each as the test that holds once it is mended.

Lies beside tests/follow/conftest.py and uses its ``world``.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from imagecache.base.errors import RetryableEntryPointError

BEIJING = "cn-beijing"


@pytest.mark.parametrize("request_by", ["image", "imageCacheName", "imageCacheId"])
def test_a_dry_run_that_cannot_be_planned_now_never_updates_later(world: Any, request_by: str) -> None:
    cache_id = world.cache()
    value = {"image": world.image, "imageCacheName": "web", "imageCacheId": cache_id}[request_by]
    world.eci.inject("error", code="Throttling", action="DescribeImageCaches", count=3)
    world.manual(**{request_by: value}, dryRun=True)
    world.settle()
    assert world.updates(cache_id) == []


def test_a_dry_run_whose_second_look_fails_never_updates_later(world: Any) -> None:
    cache_id = world.cache()
    world.eci.inject("error", code="Throttling", image_cache_id=cache_id, count=3)
    world.manual(imageCacheName="web", dryRun=True)
    world.settle()
    assert world.updates(cache_id) == []


def test_a_burst_of_pushes_without_a_time_costs_at_most_two_updates(world: Any) -> None:
    cache_id = world.cache()
    for _ in range(10):
        world.push(world.event(pushed_at=""))
    world.settle()
    assert len(world.updates(cache_id)) <= 2


def test_a_burst_of_manual_pushes_to_a_busy_cache_costs_one_update(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    for _ in range(5):
        world.manual(image=world.image)
    world.eci.force(cache_id, "Ready")
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_a_single_request_that_is_done_is_no_failure_in_the_region_listed_later(world: Any) -> None:
    world.setenv("IMC_REGIONS", f"cn-hangzhou,{BEIJING}")
    cache_id = world.cache()
    world.eci.inject("error", code="Throttling", region_id=BEIJING, count=3)
    world.manual(imageCacheId=cache_id)
    assert [visit.error for visit in world.settle() if visit.error] == []


def test_an_ambiguous_name_is_told_although_a_region_cannot_be_listed(world: Any) -> None:
    world.setenv("IMC_REGIONS", f"cn-hangzhou,{BEIJING}")
    world.cache()
    world.cache(image_cache_id="imc-second")
    world.eci.inject("error", code="Throttling", region_id=BEIJING, count=3)
    asked = world.manual(imageCacheName="web")
    assert ("rejected", "AMBIGUOUS_NAME") in asked.said


def test_a_name_that_may_be_ambiguous_updates_nothing(world: Any) -> None:
    world.setenv("IMC_REGIONS", f"cn-hangzhou,{BEIJING}")
    world.cache()
    world.cache(region_id=BEIJING)
    world.eci.inject("error", code="Throttling", region_id=BEIJING, count=3)
    world.manual(imageCacheName="web")
    world.settle()
    assert world.updates() == []


def test_a_newer_list_is_not_undone_by_an_older_request_that_had_to_wait(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.manual(imageCacheId=cache_id, images=["nginx:old"])
    world.eci.force(cache_id, "Ready")
    world.manual(imageCacheId=cache_id, images=["nginx:new"])
    world.settle()
    assert world.eci.cache(cache_id)["images"] == ["nginx:new"]


def test_a_running_update_whose_next_look_cannot_be_stored_has_a_reason_of_the_table(world: Any) -> None:
    world.cache()
    world.push()
    world.tasks.refusal = 403
    assert isinstance(world.run_next().error, RetryableEntryPointError)


def test_a_cache_that_cannot_remember_and_fails_after_a_long_build_is_rebuilt(world: Any) -> None:
    world.eci.settings(rebuild_seconds=300)
    world.cache(tags={f"team-{number}": "x" for number in range(20)})
    world.eci.inject("update_fails")
    world.push()
    assert world.settle()[-1].said == [("landed", "LANDED")]


def test_a_cache_deleted_between_a_look_and_its_update_ends_quietly(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.manual(imageCacheId=cache_id)
    world.eci.force(cache_id, "Ready")
    world.eci.clear_journal()
    world.eci.inject("slow", action="DescribeImageCaches", delay_seconds=1.0)

    def delete_when_looked_at() -> None:
        patience = time.monotonic() + 10
        while not world.eci.journal("DescribeImageCaches") and time.monotonic() < patience:
            time.sleep(0.02)
        world.eci.delete_cache(cache_id)

    deletion = threading.Thread(target=delete_when_looked_at)
    deletion.start()
    visit = world.run_next()
    deletion.join()
    assert visit.error is None
    assert visit.said == [("ignored", "CACHE_GONE")]


SPOILED = {
    "began is no day": {"began": "2026-13-45T00:00:00+00:00"},
    "attempt is no integer": {"attempt": 1.5},
    "a cache without its region": {"regionId": None},
}


@pytest.mark.parametrize("spoiled", SPOILED.values(), ids=SPOILED)
def test_a_message_that_cannot_be_meant_is_refused_by_its_schema(world: Any, spoiled: dict[str, Any]) -> None:
    world.cache(status="Updating")
    world.push()
    document = {**world.tasks.take().document, **spoiled}
    message = {key: value for key, value in document.items() if value is not None}
    assert world.follow(message).said == [("rejected", "SCHEMA_VIOLATION")]


def test_of_several_warnings_in_one_second_the_last_is_told(world: Any) -> None:
    at = world.clock()
    events = [
        {"type": "Warning", "reason": "UpdateFailed", "message": message, "at": at}
        for message in ("first", "second")
    ]
    world.cache(status="UpdateFailed", events=events)
    assert world.push().record["cache_event"] == "UpdateFailed: second"
