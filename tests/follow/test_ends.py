"""How chains end, and what a chain does where a call of its own is refused."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from imagecache.base.errors import PermanentEntryPointError, RetryableEntryPointError

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
VPC = "acme-registry-vpc.cn-hangzhou.cr.aliyuncs.com"
OTHER = f"{HOST}/prod/api:v1"
FULL = {f"team-{number}": "x" for number in range(20)}
SEMVER = {"type": "semver", "range": ">=1.0 <2"}

BUSY = [("deferred", "CACHE_BUSY")]
COVERED = [("unchanged", "COVERED")]
LANDED = [("landed", "LANDED")]
REFRESHED = [("refreshed", "TAG_REPUSHED")]
UNFOLLOWED = [("failed", "HAND_OFF_FAILED")]


def said(visits: list[Any]) -> list[tuple[str, str]]:
    return [pair for visit in visits for pair in visit.said]


def old(world: Any, document: dict[str, Any]) -> dict[str, Any]:
    """The message of a chain that began long ago, due now."""
    now = world.clock.moment()
    return document | {"since": (now - timedelta(days=3)).isoformat(), "due": now.isoformat()}


def set_rules(world: Any, *rules: dict[str, Any]) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": list(rules)}))


def learnt_cache(world: Any, *images: str) -> str:
    """A cache that remembers an update that landed."""
    cache_id: str = world.cache(*images)
    world.manual(imageCacheId=cache_id)
    assert world.settle()[-1].said == LANDED
    return cache_id


def test_a_push_for_a_cache_that_was_never_made_stores_no_task(world: Any) -> None:
    world.cache(status="Failed")
    told = world.push()
    assert told.said == [("failed", "CREATION_FAILED")]
    assert world.tasks.waiting == []
    assert world.update_calls() == []


def test_a_cache_whose_creation_fails_ends_the_chain(world: Any) -> None:
    cache_id = world.cache(status="Creating")
    assert world.push().said == BUSY
    world.eci.force(cache_id, "Failed", "no such image")

    failed = world.run_next()

    assert isinstance(failed.error, PermanentEntryPointError)
    assert failed.said == [("failed", "CREATION_FAILED")]
    assert "no such image" in failed.record["message"]
    assert world.tasks.waiting == []
    assert world.update_calls() == []


def test_a_region_that_can_never_be_listed_is_given_up(world: Any) -> None:
    world.cache()
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=6)
    assert world.push().said == [("deferred", "SERVER_ERROR")]
    over = world.follow(old(world, world.tasks.take().document))
    assert isinstance(over.error, PermanentEntryPointError)
    assert over.said == [("failed", "GAVE_UP")]
    assert "not done after 6 h" in over.record["message"]
    assert world.tasks.waiting == []


def test_a_cache_that_can_never_be_read_is_given_up(world: Any) -> None:
    world.cache()
    world.push()
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=3)
    over = world.follow(old(world, world.tasks.take().document))
    assert isinstance(over.error, PermanentEntryPointError)
    assert over.said == [("failed", "GAVE_UP")]
    assert world.tasks.waiting == []


def test_a_task_whose_cache_cannot_be_read_and_that_cannot_be_stored_is_tried_again(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    task = world.tasks.take()
    world.clock.now = task.due
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=3)
    world.tasks.refusal = 403
    refused = world.follow(task.document)
    assert refused.error
    assert refused.said == [("failed", "SERVER_ERROR")]
    assert "403" in refused.record["hand_off"]
    world.tasks.refusal = 0
    world.eci.force(cache_id, "Ready")
    assert world.follow(task.document).said == REFRESHED


def test_a_region_that_cannot_be_listed_and_not_be_stored_is_tried_again_by_the_sender(world: Any) -> None:
    cache_id, event = world.cache(), world.event()
    world.eci.inject("error", code="ServiceUnavailable", action="DescribeImageCaches", count=3)
    world.tasks.refusal = 403
    refused = world.push(event)
    assert isinstance(refused.error, RetryableEntryPointError)
    assert refused.said == [("failed", "SERVER_ERROR")]
    assert "403" in refused.record["hand_off"]

    world.tasks.refusal = 0
    assert world.push(event).said == REFRESHED
    assert len(world.updates(cache_id)) == 1


def test_pushes_of_one_delivery_to_a_busy_cache_share_a_task(world: Any) -> None:
    cache_id = world.cache(world.image, OTHER, status="Updating")
    told = world.push([world.event(), world.event(repository="api", tag="v1")])
    assert told.said == BUSY * 2
    (task,) = world.tasks.waiting
    assert {record["follow_task_id"] for record in told.records} == {task.task_id}
    assert world.tasks.repeated == []
    world.eci.force(cache_id, "Ready")
    landed = world.settle()[-1]
    assert (landed.said, landed.record["changes_known"]) == (LANDED, 2)


def test_what_a_running_update_covers_is_followed_once_for_a_delivery(world: Any) -> None:
    world.cache()
    early = [world.event(), world.event()]
    world.push()
    stored = set(world.tasks.known)
    assert world.push(early).said == COVERED * 2
    # It is the task of the update itself.
    assert world.tasks.known == stored
    assert len(world.tasks.repeated) == 1


def test_what_a_running_update_covers_is_not_done_until_that_is_followed(world: Any) -> None:
    learnt_cache(world)
    event = world.event()
    world.tasks.refusal = 403
    assert world.push(event).said == UNFOLLOWED
    covered = world.push([event, event])
    assert covered.said == UNFOLLOWED * 2
    assert isinstance(covered.error, RetryableEntryPointError)
    assert "the update is not followed" in covered.records[0]["message"]

    world.tasks.refusal = 0
    assert world.push(event).said == COVERED
    assert said(world.settle())[-1:] == LANDED
    assert len(world.update_calls()) == 2


@pytest.mark.parametrize("images", [None, [OTHER]], ids=["the list as it is", "a list of its own"])
def test_an_update_of_a_task_that_could_not_be_followed_is_followed_by_its_retry(
    world: Any, images: list[str] | None
) -> None:
    cache_id = learnt_cache(world)
    world.manual(imageCacheId=cache_id)
    asked = world.manual(imageCacheId=cache_id, **({"images": images} if images else {}))
    assert asked.said == BUSY
    (task,) = [task for task in world.tasks.waiting if task.document["job"] == "again"]
    world.tasks.waiting.clear()
    world.clock.now = max(task.due, world.clock.now + 100)
    world.tasks.refusal = 403
    assert world.follow(task.document).said == UNFOLLOWED
    assert len(world.updates(cache_id)) == 3

    # The platform calls the function again with the same message.
    world.tasks.refusal = 0
    assert world.follow(task.document).said == COVERED
    assert [task.document["job"] for task in world.tasks.waiting] == ["watch"]
    assert world.settle()[-1].said == LANDED
    assert len(world.update_calls()) == 3


@pytest.mark.parametrize("ahead", [5, 20])
def test_a_task_that_is_a_little_early_waits(world: Any, ahead: float) -> None:
    world.cache()
    world.push()
    task = world.tasks.take()
    world.clock.now = task.due + 100 - ahead
    due = (world.clock.moment() + timedelta(seconds=ahead)).isoformat()
    landed = world.follow(task.document | {"due": due})
    assert landed.said == LANDED
    assert landed.at >= datetime.fromisoformat(due).timestamp()


def test_a_task_that_is_much_too_early_is_stored_again_after_a_pause(world: Any) -> None:
    """The platform ignores the delay: each run pauses, so an hour costs at most 180 of them."""
    cache_id = world.cache(status="Updating")
    world.push()
    task = world.tasks.take()
    due = world.clock.moment() + timedelta(hours=1)
    document, runs = task.document | {"due": due.isoformat()}, []
    while not runs or runs[-1].said == [("deferred", "NOT_DUE")]:
        runs.append(world.follow(document))
        again = world.tasks.take()
        document = again.document
        assert runs[-1].record["follow_task_id"] == again.task_id
    assert runs[-1].said == BUSY
    assert runs[-1].at >= due.timestamp() > runs[-2].at
    assert len(runs) <= 181
    assert world.tasks.repeated == []
    assert world.eci.cache(cache_id)["status"] == "Updating"


def test_an_early_task_that_cannot_be_stored_again_is_tried_again_by_the_platform(world: Any) -> None:
    world.cache(status="Updating")
    world.push()
    document = world.tasks.take().document
    due = (world.clock.moment() + timedelta(hours=1)).isoformat()
    world.tasks.refusal = 500
    early = world.follow(document | {"due": due})
    assert isinstance(early.error, RetryableEntryPointError)
    assert early.said == [("failed", "NOT_DUE")]
    assert (early.record["fate"], "500" in early.record["hand_off"]) == ("retried", True)


def test_a_change_that_goes_on_pauses_and_does_not_wait_for_its_time(world: Any) -> None:
    cache_id = world.cache()
    world.eci.inject("error", code="Throttling", action="DescribeImageCaches", count=3)
    world.push()
    document = world.tasks.take().document
    due = (world.clock.moment() + timedelta(hours=1)).isoformat()
    began = world.clock()
    assert world.follow(document | {"due": due}).said == REFRESHED
    assert 20 <= world.clock() - began < 30
    assert len(world.updates(cache_id)) == 1


@pytest.mark.parametrize("calls", ["forbid", "unknown"])
def test_a_rebuilds_time_that_cannot_be_written_is_one_line_of_the_log(
    world: Any, calls: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.setenv("IMC_LOG_LEVEL", "INFO")
    caplog.set_level(logging.INFO, "imagecache")
    cache_id = world.cache()
    world.eci.settings(tag_calls=calls)
    world.push()
    assert world.settle()[-1].said == LANDED
    lines = [entry.getMessage() for entry in caplog.records if "is not remembered" in entry.getMessage()]
    assert len(lines) == 1
    assert cache_id in lines[0]


def test_a_failing_cache_that_can_remember_nothing_is_updated_once_in_two_hours(world: Any) -> None:
    cache_id = world.cache(tags=FULL, status="UpdateFailed")
    world.eci.builds(cache_id, failing_builds=-1)
    assert world.push().said == REFRESHED
    began = world.clock()
    for _ in range(20):
        world.run_until(world.clock() + 300)
        told = world.push()
        assert told.said in ([("deferred", "UPDATE_RUNNING")], BUSY)
    # The windows are of the clock.
    assert len(world.updates(cache_id)) <= 2
    world.run_until(began + 24 * 3600)
    starts = [update["started_at"] for update in world.updates(cache_id)]
    assert len({start // 7200 for start in starts}) == len(starts)
    assert 2 <= len(starts) <= 13


def test_what_was_merged_into_a_task_is_not_dropped_with_its_change(world: Any) -> None:
    """The update is refused, and the change that stored the task no longer concerns the cache."""
    cache_id = world.cache(world.image, OTHER, status="Updating")
    world.push()
    assert world.push(world.event(repository="api", tag="v1")).said == BUSY
    assert len(world.tasks.waiting) == 1
    world.cache(OTHER, image_cache_id=cache_id)
    world.eci.inject("error", code="Throttling", action="UpdateImageCache", count=3)
    assert world.run_next().said == [("deferred", "THROTTLED")]
    assert world.settle()[-1].said == LANDED
    (update,) = world.updates(cache_id)
    assert update["images"] == [OTHER]


def test_a_tasks_update_that_took_effect_without_an_answer_is_followed(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    world.push()
    world.eci.force(cache_id, "Ready")
    world.eci.inject("reset", action="UpdateImageCache", acts=True, count=3)
    assert world.run_next().said == COVERED
    assert world.settle()[-1].said == LANDED
    assert len(world.updates(cache_id)) == 1


def test_a_rule_that_renames_a_cache_does_not_lose_an_update_that_fails(world: Any) -> None:
    set_rules(world, {"caches": {"names": ["web"]}, "policy": SEMVER, "update": {"imageCacheName": "web-2"}})
    cache_id = world.cache(f"{HOST}/prod/web:v1.0.0")
    world.eci.inject("update_fails", count=50, message="no such manifest")
    assert world.push(world.event(tag="v1.0.1")).said == [("refreshed", "TAG_PROMOTED")]
    last = world.settle()[-1]
    assert last.said == [("failed", "UPDATE_FAILED")]
    assert "no such manifest" in last.record["message"]
    assert last.record["image_cache_name"] == world.eci.cache(cache_id)["image_cache_name"] == "web-2"


def test_a_list_for_a_cache_by_name_is_set_where_a_person_renames_it_in_the_meantime(world: Any) -> None:
    cache_id = world.cache(status="Updating")
    assert world.manual(imageCacheName="web", images=[OTHER]).said == BUSY
    world.cache(image_cache_id=cache_id, image_cache_name="web-2")
    world.eci.inject("update_fails")
    assert said(world.settle())[-1:] == LANDED
    assert [update["images"] for update in world.updates(cache_id)] == [[OTHER]] * 2


def test_no_need_to_update_a_cache_in_update_failed_is_a_failure(world: Any) -> None:
    world.cache(status="UpdateFailed")
    world.eci.settings(no_need_update="any")
    told = world.push()
    assert isinstance(told.error, PermanentEntryPointError)
    assert told.said == [("failed", "NO_NEED_UPDATE")]


@pytest.mark.parametrize("tags", [{}, FULL], ids=["with a memory", "without one"])
def test_of_two_lists_that_wait_the_later_one_stays(world: Any, tags: dict[str, str]) -> None:
    cache_id = world.cache(status="Updating", tags=tags)
    for image in ("nginx:first", "nginx:second"):
        assert world.manual(imageCacheId=cache_id, images=[image]).said == BUSY
        world.clock.advance(25)
    # The cache is still busy at the first looks.
    world.run_next()
    world.run_next()
    world.eci.force(cache_id, "Ready")
    world.settle()
    assert world.eci.cache(cache_id)["images"] == ["nginx:second"]


@pytest.mark.parametrize("busy", [False, True])
def test_two_names_of_one_registry_get_a_pushed_tag_together(world: Any, busy: bool) -> None:
    set_rules(world, {"policy": SEMVER})
    listed = [f"{HOST}/prod/web:v1.2.0", f"{VPC}/prod/web:v1.1.0"]
    cache_id = world.cache(*listed, status="Updating" if busy else "Ready")
    world.push(world.event(tag="v1.3.0"))
    # An older tag that is delivered late takes neither place.
    world.push(world.event(tag="v1.2.0"))
    if busy:
        world.eci.force(cache_id, "Ready")
    world.settle()
    assert world.eci.cache(cache_id)["images"] == [f"{HOST}/prod/web:v1.3.0", f"{VPC}/prod/web:v1.3.0"]
    assert world.push(world.event(tag="v1.2.0")).said == [("ignored", "POLICY_HOLDS")]


def test_a_cache_that_a_lagging_listing_does_not_show_yet_is_no_silence(world: Any) -> None:
    """ECI may list a new cache some seconds late: it still starts, and pulls its images after the push."""
    world.eci.settings(listing_lag_seconds=5)
    world.clock.advance(10)
    cache_id = world.cache(building=True)
    told = world.push()
    assert told.said == [("ignored", "NO_MATCH")]
    assert told.record["caches_seen"] == 0
    world.clock.advance(6)
    assert world.push().said == BUSY
    world.settle()
    assert len(world.updates(cache_id)) == 1


@pytest.mark.parametrize("door", ["push", "timer"])
def test_what_was_left_to_a_continuation_is_told_also_where_it_is_gone(world: Any, door: str) -> None:
    """Each record that says that its cache is left to a task has one of that task that says what became."""
    world.setenv("IMC_MAX_UPDATES_PER_RUN", "1")
    for _ in range(4):
        world.cache()
    refresh = {"action": "refresh", "caches": {"names": ["web"]}}
    asked = world.push() if door == "push" else world.timer(refresh)
    gone, changed, stays = (record["image_cache_id"] for record in asked.records[1:])
    # By then nothing of what was listed is used any more.
    world.clock.advance(60)
    world.eci.delete_cache(gone)
    world.eci.delete_cache(changed)
    world.cache("other:1", image_cache_id=changed, image_cache_name="renamed")
    (task,) = [task for task in world.tasks.waiting if task.document["job"] == "change"]
    told = {
        record["image_cache_id"]: (record["result"], record["reason"])
        for record in world.follow(task.document).records
    }
    assert told.keys() == {gone, changed, stays}
    assert told[gone] == ("ignored", "CACHE_GONE")
    assert told[changed] == ("ignored", "NO_LONGER_LISTED")
    assert told[stays][0] == "refreshed"


@pytest.mark.parametrize("request_", [{}, {"images": [OTHER]}], ids=["as it is", "another list"])
def test_what_a_person_asked_for_is_made_again_after_the_pauses_of_a_failing_cache(
    world: Any, request_: dict[str, Any]
) -> None:
    world.eci.settings(failing_images="*", rebuild_seconds=60)
    identifier = world.cache()
    visits = [world.manual(imageCacheId=identifier, **request_), *world.settle()]
    begun = [visit.at for visit in visits if visit.said[0][0] == "refreshed"]
    pauses = [later - before for before, later in pairwise(begun)]
    assert len(pauses) == 3
    # The first one is made again as soon as its failure is seen.
    assert pauses[0] < 180
    assert 300 <= pauses[1] < 330
    assert 1200 <= pauses[2] < 1230

    again = world.manual(imageCacheId=identifier, force=True, **request_)
    assert [result for result, _ in again.said] == ["refreshed"]
