"""What an update covers: a duplicate costs none, a push that it may have missed is never taken for done."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from tests.follow.conftest import WEBHOOK_TOKEN

UTC = timezone.utc
COVERED = [("unchanged", "COVERED")]
REFRESHED = [("refreshed", "TAG_REPUSHED")]
DEFERRED = [("deferred", "CACHE_BUSY")]
LANDED = [("landed", "LANDED")]


def memory(world: Any, cache_id: str) -> str:
    value: str = world.eci.cache(cache_id)["tags"]["imc-refresh"]
    return value


def began(world: Any, cache_id: str) -> datetime:
    """When the last update began, by the cache's own tag."""
    start = memory(world, cache_id).split(".")[1]
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(start, 36))


def test_a_duplicate_in_one_delivery_shares_the_update_and_its_task(world: Any) -> None:
    cache_id = world.cache()
    event = world.event()
    assert world.push([event, event]).said == REFRESHED * 2
    assert len(world.updates(cache_id)) == 1
    assert len(world.tasks.waiting) == 1


def test_a_duplicate_before_the_update_costs_nothing(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    event = world.event()
    for _ in range(3):
        assert world.push(event).said == DEFERRED
    assert len(world.tasks.waiting) == 1
    world.eci.force(cache_id, "Ready")
    assert world.settle()[-1].said == LANDED
    assert len(world.update_calls()) == 1


@pytest.mark.parametrize("timed", [True, False], ids=["with a time", "without a time"])
def test_a_duplicate_during_the_update_is_covered_and_shares_its_task(world: Any, timed: bool) -> None:
    cache_id = world.cache()
    event = world.event(pushed_at=None if timed else "")
    first = world.push(event)
    again = world.push(event)
    assert again.said == COVERED
    assert again.record["covered_by"] == began(world, cache_id).isoformat()
    assert again.record["follow_task_id"] == first.record["follow_task_id"]
    assert again.record["cache_status"] == "Updating"
    assert len(world.tasks.waiting) == 1
    assert len(world.update_calls()) == 1


@pytest.mark.parametrize("timed", [True, False], ids=["with a time", "without a time"])
def test_a_duplicate_after_the_update_is_covered_and_needs_no_task(world: Any, timed: bool) -> None:
    world.cache()
    event = world.event(pushed_at=None if timed else "")
    world.push(event)
    assert world.settle()[-1].said == LANDED
    again = world.push(event)
    assert again.said == COVERED
    assert "follow_task_id" not in again.record
    assert world.tasks.waiting == []
    assert len(world.update_calls()) == 1


def test_a_duplicate_is_covered_after_later_updates_too(world: Any) -> None:
    cache_id = world.cache()
    event = world.event(pushed_at="")
    world.push(event)
    world.settle()
    for _ in range(3):
        world.push()
        world.settle()
    assert world.push(event).said == COVERED
    assert len(world.updates(cache_id)) == 4


@pytest.mark.parametrize("seconds", [90, 0.3])
def test_a_memory_that_the_watch_of_an_earlier_update_wrote_over_is_restored(
    world: Any, seconds: float
) -> None:
    cache_id = world.cache()
    world.push(world.event("first", pushed_at=""))
    world.settle()
    # Events are to the second: of a short rebuild the end may seem to be before its start.
    world.clock.now = math.ceil(world.clock.now) + 0.4
    world.eci.builds(cache_id, rebuild_seconds=seconds)
    earlier, second = memory(world, cache_id), world.event("second", pushed_at="")
    world.push(second)
    started = began(world, cache_id)
    # The watch had read the cache when it was Ready still, and writes how long the rebuild took.
    world.tag(cache_id, "imc-refresh", earlier)
    assert began(world, cache_id) < started
    assert world.settle()[-1].said == LANDED
    assert began(world, cache_id) == started
    assert world.push(second).said == COVERED
    assert len(world.updates(cache_id)) == 2


def test_a_duplicate_of_a_push_whose_update_failed_is_done_again(world: Any) -> None:
    cache_id = world.cache()
    event = world.event()
    world.eci.inject("update_fails")
    world.push(event)
    world.clock.advance(100)
    assert world.eci.cache(cache_id)["status"] == "UpdateFailed"
    assert world.push(event).said == REFRESHED
    assert world.settle()[-1].said == LANDED
    assert len(world.updates(cache_id)) == 2


def test_a_push_before_the_update_is_covered_while_it_runs_and_then_lands(world: Any) -> None:
    cache_id = world.cache()
    early, late = world.event("early"), world.event("late")
    assert world.push(late).said == REFRESHED
    covered = world.push(early)
    assert covered.said == COVERED
    assert covered.record["covered_by"] == began(world, cache_id).isoformat()
    landed = [visit.record["event_id"] for visit in world.settle() if visit.said == LANDED]
    assert len(landed) == 1
    assert len(world.update_calls()) == 1


def test_a_push_before_the_update_is_covered_after_it_was_ready(world: Any) -> None:
    world.cache()
    early, late = world.event("early"), world.event("late")
    world.push(late)
    world.settle()
    assert world.push(early).said == COVERED
    assert len(world.update_calls()) == 1


def test_a_push_before_an_update_that_failed_is_not_covered(world: Any) -> None:
    cache_id = world.cache()
    early, late = world.event("early"), world.event("late")
    world.eci.inject("update_fails")
    world.push(late)
    world.clock.advance(100)
    assert world.push(early).said == REFRESHED
    assert len(world.updates(cache_id)) == 2


def test_a_push_after_the_update_began_is_deferred_and_has_an_update_of_its_own(world: Any) -> None:
    cache_id = world.cache()
    world.push()
    first = began(world, cache_id)
    later = world.event("later")
    assert world.push(later).said == DEFERRED
    landed = [visit.record for visit in world.settle() if visit.said == LANDED]
    assert len(world.updates(cache_id)) == 2
    assert began(world, cache_id) > datetime.fromisoformat(later["time"]) > first
    assert landed[-1]["covered_by"] == began(world, cache_id).isoformat()


def test_a_push_after_the_cache_was_ready_has_an_update_of_its_own(world: Any) -> None:
    cache_id = world.cache()
    for _ in range(3):
        assert world.push().said == REFRESHED
        world.settle()
    assert len(world.updates(cache_id)) == 3


def test_a_push_within_the_clock_margin_before_the_update_is_not_covered(world: Any) -> None:
    world.setenv("IMC_CLOCK_SKEW_SECONDS", "60")
    world.cache()
    world.push()
    assert world.push(world.event(age_seconds=50)).said == DEFERRED
    assert world.push(world.event(age_seconds=70)).said == COVERED


def test_the_end_of_the_last_known_digit_counts(world: Any) -> None:
    cache_id = world.cache()
    world.push()
    second = began(world, cache_id).replace(microsecond=0)
    # Written to the second, it may be any moment of it: also one after the update began.
    assert world.push(world.event("second", pushed_at=second.isoformat())).said == DEFERRED
    before = (second - timedelta(seconds=1)).isoformat()
    assert world.push(world.event("before", pushed_at=before)).said == COVERED


SECOND = "%Y-%m-%dT%H:%M:%S"
WRITTEN: dict[str, tuple[float, str]] = {
    "to the second": (0, f"{SECOND}Z"),
    "to the second, in China": (8 * 3600, f"{SECOND}+08:00"),
    "to a tenth": (0, f"{SECOND}.0Z"),
    "by a clock that is a second ahead": (1, f"{SECOND}Z"),
}
"""How a registry writes the time of a push, and how far its clock, or its zone, is ahead."""


@pytest.mark.parametrize("how", WRITTEN)
def test_two_pushes_that_are_told_with_one_id_and_one_time_are_two(world: Any, how: str) -> None:
    cache_id = world.cache()
    ahead, form = WRITTEN[how]
    event = world.event("one", pushed_at=(world.clock.moment() + timedelta(seconds=ahead)).strftime(form))
    assert world.push(event).said == REFRESHED
    # Within the tenth: nothing tells whether this is the same push again.
    world.clock.advance(0.02)
    assert world.push(event).said == DEFERRED
    world.settle()
    assert len(world.updates(cache_id)) == 2
    world.clock.advance(10)
    assert world.push(event).said == COVERED


def test_two_pushes_to_docker_hub_within_a_second_are_two(world: Any) -> None:
    cache_id = world.cache("docker.io/prod/web:v1")
    body = {
        "push_data": {"pushed_at": int(world.clock.now), "tag": "v1"},
        "repository": {"repo_name": "prod/web"},
    }
    world.clock.advance(0.1)
    for said in (REFRESHED, DEFERRED):
        assert world.http("on_webhook", "/webhooks/dockerhub", body, token=WEBHOOK_TOKEN).said == said
        world.clock.advance(0.3)
    world.settle()
    assert len(world.updates(cache_id)) == 2


def test_a_push_without_a_time_is_not_covered_by_an_update_that_began_before_it_came(world: Any) -> None:
    cache_id = world.cache()
    world.push(world.event(pushed_at=""))
    assert world.push(world.event(pushed_at="")).said == DEFERRED
    world.settle()
    assert len(world.updates(cache_id)) == 2


def test_a_request_is_not_covered_by_an_update_for_something_else(world: Any) -> None:
    cache_id = world.cache()
    world.push()
    world.settle()
    assert world.manual(imageCacheId=cache_id).said == [("refreshed", "REBUILD_REQUESTED")]
    assert world.manual(imageCacheId=cache_id).said == DEFERRED
    world.settle()
    assert len(world.updates(cache_id)) == 3


def test_a_timer_tick_that_is_delivered_twice_rebuilds_once(world: Any) -> None:
    cache_id = world.cache()
    payload = {"action": "refresh", "caches": {"names": ["web"]}}
    assert world.timer(payload, triggered="T1").said == [("refreshed", "REFRESH_SCHEDULED")]
    assert world.timer(payload, triggered="T1").said == COVERED
    world.settle()
    assert world.timer(payload, triggered="T1").said == COVERED
    assert world.timer(payload, triggered="T2").said == [("refreshed", "REFRESH_SCHEDULED")]
    assert len(world.updates(cache_id)) == 2


@pytest.mark.parametrize(
    "value",
    [None, "", "garbage", "20991231T000000000000Z", "20260230T021531250000Z.0", "20991231T000000000000Z.0"],
    ids=ascii,
)
def test_without_a_readable_memory_one_update_too_many_is_made(world: Any, value: str | None) -> None:
    tags = {} if value is None else {"imc-refresh": value}
    cache_id = world.cache(tags=tags)
    assert world.push(world.event(age_seconds=3600)).said == REFRESHED
    assert len(world.updates(cache_id)) == 1
    assert began(world, cache_id) <= world.clock.moment()


def test_each_cache_has_a_memory_of_its_own(world: Any) -> None:
    first, second = world.cache(), world.cache(image_cache_name="second", status="Updating")
    event = world.event()
    assert sorted(world.push(event).said) == DEFERRED + REFRESHED
    world.eci.force(second, "Ready")
    # Longer than a listing is kept, which would say that it is busy.
    world.clock.advance(31)
    assert sorted(world.push(event).said) == sorted(COVERED + REFRESHED)
    assert [len(world.updates(cache_id)) for cache_id in (first, second)] == [1, 1]
