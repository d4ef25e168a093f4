"""A task that looked often has one update, however often the platform runs it and wherever a run ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.follow.conftest import HOST, Task

LATE = 4
"""Looks after which all runs of a task have one successor."""
DAY = 86400


@pytest.fixture
def late(world: Any) -> Iterator[tuple[str, Any]]:
    """A cache that is Ready, and a task that is due and waited for it for long: its id, the task."""
    created = {"type": "Normal", "reason": "Ready", "message": "", "at": world.clock.now - DAY}
    cache_id = world.cache(events=[created])
    yield cache_id, waited(world, cache_id)
    assert not world.tasks.waiting, "every test runs the tasks that are left"


def waited(world: Any, cache_id: str) -> Any:
    """A push comes while a cache is busy for long; the task that is due when it is Ready."""
    world.eci.force(cache_id, "Updating")
    world.push()
    while (task := due(world)).document["looks"] < LATE:
        world.follow(task.document)
    world.eci.force(cache_id, "Ready")
    return task


def due(world: Any) -> Any:
    """The next task, when it is due."""
    task = world.tasks.take()
    world.clock.now = max(world.clock.now, task.due)
    return task


def killed(world: Any, task: Any) -> str:
    """Run a task, whose update is never made though its watch is stored; the watch's id."""
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache")
    assert world.follow(task.document).said == [("failed", "PERMISSION_DENIED")]
    (watch,) = world.tasks.waiting
    assert watch.document["job"] == "watch"
    return str(watch.task_id)


def test_an_update_that_was_never_made_is_made_by_a_look_of_its_own(world: Any, late: Any) -> None:
    cache_id, task = late
    watch = killed(world, task)
    again = world.follow(task.document)
    assert again.said == [("ignored", "FOLLOW_RUNNING")]
    assert watch in again.record["message"]
    assert [visit.said for visit in world.settle()] == [
        [("deferred", "UPDATE_NOT_SEEN")],
        [("refreshed", "TAG_REPUSHED")],
        [("deferred", "UPDATE_RUNNING")],
        [("landed", "LANDED")],
    ]
    assert len(world.updates(cache_id)) == 1


def test_also_where_the_next_attempt_finds_the_cache_busy(world: Any, late: Any) -> None:
    cache_id, task = late
    watch = killed(world, task)
    world.eci.force(cache_id, "Updating")
    again = world.follow(task.document)
    assert again.said == [("ignored", "FOLLOW_RUNNING")]
    assert watch in again.record["message"]
    world.eci.force(cache_id, "Ready")
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_what_found_the_cache_busy_has_the_update_of_both_runs(world: Any, late: Any) -> None:
    cache_id, task = late
    world.eci.force(cache_id, "Updating")
    one = world.follow(task.document)
    world.eci.force(cache_id, "Ready")
    other = world.follow(task.document)
    assert [one.said, other.said] == [[("deferred", "CACHE_BUSY")], [("ignored", "FOLLOW_RUNNING")]]
    assert one.record["follow_task_id"] in other.record["message"]
    assert world.updates(cache_id) == []
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_a_watch_leaves_its_update_to_the_look_of_a_run_that_was_refused(world: Any, late: Any) -> None:
    cache_id, task = late
    world.eci.inject("error", code="Throttling", action="UpdateImageCache", count=3)
    refused = world.follow(task.document)
    assert refused.said == [("deferred", "THROTTLED")]
    world.eci.force(cache_id, "Updating")
    watch = next(each for each in world.tasks.waiting if each.document["job"] == "watch")
    world.tasks.waiting.remove(watch)
    world.eci.force(cache_id, "Ready")
    world.clock.now = max(world.clock.now, watch.due)
    left = world.follow(watch.document)
    assert left.said == [("ignored", "FOLLOW_RUNNING")]
    assert refused.record["follow_task_id"] in left.record["message"]
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_what_is_refused_for_good_fails_at_each_attempt_in_the_end(world: Any, late: Any) -> None:
    cache_id, task = late
    watch = killed(world, task)
    world.follow(task.document)
    world.eci.inject("error", code="NoPermission", action="UpdateImageCache", count=9)
    told = world.run_next()
    assert (told.document_id, told.said) == (watch, [("deferred", "UPDATE_NOT_SEEN")])
    look = due(world)
    attempts = [world.follow(look.document) for _ in range(4)]
    assert [attempt.said for attempt in attempts] == [[("failed", "PERMISSION_DENIED")]] * 4
    assert [visit.said for visit in world.settle()] == [[("ignored", "SUPERSEDED")]]
    assert world.updates(cache_id) == []


def test_where_there_is_nothing_to_update_the_chain_ends(world: Any, late: Any) -> None:
    _, task = late
    world.eci.settings(no_need_update="ready")
    world.follow(task.document)
    said = [visit.said for visit in world.settle()]
    assert said == [
        [("deferred", "UPDATE_NOT_SEEN")],
        [("unchanged", "NO_NEED_UPDATE")],
        [("ignored", "SUPERSEDED")],
    ]


def test_a_chain_whose_time_is_over_is_given_up_where_its_update_was_never_made(
    world: Any, late: Any
) -> None:
    _, task = late
    killed(world, task)
    world.clock.advance(DAY)
    assert [visit.said for visit in world.settle()] == [[("failed", "GAVE_UP")]]


