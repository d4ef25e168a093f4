"""A watch is stored before its update where the cache remembers nothing; ECI may then refuse the update."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from tests.support.depth import every_value

FULL = {f"k{number}": "v" for number in range(20)}


def cache_of(world: Any, **members: Any) -> str:
    """A cache that remembers nothing, whose creation ended long ago."""
    created = {"type": "Normal", "reason": "Ready", "message": "", "at": world.clock.now - 86400}
    identifier: str = world.cache(events=[created], **members)
    return identifier


@every_value
@pytest.mark.parametrize("tags", [{}, FULL], ids=["never updated", "no room for a memory"])
@pytest.mark.parametrize("code", ["QuotaExceeded", "Throttling", "IncorrectStatus", "NoPermission"])
def test_an_update_that_was_refused_does_not_land(world: Any, tags: dict[str, str], code: str) -> None:
    cache_id = cache_of(world, tags=tags)
    world.eci.inject("error", code=code, action="UpdateImageCache", count=3)

    refused = world.push()
    visits = world.settle()

    (record,) = refused.records
    assert record["result"] == ("failed" if code == "NoPermission" else "deferred")
    ended = [update["ended_at"] for update in world.updates(cache_id) if update["status"] == "Ready"]
    assert len(ended) == (record["result"] == "deferred")
    landed = [visit for visit in visits if visit.said == [("landed", "LANDED")]]
    assert len(landed) == len(ended)
    assert all(visit.at >= ended[0] for visit in landed)


def test_a_watch_whose_update_was_not_made_says_so(world: Any) -> None:
    cache_of(world)
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache")
    world.push()
    (visit,) = world.settle()
    assert visit.said == [("ignored", "SUPERSEDED")]
    assert "is not to be seen in the cache" in visit.record["message"]


def test_without_events_the_missing_tag_says_that_an_update_was_not_made(world: Any) -> None:
    world.eci.settings(show_events=False)
    world.cache()
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache")
    world.push()
    assert [visit.said for visit in world.settle()] == [[("ignored", "SUPERSEDED")]]


@pytest.mark.parametrize("tags", [{}, FULL], ids=["with a memory", "by its events"])
def test_an_update_that_was_made_lands(world: Any, tags: dict[str, str]) -> None:
    cache_id = cache_of(world, tags=tags)
    world.eci.settings(rebuild_seconds=0.2)
    world.push()
    assert [visit.said for visit in world.settle()] == [[("landed", "LANDED")]]
    assert len(world.updates(cache_id)) == 1


def test_an_update_lands_where_neither_memory_nor_events_say_that_it_was_made(world: Any) -> None:
    cache_id = world.cache(tags=FULL)
    world.push()
    world.eci.force(cache_id, "UpdateFailed")
    world.eci.force(cache_id, "Ready")
    assert [visit.said for visit in world.settle()] == [[("landed", "LANDED")]]


def test_a_task_whose_update_is_refused_for_good_fails_at_each_attempt(world: Any) -> None:
    cache_id = cache_of(world, tags=FULL)
    world.eci.force(cache_id, "Updating")
    assert world.push().said == [("deferred", "CACHE_BUSY")]
    world.eci.force(cache_id, "Ready")
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache", count=9)
    task = world.tasks.take()
    world.clock.now = task.due

    attempts = [world.follow(task.document) for _ in range(9)]

    assert [attempt.said for attempt in attempts] == [[("failed", "PERMISSION_DENIED")]] * 9
    assert all(attempt.error for attempt in attempts)
    assert [waiting.document["job"] for waiting in world.tasks.waiting] == ["watch"]


def test_updates_that_are_refused_for_good_store_no_task_for_each_attempt(world: Any) -> None:
    began = datetime.fromtimestamp(world.clock.now - 86400, timezone.utc)
    cache_of(world, status="UpdateFailed", tags={"imc-refresh": f"{began:%Y%m%dT%H%M%S%fZ}.0"})
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache", count=1000)
    world.push()
    failed = 0
    while (task := world.tasks.take()) is not None:
        world.clock.now = max(world.clock.now, task.due)
        for _ in range(9):
            if world.follow(task.document).error is None:
                break
            failed += 1
            world.clock.advance(61)
    # The push's, and one for each repetition; the last one says that there were enough.
    assert len(world.tasks.known) == 4
    assert failed == 4 * 9


def test_a_cache_that_fails_and_remembers_nothing_is_updated_once_in_two_hours(world: Any) -> None:
    cache_id = cache_of(world, status="UpdateFailed", tags=FULL)
    world.eci.builds(cache_id, rebuild_seconds=5, failing_builds=-1)
    began = world.clock.now
    while world.clock.now < began + 6 * 3600:
        world.push()
        world.run_until(world.clock.now + 600)
    windows = [int(update["started_at"] // 7200) for update in world.updates(cache_id)]
    assert windows == sorted(set(windows))
    assert len(windows) >= 3


def test_a_failing_cache_with_a_memory_does_not_wait_for_two_hours_for_what_another_update_may_do(
    world: Any,
) -> None:
    began = datetime.fromtimestamp(world.clock.now - 86400, timezone.utc)
    cache_id = cache_of(world, status="UpdateFailed", tags={"imc-refresh": f"{began:%Y%m%dT%H%M%S%fZ}.0"})
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache")
    event = world.event()
    assert world.push(event).said == [("failed", "PERMISSION_DENIED")]
    assert world.push(event).said == [("deferred", "UPDATE_RUNNING")]
    pushed = world.clock.now
    world.settle()
    assert world.updates(cache_id)[0]["started_at"] - pushed <= 120
    assert world.clock.now - pushed < 600
