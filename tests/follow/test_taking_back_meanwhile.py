"""A promotion is taken back while other things happen: people, other pushes, sweeps, updates that overlap."""

from __future__ import annotations

import json
from typing import Any

import pytest

from imagecache.planning.update_memory_layout import read_value
from tests.support.depth import every_value, sampled
from tests.support.tagged_registry import TaggedRegistry

HOST = "acme-registry.cn-hangzhou.cr.aliyuncs.com"
WEB, API = f"{HOST}/prod/web", f"{HOST}/prod/api"
SEMVER = {"type": "semver", "range": ">=1.0 <2"}

PROMOTED, UNDONE = ("refreshed", "TAG_PROMOTED"), ("refreshed", "PROMOTION_UNDONE")
REPUSHED, WAITS = ("refreshed", "TAG_REPUSHED"), ("deferred", "BACKING_OFF")
BACK, LANDED = ("landed", "PROMOTION_UNDONE"), ("landed", "LANDED")
HELD = [("ignored", "POLICY_HOLDS")]
FAILED = ("failed", "UPDATE_FAILED")


@pytest.fixture
def world(world: Any) -> Any:
    """Where no image of v1.0.1 can be built."""
    rules(world)
    world.eci.settings(failing_images="*:v1.0.1", rebuild_seconds=60)
    return world


def rules(world: Any, **facts: Any) -> None:
    world.setenv("IMC_RULES", json.dumps({"rules": [{"policy": SEMVER, **facts}]}))


def images(world: Any, identifier: str) -> list[str]:
    found: list[str] = world.eci.cache(identifier)["images"]
    return [image.removeprefix(f"{HOST}/prod/") for image in found]


def status(world: Any, identifier: str) -> str:
    return str(world.eci.cache(identifier)["status"])


def settled(world: Any) -> list[tuple[str, str]]:
    return [entry for visit in world.settle() for entry in visit.said if entry[0] != "deferred"]


def taken_back(world: Any, *others: str) -> str:
    """A cache of which v1.0.1 was taken back just now."""
    identifier = str(world.cache(f"{WEB}:v1.0.0", *others))
    assert world.push(world.event("bad", tag="v1.0.1")).said == [PROMOTED]
    assert settled(world)[-1] == BACK
    return identifier


# What fails.


