"""Pushes about which a registry does not answer: a listed tag is built, a new one waits until it is known."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.tagged_registry import CHART, IMAGE, TaggedRegistry

WAITS = [("deferred", "REGISTRY_UNREADABLE")]


@pytest.fixture
def registry(world: Any) -> Iterator[TaggedRegistry]:
    world.setenv(
        "IMC_RULES", json.dumps({"rules": [{"policy": {"type": "semver", "range": "1"}, "registry": "read"}]})
    )
    world.setenv("IMC_REGISTRY_SECONDS", "2")
    with TaggedRegistry().serve() as one:
        yield one


def push(world: Any, registry: TaggedRegistry, *tags: str, repository: str = "prod/web") -> Any:
    """One delivery of pushes, in the order of the tags."""
    events = [
        {
            "id": f"event-{next(world.counter)}",
            "timestamp": world.event()["time"],
            "action": "push",
            "target": {"repository": repository, "tag": tag},
        }
        for tag in tags
    ]
    query = {"token": "token-0123456789abcdef", "registry": registry.host}
    return world.http("on_webhook", "/webhooks/distribution", {"events": events}, **query)


def images(world: Any, identifier: str) -> list[str]:
    return [image.rpartition(":")[2] for image in world.eci.cache(identifier)["images"]]


@pytest.mark.parametrize("status", [429, 500, 503, 401])
def test_where_neither_tags_nor_manifest_can_be_read_the_push_waits(
    world: Any, registry: TaggedRegistry, status: int
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = status
    assert push(world, registry, "v1.0.1").said == WAITS
    assert world.updates() == []
    assert world.run_next().said == WAITS
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]
    assert len(world.updates()) == 1


@pytest.mark.parametrize(("config", "taken"), [(IMAGE, True), (CHART, False)])
def test_where_the_tags_cannot_be_listed_the_manifest_decides(
    world: Any, registry: TaggedRegistry, config: str, taken: bool
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status, registry.config = 429, config
    told = push(world, registry, "v1.0.1")
    assert told.said == [("refreshed", "TAG_PROMOTED") if taken else ("ignored", "NOT_AN_IMAGE")]
    world.settle()
    assert images(world, identifier) == ["v1.0.1" if taken else "v1.0.0"]


@pytest.mark.parametrize("status", [429, 503])
def test_a_listed_tag_is_built_in_any_case(world: Any, registry: TaggedRegistry, status: int) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = status
    told = push(world, registry, "v1.0.0")
    assert told.said == [("refreshed", "TAG_REPUSHED")]
    assert str(status) in told.record["registry_error"]


def test_of_two_pushes_the_one_that_is_known_is_built_and_the_other_waits(
    world: Any, registry: TaggedRegistry
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.0", "v1.0.1")
    assert sorted(told.said) == [*WAITS, ("refreshed", "TAG_REPUSHED")]
    assert images(world, identifier) == ["v1.0.0"]
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]
    assert len(world.updates()) == 2


def test_what_can_never_be_read_is_given_up_and_told(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.setenv("IMC_FOLLOW_GIVE_UP_SECONDS", "3600")
    registry.list_status = registry.manifest_status = 503
    push(world, registry, "v1.0.1")
    visits = world.settle()
    assert visits[-1].said == [("failed", "GAVE_UP")]
    assert visits[-1].error is not None
    assert world.updates() == []


def test_a_dry_run_says_what_was_not_read(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.setenv("IMC_DRY_RUN", "true")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.1")
    assert told.said == [("planned", "TAG_PROMOTED")]
    assert "503" in told.record["registry_error"]


def test_without_a_follow_function_the_sender_tries_again(world: Any, registry: TaggedRegistry) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    world.delenv("IMC_FOLLOW_FUNCTION")
    registry.list_status = registry.manifest_status = 503
    told = push(world, registry, "v1.0.1")
    assert (told.said, told.answer["statusCode"]) == ([("failed", "REGISTRY_UNREADABLE")], 503)


def test_a_tag_that_an_update_left_out_is_not_covered_by_it(world: Any, registry: TaggedRegistry) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.tags = ["v1.0.0"]
    push(world, registry, "v1.0.0")
    registry.tags.append("v1.0.1")
    assert push(world, registry, "v1.0.1").said == [("deferred", "CACHE_BUSY")]
    again = next(task for task in world.tasks.waiting if task.document["job"] == "again")
    world.clock.now = again.due + 2
    world.eci.force(identifier, "Ready")
    registry.list_status = registry.manifest_status = 503
    assert push(world, registry, "v1.0.0").said == [("refreshed", "TAG_REPUSHED")]
    registry.list_status = registry.manifest_status = 200
    assert ("unchanged", "COVERED") not in world.follow(again.document).said
    world.tasks.waiting.remove(again)
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]


@pytest.mark.parametrize("down", [0, 1])
def test_of_two_registries_the_one_that_answers_is_not_waited_for(
    world: Any, registry: TaggedRegistry, down: int
) -> None:
    """And what is pushed to the other one is not lost."""
    with TaggedRegistry().serve() as other:
        identifier = world.cache(f"{registry.host}/prod/web:v1.0.0", f"{other.host}/prod/web:v1.0.0")
        both = [registry, other]
        for one in both:
            one.list_status = one.manifest_status = 503
            assert push(world, one, "v1.0.1").said == WAITS
        both[1 - down].list_status = both[1 - down].manifest_status = 200
        world.run_until(world.clock() + 600)
        assert images(world, identifier)[1 - down] == "v1.0.1"
        assert images(world, identifier)[down] == "v1.0.0"
        both[down].list_status = both[down].manifest_status = 200
        world.settle()
        assert images(world, identifier) == ["v1.0.1", "v1.0.1"]


def test_a_promotion_that_cannot_be_read_holds_nothing_that_was_merged_with_it(
    world: Any, registry: TaggedRegistry
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0", f"{registry.host}/prod/api:v1.0.0")
    registry.tags = ["v1.0.0"]
    push(world, registry, "v1.0.0")
    registry.tags.append("v1.0.1")
    assert push(world, registry, "v1.0.1").said == [("deferred", "CACHE_BUSY")]
    pushed = world.clock()
    registry.tags = ["v1.0.0"]
    assert push(world, registry, "v1.0.0", repository="prod/api").said == [("deferred", "CACHE_BUSY")]
    registry.tags.append("v1.0.1")
    registry.list_status = registry.manifest_status = 503
    world.run_until(world.clock() + 900)
    assert world.updates()[-1]["started_at"] >= pushed
    assert len(world.updates()) == 2
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier)[0] == "v1.0.1"


def test_after_three_bad_tags_the_list_is_refreshed_and_new_tags_wait(
    world: Any, registry: TaggedRegistry
) -> None:
    world.eci.settings(failing_images="*:v1.0.[1-3]", rebuild_seconds=60)
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0", f"{registry.host}/prod/api:v1.0.0")
    registry.tags = ["v1.0.0"]
    for tag in ("v1.0.1", "v1.0.2", "v1.0.3"):
        world.clock.advance(600)
        registry.tags.append(tag)
        push(world, registry, tag)
        world.settle()
        assert images(world, identifier) == ["v1.0.0", "v1.0.0"]
    registry.tags.append("v1.0.4")
    # The registry has v1.0.4, which nobody told of; and one of the four may not be built.
    assert push(world, registry, "v1.0.0").said == [("refreshed", "TAG_REPUSHED")]
    world.run_until(world.clock() + 600)
    assert images(world, identifier) == ["v1.0.0", "v1.0.0"]
    assert world.timer().said == [("ignored", "NOTHING_TO_REPAIR")]
    told = push(world, registry, "v1.0.4")
    assert told.said == [("deferred", "BACKING_OFF")]
    assert push(world, registry, "v1.0.0", repository="prod/api").said == [("refreshed", "TAG_REPUSHED")]
    world.settle()
    assert images(world, identifier) == ["v1.0.4", "v1.0.0"]


@pytest.mark.parametrize("merged", [["v1.0.2"], []])
def test_what_was_merged_into_a_task_is_found_once_the_tags_can_be_listed_again(
    world: Any, registry: TaggedRegistry, merged: list[str]
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.tags = ["v1.0.0"]
    push(world, registry, "v1.0.0")
    for tag in ["v1.0.1", *merged]:
        registry.tags.append(tag)
        assert push(world, registry, tag).said == [("deferred", "CACHE_BUSY")]
    (again,) = [task for task in world.tasks.waiting if task.document["job"] == "again"]
    world.clock.now = again.due + 2
    world.eci.force(identifier, "Ready")
    registry.list_status = 503
    world.tasks.waiting.remove(again)
    told = world.follow(again.document)
    assert sorted(told.said) == [*WAITS, ("refreshed", "TAG_PROMOTED")]
    assert images(world, identifier) == ["v1.0.1"]
    # As long as nobody knows of anything newer, nothing is built.
    for _ in range(5):
        world.run_next()
    assert len(world.updates()) == 2
    registry.list_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.2" if merged else "v1.0.1"]
    assert len(world.updates()) == 2 + len(merged)


def test_a_registry_that_never_answers_is_asked_ever_more_rarely_and_told_of(
    world: Any, registry: TaggedRegistry
) -> None:
    world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = 401
    for _ in range(2):
        push(world, registry, "v1.0.0")
        world.clock.advance(20)
    visits = world.settle()
    assert len(world.updates()) == 2
    assert visits[-1].said == [("failed", "GAVE_UP")]
    assert len(visits) < 30


def test_a_repair_whose_registry_does_not_answer_stays_one_task(world: Any, registry: TaggedRegistry) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.tags = ["v1.0.0"]
    push(world, registry, "v1.0.0")
    world.settle()
    registry.tags.append("v1.0.1")
    world.eci.force(identifier, "Updating")
    assert push(world, registry, "latest").said == [("deferred", "CACHE_BUSY")]
    world.eci.force(identifier, "Ready")
    registry.list_status = registry.manifest_status = 503
    for _ in range(6):
        assert len(world.tasks.waiting) == 1
        world.run_next()
    registry.list_status = registry.manifest_status = 200
    world.settle()
    assert images(world, identifier) == ["v1.0.1"]


def test_what_registries_bring_after_a_persons_rebuild_is_asked_for_by_nobody(
    world: Any, registry: TaggedRegistry
) -> None:
    identifier = world.cache(f"{registry.host}/prod/web:v1.0.0")
    registry.list_status = registry.manifest_status = 503
    for _ in range(2):
        world.manual(imageCacheId=identifier)
        world.clock.advance(20)
    while not (found := [one for one in _changes(world) if one.get("reason") == "REGISTRY_NEWER"]):
        world.run_next()
    assert [one["source"] for one in found] == ["timer"]


def _changes(world: Any) -> list[dict[str, Any]]:
    return [task.document["change"] for task in world.tasks.waiting]
