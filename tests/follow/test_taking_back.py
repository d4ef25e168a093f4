"""A promoted tag that cannot be built is taken back, and comes again when it is pushed anew, not before."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.support.depth import every_value, sampled

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB, API = f"{HOST}/prod/web", f"{HOST}/prod/api"
SEMVER = {"type": "semver", "range": ">=1.0 <2"}

PROMOTED, UNDONE = ("refreshed", "TAG_PROMOTED"), ("refreshed", "PROMOTION_UNDONE")
BACK, LANDED = ("landed", "PROMOTION_UNDONE"), ("landed", "LANDED")
HELD = [("ignored", "POLICY_HOLDS")]
FAILED = ("failed", "UPDATE_FAILED")


@pytest.fixture
def world(world: Any) -> Any:
    """Where no image of v1.0.1 can be built."""
    world.setenv("IMC_RULES", json.dumps({"rules": [{"policy": SEMVER}]}))
    world.eci.settings(failing_images="*:v1.0.1", rebuild_seconds=60)
    return world


def rules(world: Any, *rules: dict[str, Any]) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": list(rules)}))


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return found


def status(world: Any, identifier: str) -> str:
    return str(world.eci.cache(identifier)["status"])


def settled(world: Any) -> list[tuple[str, str]]:
    return [entry for visit in world.settle() for entry in visit.said if entry[0] != "deferred"]


def taken_back(world: Any) -> str:
    """A cache of which v1.0.1 was taken back."""
    identifier = str(world.cache(f"{WEB}:v1.0.0"))
    assert world.push(world.event("bad", tag="v1.0.1")).said == [PROMOTED]
    assert settled(world)[-1] == BACK
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    return identifier


def test_the_list_before_is_put_back_after_three_places(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    assert world.push(world.event(tag="v1.0.1")).said == [PROMOTED]
    visits = world.settle()
    said = [entry for visit in visits for entry in visit.said if entry[0] != "deferred"]
    assert Counter(said) == {("refreshed", "TAG_REPUSHED"): 3, UNDONE: 1, BACK: 1}
    assert (images(world, identifier), status(world, identifier)) == ([f"{WEB}:v1.0.0"], "Ready")
    records = [record for visit in visits for record in visit.records]
    (record,) = (record for record in records if (record["result"], record["reason"]) == UNDONE)
    assert "could not be built" in record["message"]
    assert f"{WEB}:v1.0.1" in record["message"]
    assert (record["images_before"], record["images_after"]) == ([f"{WEB}:v1.0.1"], [f"{WEB}:v1.0.0"])
    # At once, 5 and 20 minutes later, and the list before 5 minutes after the last of them.
    starts = [update["started_at"] for update in world.updates()]
    pauses = [later - earlier for earlier, later in pairwise(starts)]
    assert len(pauses) == 4
    bounds = ((60, 150), (300, 400), (1200, 1320), (300, 400))
    assert [low <= pause <= high for pause, (low, high) in zip(pauses, bounds, strict=True)] == [True] * 4


def test_what_lands_then_is_no_staleness_of_the_push(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    (record,) = (one for visit in world.settle() for one in visit.records if one["result"] == "landed")
    assert "staleness_seconds" not in record
    assert "the list before the promotion is back" in record["message"]


def test_a_second_delivery_of_its_push_does_not_promote_it_again(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    event = world.event("bad", tag="v1.0.1")
    world.push(event)
    assert settled(world)[-1] == BACK
    for late in (event, {**event, "id": "told-by-somebody-else"}):
        told = world.push(late)
        assert told.said == HELD
        assert told.record["held_because"] == "taken_back"
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    assert len(world.updates()) == 5


@pytest.mark.parametrize("mended", [True, False])
def test_a_new_push_of_the_tag_promotes_it_again(world: Any, mended: bool) -> None:
    identifier = taken_back(world)
    if mended:
        world.eci.settings(failing_images="")
    world.clock.advance(600)
    assert world.push(world.event("mended", tag="v1.0.1")).said == [PROMOTED]
    assert settled(world)[-1] == (LANDED if mended else BACK)
    assert images(world, identifier) == [f"{WEB}:{'v1.0.1' if mended else 'v1.0.0'}"]


def test_another_tag_is_promoted_and_the_one_that_was_taken_back_stays_out(world: Any) -> None:
    identifier = taken_back(world)
    world.clock.advance(600)
    assert world.push(world.event(tag="v1.0.2")).said == [PROMOTED]
    assert settled(world)[-1] == LANDED
    assert images(world, identifier) == [f"{WEB}:v1.0.2"]
    # It is older than what is listed now, whether it can be built or not.
    assert world.push(world.event(tag="v1.0.1")).said == HELD


def test_a_person_may_list_it_at_any_time_and_what_a_person_lists_is_not_taken_back(world: Any) -> None:
    identifier = taken_back(world)
    asked = world.manual(imageCacheId=identifier, images=[f"{WEB}:v1.0.1"])
    assert asked.said == [("refreshed", "LIST_CHANGED")]
    assert settled(world)[-1] == FAILED
    assert images(world, identifier) == [f"{WEB}:v1.0.1"]
    assert world.manual(image=f"{WEB}:v1.0.1").said[0][0] == "refreshed"


def test_a_rule_may_leave_it_as_it_is(world: Any) -> None:
    rules(world, {"policy": SEMVER, "restoreFailed": False})
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    assert settled(world)[-1] == FAILED
    assert (images(world, identifier), len(world.updates())) == ([f"{WEB}:v1.0.1"], 4)


@pytest.mark.parametrize("rebuilds", sampled([0, 1, 9, 2, 3], 2))
def test_fewer_repetitions_are_fewer_places_and_more_are_not_more(world: Any, rebuilds: int) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", str(rebuilds))
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    assert settled(world)[-1] == BACK
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    assert len(world.updates()) == 2 + min(rebuilds, 3)


@pytest.mark.parametrize("status_before", ["UpdateFailed"])
def test_a_list_that_was_not_ready_is_not_put_back(world: Any, status_before: str) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", status=status_before)
    world.push(world.event(tag="v1.0.1"))
    assert settled(world)[-1] == FAILED
    assert images(world, identifier) == [f"{WEB}:v1.0.1"]


@pytest.mark.parametrize(
    "switches",
    sampled(
        [
            {"tags_after_failure": "restore", "images_after_failure": "restore"},
            {"tags_after_failure": "restore"},
            {"tags_mode": "drop"},
            {"images_after_failure": "restore"},
            {"show_events": False},
            {"tags_mode": "replace"},
        ],
        2,
    ),
    ids=str,
)
def test_it_is_taken_back_whatever_the_cloud_keeps(world: Any, switches: dict[str, Any]) -> None:
    world.eci.settings(**switches)
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    assert settled(world)[-1] == BACK
    assert (images(world, identifier), status(world, identifier)) == ([f"{WEB}:v1.0.0"], "Ready")


@pytest.mark.parametrize("rebuilds", sampled([0, 1, 5, 3], 2))
def test_where_the_list_before_fails_too_it_is_made_again_as_often_as_any_other(
    world: Any, rebuilds: int
) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", str(rebuilds))
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.eci.settings(failing_images="*")
    world.push(world.event(tag="v1.0.1"))
    said = settled(world)
    places = min(rebuilds, 3)
    assert said == [("refreshed", "TAG_REPUSHED")] * places + [UNDONE] * (1 + rebuilds) + [FAILED]
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]
    # One that goes first, and then the places of a failing cache.
    starts = [update["started_at"] for update in world.updates()]
    pauses = [later - earlier for earlier, later in pairwise(starts)][places + 1 :]
    assert [pause >= 300 for pause in pauses] == [True] * rebuilds
    assert [pause >= 4 * 3600 for pause in pauses][4 - places - 1 :] == [True] * (rebuilds - 3 + places)


@pytest.mark.parametrize(
    ("policy", "before", "tag"),
    [
        ({"type": "any"}, ["blue"], "v1.0.1"),
        ({"type": "any", "keep": 2}, ["blue", "green"], "v1.0.1"),
        ({**SEMVER, "keep": 3}, ["v1.0.0", "v0.9.0", "v1.0.0-rc.1"], "v1.0.1"),
    ],
)
def test_the_whole_list_is_put_back(world: Any, policy: dict[str, Any], before: list[str], tag: str) -> None:
    rules(world, {"policy": policy})
    listed = [f"{API}:v7", *(f"{WEB}:{each}" for each in before), "redis:7"]
    identifier = world.cache(*listed)
    event = world.event(tag=tag)
    assert world.push(event).said == [PROMOTED]
    assert settled(world)[-1] == BACK
    assert images(world, identifier) == listed
    assert world.push(event).said == HELD


def test_of_two_promotions_in_one_update_both_are_taken_back(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    both = [world.event(tag="v1.0.1"), world.event(repository="api", tag="v1.5.0")]
    assert world.push(both).said == [PROMOTED, PROMOTED]
    assert settled(world)[-1] == BACK
    assert images(world, identifier) == [f"{WEB}:v1.0.0", f"{API}:v1.0.0"]
    # Nothing tells which of them it was: both wait for their next push.
    assert world.push(both).said == HELD * 2
    world.clock.advance(600)
    assert world.push(world.event(repository="api", tag="v1.5.0")).said == [PROMOTED]
    settled(world)
    assert images(world, identifier) == [f"{WEB}:v1.0.0", f"{API}:v1.5.0"]


def test_a_promotion_that_waited_for_a_busy_cache_is_taken_back(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    assert world.push(world.event(repository="api", tag="v1.0.0")).said == [("refreshed", "TAG_REPUSHED")]
    assert world.push(world.event(tag="v1.0.1")).said == [("deferred", "CACHE_BUSY")]
    assert settled(world)[-1] == BACK
    assert images(world, identifier) == [f"{WEB}:v1.0.0", f"{API}:v1.0.0"]


@every_value
@pytest.mark.parametrize(("repository", "tag"), [("api", "v1.0.0"), ("web", "v1.0.1")])
@pytest.mark.parametrize("after", [30, 90, 500, 1000])
def test_it_is_taken_back_whatever_else_is_pushed_meanwhile(
    world: Any, repository: str, tag: str, after: float
) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    began = world.clock()
    assert world.push(world.event(tag="v1.0.1")).said == [PROMOTED]
    world.run_until(began + after)
    world.push(world.event(repository=repository, tag=tag))
    settled(world)
    assert (images(world, identifier), status(world, identifier)) == (
        [f"{WEB}:v1.0.0", f"{API}:v1.0.0"],
        "Ready",
    )
    assert len(world.updates()) <= 8


def test_sweeps_and_refreshes_keep_the_list_that_was_put_back(world: Any) -> None:
    identifier = taken_back(world)
    world.clock.advance(86400)
    assert world.timer().said == [("ignored", "NOTHING_TO_REPAIR")]
    world.timer({"action": "refresh", "caches": {"ids": [identifier]}})
    settled(world)
    assert images(world, identifier) == [f"{WEB}:v1.0.0"]


@pytest.mark.parametrize("tags", sampled([["v1.0.1", "v1.0.2", "v1.0.3", "v1.0.4", "v1.0.5"], ["v1.0.1"]], 2))
def test_in_a_day_of_bad_pushes_the_bound_of_a_failing_cache_holds(world: Any, tags: list[str]) -> None:
    world.eci.settings(failing_images="*:v1.0.[1-9]")
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    for number in range(96):
        world.push(world.event(tag=tags[number % len(tags)]))
        world.run_until(began + 900 * (number + 1))
    updates = world.updates(identifier)
    good = [update["images"] == [f"{WEB}:v1.0.0"] for update in updates]
    assert sum(good) <= 9
    # An update after a bad tag's is one of a cache in UpdateFailed.
    assert good[:-1].count(False) <= 12
    assert len(updates) <= 2 * 12
    settled(world)
    if len(tags) == 1:
        assert (images(world, identifier), status(world, identifier)) == ([f"{WEB}:v1.0.0"], "Ready")


def test_a_push_that_came_after_the_last_try_is_tried(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 1700)
    assert len(world.updates()) == 4
    # The last try fails, and the list before is not back yet.
    assert world.push(world.event("mended", tag="v1.0.1")).said == [("deferred", "BACKING_OFF")]
    world.eci.settings(failing_images="")
    settled(world)
    assert (images(world, identifier), status(world, identifier)) == ([f"{WEB}:v1.0.1"], "Ready")


def test_a_good_tag_after_three_bad_ones_waits_for_hours_and_is_not_lost(world: Any) -> None:
    world.eci.settings(failing_images="*:v1.0.[1-3]")
    identifier = world.cache(f"{WEB}:v1.0.0")
    for number in (1, 2, 3):
        world.push(world.event(tag=f"v1.0.{number}"))
        assert settled(world)[-1] == BACK
    assert world.push(world.event(tag="v1.0.4")).said == [("deferred", "BACKING_OFF")]
    began = world.clock()
    assert settled(world)[-1] == LANDED
    assert images(world, identifier) == [f"{WEB}:v1.0.4"]
    assert 3 * 3600 < world.updates()[-1]["started_at"] - began <= 4 * 3600 + 10


def test_a_memory_from_the_future_holds_no_push(world: Any) -> None:
    identifier = taken_back(world)
    tags = dict(world.eci.cache(identifier)["tags"])
    moment = world.clock.moment() + timedelta(days=900)
    later = int((moment.timestamp()) * 1000)
    digits = ""
    while later:
        later, digit = divmod(later, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    value = tags["imc-refresh"].split(".")
    value[1] = digits
    other = world.cache(f"{WEB}:v1.0.0", tags={"imc-refresh": ".".join(value)}, image_cache_name="other")
    world.eci.delete_cache(identifier)
    assert world.push(world.event(tag="v1.0.1", age_seconds=3000)).said == [PROMOTED]
    assert images(world, other) == [f"{WEB}:v1.0.1"]