def test_a_list_that_is_put_back_at_the_second_try_is_back(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.eci.settings(failing_images="*")
    event = world.event(tag="v1.0.1")
    world.push(event)
    while len(world.updates()) < 5:
        world.run_next()
    world.run_until(world.clock() + 70)
    world.eci.settings(failing_images="*:v1.0.1")
    assert settled(world) == [UNDONE, BACK]
    assert (images(world, identifier), status(world, identifier)) == (["web:v1.0.0"], "Ready")
    assert world.push(event).said == HELD


@pytest.mark.parametrize("repository", ["web", "api"])
def test_a_list_that_is_put_back_keeps_its_memory_of_what_was_taken_back(world: Any, repository: str) -> None:
    """Whatever is pushed between its tries."""
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    world.eci.settings(failing_images="*")
    event = world.event("bad", tag="v1.0.1")
    world.push(event)
    while len(world.updates()) < 5:
        world.run_next()
    world.run_until(world.clock() + 70)
    assert world.push(world.event(repository=repository, tag="v1.0.0")).said == [WAITS]
    world.eci.settings(failing_images="*:v1.0.1")
    settled(world)
    assert (images(world, identifier), status(world, identifier)) == (["web:v1.0.0", "api:v1.0.0"], "Ready")
    assert world.push(event).said == HELD


def test_a_promotion_is_taken_back_out_of_a_list_that_another_policy_has_changed_since(world: Any) -> None:
    builds = {"images": {"repositories": ["**/api"]}, "policy": {"type": "any"}}
    world.setenv("IMC_RULES", json.dumps({"rules": [builds, {"policy": SEMVER}]}))
    identifier = world.cache(f"{API}:old", f"{WEB}:v1.0.0")
    assert world.push(world.event("bad", tag="v1.0.1")).said == [PROMOTED]
    assert world.push(world.event(repository="api", tag="new")).said == [("deferred", "CACHE_BUSY")]
    said = settled(world)
    assert said.index(PROMOTED) < said.index(UNDONE)
    assert (images(world, identifier), status(world, identifier)) == (["api:new", "web:v1.0.0"], "Ready")
    assert len(world.updates()) < 12


def test_a_promotion_is_taken_back_though_a_registry_brings_other_tags_meanwhile(world: Any) -> None:
    with TaggedRegistry(tags=["v1.0.0"]).serve() as registry:
        read = {"images": {"repositories": [f"{registry.host}/**"]}, "policy": SEMVER, "registry": "read"}
        world.setenv("IMC_RULES", json.dumps({"rules": [read, {"policy": SEMVER}]}))
        other = f"{registry.host}/prod/web"
        identifier = world.cache(f"{other}:v1.0.0", f"{WEB}:v1.0.0")
        assert world.push(world.event(tag="v1.0.1")).said == [PROMOTED]
        registry.tags.append("v1.0.2")
        said = settled(world)
    assert said.count(UNDONE) == 1
    assert (images(world, identifier), status(world, identifier)) == (
        [f"{other}:v1.0.2", "web:v1.0.0"],
        "Ready",
    )


def test_a_promotion_whose_later_update_waits_for_a_cap_is_looked_at_ever_more_rarely(world: Any) -> None:
    world.setenv("IMC_MAX_UPDATES_PER_HOUR", "1")
    for _ in range(2):
        world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    world.push(world.event(tag="v1.0.1"))
    world.push(world.event(repository="api", tag="v1.0.1"))
    records = [record for visit in world.settle() for record in visit.records]
    looks = [record for record in records if record["message"].startswith("a later update")]
    assert 0 < len(looks) < 50


# Updates that overlap.


def test_a_promotion_that_was_built_is_not_taken_back_for_another_images_failure(world: Any) -> None:
    identifier = taken_back(world, f"{API}:v1.0.0")
    world.clock.advance(600)
    world.eci.settings(failing_images="*/api:*", rebuild_seconds=5)
    # The cache is Ready long before it is looked at, as rebuilds took a minute until now.
    world.eci.settings(failing_images="")
    assert world.push(world.event(tag="v1.0.2")).said == [PROMOTED]
    world.clock.advance(10)
    world.eci.settings(failing_images="*/api:*")
    assert world.push(world.event(repository="api", tag="v1.0.0")).said == [REPUSHED]
    said = settled(world)
    assert UNDONE not in said
    assert FAILED in said
    assert images(world, identifier) == ["web:v1.0.2", "api:v1.0.0"]


@every_value
@pytest.mark.parametrize("tag", ["v1.0.0", "v1.0.1"])
@pytest.mark.parametrize("first", [("api", "v1.0.0"), ("web", "v1.0.0")])
def test_of_two_updates_that_are_looked_at_at_the_same_time_each_is_followed(
    world: Any, first: tuple[str, str], tag: str
) -> None:
    """Where nothing tells how long a rebuild takes, and it is short."""
    world.eci.settings(rebuild_seconds=5, show_events=False)
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    world.clock.advance(60 - world.clock() % 60 + 1)
    repository, listed = first
    assert world.push(world.event(repository=repository, tag=listed)).said == [REPUSHED]
    world.clock.advance(15)
    world.eci.settings(failing_images="*:v1.0.1" if tag == "v1.0.1" else "*")
    promoted = tag == "v1.0.1"
    assert world.push(world.event(tag=tag)).said == [PROMOTED if promoted else REPUSHED]
    said = settled(world)
    assert said[-1] == (BACK if promoted else FAILED)
    assert said.count(REPUSHED) == 3
    assert (images(world, identifier)) == ["web:v1.0.0", "api:v1.0.0"]


def test_what_was_tried_last_is_the_last_update_that_had_it_whoever_asked_for_that(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 500)
    late = world.event("late", tag="v1.0.1")
    assert world.push(world.event(repository="api", tag="v1.0.0")).said == [WAITS]
    assert BACK in settled(world)
    bad = [update["started_at"] for update in world.updates() if f"{WEB}:v1.0.1" in update["images"]]
    assert max(bad) > began + 500
    assert world.push(late).said == HELD
    assert images(world, identifier) == ["web:v1.0.0", "api:v1.0.0"]


def test_a_push_of_the_minute_of_the_last_try_is_known_to_be_tried(world: Any) -> None:
    world.setenv("IMC_FOLLOW_REBUILDS", "0")
    identifier = world.cache(f"{WEB}:v1.0.0")
    world.clock.advance(60 - world.clock() % 60 + 50)
    event = world.event(tag="v1.0.1")
    assert world.push(event).said == [PROMOTED]
    assert settled(world) == [UNDONE, BACK]
    assert world.push(event).said == HELD
    assert images(world, identifier) == ["web:v1.0.0"]


# People.


@pytest.mark.parametrize("after", sampled([70, 540, 1000], 2))
def test_a_list_that_a_person_asks_for_meanwhile_is_not_taken_back(world: Any, after: float) -> None:
    """Neither is it when something else is pushed afterwards."""
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + after)
    asked = world.manual(imageCacheId=identifier, images=[f"{WEB}:v1.0.1", f"{API}:v1.0.0"])
    assert asked.said == [("refreshed", "LIST_CHANGED")]
    world.run_until(began + after + 560)
    world.push(world.event(repository="api", tag="v1.0.0"))
    said = settled(world)
    assert UNDONE not in said
    assert FAILED in said
    assert images(world, identifier) == ["web:v1.0.1", "api:v1.0.0"]