def test_without_events_the_memory_says_whether_an_update_was_made(world: Any) -> None:
    world.eci.settings(show_events=False, rebuild_seconds=30)
    cache_id = world.cache()
    world.push()
    world.settle()
    world.clock.advance(DAY)
    task = waited(world, cache_id)
    killed(world, task)
    world.follow(task.document)
    assert world.settle()[0].said == [("deferred", "UPDATE_NOT_SEEN")]
    assert len(world.updates(cache_id)) == 2


def test_where_nothing_says_that_an_update_was_made_it_is_made(world: Any) -> None:
    world.eci.settings(show_events=False, tags_mode="drop", tag_calls="unknown")
    cache_id = world.cache()
    task = waited(world, cache_id)
    killed(world, task)
    assert world.follow(task.document).said == [("refreshed", "TAG_REPUSHED")]
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_a_watch_that_could_not_read_its_cache_still_sees_that_its_update_was_not_made(
    world: Any, late: Any
) -> None:
    cache_id, task = late
    killed(world, task)
    watch = due(world)
    world.eci.inject("error", code="Throttling", action="DescribeImageCaches", count=6)
    one = world.follow(watch.document)
    other = world.follow(watch.document)
    assert [one.said, other.said] == [[("deferred", "THROTTLED")], [("ignored", "FOLLOW_RUNNING")]]
    assert world.run_next().said == [("deferred", "UPDATE_NOT_SEEN")]
    world.settle()
    assert len(world.updates(cache_id)) == 1


def test_a_promotion_that_was_never_made_is_not_taken_for_another_update_of_the_cache(world: Any) -> None:
    rule = {"images": {"repositories": [f"{HOST}/prod/app"]}, "policy": {"type": "semver", "range": "1"}}
    world.setenv("IMC_RULES", json.dumps({"rules": [rule]}))
    world.eci.settings(rebuild_seconds=100)
    cache_id = world.cache(f"{HOST}/prod/web:latest", f"{HOST}/prod/app:v1.0.0")
    world.eci.force(cache_id, "Updating")
    world.push(world.event(repository="app", tag="v1.0.1"))
    alone = world.tasks.take().document
    alone |= {"key": "push-" + "a" * 32, "looks": 8}
    del alone["before"], alone["after"]
    world.clock.advance(120)
    world.eci.force(cache_id, "Ready")
    killed(world, Task("", 0, 0.0, alone))
    assert world.push().said == [("refreshed", "TAG_REPUSHED")]
    assert world.follow(alone).said == [("ignored", "FOLLOW_RUNNING")]
    # Its watch runs twice while the other update runs, and has still to see its own.
    watch = next(each for each in world.tasks.waiting if each.document["change"]["tag"] == "v1.0.1")
    world.tasks.waiting.remove(watch)
    world.clock.now = max(world.clock.now, watch.due)
    world.eci.settings(rebuild_seconds=3000)
    twice = [world.follow(watch.document).said for _ in range(2)]
    assert twice == [[("deferred", "UPDATE_RUNNING")], [("ignored", "FOLLOW_RUNNING")]]
    said = [visit.said[0] for visit in world.settle()]
    assert said.count(("deferred", "UPDATE_NOT_SEEN")) == 1
    assert world.eci.cache(cache_id)["images"] == [f"{HOST}/prod/web:latest", f"{HOST}/prod/app:v1.0.1"]
    assert len(world.updates(cache_id)) == 2


def test_a_list_is_set_by_the_next_attempt_also_where_another_update_came_between(world: Any) -> None:
    wanted = [f"{HOST}/prod/web:latest", f"{HOST}/prod/other:v9"]
    cache_id = world.cache(tags={f"key-{number}": "" for number in range(20)})
    world.eci.force(cache_id, "Updating")
    world.manual(imageCacheId=cache_id, images=wanted)
    while (task := due(world)).document["looks"] <= LATE:
        world.follow(task.document)
    world.eci.force(cache_id, "Ready")
    killed(world, task)
    world.push()
    assert world.follow(task.document).said == [("deferred", "CACHE_BUSY")]
    world.settle()
    assert world.eci.cache(cache_id)["images"] == wanted


def test_a_list_that_was_set_does_not_come_again_where_a_promotion_took_its_place(world: Any) -> None:
    rule = {"images": {"repositories": [f"{HOST}/prod/app"]}, "policy": {"type": "semver", "range": "1"}}
    world.setenv("IMC_RULES", json.dumps({"rules": [rule]}))
    cache_id = world.cache(f"{HOST}/prod/app:v1.0.8")
    world.eci.force(cache_id, "Updating")
    world.manual(imageCacheId=cache_id, images=[f"{HOST}/prod/app:v1.0.5"])
    world.eci.force(cache_id, "Ready")
    task = due(world)
    assert world.follow(task.document).said == [("refreshed", "LIST_CHANGED")]
    world.settle()
    assert world.push(world.event(repository="app", tag="v1.0.8")).said == [("refreshed", "TAG_PROMOTED")]
    world.settle()
    assert world.follow(task.document).said == [("ignored", "SUPERSEDED")]
    assert world.eci.cache(cache_id)["images"] == [f"{HOST}/prod/app:v1.0.8"]
    assert len(world.updates(cache_id)) == 2
