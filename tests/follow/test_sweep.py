"""The sweep repairs what is followed no more, and leaves alone what still is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

REPAIRED = [("refreshed", "SWEEP_REPAIR")]
QUIET = [("ignored", "FOLLOW_RUNNING")]
NOTHING = [("ignored", "NOTHING_TO_REPAIR")]
LONGEST_DELAY = 900


def memory(world: Any, age_seconds: float) -> dict[str, str]:
    """The tag of an update that began so long ago."""
    began = world.clock.moment() - timedelta(seconds=age_seconds)
    return {"imc-refresh": f"{began:%Y%m%dT%H%M%S%f}Z.0.0123456789ab"}


def test_a_cache_whose_update_failed_just_now_is_left_to_its_follow_task(world: Any) -> None:
    cache_id = world.cache()
    world.eci.inject("update_fails")
    world.push()
    world.clock.advance(100)
    assert world.eci.cache(cache_id)["status"] == "UpdateFailed"

    swept = world.timer()

    assert swept.said == QUIET
    assert swept.record["image_cache_id"] == cache_id
    assert len(world.updates(cache_id)) == 1
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert len(world.updates(cache_id)) == 2


@pytest.mark.parametrize(
    ("age_seconds", "said"),
    [(0, QUIET), (2 * LONGEST_DELAY - 60, QUIET), (2 * LONGEST_DELAY + 1, REPAIRED), (86400, REPAIRED)],
)
def test_a_cache_is_left_alone_for_twice_the_longest_delay(world: Any, age_seconds: float, said: Any) -> None:
    cache_id = world.cache(status="UpdateFailed", tags=memory(world, age_seconds))
    assert world.timer().said == said
    assert len(world.updates(cache_id)) == (said == REPAIRED)


def test_the_time_depends_on_the_longest_delay_that_is_set(world: Any) -> None:
    world.setenv("IMC_FOLLOW_MAX_SECONDS", "60")
    world.cache(status="UpdateFailed", tags=memory(world, 121))
    assert world.timer().said == REPAIRED


def test_a_cache_without_memory_is_repaired(world: Any) -> None:
    cache_id = world.cache(status="UpdateFailed")
    assert world.timer().said == REPAIRED
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert len(world.updates(cache_id)) == 1


def test_without_follow_tasks_nothing_is_left_to_them(world: Any) -> None:
    world.delenv("IMC_FOLLOW_FUNCTION")
    world.cache(status="UpdateFailed", tags=memory(world, 0))
    assert world.timer().said == REPAIRED


def test_a_change_whose_follow_task_was_lost_is_repaired_by_the_sweep(world: Any) -> None:
    world.setenv("IMC_FOLLOW_MAX_SECONDS", "60")
    cache_id = world.cache(tags={})
    world.eci.inject("update_fails")
    world.push()
    assert world.tasks.take() is not None
    world.clock.advance(100)
    assert world.timer().said == QUIET
    world.clock.advance(100)
    assert world.timer().said == REPAIRED
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert [update["status"] for update in world.updates(cache_id)][-1] == "Ready"


@pytest.mark.parametrize("same_tick", [True, False], ids=["one tick delivered twice", "two ticks"])
def test_two_sweeps_in_a_row_make_no_double_work(world: Any, same_tick: bool) -> None:
    world.cache(status="UpdateFailed")
    first, second = ("T1", "T1") if same_tick else ("T1", "T2")
    assert world.timer(triggered=first).said == REPAIRED
    assert world.timer(triggered=second).said == NOTHING
    assert len(world.tasks.waiting) == 1
    world.settle()
    assert world.timer(triggered=second).said == NOTHING
    assert len(world.update_calls()) == 1


def test_a_second_sweep_leaves_a_repair_that_failed_to_its_follow_task(world: Any) -> None:
    cache_id = world.cache(status="UpdateFailed")
    world.eci.inject("update_fails")
    assert world.timer().said == REPAIRED
    world.clock.advance(100)
    assert world.eci.cache(cache_id)["status"] == "UpdateFailed"
    assert world.timer().said == QUIET
    assert world.settle()[-1].said == [("landed", "LANDED")]
    assert len(world.updates(cache_id)) == 2


def test_only_caches_that_failed_are_repaired_each_with_its_own_fate(world: Any) -> None:
    ids = {
        status: world.cache(image_cache_name=status.lower(), status=status)
        for status in ("Ready", "UpdateFailed", "Updating", "Failed")
    }
    quiet = world.cache(image_cache_name="quiet", status="UpdateFailed", tags=memory(world, 0))
    swept = world.timer()
    assert sorted((record["reason"], record["image_cache_id"]) for record in swept.records) == sorted(
        [("SWEEP_REPAIR", ids["UpdateFailed"]), ("FOLLOW_RUNNING", quiet)]
    )
    assert [update["image_cache_id"] for update in world.updates()] == [ids["UpdateFailed"]]


def test_a_repair_that_others_overtake_ends_quietly(world: Any) -> None:
    cache_id = world.cache(status="UpdateFailed")
    world.eci.inject("error", code="IncorrectStatus", action="UpdateImageCache", count=3)
    assert world.timer().said == [("deferred", "CACHE_BUSY")]
    world.eci.force(cache_id, "Ready")
    visits = world.settle()
    # Another change may have been merged into the task, so the cache is rebuilt once.
    assert [visit.error for visit in visits] == [None] * len(visits)
    assert len(world.updates(cache_id)) == 1