def test_a_failing_cache_that_a_person_has_rebuilt_is_the_persons(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 540)
    assert world.manual(imageCacheId=identifier).said == [("refreshed", "REBUILD_REQUESTED")]
    said = settled(world)
    assert UNDONE not in said
    assert FAILED in said
    assert images(world, identifier) == ["web:v1.0.1"]


def test_a_persons_other_list_is_never_replaced_by_the_list_before(world: Any) -> None:
    world.eci.settings(failing_images="*", tags_after_failure="restore")
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 500)
    asked = world.manual(imageCacheId=identifier, images=[f"{WEB}:v1.0.1", "redis:7"])
    assert asked.said == [("refreshed", "LIST_CHANGED")]
    assert "failed" in {result for result, _ in settled(world)}
    assert images(world, identifier) == ["web:v1.0.1", "redis:7"]


def test_rules_that_do_not_want_it_back_any_more_are_heard(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 1000)
    rules(world, restoreFailed=False)
    assert settled(world)[-1] == FAILED
    assert images(world, identifier) == ["web:v1.0.1"]


# Other pushes.


def test_a_mended_tag_comes_in_however_many_others_wait_for_the_cache(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 1700)
    assert world.push(world.event(repository="api", tag="v1.0.0")).said == [WAITS]
    assert world.push(world.event("mended", tag="v1.0.1")).said == [WAITS]
    world.eci.settings(failing_images="")
    settled(world)
    assert (images(world, identifier), status(world, identifier)) == (["web:v1.0.1", "api:v1.0.0"], "Ready")


def test_of_a_mended_tag_and_a_delivery_that_is_late_the_mended_one_comes_in(world: Any) -> None:
    identifier = world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    late = world.event("late", tag="v1.0.1")
    world.run_until(began + 1700)
    assert world.push(late).said == [WAITS]
    assert world.push(world.event("mended", tag="v1.0.1")).said == [WAITS]
    world.eci.settings(failing_images="")
    settled(world)
    assert (images(world, identifier), status(world, identifier)) == (["web:v1.0.1"], "Ready")


def test_pushes_of_one_failing_tag_share_their_tasks(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0", f"{API}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 1700)
    before = len(world.tasks.waiting)
    for _ in range(20):
        assert world.push(world.event(tag="v1.0.1")).said == [WAITS]
        assert world.push(world.event(repository="api", tag="v1.0.0")).said == [WAITS]
    assert len(world.tasks.waiting) == before + 2


def test_a_pause_holds_promotions_alone(world: Any) -> None:
    world.eci.settings(failing_images="*:v1.0.[13]")
    identifier = taken_back(world, f"{API}:v1.0.0")
    for tag in ("v1.0.1", "v1.0.3"):
        world.clock.advance(600)
        assert world.push(world.event(tag=tag)).said == [PROMOTED]
        assert settled(world)[-1] == BACK
    both = [world.event(tag="v1.0.2"), world.event(repository="api", tag="v1.0.0")]
    assert sorted(world.push(both).said) == [WAITS, REPUSHED]
    assert images(world, identifier) == ["web:v1.0.0", "api:v1.0.0"]
    assert settled(world)[-1] == LANDED
    assert images(world, identifier) == ["web:v1.0.2", "api:v1.0.0"]


def test_what_lands_without_the_pushed_tag_is_no_staleness_of_it(world: Any) -> None:
    world.cache(f"{WEB}:v1.0.0")
    began = world.clock()
    world.push(world.event(tag="v1.0.1"))
    world.run_until(began + 90)
    world.push(world.event(tag="v1.0.1"))
    visits = world.settle()
    landed = [record for visit in visits for record in visit.records if record["result"] == "landed"]
    assert [record for record in landed if "staleness_seconds" in record] == []


def test_a_tag_that_was_built_after_all_is_no_tag_that_was_taken_back(world: Any) -> None:
    identifier = taken_back(world)
    world.eci.settings(failing_images="")
    world.clock.advance(600)
    for tag in ("v1.0.1", "v1.0.2"):
        assert world.push(world.event(tag=tag)).said == [PROMOTED]
        assert settled(world)[-1] == LANDED
    memory = read_value(dict(world.eci.cache(identifier)["tags"])["imc-refresh"])
    assert memory is not None
    assert memory.undone == ()
